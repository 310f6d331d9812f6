"""The merchant hears of guesses at a card before anybody is refused, and unlocks the card."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from backend.accounts.clients import create_client
from backend.cards.pin_attempts import purge_attempts
from backend.cli.main import main
from backend.outbox.tables import Delivery
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant, sign_in
from tests.support.hooks import HOOKS
from tests.support.pins import (
    MATCHED,
    NOT_MATCHED,
    add,
    card_events,
    counters,
    guess,
    later,
    look,
    patient,
    stand_still,
    wrong,
)

WALLETS = f"/v1/accounts/{ACCOUNT}/wallets"
EVENT = "wallet_card_pin_attempts"
DAY = 24 * 3600
STRANGERS, OWNER = "203.0.113.{}", "198.51.100.20"


@pytest.fixture
async def merchant(database_url: str) -> AsyncIterator[Merchant]:
    """Each address has two PIN attempts a day, and a card eight a day and twenty in its life."""
    merchant = await open_merchant(
        database_url,
        "http://127.0.0.1:1",
        "sk_test_x",
        allow_insecure_callbacks=True,
        pin_tries_per_card_and_source=2,
        pin_tries_per_card=8,
        pin_tries_per_card_life=20,
    )
    stand_still(merchant)
    yield merchant
    await close_merchant(merchant)


async def strangers(merchant: Merchant, card: dict[str, Any], times: int, network: str) -> None:
    """Make this number of wrong attempts, two from each address."""
    for number in range(times):
        source = f"{network}.{number // 2 + 1}"
        await later(merchant, 1)
        answer = await guess(merchant, card["number"], wrong(card, 1 + number), source)
        assert answer == (NOT_MATCHED, 0)


async def told(merchant: Merchant) -> list[dict[str, Any]]:
    """Return the events that the merchant's subscription receives, in order."""
    async with merchant.ctx.db.reading() as db:
        query = select(Delivery).where(Delivery.event == EVENT).order_by(col(Delivery.created_at))
        return [delivery.body or {} for delivery in await db.exec(query)]


async def lock(merchant: Merchant, card: dict[str, Any]) -> None:
    for day, times in enumerate((8, 8, 4)):
        await strangers(merchant, card, times, f"203.0.{day}")
        await later(merchant, DAY + 1)
    reason, _ = await guess(merchant, card["number"], card["pin"], OWNER)
    assert reason == "too_many_tries"


async def attempts(merchant: Merchant, card: dict[str, Any]) -> Any:
    return (await merchant.get(f"{WALLETS}/cards/{card['card_id']}"))["pin_attempts"]


async def test_the_merchant_is_told_once_of_each_half_and_of_the_lock(merchant: Merchant) -> None:
    await merchant.post(HOOKS, {"config": {"url": "http://127.0.0.1:1/hook"}, "events": [EVENT]})
    card = await merchant.card()
    await strangers(merchant, card, 3, "203.0.0")
    assert await told(merchant) == []
    assert await attempts(merchant, card) == {"wrong_today": 3, "wrong_total": 3, "locked": False}
    await guess(merchant, card["number"], wrong(card), OWNER)
    (first,) = await told(merchant)
    assert (first["event"], first["account_id"], first["reason"]) == (EVENT, ACCOUNT, "half_of_day")
    assert first["card"]["card_id"] == card["card_id"]
    assert first["card"]["pin_attempts"] == {"wrong_today": 4, "wrong_total": 4, "locked": False}
    assert card["number"] not in repr(first)
    # The owner restores an attempt and a stranger uses it again. The merchant hears nothing new.
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
    await strangers(merchant, card, 4, "203.0.2")
    assert len(await told(merchant)) == 1
    await later(merchant, DAY + 1)
    await strangers(merchant, card, 8, "203.0.3")
    await later(merchant, DAY + 1)
    await strangers(merchant, card, 5, "203.0.4")
    reasons = [one["reason"] for one in await told(merchant)]
    assert reasons == ["half_of_day", "half_of_life", "half_of_day", "half_of_day", "locked"]
    kinds = [event.name for event in await card_events(merchant)]
    assert kinds == [f"PIN_{reason.upper()}" for reason in reasons]


async def test_guesses_at_numbers_that_do_not_exist_tell_nobody(merchant: Merchant) -> None:
    for number in range(8):
        await guess(merchant, "9" * 16, "1234", STRANGERS.format(number // 2))
    assert await card_events(merchant) == []


async def test_unlock_by_api_is_safe_to_repeat_and_says_who_and_why(merchant: Merchant) -> None:
    card, other = await merchant.card(), await merchant.card()
    await lock(merchant, card)
    assert await attempts(merchant, card) == {"wrong_today": 0, "wrong_total": 20, "locked": True}
    await strangers(merchant, other, 8, "203.0.9")
    path = f"{WALLETS}/cards/{card['card_id']}/unlock"
    first = await merchant.post(path, {"reason": "the owner came to the shop"})
    whole = {"wrong_today": 0, "wrong_total": 0, "locked": False}
    assert (first["card_id"], first["pin_attempts"]) == (card["card_id"], whole)
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
    again = await merchant.post(path)
    assert again == first
    unlocked = [e for e in await card_events(merchant) if e.name == "PIN_UNLOCKED"]
    assert [(e.created_by, e.reason) for e in unlocked] == [
        (merchant.client_id, "the owner came to the shop")
    ]
    assert unlocked[0].details == {"wrong_today": 0, "wrong_total": 20, "locked": True}
    # The budgets are full and count again. Another card's budgets are unchanged.
    await strangers(merchant, card, 8, "203.0.7")
    assert (await attempts(merchant, card))["wrong_total"] == 8
    assert (await guess(merchant, other["number"], other["pin"], OWNER))[0] == "too_many_tries"


async def test_unlock_opens_the_card_to_who_mistyped_too_often(merchant: Merchant) -> None:
    card = await merchant.card()
    for _ in range(2):
        await guess(merchant, card["number"], wrong(card), OWNER)
    assert (await guess(merchant, card["number"], card["pin"], OWNER))[0] == "too_many_tries"
    await merchant.post(f"{WALLETS}/cards/{card['card_id']}/unlock", {})
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)


async def test_unlock_needs_the_scope_and_the_account(merchant: Merchant) -> None:
    card = await merchant.card()
    await strangers(merchant, card, 4, "203.0.0")
    path = f"{WALLETS}/cards/{card['card_id']}/unlock"
    reader = await create_client(merchant.ctx, ACCOUNT, frozenset({"read:wallets"}))
    own = merchant.client_id, merchant.client_secret
    merchant.client_id, merchant.client_secret = reader.client_id, reader.client_secret
    token = await sign_in(merchant)
    merchant.client_id, merchant.client_secret = own
    headers = {"authorization": f"Bearer {token}"}
    assert (await merchant.api.post(path, headers=headers)).status_code == 403
    assert (await merchant.api.post(path, headers={"authorization": ""})).status_code == 401
    assert (await merchant.api.post(path.replace(ACCOUNT, "T87654321"))).status_code == 403
    missing = f"{WALLETS}/cards/no-such-card/unlock"
    assert (await merchant.api.post(missing)).status_code == 404
    assert (await merchant.api.post(path, json={"reason": "x" * 256})).status_code == 400
    assert (await attempts(merchant, card))["wrong_total"] == 4


async def test_tries_are_for_the_merchants_eyes(merchant: Merchant) -> None:
    card = await merchant.card(customer_id="kari")
    await strangers(merchant, card, 4, "203.0.0")
    listed = await merchant.get(f"{WALLETS}/cards")
    assert listed["cards"][0]["pin_attempts"]["wrong_today"] == 4
    plain = await merchant.post(
        f"{WALLETS}/cards", {"card_id": "no pin", "amount": 5, "currency": "NOK"}
    )
    assert "pin_attempts" not in plain
    assert "pin_attempts" not in await merchant.get(f"{WALLETS}/cards/no pin")
    info = await merchant.post(f"{WALLETS}/info", {"token": card["number"], "pin": card["pin"]})
    assert "pin_attempts" not in info


async def test_a_new_pin_unlocks_and_is_written_down(merchant: Merchant) -> None:
    card = await merchant.card()
    await lock(merchant, card)
    made = await merchant.post(f"{WALLETS}/cards/{card['card_id']}/rotate-pin")
    pin = made["pin"]["pin"]["value"]
    assert await look(merchant, card["number"], pin, OWNER) == (MATCHED, 0)
    if pin != card["pin"]:
        assert await look(merchant, card["number"], card["pin"], OWNER) == (NOT_MATCHED, 0)
    (event,) = [e for e in await card_events(merchant) if e.name == "PIN_UNLOCKED"]
    assert (event.created_by, event.reason) == (merchant.client_id, "a new PIN")


async def test_the_life_of_a_card_is_never_forgotten_and_all_else_is(merchant: Merchant) -> None:
    card = await merchant.card()
    await strangers(merchant, card, 8, "203.0.0")
    await guess(merchant, "9" * 16, "1234", STRANGERS.format(200))
    assert await purge_attempts(merchant.ctx) == 0
    await later(merchant, DAY + 3601)
    assert await purge_attempts(merchant.ctx) > 10
    rows = await counters(merchant)
    assert [(row.life, row.tries) for row in rows.values()] == [(8, 8)]
    await later(merchant, 400 * DAY)
    assert await purge_attempts(merchant.ctx) == 0
    assert (await attempts(merchant, card))["wrong_total"] == 8
    assert await patient(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)


async def test_what_was_written_down_cannot_be_changed(merchant: Merchant) -> None:
    card = await merchant.card()
    await strangers(merchant, card, 4, "203.0.0")
    for statement in ("UPDATE card_event SET by = 'nobody'", "DELETE FROM card_event"):
        with pytest.raises(DBAPIError):
            async with merchant.ctx.db.unit_of_work() as db:
                await (await db.connection()).execute(text(statement))
    assert [event.name for event in await card_events(merchant)] == ["PIN_HALF_OF_DAY"]


async def test_unlocks_and_tries_at_once_end(merchant: Merchant) -> None:
    """They lock the same rows, and no two of them wait for each other."""
    card = await merchant.card()
    path = f"{WALLETS}/cards/{card['card_id']}"
    sessions = [await merchant.session() for _ in range(12)]

    async def try_once(place: int) -> None:
        await add(merchant, sessions[place], card["number"], wrong(card, place), f"203.0.0.{place}")

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(try_once(place) for place in range(12)),
            *(merchant.post(f"{path}/unlock") for _ in range(4)),
            *(merchant.post(f"{path}/rotate-pin") for _ in range(3)),
        )
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)


def test_unlock_by_command(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command runs in another process than the checkout. It needs the secret, and sees what the
    checkout wrote."""

    async def begin() -> tuple[dict[str, Any], Merchant]:
        made = await open_merchant(
            database_url, "http://127.0.0.1:1", "sk_test_x", pin_tries_per_card_and_source=2
        )
        stand_still(made)
        card = await made.card()
        await strangers(made, card, 2, "203.0.0")
        await close_merchant(made)
        return card, made

    async def end(card: dict[str, Any]) -> None:
        made = await open_merchant(
            database_url, "http://127.0.0.1:1", "sk_test_x", pin_tries_per_card_and_source=2
        )
        answer = await guess(made, card["number"], card["pin"], "203.0.0.1")
        assert answer == (MATCHED, 0)
        (event,) = await card_events(made)
        assert (event.name, event.created_by, event.reason) == (
            "PIN_UNLOCKED",
            "kari",
            "asked at the till",
        )
        await close_merchant(made)

    card, _ = asyncio.run(begin())
    monkeypatch.setenv("GAVEKORT_DATABASE_URL", database_url)
    monkeypatch.setenv("GAVEKORT_SECRET_KEY", "a master secret of the tests, long enough")
    said = ("--by", "kari", "--reason", "asked at the till")
    for _ in range(2):
        assert main(["card", "unlock", ACCOUNT, card["card_id"], *said]) == 0
        assert capsys.readouterr().out == f"{card['card_id']} is unlocked\n"
    assert main(["card", "unlock", ACCOUNT, "no-such-card", *said]) == 2
    with pytest.raises(SystemExit):
        main(["card", "unlock", ACCOUNT, card["card_id"]])
    asyncio.run(end(card))
