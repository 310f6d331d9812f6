"""Webhook subscriptions. Source: `docs/reference/dintero-api.md#webhooks`; the object's fields are
those of the public reference of `POST /accounts/{aid}/hooks/subscriptions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.address import AddressRefused, check
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.errors import FieldError, InvalidRequest, NotFound
from backend.core.ids import new_uuid
from backend.outbox.enqueue import PING, Event, announce
from backend.outbox.tables import HookSubscription

MAX_SUBSCRIPTIONS = 20
"""The largest number for one account, since every event is told to each."""


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    """What a subscription asks for. If `secret` is None, deliveries are not signed."""

    url: str
    events: tuple[str, ...]
    secret: str | None = None


async def subscribe(
    ctx: Backend, account_id: str, settings: SubscriptionSettings, created_by: str
) -> HookSubscription:
    """Create a subscription and send it a ping. InvalidRequest for an address to which we never
    send."""
    _check(ctx, settings)
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        if len(await _all(db, account_id)) >= MAX_SUBSCRIPTIONS:
            raise InvalidRequest(f"an account has at most {MAX_SUBSCRIPTIONS} subscriptions")
        hook = HookSubscription(
            id=new_uuid(),
            account_id=account_id,
            url=settings.url,
            events=list(settings.events),
            secret=_sealed(ctx, settings.secret),
            created_at=now,
            created_by=created_by,
            updated_at=now,
        )
        db.add(hook)
        await db.flush()
        _ping(db, hook, now)
    return hook


async def change(
    ctx: Backend,
    account_id: str,
    hook_id: str,
    settings: SubscriptionSettings,
    *,
    keep_secret: bool,
) -> HookSubscription:
    """Change address, events and secret. The count of failures begins again."""
    _check(ctx, settings)
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        hook = await get_subscription(db, account_id, hook_id)
        if keep_secret and hook.secret is not None and _host(settings.url) != _host(hook.url):
            text = "config.url is on another host now, so config.secret must be given again"
            raise InvalidRequest(text, (FieldError("config.secret", text, "required"),))
        hook.url, hook.events = settings.url, list(settings.events)
        if not keep_secret:
            hook.secret = _sealed(ctx, settings.secret)
        hook.failures, hook.updated_at = 0, now
    return hook


async def unsubscribe(
    ctx: Backend, account_id: str, hook_id: str, deleted_by: str
) -> HookSubscription:
    """Delete a subscription. Messages that were not delivered yet are not sent any more."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        hook = await get_subscription(db, account_id, hook_id)
        hook.deleted_at, hook.deleted_by, hook.updated_at = now, deleted_by, now
    return hook


async def ping(ctx: Backend, account_id: str, hook_id: str) -> HookSubscription:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        hook = await get_subscription(db, account_id, hook_id)
        _ping(db, hook, now)
    return hook


async def get_subscription(db: AsyncSession, account_id: str, hook_id: str) -> HookSubscription:
    """Return a subscription. NotFound for a deleted one, and for another account's."""
    hook = await db.get(HookSubscription, hook_id)
    if hook is None or hook.account_id != account_id or hook.deleted_at is not None:
        raise NotFound("there is no such subscription")
    return hook


async def list_subscriptions(ctx: Backend, account_id: str) -> list[HookSubscription]:
    async with ctx.db.reading() as db:
        return await _all(db, account_id)


async def _all(db: AsyncSession, account_id: str) -> list[HookSubscription]:
    query = select(HookSubscription).where(
        HookSubscription.account_id == account_id, col(HookSubscription.deleted_at).is_(None)
    )
    order = (col(HookSubscription.created_at), col(HookSubscription.id))
    return list(await db.exec(query.order_by(*order)))


def _ping(db: AsyncSession, hook: HookSubscription, now: datetime) -> None:
    body = {"subscription": {"id": hook.id, "events": hook.events}}
    announce(db, [hook], Event(hook.account_id, PING, hook.id, body), now)


def _check(ctx: Backend, settings: SubscriptionSettings) -> None:
    try:
        check(settings.url, allow_insecure=ctx.settings.insecure_addresses)
    except AddressRefused as refused:
        raise InvalidRequest(str(refused), (FieldError("config.url", str(refused)),)) from refused


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _sealed(ctx: Backend, secret: str | None) -> str | None:
    return None if secret is None else ctx.vault.seal({"secret": secret})


def serialize_subscription(hook: HookSubscription) -> dict[str, Any]:
    """Return the subscription. It shows that there is a secret, and never the secret itself."""
    config: dict[str, Any] = {
        "url": hook.url,
        "content_type": "application/json",
        "insecure_ssl": 0,
    }
    if hook.secret is not None:
        config["secret"] = {"type": "HMAC-SHA1"}
    shape: dict[str, Any] = {
        "id": hook.id,
        "config": config,
        "events": hook.events,
        "active": hook.deleted_at is None,
        "created_at": iso(hook.created_at),
        "created_by": hook.created_by,
        "updated_at": iso(hook.updated_at),
    }
    if hook.deleted_at is not None:
        shape |= {"deleted_at": iso(hook.deleted_at), "deleted_by": hook.deleted_by}
    return shape
