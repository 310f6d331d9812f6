"""Admin keys (`x-api-key`): an alternative to a token, for programs that run unattended.

Source: `docs/reference/dintero-api.md#using-the-token`. A key is `{id}.{secret}`, and we do not
store the secret.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime

from sqlmodel import col, select

from backend.accounts.clients import Principal, check_scopes
from backend.accounts.tables import Account, AdminKey
from backend.core.context import Backend
from backend.core.errors import NotFound, Unauthorized

DEFAULT_SCOPES = frozenset({"admin:checkout"})


async def create_key(
    ctx: Backend, account_id: str, scopes: frozenset[str] = DEFAULT_SCOPES, name: str = ""
) -> str:
    """Create a key, which is shown only now. NotFound for an unknown account, InvalidRequest for an
    unknown scope."""
    check_scopes(scopes)
    key_id, secret = f"key_{secrets.token_hex(8)}", secrets.token_urlsafe(32)
    async with ctx.db.unit_of_work() as db:
        if await db.get(Account, account_id) is None:
            raise NotFound(f"there is no account {account_id}")
        db.add(
            AdminKey(
                id=key_id,
                account_id=account_id,
                name=name,
                secret_hash=ctx.vault.secret_hash(secret),
                scopes=sorted(scopes),
                created_at=ctx.clock.now(),
            )
        )
    return f"{key_id}.{secret}"


async def list_keys(ctx: Backend, account_id: str) -> list[AdminKey]:
    """Return an account's keys, oldest first, revoked ones too."""
    query = select(AdminKey).where(AdminKey.account_id == account_id)
    async with ctx.db.reading() as db:
        return list(await db.exec(query.order_by(col(AdminKey.created_at))))


async def revoke_key(ctx: Backend, key_id: str) -> datetime:
    """Revoke the key at once. Return since when it is revoked. NotFound."""
    async with ctx.db.unit_of_work() as db:
        key = await db.get(AdminKey, key_id, with_for_update=True)
        if key is None:
            raise NotFound(f"there is no key {key_id}")
        if key.revoked_at is None:
            key.revoked_at = ctx.clock.now()
        return key.revoked_at


async def read_key(ctx: Backend, key: str) -> Principal:
    """Return who a key was given to. Unauthorized, which does not say what is wrong with it."""
    key_id, _, secret = key.strip().partition(".")
    async with ctx.db.reading() as db:
        known = await db.get(AdminKey, key_id)
    expected = known.secret_hash if known is not None else ctx.vault.secret_hash("")
    right = hmac.compare_digest(expected, ctx.vault.secret_hash(secret))
    if known is None or not right or known.revoked_at is not None:
        raise Unauthorized("invalid x-api-key was used")
    return Principal(known.account_id, known.id, frozenset(known.scopes))
