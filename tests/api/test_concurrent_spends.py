"""Fifty payers at once want 30.00 of a card of 100.00. Three get it, and nobody gets a 5xx."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from backend.core.errors import SplitChanged
from backend.payments.attempts.start import PayResult, Press, pay
from backend.sessions import payer
from tests.support.checkout import ACCOUNT, DETAILS, ON, Merchant

SPENDS = 50


async def test_by_the_wallets_api(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    path = f"/v1/accounts/{ACCOUNT}/wallets/transactions"

    async def spend(number: int) -> tuple[int, str | None]:
        body = {
            "card_id": card["card_id"],
            "ref_id": f"spend-{number}",
            "amount": 3000,
            "currency": "NOK",
            "type": "drawdown",
        }
        answer = await merchant.api.post(path, json=body)
        return answer.status_code, answer.json().get("error", {}).get("code")

    answers = Counter(await asyncio.gather(*(spend(i) for i in range(SPENDS))))
    assert answers == {(200, None): 3, (400, "INSUFFICIENT_FUNDS"): SPENDS - 3}
    assert await merchant.balance(card["card_id"]) == (1000, 0, 9000)
    moved = await merchant.get(
        f"/v1/accounts/{ACCOUNT}/wallets/cards/{card['card_id']}/transactions?limit=100"
    )
    assert Counter((t["type"], t["amount"]) for t in moved["transactions"]) == {
        ("fund", 10000): 1,
        ("drawdown", 3000): 3,
    }
    await merchant.audit()


async def test_one_spend_sent_fifty_times_is_one(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    body = {
        "card_id": card["card_id"],
        "ref_id": "the same",
        "amount": 3000,
        "currency": "NOK",
    }
    path = f"/v1/accounts/{ACCOUNT}/wallets/transactions"
    answers = await asyncio.gather(*(merchant.post(path, body) for _ in range(SPENDS)))
    assert len({answer["id"] for answer in answers}) == 1
    assert await merchant.balance(card["card_id"]) == (7000, 0, 3000)
    await merchant.audit()


async def test_by_sessions_whose_payers_press_pay(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    preset = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
    zero = {"dintero": {"wallets": ON, "zero": ON}, "active_payment_types": {"enabled": True}}

    async def open_session() -> str:
        session_id = await merchant.session(3000, customer=preset, configuration=zero)
        await payer.set_details(merchant.ctx, session_id, DETAILS)
        return session_id

    sessions = [await open_session() for _ in range(SPENDS)]
    shown = [await merchant.view(session_id) for session_id in sessions]
    assert {view.to_pay for view in shown} == {0}

    async def press(session_id: str) -> str:
        try:
            return (await pay(merchant.ctx, session_id, Press(None, 0, "nb"))).state
        except SplitChanged:
            return "split changed"

    pressed: list[Any] = await asyncio.gather(*(press(s) for s in sessions))
    assert Counter(pressed) == {"paid": 3, "split changed": SPENDS - 3}
    assert await merchant.balance(card["card_id"]) == (1000, 9000, 0)
    states = Counter([(await merchant.view(s)).state.value for s in sessions])
    assert states == {"paid": 3, "open": SPENDS - 3}
    # The others see what the card can still pay.
    left = {
        (v.gift_card.amount, v.to_pay)
        for s in sessions
        if (v := await merchant.view(s)).state == "open" and v.gift_card
    }
    assert left == {(1000, 2000)}
    await merchant.audit()


async def test_ten_presses_on_one_session_are_one_payment(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(3000, card)

    async def press() -> PayResult:
        return await pay(merchant.ctx, session_id, Press(None, 0, "nb"))

    results = await asyncio.gather(*(press() for _ in range(10)))
    assert {result.state for result in results} == {"paid"}
    assert len({result.url for result in results}) == 1
    assert await merchant.balance(card["card_id"]) == (7000, 3000, 0)
    await merchant.audit()
