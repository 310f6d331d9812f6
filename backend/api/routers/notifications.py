"""Where providers notify us: each profile's option has its own address and secret."""

from __future__ import annotations

from fastapi import Request

from backend.api.body import strict_router
from backend.api.deps import Context
from backend.api.source import source_of
from backend.core.errors import InvalidRequest, NotFound, Unauthorized
from backend.limits import limiter as limits
from backend.limits import rules
from backend.payments.review.notifications import notified

router = strict_router()


@router.get("/psp/{account_id}/{profile_id}/{option}/notifications")
@router.post("/psp/{account_id}/{profile_id}/{option}/notifications")
async def receive(
    account_id: str, profile_id: str, option: str, request: Request, ctx: Context
) -> dict[str, bool]:
    """Verified, then a read at the provider decides; the body itself is believed in nothing.

    Some providers notify by GET and say it all in the query."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    # By the name HTTP/2 has for it: no header a client sends can be called so.
    headers[":path"] = f"{request.url.path}?{request.url.query}"
    try:
        await notified(ctx, account_id, profile_id, option, headers, await request.body())
    except (Unauthorized, NotFound, InvalidRequest):
        # Only what is not signed as it should be counts: no stranger keeps the provider's own out.
        await limits.spend_source(ctx, rules.NOTIFICATIONS_WRONG, source_of(ctx, request))
        raise
    return {"received": True}
