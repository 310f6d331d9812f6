"""A stranger guesses PINs. The tests check the cost for the owner, the neighbours and the
processor, and how many guesses are ever checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from backend.rules.pin_budget import HOUR
from tests.support.checkout import Merchant, close_merchant, open_merchant
from tests.support.pins import (
    MATCHED,
    NOT_MATCHED,
    add,
    counters,
    guess,
    later,
    look,
    patient,
    stand_still,
    use_up,
    wrong,
)

DAY = 24 * 3600
STRANGER, OWNER = "203.0.113.7", "198.51.100.20"


@pytest.fixture
async def merchant(database_url: str) -> AsyncIterator[Merchant]:
    """The budgets have their defaults, the clock stands still until a test moves it, and there is
    no provider."""
    merchant = await open_merchant(database_url, "http://127.0.0.1:1", "sk_test_x")
    stand_still(merchant)
    yield merchant
    await close_merchant(merchant)


# --- the owner -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [guess, look])
async def test_ten_wrong_tries_by_a_stranger_do_not_lock_the_owner_out(
    merchant: Merchant, way: Callable[[Merchant, str, str, str], Awaitable[tuple[str, int]]]
) -> None:
    card = await merchant.card()
    await use_up(merchant, card, 10, STRANGER)
    reason, seconds = await guess(merchant, card["number"], card["pin"], STRANGER)
    assert reason == "too_many_tries", "the stranger guesses no more, not even rightly"
    assert DAY - 3600 < seconds <= DAY
    assert await way(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)


async def test_the_owner_is_in_time_every_day(merchant: Merchant) -> None:
    """The stranger makes ten attempts a day, as long as the card's lifetime budget allows."""
    card = await merchant.card()
    for _ in range(4):
        await use_up(merchant, card, 10, STRANGER)
        assert await look(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
        await later(merchant, DAY + 1)


@pytest.mark.parametrize(("step", "looked_at"), [(0, 10), (1, 20), (256, 30)])
async def test_a_whole_ipv6_customer_does_not_use_up_the_day_of_a_card(
    merchant: Merchant, checked: list[bool], step: int, looked_at: int
) -> None:
    """Each of many addresses of one /64, many /64 of one /56 and many /56 of one /48 could be a
    fresh budget."""
    card = await merchant.card()
    for number in range(60):
        source = f"2001:db8:7:{number * step:x}::{number:x}"
        await patient(merchant, card["number"], wrong(card, 1 + number % 3), source)
    assert checked == [False] * looked_at
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
    assert await guess(merchant, card["number"], card["pin"], "2001:db8:8::1") == (MATCHED, 0)


async def test_temporary_tokens_of_a_card_are_one_card(
    merchant: Merchant, checked: list[bool]
) -> None:
    card = await merchant.card()
    path = f"/v1/accounts/T12345678/wallets/cards/{card['card_id']}/tokens"
    numbers = [card["number"]]
    for ref in ("a", "b"):
        made = await merchant.post(path, {"ref_id": ref, "expires_in": 3000})
        numbers.append(made["token"]["value"])
    for number in numbers * 5:
        await patient(merchant, number, wrong(card), STRANGER)
    assert len(checked) == 10
    for number in numbers:
        assert (await look(merchant, number, card["pin"], STRANGER))[0] == "too_many_tries"
        assert await look(merchant, number, card["pin"], OWNER) == (MATCHED, 0)


async def test_a_shops_own_server_leaves_some_of_the_day_to_the_checkout(
    merchant: Merchant, checked: list[bool]
) -> None:
    """A stranger who guesses through the shop's form uses the shop's own token."""
    card = await merchant.card()
    path = "/v1/accounts/T12345678/wallets/info"
    body = {"token": card["number"], "pin": wrong(card)}
    answers = [(await merchant.api.post(path, json=body)).status_code for _ in range(40)]
    assert answers == [404] * 30 + [429] * 10
    assert checked == [False] * 30
    refused = await merchant.api.post(path, json=body | {"pin": card["pin"]})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= DAY
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)


# --- many strangers ------------------------------------------------------------------------------


async def test_many_strangers_have_fifty_tries_a_day_and_two_hundred_in_all(
    merchant: Merchant, checked: list[bool]
) -> None:
    card = await merchant.card()
    for day in range(4):
        await use_up(merchant, card, 50, f"203.0.{day}.{{}}")
        assert checked == [False] * 50
        for fresh in range(3):
            answer = await guess(merchant, card["number"], card["pin"], f"192.0.2.{fresh}")
            assert answer[0] == "too_many_tries"
        assert checked == [False] * 50, "nothing more was looked at"
        checked.clear()
        await later(merchant, DAY + 1)
    answer = await guess(merchant, card["number"], card["pin"], OWNER)
    assert answer == ("too_many_tries", DAY), "from now on the card has to be unlocked"
    await later(merchant, 30 * DAY)
    assert (await guess(merchant, card["number"], card["pin"], OWNER))[0] == "too_many_tries"
    assert checked == []


async def test_a_flood_at_once_does_not_outrun_the_budgets(
    merchant: Merchant, checked: list[bool]
) -> None:
    """Sixty addresses send sixty guesses at the same moment. One of them is right."""
    card = await merchant.card()
    sessions = [await merchant.session() for _ in range(60)]
    answers = await asyncio.gather(
        *(
            add(merchant, session, card["number"], wrong(card, n + 1), f"203.0.113.{n}")
            for n, session in enumerate(sessions)
        )
    )
    assert len(checked) == 50
    assert sorted({reason for reason, _ in answers}) == [NOT_MATCHED, "too_many_tries"]
    assert [reason for reason, _ in answers].count(NOT_MATCHED) == 50


async def test_one_address_at_once_has_its_ten(merchant: Merchant, checked: list[bool]) -> None:
    merchant.ctx.settings.pin_repeated_mistakes_per_source = 100
    card = await merchant.card()
    sessions = [await merchant.session() for _ in range(30)]
    await asyncio.gather(
        *(
            add(merchant, session, card["number"], wrong(card, n + 1), STRANGER)
            for n, session in enumerate(sessions)
        )
    )
    assert checked == [False] * 10


# --- the neighbours ------------------------------------------------------------------------------


async def test_first_mistakes_of_many_payers_keep_nobody_waiting(merchant: Merchant) -> None:
    """A school, an office or a phone company has one address. Each payer there mistypes once, some
    of them the number and some the PIN."""
    cards = [await merchant.card() for _ in range(6)]
    for payer in range(80):
        card = cards[payer % 6]
        number = card["number"] if payer < 12 else f"{payer:016}"
        answer = await guess(merchant, number, wrong(card), STRANGER)
        assert answer == (NOT_MATCHED, 0), payer
    fresh = await merchant.card()
    assert await guess(merchant, fresh["number"], fresh["pin"], STRANGER) == (MATCHED, 0)
    assert await look(merchant, fresh["number"], fresh["pin"], STRANGER) == (MATCHED, 0)


async def test_who_goes_on_waits_longer_and_longer_and_neighbours_do_not(
    merchant: Merchant,
) -> None:
    cards = [await merchant.card() for _ in range(3)]
    waits = []
    for card in cards[:2]:
        for _ in range(9):
            reason, seconds = await guess(merchant, card["number"], wrong(card), STRANGER)
            if reason == "wait":
                waits.append(seconds)
                await later(merchant, seconds)
                await guess(merchant, card["number"], wrong(card), STRANGER)
    assert waits == sorted(waits), waits
    assert waits[:3] == [2, 4, 8]
    assert len(waits) >= 6 and waits[-1] > 32
    reason, seconds = await guess(merchant, cards[0]["number"], wrong(cards[0]), STRANGER)
    assert reason in ("wait", "too_many_tries")
    neighbour = cards[2]
    assert await guess(merchant, neighbour["number"], neighbour["pin"], STRANGER) == (MATCHED, 0)
    # An hour later all budgets except the cards' own are full again.
    await later(merchant, HOUR.total_seconds())
    fresh = await merchant.card()
    for _ in range(5):
        assert await guess(merchant, fresh["number"], wrong(fresh), STRANGER) == (NOT_MATCHED, 0)


async def test_one_try_at_each_of_very_many_numbers_is_slowed_down(merchant: Merchant) -> None:
    """At every step the answers are the same for numbers that exist and for others."""
    merchant.ctx.settings.pin_first_mistakes_per_source = 20
    cards = [await merchant.card() for _ in range(14)]
    known, made_up = [], []
    for place in range(28):
        card = cards[place // 2]
        known.append(await guess(merchant, card["number"], wrong(card, 1 + place), STRANGER))
        made_up.append(await guess(merchant, f"9{place // 2:015}", "1234", "203.0.113.8"))
    assert known == made_up
    assert known[:21] == [(NOT_MATCHED, 0)] * 21
    assert {reason for reason, _ in known[21:]} == {"wait"}
    await later(merchant, HOUR.total_seconds())
    assert await guess(merchant, cards[-1]["number"], cards[-1]["pin"], STRANGER) == (MATCHED, 0)


# --- what is given back --------------------------------------------------------------------------


async def test_a_right_pin_gives_back_the_tries_at_this_card(merchant: Merchant) -> None:
    card = await merchant.card()
    for _ in range(4):
        for _ in range(4):
            assert (await patient(merchant, card["number"], wrong(card), OWNER))[0] == NOT_MATCHED
        assert await patient(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
    rows = await counters(merchant)
    own = next(row for scope, row in rows.items() if scope.startswith("card:"))
    assert (own.tries, own.life) == (0, 0)
    pairs = [row.tries for scope, row in rows.items() if scope.startswith("pair:")]
    assert pairs == [0]


async def test_a_right_pin_gives_back_nobody_elses_tries(merchant: Merchant) -> None:
    card = await merchant.card()
    await use_up(merchant, card, 10, STRANGER)
    await patient(merchant, card["number"], wrong(card), OWNER)
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
    rows = await counters(merchant)
    own = next(row for scope, row in rows.items() if scope.startswith("card:"))
    assert (own.tries, own.life) == (10, 10)
    assert (await guess(merchant, card["number"], card["pin"], STRANGER))[0] == "too_many_tries"


async def test_a_card_of_their_own_washes_away_no_guesses_at_others(merchant: Merchant) -> None:
    """A stranger with a card guesses at others, and gives the right PIN of the own card in
    between."""
    own, victim, other = [await merchant.card() for _ in range(3)]
    session = await merchant.session()
    for number in range(9):
        number_typed = victim["number"] if number % 2 else other["number"]
        answer = await add(merchant, session, number_typed, wrong(victim, 1 + number), STRANGER)
        if answer[0] == "wait":
            await later(merchant, answer[1])
            await add(merchant, session, number_typed, wrong(victim, 1 + number), STRANGER)
    before = {
        scope: (row.tries, row.score)
        for scope, row in (await counters(merchant)).items()
        if own["card_id"] not in scope
    }
    for _ in range(5):
        assert await guess(merchant, own["number"], own["pin"], STRANGER) == (MATCHED, 0)
        assert await look(merchant, own["number"], own["pin"], STRANGER) == (MATCHED, 0)
    after = {scope: (row.tries, row.score) for scope, row in (await counters(merchant)).items()}
    assert {scope: after[scope] for scope in before} == before
    reason, _ = await add(merchant, session, victim["number"], wrong(victim), STRANGER)
    assert reason == "wait"
