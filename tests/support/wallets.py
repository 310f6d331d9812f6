"""Requests to the wallets API that the tests of cards share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from backend.core.clock import iso
from tests.support.checkout import ACCOUNT, Merchant

CARDS = f"/v1/accounts/{ACCOUNT}/wallets/cards"
INFO = f"/v1/accounts/{ACCOUNT}/wallets/info"
MOVES = f"/v1/accounts/{ACCOUNT}/wallets/transactions"
DIGITS = {"length": 16, "numbers": True}
PIN = {"format": {"length": 4, "numbers": True}}


async def batch(merchant: Merchant, *card_ids: str, **more: Any) -> list[dict[str, Any]]:
    body = {
        "cards": [{"card_id": card_id, "type": "gift_card"} | more for card_id in card_ids],
        "options": {"pin": PIN, "card_token": {"format": DIGITS}},
    }
    cards: list[dict[str, Any]] = (await merchant.post(f"{CARDS}/batch", body))["cards"]
    return cards


async def move(merchant: Merchant, expect: int = 200, **body: Any) -> Any:
    whole = {"ref_id": "r", "amount": 100, "currency": "NOK"} | body
    return await merchant.post(MOVES, whole, expect)


def code(answer: Any) -> str:
    return str(answer["error"]["code"])


def later(merchant: Merchant, **time: int) -> str:
    return iso(merchant.clock.now() + timedelta(**time))


async def token(
    merchant: Merchant, card: dict[str, Any], expect: int = 200, **body: Any
) -> dict[str, Any]:
    whole = {"ref_id": "t1", "expires_in": 600} | body
    path = f"{CARDS}/{card['card_id']}/tokens"
    made: dict[str, Any] = await merchant.post(path, whole, expect)
    return made
