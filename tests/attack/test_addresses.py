"""A merchant sets addresses. Secrets do not follow them, and they reach nothing private."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.accounts.profiles import ProfileSetup, connections_of, profile_of, save_profile
from backend.accounts.tables import Profile
from backend.core.address import AddressRefused
from backend.psp.client_certificate import client_with
from backend.psp.http import Answer, Transport
from backend.psp.registry import CREDENTIALS, OPTIONAL_CREDENTIALS
from backend.psp.tools import Tools
from tests.support.certificates import Authority
from tests.support.checkout import ACCOUNT, OPTION, Merchant, profile

PROFILES = "/v1/admin/session/profiles"
HOOKS = f"/v1/accounts/{ACCOUNT}/hooks/subscriptions"
MASK = "********"
ELSEWHERE = "https://collector.example"
ADDRESSES = [
    (option, name)
    for option, names in CREDENTIALS.items()
    for name in names
    if name.endswith("url")
]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here depends on the kind of database."""
    return sqlite_url


@dataclass
class Listener:
    """Counts the connections that it receives."""

    address: str = "127.0.0.1"
    port: int = 0
    connections: list[bytes] = field(default_factory=list)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    heard = Listener()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections.append(await reader.read(4096))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(accept, heard.address, 0)
    heard.port = server.sockets[0].getsockname()[1]
    async with server:
        yield heard


async def stored(merchant: Merchant, profile_id: str) -> dict[str, dict[str, Any]]:
    async with merchant.ctx.db.reading() as db:
        found: Profile = await profile_of(db, ACCOUNT, profile_id)
    return connections_of(merchant.ctx, found)


def credentials(option: str) -> dict[str, str]:
    """Return every credential that an option can have."""
    pair = Authority.new("Somebody").issue("client")
    given = {"certificate": pair.pem, "key": pair.key_pem(), "ca": pair.pem, "passphrase": ""}
    return {
        name: given.get(name, "https://provider.example" if name.endswith("url") else f"{name} x")
        for name in (*CREDENTIALS[option], *OPTIONAL_CREDENTIALS.get(option, ()))
    }


@pytest.mark.parametrize(("option", "address"), ADDRESSES)
async def test_a_masked_secret_does_not_follow_a_changed_address(
    merchant: Merchant, option: str, address: str
) -> None:
    known = credentials(option)
    await save_profile(
        merchant.ctx, ProfileSetup(ACCOUNT, "live", True, connections={option: known})
    )
    masked = dict.fromkeys(known, MASK) | {address: ELSEWHERE}
    answer = await merchant.api.put(f"{PROFILES}/live", json={"connections": {option: masked}})
    assert answer.status_code == 400, answer.text
    named = answer.json()["error"]["errors"][0]["field"]
    secret = named.removeprefix(f"connections.{option}.")
    assert secret in known and not secret.endswith("url")
    assert await stored(merchant, "live") == {option: known}
    # The server requires every secret, up to the last one.
    secrets = [name for name in known if not name.endswith("url")]
    for name in secrets:
        almost = known | {address: ELSEWHERE, name: MASK}
        answer = await merchant.api.put(f"{PROFILES}/live", json={"connections": {option: almost}})
        assert answer.status_code == 400, name
        assert answer.json()["error"]["errors"][0]["field"] == f"connections.{option}.{name}"
    assert await stored(merchant, "live") == {option: known}
    # A merchant who sends the secrets may change the address. A merchant who keeps the address may
    # leave them masked.
    whole = known | {address: ELSEWHERE}
    answer = await merchant.api.put(f"{PROFILES}/live", json={"connections": {option: whole}})
    assert answer.status_code == 200, answer.text
    assert await stored(merchant, "live") == {option: whole}
    same = dict.fromkeys(known, MASK) | {address: ELSEWHERE}
    answer = await merchant.api.put(f"{PROFILES}/live", json={"connections": {option: same}})
    assert answer.status_code == 200, answer.text
    assert await stored(merchant, "live") == {option: whole}


async def test_what_a_provider_gave_us_stays_at_the_old_address(merchant: Merchant) -> None:
    known = credentials("vipps") | {"_webhook_secret": "s", "_webhook_url": "u"}
    await save_profile(
        merchant.ctx, ProfileSetup(ACCOUNT, "live", True, connections={"vipps": known})
    )
    moved = credentials("vipps") | {"base_url": ELSEWHERE}
    answer = await merchant.api.put(f"{PROFILES}/live", json={"connections": {"vipps": moved}})
    assert answer.status_code == 200, answer.text
    assert await stored(merchant, "live") == {"vipps": moved}


async def test_a_removed_connection_leaves_no_secret_to_a_mask(merchant: Merchant) -> None:
    masked = {"base_url": ELSEWHERE, "secret_key": MASK, "webhook_secret": MASK}
    for step, expect in (({OPTION: None}, 200), ({OPTION: masked}, 400)):
        answer = await merchant.api.put(f"{PROFILES}/default", json={"connections": step})
        assert answer.status_code == expect, answer.text
    deleted = await merchant.api.delete(f"{PROFILES}/default")
    assert deleted.status_code == 200
    body = {"profile_id": "default", "configuration": {}, "connections": {OPTION: masked}}
    refused = await merchant.post(PROFILES, body, expect=400)
    assert refused["error"]["errors"][0]["field"] == f"connections.{OPTION}.secret_key"


async def test_a_webhooks_secret_does_not_follow_it_to_another_host(merchant: Merchant) -> None:
    merchant.ctx.settings.allow_insecure_addresses = False
    config = {"url": "https://shop.example/hook", "secret": "a secret of the shop"}
    events = ["checkout_transaction"]
    hook = await merchant.post(HOOKS, {"config": config, "events": events})
    for url in ("https://collector.example/hook", "https://shop.example:8443/hook"):
        answer = await merchant.api.put(
            f"{HOOKS}/{hook['id']}", json={"config": {"url": url}, "events": events}
        )
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["errors"][0]["field"] == "config.secret"
    assert (await merchant.get(f"{HOOKS}/{hook['id']}"))["config"]["url"] == config["url"]
    same = {"config": {"url": "https://shop.example/other"}, "events": events}
    assert (await merchant.api.put(f"{HOOKS}/{hook['id']}", json=same)).status_code == 200
    moved = {"config": {"url": "https://collector.example/", "secret": "x" * 20}, "events": events}
    assert (await merchant.api.put(f"{HOOKS}/{hook['id']}", json=moved)).status_code == 200


@pytest.mark.parametrize("url", [
    "http://provider.example", "https://127.0.0.1", "https://127.1", "https://2130706433",
    "https://0x7f000001", "https://localhost", "https://LOCALHOST.", "https://a.localhost",
    "https://10.0.0.1", "https://192.168.1.1:8443", "https://172.16.0.9", "https://169.254.169.254",
    "https://[::1]", "https://[::ffff:10.0.0.1]", "https://[fd00::1]", "https://[fe80::1]",
    "https://[64:ff9b::7f00:1]", "https://100.64.0.1", "https://0.0.0.0",
    "https://user:pw@provider.example", "file:///etc/passwd", "unix:///run/x.sock", "https://",
    "https://a.example:99999",
])  # fmt: skip
async def test_private_addresses_cannot_be_set(merchant: Merchant, url: str) -> None:
    merchant.ctx.settings.allow_insecure_addresses = False
    before = await stored(merchant, "default")
    given = {"base_url": url, "secret_key": "sk_1", "webhook_secret": "whsec_1"}
    answer = await merchant.api.put(f"{PROFILES}/default", json={"connections": {OPTION: given}})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["errors"][0]["field"] == f"connections.{OPTION}.base_url"
    assert await stored(merchant, "default") == before


@dataclass
class Resolver:
    """Stands for the domain name system and gives the answers of each name in turn."""

    answers: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else str(host)
        self.asked.append(name)
        known = self.answers[name]
        found = known.pop(0) if len(known) > 1 else known[0]
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port) + ((0, 0) if ":" in one else ()),
            )
            for one in found
        ]


@pytest.mark.parametrize("addresses", [
    ["127.0.0.1"], ["::1"], ["10.1.2.3"], ["169.254.169.254"], ["::ffff:127.0.0.1"],
    # A public address beside it does not help, because the connection might go to either.
    ["93.184.215.14", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"],
])  # fmt: skip
async def test_a_name_that_leads_inside_is_not_connected_to(
    merchant: Merchant, listener: Listener, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    await save_profile(merchant.ctx, profile(f"https://inside.example:{listener.port}", "sk_1"))
    session = await merchant.ready(40000, await merchant.card(10000))
    merchant.ctx.settings.allow_insecure_addresses = False
    resolver = Resolver({"inside.example": [addresses]})
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    result = await merchant.press_pay(session)
    assert result.state == "refused"
    assert resolver.asked == ["inside.example"]
    assert listener.connections == []
    # The server sent nothing, so it holds nothing.
    shown = await merchant.view(session)
    assert shown.state.value == "open"
    assert shown.gift_card is not None and shown.gift_card.left == 0
    monkeypatch.undo()
    await merchant.audit()


async def test_a_name_is_resolved_once_and_that_address_is_used(
    merchant: Merchant, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its mind between the check and the connection gains nothing."""
    resolver = Resolver({"rebinds.example": [["127.0.0.1"], ["192.0.2.1"]]})
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    answer = await merchant.ctx.http.get(f"http://rebinds.example:{listener.port}/x")
    assert answer.status_code == 200
    assert resolver.asked == ["rebinds.example"]
    [request] = listener.connections
    assert f"host: rebinds.example:{listener.port}".encode() in request.lower()


@pytest.mark.parametrize("client", ["http", "callbacks_http"])
async def test_every_client_for_merchants_addresses_is_guarded(
    merchant: Merchant, listener: Listener, client: str
) -> None:
    merchant.ctx.settings.allow_insecure_addresses = False
    for url in (f"http://127.0.0.1:{listener.port}/", f"https://127.0.0.1:{listener.port}/"):
        with pytest.raises(AddressRefused):
            await getattr(merchant.ctx, client).get(url)
    assert listener.connections == []
    merchant.ctx.settings.allow_insecure_callbacks = True
    answer = await getattr(merchant.ctx, client).get(f"http://127.0.0.1:{listener.port}/")
    assert answer.status_code == 200


async def test_a_client_with_a_certificate_is_guarded_too(
    merchant: Merchant, listener: Listener
) -> None:
    pair = Authority.new("Somebody").issue("client")
    http = client_with(merchant.ctx, {"certificate": pair.pem, "key": pair.key_pem()})
    assert http is not merchant.ctx.http
    merchant.ctx.settings.allow_insecure_addresses = False
    tools = Tools(http, merchant.clock.now, connect_timeout=1, read_timeout=1)
    transport = Transport(f"https://127.0.0.1:{listener.port}", tools)
    answer = await transport.send("GET", "/", headers={})
    assert isinstance(answer, Answer)
    assert (answer.outcome.value, answer.code) == ("refused", "configuration")
    assert listener.connections == []
