"""PIN attempts of a payer in a checkout, of a visitor of the balance page, and of a merchant."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from argon2 import PasswordHasher
from sqlalchemy import update
from sqlmodel import col, select

from backend.cards.tables import Card, CardEvent, PinBudget
from backend.core.errors import GiftCardRefused, TooManyAttempts
from backend.payments.views.card_balance import read_balance
from backend.sessions import payer
from tests.support.checkout import ACCOUNT, Merchant, sign_in
from tests.support.clock import SteppedClock

MATCHED = "matched"
NOT_MATCHED = "not_matched"


async def add(
    merchant: Merchant, session_id: str, number: str, pin: str, source: str
) -> tuple[str, int]:
    """Try to add the card. Return the result, and the seconds to wait if the answer names them."""
    try:
        await payer.add_gift_card(merchant.ctx, session_id, number, pin, source)
    except GiftCardRefused as error:
        return error.reason, 0
    except TooManyAttempts as error:
        return error.reason, error.retry_after
    return MATCHED, 0


async def guess(merchant: Merchant, number: str, pin: str, source: str) -> tuple[str, int]:
    """Do the same as `add`, in a new session."""
    return await add(merchant, await merchant.session(), number, pin, source)


async def look(merchant: Merchant, number: str, pin: str, source: str) -> tuple[str, int]:
    """Make the same attempt on the balance page."""
    try:
        found = await read_balance(merchant.ctx, ACCOUNT, number, pin, source)
    except TooManyAttempts as error:
        return error.reason, error.retry_after
    return (MATCHED if found is not None else NOT_MATCHED), 0


async def over_http(
    merchant: Merchant, session_id: str, number: str, pin: str, source: str
) -> httpx.Response:
    """The payer's API, behind one proxy that says where the payer comes from."""
    merchant.ctx.settings.trusted_proxy_hops = 1
    return await merchant.api.put(
        f"/v1/view/{session_id}/session/order/gift_card",
        json={"token": number, "pin": pin},
        headers={"x-forwarded-for": source},
    )


def wrong(card: dict[str, Any], other: int = 1) -> str:
    """Return a PIN that is not the card's."""
    return f"{(int(card['pin']) + other) % 10000:04}"


async def patient(
    merchant: Merchant, number: str, pin: str, source: str, *, maximum: int = 400
) -> tuple[str, int]:
    """Try again and again, and wait each time as long as the answer says."""
    answer = await guess(merchant, number, pin, source)
    if answer[0] == "wait":
        assert 0 < answer[1] <= maximum
        await later(merchant, answer[1])
        answer = await guess(merchant, number, pin, source)
    return answer


async def use_up(merchant: Merchant, card: dict[str, Any], times: int, sources: str) -> None:
    """Make this number of wrong attempts, ten from each address. `sources` has a placeholder for
    the address's number."""
    for number in range(times):
        source = sources.format(number // 10 + 1)
        answer = await patient(merchant, card["number"], wrong(card, 1 + number % 5), source)
        assert answer == (NOT_MATCHED, 0), (number, answer)


def stand_still(merchant: Merchant) -> None:
    """Stop the clock, which only `later` moves. A wait of two seconds then lasts on a slow machine
    too."""
    merchant.ctx.clock = SteppedClock(datetime.now(UTC))


def advance(merchant: Merchant, by: timedelta) -> None:
    """Move the clock. Call `stand_still` first."""
    clock = merchant.ctx.clock
    assert isinstance(clock, SteppedClock)
    clock.advance(by)


async def later(merchant: Merchant, seconds: float) -> None:
    """Move the clock and renew the merchant's token. Call `stand_still` first."""
    clock = merchant.ctx.clock
    assert isinstance(clock, SteppedClock)
    clock.advance(timedelta(seconds=seconds))
    if seconds > 1000:
        merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"


async def counters(merchant: Merchant) -> dict[str, PinBudget]:
    async with merchant.ctx.db.reading() as db:
        return {row.scope: row for row in await db.exec(select(PinBudget))}


async def card_events(merchant: Merchant) -> list[CardEvent]:
    async with merchant.ctx.db.reading() as db:
        query = select(CardEvent).order_by(col(CardEvent.created_at), col(CardEvent.id))
        return list(await db.exec(query))


async def row_of(merchant: Merchant, card: dict[str, Any]) -> Card:
    async with merchant.ctx.db.reading() as db:
        query = select(Card).where(Card.card_id == card["card_id"])
        return (await db.exec(query)).one()


async def make_old(merchant: Merchant, card: dict[str, Any]) -> str:
    """Store the card's PIN as releases before the MACs did, and return the hash."""
    vault = merchant.ctx.vault
    peppered = hmac.new(vault._pin_key, card["pin"].encode(), hashlib.sha256).hexdigest()
    made = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(peppered)
    async with merchant.ctx.db.unit_of_work() as db:
        await db.exec(
            update(Card)
            .where(col(Card.card_id) == card["card_id"])
            .values(pin_hash=made, pin_key=None)
        )
    merchant.ctx.old_pins.clear()
    return made
