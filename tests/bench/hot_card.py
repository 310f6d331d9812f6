"""One gift card that 100 clients draw from at once, beside a plain transfer on that database."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from sqlalchemy import text

from backend.cards.ledger import EntryContext
from backend.cards.tables import Card
from backend.cards.wallets import Movement, move
from backend.core.db import migrate
from backend.payments.views.audit import audit_everything
from tests.bench.figures import heading, line, percentile
from tests.bench.size import Size
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant
from tests.support.postgres import running_server

CLIENTS = 100
_refs = itertools.count(1)
_PLAIN = (
    "CREATE TABLE plain_account (id int PRIMARY KEY, balance bigint NOT NULL)",
    "CREATE TABLE plain_entry (id bigserial PRIMARY KEY, account int NOT NULL REFERENCES"
    " plain_account, amount bigint NOT NULL, made timestamptz NOT NULL DEFAULT now())",
    "INSERT INTO plain_account VALUES (1, 1000000000000)",
)


def hot_card(*, size: Size) -> None:
    """Print the figures. The checkout runs in this process, on a PostgreSQL server of its own."""
    with running_server() as server, server.database("hot_card") as url:
        asyncio.run(_measure(url, size))


async def _measure(url: str, size: Size) -> None:
    await asyncio.to_thread(migrate, url)
    merchant = await open_merchant(url, "", "")
    try:
        card = await merchant.card(10**9)
        count = size.pick(3000, 600, 120)
        async with merchant.ctx.db.unit_of_work() as db:
            for statement in _PLAIN:
                await (await db.connection()).execute(text(statement))
            found = await (await db.connection()).execute(text("SELECT id FROM card"))
            key = str(found.scalar_one())
        heading(f"One gift card, {CLIENTS} clients at once")
        # They run in turn, so that both meet the same machine.
        rates: dict[str, list[float]] = {"plain": [], "drawdown": []}
        for _ in range(3):
            rates["plain"].append(await _at_once(count, lambda: _plain(merchant)))
            rates["drawdown"].append(await _at_once(count, lambda: _draw(merchant, key)))
        plain, drawdown = (sorted(rates[name])[1] for name in ("plain", "drawdown"))
        line("plain transfers", f"{plain:.0f} /s")
        line("drawdowns", f"{drawdown:.0f} /s")
        line("drawdowns / plain transfers", f"{drawdown / plain:.2f}")
        await _by_api(merchant, card["card_id"], count)
        async with merchant.ctx.db.reading() as db:
            row = await db.get(Card, key)
        if row is None or row.drawn != 4 * count or await audit_everything(merchant.ctx.db):
            raise RuntimeError("the card does not have what was left on it")
    finally:
        await close_merchant(merchant)


async def _by_api(merchant: Merchant, card_id: str, count: int) -> None:
    took: list[float] = []
    statuses: Counter[int] = Counter()

    async def draw() -> None:
        begin = time.perf_counter()
        answer = await merchant.api.post(
            f"/v1/accounts/{ACCOUNT}/wallets/transactions",
            json={
                "ref_id": f"bench-{next(_refs)}",
                "card_id": card_id,
                "type": "drawdown",
                "amount": 1,
                "currency": "NOK",
            },
        )
        took.append((time.perf_counter() - begin) * 1000)
        statuses[answer.status_code] += 1

    rate = await _at_once(count, draw)
    line("drawdowns by API", f"{rate:.0f} /s   p50 {percentile(took, 50):.0f} ms"
         f"   p99 {percentile(took, 99):.0f} ms")  # fmt: skip
    line("answers by API", ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items())))
    if set(statuses) != {200}:
        raise RuntimeError("some drawdowns were refused")


async def _at_once(count: int, work: Callable[[], Awaitable[None]]) -> float:
    """Return the rate a second of `count` calls by all clients together."""
    numbers = iter(range(count))

    async def client() -> None:
        for _ in numbers:
            await work()

    begin = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return count / (time.perf_counter() - begin)


async def _plain(merchant: Merchant) -> None:
    """Make the least that a transfer needs: the balance under its row's lock, and an entry."""
    async with merchant.ctx.db.engine.begin() as connection:
        await connection.execute(
            text("UPDATE plain_account SET balance = balance - 1 WHERE id = 1 AND balance >= 1")
        )
        await connection.execute(text("INSERT INTO plain_entry (account, amount) VALUES (1, 1)"))


async def _draw(merchant: Merchant, card: str) -> None:
    ctx = merchant.ctx
    cause = EntryContext(ref_id=f"bench-{next(_refs)}", now=ctx.clock.now(), created_by="bench")
    await move(ctx, Movement(ACCOUNT, card, "drawdown", 1, "NOK", False, cause))
