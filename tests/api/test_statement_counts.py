"""The tests count the database statements of each step of one payment by API, so that nobody adds
one unseen.

A change that needs one more raises the bound here and says why in its commit. A failing test names
every statement of its step and the lines that sent it.
"""

from __future__ import annotations

from tests.api.paying import transactions_of
from tests.api.test_payment_notifications import event, notify, signed
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import OPTION, Merchant, session_body
from tests.support.statements import Asked, counted

BOUNDS: dict[str, tuple[int, int, int]] = {
    "session": (4, 1, 1),
    "details": (4, 1, 1),
    "gift card": (11, 2, 2),
    "pay": (17, 2, 2),
    "webhook": (12, 1, 1),
    "read": (3, 0, 0),
}
"""Statements, transactions begun, commits: at most so many."""
ADDRESS = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Storgata 1",
    "postal_code": "0155", "postal_place": "Oslo", "country": "NO",
    "email": "kari@example.com", "phone_number": "+4799887766",
}  # fmt: skip


async def test_one_payment_asks_the_database_no_more_than_this(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    # Data that a process reads once does not count, so an earlier payment reads it.
    await _pay(merchant, card_gateway)
    asked = await _pay(merchant, card_gateway)
    await merchant.audit()
    figures = {step: of.figures for step, of in asked.items()}
    print(_table(asked))
    over = {
        step: of.by_place()
        for step, of in asked.items()
        if any(got > maximum for got, maximum in zip(figures[step], BOUNDS[step], strict=True))
    }
    assert not over, _table(asked) + "".join(f"\n--- {k}\n{v}" for k, v in over.items())
    assert figures.keys() == BOUNDS.keys()


async def _pay(merchant: Merchant, card_gateway: CardGatewaySandbox) -> dict[str, Asked]:
    """Pay an order of 400 with a card of 100, and return the statements of each step."""
    api, ctx = merchant.api, merchant.ctx
    card = await merchant.card(10000)
    asked: dict[str, Asked] = {}
    with counted(ctx.db) as asked["session"]:
        made = await merchant.post("/v1/sessions-profile", session_body(40000))
    session_id = made["id"]
    view = f"/v1/view/{session_id}/session"
    with counted(ctx.db) as asked["details"]:
        answer = await api.put(f"{view}/order/addresses", json={"shipping_address": ADDRESS})
    assert answer.status_code == 200, answer.text
    with counted(ctx.db) as asked["gift card"]:
        typed = {"token": card["number"], "pin": card["pin"]}
        answer = await api.put(f"{view}/order/gift_card", json=typed)
    assert answer.status_code == 200, answer.text
    assert answer.json()["order"]["gift_cards"][0]["amount"] == 10000
    with counted(ctx.db) as asked["pay"]:
        wanted = {"payment_product_type": OPTION, "amount": 30000}
        answer = await api.post(f"/v1/sessions/{session_id}/pay", json=wanted)
    assert answer.status_code == 200 and "redirect_url" in answer.json(), answer.text
    assert card_gateway.pay(answer.json()["redirect_url"]).status_code in (302, 303)
    begun = (await transactions_of(merchant, session_id))[0]
    body = event(begun)
    with counted(ctx.db) as asked["webhook"]:
        answer = await notify(merchant, body, signed(body))
    assert answer.status_code == 200, answer.text
    with counted(ctx.db) as asked["read"]:
        read = await merchant.transaction(begun.id)
    assert (read["status"], read["amount"]) == ("AUTHORIZED", 40000)
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    return asked


def _table(asked: dict[str, Asked]) -> str:
    """Return statements, transactions and commits of each step, and their totals."""
    rows: dict[str, tuple[int, ...]] = {step: of.figures for step, of in asked.items()}
    rows["whole payment"] = tuple(map(sum, zip(*rows.values(), strict=True)))
    heads = f"\n{'step':14} {'statements':>10} {'begun':>6} {'commits':>8}"
    return heads + "".join(f"\n{k:14} {v[0]:10} {v[1]:6} {v[2]:8}" for k, v in rows.items())
