"""The secret that callbacks are signed with. Source:
`docs/reference/dintero-api.md#callback-signature`."""

from __future__ import annotations

from typing import Any

from backend.api.body import strict_router
from backend.api.deps import READ_CHECKOUT, WRITE_CHECKOUT, Caller, Context
from backend.outbox.secrets import make_secret, read_secret

router = strict_router()


@router.get("/admin/signature")
async def get(ctx: Context, caller: Caller) -> dict[str, Any]:
    """Return the secret in use. 404 if there is none."""
    caller.require(*READ_CHECKOUT)
    return await read_secret(ctx, caller.account_id)


@router.post("/admin/signature")
async def create(ctx: Context, caller: Caller) -> dict[str, Any]:
    """Make a secret. An earlier one ends at once."""
    caller.require(*WRITE_CHECKOUT)
    return await make_secret(ctx, caller.account_id, caller.client_id)
