"""Bambora's objects, read into our types. Pure: no I/O.

Any field may be missing in a provider's answer. Nothing here raises an error for that.

Source: `docs/reference/psp/bambora.md#creating-a-session`, `#reading-a-transaction`,
`#operations-after-the-payment`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backend.psp.http import Answer, mapping, number, text
from backend.psp.protocol import (
    OperationKind,
    OperationQuery,
    Outcome,
    Payment,
    PaymentCard,
    PaymentState,
    Result,
)
from backend.psp.reading import is_currency
from backend.rules.money import Money

_REFERENCE = re.compile(r"([A-Z2-7]{20})\.([A-Za-z0-9_-]{1,64})(?:\.([0-9]{1,20}))?")
_TRANSACTION = re.compile(r"[0-9]{1,20}")
_ACTIONS = {
    OperationKind.CAPTURE: "capture",
    OperationKind.REFUND: "credit",
    OperationKind.VOID: "delete",
}
# The provider documents only "approved or not". These words are not approved. Any other word may
# still become approved.
_NOT_APPROVED = ("declined", "failed", "rejected", "error")


@dataclass(frozen=True, slots=True)
class Reference:
    """How we name a payment: its order id, its payment request, and its transaction once known.

    The provider names the transaction only to the payer who returns and in the callback.
    """

    order_id: str
    request_id: str
    transaction_id: str | None = None

    def __str__(self) -> str:
        parts = (self.order_id, self.request_id, self.transaction_id)
        return ".".join(part for part in parts if part)


def parse_reference(reference: str) -> Reference | None:
    found = _REFERENCE.fullmatch(reference)
    return Reference(*found.groups()) if found else None


def order_id_of(key: str) -> str:
    """Return our operation key as an order id: 20 letters and digits. Its 100 bits are as good as
    unique."""
    return base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[:20]


def created_result(order_id: str, answer: Answer) -> Result:
    """Return the result for a new payment request. The provider does not repeat its amount; the
    read before the attempt is concluded tells it."""
    request_id, url = text(answer.body.get("id")), text(answer.body.get("url"))
    reference = parse_reference(f"{order_id}.{request_id}")
    if reference is None or not url or not url.startswith(("https://", "http://")):
        return Result(Outcome.UNKNOWN, message="unreadable answer", raw=answer.raw)
    return Result(Outcome.DONE, str(reference), redirect_url=url, raw=answer.raw)


def transactions_of(request: Mapping[str, Any]) -> list[str]:
    """Return the transactions made with a payment request, oldest first, if it lists them."""
    rows = request.get("transactions")
    if not isinstance(rows, list):
        return []
    found = [mapping(row).get("id") for row in rows]
    return [one for one in found if isinstance(one, str) and _TRANSACTION.fullmatch(one)]


def unpaid(reference: str, answer: Answer) -> Payment:
    """Return a payment request that no transaction is known of."""
    order = mapping(mapping(answer.body.get("parameters")).get("order"))
    amount = _money(_amount(order.get("amount")), order.get("currency"))
    status = text(answer.body.get("status"))
    if amount is None or status is None:
        return Payment(Outcome.UNKNOWN, reference=reference, message="unreadable", raw=answer.raw)
    # After any other word it may be paid. The callback, or the payer who returns, names the
    # transaction.
    state = {"open": PaymentState.OPEN, "deleted": PaymentState.FAILED}.get(
        status.lower(), PaymentState.PENDING
    )
    return Payment(Outcome.DONE, state=state, reference=reference, amount=amount, raw=answer.raw)


@dataclass(frozen=True, slots=True)
class Totals:
    """A transaction's sums, in minor units; -1 if one cannot be read."""

    authorized: int
    captured: int
    credited: int
    declined: int
    capturable: int
    creditable: int
    deletable: bool

    @property
    def released(self) -> bool:
        """Return whether it was authorized and never captured, and nothing is left of it: it was
        deleted or has lapsed."""
        gone = self.declined > 0 or (self.capturable == 0 and not self.deletable)
        return self.authorized > 0 and self.captured == 0 and gone


def transaction_of(answer: Answer) -> Mapping[str, Any]:
    return mapping(answer.body.get("transaction"))


def currency_of(transaction: Mapping[str, Any]) -> str:
    return (text(mapping(transaction.get("currency")).get("code")) or "").upper()


def totals_of(transaction: Mapping[str, Any]) -> Totals | None:
    """Return the sums. None if a sum is missing that money depends on."""
    total, available = mapping(transaction.get("total")), mapping(transaction.get("available"))
    fee = max(number(total.get("feeamount")), 0)
    totals = Totals(
        # A fee is paid by the payer, on top of what we asked for.
        authorized=number(total.get("authorized")) - fee,
        captured=number(total.get("captured")),
        credited=number(total.get("credited")),
        declined=number(total.get("declined")),
        capturable=number(available.get("capture")),
        creditable=number(available.get("credit")),
        deletable=transaction.get("candelete") is True,
    )
    sums = (totals.authorized, totals.captured, totals.credited, totals.capturable)
    return totals if min(sums) >= 0 else None


def to_payment(reference: str, answer: Answer) -> Payment:
    """Return a transaction as a Payment; UNKNOWN if unreadable."""
    transaction = transaction_of(answer)
    totals = totals_of(transaction)
    amount = None if totals is None else _money(totals.authorized, currency_of(transaction))
    if totals is None or amount is None:
        return Payment(Outcome.UNKNOWN, reference=reference, message="unreadable", raw=answer.raw)
    payment = Payment(Outcome.DONE, reference=reference, amount=amount, raw=answer.raw)
    if totals.authorized == 0:
        return replace(payment, state=PaymentState.FAILED, declined="declined")
    if totals.released:
        return replace(payment, state=PaymentState.FAILED)
    held = replace(payment, card=_card(mapping(transaction.get("information"))))
    if totals.captured > 0:
        # Only one capture is promised. What it left lapses at the issuer.
        return replace(
            held,
            state=PaymentState.CAPTURED,
            captured=totals.captured,
            refunded=min(totals.credited, totals.captured),
        )
    return replace(held, state=PaymentState.AUTHORIZED, capturable=totals.capturable)


def authorize_by_read(payment: Payment) -> Result:
    """Find out whether the payer's payment took effect."""
    outcome = {
        PaymentState.AUTHORIZED: Outcome.DONE,
        PaymentState.CAPTURED: Outcome.DONE,
        PaymentState.FAILED: Outcome.REFUSED,
    }.get(payment.state or PaymentState.PENDING, Outcome.UNKNOWN)
    code = "declined" if outcome is Outcome.REFUSED else None
    return Result(outcome, payment.reference, code=code, message=payment.message, raw=payment.raw)


def operations_in(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """Yield every operation of the tree, children after their parent."""
    waiting: list[Any] = [answer.body.get("transactionoperations")]
    while waiting:
        rows = waiting.pop()
        for row in rows if isinstance(rows, list) else []:
            yield mapping(row)
            waiting.append(mapping(row).get("transactionoperations"))


def change_result(
    reference: str, made: Answer, operations: Answer, kind: OperationKind, amount: Money | None
) -> Result:
    """Return the end of a write that was answered with the ids of its operations. It is DONE only
    if one of them is what we asked for. `amount` None means all there is."""
    ids = {text(row.get("id")) for row in operations_in(made)} - {None}
    for row in operations_in(operations):
        if text(row.get("id")) not in ids:
            continue
        currency = row.get("currency")
        code = text(currency) or text(mapping(currency).get("code")) or ""
        right = amount is None or amount == _money(number(row.get("amount")), code)
        if right and _is(row, kind) and _approved(row):
            return Result(Outcome.DONE, reference, raw=made.raw)
    return Result(Outcome.UNKNOWN, reference, message="not what was asked for", raw=made.raw)


def operation_by_read(query: OperationQuery, operations: Answer) -> Result:
    """Find out by the transaction's operations whether a write took effect. They have no key of
    ours, but at most one operation is under way. So what was not there before is ours. Another
    amount stays UNKNOWN."""
    rows = [row for row in operations_in(operations) if _is(row, query.kind)]
    approved = [number(row.get("amount")) for row in rows if _approved(row)]
    undecided = any(not _approved(row) and not _declined(row) for row in rows)
    before = query.captured_before if query.kind is OperationKind.CAPTURE else query.refunded_before
    since = sum(approved) - before
    if query.kind is OperationKind.VOID:
        done, none = bool(approved), not approved
    else:
        done, none = since == query.amount.amount, since == 0
    if done:
        return Result(Outcome.DONE, query.reference, raw=operations.raw)
    if none and not undecided:
        return Result(
            Outcome.REFUSED, query.reference, code="invalid", message="none", raw=operations.raw
        )
    return Result(Outcome.UNKNOWN, query.reference, message="another amount", raw=operations.raw)


def _is(row: Mapping[str, Any], kind: OperationKind) -> bool:
    return (text(row.get("action")) or "").lower() == _ACTIONS[kind]


def _approved(row: Mapping[str, Any]) -> bool:
    return (text(row.get("status")) or "").lower() == "approved"


def _declined(row: Mapping[str, Any]) -> bool:
    return (text(row.get("status")) or "").lower() in _NOT_APPROVED


def _amount(value: Any) -> int:
    """Return an order's amount. It comes as a number or as text."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    return number(value)


def _money(amount: int, currency: Any) -> Money | None:
    code = (text(currency) or "").upper()
    known = is_currency(code)
    return Money(amount, code) if amount >= 0 and known else None


def _card(information: Mapping[str, Any]) -> PaymentCard | None:
    """Return what is known of the card. Its expiry is not told, and a wallet's card has no number
    to show."""
    numbers, types = information.get("primaryaccountnumbers"), information.get("paymenttypes")
    first = mapping(numbers[0]) if isinstance(numbers, list) and numbers else {}
    last4 = (text(first.get("number")) or "")[-4:]
    if not re.fullmatch(r"[0-9]{4}", last4):
        return None
    kind = mapping(types[0]) if isinstance(types, list) and types else {}
    brand = text(kind.get("displayname")) or text(kind.get("name")) or "unknown"
    return PaymentCard(brand=brand, masked_pan=f"**** **** **** {last4}", expiry_date="")
