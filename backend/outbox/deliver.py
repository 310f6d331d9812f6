"""Send what is due. A message may arrive twice, but it is never lost: it is marked as sent after
the answer.

Messages to one addressee about one thing are sent in the order of their causes, each after the
answer to the one before: a shop should not hear of the refund before the capture. A failed message
does not hold back the others, which pass it until it is tried again.

Every merchant and every addressee has a share of what is under way at once, and they take turns. So
a server that does not answer delays only its own messages.

2xx means delivered. `backend.outbox.request` says what is tried again, how often, and after which
gaps.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, and_, func
from sqlalchemy import select as select_rows
from sqlalchemy.orm import aliased
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import crash_points
from backend.core.context import Backend
from backend.core.due_work import Due, Share, UnderWay
from backend.core.ids import new_uuid
from backend.outbox.limited import too_many
from backend.outbox.outcome import Outcome
from backend.outbox.request import attempts, gap, is_final
from backend.outbox.send import send
from backend.outbox.tables import Delivery, DeliveryAttempt, HookSubscription

log = logging.getLogger(__name__)
SHARES = {
    "callback": Share(maximum=100, tenant=25, addressee=8),
    "webhook": Share(maximum=100, tenant=25, addressee=8),
    # There is one gateway and one mail server for all, and each is asked for few things at once.
    "sms": Share(maximum=20, tenant=10, addressee=10),
    "email": Share(maximum=4, tenant=4, addressee=4),
}
"""Shares by kind, for one process."""
LEASE = timedelta(seconds=120)
"""It is longer than any time-out."""
KINDS = ("callback", "webhook", "sms", "email")

Delivered = Callable[[AsyncSession, Delivery, datetime], Awaitable[None]]
"""Called in the unit of work that marks a message delivered."""


async def _nothing(db: AsyncSession, delivery: Delivery, now: datetime) -> None:
    pass


async def deliver_due(
    ctx: Backend, kinds: Sequence[str] = KINDS, delivered: Delivered = _nothing
) -> int:
    """Claim a fair share of the due messages and send them. Return their number. Any number of
    processes may do this at once."""
    under_way = UnderWay(SHARES["callback"], log)
    started = await start_due(ctx, under_way, kinds, delivered)
    await under_way.finish()
    return started


async def start_due(
    ctx: Backend, under_way: UnderWay, kinds: Sequence[str], delivered: Delivered = _nothing
) -> int:
    """Do what `deliver_due` does, beside what is under way already, and without waiting for the
    answers."""
    claimed = await _claim(ctx, under_way, kinds) if under_way.free > 0 else []
    if claimed:
        crash_points.point("callback.claimed")
    for due, delivery in claimed:
        under_way.start(due, _deliver(ctx, delivered, delivery), f"delivery {delivery.id}")
    return len(claimed)


async def _claim(
    ctx: Backend, under_way: UnderWay, kinds: Sequence[str]
) -> list[tuple[Due, Delivery]]:
    now = ctx.clock.now()
    due = select(Delivery).where(_is_open(kinds, now), col(Delivery.due_at) <= now)
    columns = (
        col(Delivery.id),
        col(Delivery.account_id),
        col(Delivery.addressee),
        col(Delivery.due_at),
    )
    async with ctx.db.reading() as db:
        if not await under_way.look(db, earliest(kinds, now), now):
            return []
        chosen = await under_way.choose(db, due.where(~_has_due_before(now)), columns)
    if not chosen:
        return []
    async with ctx.db.unit_of_work() as db:
        locked = due.where(col(Delivery.id).in_(chosen)).with_for_update(skip_locked=True)
        found = {delivery.id: delivery for delivery in await db.exec(locked)}
        for delivery in found.values():
            delivery.claimed_until = now + LEASE
    return [(due, found[key]) for key, due in chosen.items() if key in found]


def _is_open(kinds: Sequence[str], now: datetime) -> ColumnElement[bool]:
    """Select the messages of these kinds that have not ended and that nobody has claimed."""
    free = or_(col(Delivery.claimed_until).is_(None), col(Delivery.claimed_until) <= now)
    return and_(col(Delivery.state) == "pending", col(Delivery.kind).in_(kinds), free)


def earliest(kinds: Sequence[str], now: datetime) -> ScalarSelect[datetime]:
    """Return a subquery: the earliest moment at which a message that nobody has claimed is due."""
    return select_rows(func.min(col(Delivery.due_at))).where(_is_open(kinds, now)).scalar_subquery()


def _has_due_before(now: datetime) -> ColumnElement[bool]:
    """Return whether an older message of its kind, on the same subject to the same addressee, is
    due or being sent."""
    older = aliased(Delivery)
    return (
        select(older.id)
        .where(
            older.subject == Delivery.subject,
            older.kind == Delivery.kind,
            col(older.subscription_id).is_not_distinct_from(col(Delivery.subscription_id)),
            older.state == "pending",
            col(older.due_at) <= now,
            col(older.created_at) < col(Delivery.created_at),
        )
        .exists()
    )


async def _deliver(ctx: Backend, delivered: Delivered, delivery: Delivery) -> None:
    started = ctx.clock.now()
    outcome = await too_many(ctx, delivery) or await send(ctx, delivery)
    crash_points.point("callback.sent")
    await _record(ctx, delivery.id, outcome, started, delivered)
    crash_points.point("callback.stored")


async def _record(
    ctx: Backend, delivery_id: str, outcome: Outcome, started: datetime, delivered: Delivered
) -> None:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        delivery = await db.get(Delivery, delivery_id, with_for_update=True)
        assert delivery is not None
        delivery.tries += 1
        delivery.claimed_until = None
        duration = int((now - started).total_seconds() * 1000)
        db.add(
            DeliveryAttempt(
                id=new_uuid(),
                delivery_id=delivery_id,
                method=outcome.method,
                url=outcome.url,
                request_headers=outcome.headers,
                status_code=outcome.status,
                response_body=outcome.body,
                error=outcome.error,
                started_at=started,
                duration_ms=duration,
            )
        )
        if delivery.state != "delivered":
            # Otherwise another process got a yes while we waited for an answer.
            await _conclude(ctx, db, delivery, outcome, now, delivered)
        crash_points.point("callback.storing")


async def _conclude(
    ctx: Backend,
    db: AsyncSession,
    delivery: Delivery,
    outcome: Outcome,
    now: datetime,
    delivered: Delivered,
) -> None:
    status = outcome.status
    tries = delivery.tries - delivery.tries_before
    if status is not None and 200 <= status < 300:
        delivery.state, delivery.delivered_at = "delivered", now
        await _count_hook(ctx, db, delivery, now, failed=False)
        await delivered(db, delivery, now)
    elif (
        outcome.final
        or (status is not None and is_final(delivery.kind, status))
        or tries >= attempts(ctx, delivery)
    ):
        delivery.state = "failed"
        await _count_hook(ctx, db, delivery, now, failed=True)
    else:
        delivery.due_at = now + gap(delivery.kind, tries)


async def _count_hook(
    ctx: Backend, db: AsyncSession, delivery: Delivery, now: datetime, *, failed: bool
) -> None:
    """Count the failure. A hook is deleted after several deliveries in a row were given up."""
    if delivery.subscription_id is None:
        return
    # The row is locked without its key, so that whoever enqueues for this hook meanwhile does not
    # wait.
    lock = {"key_share": True}
    hook = await db.get(HookSubscription, delivery.subscription_id, with_for_update=lock)
    assert hook is not None  # a foreign key guarantees it
    hook.failures = hook.failures + 1 if failed else 0
    if hook.failures >= ctx.settings.webhook_failures and hook.deleted_at is None:
        hook.deleted_at, hook.deleted_by = now, "gavekort: its deliveries keep failing"
