"""Tenants and addresses share the places that one loop has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from backend.accounts.clients import create_account
from backend.core import context
from backend.core.context import Backend
from backend.core.due_work import Due, Share, UnderWay
from backend.core.settings import Settings
from backend.outbox.tables import Delivery

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BIG, SMALL, LATE = "T00000001", "T00000002", "T00000003"
log = logging.getLogger(__name__)


@pytest.fixture
async def ctx(database_url: str) -> AsyncIterator[Backend]:
    made = context.create(Settings(secret_key="k" * 40, database_url=database_url))
    for account in (BIG, SMALL, LATE):
        await create_account(made, account, account)
    yield made
    await made.close()


async def due(ctx: Backend, account: str, addressee: str, count: int, since: int) -> None:
    """Return this number of messages. The first has been due for `since` seconds."""
    async with ctx.db.unit_of_work() as db:
        for number in range(count):
            moment = NOW - timedelta(seconds=since) + timedelta(milliseconds=number)
            db.add(
                Delivery(
                    id=f"{account}-{addressee}-{number:03}",
                    account_id=account,
                    subject="x",
                    method="POST",
                    url="x",
                    addressee=addressee,
                    due_at=moment,
                    created_at=moment,
                )
            )


async def chosen(ctx: Backend, under_way: UnderWay) -> list[Due]:
    columns = (
        col(Delivery.id),
        col(Delivery.account_id),
        col(Delivery.addressee),
        col(Delivery.due_at),
    )
    async with ctx.db.reading() as db:
        return list((await under_way.choose(db, select(Delivery), columns)).values())


async def test_tenants_take_turns(ctx: Backend) -> None:
    await due(ctx, BIG, "one", 300, since=900)
    await due(ctx, BIG, "two", 300, since=800)
    await due(ctx, SMALL, "three", 4, since=60)
    await due(ctx, LATE, "four", 1, since=1)
    first = await chosen(ctx, UnderWay(Share(maximum=6, tenant=10, addressee=5), log))
    assert [(one.tenant, one.addressee) for one in first] == [
        (BIG, "one"),
        (SMALL, "three"),
        (LATE, "four"),
        (BIG, "two"),
        (SMALL, "three"),
        (BIG, "one"),
    ]
    # Of each, the one that has been due for longest comes first.
    assert [one.key[-3:] for one in first] == ["000", "000", "000", "000", "001", "001"]


async def test_nobody_has_more_than_a_share(ctx: Backend) -> None:
    await due(ctx, BIG, "one", 300, since=900)
    await due(ctx, BIG, "two", 300, since=800)
    await due(ctx, SMALL, "one", 9, since=60)
    under_way = UnderWay(Share(maximum=100, tenant=7, addressee=4), log)
    answered = asyncio.Event()

    async def silent() -> None:
        await answered.wait()

    first = await chosen(ctx, under_way)
    counts = [
        sum(o.tenant == t and o.addressee == a for o in first)
        for t, a in ((BIG, "one"), (BIG, "two"), (SMALL, "one"))
    ]
    assert counts == [4, 3, 4]  # an address of the same name is another tenant's own
    for one in first:
        under_way.start(one, silent(), one.key)
    assert (len(under_way), under_way.free) == (11, 89)
    # Nothing starts twice, and nobody gets more places while these stay silent.
    assert await chosen(ctx, under_way) == []
    await due(ctx, LATE, "four", 1, since=1)
    assert [one.tenant for one in await chosen(ctx, under_way)] == [LATE]
    answered.set()
    await under_way.finish()
    assert len(under_way) == 0


async def test_what_fails_is_logged_and_ends(
    ctx: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    under_way = UnderWay(Share(1, 1, 1), log)

    async def broken() -> None:
        raise RuntimeError("no good")

    under_way.start(Due("a", BIG, "one"), broken(), "delivery a")
    assert under_way.free == 0
    assert await under_way.wait(10)
    await under_way.finish()
    assert [record.getMessage() for record in caplog.records] == ["delivery a"]
    assert not await under_way.wait(10)


async def test_cancelled_with_its_loop() -> None:
    under_way = UnderWay(Share(5, 5, 5), log)
    ended: list[str] = []

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    under_way.start(Due("a", BIG, "one"), never(), "a")
    finishing = asyncio.create_task(under_way.finish())
    await asyncio.sleep(0)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert ended == ["cancelled"]
