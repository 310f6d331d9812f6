"""Many clients use one gift card at once. Every movement counts once, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from tests.support.checkout import ACCOUNT, Merchant
from tests.support.wallets import CARDS, MOVES, token

EACH = 12
HOOKS = f"/v1/accounts/{ACCOUNT}/hooks/subscriptions"


async def ask(merchant: Merchant, **body: Any) -> tuple[int, Any]:
    answer = await merchant.api.post(MOVES, json={"amount": 100, "currency": "NOK"} | body)
    return answer.status_code, answer.json()


async def test_all_kinds_of_movements_at_once(merchant: Merchant) -> None:
    """Plain drawdowns and fundings lock the card last; pending ones and those with a token lock it
    first. Two cards, so that each waits for others' locks in both orders."""
    one, two = await merchant.card(100000), await merchant.card(100000)
    codes = [await token(merchant, card, ref_id="t") for card in (one, two)]
    wanted: list[dict[str, Any]] = []
    for number in range(EACH):
        for card, code in zip((one, two), codes, strict=True):
            by_id = {"card_id": card["card_id"]}
            by_token = {"token": code["token"]["value"], "pin": card["pin"]}
            wanted += [
                by_id | {"ref_id": f"draw-{number}", "type": "drawdown"},
                by_id | {"ref_id": f"fund-{number}", "type": "fund"},
                by_id | {"ref_id": f"hold-{number}", "type": "drawdown", "pending": True},
                by_token | {"ref_id": f"token-{number}", "type": "drawdown"},
            ]
    answers = await asyncio.gather(*(ask(merchant, **body) for body in wanted))
    assert {status for status, _ in answers} == {200}
    for card in (one, two):
        # 100000, funded once for each drawdown by id; drawn twice and held once a round.
        expected = (100000 - 2 * EACH * 100, EACH * 100, 2 * EACH * 100)
        assert await merchant.balance(card["card_id"]) == expected
    await merchant.audit()


async def test_one_ref_id_at_once_moves_money_once(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    body = {"card_id": card["card_id"], "ref_id": "same", "type": "drawdown"}
    answers = await asyncio.gather(*(ask(merchant, **body) for _ in range(EACH)))
    assert {status for status, _ in answers} == {200}
    assert len({made["id"] for _, made in answers}) == 1
    assert await merchant.balance(card["card_id"]) == (9900, 0, 100)
    other, refused = await ask(merchant, **body | {"amount": 200})
    assert (other, refused["error"]["code"]) == (409, "CONFLICT")
    other, _ = await ask(merchant, **body | {"type": "fund"})
    assert other == 409
    assert await merchant.balance(card["card_id"]) == (9900, 0, 100)
    await merchant.audit()


async def test_nothing_is_drawn_that_is_not_there(merchant: Merchant) -> None:
    card = await merchant.card(500)
    bodies = [
        {"card_id": card["card_id"], "ref_id": f"r-{number}", "type": "drawdown"}
        for number in range(EACH)
    ]
    answers = await asyncio.gather(*(ask(merchant, **body) for body in bodies))
    assert sorted(status for status, _ in answers) == [200] * 5 + [400] * (EACH - 5)
    assert await merchant.balance(card["card_id"]) == (0, 0, 500)
    moves = (await merchant.get(f"{CARDS}/{card['card_id']}/transactions?limit=100"))[
        "transactions"
    ]
    assert [made["type"] for made in moves] == ["drawdown"] * 5 + ["fund"]
    await merchant.audit()


async def test_a_movement_is_told_with_all_that_the_answer_says(merchant: Merchant) -> None:
    """The webhook shows the same as the answer, however the money moved."""
    card = await merchant.card(10000)
    hook = {"config": {"url": "http://127.0.0.1:9/"}, "events": ["wallet_transaction"]}
    await merchant.post(HOOKS, hook)
    told = {}
    for kind in ("drawdown", "fund"):
        more = {"metadata": {"till": 3}, "originated_by": "till-3"}
        body = {"card_id": card["card_id"], "ref_id": kind, "type": kind} | more
        status, told[kind] = await ask(merchant, **body)
        assert status == 200, told[kind]
        assert (told[kind]["metadata"], told[kind]["originated_by"]) == ({"till": 3}, "till-3")
    async with merchant.ctx.db.reading() as db:
        query = text("SELECT subject, event FROM delivery WHERE event = 'wallet_transaction'")
        rows = (await (await db.connection()).execute(query)).all()
    assert {subject for subject, _ in rows} == {made["id"] for made in told.values()}
    kept = (await merchant.get(f"{CARDS}/{card['card_id']}/transactions"))["transactions"]
    assert {made["id"]: made for made in kept[:2]} == {made["id"]: made for made in told.values()}
    await merchant.audit()
