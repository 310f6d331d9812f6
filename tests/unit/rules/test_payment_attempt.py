"""The rules say what follows from a provider's report on a payment."""

from __future__ import annotations

from itertools import product

import pytest

from backend.rules.money import Money
from backend.rules.payment_attempt import (
    PAID,
    PaymentState,
    Release,
    amount_mismatch,
    release_of,
    unpaid_status,
)
from backend.rules.transaction import Status


@pytest.mark.parametrize(
    "authorized",
    [None, Money(4999, "NOK"), Money(5001, "NOK"), Money(5000, "SEK"), Money(0, "NOK")],
)
def test_another_amount_than_was_asked_for_names_both(authorized: Money | None) -> None:
    asked = Money(5000, "NOK")
    why = amount_mismatch(asked, authorized)
    assert why == f"asked for {asked}, the provider has {authorized}"


def test_the_amount_that_was_asked_for_fits() -> None:
    assert amount_mismatch(Money(5000, "NOK"), Money(5000, "NOK")) is None


def test_only_a_payer_who_wants_it_declines() -> None:
    for by_payer, timed_out, was_on_hold in product((True, False), repeat=3):
        status = unpaid_status(by_payer=by_payer, timed_out=timed_out, was_on_hold=was_on_hold)
        declined = (by_payer, timed_out, was_on_hold) == (True, False, False)
        assert status is (Status.DECLINED if declined else Status.FAILED)


@pytest.mark.parametrize(
    ("state", "captured", "refunded", "needs"),
    [
        (PaymentState.OPEN, 0, 0, Release.ABORT),
        (PaymentState.AUTHORIZED, 0, 0, Release.VOID),
        (PaymentState.CAPTURED, 500, 0, Release.REFUND),
        (PaymentState.CAPTURED, 500, 499, Release.REFUND),
        (PaymentState.CAPTURED, 500, 500, Release.NOTHING),
        (PaymentState.FAILED, 0, 0, Release.NOTHING),
        (PaymentState.PENDING, 0, 0, Release.WAIT),
        (PaymentState.ON_HOLD, 0, 0, Release.WAIT),
        (None, 0, 0, Release.WAIT),
    ],
)
def test_what_gives_held_money_back(
    state: PaymentState | None, captured: int, refunded: int, needs: Release
) -> None:
    assert release_of(state, captured=captured, refunded=refunded) is needs


def test_money_is_there_once_it_is_authorized_or_captured() -> None:
    assert {PaymentState.AUTHORIZED, PaymentState.CAPTURED} == PAID
