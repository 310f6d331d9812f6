"""Floods, bombs, silent clients and crowds at the event socket: an honest page goes on beside
them, and what they cost has an end."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.checkout import Merchant
from tests.support.event_socket import CHECKOUT, ROOT, Client, Served, client

NewServer = Callable[..., Served]


async def _open(served: Served, merchant: Merchant) -> None:
    """An honest page becomes usable."""
    path = f"/v1/view/{await merchant.session()}"
    async with client(served, path) as page:
        await page.hello()
        await page.until("stage", "open")


def _counted(served: Served, reason: str) -> bool:
    return any(f" {reason} " in line or f" {reason}," in line for line in served.log_lines())


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_event/?EIO=4&transport=polling"),
        ("POST", "/_event/?EIO=4&transport=polling&sid=x"),
        ("GET", f"/_event?token={uuid.uuid4()}&EIO=4&transport=websocket"),
        ("OPTIONS", "/_event/"),
        ("GET", "/_event/engine.io/?EIO=4&transport=polling&j=1"),
    ],
)
async def test_polling_is_not_spoken(new_server: NewServer, method: str, path: str) -> None:
    served = new_server()
    async with httpx.AsyncClient(base_url=served.base_url) as http:
        answer = await http.request(
            method, path, content=b"x" * 100_000 if method == "POST" else b""
        )
    assert (answer.status_code, answer.text) == (400, "this address speaks WebSocket only")


async def test_what_else_the_framework_has_open_is_closed(new_server: NewServer) -> None:
    served = new_server()
    async with httpx.AsyncClient(base_url=served.base_url) as http:
        for path in ("/_upload", "/_upload/x", "/_all_routes", "/auth-codespace"):
            assert (await http.post(path, content=b"x")).status_code in (404, 405), path


async def test_only_a_pages_own_address_is_connected(new_server: NewServer) -> None:
    served = new_server()
    good = f"token={uuid.uuid4()}&EIO=4&transport=websocket"
    for query in (
        "EIO=4&transport=websocket",
        "token=&EIO=4&transport=websocket",
        "token=forger&EIO=4&transport=websocket",
        f"token={uuid.uuid4()}&token={uuid.uuid4()}&EIO=4&transport=websocket",
        f"token={uuid.uuid4()}&EIO=3&transport=websocket",
        f"token={uuid.uuid4()}&EIO=4&transport=polling",
        f"{good}&sid=abc",
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with client(served, query=query):
                pass
        assert refused.value.response.status_code == 403, query
    for origin in ("https://elsewhere.example", "null", "file://", "http://[", "https://a b"):
        with pytest.raises(InvalidStatus) as refused:
            async with client(served, origin=origin):
                pass
        assert refused.value.response.status_code == 403, origin
    with pytest.raises(InvalidStatus):
        async with connect(f"{served.socket_url}../other?{good}"):
            pass
    async with client(served, query=good, origin=served.base_url):
        pass


async def test_binary_messages_and_bad_frames_close_the_socket(new_server: NewServer) -> None:
    served = new_server(socket_log_interval=1)
    for bad in (b"\x04binary", "2probe", "40/other,{}", "45100000-/_event,[]", "x" * 60_000):
        async with client(served) as page:
            await page.hello()
            for _ in range(20):
                with suppress(ConnectionClosed):
                    await page.socket.send(bad)
            await page.closed()
    await _until(lambda: _counted(served, "closed for bad messages"))
    assert _counted(served, "binary")


async def test_a_message_that_is_too_long_is_not_kept(new_server: NewServer) -> None:
    served = new_server()
    before = served.memory()
    for compression in (None, "deflate"):
        async with client(served, compression=compression) as page:
            await page.hello()
            with suppress(ConnectionClosed):
                for _ in range(5):
                    await page.socket.send("42/_event," + " " * 30_000_000)
            await page.closed()
    assert served.memory() - before < 60_000_000


async def test_a_bomb_of_many_compressed_messages_is_cut_off(new_server: NewServer) -> None:
    """Each is as long as a message may be, and a thousandth of that on the line."""
    served = new_server()
    before, began = served.memory(), served.busy()
    async with client(served, compression="deflate") as page:
        packed = _compressed_frame(b"4" * 65_000) * 2000
        transport = page.socket.transport
        transport.write(packed)
        await page.closed()
    assert served.memory() - before < 60_000_000
    assert served.busy() - began < 3
    async with httpx.AsyncClient(base_url=served.base_url) as http:
        assert (await http.get("/ping")).status_code == 200


def _compressed_frame(payload: bytes) -> bytes:
    """A client's frame of RFC 6455, with RFC 7692's bit set. Masked with zeros."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
    data = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    data = data[:-4]
    assert len(data) < 126
    return bytes([0xC1, 0x80 | len(data)]) + b"\0" * 4 + data


async def test_a_message_in_endless_pieces_is_cut_off(new_server: NewServer) -> None:
    served = new_server()
    async with client(served) as page:
        first = bytes([0x01, 0x80]) + b"\0" * 4
        piece = bytes([0x00, 0x80]) + b"\0" * 4
        page.socket.transport.write(first + piece * 100_000)
        await page.closed()


async def test_pings_of_a_client_that_takes_nothing_are_cut_off(new_server: NewServer) -> None:
    served = new_server()
    before = served.memory()
    async with client(served) as page:
        page.socket.transport.pause_reading()
        ping = bytes([0x89, 0x80 | 125]) + b"\0" * 4 + b"x" * 125
        with suppress(ConnectionError):
            for _ in range(400):
                page.socket.transport.write(ping * 1000)
                await asyncio.sleep(0)
                if page.socket.transport.is_closing():
                    break
        page.socket.transport.resume_reading()
        await page.closed(60)
    assert served.memory() - before < 60_000_000


async def test_a_flood_is_read_slowly_while_an_honest_page_goes_on(
    new_server: NewServer, merchant: Merchant
) -> None:
    """What the flood may say is bounded, so what it costs is: the server computes little."""
    served = new_server(socket_messages_per_second=5, socket_messages_per_second_and_source=200)
    path = f"/v1/view/{await merchant.session()}"
    async with client(served, path) as attacker:
        await attacker.hello()
        await attacker.until("stage", "open")
        event = attacker.event(f"{CHECKOUT}.set_language", {"tag": "xx"})
        frame = "42/_event," + json.dumps(["event", event])
        flood = asyncio.create_task(_flood(attacker, frame))
        try:
            began, busy = time.monotonic(), served.busy()
            for _ in range(3):
                await _open(served, merchant)
            await asyncio.sleep(3)
            computed = served.busy() - busy
            assert computed / (time.monotonic() - began) < 0.5
        finally:
            flood.cancel()
            with suppress(asyncio.CancelledError):
                await flood


async def _flood(attacker: Client, frame: str) -> None:
    with suppress(ConnectionClosed):
        while True:
            await attacker.socket.send(frame)


async def test_a_source_has_no_more_sockets_than_its_share(
    new_server: NewServer, merchant: Merchant
) -> None:
    served = new_server(sockets_per_source=5, socket_log_interval=1)
    async with AsyncExitStack() as crowd:
        for _ in range(5):
            await crowd.enter_async_context(client(served))
        with pytest.raises(InvalidStatus) as refused:
            async with client(served):
                pass
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["retry-after"] == "5"
        await _until(lambda: _counted(served, "place"))
        # Another source is not concerned.
        async with client(served, local_addr=("127.0.0.2", 0)):
            pass
    await _open(served, merchant)


async def test_a_process_has_no_more_sockets_than_its_share(new_server: NewServer) -> None:
    served = new_server(sockets=5)
    async with AsyncExitStack() as crowd:
        for number in range(5):
            address = (f"127.0.0.{number + 2}", 0)
            await crowd.enter_async_context(client(served, local_addr=address))
        with pytest.raises(InvalidStatus) as refused:
            async with client(served):
                pass
        assert refused.value.response.status_code == 429


@pytest.mark.parametrize("says", ["nothing", "hello of a session that there is not"])
async def test_a_socket_that_shows_nothing_of_ours_is_closed(
    new_server: NewServer, says: str
) -> None:
    served = new_server(socket_idle=1, socket_log_interval=1)
    async with client(served, "/v1/view/nobody") as page:
        if says != "nothing":
            await page.hello()
            await page.until("stage", "missing")
        await page.closed()
    await _until(lambda: _counted(served, "closed for idle"))


async def test_a_page_that_shows_a_session_stays(new_server: NewServer, merchant: Merchant) -> None:
    served = new_server(socket_idle=1)
    session_id = await merchant.session()
    async with client(served, f"/v1/view/{session_id}") as page:
        await page.hello()
        await page.until("stage", "open")
        # A stranger comes and is closed meanwhile.
        async with client(served) as stranger:
            await stranger.closed()
        await page.send(f"{CHECKOUT}.set_language", {"tag": "de"})
        await page.until("language", "de")


async def test_pages_that_wait_cost_next_to_nothing(
    new_server: NewServer, merchant: Merchant
) -> None:
    """Of a hundred open pages of one session, and none of anything else."""
    served = new_server(socket_messages_per_second_and_source=100_000)
    path = f"/v1/view/{await merchant.session()}"
    async with AsyncExitStack() as crowd:
        pages = [await crowd.enter_async_context(client(served, path)) for _ in range(100)]
        for page in pages:
            await page.hello()
        for page in pages:
            await page.until("stage", "open")
        began, busy = time.monotonic(), served.busy()
        while time.monotonic() - began < 10:
            await asyncio.gather(*(_idle(page) for page in pages))
        share = (served.busy() - busy) / (time.monotonic() - began)
    assert share < 0.08


async def _idle(page: Client) -> None:
    with suppress(TimeoutError):
        await page.read_one(1)


async def test_random_sessions_are_looked_for_slowly(new_server: NewServer) -> None:
    """A stranger's pages load as often as a source may, however many sockets there are."""
    served = new_server(socket_messages_per_second_and_source=20)
    asked = 0

    async def guess() -> None:
        nonlocal asked
        with suppress(ConnectionClosed, InvalidStatus, TimeoutError, OSError):
            async with client(served, f"/v1/view/{uuid.uuid4()}") as page:
                await page.hello()
                await page.until("stage", "missing", 6)
                asked += 1

    await asyncio.gather(*(guess() for _ in range(60)))
    # Three seconds' worth at once, and then two a second.
    assert 1 <= asked <= 6 + 2 * 8


async def test_an_event_before_the_connection_or_twice_a_connection_is_dropped(
    new_server: NewServer,
) -> None:
    served = new_server(socket_log_interval=1)
    async with client(served) as page:
        await page.send(f"{CHECKOUT}.set_language", {"tag": "de"})
        await page.hello()
        await page.hello()
        await page.until("stage", "missing")
    await _until(lambda: _counted(served, "connect"))


async def test_what_a_page_only_gets_from_the_server_cannot_be_called(
    new_server: NewServer, merchant: Merchant
) -> None:
    """`watch` would start one follower for each call, `load` count a visit."""
    served = new_server(socket_log_interval=1)
    session_id = await merchant.session()
    async with client(served, f"/v1/view/{session_id}") as page:
        await page.hello()
        await page.until("stage", "open")
        for name in ("watch", "load", "_show_missing", "setvar"):
            await page.send(f"{CHECKOUT}.{name}", {})
        await page.send(f"{ROOT}.hydrate", {})
        await page.send(f"{CHECKOUT}.set_language", {"tag": "de"})
        await page.until("language", "de")
    await _until(lambda: _counted(served, "event"))
    visits = [event["name"] for event in (await _events(merchant, session_id))]
    assert visits.count("VISITED") == 1


async def _events(merchant: Merchant, session_id: str) -> list[dict[str, Any]]:
    session = await merchant.get(f"/v1/sessions/{session_id}")
    events: list[dict[str, Any]] = session["events"]
    return events
