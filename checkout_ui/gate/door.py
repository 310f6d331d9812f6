"""The ASGI application in front of the event socket. It lets through what our pages send, and slows
down whoever sends too much.

It speaks only WebSocket, at one path. `frames` reads each message and writes it again, and the
application behind gets what `frames` has written. Only those headers are passed on that our pages
need. We stop reading from a client that does not read what we send, and give it up after a while.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.limits.source import networks_of
from checkout_ui.gate import frames
from checkout_ui.gate.allowed import Allowed
from checkout_ui.gate.arguments import Refused
from checkout_ui.gate.counts import Counts
from checkout_ui.gate.doors import LONGEST_WAIT, Connection, Doors

PATH = "/_event"
CONNECTION = "gavekort.connection"
"""Under this name the scope of a socket carries its Connection."""
SEND_SECONDS = 15.0
"""We give up a client that takes nothing for so long."""
_PONG, _MESSAGE, _LOADING = 0.2, 1.0, 10.0
"""What each kind of message takes from a bucket; a long message takes more."""
_TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ORIGIN = re.compile(rb"https?://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?")
_VERSION = re.compile(r"[0-9A-Za-z.]{1,20}")
_HEADERS = {
    b"host": 300,
    b"origin": 300,
    b"upgrade": 20,
    b"connection": 40,
    b"user-agent": 400,
    b"accept-language": 200,
    b"cookie": 8000,
    b"sec-websocket-protocol": 40,
    b"x-forwarded-proto": 5,
}
"""The headers of a request that are passed on, and the greatest length of each. No browser sends
longer ones."""
_BAD_MESSAGES = 20
"""After so many messages that no page of ours sends, the socket is closed."""
_RETRY_SECONDS = b"5"


class Door:
    """`source_of` returns the source of a request by its scope. `doors` and `counts` are functions,
    since the settings are not known yet when the gate is made."""

    def __init__(
        self,
        inner: ASGIApp,
        allowed: Allowed,
        doors: Callable[[], Doors],
        counts: Callable[[], Counts],
        source_of: Callable[[Scope], str],
    ) -> None:
        self._inner, self._allowed, self._source_of = inner, allowed, source_of
        self._doors, self._counts = doors, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http" and is_socket_path(scope["path"]):
            self._counts().count("transport", networks_of(self._source_of(scope))[0])
            await _answer(send, "http.response", 400, b"this address speaks WebSocket only")
        else:
            await self._inner(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        doors, counts = self._doors(), self._counts()
        source = self._source_of(scope)
        counted_as = networks_of(source)[0]
        if (await receive())["type"] != "websocket.connect":
            return
        token = _token(scope)
        here = scope["path"].rstrip("/") == PATH
        if token is None or not here or not _has_an_origin(scope):
            counts.count("address", counted_as)
            await _refuse(scope, send, 403)
            return
        connection = doors.enter(counted_as, time.monotonic())
        if connection is None:
            counts.count("place", counted_as)
            await _refuse(scope, send, 429)
            return
        try:
            through = Passage(connection, receive, send, self._allowed, doors, counts)
            await self._inner(
                _as_ours(scope, source, token, connection), through.receive, through.send
            )
            await through.end()
        finally:
            doors.leave(connection)


class Passage:
    """One socket, as the application behind the gate sees it: what the client sends is checked, and
    it has a limited time to take what it is sent."""

    def __init__(
        self,
        connection: Connection,
        receive: Receive,
        send: Send,
        allowed: Allowed,
        doors: Doors,
        counts: Counts,
    ) -> None:
        self._connection, self._receive, self._send = connection, receive, send
        self._allowed, self._doors, self._counts = allowed, doors, counts
        self._idle = doors.limits.idle
        self._since = time.monotonic()
        self._told_connect = self._accepted = self._ended = False
        self._bad = 0
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sent = asyncio.Event()
        self._sent.set()
        connection.close = self._close

    # --- what the client says ---------------------------------------------------------------

    async def receive(self) -> Message:
        """Return the next message that a page of ours can send, or the message that says that the
        socket is closed."""
        if not self._told_connect:
            self._told_connect = True
            return {"type": "websocket.connect"}
        while not self._ended:
            await self._sent.wait()  # we do not read from a client that reads nothing
            message = await self._heard()
            if message is None or message["type"] != "websocket.receive":
                break
            checked = self._checked(message)
            cost = _cost(checked, message)
            if await self._closes_within(
                self._doors.wait_for(self._connection, cost, time.monotonic())
            ):
                break
            if isinstance(checked, frames.Report):
                self._counts.count("report of a browser", self._connection.source)
            elif checked is not None:
                return {"type": "websocket.receive", "text": checked.frame}
        self._ended = True
        return {"type": "websocket.disconnect", "code": 1000}

    def _checked(self, message: Message) -> frames.Frame | None:
        written = message.get("text")
        try:
            if written is None:
                raise Refused("binary")
            checked = frames.read(written, self._allowed)
            if isinstance(checked, frames.Connect) and self._connection.connected:
                raise Refused("connect")
            if isinstance(checked, frames.Event) and not self._connection.connected:
                raise Refused("connect")
            if isinstance(checked, frames.Connect | frames.Leave):
                self._connection.connected = isinstance(checked, frames.Connect)
        except Refused as refused:
            self._counts.count(refused.reason, self._connection.source)
            self._bad += 1
            if self._bad >= _BAD_MESSAGES:
                self._close("bad messages")
            return None
        return checked

    async def _heard(self) -> Message | None:
        """Return the next message, or None if the socket is to be closed before one comes."""
        hearing = asyncio.ensure_future(self._receive())
        try:
            while not (hearing.done() or self._closing.done()):
                patience = self._patience()
                if patience == 0:
                    self._close("idle")
                    break
                awaited: set[asyncio.Future[Any]] = {hearing, self._closing}
                await asyncio.wait(
                    awaited,
                    timeout=patience,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            return None if self._closing.done() else hearing.result()
        finally:
            hearing.cancel()

    def _patience(self) -> float | None:
        """Return the seconds that are left for a socket which shows nothing of ours, else None."""
        if self._connection.shows:
            return None
        return max(0.0, self._since + self._idle - time.monotonic())

    async def _closes_within(self, seconds: float) -> bool:
        if seconds > LONGEST_WAIT:
            self._close("flood")
        elif seconds > 0:
            await asyncio.wait({self._closing}, timeout=seconds)
        return self._closing.done()

    # --- what the server says ---------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """Send a message. OSError for a client that takes nothing."""
        if self._ended and message["type"] == "websocket.send":
            raise OSError("the socket is closed")
        self._accepted = self._accepted or message["type"] == "websocket.accept"
        self._ended = self._ended or message["type"] == "websocket.close"
        self._sent.clear()
        try:
            await asyncio.wait_for(self._send(message), SEND_SECONDS)
        except TimeoutError as error:
            self._counts.count("takes nothing", self._connection.source)
            self._ended = True
            self._finish()
            raise OSError("the client takes nothing") from error
        finally:
            self._sent.set()

    async def end(self) -> None:
        """Close what the application has left open."""
        if self._accepted:
            with suppress(Exception):
                await asyncio.wait_for(self._send({"type": "websocket.close"}), 1)

    def _close(self, reason: str) -> None:
        if not self._closing.done():
            self._counts.count(f"closed for {reason}", self._connection.source)
        self._finish()

    def _finish(self) -> None:
        if not self._closing.done():
            self._closing.set_result(None)


def is_socket_path(path: str) -> bool:
    return path == PATH or path.startswith(PATH + "/")


def _cost(frame: frames.Frame | None, message: Message) -> float:
    if isinstance(frame, frames.Pong):
        return _PONG
    loading = isinstance(frame, frames.Connect) or (isinstance(frame, frames.Event) and frame.loads)
    length = len(message.get("text") or message.get("bytes") or "")
    return (_LOADING if loading else _MESSAGE) + length / 4096


def _token(scope: Scope) -> str | None:
    """Return the page's own token; None if our pages do not make such a request."""
    try:
        query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=10)
    except ValueError:
        return None
    if query.get("EIO") != ["4"] or query.get("transport") != ["websocket"] or "sid" in query:
        return None
    (token, *more) = query.get("token") or [""]
    return token if not more and _TOKEN.fullmatch(token) else None


def _has_an_origin(scope: Scope) -> bool:
    """Return whether the request has an origin that a page can have, or none, as when no browser
    asks. Which origins may connect is decided by the application."""
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    try:
        return not origins or (
            len(origins) == 1
            and _ORIGIN.fullmatch(origins[0]) is not None
            and bool(urlsplit(origins[0]).hostname)
        )
    except ValueError:
        return False


def _as_ours(scope: Scope, source: str, token: str, connection: Connection) -> dict[str, Any]:
    """Return the request as the framework gets it. Its client is the source, whatever proxies the
    request came through."""
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if len(value) <= _HEADERS.get(name, -1) and value.isascii()
    ]
    return {
        **scope,
        "path": PATH + "/",
        "raw_path": PATH.encode() + b"/",
        "query_string": f"token={token}&EIO=4&transport=websocket".encode(),
        "headers": headers,
        "client": (source, 0),
        "subprotocols": [p for p in scope.get("subprotocols") or () if _VERSION.fullmatch(p)],
        CONNECTION: connection,
    }


async def _refuse(scope: Scope, send: Send, status: int) -> None:
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await _answer(send, "websocket.http.response", status, b"")
    else:
        await send({"type": "websocket.close", "code": 1013})


async def _answer(send: Send, kind: str, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    if status == 429:
        headers.append((b"retry-after", _RETRY_SECONDS))
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
