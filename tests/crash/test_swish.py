"""kill -9 hits every step of a payment with Swish. It is taken once and refunded once, and our
books and Swish's agree afterwards. The tests use SQLite, because only the provider differs here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.callbacks import CallbackListener
from tests.support.crash_facts import Died
from tests.support.crash_providers import SwishCheckout, swish

pytestmark = pytest.mark.crash

PAY = ("pay.written", "pay.created_at_provider", "pay.storing", "pay.redirect_stored")
AUTHORIZE = ("authorize.read", "authorize.storing", "authorize.stored")
REFUND = ("refund.written", "refund.done_at_provider", "refund.storing", "refund.stored")
A_LONG_TIME = 1900


@pytest.fixture(scope="module")
def _checkout(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path
) -> Iterator[SwishCheckout]:
    folder = tmp_path_factory.mktemp("swish")
    shutil.copyfile(_sqlite_template, folder / "gavekort.db")
    behind = swish(repository, folder)
    with CallbackListener().running() as callbacks:
        checkout = SwishCheckout(f"sqlite:///{folder / 'gavekort.db'}", behind, callbacks)
        checkout.set_up()
        yield checkout
        checkout.close()
    behind.sandbox.kill()
    behind.sandbox.http.close()


@pytest.fixture
def checkout(_checkout: SwishCheckout) -> SwishCheckout:
    """Return the running checkout, at the right time and with no crash point armed."""
    if _checkout.alive:
        _checkout.arm("")
        _checkout.set_clock(0)
    else:
        _checkout.kill()
        _checkout.ahead = 0.0
        _checkout.start()
    return _checkout


@pytest.mark.parametrize("then", ["presses_again", "never_comes_back"])
@pytest.mark.parametrize("point", PAY)
def test_killed_while_paying_begins(checkout: SwishCheckout, point: str, then: str) -> None:
    session = checkout.new_session()
    checkout.arm(point)
    with pytest.raises(Died):
        checkout.press_pay(session)
    checkout.restart()
    if then == "presses_again":
        checkout.set_clock(10)
        link = checkout.press_pay(session)
        assert link is not None
        assert checkout.press_pay(session) == link
        checkout.come_back(checkout.pay_at_provider(link))
    checkout.settle(jump=A_LONG_TIME if then == "never_comes_back" else 0)
    checkout.check_both_books(session)
    assert checkout.session_state(session) == ("paid" if then == "presses_again" else "open")


@pytest.mark.parametrize("then", ["comes_back", "never_comes_back"])
@pytest.mark.parametrize("point", AUTHORIZE)
def test_killed_when_the_payer_has_paid(checkout: SwishCheckout, point: str, then: str) -> None:
    session = checkout.new_session()
    link = checkout.press_pay(session)
    assert link is not None
    checkout.behind.sandbox.fault("notify", "drop", times=5)
    back = checkout.pay_at_provider(link)
    checkout.arm(point)
    with pytest.raises(Died):
        checkout.come_back(back)
    checkout.restart()
    if then == "comes_back":
        assert "transaction_id=" in checkout.come_back(back)
    checkout.settle()
    checkout.behind.sandbox.reset()
    checkout.check_both_books(session)
    assert checkout.live_transaction(session)["status"] == "CAPTURED"


@pytest.mark.parametrize("point", REFUND)
def test_killed_during_a_refund(checkout: SwishCheckout, point: str) -> None:
    session = checkout.new_session()
    path = f"/v1/transactions/{checkout.paid(session)}/refund"
    checkout.arm(point)
    with pytest.raises(Died):
        checkout.ask("POST", path, json={"amount": 12345})
    checkout.restart()
    checkout.settle()
    checkout.check_both_books(session)
    found = checkout.live_transaction(session)
    done = (found["status"], found["psp_refunded"])
    assert done in (
        [("PARTIALLY_REFUNDED", 12345)]
        if point != "refund.written"
        else [("PARTIALLY_REFUNDED", 12345), ("CAPTURED", 0)]
    )
