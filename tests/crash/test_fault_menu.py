"""Each provider misbehaves in every possible way while the checkout runs. The payment ends as paid
or not paid, our books and the provider's agree, and no hold is left.
"""

from __future__ import annotations

import contextlib

import pytest

from backend.psp.protocol import PaymentState
from tests.psp.providers import PROVIDERS
from tests.support.crash_providers import ProviderCheckout

pytestmark = pytest.mark.crash

LOST = ("error_before", "error_after", "drop_before", "drop_after")
VERBS = {provider.sandbox_name: provider.verbs for provider in PROVIDERS.values()}
# This is longer than a payer may stay at the provider.
A_LONG_TIME = 1900


def _fault(checkout: ProviderCheckout, verb: str, kind: str, **more: object) -> None:
    verbs = VERBS[checkout.behind.name]
    checkout.behind.sandbox.fault(verbs.get(verb, verb), kind, **more)


@pytest.mark.parametrize("kind", ["refuse", *LOST, "wrong_amount", "wrong_currency"])
def test_while_paying_begins(provider_checkout: ProviderCheckout, kind: str) -> None:
    checkout = provider_checkout
    card = checkout.card()
    session = checkout.session(card)
    _fault(checkout, "create", kind)
    with contextlib.suppress(AssertionError):  # told to be refused
        checkout.press_pay(session)
    checkout.settle(jump=A_LONG_TIME)
    checkout.check_both_books(session)
    assert checkout.session_state(session) == "open"
    assert checkout.balance(card) == checkout.cards(10000, 0, 0)
    assert {one.state for one in checkout.there(session)} <= {PaymentState.FAILED}


@pytest.mark.parametrize("kind", ["refuse", *LOST])
def test_while_a_payment_is_given_up(provider_checkout: ProviderCheckout, kind: str) -> None:
    checkout = provider_checkout
    card = checkout.card()
    session = checkout.session(card)
    assert checkout.press_pay(session) is not None
    _fault(checkout, "abort", kind)
    checkout.give_up(session)
    checkout.settle(jump=A_LONG_TIME)
    checkout.check_both_books(session)
    assert checkout.session_state(session) == "open"
    assert checkout.balance(card) == checkout.cards(10000, 0, 0)
    assert {one.state for one in checkout.there(session)} == {PaymentState.FAILED}


@pytest.mark.parametrize("kind", ["refuse", *LOST])
@pytest.mark.parametrize("verb", ["capture", "refund", "void"])
def test_during_an_operation(provider_checkout: ProviderCheckout, verb: str, kind: str) -> None:
    checkout = provider_checkout
    card = checkout.card()
    session = checkout.session(card)
    path = f"/v1/transactions/{checkout.paid(session)}"
    if verb == "refund":
        checkout.ask("POST", f"{path}/capture", json={"amount": checkout.whole})
    body = {"capture": {"amount": checkout.whole}, "refund": {"amount": 12000}, "void": {}}[verb]
    _fault(checkout, verb, kind)
    answer = checkout.ask("POST", f"{path}/{verb}", None, json=body)
    assert answer.status_code == (400 if kind == "refuse" else 202), answer.text
    checkout.settle()
    checkout.check_both_books(session)
    cards = checkout.cards
    before, after = {
        "capture": (
            ("AUTHORIZED", cards(0, 10000, 0)),
            ("CAPTURED", cards(0, 0, 10000)),
        ),
        "refund": (
            ("CAPTURED", cards(0, 0, 10000)),
            ("PARTIALLY_REFUNDED", cards(10000, 0, 0)),
        ),
        "void": (
            ("AUTHORIZED", cards(0, 10000, 0)),
            ("AUTHORIZATION_VOIDED", cards(10000, 0, 0)),
        ),
    }[verb]
    found = (checkout.live_transaction(session)["status"], checkout.balance(card))
    expected = {"refuse": (before,), "error_after": (after,), "drop_after": (after,)}
    assert found in expected.get(kind, (before, after))


@pytest.mark.parametrize("kind", ["drop", "repeat", "delay", "swap", "forge"])
def test_told_badly_and_the_payer_never_comes_back(
    provider_checkout: ProviderCheckout, kind: str
) -> None:
    checkout = provider_checkout
    card = checkout.card()
    session = checkout.session(card)
    page = checkout.press_pay(session)
    assert page is not None
    checkout.behind.sandbox.fault("notify", kind, times=10, seconds=0.3)
    checkout.pay_at_provider(page)
    checkout.settle()
    checkout.check_both_books(session)
    assert checkout.session_state(session) == "paid"
    assert checkout.balance(card) == checkout.cards(0, 10000, 0)
    assert len(checkout.transactions(session)) == 1
    checkout.behind.sandbox.http.delete(f"{checkout.behind.sandbox.base_url}/_admin/faults")


def test_told_before_anything_was_paid(provider_checkout: ProviderCheckout) -> None:
    checkout = provider_checkout
    card = checkout.card()
    session = checkout.session(card)
    checkout.behind.sandbox.fault("early", "send")
    page = checkout.press_pay(session)
    assert page is not None
    checkout.wait(lambda: checkout.session_state(session) != "paying", 0.5)
    assert checkout.session_state(session) == "paying"
    checkout.come_back(checkout.pay_at_provider(page))
    checkout.settle()
    checkout.check_both_books(session)
    assert checkout.session_state(session) == "paid"


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
def test_paid_something_else(provider_checkout: ProviderCheckout, kind: str) -> None:
    """The read reports another amount or currency. The payment waits for manual review with the
    card held."""
    checkout = provider_checkout
    card = checkout.card()
    session = checkout.session(card)
    page = checkout.press_pay(session)
    assert page is not None
    checkout.behind.sandbox.fault("notify", "drop", times=10)
    back = checkout.pay_at_provider(page)
    _fault(checkout, "read", kind)
    checkout.come_back(back)
    checkout.behind.sandbox.http.delete(f"{checkout.behind.sandbox.base_url}/_admin/faults")
    checkout.settle()
    assert checkout.live_transaction(session)["status"] == "ON_HOLD"
    assert checkout.balance(card) == checkout.cards(0, 10000, 0)
    checkout.check_books()
