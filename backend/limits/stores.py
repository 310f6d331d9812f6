"""Where the counts are kept: in this process, in Redis, or in the database.

Each keeps one number for a key: the moment at which the whole amount is there again (the generic
cell rate algorithm). One conditional write is enough everywhere, old rows do no harm, and it tells
to the second when to try again.

We wrote this ourselves because the time has to come from the context's clock, and because the exact
limits have to be in the SQL database that we already have. The library `limits` (5.8, MIT, well
kept) reads the system's clock itself, keeps a list of moments for each key, and has no SQL
storage.
"""

from __future__ import annotations

import heapq
import logging
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import and_, case, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.limits.tables import LimitUse

log = logging.getLogger(__name__)

CLOCK_SLACK = 60.0
"""Seconds by which the clocks of two machines may differ, beside a rule's own window."""
SET_BACK = 5.0
"""Seconds by which a process notices that its clock was set back. Its own counts begin again then:
otherwise everybody would be refused until the clock is where it was."""
MAX_KEYS = 50_000
"""In the memory of one process, some 10 MB."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for. `now` is in seconds since 1970. After `gap` seconds one is restored, and
    after `window` seconds the whole amount. `count` is how many are asked for."""

    key: str
    now: float
    gap: float
    window: float
    count: int

    @property
    def latest(self) -> float:
        """Return the latest moment at which an amount can be whole.

        A later one was written before the clock was set back, and counts for nothing: it would
        refuse everybody until then. Clocks of several machines may differ by less than this.
        """
        return self.now + 2 * self.window + CLOCK_SLACK

    def after(self, whole_at: float) -> float:
        """Return when the amount will be whole after these are taken."""
        used = whole_at if whole_at <= self.latest else 0.0
        return max(used, self.now) + self.count * self.gap

    def wait(self, whole_at: float) -> float:
        """Return the seconds until they can be taken; 0 or less if they can be taken now."""
        # Without this thousandth of a second, rounding would refuse the last of an amount.
        return self.after(whole_at) - self.now - self.window - 0.001


class Store(Protocol):
    async def take(self, ask: Ask) -> float:
        """Take `count`, or nothing: return 0, or the seconds to wait."""

    async def restore(self, ask: Ask) -> None:
        """Undo a `take`."""


class MemoryStore:
    """The counts in this process. Beyond `MAX_KEYS` keys it forgets those that have used the
    least."""

    def __init__(self, maximum: int = MAX_KEYS) -> None:
        self._whole_at: dict[str, float] = {}
        self._maximum = maximum
        self._latest = 0.0

    async def take(self, ask: Ask) -> float:
        return self.take_now(ask)

    def take_now(self, ask: Ask) -> float:
        if ask.now < self._latest - SET_BACK:
            self._whole_at.clear()
        self._latest = ask.now
        before = self._whole_at.get(ask.key, 0.0)
        wait = ask.wait(before)
        if wait > 0:
            return wait
        if before == 0.0 and len(self._whole_at) >= self._maximum:
            self._make_room(ask.now)
        self._whole_at[ask.key] = ask.after(before)
        return 0.0

    async def restore(self, ask: Ask) -> None:
        if ask.key in self._whole_at:
            self._whole_at[ask.key] -= ask.count * ask.gap

    def _make_room(self, now: float) -> None:
        used = {key: at for key, at in self._whole_at.items() if at > now}
        if len(used) > self._maximum * 3 // 4:
            used = dict(heapq.nlargest(self._maximum // 2, used.items(), key=lambda item: item[1]))
        self._whole_at = used


# Moments are sums of seconds since 1970 and small parts: they need all digits of a double.
_TAKE = """
local whole, now, take, window = tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1]),
    tonumber(ARGV[2]), tonumber(ARGV[3])
if whole > tonumber(ARGV[5]) then whole = 0 end
local after = math.max(whole, now) + take
local wait = after - now - window - 0.001
if wait > 0 then return string.format('%.6f', wait) end
redis.call('SET', KEYS[1], string.format('%.17g', after), 'PX', ARGV[4])
return '0'
"""
_GIVE = """
local whole = redis.call('GET', KEYS[1])
if whole then
  redis.call('SET', KEYS[1], string.format('%.17g', tonumber(whole) - tonumber(ARGV[1])), 'KEEPTTL')
end
return '0'
"""
_PREFIX = "gavekort:limit:"
REDIS_SECONDS = 0.5
"""How long Redis may take to answer."""
REDIS_PAUSE = 10.0
"""Seconds for which we do not ask Redis again after it did not answer."""


class RedisStore:
    """The counts in Redis. While Redis does not answer, this process counts: so there is always a
    limit, and the caller never gets an error."""

    def __init__(self, url: str, instead: MemoryStore) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )
        self._take = self._redis.register_script(_TAKE)
        self._give = self._redis.register_script(_GIVE)
        self._instead = instead
        self._asked_again_at = 0.0
        self.failures = 0

    async def take(self, ask: Ask) -> float:
        if self._is_paused(ask.now):
            return await self._instead.take(ask)
        kept = int((ask.window + ask.count * ask.gap) * 1000) + 1000
        try:
            taken = await self._take(
                keys=[_PREFIX + ask.key],
                args=[repr(ask.now), ask.count * ask.gap, ask.window, kept, repr(ask.latest)],
            )
        except (RedisError, OSError) as error:
            self._pause(ask.now, error)
            return await self._instead.take(ask)
        return float(taken)

    async def restore(self, ask: Ask) -> None:
        if self._is_paused(ask.now):
            return await self._instead.restore(ask)
        try:
            await self._give(keys=[_PREFIX + ask.key], args=[ask.count * ask.gap])
        except (RedisError, OSError) as error:
            self._pause(ask.now, error)
        return None

    def _is_paused(self, now: float) -> bool:
        # A pause that lies further ahead was written before the clock was set back.
        return now < self._asked_again_at <= now + REDIS_PAUSE

    def _pause(self, now: float, error: Exception) -> None:
        self.failures += 1
        self._asked_again_at = now + REDIS_PAUSE
        log.warning(
            "Redis does not answer (%s): limits count in this process", type(error).__name__
        )

    async def close(self) -> None:
        await self._redis.aclose()


async def take_in(db: AsyncSession, ask: Ask) -> float:
    """Take `count` in the database, in the caller's unit of work: one conditional write."""
    dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    whole_at = col(LimitUse.whole_at)
    taken = ask.count * ask.gap
    is_used = and_(whole_at > ask.now, whole_at <= ask.latest)
    after = case((is_used, whole_at), else_=ask.now) + taken
    insert = dialect.insert(LimitUse).values(key=ask.key, whole_at=ask.now + taken)
    query = insert.on_conflict_do_update(
        index_elements=["key"],
        set_={"whole_at": after},
        where=after <= ask.now + ask.window + 0.001,
    ).returning(whole_at)
    if (await db.exec(query)).first() is not None:
        return 0.0
    before = (await db.exec(select(LimitUse.whole_at).where(LimitUse.key == ask.key))).one_or_none()
    # Between the two statements the row may have been deleted, or its count restored.
    return max(ask.wait(before if before is not None else 0.0), 1.0)


async def restore_in(db: AsyncSession, ask: Ask) -> None:
    whole_at = col(LimitUse.whole_at)
    change = update(LimitUse).where(col(LimitUse.key) == ask.key)
    await db.exec(change.values(whole_at=whole_at - ask.count * ask.gap))
