"""One merchant's silent servers delay nobody else. Once, 20 of them delayed the others for
minutes."""

from __future__ import annotations

import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from sqlmodel import col, select

from backend.accounts.clients import create_account
from backend.core import context
from backend.core.context import Backend
from backend.outbox.deliver import SHARES
from backend.outbox.enqueue import Message, enqueue
from backend.outbox.tables import Delivery
from backend.worker import Worker, start
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant
from tests.support.receiver import Receiver
from tests.support.waiting import until_async

OTHER = "T87654321"
SHARE = SHARES["callback"]


@pytest.fixture
def healthy() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def silent() -> Iterator[list[str]]:
    """Return addresses, each with its own port, that accept a connection and never answer."""
    with contextlib.ExitStack() as stack:
        urls = []
        for _ in range(SHARE.tenant + 15):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen(100)
            urls.append(f"http://127.0.0.1:{listener.getsockname()[1]}/hook")
        yield urls


@pytest.fixture
async def two(database_url: str) -> AsyncIterator[Merchant]:
    """Run a checkout with two merchants and a long time limit for callbacks."""
    merchant = await open_merchant(
        database_url,
        "http://127.0.0.1:9",
        "sk_test_x",
        allow_insecure_callbacks=True,
        callback_timeout=3000.0,
        webhook_timeout=100.0,
        worker_interval=0.05,
    )
    await create_account(merchant.ctx, OTHER, "Another shop")
    yield merchant
    await close_merchant(merchant)


async def tell(ctx: Backend, account_id: str, urls: list[str], age: float = 0.0) -> list[str]:
    """Store a message to each address. `age` is the number of seconds that they have been due."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        rows = [
            enqueue(
                db,
                Message(
                    account_id=account_id,
                    subject=uuid.uuid4().hex,
                    method="POST",
                    url=url,
                    body={"n": number},
                ),
                now,
                now - timedelta(seconds=age),
            )
            for number, url in enumerate(urls)
        ]
    return [row.id for row in rows]


async def states(ctx: Backend, ids: list[str]) -> list[tuple[str, int]]:
    async with ctx.db.reading() as db:
        query = select(Delivery).where(col(Delivery.id).in_(ids))
        return [(row.state, row.tries) for row in await db.exec(query)]


async def until_delivered(ctx: Backend, ids: list[str]) -> None:
    async def delivered() -> bool:
        return {state for state, _ in await states(ctx, ids)} == {"delivered"}

    await until_async(delivered, "all are delivered")


@contextlib.asynccontextmanager
async def working(*contexts: Backend) -> AsyncIterator[list[Worker]]:
    workers = [start(ctx) for ctx in contexts]
    try:
        yield workers
    finally:
        for worker in workers:
            await worker.stop(timeout=0.1)


async def test_another_merchant_is_told_at_once(
    two: Merchant, silent: list[str], healthy: Receiver
) -> None:
    """There are more silent ones, and they have been due for longer."""
    waiting = await tell(two.ctx, OTHER, silent * 8, age=600)
    honest = await tell(two.ctx, ACCOUNT, [f"{healthy.url}/cb"] * 30)
    async with working(two.ctx):
        await until_delivered(two.ctx, honest)
        # None of the silent ones had ended by then, so nobody waited for them.
        assert set(await states(two.ctx, waiting)) == {("pending", 0)}
    assert len(healthy.got) == 30


async def test_a_merchants_other_server_is_told_too(
    two: Merchant, silent: list[str], healthy: Receiver
) -> None:
    """One of a merchant's own servers is silent, and its callbacks to other servers continue."""
    waiting = await tell(two.ctx, ACCOUNT, [silent[0]] * 60, age=600)
    honest = await tell(two.ctx, ACCOUNT, [f"{healthy.url}/cb"] * 30)
    async with working(two.ctx):
        await until_delivered(two.ctx, honest)
        assert set(await states(two.ctx, waiting)) == {("pending", 0)}


async def test_no_more_than_their_share_is_under_way(
    two: Merchant, silent: list[str], healthy: Receiver
) -> None:
    one_server = await tell(two.ctx, ACCOUNT, [silent[0]] * 60)
    many_servers = await tell(two.ctx, OTHER, silent[1:] * 4)
    async with working(two.ctx):
        honest = await tell(two.ctx, ACCOUNT, [f"{healthy.url}/cb"])
        await until_delivered(two.ctx, honest)
        claimed = [await claims(two.ctx, ids) for ids in (one_server, many_servers)]
        assert claimed == [SHARE.addressee, SHARE.tenant]


async def claims(ctx: Backend, ids: list[str]) -> int:
    async with ctx.db.reading() as db:
        query = select(Delivery).where(col(Delivery.id).in_(ids))
        return sum(row.claimed_until is not None for row in await db.exec(query))


async def test_two_processes_share_the_work(
    postgresql_url: str, silent: list[str], healthy: Receiver
) -> None:
    """Each message goes out once beside the silent ones, whichever process claims it."""
    one = await open_merchant(
        postgresql_url,
        "http://127.0.0.1:9",
        "sk_test_x",
        allow_insecure_callbacks=True,
        callback_timeout=3000.0,
        worker_interval=0.05,
    )
    await create_account(one.ctx, OTHER, "Another shop")
    other = context.create(one.ctx.settings, one.ctx.clock)
    waiting = await tell(one.ctx, OTHER, silent * 8, age=600)
    honest = await tell(one.ctx, ACCOUNT, [f"{healthy.url}/{n}" for n in range(120)])
    try:
        async with working(one.ctx, other):
            await until_delivered(one.ctx, honest)
            assert set(await states(one.ctx, waiting)) == {("pending", 0)}
        targets = [got.target for got in healthy.got]
        assert sorted(targets) == sorted({f"/{n}" for n in range(120)})
        assert await states(one.ctx, honest) == [("delivered", 1)] * 120
    finally:
        await other.close()
        await close_merchant(one)
