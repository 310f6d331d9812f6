"""Give the address of a request one form before the routes see it, since clients write it in many.

A base address that ends with a slash leads to doubled slashes. Paths below
`/v1/accounts/{account_id}/payments` are the newer form of the same routes. See
`docs/reference/dintero-api.md#session-endpoints`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core import logs

ACCOUNT: Final = "gavekort.account"
"""The name in the request's scope of the account that the path names."""
HEADER: Final = "request-id"
_MANY = re.compile(r"/{2,}")
_OF_API = re.compile(r"/(?:v1|docs|openapi\.json|\.well-known)(?:/.*)?", re.DOTALL)
_PAGE = re.compile(r"/v1/(?:view|phone)/[^/]*/")
_OF_ACCOUNT = re.compile(
    r"/v1/accounts/([^/]+)/payments"
    r"(/(?:sessions-profile|sessions|transactions|view|admin)(?:/([^/]+).*)?)",
    re.DOTALL,
)
_INDEX = re.compile(r"\[\d*\]$")


class OneAddress:
    """Give the request's path its plain form. It may be installed twice: the inner one then finds
    nothing to change."""

    def __init__(self, app: ASGIApp) -> None:
        self._inner = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path, account = plain_path(scope["path"])
            if path != scope["path"]:
                scope = {**scope, "path": path, "raw_path": path.encode()}
            if account is not None:
                scope[ACCOUNT] = account
        await self._inner(scope, receive, send)


def plain_path(path: str) -> tuple[str, str | None]:
    """Return the path as the routes know it, and the account that it names, if it names one."""
    plain = _MANY.sub("/", path)
    if not _OF_API.fullmatch(plain):
        return path, None
    if plain.endswith("/") and not _PAGE.fullmatch(plain):
        plain = plain.rstrip("/")
    match = _OF_ACCOUNT.fullmatch(plain)
    if match is None:
        return plain, None
    account, rest, name = match.groups()
    if name is not None and "." in name and not name.startswith(f"{account}."):
        return plain, None  # the id belongs to another account, so no route may find it
    return f"/v1{rest}", account


def plain_query(query: bytes) -> bytes:
    """Return a query without empty parameters. The names that PHP gives to the values of a list
    (`includes[]`, `id[0]`) become one name (`includes`, `id`)."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    kept = [(_INDEX.sub("", name), value) for name, value in pairs if value.strip()]
    return query if kept == pairs else urlencode(kept).encode()


class Numbered:
    """Give every request an id, and put it into the header `request-id` of the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._inner = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        with logs.one_request() as number:
            header = (HEADER.encode(), number.encode())

            async def with_number(message: Message) -> None:
                if message["type"] == "http.response.start":
                    given = [h for h in message.get("headers", ()) if h[0].lower() != header[0]]
                    message = {**message, "headers": [*given, header]}
                await send(message)

            await self._inner(scope, receive, with_number)
