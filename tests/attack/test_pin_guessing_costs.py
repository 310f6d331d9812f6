"""The tests check what the answers tell a stranger who guesses PINs, and what the guesses cost
us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher

from tests.support.checkout import Merchant, close_merchant, open_merchant
from tests.support.pins import (
    MATCHED,
    NOT_MATCHED,
    add,
    counters,
    guess,
    later,
    make_old,
    over_http,
    row_of,
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


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect every PIN for which Argon2 was computed."""
    ran: list[str] = []
    real = PasswordHasher.verify

    def verify(self: PasswordHasher, pin_hash: str, pin: str) -> bool:
        ran.append(pin_hash)
        return bool(real(self, pin_hash, pin))

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    return ran


# --- the owner -----------------------------------------------------------------------------------


async def test_unknown_numbers_answer_as_known_ones_in_every_state(merchant: Merchant) -> None:
    """The steps are a mistake, a wait, a spent pair, a spent day and a locked card."""
    merchant.ctx.settings.pin_tries_per_card = 12
    merchant.ctx.settings.pin_tries_per_card_life = 24
    card = await merchant.card()
    sessions = {}
    seen: dict[str, list[tuple[int, str | None, str]]] = {"known": [], "unknown": []}
    for day in range(3):
        for place in range(16):
            for kind, number in (("known", card["number"]), ("unknown", "9" * 16)):
                # The same steps come from two addresses, so that neither disturbs the other.
                source = (
                    f"{'203.0.113' if kind == 'known' else '198.51.100'}.{10 * day + place // 8}"
                )
                sessions[kind] = await merchant.session()
                answer = await over_http(merchant, sessions[kind], number, wrong(card), source)
                text = answer.text.replace(sessions[kind], "")
                seen[kind].append((answer.status_code, answer.headers.get("retry-after"), text))
            await later(merchant, 3600)
        await later(merchant, DAY)
    assert seen["known"] == seen["unknown"]
    statuses = {status for status, _, _ in seen["known"]}
    assert statuses == {400, 429}
    assert seen["known"][-1][:2] == (429, str(DAY)), "both are locked by now"
    body = seen["known"][-1][2]
    assert card["number"] not in body and "lock" not in body


async def test_a_refusal_says_when_and_holds_nothing_open(merchant: Merchant) -> None:
    card = await merchant.card()
    session = await merchant.session()
    statuses = []
    for _ in range(7):
        answer = await over_http(merchant, session, card["number"], wrong(card), STRANGER)
        statuses.append(answer.status_code)
    assert statuses == [400] * 6 + [429]
    assert answer.headers["retry-after"] == "2"
    error = answer.json()["error"]
    assert (error["code"], error["errors"][0]["code"]) == ("TOO_MANY_REQUESTS", "wait")
    assert (await merchant.view(session)).gift_card is None
    # An attempt during the wait does not make the wait longer.
    for _ in range(5):
        answer = await over_http(merchant, session, card["number"], card["pin"], STRANGER)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    await later(merchant, 2)
    answer = await over_http(merchant, session, card["number"], card["pin"], STRANGER)
    assert answer.status_code == 200, answer.text


# --- the processor -------------------------------------------------------------------------------


async def test_no_guess_costs_a_slow_hash(
    merchant: Merchant, hashed: list[str], checked: list[bool]
) -> None:
    card = await merchant.card()
    for number in (card["number"], "9" * 16):
        for place in range(20):
            await guess(merchant, number, wrong(card), f"203.0.113.{place % 3}")
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
    assert hashed == []
    assert checked[-1] is True


async def test_knocking_on_a_spent_budget_costs_no_look_into_the_database(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await merchant.card()
    session = await merchant.session()
    await use_up(merchant, card, 10, STRANGER)
    assert (await add(merchant, session, card["number"], wrong(card), STRANGER))[1] > 0
    before = {scope: row.model_dump() for scope, row in (await counters(merchant)).items()}

    def never(*_args: object, **_more: object) -> None:
        raise AssertionError("the database was asked")

    with monkeypatch.context() as patch:
        patch.setattr(merchant.ctx.db, "reading", never)
        patch.setattr(merchant.ctx.db, "unit_of_work", never)
        for _ in range(50):
            answer = await add(merchant, session, card["number"], wrong(card), STRANGER)
            assert answer[0] == "too_many_tries"
    after = {scope: row.model_dump() for scope, row in (await counters(merchant)).items()}
    assert after == before


async def test_who_is_refused_fills_no_table(merchant: Merchant) -> None:
    merchant.ctx.settings.pin_first_mistakes_per_source = 5
    for number in range(6):
        await guess(merchant, f"4{number:015}", "1234", STRANGER)
    before = set(await counters(merchant))
    for number in range(20):
        reason, _ = await guess(merchant, f"5{number:015}", "1234", STRANGER)
        assert reason == "wait"
    assert set(await counters(merchant)) == before


# --- PINs that are kept as slow hashes ---------------------------------------------------------


async def test_an_old_pin_becomes_a_mac_at_the_next_right_try(
    merchant: Merchant, hashed: list[str]
) -> None:
    card = await merchant.card()
    old = await make_old(merchant, card)
    assert await guess(merchant, card["number"], wrong(card), OWNER) == (NOT_MATCHED, 0)
    assert (await row_of(merchant, card)).pin_hash == old
    assert hashed == [old]
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
    row = await row_of(merchant, card)
    assert (row.pin_key, row.pin_version) == ("1", 0)
    assert row.pin_hash is not None and ":" in row.pin_hash and card["pin"] != row.pin_hash
    assert hashed == [old, old]
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
    assert await guess(merchant, card["number"], wrong(card), OWNER) == (NOT_MATCHED, 0)
    assert len(hashed) == 2
    rows = await counters(merchant)
    assert [row.tries for scope, row in rows.items() if scope.startswith("pair:")] == [1]


async def test_a_spent_budget_costs_no_slow_hash_of_an_old_pin_either(
    merchant: Merchant, hashed: list[str]
) -> None:
    """Forty attempts arrive at once, again and again."""
    merchant.ctx.settings.pin_repeated_mistakes_per_source = 100
    card = await merchant.card()
    await make_old(merchant, card)
    sessions = [await merchant.session() for _ in range(40)]
    for _ in range(3):
        await asyncio.gather(
            *(add(merchant, s, card["number"], wrong(card), STRANGER) for s in sessions)
        )
    assert len(hashed) == 10
    assert await guess(merchant, card["number"], card["pin"], OWNER) == (MATCHED, 0)
