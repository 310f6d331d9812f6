"""Errors in JSON at addresses that are not the API's: a program cannot read a page or a line of
plain text. See docs/http.md."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.http_server.refusals import told

_PAGES = re.compile(r"/|/embedResult/?|/v1/(?:view|phone)/[^/]+/?|/balance/[^/]+/?")
_OF_THE_BODY = (
    b"content-type", b"content-length", b"content-encoding", b"content-language",
    b"content-security-policy", b"etag", b"last-modified", b"vary",
)  # fmt: skip
_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 410: "GONE", 429: "TOO_MANY_REQUESTS"}
_TEXTS = {404: "there is nothing at this address", 410: "this cannot be used any more"}


class ErrorsInJson:
    """Answer programs with the API's form of errors, at every address."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The event socket's own refusals are for browsers' consoles, and have a form of their own.
        if scope["type"] != "http" or scope["path"].startswith("/_event") or not _wants_json(scope):
            await self._inner(scope, receive, send)
            return
        await self._inner(scope, receive, _Swapped(send, scope["method"] == "HEAD"))


def _wants_json(scope: Scope) -> bool:
    """Return whether the caller is a program. A browser asks for HTML. A caller that does not say
    what it accepts gets a page if the address has one."""
    accepted = b",".join(v for k, v in scope["headers"] if k == b"accept").lower()
    if b"text/html" in accepted:
        return False
    is_page = scope["method"] in ("GET", "HEAD", "POST") and _PAGES.fullmatch(scope["path"])
    return b"json" in accepted or not is_page


class _Swapped:
    """Passes messages on. An error that is not JSON becomes one of the API's errors."""

    def __init__(self, send: Send, without_body: bool) -> None:
        self._send, self._without_body = send, without_body
        self._swaps = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(k.lower(), v) for k, v in message.get("headers", ())]
            kind = next((v for k, v in headers if k == b"content-type"), b"")
            self._swaps = message["status"] >= 400 and b"json" not in kind
            if self._swaps:
                await self._begin(message["status"], headers)
                return
        elif self._swaps:
            return
        await self._send(message)

    async def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        phrase = HTTPStatus(status).phrase
        code = _CODES.get(status, phrase.upper().replace(" ", "_"))
        body = json.dumps(told(code, _TEXTS.get(status, phrase.lower()))).encode()
        kept = [(name, value) for name, value in headers if name not in _OF_THE_BODY]
        kept += [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": kept})
        await self._send(
            {"type": "http.response.body", "body": b"" if self._without_body else body}
        )
