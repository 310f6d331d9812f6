"""Wrong tries are counted before they are checked, and no answer tells which part was wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.cards.budgets import forget_tries
from backend.cards.tables import TryBudget
from backend.errors import GiftCardRefused
from backend.payments.card_balance import read_balance
from backend.sessions import payer
from backend.vault import Vault
from backend.worker import start
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant, sign_in

SOURCE = "203.0.113.7"


@pytest.fixture
async def merchant(database_url: str) -> AsyncIterator[Merchant]:
    """No provider is needed. Three tries a card, five a session, eight a source."""
    merchant = await open_merchant(
        database_url, "http://127.0.0.1:1", "sk_test_x",
        pin_tries_per_card=3, pin_tries_per_session=5, pin_tries_per_source=8,
    )  # fmt: skip
    yield merchant
    await close_merchant(merchant)


@contextmanager
def hashes_counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """How often Argon2 ran: the clock would tell the same, now and then wrongly."""
    ran: list[bool] = []
    real = Vault._verify

    def verify(self: Vault, pin: str, pin_hash: str | None) -> bool:
        ran.append(real(self, pin, pin_hash))
        return ran[-1]

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "_verify", verify)
        yield ran


async def add(
    merchant: Merchant, session_id: str, number: str, pin: str, source: str = SOURCE
) -> tuple[str, str] | None:
    """None where the card was added; what the refusal says else."""
    try:
        await payer.add_gift_card(merchant.ctx, session_id, number, pin, source)
    except GiftCardRefused as error:
        return error.reason, str(error)
    return None


def wrong_pin(card: dict[str, Any]) -> str:
    return "0000" if card["pin"] != "0000" else "1111"


async def budgets(merchant: Merchant) -> dict[str, int]:
    async with merchant.ctx.db.reading() as db:
        return {row.scope.split(":")[0]: row.tries for row in await db.exec(select(TryBudget))}


async def test_unknown_number_wrong_pin_and_spent_budget_are_one_answer(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await merchant.card()
    sessions = [await merchant.session() for _ in range(3)]
    number, pin = card["number"], card["pin"]
    with hashes_counted(monkeypatch) as ran:
        unknown = await add(merchant, sessions[0], "9999999999999999", pin, "a")
        assert ran == [False]
        wrong = await add(merchant, sessions[0], number, wrong_pin(card), "a")
        assert ran == [False, False]
        for _ in range(2):
            await add(merchant, sessions[1], number, wrong_pin(card), "b")
        assert len(ran) == 4
        # Past the card's budget the right PIN is refused, from wherever it comes.
        spent = await add(merchant, sessions[2], number, pin, "c")
        assert ran == [False] * 5
    assert unknown == wrong == spent
    assert unknown is not None and unknown[0] == "not_matched"
    for session_id in sessions:
        assert (await merchant.view(session_id)).gift_card is None
    text = repr(unknown)
    assert number not in text and pin not in text


async def test_a_spent_session_and_a_spent_source(merchant: Merchant) -> None:
    card = await merchant.card()
    session_id, other = await merchant.session(), await merchant.session()
    for number in range(5):
        await add(merchant, session_id, f"{number:016}", "1234", f"source-{number}")
    assert await add(merchant, session_id, card["number"], card["pin"], "fresh") is not None
    assert (await merchant.view(session_id)).gift_card is None
    assert await add(merchant, other, card["number"], card["pin"], "fresh") is None

    for number in range(8):
        fresh = await merchant.session()
        await add(merchant, fresh, f"1{number:015}", "1234", "one house")
    last = await merchant.session()
    assert await add(merchant, last, card["number"], card["pin"], "one house") is not None
    assert await add(merchant, last, card["number"], card["pin"], "another house") is None


@pytest.mark.parametrize("appended", [True, False])
async def test_a_source_is_what_our_proxy_says_of_it(merchant: Merchant, appended: bool) -> None:
    """A proxy appends to the line that the caller sent, or writes one of its own below it; what the
    caller made up is no new source, and no new budget."""
    merchant.ctx.settings.trusted_proxy_hops = 1
    card = await merchant.card()

    async def tried(made_up: str, number: str, pin: str) -> int:
        lines = [f"{made_up}, {SOURCE}"] if appended else [made_up, SOURCE]
        answer = await merchant.api.put(
            f"/v1/view/{await merchant.session()}/session/order/gift_card",
            json={"token": number, "pin": pin},
            headers=[("x-forwarded-for", line) for line in lines],
        )
        return answer.status_code

    for number in range(8):
        assert await tried(f"198.51.100.{number}", f"2{number:015}", "1234") == 400
    assert await tried("198.51.100.99", card["number"], card["pin"]) == 400
    async with merchant.ctx.db.reading() as db:
        scopes = [row.scope for row in await db.exec(select(TryBudget))]
    assert len([scope for scope in scopes if scope.startswith("source:")]) == 1


async def test_all_addresses_of_one_ipv6_network_are_one_source(merchant: Merchant) -> None:
    """Every line has a /64 to itself: 2^64 addresses, each of which would be a fresh budget."""
    card = await merchant.card()
    for number in range(8):
        fresh = await merchant.session()
        await add(merchant, fresh, f"3{number:015}", "1234", f"2001:db8:0:1:{number:x}::1")
    right = (card["number"], card["pin"])
    session_id = await merchant.session()
    assert await add(merchant, session_id, *right, "2001:db8:0:1:ffff::1") is not None
    here = merchant.ctx
    assert await read_balance(here, ACCOUNT, *right, "2001:db8:0:1:ffff::2") is None
    assert await read_balance(here, ACCOUNT, *right, "2001:db8:0:2::1") is not None
    assert await add(merchant, session_id, *right, "2001:db8:0:2::1") is None


async def test_a_spent_source_locks_no_cards(merchant: Merchant) -> None:
    """Else one address could lock every card whose number it knows, long after it may not guess any
    more, and fill the table with numbers that it makes up."""
    card = await merchant.card()
    for number in range(8):
        await add(merchant, await merchant.session(), f"4{number:015}", "1234", "one house")
    async with merchant.ctx.db.reading() as db:
        before = {row.scope for row in await db.exec(select(TryBudget))}
    made_up = [f"5{number:015}" for number in range(3)]
    for number in (*made_up, *[card["number"]] * 5):
        await add(merchant, await merchant.session(), number, wrong_pin(card), "one house")
    async with merchant.ctx.db.reading() as db:
        after = {row.scope for row in await db.exec(select(TryBudget))}
    assert {scope.split(":")[0] for scope in after - before} == {"session"}
    answer = await add(merchant, await merchant.session(), card["number"], card["pin"], "another")
    assert answer is None


async def test_a_right_try_is_given_back(merchant: Merchant) -> None:
    card = await merchant.card()
    for _ in range(6):
        session_id = await merchant.session()
        assert await add(merchant, session_id, card["number"], card["pin"]) is None
    assert await budgets(merchant) == {"card": 0, "session": 0, "source": 0}
    session_id = await merchant.session()
    await add(merchant, session_id, card["number"], wrong_pin(card))
    assert await add(merchant, session_id, card["number"], card["pin"]) is None
    async with merchant.ctx.db.reading() as db:
        tries = {row.tries for row in await db.exec(select(TryBudget))}
    assert tries == {0, 1}


async def test_parallel_tries_cannot_outrun_the_budget(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await merchant.card()
    sessions = [await merchant.session() for _ in range(20)]
    with hashes_counted(monkeypatch) as ran:
        answers = await asyncio.gather(
            *(
                add(merchant, session_id, card["number"], wrong_pin(card), f"source-{i}")
                for i, session_id in enumerate(sessions)
            )
        )
        assert len(set(answers)) == 1 and answers[0] is not None
        assert len(ran) == 20
    fresh = await merchant.session()
    assert await add(merchant, fresh, card["number"], card["pin"], "fresh") is not None

    # Twenty guesses at once, the right one among them: at most three were looked at.
    other = await merchant.card()
    looked_at: list[str | None] = []
    real = Vault._verify

    def verify(self: Vault, pin: str, pin_hash: str | None) -> bool:
        looked_at.append(pin_hash)
        return real(self, pin, pin_hash)

    monkeypatch.setattr(Vault, "_verify", verify)
    pins = [f"{(int(other['pin']) + 1 + i) % 10000:04}" for i in range(20)]
    await asyncio.gather(
        *(
            add(merchant, session_id, other["number"], pin, f"x-{i}")
            for i, (session_id, pin) in enumerate(zip(sessions, pins, strict=True))
        )
    )
    assert len(looked_at) == 20
    assert sum(1 for pin_hash in looked_at if pin_hash is not None) == 3


async def test_the_window_resets_and_is_not_extended_by_more_tries(merchant: Merchant) -> None:
    card = await merchant.card()
    window = timedelta(seconds=merchant.ctx.settings.pin_tries_window)
    for number in range(3):
        await add(merchant, await merchant.session(), card["number"], wrong_pin(card), f"{number}")
    knocking, early, late = [
        await merchant.session(expires_at="2100-01-01T00:00:00Z") for _ in range(3)
    ]
    merchant.clock.ahead += window - timedelta(minutes=1)
    # Knocking on a spent budget does not lock the card for another day.
    await add(merchant, knocking, card["number"], wrong_pin(card), "knock")
    assert await add(merchant, early, card["number"], card["pin"], "a") is not None
    merchant.clock.ahead += timedelta(minutes=2)
    assert await add(merchant, late, card["number"], card["pin"], "b") is None
    shown = [(await merchant.view(s)).gift_card is not None for s in (knocking, early, late)]
    assert shown == [False, False, True]


async def test_what_is_typed_is_nowhere_in_the_database(merchant: Merchant) -> None:
    card = await merchant.card(pin={"format": {"length": 12, "characters": True}})
    session_id = await merchant.session()
    # Longer than what an id, a hash or a moment holds by chance.
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
            rows = await connection.execute(text(f'SELECT * FROM "{table}"'))  # noqa: S608
            stored += "".join(repr(tuple(row)) for row in rows)
    assert session_id in stored
    typed = (pin[-12:], number[-12:], card["number"], card["pin"])
    for secret in (*typed, SOURCE, merchant.client_secret):
        assert secret not in stored


async def test_what_is_past_its_window_is_deleted(merchant: Merchant) -> None:
    """Every number that is ever guessed, and every payer's address, would leave a row for good."""
    session_id, card = await merchant.session(), await merchant.card()
    await add(merchant, session_id, "9999999999999999", "1234", "a")
    merchant.clock.ahead += timedelta(seconds=merchant.ctx.settings.pin_tries_window - 60)
    for _ in range(3):
        await add(merchant, session_id, card["number"], wrong_pin(card), "b")
    assert await forget_tries(merchant.ctx) == 0
    merchant.clock.ahead += timedelta(seconds=60)
    # The session's was tried again since.
    assert await forget_tries(merchant.ctx) == 2
    assert await budgets(merchant) == {"session": 4, "card": 3, "source": 3}
    # What is left still counts: past the card's budget its right PIN is refused.
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    again = await merchant.session()
    assert await add(merchant, again, card["number"], card["pin"], "c") is not None
    merchant.clock.ahead += timedelta(seconds=merchant.ctx.settings.pin_tries_window + 1)
    worker = start(merchant.ctx)
    for _ in range(50):
        if not await budgets(merchant):
            break
        await asyncio.sleep(0.1)
    await worker.stop()
    assert await budgets(merchant) == {}
