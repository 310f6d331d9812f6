"""Strangers guess discount codes. Without limits 300 guesses found one in 12 seconds."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from backend.core import context
from backend.core.errors import SessionChanged, TooManyRequests
from backend.limits import rules
from backend.sessions.express_callbacks import MAX_ASKS, set_discount_codes
from tests.support.callback_server import CallbackServer
from tests.support.checkout import Merchant, close_merchant, open_merchant
from tests.support.limits import ELSEWHERE, SOURCE, Stranger, check_refused, stand_still
from tests.support.pins import advance

RIGHT = "SPRING"
WRONG_IN_A_SESSION = rules.DISCOUNT_SESSION.amount // 3
WRONG_FROM_A_SOURCE = rules.DISCOUNT_SOURCE.amount // 3


@pytest.fixture
def shop() -> Iterator[CallbackServer]:
    with CallbackServer().running() as server:
        server.answer = _answer
        yield server


def _answer(asked: dict[str, Any]) -> tuple[int, bytes]:
    taken = [code for code in asked["order"]["discount_codes"] if code.startswith(RIGHT)]
    order = {"amount": asked["order"]["amount"], "discount_codes": taken}
    return 200, json.dumps({"order": order}).encode()


@pytest.fixture
async def local(merchant: Merchant) -> Merchant:
    merchant.ctx.settings.allow_insecure_callbacks = True
    stand_still(merchant)
    return merchant


async def open_session(local: Merchant, shop: CallbackServer, maximum: int = 1) -> str:
    express = {"discount_codes": {"max_count": maximum, "callback_url": shop.url}}
    return await local.session(40000, express={"shipping_options": [], **express})


async def tried(stranger: Stranger, session_id: str, *codes: str) -> httpx.Response:
    path = f"/v1/view/{session_id}/session/order/discount_codes"
    return await stranger.call("PUT", path, json={"discount_codes": list(codes)})


async def test_guesses_in_one_session(local: Merchant, shop: CallbackServer) -> None:
    session_id, stranger = await open_session(local, shop), Stranger(local)
    for number in range(WRONG_IN_A_SESSION):
        assert (await tried(stranger, session_id, f"G{number}")).status_code == 204
    wait = check_refused(await tried(stranger, session_id, RIGHT), 3600)
    assert len(shop.asked) == WRONG_IN_A_SESSION  # the shop gets no request
    assert wait == 360  # a wrong code costs three of thirty an hour
    assert (await local.view(session_id)).discount_codes == ()
    # From another address it is still the same session.
    check_refused(await tried(stranger.at(ELSEWHERE), session_id, RIGHT), 3600)
    advance(local, timedelta(seconds=wait))
    assert (await tried(stranger, session_id, RIGHT)).status_code == 200
    assert (await local.view(session_id)).discount_codes == (RIGHT,)


async def test_guesses_over_many_sessions(local: Merchant, shop: CallbackServer) -> None:
    """A guesser fills a new basket for every ten guesses."""
    stranger, through = Stranger(local), 0
    for _ in range(2 + WRONG_FROM_A_SOURCE // WRONG_IN_A_SESSION):
        session_id = await open_session(local, shop)
        for number in range(WRONG_IN_A_SESSION):
            answer = await tried(stranger, session_id, f"G{number}")
            through += answer.status_code == 204
    assert through == WRONG_FROM_A_SOURCE == len(shop.asked)
    check_refused(await tried(stranger, await open_session(local, shop), RIGHT), 3600)
    # Honest payers at other addresses still use their codes.
    fresh = await open_session(local, shop)
    assert (await tried(stranger.at(ELSEWHERE), fresh, RIGHT)).status_code == 200


async def test_guesses_at_the_same_time(local: Merchant, shop: CallbackServer) -> None:
    session_id, stranger = await open_session(local, shop), Stranger(local)
    answers = await asyncio.gather(
        *(tried(stranger, session_id, f"G{number}") for number in range(40))
    )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(429) == 40 - WRONG_IN_A_SESSION
    # A payer who finds the order changed each time is told so and is not counted again.
    assert statuses.count(204) + statuses.count(409) == WRONG_IN_A_SESSION
    assert statuses.count(204) > 0
    check_asked(shop)


def check_asked(shop: CallbackServer) -> None:
    """The shop has received as many codes as one session may guess, each at most a few times."""
    codes = Counter(code for asked in shop.asked for code in asked["order"]["discount_codes"])
    assert len(codes) == WRONG_IN_A_SESSION
    assert max(codes.values()) <= MAX_ASKS


async def test_several_guesses_in_one_request(local: Merchant, shop: CallbackServer) -> None:
    session_id, stranger = await open_session(local, shop, maximum=10), Stranger(local)
    for number in range(2):
        codes = [f"G{number}{place}" for place in range(WRONG_IN_A_SESSION // 2)]
        assert (await tried(stranger, session_id, *codes)).status_code == 204
    check_refused(await tried(stranger, session_id, RIGHT), 3600)
    assert len(shop.asked) == 2


async def test_right_codes_and_taking_them_away_cost_little(
    local: Merchant, shop: CallbackServer
) -> None:
    """One payer has many coupons, and another one changes their mind."""
    session_id, stranger = await open_session(local, shop, maximum=10), Stranger(local)
    for _ in range(9):
        assert (await tried(stranger, session_id, RIGHT)).status_code == 200
        assert (await tried(stranger, session_id, RIGHT, f"{RIGHT}2")).status_code == 200
        assert (await tried(stranger, session_id)).status_code == 204
    # 18 of 30 are spent, so four wrong codes are left.
    for number in range(4):
        assert (await tried(stranger, session_id, f"G{number}")).status_code == 204
    check_refused(await tried(stranger, session_id, "G5"), 3600)
    # A code that is already in use does not count as a guess.
    assert (await tried(stranger, session_id)).status_code == 204


async def test_the_profile_has_an_end_too(local: Merchant, shop: CallbackServer) -> None:
    """The budget covers many addresses together. Right codes never count there, since a busy shop
    would spend it."""
    local.ctx.limiter._rules["discount.profile"] = replace(rules.DISCOUNT_PROFILE, amount=45)
    stranger, through = Stranger(local), 0
    for number in range(20):
        session_id = await open_session(local, shop)
        one = stranger.at(f"203.0.113.{number}")
        assert (await tried(one, session_id, RIGHT)).status_code == 200 or number >= 15
        through += (await tried(one, session_id, f"G{number}")).status_code == 204
    assert through == 15
    assert local.ctx.limiter.refused["discount.profile"] == 10
    assert SOURCE not in {f"203.0.113.{number}" for number in range(20)}


async def test_two_processes_know_of_each_others_guesses(
    postgresql_url: str, shop: CallbackServer
) -> None:
    """The database holds the count, so a second process adds no second budget."""
    local = await open_merchant(
        postgresql_url, "http://127.0.0.1:9", "sk_test_x", allow_insecure_callbacks=True
    )
    clock = stand_still(local)
    other = context.create(local.ctx.settings, clock)
    session_id = await open_session(local, shop)

    async def guessed(ctx: context.Backend, number: int) -> bool:
        try:
            await set_discount_codes(ctx, session_id, [f"G{number}"], source=SOURCE)
        except TooManyRequests:
            return False
        except SessionChanged:
            pass  # the guess counted, and the shop got the request
        return True

    try:
        through = await asyncio.gather(
            *(guessed((local.ctx, other)[number % 2], number) for number in range(30))
        )
    finally:
        await other.close()
        await close_merchant(local)
    assert sum(through) == WRONG_IN_A_SESSION
    check_asked(shop)
