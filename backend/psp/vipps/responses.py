"""Vipps MobilePay's payments and their logs, read into our types. Pure: no I/O.

`state` stays AUTHORIZED through captures, refunds and cancels, and only the aggregate tells of
those. Any field may be missing in a provider's answer. Nothing here raises an error for that.

Source: `docs/reference/psp/vipps.md#payments`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.psp.http import mapping, number, text
from backend.psp.protocol import OperationQuery, Outcome, Payment, PaymentState, Result
from backend.psp.reading import is_currency
from backend.rules.money import Money

_OVER = {"ABORTED": "declined", "EXPIRED": None, "TERMINATED": None}
"""States in which no money moves, and whether the payer declined."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The sums of a payment, in minor units."""

    authorized: int
    captured: int
    cancelled: int
    refunded: int

    @property
    def capturable(self) -> int:
        return max(self.authorized - self.captured - self.cancelled, 0)

    @property
    def refundable(self) -> int:
        return max(self.captured - self.refunded, 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """A payment, with its log if that was read too."""

    reference: str
    payment: Mapping[str, Any]
    log: Sequence[Mapping[str, Any]] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def aggregate(self) -> Aggregate | None:
        return aggregate_of(self.payment)


def money_of(value: Any) -> Money | None:
    """Return an amount of the provider's: `{"currency", "value"}`."""
    body = mapping(value)
    amount, currency = number(body.get("value")), text(body.get("currency")) or ""
    known = is_currency(currency)
    return Money(amount, currency.upper()) if known and amount >= 0 else None


def aggregate_of(payment: Mapping[str, Any]) -> Aggregate | None:
    """Return the sums. None if they cannot be read, or are not in the payment's own currency."""
    whole, sums = money_of(payment.get("amount")), mapping(payment.get("aggregate"))
    names = ("authorizedAmount", "capturedAmount", "cancelledAmount", "refundedAmount")
    parts = [money_of(sums.get(name)) for name in names]
    if whole is None or any(one is None or one.currency != whole.currency for one in parts):
        return None
    return Aggregate(*(one.amount for one in parts if one is not None))


def to_payment(reading: Reading) -> Payment:
    """Return the payment. It is UNKNOWN if what was read cannot be understood."""
    payment, sums = reading.payment, reading.aggregate
    state, amount = text(payment.get("state")) or "", money_of(payment.get("amount"))
    if amount is None or (sums is None and state == "AUTHORIZED"):
        return _unreadable(reading)
    if state in _OVER:
        return Payment(
            Outcome.DONE,
            PaymentState.FAILED,
            reading.reference,
            amount,
            declined=_OVER[state],
            raw=reading.raw,
        )
    if state == "CREATED":
        return Payment(Outcome.DONE, PaymentState.OPEN, reading.reference, amount, raw=reading.raw)
    if state != "AUTHORIZED" or sums is None:
        return _unreadable(reading)
    return Payment(
        Outcome.DONE,
        _state_of(sums),
        reading.reference,
        # What the payer has agreed to counts, whatever was asked for.
        Money(sums.authorized, amount.currency),
        captured=sums.captured,
        refunded=sums.refunded,
        capturable=sums.capturable,
        multi_capture=True,
        raw=reading.raw,
    )


def _state_of(sums: Aggregate) -> PaymentState:
    if sums.capturable:
        return PaymentState.AUTHORIZED
    return PaymentState.CAPTURED if sums.captured else PaymentState.FAILED


def _unreadable(reading: Reading) -> Payment:
    return Payment(
        Outcome.UNKNOWN, reference=reading.reference, message="unreadable answer", raw=reading.raw
    )


def entry_with(log: Sequence[Mapping[str, Any]], name: str, keys: Sequence[str]) -> Any:
    """Return the log's entry that one of these idempotency keys made and that took effect, or
    None."""
    for row in _successes(log, name):
        if row.get("idempotencyKey") in keys:
            return row
    return None


def moved_by_read(
    query: OperationQuery, reading: Reading, name: str, keys: Sequence[str]
) -> Result:
    """Find out whether a capture or a refund took effect, by our key in the log. If an entry names
    no key, the sums decide, provided that nothing else has moved since."""
    sums = reading.aggregate
    if sums is None:
        return Result(Outcome.UNKNOWN, query.reference, message="unreadable answer")
    entry = entry_with(reading.log, name, keys)
    if entry is not None:
        if money_of(entry.get("amount")) == query.amount:
            return Result(Outcome.DONE, query.reference, raw={"entry": _kept(entry)})
        return Result(Outcome.UNKNOWN, query.reference, message="another amount")
    never = Result(Outcome.REFUSED, query.reference, code="invalid", message="not in the log")
    if not any(row.get("idempotencyKey") is None for row in _successes(reading.log, name)):
        return never
    capture = name == "CAPTURED"
    now = sums.captured if capture else sums.refunded
    before = query.captured_before if capture else query.refunded_before
    if now == before + query.amount.amount:
        return Result(Outcome.DONE, query.reference)
    if now == before:
        return never
    return Result(Outcome.UNKNOWN, query.reference, message="another amount")


def void_by_read(reference: str, reading: Reading) -> Result:
    """Return DONE if nothing more can be captured, and not all was captured."""
    if text(reading.payment.get("state")) in _OVER:
        return Result(Outcome.DONE, reference)
    sums = reading.aggregate
    if sums is None:
        return Result(Outcome.UNKNOWN, reference, message="unreadable answer")
    if sums.capturable == 0 and 0 <= sums.captured < sums.authorized:
        return Result(Outcome.DONE, reference)
    return Result(Outcome.REFUSED, reference, code="not_allowed", message="not released")


def _successes(log: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return [row for row in log if row.get("name") == name and row.get("success") is not False]


def _kept(entry: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "amount", "pspReference", "timestamp")
    return {name: entry[name] for name in names if name in entry}
