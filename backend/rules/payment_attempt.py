"""What a provider tells of a payment, and what follows from it for the attempt to pay.

Source: `docs/architecture.md#one-payment`. All amounts are minor units.
"""

from __future__ import annotations

from enum import StrEnum

from backend.rules.money import Money
from backend.rules.transaction import Status


class PaymentState(StrEnum):
    """A payment as its provider reports it, in words that all providers share."""

    OPEN = "open"  # the payer can still pay
    PENDING = "pending"  # the payer has acted, and the provider has not decided
    ON_HOLD = "on_hold"  # the provider or a bank reviews it, for hours or days
    AUTHORIZED = "authorized"
    CAPTURED = "captured"  # captured wholly or in part, and nothing is left to capture
    FAILED = "failed"  # final: no money will move (voided, expired, declined for good)


PAID = frozenset({PaymentState.AUTHORIZED, PaymentState.CAPTURED})
"""The payer has paid: the provider holds the money, or has taken it."""


def amount_mismatch(asked: Money, authorized: Money | None) -> str | None:
    """Return why an authorization cannot be used, if it is of another amount than we asked for;
    None if it is of that amount. A person has to look at such a payment."""
    if authorized == asked:
        return None
    return f"asked for {asked}, the provider has {authorized}"


def unpaid_status(*, by_payer: bool, timed_out: bool, was_on_hold: bool) -> Status:
    """Return the status of an attempt that has failed. It is DECLINED only if the payer wanted it
    so. If the time was up, or the provider has decided after a review, it is FAILED."""
    declined = by_payer and not timed_out and not was_on_hold
    return Status.DECLINED if declined else Status.FAILED


class Release(StrEnum):
    """What gives the money that a provider holds back to the payer."""

    NOTHING = "nothing"  # nothing is held any more
    ABORT = "abort"
    VOID = "void"
    REFUND = "refund"  # of what was captured and is not refunded yet
    WAIT = "wait"  # the provider has not decided


def release_of(state: PaymentState | None, *, captured: int, refunded: int) -> Release:
    """Return what a payment needs that was authorized too late, or that must not be paid. `state`
    is None if the provider could not be read."""
    if state is PaymentState.OPEN:
        return Release.ABORT
    if state is PaymentState.AUTHORIZED:
        return Release.VOID
    if state is PaymentState.CAPTURED:
        return Release.NOTHING if captured == refunded else Release.REFUND
    return Release.NOTHING if state is PaymentState.FAILED else Release.WAIT
