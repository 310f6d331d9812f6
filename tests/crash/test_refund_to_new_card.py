"""kill -9 hits a refund to a fresh card. The money is on one card, once, and there is at most one
fresh card. The merchant can get the content of the lost answer again.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.checkout import ACCOUNT
from tests.support.crash import Checkout
from tests.support.crash_facts import Died

pytestmark = pytest.mark.crash

STEPS = ("writing", "written", "done_at_provider", "storing", "stored")
CARDS = f"/v1/accounts/{ACCOUNT}/wallets/cards"


@pytest.mark.parametrize("step", STEPS)
def test_killed_in_a_refund_to_a_new_card(checkout: Checkout, step: str) -> None:
    card = checkout.card()
    session = checkout.session(card)
    path = f"/v1/transactions/{checkout.paid(session)}"
    checkout.ask("POST", f"{path}/capture", json={"amount": 40000})
    body = {"amount": 12000, "refund_to": "new_card"}
    asked: dict[str, Any] = {"json": body, "headers": {"idempotency-key": f"k-{session}"}}
    checkout.arm(f"refund.{step}")
    with pytest.raises(Died):
        checkout.ask("POST", f"{path}/refund", **asked)
    checkout.restart()
    checkout.settle()
    checkout.check(session)
    done = step != "writing"
    made = fresh_cards(checkout, card)
    assert made == ([(10000, 10000, 0, 0)] if done else [])
    assert checkout.balance(card) == (0, 0, 0 if done else 10000)
    # The repeat finds the operation that the first request started, or starts it.
    answer = checkout.ask("POST", f"{path}/refund", **asked).json()
    assert answer["status"] == "PARTIALLY_REFUNDED"
    assert fresh_cards(checkout, card) == [(10000, 10000, 0, 0)]
    new_card = answer["events"][-1]["gift_cards"][0]["card_id"]
    again = checkout.ask("POST", f"{CARDS}/{new_card}/reissue").json()
    assert again["amount_available"] == 10000
    assert again["card_token"]["token"]["value"]
    there = checkout.at_provider(session)
    assert (there.captured, there.refunded) == (30000, 2000)
    assert checkout.audit() == []


def fresh_cards(checkout: Checkout, card: str) -> list[tuple[int, int, int, int]]:
    """Return funds, available, held and drawn of every card that replaces this one."""
    rows = checkout.rows(
        "SELECT funds, available, held, drawn FROM card WHERE replaces = :id", id=card
    )
    return [(row["funds"], row["available"], row["held"], row["drawn"]) for row in rows]
