"""Send what is due. A message may arrive twice, never not at all: it is marked after the answer.

2xx is delivered. 5xx, 1xx, a time-out and no connection are tried again after growing gaps; 4xx,
and a redirect, never. Source: `reference/dintero-api.md#62-callback_url`.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

import httpx
from sqlmodel import col, or_, select

from backend import faults
from backend.context import Backend
from backend.ids import new_uuid
from backend.outbox.address import AddressRefused, AddressUnknown, resolve
from backend.outbox.tables import Delivery, DeliveryTry

log = logging.getLogger(__name__)
BATCH = 20
LEASE = timedelta(seconds=60)
FIRST_GAP = 5
LONGEST_GAP = 4 * 3600


def gap(tries: int) -> timedelta:
    """The wait after the `tries`-th try: 5 s, doubling to 4 h."""
    return timedelta(seconds=min(FIRST_GAP * 2 ** (tries - 1), LONGEST_GAP))


async def deliver_due(ctx: Backend) -> int:
    """Claim and send one batch; how many. Any number of processes may do this at once."""
    claimed = await _claim(ctx)
    if claimed:
        faults.point("callback.claimed")
    ended = await asyncio.gather(
        *(_deliver(ctx, delivery) for delivery in claimed), return_exceptions=True
    )
    for delivery, error in zip(claimed, ended, strict=True):
        if isinstance(error, Exception):
            # One that fails must not keep the others waiting; it is due again after its lease.
            log.error("delivery %s", delivery.id, exc_info=error)
    return len(claimed)


async def _claim(ctx: Backend) -> list[Delivery]:
    now = ctx.clock.now()
    query = (
        select(Delivery)
        .where(Delivery.state == "pending", col(Delivery.due_at) <= now)
        .where(or_(col(Delivery.claimed_until).is_(None), col(Delivery.claimed_until) <= now))
        .order_by(col(Delivery.due_at))
        .limit(BATCH)
    )
    # A look without a lock first: most of the time nothing is due.
    async with ctx.db.reading() as db:
        if (await db.exec(query.limit(1))).first() is None:
            return []
    async with ctx.db.unit_of_work() as db:
        due = list(await db.exec(query.with_for_update(skip_locked=True)))
        for delivery in due:
            delivery.claimed_until = now + LEASE
        return due


async def _deliver(ctx: Backend, delivery: Delivery) -> None:
    started = ctx.clock.now()
    status, error, final = await _send(ctx, delivery)
    faults.point("callback.sent")
    await _record(ctx, delivery.id, status, error, started, final=final)
    faults.point("callback.stored")


async def _send(ctx: Backend, delivery: Delivery) -> tuple[int | None, str | None, bool]:
    """Status code, or the error, and whether the error is for good."""
    timeout = ctx.settings.callback_timeout
    try:
        async with asyncio.timeout(timeout):
            target = await resolve(
                delivery.url, allow_insecure=ctx.settings.allow_insecure_callbacks
            )
    except TimeoutError:
        return None, f"the name was not resolved within {timeout:g} s", False
    except AddressRefused as refused:
        return None, str(refused), True
    except AddressUnknown as unknown:
        return None, str(unknown), False
    try:
        async with asyncio.timeout(timeout):
            async with ctx.callbacks_http.stream(
                delivery.method,
                target.url,
                json=delivery.body,
                headers={"host": target.host, "user-agent": "gavekort"},
                extensions={"sni_hostname": target.server_name},
                timeout=timeout,
                follow_redirects=False,
            ) as answer:
                return answer.status_code, None, False
    except (TimeoutError, httpx.TimeoutException):
        return None, f"no answer within {timeout:g} s", False
    except (httpx.HTTPError, httpx.InvalidURL) as failed:
        return None, f"{type(failed).__name__}: {failed}"[:255], False


async def _record(
    ctx: Backend, delivery_id: str, status: int | None, error: str | None, started: datetime,
    *, final: bool,
) -> None:  # fmt: skip
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        delivery = await db.get(Delivery, delivery_id, with_for_update=True)
        assert delivery is not None
        delivery.tries += 1
        delivery.claimed_until = None
        duration = int((now - started).total_seconds() * 1000)
        db.add(
            DeliveryTry(
                id=new_uuid(), delivery_id=delivery_id, status_code=status, error=error,
                started_at=started, duration_ms=duration,
            )
        )  # fmt: skip
        if delivery.state == "delivered":
            # Another process was told yes while we waited for an answer.
            pass
        elif status is not None and 200 <= status < 300:
            delivery.state, delivery.delivered_at = "delivered", now
        elif (
            final
            or (status is not None and 300 <= status < 500)
            or delivery.tries >= ctx.settings.callback_attempts
        ):
            delivery.state = "failed"
        else:
            delivery.due_at = now + gap(delivery.tries)
        faults.point("callback.storing")
