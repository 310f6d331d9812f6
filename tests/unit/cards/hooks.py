"""Helpers for a hook that hears of gift cards, and for the messages that wait for it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import col, select

from backend.core.context import Backend
from backend.core.ids import new_uuid
from backend.outbox.tables import Delivery, HookSubscription
from tests.unit.cards.conftest import ACCOUNT

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)


async def subscribe(ctx: Backend, *events: str, account_id: str = ACCOUNT) -> str:
    async with ctx.db.unit_of_work() as db:
        hook = HookSubscription(
            id=new_uuid(),
            account_id=account_id,
            url="https://user:word@hooks.example:8443/told",
            events=list(events),
            created_at=NOW,
            created_by="tests",
            updated_at=NOW,
        )
        db.add(hook)
        return hook.id


async def deliveries(ctx: Backend) -> list[Delivery]:
    async with ctx.db.reading() as db:
        return list(await db.exec(select(Delivery).order_by(col(Delivery.created_at))))
