"""The secret that an account's callbacks are signed with: one at a time, encrypted at rest.

Source: `docs/reference/dintero-api.md#callback-signature`. Shops read `signature.secret`; `secret`
beside it is what our answers had before.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.errors import NotFound
from backend.core.ids import new_uuid
from backend.outbox.tables import SigningSecret

TYPE = "v0-hmac-sha256"
"""The name of the signature in the header `Dintero-Signature`."""


async def make_secret(ctx: Backend, account_id: str, created_by: str) -> dict[str, Any]:
    """Make a new secret. It replaces the one before at once: every attempt from now on is signed
    with it."""
    now = ctx.clock.now()
    value = secrets.token_urlsafe(32)
    kept = SigningSecret(
        account_id=account_id,
        id=new_uuid(),
        secret=ctx.vault.seal({"secret": value}),
        created_at=now,
        created_by=created_by,
    )
    async with ctx.db.unit_of_work() as db:
        dialect = sqlite if ctx.db.is_sqlite else postgresql
        insert = dialect.insert(SigningSecret).values(**kept.model_dump())
        changed = kept.model_dump(exclude={"account_id"})
        await db.exec(insert.on_conflict_do_update(index_elements=["account_id"], set_=changed))
    return _serialize(kept, value)


async def read_secret(ctx: Backend, account_id: str) -> dict[str, Any]:
    """Return the secret. NotFound if none was made; then callbacks are not signed."""
    async with ctx.db.reading() as db:
        kept = await db.get(SigningSecret, account_id)
    if kept is None:
        raise NotFound("this account has no secret for callbacks")
    return _serialize(kept, str(ctx.vault.unseal(kept.secret)["secret"]))


def _serialize(kept: SigningSecret, value: str) -> dict[str, Any]:
    return {
        "id": kept.id,
        "signature": {"type": TYPE, "secret": value},
        "secret": value,
        "created_at": iso(kept.created_at),
        "created_by": kept.created_by,
    }
