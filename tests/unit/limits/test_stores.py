"""The process, Redis and the database use the same arithmetic."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.core import context
from backend.core.context import Backend
from backend.core.errors import TooManyRequests
from backend.core.settings import Settings
from backend.demo.supervisor import free_ports
from backend.limits import limiter as limits
from backend.limits.rules import SESSIONS, Kept, Rule, overridden
from backend.limits.stores import Ask, MemoryStore
from backend.limits.tables import LimitUse
from tests.support.clock import SteppedClock
from tests.support.redis import find_server, running_redis

START = datetime(2026, 3, 1, tzinfo=UTC)
FAST = Rule("test.fast", "tries", "key", 5, 50)
EXACT = replace(FAST, name="test.exact", kept=Kept.EXACT)


def make(database_url: str, clock: SteppedClock, **settings: Any) -> Backend:
    given: dict[str, Any] = {"secret_key": "k" * 40, "database_url": database_url} | settings
    return context.create(Settings(**given), clock)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    binary = find_server()
    if binary is None:
        pytest.skip("there is no Redis server on this machine")
    with running_redis(binary, free_ports("127.0.0.1", 1)[0]) as url:
        yield url


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(START)


@pytest.fixture(params=["memory", "redis", "sqlite", "postgresql"])
async def kept(
    request: pytest.FixtureRequest, clock: SteppedClock, sqlite_url: str
) -> AsyncIterator[tuple[Backend, Rule]]:
    kind: str = request.param
    url = request.getfixturevalue("postgresql_url") if kind == "postgresql" else sqlite_url
    redis = request.getfixturevalue("redis_url") if kind == "redis" else None
    # A secret of its own, so that no key in Redis is another test's.
    ctx = make(url, clock, redis_url=redis, secret_key=f"{request.node.nodeid:k<40}")
    yield ctx, FAST if kind in ("memory", "redis") else EXACT
    await ctx.close()


async def refused(ctx: Backend, rule: Rule, *key: str, count: int = 1) -> int:
    """Return 0 if it passes, and otherwise the seconds to wait."""
    try:
        await limits.spend(ctx, rule, *key, count=count)
    except TooManyRequests as error:
        assert error.limit == rule.name
        return error.retry_after
    return 0


async def test_an_amount_at_once_and_then_evenly(
    kept: tuple[Backend, Rule], clock: SteppedClock
) -> None:
    ctx, rule = kept
    assert [await refused(ctx, rule, "a") for _ in range(7)] == [0, 0, 0, 0, 0, 10, 10]
    assert await refused(ctx, rule, "b") == 0
    clock.advance(timedelta(seconds=9))
    assert await refused(ctx, rule, "a") == 1
    clock.advance(timedelta(seconds=1))
    assert [await refused(ctx, rule, "a") for _ in range(2)] == [0, 10]
    clock.advance(timedelta(seconds=50))
    assert [await refused(ctx, rule, "a") for _ in range(6)] == [0, 0, 0, 0, 0, 10]
    assert ctx.limiter.refused[rule.name] == 5
    assert ctx.limiter.allowed[rule.name] == 12


async def test_a_clock_that_was_set_back_locks_nobody_out(
    kept: tuple[Backend, Rule], clock: SteppedClock
) -> None:
    """Somebody corrects a clock that is hours ahead. Its future counts no longer apply, but clocks
    that differ by some seconds give nobody more than the amount."""
    ctx, rule = kept
    clock.advance(timedelta(hours=3))
    assert await refused(ctx, rule, "a", count=5) == 0
    clock.advance(timedelta(hours=-3))
    assert await refused(ctx, rule, "a", count=5) == 0
    assert await refused(ctx, rule, "a") == 10
    clock.advance(timedelta(seconds=-3))
    assert await refused(ctx, rule, "a") == 13


async def test_a_process_notices_that_its_clock_was_set_back(
    sqlite_url: str, clock: SteppedClock
) -> None:
    ctx = make(sqlite_url, clock)
    assert await refused(ctx, FAST, "a", count=5) == 0
    clock.advance(timedelta(seconds=-30))
    assert await refused(ctx, FAST, "a", count=5) == 0
    assert await refused(ctx, FAST, "a") == 10
    await ctx.close()


async def test_more_than_one_at_once_and_what_is_given_back(kept: tuple[Backend, Rule]) -> None:
    ctx, rule = kept
    assert await refused(ctx, rule, "a", count=3) == 0
    # A refused request takes nothing.
    assert await refused(ctx, rule, "a", count=3) == 10
    assert await refused(ctx, rule, "a", count=2) == 0
    assert await refused(ctx, rule, "a") == 10
    await limits.restore(ctx, rule, "a", count=2)
    assert [await refused(ctx, rule, "a") for _ in range(3)] == [0, 0, 10]
    await limits.restore(ctx, rule, "never seen")
    # More than the whole amount is the whole amount.
    assert await refused(ctx, rule, "c", count=99) == 0
    assert await refused(ctx, rule, "c") == 10


async def test_those_at_the_same_time_do_not_outrun_it(kept: tuple[Backend, Rule]) -> None:
    ctx, rule = kept
    waits = await asyncio.gather(*(refused(ctx, rule, "a") for _ in range(20)))
    assert sorted(waits) == [0] * 5 + [10] * 15


async def test_one_line_and_the_networks_around_it(kept: tuple[Backend, Rule]) -> None:
    """Fresh addresses of one /64 are one source, and fresh /64s have a common limit too."""
    ctx, rule = kept

    async def tried(address: str) -> bool:
        try:
            await limits.spend_source(ctx, rule, address)
        except TooManyRequests:
            return False
        return True

    assert [await tried(f"2001:db8:0:1::{n:x}") for n in range(7)] == [True] * 5 + [False] * 2
    through = [await tried(f"2001:db8:0:{n:x}::1") for n in range(2, 40)]
    assert sum(through) + 5 == rule.amount * 4  # all in one /56
    through = [await tried(f"2001:db8:0:{n:x}00::1") for n in range(1, 100)]
    assert sum(through) + rule.amount * 4 == rule.amount * 16  # all in one /48
    assert await tried("2001:db8:1::1")
    assert await tried("192.0.2.1")


async def test_no_key_is_kept_as_it_is(sqlite_url: str, clock: SteppedClock) -> None:
    ctx = make(sqlite_url, clock)
    await limits.spend(ctx, EXACT, "+4799887766")
    async with ctx.db.reading() as db:
        (row,) = list(await db.exec(select(LimitUse)))
    assert "99887766" not in row.key and len(row.key) == 64
    assert row.whole_at == START.timestamp() + 10
    assert await limits.purge_uses(ctx) == 0
    clock.advance(timedelta(seconds=10))
    assert await limits.purge_uses(ctx) == 1
    await ctx.close()


async def test_in_a_unit_of_work_it_counts_with_the_rest(
    database_url: str, clock: SteppedClock
) -> None:
    ctx = make(database_url, clock)
    with pytest.raises(RuntimeError, match="undone"):
        async with ctx.db.unit_of_work() as db:
            await limits.spend_in(ctx, db, EXACT, "a", count=5)
            raise RuntimeError("undone")
    async with ctx.db.unit_of_work() as db:
        await limits.spend_in(ctx, db, EXACT, "a", count=5)
        with pytest.raises(TooManyRequests):
            await limits.spend_in(ctx, db, EXACT, "a")
        await limits.spend_in(ctx, db, EXACT, "b")
    await ctx.close()


async def test_two_processes_share_what_is_exact(postgresql_url: str, clock: SteppedClock) -> None:
    """Two contexts share no memory, as two processes do not."""
    one, two = make(postgresql_url, clock), make(postgresql_url, clock)
    waits = await asyncio.gather(
        *(refused(ctx, EXACT, "a") for ctx in (one, two) for _ in range(10))
    )
    assert sorted(waits) == [0] * 5 + [10] * 15
    await one.close()
    await two.close()


async def test_without_redis_the_process_counts_by_itself(
    sqlite_url: str, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """There is still a limit and no error. A store that does not answer is left alone for a
    while."""
    (nobody,) = free_ports("127.0.0.1", 1)
    ctx = make(sqlite_url, clock, redis_url=f"redis://127.0.0.1:{nobody}/0")
    with caplog.at_level(logging.WARNING):
        assert [await refused(ctx, FAST, "a") for _ in range(6)] == [0, 0, 0, 0, 0, 10]
        await limits.restore(ctx, FAST, "a")
        assert await refused(ctx, FAST, "a") == 0
    assert len(caplog.records) == 1
    clock.advance(timedelta(seconds=11))
    with caplog.at_level(logging.WARNING):
        assert await refused(ctx, FAST, "a") == 0
    assert len(caplog.records) == 2
    await ctx.close()


async def test_redis_that_comes_back_is_asked_again(sqlite_url: str, clock: SteppedClock) -> None:
    binary = find_server()
    if binary is None:
        pytest.skip("there is no Redis server on this machine")
    (port,) = free_ports("127.0.0.1", 1)
    settings = {"redis_url": f"redis://127.0.0.1:{port}/0"}
    one, two = (make(sqlite_url, clock, **settings) for _ in range(2))
    assert [await refused(one, FAST, "a", count=5), await refused(two, FAST, "a", count=5)] == [
        0,
        0,
    ]
    with running_redis(binary, port):
        clock.advance(timedelta(seconds=11))
        assert await refused(one, FAST, "b", count=5) == 0
        assert await refused(two, FAST, "b") == 10
    assert await refused(one, FAST, "b", count=5) == 0
    await one.close()
    await two.close()


async def test_memory_is_bounded_and_keeps_who_used_most() -> None:
    store = MemoryStore(maximum=100)

    def ask(key: str, now: float = 1000.0) -> Ask:
        return Ask(key, now, gap=10.0, window=50.0, count=1)

    for _ in range(5):
        assert await store.take(ask("greedy")) == 0.0
    for n in range(1000):
        assert await store.take(ask(f"made up {n}")) == 0.0
        assert len(store._whole_at) <= 100
    assert await store.take(ask("greedy")) > 0
    # Full budgets are removed first.
    for n in range(1000):
        await store.take(ask(f"later {n}", 2000.0 + n))
    assert "greedy" not in store._whole_at


def test_settings_change_a_rule_or_one_key_of_it(sqlite_url: str, clock: SteppedClock) -> None:
    given = {"sessions.client": "7/70", "sessions.client:abc": "900/60"}
    ctx = make(sqlite_url, clock, limits=given)
    rule = ctx.limiter.rule_for(FAST, ("a",))
    assert (rule.amount, rule.window) == (5, 50)
    changed = [ctx.limiter.rule_for(SESSIONS, (key,)) for key in ("abc", "other")]
    assert [(one.amount, one.window) for one in changed] == [(900, 60), (7, 70)]


@pytest.mark.parametrize(
    "given",
    [
        {"no.such": "1/1"}, {"sessions.client": "1"}, {"sessions.client": "0/60"},
        {"sessions.client": "5/0"}, {"sessions.client": "-1/60"}, {"sessions.client": "1/60s"},
        {"sessions.client": "²/60"}, {"sessions.client": ""},
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"there is no limit|must be amount/seconds"):
        overridden(given)
