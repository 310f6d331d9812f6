"""kill -9 hits between any two steps of a payment. The payment ends as paid or not paid, the ledger
balances and no hold is left. The process kills itself at a named point and is started again.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from backend.core import crash_points
from tests.support.crash import NOTIFIED, Checkout
from tests.support.crash_facts import Died

pytestmark = pytest.mark.crash

PAY = (
    "pay.writing", "pay.written", "pay.created_at_provider", "pay.storing", "pay.redirect_stored",
)  # fmt: skip
AUTHORIZE = ("authorize.read", "authorize.storing", "authorize.stored")
ABORT = ("abort.read", "abort.done_at_provider", "abort.storing", "abort.stored")
ABANDON = ("abandon.reopened", "abandon.storing")
STEPS = ("writing", "written", "done_at_provider", "storing", "stored")
RECONCILE = ("reconcile.claimed", "reconcile.read", "reconcile.sending_again")
CALLBACK = ("callback.claimed", "callback.sent", "callback.storing", "callback.stored")
# This is longer than a payer may stay at the provider.
A_LONG_TIME = 1900


def test_every_point_is_killed_at_somewhere_here(repository: Path) -> None:
    operations = {f"{verb}.{step}" for verb in ("capture", "refund", "void") for step in STEPS}
    here = {*PAY, *AUTHORIZE, *ABORT, *ABANDON, *operations, *RECONCILE, *CALLBACK}
    assert here | {"reopen.created_at_provider"} == set(crash_points.POINTS)
    sources = "".join(p.read_text() for p in (repository / "backend").rglob("*.py"))
    for point in crash_points.POINTS:
        step = point.split(".")[1]
        patterns = (
            f'point("{point}")',
            f'point(f"{{command.kind.value}}.{step}")',
            f'point(f"{{operation.kind}}.{step}")',
        )
        assert any(pattern in sources for pattern in patterns), point
    plain = re.findall(r'faults\.point\("([^"]+)"\)', sources)
    assert set(plain) <= set(crash_points.POINTS)


@pytest.mark.parametrize("then", ["presses_again", "comes_back_and_cancels", "never_comes_back"])
@pytest.mark.parametrize("point", PAY)
def test_killed_while_paying_begins(checkout: Checkout, point: str, then: str) -> None:
    card = checkout.card()
    session = checkout.session(card)
    checkout.arm(point)
    with pytest.raises(Died):
        checkout.press_pay(session)
    checkout.restart()
    begun = point != "pay.writing"
    assert len(checkout.transactions(session)) == begun
    assert checkout.balance(card) == ((0, 10000, 0) if begun else (10000, 0, 0))

    if then == "presses_again":
        checkout.set_clock(10)
        page = checkout.press_pay(session)
        assert page is not None
        # A second and a third press lead to the same page.
        assert checkout.press_pay(session) == page
        location = checkout.come_back(checkout.pay_at_provider(page))
        assert "transaction_id=" in location
        assert len(checkout.transactions(session)) == 1
    elif then == "comes_back_and_cancels":
        checkout.set_clock(10)
        checkout.ask("POST", f"/v1/view/{session}/session/abandon", 302)
    checkout.settle(jump=A_LONG_TIME if then == "never_comes_back" else 0)
    checkout.check(session)
    expected = {
        "presses_again": ("paid", (0, 10000, 0)),
        "comes_back_and_cancels": ("cancelled", (10000, 0, 0)),
        "never_comes_back": ("open", (10000, 0, 0)),
    }[then]
    assert (checkout.session_state(session), checkout.balance(card)) == expected


@pytest.mark.parametrize("then", ["comes_back", "is_notified", "never_comes_back"])
@pytest.mark.parametrize("point", AUTHORIZE)
def test_killed_when_the_payer_has_paid(checkout: Checkout, point: str, then: str) -> None:
    card = checkout.card()
    profile = NOTIFIED if then == "is_notified" else "default"
    session = checkout.session(card, profile_id=profile)
    page = checkout.press_pay(session)
    assert page is not None
    checkout.arm(point)
    back = checkout.pay_at_provider(page)
    if then != "is_notified":
        with pytest.raises(Died):
            checkout.come_back(back)
    checkout.restart()
    if then == "comes_back":
        location = checkout.come_back(back)
        assert "transaction_id=" in location
        assert checkout.session_state(session) == "paid"
    if then == "is_notified":
        # The provider tries again automatically, without any of our time passing.
        assert checkout.wait(lambda: checkout.session_state(session) == "paid", 30)
    checkout.settle()
    checkout.check(session)
    assert checkout.live_transaction(session)["status"] == "AUTHORIZED"
    assert checkout.balance(card) == (0, 10000, 0)
    seen = checkout.ask("GET", f"/v1/transactions/{checkout.live_transaction(session)['id']}")
    assert [e["event"] for e in seen.json()["events"]] == ["INITIALIZE", "AUTHORIZE"]


@pytest.mark.parametrize("then", ["pays_anew", "pays_on_the_old_page", "never_comes_back"])
@pytest.mark.parametrize("point", ABORT)
def test_killed_while_a_payment_is_aborted(checkout: Checkout, point: str, then: str) -> None:
    card = checkout.card()
    session = checkout.session(card)
    page = checkout.press_pay(session)
    assert page is not None
    cancel = checkout.cancel_link(session)
    checkout.arm(point)
    with pytest.raises(Died):
        checkout.come_back(cancel)
    checkout.restart()
    if then == "pays_anew":
        checkout.come_back(cancel)
        assert checkout.session_state(session) == "open"
        assert checkout.balance(card) == (10000, 0, 0)
        checkout.paid(session)
        paid = True
    elif then == "pays_on_the_old_page":
        answer = checkout.card_gateway.pay(page)
        # The page works before the abort and never afterwards.
        paid = point == "abort.read"
        assert ("/redirect/" in answer.headers.get("location", "")) is paid
    else:
        paid = False
    checkout.settle(jump=A_LONG_TIME)
    checkout.check(session)
    assert checkout.session_state(session) == ("paid" if paid else "open")
    assert checkout.balance(card) == ((0, 10000, 0) if paid else (10000, 0, 0))


def test_killed_while_a_lost_payment_is_ended(checkout: Checkout) -> None:
    card = checkout.card()
    session = checkout.session(card)
    checkout.arm("pay.created_at_provider")
    with pytest.raises(Died):
        checkout.press_pay(session)
    checkout.restart()
    checkout.set_clock(10)
    checkout.arm("reopen.created_at_provider")
    with pytest.raises(Died):
        checkout.ask("POST", f"/_test/reopen/{session}")
    checkout.restart()
    checkout.ask("POST", f"/_test/reopen/{session}")
    assert checkout.session_state(session) == "open"
    checkout.settle()
    checkout.check(session)
    assert checkout.balance(card) == (10000, 0, 0)


@pytest.mark.parametrize("point", ABANDON)
def test_killed_while_the_session_is_abandoned(checkout: Checkout, point: str) -> None:
    card = checkout.card()
    session = checkout.session(card)
    checkout.press_pay(session)
    checkout.arm(point)
    with pytest.raises(Died):
        checkout.ask("POST", f"/v1/view/{session}/session/abandon")
    checkout.restart()
    assert checkout.session_state(session) == "open"
    answer = checkout.ask("POST", f"/v1/view/{session}/session/abandon", 302)
    assert "error=cancelled" in answer.headers["location"]
    checkout.settle()
    checkout.check(session)
    assert checkout.session_state(session) == "cancelled"
    assert checkout.balance(card) == (10000, 0, 0)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("verb", ["capture", "refund", "void"])
def test_killed_during_an_operation(checkout: Checkout, verb: str, step: str) -> None:
    card = checkout.card()
    session = checkout.session(card)
    path = f"/v1/transactions/{checkout.paid(session)}"
    if verb == "refund":
        checkout.ask("POST", f"{path}/capture", json={"amount": 40000})
    body = {"capture": {"amount": 15000}, "refund": {"amount": 12000}, "void": {}}[verb]
    checkout.arm(f"{verb}.{step}")
    with pytest.raises(Died):
        checkout.ask("POST", f"{path}/{verb}", json=body)
    checkout.restart()
    checkout.settle()
    checkout.check(session)
    done = step != "writing"
    status, balance, captured, refunded = {
        ("capture", False): ("AUTHORIZED", (0, 10000, 0), 0, 0),
        ("capture", True): ("PARTIALLY_CAPTURED", (0, 0, 10000), 5000, 0),
        ("refund", False): ("CAPTURED", (0, 0, 10000), 30000, 0),
        ("refund", True): ("PARTIALLY_REFUNDED", (10000, 0, 0), 30000, 2000),
        ("void", False): ("AUTHORIZED", (0, 10000, 0), 0, 0),
        ("void", True): ("AUTHORIZATION_VOIDED", (10000, 0, 0), 0, 0),
    }[verb, done]
    assert checkout.live_transaction(session)["status"] == status
    assert checkout.balance(card) == balance
    there = checkout.at_provider(session)
    assert (there.captured, there.refunded) == (captured, refunded)


@pytest.mark.parametrize("point", RECONCILE)
@pytest.mark.parametrize("verb", ["capture", "refund", "void"])
def test_killed_twice(checkout: Checkout, verb: str, point: str) -> None:
    """The worker that takes over the killed process' operation is killed as well."""
    card = checkout.card()
    session = checkout.session(card)
    path = f"/v1/transactions/{checkout.paid(session)}"
    if verb == "refund":
        checkout.ask("POST", f"{path}/capture", json={"amount": 40000})
    checkout.settle()
    body = {"capture": {"amount": 40000}, "refund": {"amount": 40000}, "void": {}}[verb]
    checkout.arm(f"{verb}.written")
    with pytest.raises(Died):
        checkout.ask("POST", f"{path}/{verb}", json=body)
    checkout.wait_until_dead()
    checkout.ahead += 130
    checkout.start(crash_at=point)
    checkout.restart()
    checkout.settle()
    checkout.check(session)
    status = {"capture": "CAPTURED", "refund": "REFUNDED", "void": "AUTHORIZATION_VOIDED"}[verb]
    if point == "reconcile.sending_again":
        # We do not know whether it was sent once more. A read decides, and nothing was sent.
        status = {"capture": "AUTHORIZED", "refund": "CAPTURED", "void": "AUTHORIZED"}[verb]
    assert checkout.live_transaction(session)["status"] == status


def test_killed_in_a_final_capture_that_needs_no_provider(checkout: Checkout) -> None:
    card = checkout.card(50000)
    session = checkout.session(card)
    checkout.press_pay(session)
    transaction = checkout.live_transaction(session)["id"]
    checkout.arm("capture.written")
    body = {"amount": 15000, "final_capture": True}
    with pytest.raises(Died):
        checkout.ask("POST", f"/v1/transactions/{transaction}/capture", json=body)
    checkout.restart()
    checkout.settle()
    assert checkout.balance(card) == (35000, 0, 15000)
    assert checkout.live_transaction(session)["status"] == "CAPTURED"
    checkout.check_books()


def test_killed_while_a_card_pays_all(checkout: Checkout) -> None:
    for point, state, balance in (
        ("pay.writing", "open", (50000, 0, 0)),
        ("pay.written", "paid", (10000, 40000, 0)),
    ):
        card = checkout.card(50000)
        session = checkout.session(card)
        checkout.arm(point)
        with pytest.raises(Died):
            checkout.press_pay(session)
        checkout.restart()
        assert checkout.session_state(session) == state
        assert checkout.balance(card) == balance
        location = checkout.press_pay(session)
        assert location is not None
        assert "transaction_id=" in location
        checkout.settle()
        assert checkout.balance(card) == (10000, 40000, 0)
        assert checkout.callbacks.count(checkout.live_transaction(session)["id"]) == 1
        checkout.check_books()


@pytest.mark.parametrize("point", CALLBACK)
def test_killed_while_the_merchant_is_told(checkout: Checkout, point: str) -> None:
    card = checkout.card()
    session = checkout.session(card)
    page = checkout.press_pay(session)
    assert page is not None
    back = checkout.pay_at_provider(page)
    checkout.arm(point)
    # The merchant hears of it in parallel, perhaps before the payer gets an answer.
    with contextlib.suppress(Died):
        checkout.come_back(back)
    checkout.restart()
    checkout.settle()
    checkout.check(session)
    told = checkout.callbacks.count(checkout.live_transaction(session)["id"])
    # The merchant hears it twice if we had sent it and not yet recorded that, and always at least
    # once.
    assert told == (2 if point in ("callback.sent", "callback.storing") else 1)
