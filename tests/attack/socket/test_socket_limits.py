"""Floods, bombs, silent clients and crowds at the event socket. An honest page continues beside
them, and their cost is bounded."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
import zlib
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.event_socket import CHECKOUT, ROOT, Client, Place, client, until
from tests.support.waiting import pause_async

_MUCH = 60_000_000
"""Bytes. What is sent is more."""

Source = tuple[str, int]


async def _open(place: Place, **more: Any) -> None:
    """Assert that an honest page becomes usable."""
    path = f"/v1/view/{place.till.session()}"
    async with client(place.served, path, **more) as page:
        await page.hello()
        await page.until("stage", "open")


_TOKEN = "6b1f6a60-53a4-4b36-9c3e-0d6a1f0f7a11"
"""As a browser makes one. It is the same in each process that collects these tests."""

# --- the ways in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_event/?EIO=4&transport=polling"),
        ("POST", "/_event/?EIO=4&transport=polling&sid=x"),
        ("GET", f"/_event?token={_TOKEN}&EIO=4&transport=websocket"),
        ("OPTIONS", "/_event/"),
        ("GET", "/_event/engine.io/?EIO=4&transport=polling&j=1"),
    ],
)
def test_polling_is_not_spoken(usual: Place, method: str, path: str) -> None:
    body = b"x" * 100_000 if method == "POST" else b""
    answer = usual.till.http.request(method, path, content=body)
    assert (answer.status_code, answer.text) == (400, "this address speaks WebSocket only")


@pytest.mark.parametrize("path", ["/_upload", "/_upload/x", "/_all_routes", "/auth-codespace"])
def test_what_else_the_framework_could_open_is_closed(usual: Place, path: str) -> None:
    assert usual.till.http.post(path, content=b"x").status_code in (404, 405)


_GOOD = f"token={_TOKEN}&EIO=4&transport=websocket"


@pytest.mark.parametrize(
    "query",
    [
        "EIO=4&transport=websocket",
        "token=&EIO=4&transport=websocket",
        "token=forger&EIO=4&transport=websocket",
        f"token={_TOKEN}&{_GOOD}",
        f"token={_TOKEN}&EIO=3&transport=websocket",
        f"token={_TOKEN}&EIO=4&transport=polling",
        f"{_GOOD}&sid=abc",
        _GOOD + "&a=b" * 20,
    ],
)
async def test_only_what_a_page_asks_for_is_connected(usual: Place, query: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with client(usual.served, query=query):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "null",
        "file://",
        "http://[",
        "http://[:::]",
        "https://a b",
        "x",
    ],
)
async def test_only_our_own_pages_connect(usual: Place, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with client(usual.served, origin=origin):
            pass
    assert refused.value.response.status_code == 403
    async with client(usual.served, origin=usual.served.base_url):
        pass


async def test_no_other_address_speaks_websocket(usual: Place) -> None:
    for path in ("/other", "/v1/view/x", "/", "/_event/x", "/_event/../other", "/x/_event/"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{usual.served.socket_url.removesuffix('/_event/')}{path}?{_GOOD}"):
                pass
        assert refused.value.response.status_code == 403


# --- single messages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad", [b"\x04binary", "2probe", "40/other,{}", "45100000-/_event,[]", "x" * 5_000]
)
async def test_a_socket_that_says_what_no_page_says_is_closed(
    usual: Place, bad: str | bytes
) -> None:
    counted = usual.counted()
    async with client(usual.served) as page:
        await page.hello()
        for _ in range(20):
            with suppress(ConnectionClosed):
                await page.socket.send(bad)
        await page.closed()
    await until(lambda: counted("closed for bad messages"))


async def test_an_event_before_the_connection_or_a_second_connection_is_dropped(
    usual: Place,
) -> None:
    counted = usual.counted()
    async with client(usual.served) as page:
        await page.send(f"{CHECKOUT}.set_language", {"tag": "de"})
        await page.hello()
        await page.hello()
        await page.until("stage", "missing")
    await until(lambda: counted("connect"))


async def test_what_only_the_server_starts_cannot_be_called(usual: Place) -> None:
    """`watch` would start a follower for each call, `load` count a visit."""
    counted, session_id = usual.counted(), usual.till.session()
    async with client(usual.served, f"/v1/view/{session_id}") as page:
        await page.hello()
        await page.until("stage", "open")
        for name in ("watch", "load", "_show_missing", "setvar"):
            await page.send(f"{CHECKOUT}.{name}", {})
        await page.send(f"{ROOT}.hydrate", {})
        await page.send(f"{CHECKOUT}.set_language", {"tag": "de"})
        await page.until("language", "de")
    await until(lambda: counted("event"))
    assert usual.till.names(session_id).count("VISITED") <= 1


async def test_what_a_browser_reports_is_only_counted(usual: Place) -> None:
    """The framework's own handler needs sixteen seconds for this message."""
    counted, busy = usual.counted(), usual.served.busy()
    name = f"{ROOT}.reflex___state____frontend_event_exception_state.handle_frontend_exception"
    async with client(usual.served) as page:
        await page.hello()
        await page.until("stage", "missing")
        info = "TypeError: can't access property \"" * 700
        await page.send(name, {"info": info, "component_stack": ""})
        await page.socket.send('42/_event,["client_error",{"message":"Geheim4321"}]')
        await page.send(f"{CHECKOUT}.set_language", {"tag": "de"})
        await page.until("language", "de")
    await until(lambda: counted("report of a browser"))
    assert usual.served.busy() - busy < 2
    assert not any("Geheim4321" in line for line in usual.served.log_lines())


# --- what is kept of a client --------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_a_message_that_is_too_long_is_not_kept(
    usual: Place, compression: str | None
) -> None:
    before = usual.served.memory()
    async with client(usual.served, compression=compression) as page:
        await page.hello()
        with suppress(ConnectionClosed):
            for _ in range(5):
                await page.socket.send("42/_event," + " " * 30_000_000)
        await page.closed()
    assert usual.served.memory() - before < _MUCH


async def test_a_bomb_of_many_compressed_messages_is_cut_off(usual: Place) -> None:
    """Each message has the greatest allowed length, and at most a hundredth of it on the line."""
    before, began = usual.served.memory(), usual.served.busy()
    async with client(usual.served, compression="deflate") as page:
        page.socket.transport.write(_compressed(b"4" * 65_000) * 2000)
        await page.closed()
    assert usual.served.memory() - before < _MUCH
    assert usual.served.busy() - began < 2
    assert usual.till.http.get("/ping").status_code == 200


def _compressed(payload: bytes) -> bytes:
    """Return a client's frame of RFC 6455 with RFC 7692's bit set and a mask of zeros."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
    data = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(data) < 126
    return bytes([0xC1, 0x80 | len(data)]) + b"\0" * 4 + data


async def test_a_message_in_endless_pieces_is_cut_off(usual: Place) -> None:
    first, piece = (bytes([code, 0x80]) + b"\0" * 4 for code in (0x01, 0x00))
    async with client(usual.served) as page:
        page.socket.transport.write(first + piece * 100_000)
        await page.closed()


async def test_pings_of_a_client_that_takes_nothing_are_cut_off(usual: Place) -> None:
    before = usual.served.memory()
    ping = bytes([0x89, 0x80 | 125]) + b"\0" * 4 + b"x" * 125
    async with client(usual.served) as page:
        transport = page.socket.transport
        transport.pause_reading()
        for _ in range(400):
            if transport.is_closing():
                break
            transport.write(ping * 1000)
            await asyncio.sleep(0)
        transport.resume_reading()
        await page.closed(60)
    assert usual.served.memory() - before < _MUCH


# --- crowds and floods ---------------------------------------------------------------------------


async def test_a_flood_is_read_slowly_while_an_honest_page_goes_on(
    tight: Place, source: Source
) -> None:
    path = f"/v1/view/{tight.till.session()}"
    async with client(tight.served, path, local_addr=source) as attacker:
        await attacker.hello()
        await attacker.until("stage", "open")
        event = attacker.event(f"{CHECKOUT}.set_language", {"tag": "xx"})
        flood = asyncio.create_task(_flood(attacker, "42/_event," + json.dumps(["event", event])))
        began, busy = time.monotonic(), tight.served.busy()
        await _open(tight, local_addr=source)
        await _open(tight, local_addr=("127.0.2.1", 0))
        await pause_async(5, "the flood is measured for so long")
        share = (tight.served.busy() - busy) / (time.monotonic() - began)
        flood.cancel()
        with suppress(asyncio.CancelledError):
            await flood
    assert share < 0.3


async def _flood(attacker: Client, frame: str) -> None:
    with suppress(ConnectionClosed):
        while True:
            await attacker.socket.send(frame)


async def test_a_source_has_no_more_sockets_than_its_share(tight: Place, source: Source) -> None:
    counted = tight.counted()
    async with AsyncExitStack() as crowd:
        for _ in range(5):
            await crowd.enter_async_context(client(tight.served, local_addr=source))
        with pytest.raises(InvalidStatus) as refused:
            async with client(tight.served, local_addr=source):
                pass
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["retry-after"] == "5"
        # Another source is not affected.
        await _open(tight, local_addr=("127.0.2.2", 0))
    await until(lambda: counted("place"))
    await _open(tight, local_addr=source)


async def test_a_process_has_no_more_sockets_than_its_share(tight: Place) -> None:
    async with AsyncExitStack() as crowd:
        with pytest.raises(InvalidStatus) as refused:
            for number in range(10):
                address = (f"127.0.3.{number + 1}", 0)
                await crowd.enter_async_context(client(tight.served, local_addr=address))
        assert refused.value.response.status_code == 429


@pytest.mark.parametrize("says_hello", [False, True])
async def test_a_socket_that_shows_nothing_of_ours_is_closed(
    tight: Place, source: Source, says_hello: bool
) -> None:
    counted = tight.counted()
    async with client(tight.served, "/v1/view/nobody", local_addr=source) as page:
        if says_hello:
            await page.hello()
            await page.until("stage", "missing")
        await page.closed()
    await until(lambda: counted("closed for idle"))


async def test_a_page_that_shows_a_session_stays(tight: Place, source: Source) -> None:
    path = f"/v1/view/{tight.till.session()}"
    async with client(tight.served, path, local_addr=source) as page:
        await page.hello()
        await page.until("stage", "open")
        # Meanwhile a stranger connects, and the server closes that connection.
        async with client(tight.served, local_addr=source) as stranger:
            await stranger.closed()
        await page.send(f"{CHECKOUT}.set_language", {"tag": "de"})
        await page.until("language", "de")


async def test_sessions_are_guessed_slowly(tight: Place, source: Source) -> None:
    """A source loads pages as often as its limit allows, however many sockets it opens."""
    began, ends = time.monotonic(), time.monotonic() + 8
    loaded = 0

    async def guess() -> None:
        nonlocal loaded
        while time.monotonic() < ends:
            with suppress(ConnectionClosed, InvalidStatus, TimeoutError, OSError):
                path = f"/v1/view/{uuid.uuid4()}"
                async with client(tight.served, path, local_addr=source) as page:
                    await page.hello()
                    await page.until("stage", "missing", 5)
                    loaded += 1

    await asyncio.gather(*(guess() for _ in range(4)))
    # Ten for each: the budget of three seconds at once, and then what refills.
    assert 1 <= loaded <= (20 * 3 + 20 * (time.monotonic() - began)) / 10 + 1


async def test_pages_that_wait_cost_next_to_nothing(usual: Place) -> None:
    """One read follows all pages, so a hundred pages cost as much as one."""
    path = f"/v1/view/{usual.till.session()}"
    async with AsyncExitStack() as crowd:
        pages = [await crowd.enter_async_context(client(usual.served, path)) for _ in range(100)]
        for page in pages:
            await page.hello()
        for page in pages:
            await page.until("stage", "open")
        for _ in range(3):
            await asyncio.gather(*(_idle(page) for page in pages))
        began, busy = time.monotonic(), usual.served.busy()
        while time.monotonic() - began < 10:
            await asyncio.gather(*(_idle(page) for page in pages))
        share = (usual.served.busy() - busy) / (time.monotonic() - began)
    assert share < 0.12


async def _idle(page: Client) -> None:
    with suppress(TimeoutError):
        await page.read_one(1)
