"""Swedbank Pay's payment orders, read into our types. Pure: no I/O.

Any field may be missing in a provider's answer. Nothing here raises an error for that.

Source: `docs/reference/psp/swedbankpay.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.psp.http import mapping, number, text
from backend.psp.protocol import Outcome, Payment, PaymentCard, PaymentState, Result
from backend.psp.reading import is_currency
from backend.rules.money import Money

_DECLINED = {
    "acquirerinsufficientfunds": "insufficient_funds",
    "acquirercardexpired": "expired_card",
    "3dsecurerequired": "authentication_failed",
    "3dsecuredeclined": "authentication_failed",
    "3dsecureusercancelled": "authentication_failed",
    "3dsecureusercanceled": "authentication_failed",
    "authenticationstatusrejected": "authentication_failed",
    "authenticationrequired": "authentication_failed",
    "bankidcancelled": "authentication_failed",
    "3dsecureerror": "processing_error",
    "acquirergatewayerror": "processing_error",
    "acquirergatewaytimeout": "processing_error",
    "badgateway": "processing_error",
    "internalservererror": "processing_error",
}
_REFERENCE = re.compile(r"/psp/paymentorders/[A-Za-z0-9_-]{1,100}")
_FINAL = ("Failed", "Aborted", "Cancelled")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that the order lists. No other operation is possible."""

    method: str
    href: str


@dataclass(frozen=True, slots=True)
class Movement:
    """A financial transaction. `amount` in minor units."""

    kind: str
    """Authorization, Capture, Cancellation, Reversal or Sale."""
    amount: int
    payee_reference: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A payment order with its operations. Amounts in minor units. `movements` is None if the
    answer does not list them (it was not expanded)."""

    reference: str
    status: str
    amount: Money
    operations: Mapping[str, Operation]
    movements: tuple[Movement, ...] | None
    paid: Mapping[str, Any]
    left: Mapping[str, int]
    """What is left for `capture`, `cancel`, `reversal`. If one is absent, nothing is left."""
    declined: str | None

    def movement(self, payee_reference: str) -> Movement | None:
        wanted = (one for one in self.movements or () if one.payee_reference == payee_reference)
        return next(wanted, None)

    @property
    def may_be_refunding(self) -> bool:
        """Return whether a refund may be under way. A refund that takes days is not listed
        meanwhile, but no other refund is offered, although there is money to refund."""
        left = self.total_of("Capture", "Sale") - self.total_of("Reversal")
        return left > 0 and "reversal" not in self.operations

    @property
    def is_released(self) -> bool:
        """Return whether nothing is authorized any more, and not all of it was captured. It was
        cancelled by somebody, or has lapsed at the provider; the order then still says that it is
        paid."""
        if self.status == "Cancelled":
            return True
        offered = {"capture", "cancel"} & self.operations.keys()
        left = self.left["capture"] + self.left["cancel"]
        return (
            not offered and left == 0 and self.total_of("Authorization") > self.total_of("Capture")
        )

    def total_of(self, *kinds: str) -> int:
        return sum(one.amount for one in self.movements or () if one.kind in kinds)


def is_reference(value: str) -> bool:
    return _REFERENCE.fullmatch(value) is not None


def read_order(body: Mapping[str, Any]) -> Order | None:
    """Return the order of an answer; None if it cannot be read. The root has two spellings."""
    roots = [value for name, value in body.items() if name.lower() == "paymentorder"]
    found = mapping(roots[0]) if roots else {}
    reference, status = text(found.get("id")), text(found.get("status"))
    amount, currency = number(found.get("amount")), (text(found.get("currency")) or "").upper()
    known = is_currency(currency)
    if not reference or not is_reference(reference) or not status or amount < 0 or not known:
        return None
    left = {
        "capture": number(found.get("remainingCaptureAmount")),
        "cancel": number(found.get("remainingCancellationAmount")),
        "reversal": number(found.get("remainingReversalAmount")),
    }
    return Order(
        reference=reference,
        status=status,
        amount=Money(amount, currency),
        operations=_operations(body),
        movements=_movements(found),
        paid=mapping(found.get("paid")),
        left={name: max(value, 0) for name, value in left.items()},
        declined=_declined(found),
    )


def _operations(body: Mapping[str, Any]) -> dict[str, Operation]:
    rows = body.get("operations")
    operations: dict[str, Operation] = {}
    for row in rows if isinstance(rows, list) else []:
        one = mapping(row)
        rel, href, method = (text(one.get(name)) for name in ("rel", "href", "method"))
        if rel and href and method:
            operations[rel] = Operation(method.upper(), href)
    return operations


def _movements(order: Mapping[str, Any]) -> tuple[Movement, ...] | None:
    rows = mapping(order.get("financialTransactions")).get("financialTransactionsList")
    if not isinstance(rows, list):
        return None
    return tuple(
        Movement(
            kind=text(one.get("type")) or "",
            amount=max(number(one.get("amount")), 0),
            payee_reference=text(one.get("payeeReference")) or "",
            description=text(one.get("description")) or "",
        )
        for one in map(mapping, rows)
    )


def _declined(order: Mapping[str, Any]) -> str | None:
    """Return why the payer's last attempt failed, in the protocol's codes; None if none failed.

    Stolen, blocked and suspected fraud are told as a plain decline.
    """
    problem = mapping(mapping(order.get("failed")).get("problem"))
    rows = mapping(order.get("failedAttempts")).get("failedAttemptList")
    tries = [mapping(row) for row in rows] if isinstance(rows, list) else []
    failed = [one for one in tries if one.get("status") == "Failed"]
    if failed and not problem:
        last = max(failed, key=lambda one: text(one.get("created")) or "")
        problem = mapping(last.get("problem"))
    return _DECLINED.get(_code(problem), "declined") if problem or failed else None


def _code(problem: Mapping[str, Any]) -> str:
    return (text(problem.get("type")) or "").rstrip("/").rsplit("/", 1)[-1].lower()


def to_payment(order: Order, raw: Mapping[str, Any]) -> Payment:
    """Return the order as a Payment; UNKNOWN if its state or its transactions are not told."""
    state = _state(order)
    if state is None:
        return Payment(
            Outcome.UNKNOWN, reference=order.reference, message="unreadable answer", raw=raw
        )
    held = state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)
    # What was paid counts, even if it differs from what was asked for.
    paid = number(order.paid.get("amount"))
    amount = Money(paid, order.amount.currency) if held and paid >= 0 else order.amount
    return Payment(
        Outcome.DONE,
        state=state,
        reference=order.reference,
        amount=amount,
        captured=order.total_of("Capture", "Sale"),
        refunded=order.total_of("Reversal"),
        capturable=order.left["capture"] if state is PaymentState.AUTHORIZED else 0,
        multi_capture=state is PaymentState.AUTHORIZED and not order.total_of("Sale"),
        declined=None if held else order.declined,
        card=_card(mapping(order.paid.get("details"))) if held else None,
        raw=raw,
    )


def _state(order: Order) -> PaymentState | None:
    if order.status == "Initialized":
        return PaymentState.OPEN
    if order.status in _FINAL:
        return PaymentState.FAILED
    if order.status not in ("Paid", "Reversed") or order.movements is None:
        return None
    captured = order.total_of("Capture", "Sale")
    if order.left["capture"] > 0:
        return PaymentState.AUTHORIZED
    if captured > 0:
        return PaymentState.CAPTURED
    if order.paid.get("transactionType") == "Authorization":
        # Nothing was taken and nothing is left to take, so it was released.
        return PaymentState.FAILED if order.total_of("Cancellation") else None
    return None


def _card(details: Mapping[str, Any]) -> PaymentCard | None:
    masked = text(details.get("maskedPan"))
    if masked is None:
        return None
    return PaymentCard(
        brand=(text(details.get("cardBrand")) or "unknown").lower(),
        masked_pan=f"**** **** **** {masked[-4:]}",
        expiry_date=text(details.get("expiryDate")) or "",
        type=(text(details.get("cardType")) or "").lower() or None,
    )


def created_result(order: Order | None, raw: Mapping[str, Any], amount: Money) -> Result:
    """Return a fresh order as the end of a create of `amount`."""
    if order is None:
        return Result(Outcome.UNKNOWN, message="unreadable answer", raw=raw)
    if order.amount != amount:
        return Result(
            Outcome.REFUSED, order.reference, code="amount", message="another amount", raw=raw
        )
    page = order.operations.get("redirect-checkout")
    if page is None or not page.href.startswith(("https://", "http://")):
        return Result(Outcome.UNKNOWN, order.reference, message="no page to show", raw=raw)
    return Result(Outcome.DONE, order.reference, redirect_url=page.href, raw=raw)


def movement_result(
    order: Order, movement: Movement, amount: Money | None, raw: Mapping[str, Any]
) -> Result:
    """Return a financial transaction of ours as the end of the write that asked for `amount` (None:
    all there is)."""
    if amount is not None and movement.amount != amount.amount:
        return Result(Outcome.UNKNOWN, order.reference, message="another amount", raw=raw)
    return Result(Outcome.DONE, order.reference, raw=raw)
