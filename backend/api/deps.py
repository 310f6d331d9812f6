"""What a route needs from its request: the context, the caller, the headers that are kept."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import Depends, Request

from backend.accounts.clients import Principal, known_client, read_token
from backend.accounts.keys import read_key
from backend.api.addresses import ACCOUNT
from backend.api.source import source_of
from backend.core.context import Backend, current
from backend.core.errors import Unauthorized
from backend.limits import limiter as limits
from backend.limits import rules
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


_CALLER = "gavekort.caller"


async def principal(request: Request, ctx: Context) -> Principal:
    """Return the caller of a Bearer token or an `x-api-key`. Unauthorized without a valid one. The
    caller's limit is spent once for each request, or else TooManyRequests."""
    known: Principal | None = request.scope.get(_CALLER)
    if known is None:
        try:
            known = await _credentials(request, ctx)
        except Unauthorized:
            await limits.spend_source(ctx, rules.STRANGERS, source_of(ctx, request))
            raise
        if known.customer_id is not None:
            # A customer's token is in a browser, so its calls must not use up the shop's limit.
            await limits.spend(ctx, rules.CUSTOMER, known.account_id, known.customer_id)
        else:
            await limits.spend(ctx, rules.MERCHANT, known.client_id)
        request.scope[_CALLER] = known
    if ACCOUNT in request.scope:
        known.require_account(request.scope[ACCOUNT])
    return known


async def _credentials(request: Request, ctx: Backend) -> Principal:
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
    """Return client id and secret of a Basic authorization. Unauthorized if there is none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise Unauthorized("Basic client credentials are needed")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorized("the Basic credentials cannot be read") from error
    if "\x00" in text:  # which no database can store
        raise Unauthorized("the Basic credentials cannot be read")
    client_id, _, secret = text.partition(":")
    return client_id, secret


def request_context(request: Request) -> events.Request:
    """Return the request as an event keeps it."""
    headers = {name: request.headers[name][:120] for name in _KEPT if name in request.headers}
    return events.Request(headers=headers)


RequestContext = Annotated[events.Request, Depends(request_context)]

READ_CHECKOUT = ("admin:checkout", "read:checkout")
WRITE_CHECKOUT = ("admin:checkout", "write:checkout")
READ_PROFILES = (*READ_CHECKOUT, "write:checkout:/admin/session/profiles")
WRITE_PROFILES = ("admin:checkout", "write:checkout:/admin/session/profiles")
READ_WALLETS = ("admin:wallets", "read:wallets")
WRITE_WALLETS = ("admin:wallets", "write:wallets")
