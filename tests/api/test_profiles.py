"""A merchant manages session profiles by API and uses `x-api-key`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlmodel import select

from backend.accounts.clients import create_client, revoke_client
from backend.accounts.keys import create_key, revoke_key
from backend.accounts.profiles import (
    ProfileSetup,
    connections_of,
    get_profile,
    profile_of,
    save_profile,
)
from backend.accounts.tables import AdminKey, Profile
from backend.psp.registry import CREDENTIALS, OPTIONAL_CREDENTIALS, connect
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.certificates import Authority
from tests.support.checkout import (
    ACCOUNT,
    BASE_URL,
    ON,
    OPTION,
    Merchant,
    session_body,
    sign_in,
)

PROFILES = "/v1/admin/session/profiles"
MASK = "********"
GATEWAY = {
    "base_url": "https://provider.example",
    "secret_key": "sk_live_secret",
    "webhook_secret": "whsec_secret",
}
SWISH = {"base_url": "https://swish.example/swish-cpcapi", "swish_number": "1231181189"}
BODY: dict[str, Any] = {
    "description": "Shop in Bergen",
    "configuration": {
        "active_payment_types": {"enabled": True},
        "dintero": {"type": "payment_type", "wallets": ON},
        "theme": {"primary": "#0a5", "backdrop": "rgb(1, 2, 3)"},
        "countries": {"preferred_country": "SE", "allow_countries": ["SE", "NO"]},
        "ext_unknown": 1,
    },
    "express": {"enabled": True, "customer_types": ["b2c"]},
    "merchant": {"name": "Fjord", "logo_url": "https://shop.example/logo.svg"},
    "checkboxes": [{"id": "terms", "label": "I accept the terms", "required": True}],
    "allowed_frame_origins": ["https://shop.example", "http://localhost:8080"],
    "connections": {OPTION: GATEWAY},
    "ext_note": "kept",
}


async def put(merchant: Merchant, profile_id: str, body: Any, expect: int = 200) -> Any:
    answer = await merchant.api.put(f"{PROFILES}/{profile_id}", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def stored(merchant: Merchant, profile_id: str) -> Profile:
    async with merchant.ctx.db.reading() as db:
        return await profile_of(db, ACCOUNT, profile_id)


async def test_a_life(merchant: Merchant) -> None:
    made = await merchant.post(PROFILES, BODY)
    profile_id = made["profile_id"]
    assert profile_id.startswith(f"{ACCOUNT}.") and len(profile_id) == len(ACCOUNT) + 23
    for key in set(BODY) - {"connections", "checkboxes"}:
        assert made[key] == BODY[key], key
    assert made["checkboxes"][0]["id"] == "terms"
    assert made["connections"] == {OPTION: dict.fromkeys(GATEWAY, MASK)}
    assert await merchant.get(f"{PROFILES}/{profile_id}") == made
    listed = await merchant.get(PROFILES)
    assert [p["profile_id"] for p in listed] == [profile_id, "default"]
    assert await merchant.get(f"{PROFILES}?limit=1") == [made]
    rest = await merchant.get(f"{PROFILES}?starting_after={profile_id}")
    assert [p["profile_id"] for p in rest] == ["default"]

    # Fields that a change does not name stay, and so does a credential whose mask is sent back.
    changed = await put(merchant, profile_id, {"configuration": {"auto_capture": True}})
    assert changed["configuration"] == {"auto_capture": True}
    assert changed["connections"] == made["connections"]
    assert changed["ext_note"] == "kept"
    rotated = dict.fromkeys(GATEWAY, MASK) | {"secret_key": "sk_live_new"}
    again = await put(merchant, profile_id, changed | {"connections": {OPTION: rotated}})
    assert again["express"] == BODY["express"]
    profile = await stored(merchant, profile_id)
    assert connections_of(merchant.ctx, profile) == {
        OPTION: GATEWAY | {"secret_key": "sk_live_new"}
    }

    deleted = await merchant.api.delete(f"{PROFILES}/{profile_id}")
    assert (deleted.status_code, deleted.json()["profile_id"]) == (200, profile_id)
    for call in (merchant.api.get, merchant.api.delete):
        assert (await call(f"{PROFILES}/{profile_id}")).status_code == 404
    await put(merchant, profile_id, {}, expect=404)
    assert [p["profile_id"] for p in await merchant.get(PROFILES)] == ["default"]


async def test_credentials_are_shown_nowhere(merchant: Merchant) -> None:
    made = await merchant.api.post(PROFILES, json=BODY)
    profile_id = made.json()["profile_id"]
    answers = [made.text]
    answers += [
        (await merchant.api.get(path)).text
        for path in (PROFILES, f"{PROFILES}/{profile_id}", f"{PROFILES}/default")
    ]
    answers.append((await merchant.api.delete(f"{PROFILES}/{profile_id}")).text)
    row = (await stored(merchant, profile_id)).model_dump()
    for text in (*answers, str(row)):
        for secret in ("sk_live_secret", "whsec_secret", "sk_test_", "whsec_of_the_tests"):
            assert secret not in text


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("configuration", {"configuration": None}),
        ("configuration", {"configuration": {"theme": {"primary": "red;}"}}}),
        ("configuration", {"configuration": {"countries": {
            "allow_countries": ["NO"], "deny_countries": ["NO"]}}}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["*"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["https://*.shop.example"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["https://shop.example/"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["https://shop.example/path"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["https://a b"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["https://a;script-src *"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["https://u:p@shop.example"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["https://shop.example:99999"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["ftp://shop.example"]}),
        ("allowed_frame_origins.0", {"allowed_frame_origins": ["shop.example"]}),
        ("allowed_frame_origins.1", {"allowed_frame_origins": ["https://a.no", "https://B.no"]}),
        ("express.", {"express": {"customer_types": ["b2x"]}}),
        ("checkboxes", {"checkboxes": BODY["checkboxes"] * 3}),
        ("checkboxes.0.label", {"checkboxes": [{"id": "x", "label": "y"}]}),
        ("profile_id", {"profile_id": "a/b"}),
        ("connections.vipps", {"connections": {"no.such": {}}}),
        (f"connections.{OPTION}.base_url", {"connections": {OPTION: {}}}),
        (f"connections.{OPTION}.secret_key",
         {"connections": {OPTION: {"base_url": "https://a.example"}}}),
        (f"connections.{OPTION}.extra", {"connections": {OPTION: GATEWAY | {"extra": "x"}}}),
        (f"connections.{OPTION}.base_url",
         {"connections": {OPTION: GATEWAY | {"base_url": "http://a.example"}}}),
        (f"connections.{OPTION}.secret_key",
         {"connections": {OPTION: GATEWAY | {"secret_key": MASK}}}),
        ("connections.swish.swish.certificate",
         {"connections": {"swish.swish": SWISH | {"certificate": "x", "key": "y"}}}),
        ("connections.swish.swish.certificate",
         {"connections": {"swish.swish": SWISH | {"ca": "no authority"}}}),
    ],
)  # fmt: skip
async def test_what_is_refused(merchant: Merchant, field: str, change: dict[str, Any]) -> None:
    answer = await merchant.post(PROFILES, BODY | change, expect=400)
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"
    named = answer["error"]["errors"][0]["field"]
    if field == "connections.vipps":
        field = "connections.no.such"
    assert named.startswith(field), named
    assert len(await merchant.get(PROFILES)) == 1


async def test_every_connector_can_be_connected(merchant: Merchant) -> None:
    pair = Authority.new("Somebody").issue("client")
    given = {"certificate": pair.pem, "key": pair.key_pem(), "ca": pair.pem, "passphrase": ""}
    connections = {
        option: {
            name: given.get(name, "https://a.example" if name.endswith("url") else "x")
            for name in (*names, *OPTIONAL_CREDENTIALS.get(option, ()))
        }
        for option, names in CREDENTIALS.items()
    }
    made = await merchant.post(PROFILES, BODY | {"connections": connections})
    assert made["connections"].keys() == CREDENTIALS.keys()
    profile = await stored(merchant, made["profile_id"])
    for option, credentials in connections_of(merchant.ctx, profile).items():
        # Otherwise this raises.
        connect(merchant.ctx, option, credentials)
    for option in CREDENTIALS:
        wrong = {
            name: "http://a.example" if name.endswith("url") else value
            for name, value in connections[option].items()
        }
        answer = await merchant.post(PROFILES, BODY | {"connections": {option: wrong}}, expect=400)
        assert answer["error"]["errors"][0]["field"].endswith("url")


async def test_an_id_is_taken_once(merchant: Merchant) -> None:
    body = {"profile_id": "outlet", "configuration": {}}
    assert (await merchant.post(PROFILES, body))["profile_id"] == "outlet"
    assert (await merchant.post(PROFILES, body, expect=409))["error"]["code"] == "CONFLICT"
    await merchant.post(PROFILES, body | {"profile_id": "default"}, expect=409)
    await merchant.api.delete(f"{PROFILES}/outlet")
    assert (await merchant.post(PROFILES, body))["connections"] == {}


async def test_a_session_gets_what_the_profile_says(merchant: Merchant) -> None:
    made = await merchant.post(PROFILES, BODY)
    profile_id = made["profile_id"]
    asked = session_body(profile_id=profile_id, configuration={}, merchant={})
    asked.pop("merchant")
    answer = await merchant.post("/v1/sessions-profile?include_session=true", asked)
    session = answer["session"]
    assert [box["id"] for box in session["checkboxes"]] == ["terms"]
    assert session["express"]["customer_types"] == ["b2c"]
    assert session["configuration"]["theme"] == BODY["configuration"]["theme"]
    assert session["configuration"]["merchant"]["name"] == "Fjord"
    assert session["configuration"]["dintero_psp"]["creditcard"]["payability"] == "payable"
    shown = await merchant.view(answer["id"])
    assert shown.allowed_frame_ancestors == tuple(BODY["allowed_frame_origins"])
    assert shown.express and shown.gift_card_offered
    assert shown.preferred_country == "SE" and set(shown.countries) == {"NO", "SE"}
    # The request takes precedence.
    own = asked | {
        "checkboxes": [{"id": "mine", "label": "My own"}],
        "express": {"customer_types": ["b2b"]},
    }
    session = (await merchant.post("/v1/sessions-profile?include_session=true", own))["session"]
    assert [box["id"] for box in session["checkboxes"]] == ["mine"]
    assert session["express"]["customer_types"] == ["b2b"]
    # The session is not Express, so it has no gift card.
    await put(merchant, profile_id, {"express": False})
    plain = await merchant.post("/v1/sessions-profile", asked)
    shown = await merchant.view(plain["id"])
    assert not shown.express and not shown.gift_card_offered


async def test_what_was_begun_outlives_its_profile(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    async with merchant.ctx.db.reading() as db:
        known = connections_of(merchant.ctx, await get_profile(db, ACCOUNT, "default"))
    await save_profile(merchant.ctx, ProfileSetup(ACCOUNT, "doomed", True, connections=known))
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card, profile_id="doomed")
    open_session = await merchant.session(40000, profile_id="doomed")
    taken_away = await merchant.paid(card_gateway, 20000, profile_id="doomed")

    # The merchant removes an option, and then the whole profile.
    shown = await put(merchant, "doomed", {"connections": {OPTION: None}})
    assert shown["connections"] == {}
    path = f"/v1/transactions/{transaction_id}"
    assert (await merchant.post(f"{path}/capture", {"amount": 40000}))["status"] == "CAPTURED"
    assert (await merchant.api.delete(f"{PROFILES}/doomed")).status_code == 200
    assert (await merchant.post(f"{path}/refund", {"amount": 15000}))["status"] == (
        "PARTIALLY_REFUNDED"
    )
    voided = await merchant.post(f"/v1/transactions/{taken_away}/void")
    assert voided["status"] == "AUTHORIZATION_VOIDED"
    assert (await merchant.view(open_session)).payable is False
    assert (await merchant.get(f"/v1/sessions/{open_session}"))["id"] == open_session
    refused = await merchant.post(
        "/v1/sessions-profile", session_body(profile_id="doomed"), expect=400
    )
    assert "doomed" in refused["error"]["message"]
    await merchant.audit()


async def test_scopes(merchant: Merchant) -> None:
    for scope, reads, writes in (
        ("read:checkout", 200, 403),
        ("write:checkout", 403, 403),
        ("write:checkout:/admin/session/profiles", 200, 200),
        ("admin:checkout", 200, 200),
        ("admin:wallets", 403, 403),
    ):
        made = await create_client(merchant.ctx, ACCOUNT, frozenset({scope}))
        merchant.client_id, merchant.client_secret = made.client_id, made.client_secret
        merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
        assert (await merchant.api.get(PROFILES)).status_code == reads, scope
        assert (await merchant.api.get(f"{PROFILES}/default")).status_code == reads, scope
        answer = await merchant.api.put(f"{PROFILES}/default", json={"description": scope})
        assert answer.status_code == writes, scope
        assert (await merchant.api.post(PROFILES, json={"configuration": {}})).status_code == (
            writes
        ), scope


async def with_key(merchant: Merchant, key: str, method: str, path: str, **more: Any) -> int:
    transport = merchant.api._transport
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        answer = await client.request(method, path, headers={"x-api-key": key}, **more)
    return answer.status_code


async def test_an_admin_key_stands_in_for_a_token(merchant: Merchant) -> None:
    key = await create_key(merchant.ctx, ACCOUNT)
    assert await with_key(merchant, key, "GET", PROFILES) == 200
    assert await with_key(merchant, key, "POST", PROFILES, json={"configuration": {}}) == 200
    assert await with_key(merchant, key, "GET", "/v1/transactions") == 200
    assert await with_key(merchant, key, "POST", "/v1/sessions-profile", json=session_body()) == 200
    cards = f"/v1/accounts/{ACCOUNT}/wallets/cards"
    assert await with_key(merchant, key, "GET", f"{cards}/x") == 403
    wallets = await create_key(merchant.ctx, ACCOUNT, frozenset({"admin:wallets"}))
    assert await with_key(merchant, wallets, "GET", f"{cards}/x") == 404
    assert await with_key(merchant, wallets, "GET", PROFILES) == 403
    for wrong in ("", ".", key[:-1], key + "x", f"{key.split('.')[0]}.", "key_0.0"):
        assert await with_key(merchant, wrong, "GET", PROFILES) == 401, wrong
    async with merchant.ctx.db.reading() as db:
        rows = [row.model_dump() for row in await db.exec(select(AdminKey))]
    assert key.split(".")[1] not in str(rows)
    await revoke_key(merchant.ctx, key.split(".")[0])
    assert await with_key(merchant, key, "GET", PROFILES) == 401


async def test_a_revoked_clients_token_ends_at_once(merchant: Merchant) -> None:
    await merchant.get(PROFILES)
    await revoke_client(merchant.ctx, merchant.client_id)
    answer = await merchant.get(PROFILES, expect=401)
    assert answer["error"]["code"] == "UNAUTHORIZED"
