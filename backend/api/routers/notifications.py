"""The addresses at which providers notify us. Each option of each profile has its own address and
secret."""

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
    """Take a notification. It is verified, and then a read at the provider decides; nothing in the
    body is trusted.

    Some providers notify by GET, with everything in the query.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    # This is the name that HTTP/2 has for it. No header that a client sends can have that name.
    headers[":path"] = f"{request.url.path}?{request.url.query}"
    try:
        await notified(ctx, account_id, profile_id, option, headers, await request.body())
    except (Unauthorized, NotFound, InvalidRequest):
        # Only notifications with a wrong signature count, so that no stranger can keep the
        # provider's own out.
        await limits.spend_source(ctx, rules.NOTIFICATIONS_WRONG, source_of(ctx, request))
        raise
    return {"received": True}
