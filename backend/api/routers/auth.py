"""`POST /accounts/{aid}/auth/token`. Source: `reference/dintero-api.md#1-auth`."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from backend.accounts.clients import authenticate, check_audience, issue_token
from backend.api.body import strict_router
from backend.api.deps import Context, basic_credentials
from backend.errors import FieldError, InvalidRequest

router = strict_router()


class TokenRequest(BaseModel):
    model_config = ConfigDict(extra="allow")

    grant_type: str
    audience: str | None = None


@router.post("/accounts/{account_id}/auth/token")
async def create_token(
    account_id: str, body: TokenRequest, request: Request, ctx: Context
) -> dict[str, Any]:
    """An access token for client credentials; `expires_in` in seconds."""
    client_id, secret = basic_credentials(request)
    if body.grant_type != "client_credentials":
        text = "only client_credentials is granted here"
        raise InvalidRequest(text, (FieldError("grant_type", text),))
    if not body.audience:
        raise InvalidRequest("audience is missing", (FieldError("audience", "missing"),))
    async with ctx.db.reading() as db:
        client = await authenticate(ctx, db, account_id, client_id, secret)
    check_audience(ctx, body.audience, account_id, request.headers.get("host", ""))
    return {
        "access_token": issue_token(ctx, client, body.audience),
        "token_type": "Bearer",
        "expires_in": ctx.settings.token_lifetime,
    }
