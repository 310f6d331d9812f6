"""A stranger sends too many requests for tokens, sessions, the payer's calls and documents."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from backend.limits import rules
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import (
    ACCOUNT,
    Merchant,
    close_merchant,
    open_merchant,
    session_body,
    sign_in,
)
from tests.support.limits import ELSEWHERE, SOURCE, Stranger, check_refused, stand_still
from tests.support.pins import advance

TOKEN = f"/v1/accounts/{ACCOUNT}/auth/token"
GRANT = {
    "grant_type": "client_credentials",
    "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
}


@pytest.fixture
async def narrow(database_url: str, card_gateway: CardGatewaySandbox) -> AsyncIterator[Merchant]:
    """Run a checkout with lower limits where the defaults allow thousands of calls."""
    merchant = await open_merchant(
        database_url,
        card_gateway.base_url,
        f"sk_test_{uuid.uuid4().hex}",
        limits={
            "sessions.client": "5/60",
            "merchant.client": "60/60",
            "merchant.unknown": "8/60",
            "payer.source": "20/60",
            "payer.changes": "8/60",
            "token.source": "40/60",
            "merchant.customer": "3/60",
        },
    )
    stand_still(merchant)
    yield merchant
    await close_merchant(merchant)


async def test_guessing_a_clients_secret(merchant: Merchant) -> None:
    stand_still(merchant)
    stranger = Stranger(merchant)

    async def tried(secret: str, at: Stranger = stranger, client: str = merchant.client_id) -> Any:
        return await at.call("POST", TOKEN, json=GRANT, auth=(client, secret))

    maximum = rules.TOKEN_WRONG.amount
    for number in range(maximum):
        assert (await tried(f"guess {number}")).status_code == 401
    check_refused(await tried("one more"), rules.TOKEN_WRONG.window)
    # From that address the server now checks not even the right secret, because that would answer a
    # guess too.
    check_refused(await tried(merchant.client_secret), rules.TOKEN_WRONG.window)
    # The shop's own server at another address is not kept out, and right secrets never count.
    shop = stranger.at(ELSEWHERE)
    for _ in range(maximum + 10):
        assert (await tried(merchant.client_secret, shop)).status_code == 200
    # Another client at the same address continues as long as the address has budget left.
    assert (await tried("wrong", client="another")).status_code == 401
    for number in range(rules.TOKEN_WRONG_SOURCE.amount):
        answer = await tried("wrong", client=f"made up {number}")
        if answer.status_code == 429:
            break
    check_refused(answer, rules.TOKEN_WRONG_SOURCE.window)
    assert merchant.ctx.limiter.refused["token.wrong_source"] == 1
    assert merchant.ctx.limiter.refused["token.wrong"] == 2


async def test_what_a_proxy_did_not_write_is_no_new_source(narrow: Merchant) -> None:
    """An attacker sends another X-Forwarded-For with every call."""
    stranger = Stranger(narrow)
    made_up = (
        "{n}.1.1.1, {s}",
        "{n}.1.1.1,2.2.2.2,{s}",
        "{n}.1.1.1, {s}:44{n}",
        "nonsense{n}, {s}",
        "[2001:db8::{n}]:80, {s}",
        ", , {n}.9.9.9 , {s}",
        '"{n}.1.1.1", "{s}"',
        "{n}, ::ffff:{s}",
    )
    answers = []
    for number in range(48):
        line = made_up[number % len(made_up)].format(n=number + 1, s=SOURCE)
        answer = await stranger.call(
            "POST", TOKEN, json=GRANT, auth=("x", "y"), headers={"x-forwarded-for": line}
        )
        answers.append(answer.status_code)
    assert answers == [401] * 40 + [429] * 8
    # A value that is not an address counts as the peer, which all such callers share.
    for number in range(40):
        await stranger.at(f"made up {number}").call("POST", TOKEN, json=GRANT, auth=("x", "y"))
    answer = await stranger.at("another").call("POST", TOKEN, json=GRANT, auth=("x", "y"))
    check_refused(answer, 60)
    other = await stranger.at(ELSEWHERE).call("POST", TOKEN, json=GRANT, auth=("x", "y"))
    assert other.status_code == 401


async def test_fresh_addresses_of_one_line_are_one_source(narrow: Merchant) -> None:
    """An IPv6 customer has 2^64 addresses, and often 256 such networks."""
    stranger = Stranger(narrow)

    async def through(count: int, address: str) -> int:
        answers = [
            await stranger.at(address.format(n=f"{n:x}")).call(
                "POST", TOKEN, json=GRANT, auth=("x", "y")
            )
            for n in range(count)
        ]
        assert {answer.status_code for answer in answers} <= {401, 429}
        return sum(answer.status_code == 401 for answer in answers)

    assert await through(45, "[2001:db8:0:1::{n}]:443") == 40
    assert await through(200, "2001:db8:0:{n}::1") == 40 * 4 - 40
    assert await through(3, "2001:db8:77::{n}") == 3


async def test_a_flood_of_sessions(narrow: Merchant) -> None:
    body = session_body()
    for _ in range(5):
        await narrow.post("/v1/sessions-profile", body)
    check_refused(await narrow.api.post("/v1/sessions-profile", json=body), 60)
    check_refused(await narrow.api.post("/v1/sessions", json=body), 60)
    # Its other calls still succeed, and so do other clients' sessions.
    listed = await narrow.get("/v1/sessions?limit=100")
    assert len(listed) == 5
    advance(narrow, timedelta(seconds=12))
    await narrow.post("/v1/sessions-profile", body)
    check_refused(await narrow.api.post("/v1/sessions-profile", json=body), 60)


async def test_one_clients_calls_leave_the_others_alone(narrow: Merchant) -> None:
    from backend.accounts.clients import SCOPES, create_client

    other = await create_client(narrow.ctx, ACCOUNT, SCOPES)
    for _ in range(60):
        assert (await narrow.api.get("/v1/sessions?limit=1")).status_code == 200
    check_refused(await narrow.api.get("/v1/sessions?limit=1"), 60)
    narrow.client_id, narrow.client_secret = other.client_id, other.client_secret
    token = await sign_in(narrow)
    answer = await narrow.api.get("/v1/sessions", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200


async def test_strangers_at_the_merchants_door(narrow: Merchant) -> None:
    stranger = Stranger(narrow)
    wrong: tuple[dict[str, str], ...] = (
        {"authorization": "Bearer x"},
        {"x-api-key": "key_1.wrong"},
        {},
    )
    for number in range(8):
        answer = await stranger.call("GET", "/v1/sessions", headers=wrong[number % 3])
        assert answer.status_code == 401
    check_refused(await stranger.call("GET", "/v1/sessions", headers=wrong[0]), 60)
    # The merchant at the same address has a token and is let in.
    good = {"authorization": narrow.api.headers["authorization"]}
    assert (await stranger.call("GET", "/v1/sessions", headers=good)).status_code == 200


async def test_a_payer_who_does_too_much(narrow: Merchant) -> None:
    narrow.ctx.limiter._rules["sessions.client"] = rules.SESSIONS
    one, two = await narrow.session(), await narrow.session()
    stranger = Stranger(narrow)
    address = {"shipping_address": {"first_name": "x"}}
    path = f"/v1/view/{one}/session"
    for _ in range(8):
        answer = await stranger.call("PUT", f"{path}/order/addresses", json=address)
        assert answer.status_code == 400
    for method, call in (
        ("PUT", f"{path}/order/addresses"),
        ("PUT", f"{path}/order/shipping_address"),
        ("PUT", f"{path}/order/gift_card"),
        ("DELETE", f"{path}/order/gift_card"),
        ("PUT", f"{path}/order/discount_codes"),
        ("POST", f"{path}/lock"),
        ("POST", f"{path}/abandon"),
        ("POST", f"{path}/scc"),
        ("POST", f"{path}/publish/scc"),
        ("POST", f"/v1/sessions/{one}/pay"),
        ("POST", f"/v1/view/{one}/payments/x"),
    ):
        check_refused(await stranger.call(method, call, json=address), 60)
    # Nothing happened. The payer can still read, and another payer at the same house continues.
    assert (await narrow.view(one)).state == "open"
    house = stranger.at(ELSEWHERE)
    for session_id in (one, two):
        answer = await house.call("GET", f"/v1/view/{session_id}/session")
        assert answer.status_code == 200
    answer = await house.call("PUT", f"/v1/view/{two}/session/order/addresses", json=address)
    assert answer.status_code == 400


async def test_guessing_session_ids(narrow: Merchant) -> None:
    stranger = Stranger(narrow)
    for _ in range(20):
        answer = await stranger.call("GET", f"/v1/view/T1.{uuid.uuid4().hex}/session")
        assert answer.status_code == 404
    answer = await stranger.call("GET", f"/v1/view/T1.{uuid.uuid4().hex}/session")
    check_refused(answer, 60)


async def test_a_customers_token_spends_nothing_of_the_shops(narrow: Merchant) -> None:
    answer = await narrow.api.post(
        TOKEN,
        auth=(narrow.client_id, narrow.client_secret),
        json=GRANT | {"grant_type": "account_user_token", "customer_id": "kari"},
    )
    own = {"authorization": f"Bearer {answer.json()['access_token']}"}
    path = f"/v1/accounts/{ACCOUNT}/wallets/customers/kari/cards"
    answers = [await narrow.api.get(path, headers=own) for _ in range(4)]
    assert [a.status_code == 429 for a in answers] == [False, False, False, True]
    assert narrow.ctx.limiter.refused["merchant.customer"] == 1
    assert (await narrow.api.get("/v1/sessions")).status_code == 200


async def test_documents(merchant: Merchant) -> None:
    stand_still(merchant)
    stranger = Stranger(merchant)
    for _ in range(rules.DOCUMENTS.amount // 2):
        assert (await stranger.call("GET", "/docs")).status_code == 200
        assert (await stranger.call("GET", "/docs/start.js")).status_code == 200
    for path in ("/openapi.json", "/docs", "/docs/swagger-ui-bundle.js"):
        check_refused(await stranger.call("GET", path), 60)
    assert (await stranger.at(ELSEWHERE).call("GET", "/openapi.json")).status_code == 200
