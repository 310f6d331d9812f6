"""What a route needs of its request: the context, the caller, the headers that are kept."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import Depends, Request

from backend.accounts.clients import Principal, known_client, read_token
from backend.accounts.keys import read_key
from backend.context import Backend, current
from backend.errors import Unauthorized
from backend.sessions import events

_KEPT = (
    "dintero-system-name",
    "dintero-system-version",
    "dintero-system-plugin-name",
    "dintero-system-plugin-version",
    "dintero-checkout-instance-id",
    "user-agent",
)


def context() -> Backend:
    return current()


Context = Annotated[Backend, Depends(context)]


async def principal(request: Request, ctx: Context) -> Principal:
    """Who a Bearer token, or an `x-api-key`, is of; Unauthorized without a valid one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        own_host = request.headers.get("host", "")
        return await known_client(ctx, read_token(ctx, token.strip(), own_host))
    key = request.headers.get("x-api-key")
    if key is None:
        raise Unauthorized("a Bearer token is needed")
    return await read_key(ctx, key)


Caller = Annotated[Principal, Depends(principal)]


def basic_credentials(request: Request) -> tuple[str, str]:
    """Client id and secret of a Basic authorization; Unauthorized where it is none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise Unauthorized("Basic client credentials are needed")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorized("the Basic credentials cannot be read") from error
    if "\x00" in text:  # which no database knows
        raise Unauthorized("the Basic credentials cannot be read")
    client_id, _, secret = text.partition(":")
    return client_id, secret


def origin(request: Request) -> events.Request:
    """The request as an event keeps it."""
    headers = {name: request.headers[name][:120] for name in _KEPT if name in request.headers}
    return events.Request(headers=headers)


Origin = Annotated[events.Request, Depends(origin)]

READ_CHECKOUT = ("admin:checkout", "read:checkout")
WRITE_CHECKOUT = ("admin:checkout", "write:checkout")
READ_PROFILES = (*READ_CHECKOUT, "write:checkout:/admin/session/profiles")
WRITE_PROFILES = ("admin:checkout", "write:checkout:/admin/session/profiles")
READ_WALLETS = ("admin:wallets", "read:wallets")
WRITE_WALLETS = ("admin:wallets", "write:wallets")
