"""Spend from the limits. `backend.core.context.Backend` holds one `Limiter`; `rules` has the table.

    await limits.spend(ctx, rules.SESSIONS, client_id)
    await limits.spend_source(ctx, rules.TOKEN_SOURCE, source)

Both raise TooManyRequests, with the seconds after which the same call goes through.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.clock import Clock
from backend.core.db import Database
from backend.core.due_work import purge
from backend.core.errors import TooManyRequests
from backend.limits.rules import WIDER, Kept, Rule, overridden
from backend.limits.source import networks_of
from backend.limits.stores import Ask, MemoryStore, RedisStore, Store, restore_in, take_in
from backend.limits.tables import LimitUse


class Limiter:
    """What one process knows of the limits. `key` is secret: it makes hashes of what is counted."""

    def __init__(
        self, key: bytes, redis_url: str | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        """Make the limiter. ValueError for wrong `settings` (`GAVEKORT_LIMITS`)."""
        self._key = key
        self._rules = overridden(settings or {})
        self._memory = MemoryStore()
        self._redis = RedisStore(redis_url, self._memory) if redis_url else None
        self.fast: Store = self._redis or self._memory
        self.allowed: Counter[str] = Counter()
        """Allowed requests by the rule's name, since this process began."""
        self.refused: Counter[str] = Counter()

    def rule_for(self, rule: Rule, key: tuple[str, ...]) -> Rule:
        """Return the rule as the settings have it, for this key."""
        own = self._rules.get(f"{rule.name}:{key[0]}") if key else None
        return own or self._rules.get(rule.name, rule)

    def hash(self, *parts: str) -> str:
        """Return the hash under which a key is counted. We keep neither numbers nor addresses."""
        text = "\n".join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.close()


class Guarded(Protocol):
    """The part of the context that limits need."""

    @property
    def db(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def limiter(self) -> Limiter: ...


async def spend(ctx: Guarded, rule: Rule, *key: str, count: int = 1) -> None:
    """Take `count` from the rule's amount for this key. TooManyRequests, and then nothing is taken.

    What an exact rule counts stays counted even if the request fails. So call this before the
    caller's own unit of work, and call `spend_in` inside one.
    """
    await _spend(ctx, rule, key, count)


async def spend_source(ctx: Guarded, rule: Rule, source: str, *more: str, count: int = 1) -> None:
    """Like `spend`, for all networks of an address, one after the other: first its own, then the
    wider ones. After TooManyRequests, what the narrower ones have counted stays counted."""
    for network, times in zip(networks_of(source), WIDER, strict=False):
        await _spend(ctx, rule, (network, *more), count, times)


async def _spend(
    ctx: Guarded, rule: Rule, key: tuple[str, ...], count: int, times: int = 1
) -> None:
    ask = _ask(ctx, rule, key, count, times)
    if rule.kept is Kept.FAST:
        wait = await ctx.limiter.fast.take(ask)
    else:
        async with ctx.db.unit_of_work(independent=True) as db:
            wait = await take_in(db, ask)
    _judge(ctx, rule, wait)


async def spend_in(ctx: Guarded, db: AsyncSession, rule: Rule, *key: str, count: int = 1) -> None:
    """Take from an exact rule in the caller's unit of work, so that it counts only if the rest
    takes effect. TooManyRequests."""
    _judge(ctx, rule, await take_in(db, _ask(ctx, rule, key, count)))


async def restore(ctx: Guarded, rule: Rule, *key: str, count: int = 1) -> None:
    """Undo a `spend` that turned out not to count."""
    await _restore(ctx, rule, key, count)


async def restore_source(ctx: Guarded, rule: Rule, source: str, *more: str, count: int = 1) -> None:
    for network, times in zip(networks_of(source), WIDER, strict=False):
        await _restore(ctx, rule, (network, *more), count, times)


async def _restore(
    ctx: Guarded, rule: Rule, key: tuple[str, ...], count: int, times: int = 1
) -> None:
    ask = _ask(ctx, rule, key, count, times)
    if rule.kept is Kept.FAST:
        await ctx.limiter.fast.restore(ask)
        return
    async with ctx.db.unit_of_work(independent=True) as db:
        await restore_in(db, ask)


def _ask(ctx: Guarded, rule: Rule, key: tuple[str, ...], count: int, times: int = 1) -> Ask:
    valid = ctx.limiter.rule_for(rule, key)
    amount = valid.amount * times
    return Ask(
        key=ctx.limiter.hash(rule.name, *key),
        now=ctx.clock.now().timestamp(),
        gap=valid.window / amount,
        window=float(valid.window),
        count=min(count, amount),
    )


def _judge(ctx: Guarded, rule: Rule, wait: float) -> None:
    if wait <= 0:
        ctx.limiter.allowed[rule.name] += 1
        return
    ctx.limiter.refused[rule.name] += 1
    raise TooManyRequests(rule.name, max(1, math.ceil(wait)))


async def purge_uses(ctx: Guarded) -> int:
    """Delete one batch of rows that are not needed any more, and return how many."""
    return await purge(ctx.db, LimitUse, col(LimitUse.whole_at) <= ctx.clock.now().timestamp())
