"""The tests check who may call what, and that every failure has the same shape."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import jwt
import pytest

from backend.accounts.clients import create_account, create_client, set_client_scopes
from tests.support.checkout import ACCOUNT, Merchant, session_body

OTHER = "T87654321"
TOKEN = f"/v1/accounts/{ACCOUNT}/auth/token"
AUDIENCE = f"https://api.dintero.com/v1/accounts/{ACCOUNT}"
WALLETS = f"/v1/accounts/{ACCOUNT}/wallets"
ROUTES: tuple[tuple[str, str, Any, tuple[str, ...]], ...] = (
    ("POST", "/v1/sessions-profile", session_body(), ("write:checkout", "admin:checkout")),
    ("POST", "/v1/sessions", session_body(), ("write:checkout", "admin:checkout")),
    ("GET", "/v1/sessions/x", None, ("read:checkout", "admin:checkout")),
    ("GET", "/v1/transactions/x", None, ("read:checkout", "admin:checkout")),
    ("POST", "/v1/transactions/x/capture", {"amount": 1}, ("write:checkout", "admin:checkout")),
    ("POST", "/v1/transactions/x/refund", {"amount": 1}, ("write:checkout", "admin:checkout")),
    ("POST", "/v1/transactions/x/void", None, ("write:checkout", "admin:checkout")),
    ("POST", f"{WALLETS}/cards", {"card_id": "c", "amount": 1, "currency": "NOK"},
     ("write:wallets", "admin:wallets")),
    ("GET", f"{WALLETS}/cards/x", None, ("read:wallets", "admin:wallets")),
    ("GET", f"{WALLETS}/cards/x/transactions", None, ("read:wallets", "admin:wallets")),
    ("POST", f"{WALLETS}/info", {"token": "12345678"},
     ("read:wallets", "write:wallets", "admin:wallets", "user:wallets")),
    ("POST", f"{WALLETS}/transactions",
     {"card_id": "x", "ref_id": "r", "amount": 1, "currency": "NOK"},
     ("write:wallets", "admin:wallets")),
    ("POST", f"{WALLETS}/transactions/x/capture", {"ref_id": "r"},
     ("write:wallets", "admin:wallets")),
    ("POST", f"{WALLETS}/transactions/x/void", {"ref_id": "r"},
     ("write:wallets", "admin:wallets")),
)  # fmt: skip
SCOPES = (
    "admin:checkout", "write:checkout", "read:checkout", "admin:wallets", "write:wallets",
    "read:wallets", "user:wallets",
)  # fmt: skip


def is_envelope(body: Any) -> bool:
    if set(body) != {"error"} or not {"code", "message", "errors"} <= set(body["error"]):
        return False
    error = body["error"]
    return (
        isinstance(error["code"], str)
        and isinstance(error["message"], str)
        and all({"description", "field"} <= set(entry) for entry in error["errors"])
        and "detail" not in error
    )


async def call(
    merchant: Merchant, route: tuple[str, str, Any, tuple[str, ...]], authorization: str
) -> tuple[int, str]:
    method, path, body, _ = route
    headers = {"authorization": authorization}
    answer = await merchant.api.request(method, path, json=body, headers=headers)
    shape = answer.json()
    if answer.status_code == 200:
        return 200, ""
    assert is_envelope(shape), answer.text
    return answer.status_code, shape["error"]["code"]


async def token_of(merchant: Merchant, account: str, *scopes: str) -> str:
    made = await create_client(merchant.ctx, account, frozenset(scopes))
    answer = await merchant.api.post(
        f"/v1/accounts/{account}/auth/token",
        auth=(made.client_id, made.client_secret),
        json={
            "grant_type": "client_credentials",
            "audience": f"https://api.dintero.com/v1/accounts/{account}",
        },
    )
    assert answer.status_code == 200, answer.text
    return f"Bearer {answer.json()['access_token']}"


async def test_no_route_without_a_valid_token(merchant: Merchant) -> None:
    good = merchant.api.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(good, options={"verify_signature": False})
    key = merchant.ctx.vault.token_key
    expired = claims | {"exp": claims["iat"] - 1}
    bad = {
        "nothing": "",
        "no token": "Bearer ",
        "no JWT": "Bearer x.y.z",
        "Basic": "Basic " + base64.b64encode(b"a:b").decode(),
        "another key": "Bearer " + jwt.encode(claims, "x" * 32, algorithm="HS256"),
        "no signature": "Bearer " + jwt.encode(claims, "", algorithm="none"),
        "another algorithm": "Bearer " + jwt.encode(claims, key * 2, algorithm="HS512"),
        "another issuer": "Bearer " + jwt.encode(claims | {"iss": "x"}, key, algorithm="HS256"),
        "no expiry": "Bearer "
        + jwt.encode({k: v for k, v in claims.items() if k != "exp"}, key, algorithm="HS256"),
        "expired": "Bearer " + jwt.encode(expired, key, algorithm="HS256"),
        "cut off": f"Bearer {good[:-2]}",
    }
    for route in ROUTES:
        for name, authorization in bad.items():
            assert await call(merchant, route, authorization) == (401, "UNAUTHORIZED"), name
    assert (await merchant.api.get("/v1/sessions/x", headers={"authorization": ""})).headers[
        "www-authenticate"
    ] == "Bearer"
    # Try the right token, and the same token after it has expired.
    assert (await call(merchant, ROUTES[2], f"Bearer {good}"))[0] == 404
    merchant.clock.ahead = timedelta(seconds=merchant.ctx.settings.token_lifetime + 1)
    assert await call(merchant, ROUTES[2], f"Bearer {good}") == (401, "UNAUTHORIZED")


async def test_every_route_wants_its_scope(merchant: Merchant) -> None:
    tokens = {scope: await token_of(merchant, ACCOUNT, scope) for scope in SCOPES}
    for route in ROUTES:
        allowed = route[3]
        for scope, token in tokens.items():
            status, code = await call(merchant, route, token)
            if scope in allowed:
                assert status in (200, 400, 404, 409), (route[1], scope, status, code)
            else:
                assert (status, code) == (403, "FORBIDDEN"), (route[1], scope)
    # A checkout client cannot issue a card.
    checkout = await token_of(
        merchant, ACCOUNT, "admin:checkout", "write:checkout", "read:checkout"
    )
    body = {"card_id": "stolen", "amount": 100000, "currency": "NOK"}
    headers = {"authorization": checkout}
    answer = await merchant.api.post(f"{WALLETS}/cards", json=body, headers=headers)
    assert answer.status_code == 403
    await merchant.get(f"{WALLETS}/cards/stolen", expect=404)


async def test_an_account_sees_nothing_of_another(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(3000, card)
    await merchant.press_pay(session_id)
    transaction_id = (await merchant.view(session_id)).transaction_id
    body = {
        "card_id": card["card_id"],
        "ref_id": "r",
        "amount": 10,
        "currency": "NOK",
        "pending": True,
    }
    pending = (await merchant.post(f"{WALLETS}/transactions", body))["id"]
    await create_account(merchant.ctx, OTHER, "Somebody else")
    headers = {"authorization": await token_of(merchant, OTHER, *SCOPES)}
    theirs = f"/v1/accounts/{OTHER}/wallets"

    async def status(method: str, path: str, body: Any = None) -> int:
        answer = await merchant.api.request(method, path, json=body, headers=headers)
        assert is_envelope(answer.json())
        assert card["card_id"] not in answer.text.replace(path, "")
        return answer.status_code

    for route in ROUTES:
        if route[1].startswith(WALLETS):
            assert await status(route[0], route[1], route[2]) == 403
    found = f"{WALLETS}/cards/{card['card_id']}"
    assert await status("GET", found) == 403
    assert await status("GET", found.replace(ACCOUNT, OTHER)) == 404
    assert await status("GET", f"/v1/sessions/{session_id}") == 404
    assert await status("GET", f"/v1/transactions/{transaction_id}") == 404
    for verb in ("capture", "refund", "void"):
        assert (
            await status("POST", f"/v1/transactions/{transaction_id}/{verb}", {"amount": 1}) == 404
        )
    for verb in ("capture", "void"):
        assert (
            await status("POST", f"{theirs}/transactions/{pending}/{verb}", {"ref_id": "x"}) == 404
        )
    for token in ({"token": card["number"]}, {"token": card["number"], "pin": card["pin"]}):
        assert await status("POST", f"{theirs}/info", token) == 404
    preset = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
    assert await status("POST", "/v1/sessions-profile", session_body(customer=preset)) == 400
    assert await merchant.balance(card["card_id"]) == (6990, 3010, 0)
    await merchant.audit()


# --- tokens ------------------------------------------------------------------------------------


async def test_a_client_stripped_of_a_scope_loses_it_at_once(merchant: Merchant) -> None:
    """On each route, a token allows what its client may do at that moment."""
    made = await create_client(merchant.ctx, ACCOUNT, frozenset(SCOPES))
    answer = await ask_token(merchant, (made.client_id, made.client_secret))
    token = f"Bearer {answer.json()['access_token']}"
    for route in ROUTES:
        await set_client_scopes(merchant.ctx, made.client_id, frozenset(SCOPES))
        assert (await call(merchant, route, token))[0] in (200, 400, 404, 409), route[1]
        left = frozenset(SCOPES) - set(route[3])
        await set_client_scopes(merchant.ctx, made.client_id, left)
        assert await call(merchant, route, token) == (403, "FORBIDDEN"), route[1]


async def test_a_customers_token_ends_with_its_clients_right_to_create_it(
    merchant: Merchant,
) -> None:
    made = await create_client(merchant.ctx, ACCOUNT, frozenset({"admin:wallets"}))
    answer = await ask_token(
        merchant,
        (made.client_id, made.client_secret),
        grant_type="account_user_token",
        customer_id="kari",
    )
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    path = f"{WALLETS}/customers/kari/cards"
    assert (await merchant.api.get(path, headers=headers)).status_code == 200
    await set_client_scopes(merchant.ctx, made.client_id, frozenset({"user:wallets"}))
    assert (await merchant.api.get(path, headers=headers)).status_code == 403


async def test_a_token_is_good_for_its_own_audience_alone(merchant: Merchant) -> None:
    good = merchant.api.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(good, options={"verify_signature": False})
    key = merchant.ctx.vault.token_key

    async def status(claims: dict[str, Any]) -> tuple[int, str]:
        return await call(merchant, ROUTES[2], "Bearer " + jwt.encode(claims, key, "HS256"))

    assert await status(claims) == (404, "SESSION_NOT_FOUND")
    for audience in (
        "https://evil.example/v1/accounts/" + ACCOUNT,
        f"https://api.dintero.com/v1/accounts/{OTHER}",
        "https://api.dintero.com",
        "",
        None,
        [AUDIENCE],
        {"x": 1},
        7,
    ):
        assert await status(claims | {"aud": audience}) == (401, "UNAUTHORIZED"), audience
    without = {name: value for name, value in claims.items() if name != "aud"}
    assert await status(without) == (401, "UNAUTHORIZED")
    # A token also opens no other account than its client's, whoever signed it.
    await create_account(merchant.ctx, OTHER, "Somebody else")
    moved = claims | {"account": OTHER, "aud": f"https://api.dintero.com/v1/accounts/{OTHER}"}
    assert await status(moved) == (401, "UNAUTHORIZED")


async def ask_token(merchant: Merchant, auth: Any = None, **body: Any) -> Any:
    wanted = {"grant_type": "client_credentials", "audience": AUDIENCE} | body
    credentials = auth or (merchant.client_id, merchant.client_secret)
    return await merchant.api.post(TOKEN, auth=credentials, json=wanted)


async def test_the_three_forms_of_the_audience(merchant: Merchant) -> None:
    for audience in (
        AUDIENCE,
        f"https://{ACCOUNT}@api.dintero.com/v1/accounts/{ACCOUNT}",
        f"http://127.0.0.1:8000/v1/accounts/{ACCOUNT}",
        f"https://checkout.dintero.com/v1/accounts/{ACCOUNT}",
        f"https://api.dintero.com/v1/accounts/{ACCOUNT}/",
    ):
        answer = await ask_token(merchant, audience=audience)
        assert answer.status_code == 200, audience
        shape = answer.json()
        assert (shape["token_type"], shape["expires_in"]) == ("Bearer", 14400)
        headers = {"authorization": f"Bearer {shape['access_token']}"}
        used = await merchant.api.get("/v1/sessions/x", headers=headers)
        assert used.status_code == 404


async def test_another_audience_is_not_granted(merchant: Merchant) -> None:
    for audience in (
        f"https://api.dintero.com/v1/accounts/{OTHER}",
        f"https://{OTHER}@api.dintero.com/v1/accounts/{ACCOUNT}",
        f"https://evil.example/v1/accounts/{ACCOUNT}",
        f"https://api.dintero.com.evil.example/v1/accounts/{ACCOUNT}",
        "https://api.dintero.com/",
        "nonsense",
        "https://[",
        "https://exa℀mple.com/",
    ):
        answer = await ask_token(merchant, audience=audience)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN"), audience


async def test_wrong_credentials_and_grants(merchant: Merchant) -> None:
    for auth in (
        (merchant.client_id, "wrong"),
        ("nobody", merchant.client_secret),
        ("", ""),
        (merchant.client_id, ""),
        ("nobody", ""),
        ("\x00", "x"),
    ):
        answer = await ask_token(merchant, auth)
        assert answer.status_code == 401, auth
        assert is_envelope(answer.json())
    await create_account(merchant.ctx, OTHER, "Somebody else")
    theirs = await create_client(merchant.ctx, OTHER, frozenset({"admin:checkout"}))
    answer = await ask_token(merchant, (theirs.client_id, theirs.client_secret))
    assert answer.status_code == 401
    for header in ("", "Basic", "Basic !!", "Basic " + base64.b64encode(b"\xff:x").decode()):
        answer = await merchant.api.post(
            TOKEN,
            json={"grant_type": "client_credentials", "audience": AUDIENCE},
            headers={"authorization": header},
        )
        assert answer.status_code == 401, header
    for body in (
        {"grant_type": "password"},
        {"audience": None},
        {"audience": ""},
        {"grant_type": None},
        {"audience": 1},
    ):
        answer = await ask_token(merchant, **body)
        assert answer.status_code == 400, body
        assert is_envelope(answer.json())


# --- shapes of failure -------------------------------------------------------------------------

DEEP = "[" * 40 + "]" * 40
BODIES: tuple[tuple[bytes, int], ...] = (
    (b"", 400), (b"{", 400), (b"nonsense", 400), (b"[]", 400), (b'"x"', 400), (b"1", 400),
    (b"null", 400), (b"\xff\xfe", 400), (b'{"order": {"amount": NaN}}', 400),
    (b'{"order": {"amount": Infinity}}', 400), (b'{"order": {"amount": 1e400}}', 400),
    (b'{"x": "\\u0000"}', 400), (b'{"\\u0000": 1}', 400), (b'{"x": "\\ud800"}', 400),
    (b'{"x": 99999999999999999999999}', 400), (b'{"x": ' + b"9" * 5000 + b"}", 400),
    (f'{{"x": {DEEP}}}'.encode(), 400), (b"[" * 100_000, 400),
    (b'{"x": "' + b"y" * (600 * 1024) + b'"}', 413),
)  # fmt: skip


async def test_bodies_that_no_route_takes(merchant: Merchant) -> None:
    for path in ("/v1/sessions-profile", f"{WALLETS}/cards", f"{WALLETS}/transactions", TOKEN):
        for body, status in BODIES:
            for content_type in ("application/json", "text/plain", None):
                headers = {"content-type": content_type} if content_type else {}
                answer = await merchant.api.post(path, content=body, headers=headers)
                assert answer.status_code == status, (path, body[:60], answer.text)
                assert is_envelope(answer.json())
                assert "nonsense" not in answer.text


async def test_a_body_is_read_whatever_its_content_type_says(merchant: Merchant) -> None:
    import json

    for content_type in ("text/plain", "application/vnd.api+json", "nonsense", ""):
        answer = await merchant.api.post(
            "/v1/sessions-profile",
            content=json.dumps(session_body()).encode(),
            headers={"content-type": content_type},
        )
        assert answer.status_code == 200, (content_type, answer.text)


async def test_no_such_path_or_method(merchant: Merchant) -> None:
    for method, path, status, code in (
        ("GET", "/v1/nothing", 404, "NOT_FOUND"),
        ("DELETE", "/v1/sessions-profile", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/transactions/x/capture", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/sessions/x", 404, "SESSION_NOT_FOUND"),
        ("GET", "/v1/sessions/%00", 400, "INVALID_REQUEST_PARAMETER"),
        ("GET", "/v1/sessions/x?includes=%00", 400, "INVALID_REQUEST_PARAMETER"),
        ("GET", "/v1/transactions/" + "x" * 500, 404, "NOT_FOUND"),
        ("GET", f"{WALLETS}/cards/x/transactions?limit=0", 400, "INVALID_REQUEST_PARAMETER"),
        ("GET", f"{WALLETS}/cards/x/transactions?limit=x", 400, "INVALID_REQUEST_PARAMETER"),
    ):
        answer = await merchant.api.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), path
        assert is_envelope(answer.json())


async def test_a_crash_is_told_as_one_and_tells_nothing(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("backend.api.routers.sessions.read_session", crash)
    answer = await merchant.api.get("/v1/sessions/x")
    assert answer.status_code == 500
    assert is_envelope(answer.json())
    assert answer.json()["error"]["code"] == "INTERNAL_ERROR"
    assert "secret words" not in answer.text


async def test_values_are_not_repeated_in_errors(merchant: Merchant) -> None:
    body = {"token": ["4711-secret"], "pin": {"x": "0815-secret"}}
    answer = await merchant.api.post(f"{WALLETS}/info", json=body)
    assert answer.status_code == 400
    assert "secret" not in answer.text
