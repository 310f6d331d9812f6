"""The budgets of wrong PINs depend on sessions, sources and rows. For attacks see
`tests/attack`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.cards.pin_attempts import purge_attempts
from backend.cards.tables import PinBudget
from backend.core.errors import GiftCardRefused, TooManyAttempts
from backend.payments.views.card_balance import read_balance
from backend.sessions import payer
from backend.worker import start
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant, sign_in
from tests.support.waiting import until_async

SOURCE = "203.0.113.7"


@pytest.fixture
async def merchant(database_url: str) -> AsyncIterator[Merchant]:
    """Run without a provider. The budget is three PIN attempts for a card and source, five for a
    session and six for a card, without waits."""
    merchant = await open_merchant(
        database_url,
        "http://127.0.0.1:1",
        "sk_test_x",
        pin_tries_per_card_and_source=3,
        pin_tries_per_session=5,
        pin_tries_per_card=6,
        pin_repeated_mistakes_per_source=1000,
    )
    yield merchant
    await close_merchant(merchant)


async def add(
    merchant: Merchant, session_id: str, number: str, pin: str, source: str = SOURCE
) -> tuple[str, str] | None:
    """Return None if the card was added, and otherwise the refusal's message."""
    try:
        await payer.add_gift_card(merchant.ctx, session_id, number, pin, source)
    except (GiftCardRefused, TooManyAttempts) as error:
        return error.reason, str(error)
    return None


def wrong_pin(card: dict[str, Any]) -> str:
    return "0000" if card["pin"] != "0000" else "1111"


async def rows(merchant: Merchant) -> list[PinBudget]:
    async with merchant.ctx.db.reading() as db:
        return list(await db.exec(select(PinBudget)))


async def budgets(merchant: Merchant) -> dict[str, float]:
    return {row.scope.split(":")[0]: row.tries or round(row.score) for row in await rows(merchant)}


async def test_unknown_number_and_wrong_pin_are_one_answer_and_so_are_spent_budgets(
    merchant: Merchant,
) -> None:
    card = await merchant.card()
    sessions = [await merchant.session() for _ in range(4)]
    number, pin, made_up = card["number"], card["pin"], "9" * 16
    unknown = await add(merchant, sessions[0], made_up, pin, "192.0.2.1")
    wrong = await add(merchant, sessions[1], number, wrong_pin(card), "192.0.2.1")
    assert unknown == wrong
    assert unknown is not None and unknown[0] == "not_matched"
    for source in ("192.0.2.2", "192.0.2.3"):
        for _ in range(3):
            await add(merchant, await merchant.session(), made_up, pin, source)
            await add(merchant, await merchant.session(), number, wrong_pin(card), source)
    # Once the card's budget is spent, the right PIN is refused from every source.
    spent = await add(merchant, sessions[2], number, pin, "192.0.2.4")
    assert spent is not None and spent[0] == "too_many_tries"
    assert spent == await add(merchant, sessions[3], made_up, pin, "192.0.2.5")
    for session_id in sessions:
        assert (await merchant.view(session_id)).gift_card is None
    text = repr((unknown, spent))
    assert number not in text and pin not in text


async def test_a_session_has_its_own_budget(merchant: Merchant) -> None:
    card = await merchant.card()
    session_id, other = await merchant.session(), await merchant.session()
    for number in range(5):
        await add(merchant, session_id, f"{number:016}", "1234", f"192.0.2.{number}")
    refused = await add(merchant, session_id, card["number"], card["pin"], "192.0.2.9")
    assert refused is not None and refused[0] == "too_many_tries"
    assert (await merchant.view(session_id)).gift_card is None
    assert await add(merchant, other, card["number"], card["pin"], "192.0.2.9") is None


@pytest.mark.parametrize("appended", [True, False])
async def test_a_source_is_what_our_proxy_says_of_it(merchant: Merchant, appended: bool) -> None:
    """A proxy appends to the caller's header or adds its own below it. An address that the caller
    invents gives no new source and no new budget."""
    merchant.ctx.settings.trusted_proxy_hops = 1
    card = await merchant.card()

    async def tried(made_up: str, pin: str) -> int:
        lines = [f"{made_up}, {SOURCE}"] if appended else [made_up, SOURCE]
        answer = await merchant.api.put(
            f"/v1/view/{await merchant.session()}/session/order/gift_card",
            json={"token": card["number"], "pin": pin},
            headers=[("x-forwarded-for", line) for line in lines],
        )
        return answer.status_code

    for number in range(3):
        assert await tried(f"198.51.100.{number}", wrong_pin(card)) == 400
    assert await tried("198.51.100.99", card["pin"]) == 429
    scopes = [row.scope for row in await rows(merchant)]
    assert len([scope for scope in scopes if scope.startswith("firsts:")]) == 1


@pytest.mark.parametrize("written", ["2001:db8:0:1::1", "[2001:db8:0:1:2::9]:4711", "?", ""])
async def test_what_counts_as_one_source(merchant: Merchant, written: str) -> None:
    """All addresses of a /64, with or without a port, are one source. All values that are no
    address are another one."""
    card = await merchant.card()
    others = [f"2001:db8:0:1:{n:x}::1" for n in range(3)] if "2001" in written else ["a", "b", "-"]
    for source in others:
        await add(merchant, await merchant.session(), card["number"], wrong_pin(card), source)
    session_id = await merchant.session()
    refused = await add(merchant, session_id, card["number"], card["pin"], written)
    assert refused is not None and refused[0] == "too_many_tries"
    found = await read_balance(merchant.ctx, ACCOUNT, card["number"], card["pin"], "2001:db8:1::1")
    assert found is not None


async def test_a_right_try_is_given_back(merchant: Merchant) -> None:
    card = await merchant.card()
    for _ in range(6):
        session_id = await merchant.session()
        assert await add(merchant, session_id, card["number"], card["pin"]) is None
    whole = {"card": 0, "pair": 0, "session": 0, "firsts": 0, "repeats": 0}
    assert await budgets(merchant) == whole
    session_id = await merchant.session()
    await add(merchant, session_id, card["number"], wrong_pin(card))
    assert await add(merchant, session_id, card["number"], card["pin"]) is None
    assert {row.tries for row in await rows(merchant) if "card" in row.scope} == {0}
    assert {row.tries for row in await rows(merchant) if session_id in row.scope} == {1}


async def test_the_window_resets_and_is_not_extended_by_more_tries(merchant: Merchant) -> None:
    card = await merchant.card()
    window = timedelta(seconds=merchant.ctx.settings.pin_tries_window)
    for _ in range(3):
        await add(merchant, await merchant.session(), card["number"], wrong_pin(card))
    knocking, early, late = [
        await merchant.session(expires_at="2100-01-01T00:00:00Z") for _ in range(3)
    ]
    merchant.clock.ahead += window - timedelta(minutes=1)
    # An attempt on a spent budget does not lock the card for another day.
    await add(merchant, knocking, card["number"], wrong_pin(card))
    assert await add(merchant, early, card["number"], card["pin"]) is not None
    merchant.clock.ahead += timedelta(minutes=2)
    assert await add(merchant, late, card["number"], card["pin"]) is None
    shown = [(await merchant.view(s)).gift_card is not None for s in (knocking, early, late)]
    assert shown == [False, False, True]


async def test_what_is_typed_is_nowhere_in_the_database(merchant: Merchant) -> None:
    card = await merchant.card(pin={"format": {"length": 12, "characters": True}})
    session_id = await merchant.session()
    # The text is longer than what an id, a hash or a time contains by chance.
    pin, number = "a wrong PIN 471108154711", "a number 081547110815"
    await add(merchant, session_id, card["number"], pin)
    await add(merchant, session_id, number, card["pin"])
    assert await add(merchant, session_id, card["number"], card["pin"]) is None
    async with merchant.ctx.db.reading() as db:
        connection = await db.connection()
        from sqlalchemy import text

        from backend.tables import metadata

        stored = ""
        for table in metadata.tables:
            found = await connection.execute(text(f'SELECT * FROM "{table}"'))  # noqa: S608
            stored += "".join(repr(tuple(row)) for row in found)
    assert session_id in stored
    typed = (pin[-12:], number[-12:], card["number"], card["pin"])
    for secret in (*typed, SOURCE, merchant.client_secret):
        assert secret not in stored


async def test_what_is_past_its_window_is_deleted(merchant: Merchant) -> None:
    """Without this, every guessed number and every payer's address would leave a permanent row."""
    session_id, card = await merchant.session(), await merchant.card()
    await add(merchant, session_id, "9999999999999999", "1234", "192.0.2.1")
    merchant.clock.ahead += timedelta(seconds=merchant.ctx.settings.pin_tries_window - 60)
    for _ in range(3):
        await add(merchant, session_id, card["number"], wrong_pin(card), "192.0.2.2")
    assert await purge_attempts(merchant.ctx) == 0
    merchant.clock.ahead += timedelta(seconds=60)
    # The session's budget was used again since then.
    assert await purge_attempts(merchant.ctx) == 4
    left = {"session": 4, "card": 3, "pair": 3, "firsts": 1, "repeats": 2}
    assert await budgets(merchant) == left
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    merchant.clock.ahead += timedelta(seconds=merchant.ctx.settings.pin_tries_window + 1)
    worker = start(merchant.ctx)

    async def purged() -> bool:
        return len(await rows(merchant)) == 1

    await until_async(purged, "the worker deletes old tries")
    await worker.stop()
    # A card's attempts count towards its life for as long as it lives.
    assert [(row.scope.split(":")[0], row.life) for row in await rows(merchant)] == [("card", 3)]
