"""The outermost layer. It adds the headers that every answer carries, whichever room made it, and
it answers when all rooms fail."""

from __future__ import annotations

import json
import logging
import re
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core import context, logs
from backend.http_server.refusals import told
from backend.http_server.security_headers import common_headers
from checkout_ui.hosting.caching import NO_STORE, how_long

log = logging.getLogger(__name__)

_OPENED_BY_SHOPS = re.compile(
    r"/|/embedResult/?|/v1/view/[^/]+(/session/abandon)?/?|/v1/sessions/[^/]+/redirect/[^/]+"
)
"""The addresses that a shop opens in a window of its own, and those that lead this window back to
us. The two windows talk with each other (assets/embed.js). A stricter policy on any answer in
between, also on a redirect or an error, would separate them for good."""
_FILES = (".css", ".js", ".svg")
_STARTS = ("http.response.start", "websocket.http.response.start")
_DENIAL = "websocket.http.response"


class EveryAnswer:
    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._inner(scope, receive, send)
            return
        with logs.one_request():
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "websocket.accept":
                started = True
            elif message["type"] == "websocket.close" and not started:
                started = True
                if _DENIAL in scope.get("extensions", {}):
                    await _deny(scope, send)
                    return
            elif message["type"] in _STARTS:
                started = True
                message = _complete(scope, message)
            await send(message)

        try:
            await self._inner(_one_range(scope), receive, with_headers)
        except Exception as error:
            if started:
                raise
            # The path is not logged, because a session's id in it is its payer's key.
            log.error("a request failed before anything answered it", exc_info=error)
            await _fail(scope, send)


def _one_range(scope: Scope) -> Scope:
    """Remove a header that asks for several ranges of a file, so that the whole file is sent (RFC
    9110, section 14.2 allows it)."""
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name != b"range" or (b"," not in value and len(value) < 64)
    ]
    return scope if len(headers) == len(scope["headers"]) else {**scope, "headers": headers}


def _complete(scope: Scope, message: Message) -> Message:
    """Add our headers. An answer's own headers win, except that nobody may keep an error."""
    status: int = message["status"]
    given = list(message.get("headers", []))
    if status >= 400:
        given = [(name, value) for name, value in given if name.lower() != b"cache-control"]
    present = {name.lower() for name, _ in given}
    more = [
        (name.encode(), value.encode())
        for name, value in _headers(scope, status).items()
        if name.encode() not in present
    ]
    return {**message, "headers": [*given, *more]}


def _headers(scope: Scope, status: int) -> dict[str, str]:
    path: str = scope["path"]
    headers = common_headers(https=_over_https())
    if _OPENED_BY_SHOPS.fullmatch(path):
        headers["cross-origin-opener-policy"] = "unsafe-none"
        headers["cross-origin-resource-policy"] = "cross-origin"
    elif path.endswith(_FILES):
        # A frame that a shop has put into a sandbox has no origin, but it still has to load our
        # files.
        headers["cross-origin-resource-policy"] = "cross-origin"
    headers["cache-control"] = how_long(path, scope["query_string"], status)
    headers["request-id"] = logs.request_id() or ""
    return headers


def _over_https() -> bool:
    return urlsplit(context.current().settings.base_url).scheme == "https"


async def _fail(scope: Scope, send: Send) -> None:
    body = told("INTERNAL_ERROR", "something went wrong on our side")
    await _answer(scope, send, 500, json.dumps(body).encode())


async def _deny(scope: Scope, send: Send) -> None:
    """Answer a socket that we do not open with 403 and our headers, which the server would not
    add."""
    body = told("FORBIDDEN", "this socket is not for you")
    await _answer(scope, send, 403, json.dumps(body).encode())


async def _answer(scope: Scope, send: Send, status: int, body: bytes) -> None:
    prefix = "websocket." if scope["type"] == "websocket" else ""
    if prefix and _DENIAL not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1011})
        return
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    headers |= _headers(scope, status) | {"cache-control": NO_STORE}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{prefix}http.response.start", "status": status, "headers": pairs})
    await send({"type": f"{prefix}http.response.body", "body": body})
