"""`POST /accounts/{aid}/auth/token`. Source: `docs/reference/dintero-api.md#authentication`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.clients import (
    authenticate,
    check_audience,
    issue_token,
    issue_user_token,
)
from backend.accounts.tables import ApiClient
from backend.api.body import open_router
from backend.api.deps import Context, basic_credentials
from backend.api.source import source_of
from backend.core.context import Backend
from backend.core.errors import FieldError, InvalidRequest
from backend.limits import limiter as limits
from backend.limits import rules

router = open_router()


CLIENT, CUSTOMER = "client_credentials", "account_user_token"


class TokenRequest(BaseModel):
    """`customer_id` is only for the grant `account_user_token`."""

    model_config = ConfigDict(extra="allow")

    grant_type: str
    audience: str | None = None
    customer_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None


@router.post("/accounts/{account_id}/auth/token")
async def create_token(
    account_id: str, body: TokenRequest, request: Request, ctx: Context
) -> dict[str, Any]:
    """Return an access token for client credentials; `expires_in` is in seconds. With the grant
    `account_user_token` it is a customer's token, valid for that customer's own cards."""
    client_id, secret = basic_credentials(request)
    if body.grant_type not in (CLIENT, CUSTOMER):
        text = f"only {CLIENT} and {CUSTOMER} are granted here"
        raise InvalidRequest(text, (FieldError("grant_type", text),))
    if not body.audience:
        raise InvalidRequest("audience is missing", (FieldError("audience", "missing"),))
    client = await _authenticated(ctx, account_id, client_id, secret, source_of(ctx, request))
    check_audience(ctx, body.audience, account_id, request.headers.get("host", ""))
    return {
        "access_token": _token(ctx, client, body),
        "token_type": "Bearer",
        "expires_in": ctx.settings.token_lifetime,
    }


async def _authenticated(
    ctx: Backend, account_id: str, client_id: str, secret: str, source: str
) -> ApiClient:
    """Return the client, within its limit. Wrong credentials are counted before they are checked,
    together with the source, so that nobody else's mistakes refuse the client."""
    await limits.spend_source(ctx, rules.TOKEN_WRONG_SOURCE, source)
    await limits.spend_source(ctx, rules.TOKEN_WRONG, source, client_id)
    async with ctx.db.reading() as db:
        client = await authenticate(ctx, db, account_id, client_id, secret)
    await limits.restore_source(ctx, rules.TOKEN_WRONG_SOURCE, source)
    await limits.restore_source(ctx, rules.TOKEN_WRONG, source, client_id)
    await limits.spend(ctx, rules.TOKEN_CLIENT, client.id)
    return client


def _token(ctx: Backend, client: ApiClient, body: TokenRequest) -> str:
    assert body.audience is not None
    if body.grant_type == CLIENT:
        return issue_token(ctx, client, body.audience)
    if body.customer_id is None:
        raise InvalidRequest("customer_id is missing", (FieldError("customer_id", "missing"),))
    return issue_user_token(ctx, client, body.audience, body.customer_id)
