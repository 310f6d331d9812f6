"""`gavekort account …`, `gavekort client …`: a real installation is set up with these alone."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from backend.api.app import create_api
from backend.cli.main import main
from backend.core import context

ACCOUNT = "P87654321"
BASE_URL = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAVEKORT_DATABASE_URL", database_url)
    monkeypatch.setenv("GAVEKORT_SECRET_KEY", "a master secret of the tests, long enough")


def run(capsys: pytest.CaptureFixture[str], *arguments: str, expect: int = 0) -> dict[str, str]:
    status = main(arguments)
    shown = capsys.readouterr()
    assert status == expect, shown.err
    lines = (shown.out if status == 0 else shown.err).splitlines()
    return dict(line.partition("=")[::2] if "=" in line else (line, "") for line in lines)


def call(method: str, path: str, **more: object) -> httpx.Response:
    """Send one request to the API over this installation."""

    async def send() -> httpx.Response:
        context.start()
        try:
            transport = httpx.ASGITransport(create_api())
            async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
                return await client.request(method, path, **more)  # type: ignore[arg-type]
        finally:
            await context.stop()

    return asyncio.run(send())


def token(client_id: str, secret: str) -> httpx.Response:
    return call(
        "POST",
        f"/v1/accounts/{ACCOUNT}/auth/token",
        auth=(client_id, secret),
        json={
            "grant_type": "client_credentials",
            "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
        },
    )


def test_set_up_and_revoke(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "account", "create", ACCOUNT, "Fjord & Form") == {"account_id": ACCOUNT}
    # The same command again changes nothing.
    run(capsys, "account", "create", ACCOUNT, "Another name")
    made = run(capsys, "client", "create", ACCOUNT, "--scopes", "write:checkout, read:checkout")
    assert made["client_id"].isalnum()  # nothing that a command would take for an option
    answer = token(made["client_id"], made["client_secret"])
    assert answer.status_code == 200, answer.text
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
    assert call("GET", "/v1/transactions", headers=bearer).json() == []
    assert call("GET", f"/v1/accounts/{ACCOUNT}/wallets/cards/x", headers=bearer).status_code == 403

    (line,) = run(capsys, "client", "list", ACCOUNT)
    assert line == f"{made['client_id']} active read:checkout,write:checkout"
    # The client's token loses and gains rights at the same moment as the client.
    (line,) = run(capsys, "client", "scopes", made["client_id"], "--scopes", "read:wallets")
    assert line == f"{made['client_id']} active read:wallets"
    assert call("GET", "/v1/transactions", headers=bearer).status_code == 403
    assert call("GET", f"/v1/accounts/{ACCOUNT}/wallets/cards/x", headers=bearer).status_code == 404
    (line,) = run(capsys, "client", "revoke", made["client_id"])
    assert line.startswith(f"{made['client_id']} revoked 20")
    assert token(made["client_id"], made["client_secret"]).status_code == 401
    assert call("GET", "/v1/transactions", headers=bearer).status_code == 401


def test_admin_keys(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "account", "create", ACCOUNT, "Fjord & Form")
    key = run(capsys, "account", "key", "create", ACCOUNT, "--name", "backoffice")["x_api_key"]
    headers = {"x-api-key": key}
    body = {"profile_id": "default", "configuration": {}}
    made = call("POST", "/v1/admin/session/profiles", headers=headers, json=body)
    assert made.status_code == 200, made.text
    key_id = key.split(".")[0]
    (line,) = run(capsys, "account", "key", "list", ACCOUNT)
    assert line == f"{key_id} active admin:checkout backoffice"
    run(capsys, "account", "key", "revoke", key_id)
    assert call("GET", "/v1/admin/session/profiles", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("account", "create", "X1", "name"), "account id"),
        (("client", "create", ACCOUNT, "--scopes", "admin:checkout"), f"no account {ACCOUNT}"),
        (("client", "create", ACCOUNT, "--scopes", "admin:everything"), "admin:everything"),
        (("client", "revoke", "nobody"), "no such client"),
        (("client", "scopes", "nobody", "--scopes", "admin:checkout"), "no such client"),
        (("client", "scopes", "nobody", "--scopes", "admin:all"), "admin:all"),
        (("account", "key", "create", ACCOUNT), f"no account {ACCOUNT}"),
        (("account", "key", "revoke", "nobody"), "no key nobody"),
    ],
)
def test_what_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str
) -> None:
    (line,) = run(capsys, *arguments, expect=2)
    assert text in line


def test_without_a_secret_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GAVEKORT_SECRET_KEY")
    (line,) = run(capsys, "account", "create", ACCOUNT, "name", expect=2)
    assert line.startswith("gavekort: GAVEKORT_SECRET_KEY")
