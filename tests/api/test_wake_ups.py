"""Due work starts when it is written or when its time comes, and pages learn of a change when it is
committed. The slow looks, which would also find all of it, are an hour apart here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import pytest
from sqlmodel import col, select

from backend import worker
from backend.core import context
from backend.core.context import Backend
from backend.core.due_work import UnderWay
from backend.limits.tables import LimitUse
from backend.outbox.tables import Delivery
from backend.sessions import lock, payer
from backend.sessions.read import Mark
from backend.sessions.view import PageState
from backend.sessions.watcher import Watch, Watcher
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant
from tests.support.receiver import Receiver
from tests.support.statements import Asked, counted
from tests.support.waiting import pause_async, until_holds

HOUR = 3600.0


@pytest.fixture
def shop() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiver.running():
        yield receiver


@pytest.fixture
async def merchant(database_url: str, card_gateway: CardGatewaySandbox) -> AsyncIterator[Merchant]:
    merchant = await open_merchant(
        database_url, card_gateway.base_url, "sk_test_wake_ups", worker_interval=HOUR
    )
    yield merchant
    await close_merchant(merchant)


@pytest.fixture
async def other(merchant: Merchant) -> AsyncIterator[Backend]:
    """Run what the database sees as another process on it."""
    made = context.create(merchant.ctx.settings, merchant.clock)
    yield made
    await made.close()


@pytest.fixture
def here(merchant: Merchant) -> Iterator[Asked]:
    """Count what this process asks of the database during the test."""
    with counted(merchant.ctx.db) as asked:
        yield asked


@pytest.fixture
def there(other: Backend) -> Iterator[Asked]:
    """Count what the other process asks."""
    with counted(other.db) as asked:
        yield asked


async def at_rest(*asked: Asked) -> None:
    """Return when no statement has arrived for a second."""
    async with asyncio.timeout(60):
        while True:
            before = [len(one.statements) for one in asked]
            await pause_async(1, "nothing may be asked meanwhile")
            if before == [len(one.statements) for one in asked]:
                return


async def paid(merchant: Merchant, shop: Receiver) -> None:
    """Pay a session by gift card alone. Its callback is due at once."""
    card = await merchant.card(10000)
    url = {"return_url": "https://shop.example/accept", "callback_url": f"{shop.url}/callback"}
    session_id = await merchant.ready(3000, card, url=url)
    assert (await merchant.press_pay(session_id)).state == "paid"


async def deliveries(ctx: Backend) -> list[tuple[str, int]]:
    async with ctx.db.reading() as db:
        rows = await db.exec(select(Delivery).order_by(col(Delivery.created_at)))
        return [(row.state, row.tries) for row in rows]


async def test_a_callback_starts_with_its_commit_and_a_retry_at_its_moment(
    merchant: Merchant, shop: Receiver, here: Asked
) -> None:
    running = worker.start(merchant.ctx)
    try:
        await at_rest(here)
        shop.replies = [500]
        await paid(merchant, shop)
        await until_holds(lambda: len(shop.got) == 1)
        await at_rest(here)
        assert len(shop.got) == 1
        merchant.clock.ahead += timedelta(minutes=2)
        await until_holds(lambda: len(shop.got) == 2)
        await at_rest(here)
        assert await deliveries(merchant.ctx) == [("delivered", 2)]
    finally:
        await running.stop()


async def test_what_another_process_has_made_due_starts_here(
    merchant: Merchant, other: Backend, shop: Receiver, there: Asked
) -> None:
    running = worker.start(other)
    try:
        await at_rest(there)
        await paid(merchant, shop)
        await until_holds(lambda: shop.got)
        await at_rest(there)
        assert len(shop.got) == 1
        assert await deliveries(merchant.ctx) == [("delivered", 1)]
    finally:
        await running.stop()


async def test_what_a_dead_process_has_claimed_starts_when_its_claim_ends(
    merchant: Merchant, other: Backend, shop: Receiver, there: Asked
) -> None:
    if merchant.ctx.db.is_sqlite:
        # Nobody hears of a claim, so the slow look finds that it has expired.
        other.settings.worker_interval = 2.0
    running = worker.start(other)
    try:
        await at_rest(there)
        async with merchant.ctx.db.unit_of_work() as db:
            db.add(claimed(merchant, shop))
        await pause_async(3, "nothing may be sent meanwhile")
        assert shop.got == []
        merchant.clock.ahead += timedelta(seconds=121)
        await until_holds(lambda: shop.got)
        await at_rest(there)
        assert await deliveries(merchant.ctx) == [("delivered", 1)]
    finally:
        await running.stop()


def claimed(merchant: Merchant, shop: Receiver) -> Delivery:
    """Claim the row as a process does that claims it when it is written and then dies."""
    now = merchant.clock.now()
    return Delivery(
        id="claimed",
        account_id=ACCOUNT,
        subject="x",
        method="GET",
        url=f"{shop.url}/callback",
        due_at=now,
        claimed_until=now + timedelta(seconds=120),
        created_at=now,
    )


async def test_two_workers_at_rest_ask_for_nothing(
    merchant: Merchant, other: Backend, here: Asked, there: Asked
) -> None:
    running = [worker.start(merchant.ctx), worker.start(other)]
    try:
        await at_rest(here, there)
        before = len(here.statements), len(there.statements)
        await pause_async(3, "nothing may be asked meanwhile")
        assert here.statements[before[0] :] == []
        assert there.statements[before[1] :] == []
    finally:
        for one in running:
            await one.stop()


async def test_old_rows_are_deleted_once_for_all_processes(
    merchant: Merchant, other: Backend, monkeypatch: pytest.MonkeyPatch, here: Asked, there: Asked
) -> None:
    asked: list[str] = []
    real = dict(worker.FORGETTING)

    def noted(name: str) -> Callable[[Backend], object]:
        async def purge(ctx: Backend) -> int:
            asked.append(name)
            return await real[name](ctx)

        return purge

    for name in real:
        monkeypatch.setitem(worker.FORGETTING, name, noted(name))
    async with merchant.ctx.db.unit_of_work() as db:
        db.add(LimitUse(key="old", whole_at=1.0))
    running = [worker.start(merchant.ctx), worker.start(other)]
    try:
        await at_rest(here, there)
        # A loop that deletes something looks once more.
        assert sorted(asked) == sorted([*real, "forget limits"])
        async with merchant.ctx.db.reading() as db:
            assert (await db.exec(select(LimitUse).where(LimitUse.key == "old"))).first() is None
        asked.clear()
        merchant.clock.ahead += worker.FORGET_PAUSE
        for ctx in (merchant.ctx, other):
            ctx.settings.worker_interval = 0.2
        await until_holds(lambda: len(asked) >= len(real))
        assert sorted(asked) == sorted(real)
    finally:
        for one in running:
            await one.stop()


async def test_a_full_share_goes_on_when_a_piece_has_ended(
    merchant: Merchant, shop: Receiver, here: Asked
) -> None:
    """One shop has more callbacks than it receives at once."""
    from backend.outbox.deliver import SHARES

    count = SHARES["callback"].addressee * 2 + 1
    for _ in range(count):
        await paid(merchant, shop)
    shop.slow_seconds = 0.05
    running = worker.start(merchant.ctx)
    try:
        await until_holds(lambda: len(shop.got) == count)
        await at_rest(here)
        assert await deliveries(merchant.ctx) == [("delivered", 1)] * count
    finally:
        await running.stop()


# --- open pages ---------------------------------------------------------------------------------


async def first(watch: Watch) -> Mark:
    mark = await asyncio.wait_for(watch.changed(None), 30)
    assert mark is not None
    return mark


async def following(watch: Watch, seen: Mark) -> Mark:
    """Return the next mark, which only a signal or the clock can cause within the hour."""
    mark = await asyncio.wait_for(watch.changed(seen), 30)
    assert mark is not None
    return mark


async def test_a_page_learns_of_each_kind_of_change_from_another_process(
    merchant: Merchant, other: Backend
) -> None:
    card = await merchant.card(100000)
    session_id = await merchant.ready(40000, card)
    elsewhere = await merchant.ready(30000, card)
    watcher = Watcher(other)
    with watcher.watch(session_id) as watch:
        mark = await first(watch)
        assert (mark.state, mark.locked, mark.on_hold) == (PageState.OPEN, False, 0)
        await payer.set_gift_card_amount(merchant.ctx, session_id, 15000)
        mark = await following(watch, mark)
        assert mark.version == (await merchant.view(session_id)).version
        # A lock alone makes no new version.
        lock_id = await lock.lock(merchant.ctx, session_id)
        mark = await following(watch, mark)
        assert mark.locked
        await lock.release(merchant.ctx, session_id, lock_id)
        mark = await following(watch, mark)
        assert not mark.locked
        # A payment of another session holds the card.
        assert (await merchant.press_pay(elsewhere)).state == "paid"
        mark = await following(watch, mark)
        assert mark.on_hold == 30000
        await merchant.post(f"/v1/sessions/{session_id}/cancel")
        mark = await following(watch, mark)
        assert mark.state is PageState.CANCELLED
    assert len(watcher) == 0


async def test_a_page_learns_of_the_end_of_a_lock_and_of_the_session_from_the_clock(
    merchant: Merchant,
) -> None:
    session_id = await merchant.ready(40000)
    with Watcher(merchant.ctx).watch(session_id) as watch:
        mark = await first(watch)
        await lock.lock(merchant.ctx, session_id)
        mark = await following(watch, mark)
        assert mark.locked
        merchant.clock.ahead += timedelta(seconds=merchant.ctx.settings.pay_lock_lifetime + 1)
        mark = await following(watch, mark)
        assert not mark.locked
        merchant.clock.ahead += timedelta(days=2)
        mark = await following(watch, mark)
        assert mark.state is PageState.EXPIRED
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.changed(mark), 1)


async def test_pages_at_rest_ask_for_nothing_and_one_change_is_one_statement(
    merchant: Merchant, here: Asked
) -> None:
    session_ids = [await merchant.session() for _ in range(12)]
    watcher = Watcher(merchant.ctx)
    opened = [watcher.watch(session_id) for session_id in session_ids]
    begun = len(here.statements)
    watches = [one.__enter__() for one in opened]
    marks = [await first(watch) for watch in watches]
    assert len(here.statements[begun:]) == 1, here.by_place()
    await at_rest(here)  # PostgreSQL's messages are heard after a moment: all is read once more
    begun = len(here.statements)
    await pause_async(2, "nothing may be asked meanwhile")
    assert here.statements[begun:] == []
    waiting = [asyncio.create_task(w.changed(m)) for w, m in zip(watches, marks, strict=True)]
    await merchant.post(f"/v1/sessions/{session_ids[5]}/cancel")
    done, _ = await asyncio.wait(waiting, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    await at_rest(here)
    assert done == {waiting[5]}
    assert (waiting[5].result() or marks[5]).state is PageState.CANCELLED
    read = [place for _, place in here.statements[begun:] if "watcher" in place]
    # SQLite cannot tell who wrote, so all pages are read once more there.
    assert len(read) <= (2 if merchant.ctx.db.is_sqlite else 1), read
    for task in waiting:
        task.cancel()
    for one in opened:
        one.__exit__(None, None, None)


async def test_what_changed_before_a_page_is_followed_is_told(merchant: Merchant) -> None:
    session_id = await merchant.session()
    shown = await merchant.view(session_id)
    seen = Mark(shown.version, shown.state, shown.locked)
    await merchant.post(f"/v1/sessions/{session_id}/cancel")
    with Watcher(merchant.ctx).watch(session_id) as watch:
        assert (await following(watch, seen)).state is PageState.CANCELLED


async def test_the_look_says_when_the_next_is_due(merchant: Merchant, shop: Receiver) -> None:
    """Tests and other programs call the functions of the loops."""
    from backend.outbox import deliver

    shop.replies = [500]
    await paid(merchant, shop)
    under_way = UnderWay(deliver.SHARES["callback"], worker.log)
    assert await deliver.start_due(merchant.ctx, under_way, ("callback",)) == 1
    await under_way.finish()
    assert await deliver.start_due(merchant.ctx, under_way, ("callback",)) == 0
    assert under_way.next_due is not None
    assert timedelta(0) < under_way.next_due - merchant.clock.now() <= timedelta(seconds=5)
    assert await deliver.start_due(merchant.ctx, under_way, ("webhook",)) == 0
    assert under_way.next_due is None
