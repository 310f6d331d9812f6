"""An account for real money cannot be pointed at test money, however its profile is changed."""

from __future__ import annotations

from typing import Any

import pytest

from backend.accounts.clients import SCOPES, create_account, create_client
from backend.accounts.profiles import ProfileSetup, save_profile
from tests.support.checkout import OPTION, Merchant, session_body

PROFILES = "/v1/admin/session/profiles"
REAL = "P12345678"
LIVE = {"base_url": "https://api.stripe.com", "secret_key": "sk_live_1", "webhook_secret": "w"}
MASK = "********"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
async def real(merchant: Merchant) -> Merchant:
    """Sign in to an account for real money, on an installation that allows private addresses."""
    await create_account(merchant.ctx, REAL, "Fjord & Form")
    made = await create_client(merchant.ctx, REAL, SCOPES)
    await save_profile(
        merchant.ctx, ProfileSetup(REAL, "default", True, connections={OPTION: dict(LIVE)})
    )
    answer = await merchant.api.post(
        f"/v1/accounts/{REAL}/auth/token",
        auth=(made.client_id, made.client_secret),
        json={
            "grant_type": "client_credentials",
            "audience": f"https://api.dintero.com/v1/accounts/{REAL}",
        },
    )
    merchant.api.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    return merchant


@pytest.mark.parametrize(("option", "credentials", "field"), [
    (OPTION, LIVE | {"base_url": "http://127.0.0.1:9000"}, "base_url"),
    (OPTION, LIVE | {"secret_key": "sk_test_1"}, "secret_key"),
    (OPTION, {"base_url": MASK, "secret_key": "sk_test_1", "webhook_secret": MASK}, "secret_key"),
    ("klarna.klarna", {"base_url": "https://api.playground.klarna.com", "username": "u",
                       "password": "p"}, "base_url"),
])  # fmt: skip
async def test_the_profile_is_refused(
    real: Merchant, option: str, credentials: dict[str, Any], field: str
) -> None:
    body = {"connections": {option: credentials}}
    answer = await real.api.put(f"{PROFILES}/default", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["errors"][0]["field"] == f"connections.{option}.{field}"
    made = {"profile_id": "other", "configuration": {}} | body
    if MASK not in credentials.values():
        answer = await real.api.post(PROFILES, json=made)
        assert answer.status_code == 400, answer.text
    shown = await real.get(PROFILES)
    assert [(one["profile_id"], list(one["connections"])) for one in shown] == [
        ("default", [OPTION])
    ]


async def test_what_is_live_is_taken(real: Merchant) -> None:
    body = {"connections": {OPTION: LIVE | {"secret_key": "sk_live_2"}}}
    answer = await real.api.put(f"{PROFILES}/default", json=body)
    assert answer.status_code == 200, answer.text


async def test_an_older_profile_offers_no_test_money(real: Merchant) -> None:
    """A profile was stored before the rule. A payer is offered none of its options."""
    sandbox = LIVE | {"base_url": "http://127.0.0.1:9000", "secret_key": "sk_test_1"}
    klarna = {"base_url": "https://api.klarna.com", "username": "u", "password": "p"}
    connections = {OPTION: sandbox, "klarna.klarna": klarna}
    await save_profile(real.ctx, ProfileSetup(REAL, "old", True, connections=connections))
    made = await real.post("/v1/sessions-profile", session_body(profile_id="old"))
    shown = await real.view(made["id"])
    assert [option.type for option in shown.options] == ["klarna.klarna"]
