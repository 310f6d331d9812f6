"""kill -9 hits a dozen times at any moment, while payers pay and change their minds and merchants
capture and refund. Afterwards the sum at the provider equals the sum in our books."""

from __future__ import annotations

import random
import threading
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.card_gateway import APPROVED, DECLINED
from tests.support.crash import Checkout
from tests.support.crash_facts import AtProvider
from tests.support.waiting import pause

pytestmark = pytest.mark.crash

SEED = 20261123
KILLS = 12
PAYERS = 4


class _Refused(Exception):
    """The checkout said no."""


class Payer(threading.Thread):
    """Buys again and again from one shared gift card, and repeats requests that nobody answered."""

    def __init__(self, checkout: Checkout, card_id: str, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._checkout = checkout
        self._card_id = card_id
        self._random = random.Random(seed)
        self._stop_wanted = stop
        self.sessions: list[str] = []
        self.surprises: list[str] = []
        # Each payer has its own client, because a connection must not be shared across a kill.
        self._http = httpx.Client(
            base_url=checkout.base_url, timeout=10, headers=checkout.headers, follow_redirects=False
        )

    def run(self) -> None:
        while not self._stop_wanted.is_set():
            try:
                self._buy()
            except httpx.TransportError:
                # A payer whose page does not answer tries something else a little later.
                pause(0.05, "a payer takes a moment before the next try")
            except Exception as error:  # told by the test
                self.surprises.append(repr(error))
                return

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self._http.request(method, path, **more)
        if answer.status_code >= 500:
            self.surprises.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def _buy(self) -> None:
        amount = self._random.randrange(5000, 15000, 100)
        # Payers have their own cards and sometimes share one, which may be empty by then.
        shared = self._random.random() < 0.3
        card_id = self._card_id if shared else self._checkout.card(3000, ask=self._ask_strictly)
        try:
            session_id = self._checkout.session(card_id, amount, ask=self._ask_strictly)
        except _Refused:
            assert shared
            return
        self.sessions.append(session_id)
        pay = f"/v1/sessions/{session_id}/pay"
        body = {"payment_product_type": "dintero_psp.creditcard"}
        answer = self._ask("POST", pay, json=body).json()
        page = answer.get("redirect_url")
        if page is None or "/c/pay/" not in page:
            return
        choice = self._random.random()
        if choice < 0.1:
            return  # closes the browser
        if choice < 0.25:
            self._ask("POST", f"/v1/view/{session_id}/session/abandon")
            return
        number = DECLINED if choice < 0.35 else APPROVED
        paid = self._checkout.card_gateway.http.post(
            page, data={"number": number, "expiry": "12/34", "cvc": "123", "name": "Kari"}
        )
        location = paid.headers.get("location", "")
        if "/redirect/" not in location:
            return
        if choice > 0.9:
            return  # paid, and never came back
        back = self._ask("GET", location.removeprefix(self._checkout.base_url))
        if back.status_code != 302 or "transaction_id=" not in back.headers["location"]:
            return
        self._operate(session_id, amount)

    def _ask_strictly(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self._ask(method, path, **more)
        if answer.status_code != 200:
            raise _Refused(answer.text)
        return answer

    def _operate(self, session_id: str, amount: int) -> None:
        transaction_id = self._checkout.live_transaction(session_id)["id"]
        path = f"/v1/transactions/{transaction_id}"
        choice = self._random.random()
        if choice < 0.2:
            self._ask("POST", f"{path}/void")
        elif choice < 0.8:
            self._ask("POST", f"{path}/capture", json={"amount": amount})
            if choice > 0.4:
                self._ask("POST", f"{path}/refund", json={"amount": amount // 2})


def _begun(payers: list[Payer]) -> int:
    return sum(len(payer.sessions) for payer in payers)


def _has_begun(payers: list[Payer], sessions: int) -> bool:
    """Return whether the payers have begun that many sessions."""
    return _begun(payers) >= sessions


def test_killed_at_any_moment(checkout: Checkout) -> None:
    rng = random.Random(SEED)
    card = checkout.card(100000)
    stop = threading.Event()
    payers = [Payer(checkout, card, SEED + number, stop) for number in range(PAYERS)]
    for payer in payers:
        payer.start()
    for _ in range(KILLS):
        # Each life of the process lasts until something has started in it, on a slow machine too.
        before = _begun(payers)
        checkout.wait(partial(_has_begun, payers, before + 2), 10)
        pause(rng.uniform(0.0, 0.4), "the kill comes at any moment")
        checkout.kill()
        checkout.start()
    before = _begun(payers)
    assert checkout.wait(lambda: _begun(payers) >= before + 8, 60)
    stop.set()
    for payer in payers:
        payer.join(30)
        assert not payer.is_alive()
        payer.close()
    assert [surprise for payer in payers for surprise in payer.surprises] == []
    checkout.settle(jump=1900)

    sessions = [session for payer in payers for session in payer.sessions]
    assert len(sessions) >= KILLS
    held: list[AtProvider] = []
    for session_id in sessions:
        checkout.check(session_id, books=False)
        held.append(checkout.at_provider(session_id))
    checkout.check_books()
    authorized, captured, refunded = checkout.totals(sessions)
    assert sum(i["amount"] for one in held for i in one.authorized) == authorized
    assert sum(one.captured for one in held) == captured
    assert sum(one.refunded for one in held) == refunded
    assert captured > 0
    assert sum(checkout.balance(card)) == 100000
