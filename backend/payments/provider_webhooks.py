"""Register our address with providers that send no notifications before. It happens once for each
profile.

We register before the first payment, and again if the address or the sales unit has changed. The
process that claims it first registers; any number of processes may try at once. The next process
removes what a killed process had registered, since its secret was shown once and is lost. Payments
never wait for it: without notifications they are read as often as ever.

The secret is kept encrypted with the profile's credentials, under names of our own that no request
can set and no answer shows. Source: `docs/reference/psp/vipps.md#webhook`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

from backend.accounts.profiles import connections_of, profile_of
from backend.accounts.tables import Profile
from backend.core.clock import iso
from backend.core.context import Backend
from backend.payments.tables import Transaction
from backend.psp.protocol import Connector, Registers, Webhook
from backend.psp.registry import CREDENTIALS

log = logging.getLogger(__name__)
LONGEST_SECONDS = 15
"""How long a payer's first press may wait for it. After `CLAIM`, the next press tries again."""
CLAIM = timedelta(seconds=60)
SECRET, ADDRESS, FOR, CLAIMED = (
    "_webhook_secret", "_webhook_url", "_webhook_for", "_webhook_claimed_until",
)  # fmt: skip


def notification_url(ctx: Backend, transaction: Transaction) -> str:
    """Return the address for notifications about this payment. Each option of each profile has its
    own."""
    return (
        f"{ctx.settings.base_url}/v1/psp/{transaction.account_id}/{transaction.profile_id}/"
        f"{transaction.payment_product_type}/notifications"
    )


async def ensure_registered(ctx: Backend, transaction: Transaction, connector: Connector) -> None:
    """Register our address if this provider needs it and it is not registered. It never raises an
    error because of what the provider does."""
    if not isinstance(connector, Registers):
        return
    url = notification_url(ctx, transaction)
    wanted = await _claim(ctx, transaction, url)
    if wanted is None:
        return
    made: Webhook | None = None
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            made = await connector.register_webhook(url)
    except TimeoutError:
        pass
    if made is None:
        log.warning("%s could not be registered; tried again later", url)
        return
    await _keep(ctx, transaction, url, wanted, made)


async def _claim(ctx: Backend, transaction: Transaction, url: str) -> str | None:
    """Return what the address is to be registered for, if it is our turn to do it now."""
    option, now = transaction.payment_product_type, ctx.clock.now()
    async with ctx.db.reading() as db:
        profile = await profile_of(db, transaction.account_id, transaction.profile_id)
    if not _is_due(_credentials(ctx, profile, option), option, url, now):
        return None
    async with ctx.db.unit_of_work(independent=True) as db:
        locked = await db.get(Profile, (profile.account_id, profile.id), with_for_update=True)
        assert locked is not None  # profiles are never removed
        await db.refresh(locked)
        credentials = _credentials(ctx, locked, option)
        if credentials is None or not _is_due(credentials, option, url, now):
            return None
        _put(ctx, locked, option, {**credentials, CLAIMED: iso(now + CLAIM)})
        return _for(credentials, option, url)


async def _keep(
    ctx: Backend, transaction: Transaction, url: str, wanted: str, made: Webhook
) -> None:
    """Keep the secret, unless the merchant has entered other credentials in the meantime."""
    option = transaction.payment_product_type
    async with ctx.db.unit_of_work(independent=True) as db:
        key = (transaction.account_id, transaction.profile_id)
        locked = await db.get(Profile, key, with_for_update=True)
        assert locked is not None  # profiles are never removed
        await db.refresh(locked)
        credentials = _credentials(ctx, locked, option)
        if credentials is None or _for(credentials, option, url) != wanted:
            return
        kept = {name: value for name, value in credentials.items() if name != CLAIMED}
        _put(ctx, locked, option, {**kept, SECRET: made.secret, ADDRESS: url, FOR: wanted})


def _is_due(credentials: dict[str, Any] | None, option: str, url: str, now: datetime) -> bool:
    if credentials is None or credentials.get(FOR) == _for(credentials, option, url):
        return False
    claimed = credentials.get(CLAIMED)
    return claimed is None or datetime.fromisoformat(claimed) <= now


def _for(credentials: dict[str, Any], option: str, url: str) -> str:
    """Return a digest of address and sales unit."""
    parts = [url, *(str(credentials.get(name)) for name in CREDENTIALS[option])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _credentials(ctx: Backend, profile: Profile, option: str) -> dict[str, Any] | None:
    return connections_of(ctx, profile).get(option)


def _put(ctx: Backend, profile: Profile, option: str, credentials: dict[str, Any]) -> None:
    profile.connections = ctx.vault.seal({**connections_of(ctx, profile), option: credentials})
