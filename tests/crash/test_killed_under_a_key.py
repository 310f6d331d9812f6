"""kill -9 hits a capture under an `Idempotency-Key` and an automatic one. The capture happens once,
and the key's answer is its outcome.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.support.checkout import session_body
from tests.support.crash import STEP_SECONDS, Checkout
from tests.support.crash_facts import ADDRESS, Died

pytestmark = pytest.mark.crash

STEPS = ("writing", "written", "done_at_provider", "storing", "stored")


@pytest.mark.parametrize("step", STEPS)
def test_the_repeat_finds_what_the_first_one_began(checkout: Checkout, step: str) -> None:
    card = checkout.card()
    transaction = checkout.paid(checkout.session(card))
    path = f"/v1/transactions/{transaction}/capture"
    asked: dict[str, Any] = {
        "json": {"amount": 40000},
        "headers": {"idempotency-key": f"k-{transaction}"},
    }
    checkout.arm(f"capture.{step}")
    with pytest.raises(Died):
        checkout.ask("POST", path, **asked)
    checkout.restart()
    checkout.settle()
    answer = checkout.ask("POST", path, **asked)
    assert answer.json()["status"] == "CAPTURED"
    again = checkout.ask("POST", path, **asked)
    assert (again.json(), again.headers["idempotent-replayed"]) == (answer.json(), "true")
    kinds = [e["event"] for e in answer.json()["events"] if e["success"]]
    assert kinds.count("CAPTURE") == 1
    rows = checkout.rows(
        "SELECT kind, state FROM operation WHERE transaction_id = :id AND kind = 'capture'",
        id=transaction,
    )
    assert rows == [{"kind": "capture", "state": "done"}]
    assert checkout.balance(card) == (0, 0, 10000)
    assert checkout.audit() == []


@pytest.mark.parametrize("step", STEPS)
def test_an_automatic_capture_is_made_once(checkout: Checkout, step: str) -> None:
    body = session_body(40000)
    body["configuration"]["auto_capture"] = True
    body["url"]["callback_url"] = checkout.callbacks.url
    session = str(checkout.ask("POST", "/v1/sessions-profile", json=body).json()["id"])
    path = f"/v1/view/{session}/session/order/addresses"
    checkout.ask("PUT", path, json={"shipping_address": ADDRESS})
    page = checkout.press_pay(session)
    assert page is not None
    back = checkout.pay_at_provider(page)
    checkout.arm(f"capture.{step}")
    # The worker may be quicker than the answer.
    with contextlib.suppress(Died):
        checkout.come_back(back)
    checkout.restart()
    transaction = checkout.live_transaction(session)["id"]

    def is_done() -> bool:
        query = "SELECT state FROM auto_capture WHERE transaction_id = :id"
        return bool(checkout.rows(query, id=transaction)[0]["state"] == "done")

    for turn in range(40):
        checkout.set_clock(turn * STEP_SECONDS)
        if checkout.wait(is_done, 0.3):
            break
    assert is_done()
    checkout.settle()
    row = checkout.live_transaction(session)
    assert (row["status"], row["psp_captured"]) == ("CAPTURED", 40000)
    events = checkout.rows(
        "SELECT event FROM transaction_event WHERE transaction_id = :id AND event = 'CAPTURE'"
        " AND success ORDER BY seq",
        id=transaction,
    )
    assert len(events) == 1
    assert checkout.audit() == []
