"""The provider dies between the effect of a call and its answer, or is down when we ask again. It
keeps the effect. We must neither repeat nor forget it."""

from __future__ import annotations

import threading

import httpx
import pytest

from tests.support.crash import Checkout
from tests.support.crash_facts import Died
from tests.support.waiting import until

pytestmark = pytest.mark.crash


def _ask_while_it_dies(
    checkout: Checkout, verb: str, method: str, path: str, body: object = None
) -> httpx.Response:
    """Let the provider carry out the call, hold back the answer, die and start again."""
    checkout.card_gateway.fault(verb, "late", seconds=30)
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(checkout.ask(method, path, None, json=body))
    )
    asking.start()
    until(lambda: not checkout.card_gateway.faults_left(), "the provider is asked", seconds=25)
    checkout.card_gateway.kill()
    asking.join(30)
    checkout.card_gateway.start()
    (answer,) = answers
    return answer


def test_dies_after_the_page_is_made(checkout: Checkout) -> None:
    card = checkout.card()
    session = checkout.session(card)
    body = {"payment_product_type": "dintero_psp.creditcard"}
    answer = _ask_while_it_dies(checkout, "create", "POST", f"/v1/sessions/{session}/pay", body)
    # The payer waits, and the hold stays as long as nobody knows the outcome.
    assert answer.status_code == 202
    assert checkout.balance(card) == (0, 10000, 0)
    page = checkout.press_pay(session)
    assert page is not None
    checkout.come_back(checkout.pay_at_provider(page))
    checkout.settle()
    checkout.check(session)
    assert len(checkout.pages(session)) == 1
    assert checkout.session_state(session) == "paid"


@pytest.mark.parametrize("verb", ["capture", "refund", "void"])
def test_dies_after_an_operation(checkout: Checkout, verb: str) -> None:
    card = checkout.card()
    session = checkout.session(card)
    path = f"/v1/transactions/{checkout.paid(session)}"
    if verb == "refund":
        checkout.ask("POST", f"{path}/capture", json={"amount": 40000})
    body = {"capture": {"amount": 15000}, "refund": {"amount": 12000}, "void": {}}[verb]
    fault = {"void": "cancel"}.get(verb, verb)
    answer = _ask_while_it_dies(checkout, fault, "POST", f"{path}/{verb}", body)
    assert answer.status_code == 202
    assert answer.headers["event-request-id"]
    checkout.settle()
    checkout.check(session)
    status = {
        "capture": "PARTIALLY_CAPTURED",
        "refund": "PARTIALLY_REFUNDED",
        "void": "AUTHORIZATION_VOIDED",
    }[verb]
    assert checkout.live_transaction(session)["status"] == status


def test_dies_after_the_page_is_closed(checkout: Checkout) -> None:
    card = checkout.card()
    session = checkout.session(card)
    checkout.press_pay(session)
    path = f"/v1/view/{session}/session/abandon"
    answer = _ask_while_it_dies(checkout, "expire", "POST", path)
    # The page may still be open, so the session is not given up and the hold stays.
    assert answer.status_code == 409, answer.text
    assert checkout.balance(card) == (0, 10000, 0)
    checkout.settle()
    checkout.check(session)
    assert checkout.balance(card) == (10000, 0, 0)


def test_away_when_a_lost_payment_is_asked_for_again(checkout: Checkout) -> None:
    """An unreachable provider says nothing about the earlier call, so the hold stays."""
    card = checkout.card()
    session = checkout.session(card)
    checkout.arm("pay.created_at_provider")
    with pytest.raises(Died):
        checkout.press_pay(session)
    checkout.card_gateway.kill()
    checkout.restart()
    checkout.set_clock(10)
    assert checkout.press_pay(session) is None
    assert checkout.session_state(session) == "paying"
    assert checkout.balance(card) == (0, 10000, 0)
    checkout.card_gateway.start()
    checkout.settle(jump=1900)
    checkout.check(session)
    assert checkout.session_state(session) == "open"
    assert checkout.balance(card) == (10000, 0, 0)


def test_away_when_the_payer_comes_back(checkout: Checkout) -> None:
    card = checkout.card()
    session = checkout.session(card)
    page = checkout.press_pay(session)
    assert page is not None
    back = checkout.pay_at_provider(page)
    checkout.card_gateway.kill()
    # The payer goes to the page, which waits, and not to the shop, which would think it unpaid.
    assert checkout.come_back(back).endswith(f"/v1/view/{session}")
    assert checkout.session_state(session) == "paying"
    checkout.card_gateway.start()
    checkout.settle()
    checkout.check(session)
    assert checkout.session_state(session) == "paid"
