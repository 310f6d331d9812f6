"""Klarna's pages, sessions and orders, read into our types. Pure: no I/O.

Any field may be missing in a provider's answer. Nothing here raises an error for that.

Source: `docs/reference/psp/klarna.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from backend.psp.http import number, text
from backend.psp.protocol import OperationQuery, Outcome, Payment, PaymentState, Result
from backend.psp.reading import is_currency
from backend.rules.money import Money

FINAL = ":final"
"""The end of the reference of a capture after which the rest is released."""
_PART = re.compile(r"[A-Za-z0-9_-]{1,80}")
_OPEN = frozenset({"WAITING", "IN_PROGRESS", "BACK", "FAILED", "ERROR", "MANUAL_ID_CHECK"})
_CLOSED = frozenset({"CANCELLED", "DISABLED", "TIMEOUT"})
_DECLINED = {"FAILED": "declined", "ERROR": "processing_error"}
_OVER = frozenset({"CANCELLED", "EXPIRED", "CLOSED"})
_LIVE = frozenset({"AUTHORIZED", "PART_CAPTURED", "CAPTURED"})
_NEVER = frozenset({"REJECTED", "STOPPED"})
_CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one payment: always the page, and its order or else its session."""

    reference: str
    page: Mapping[str, Any]
    order: Mapping[str, Any] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


def rows(value: Any) -> Sequence[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def money_of(body: Mapping[str, Any]) -> Money | None:
    """Return the amount of an order or a session; None if it cannot be read."""
    amount, currency = number(body.get("order_amount")), text(body.get("purchase_currency")) or ""
    known = is_currency(currency)
    return Money(amount, currency.upper()) if known and amount >= 0 else None


def reference_of(page_id: str, session_id: str) -> str:
    """Return our `reference`: the page, by which the order is found, and the session that the page
    is for."""
    return f"{page_id}.{session_id}"


def split_reference(reference: str) -> tuple[str, str] | None:
    page_id, dot, session_id = reference.partition(".")
    both = dot and _PART.fullmatch(page_id) and _PART.fullmatch(session_id)
    return (page_id, session_id) if both else None


def to_payment(reading: Reading, now: datetime) -> Payment:
    """Return the payment. It is UNKNOWN if what was read cannot be understood."""
    made = _of_order(reading) if reading.order else _of_page(reading, now)
    if made is None:
        return Payment(
            Outcome.UNKNOWN,
            reference=reading.reference,
            message="unreadable answer",
            raw=reading.raw,
        )
    return made


def _of_page(reading: Reading, now: datetime) -> Payment | None:
    """Return the payment if no order is known: the payer has not approved, or the order is being
    made."""
    status = text(reading.page.get("status")) or ""
    if status not in _OPEN | _CLOSED | {"COMPLETED"}:
        return None
    if reading.session.get("status") == "complete" or status == "COMPLETED":
        state = PaymentState.PENDING
    elif status in _CLOSED or _expired(reading.page, now):
        state = PaymentState.FAILED
    elif reading.session.get("status") == "incomplete":
        state = PaymentState.OPEN
    else:
        return None
    return Payment(
        Outcome.DONE,
        state=state,
        reference=reading.reference,
        amount=money_of(reading.session),
        declined=_DECLINED.get(status) if state is not PaymentState.PENDING else None,
        raw=reading.raw,
    )


def _expired(page: Mapping[str, Any], now: datetime) -> bool:
    try:
        expires_at = datetime.fromisoformat(text(page.get("expires_at")) or "")
    except ValueError:
        return False
    return expires_at.tzinfo is not None and expires_at + _CLOCKS_DIFFER < now


def _of_order(reading: Reading) -> Payment | None:
    order = reading.order
    amount, state = money_of(order), order_state(order)
    captured, refunded = number(order.get("captured_amount")), number(order.get("refunded_amount"))
    if amount is None or state is None or captured < 0 or refunded < 0:
        return None
    capturable = state is PaymentState.AUTHORIZED
    return Payment(
        Outcome.DONE,
        state=state,
        reference=reading.reference,
        amount=amount,
        captured=captured,
        refunded=refunded,
        capturable=remaining(order) if capturable else 0,
        multi_capture=True,
        declined="declined" if order.get("fraud_status") in _NEVER and not captured else None,
        raw=reading.raw,
    )


def order_state(order: Mapping[str, Any]) -> PaymentState | None:
    """Return the order's state. The amounts decide first, because a released rest is reported as
    CLOSED or as CAPTURED. None if it cannot be read."""
    status, fraud = order.get("status"), order.get("fraud_status")
    captured, left = (
        number(order.get("captured_amount")),
        number(order.get("remaining_authorized_amount")),
    )
    if status not in _OVER | _LIVE or captured < 0 or left < 0:
        return None
    if captured == 0 and (status in _OVER or fraud in _NEVER):
        return PaymentState.FAILED
    if fraud == "PENDING":
        # Klarna reviews it: it may not be captured, and may still be refused.
        return PaymentState.ON_HOLD
    if left > 0 and status in _LIVE and fraud not in _NEVER:
        return PaymentState.AUTHORIZED
    return PaymentState.CAPTURED if captured else None


def remaining(order: Mapping[str, Any]) -> int:
    return max(number(order.get("remaining_authorized_amount")), 0)


def capture_by_read(query: OperationQuery, order: Mapping[str, Any]) -> Result:
    """Find a capture by our key in the captures' `reference`, or by amounts if Klarna does not
    return references."""
    captures = rows(order.get("captures"))
    found = capture_with(captures, query.key)
    total = number(order.get("captured_amount"))
    if found is None and total == query.captured_before:
        return Result(Outcome.REFUSED, query.reference, code="invalid", message="no such capture")
    if found is None:
        found = _nameless(captures, "captured_amount", query.amount.amount)
        if total != query.captured_before + query.amount.amount:
            found = None
    if found is None or number(found.get("captured_amount")) != query.amount.amount:
        return Result(Outcome.UNKNOWN, query.reference, message="another amount")
    return Result(Outcome.DONE, query.reference, raw=_named(found, "capture_id"))


def refund_by_read(query: OperationQuery, order: Mapping[str, Any]) -> Result:
    """Find a refund by our key in the refunds' `reference`."""
    refunds = rows(order.get("refunds"))
    found = refund_with(refunds, query.key)
    if found is None:
        if _nameless(refunds, "refunded_amount", query.amount.amount) is not None:
            return Result(Outcome.UNKNOWN, query.reference, message="a refund of unknown origin")
        return Result(Outcome.REFUSED, query.reference, code="invalid", message="no such refund")
    if number(found.get("refunded_amount")) != query.amount.amount:
        return Result(Outcome.UNKNOWN, query.reference, message="another amount")
    return Result(Outcome.DONE, query.reference, raw=_named(found, "refund_id"))


def void_by_read(reference: str, order: Mapping[str, Any]) -> Result:
    """Return DONE if nothing more can be captured, and not all was captured."""
    captured, amount = number(order.get("captured_amount")), number(order.get("order_amount"))
    gone = order.get("status") in _OVER or remaining(order) == 0
    if order_state(order) is None and not gone:
        return Result(Outcome.UNKNOWN, reference, message="unreadable answer")
    if gone and 0 <= captured < amount:
        return Result(Outcome.DONE, reference)
    return Result(Outcome.REFUSED, reference, code="not_allowed", message="not released")


def capture_with(captures: Sequence[Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    for capture in captures:
        if capture.get("reference") in (key, key + FINAL):
            return capture
    return None


def refund_with(refunds: Sequence[Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    for refund in refunds:
        if refund.get("reference") == key:
            return refund
    return None


def _nameless(
    found: Sequence[Mapping[str, Any]], name: str, amount: int
) -> Mapping[str, Any] | None:
    """Return the last one of this amount that has no reference."""
    for row in found[::-1]:
        if not row.get("reference") and number(row.get(name)) == amount:
            return row
    return None


def _named(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    kept = (name, "captured_amount", "refunded_amount", "reference", "klarna_reference")
    return {key: row[key] for key in kept if key in row}
