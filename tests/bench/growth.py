"""Lists, searches, the payer's page and the audit of an installation with 100,000 payments."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import text

from backend.core.db import Database, migrate
from backend.payments.views.card_balance import read_balance
from backend.sessions.read import read_view
from tests.bench.figures import heading, line, percentile
from tests.bench.running import REPOSITORY
from tests.bench.size import Size
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant
from tests.support.growth import NEIGHBOUR, Sample, grow, samples
from tests.support.listed import listed_paths
from tests.support.postgres import running_server


def growth(*, size: Size) -> None:
    """Print the figures. The checkout runs in this process, on a PostgreSQL server of its own."""
    with running_server() as server, server.database("growth") as url:
        with tempfile.TemporaryDirectory() as folder:
            card_gateway = CardGatewaySandbox(REPOSITORY, Path(folder))
            card_gateway.start()
            try:
                asyncio.run(_lists(url, card_gateway, size))
            finally:
                card_gateway.kill()
                card_gateway.http.close()
        _audit(url)


async def _lists(url: str, card_gateway: CardGatewaySandbox, size: Size) -> None:
    await asyncio.to_thread(migrate, url)
    merchant = await open_merchant(url, card_gateway.base_url, "sk_test_of_the_growth")
    count = size.pick(100_000, 10_000, 200)
    try:
        kinds = await samples(merchant, card_gateway)
        begin = time.perf_counter()
        await grow(merchant.ctx.db, kinds, count)
        await grow(merchant.ctx.db, kinds, count // 10, NEIGHBOUR, first=1 + count)
        heading(f"Lists and searches among {count:,} sessions")
        line("seconds to fill", f"{time.perf_counter() - begin:.0f}")
        await _print(merchant, kinds, size)
    finally:
        await close_merchant(merchant)


async def _print(merchant: Merchant, kinds: list[Sample], size: Size) -> None:
    times = size.pick(30, 10, 2)
    worst = 0.0
    for path in await listed_paths(merchant):

        async def get(path: str = path) -> object:
            return await merchant.get(path)

        name = path.replace("/v1/", "").replace(f"accounts/{ACCOUNT}/", "")
        worst = max(worst, await _measure(name, get, times))
    for kind in kinds:

        async def view(session_id: str = kind.session) -> object:
            return await read_view(merchant.ctx, session_id)

        worst = max(worst, await _measure("the payer's page", view, times))
    card = await merchant.card(5000)

    async def balance() -> object:
        return await read_balance(merchant.ctx, ACCOUNT, card["number"], card["pin"], "1.2.3.4")

    worst = max(worst, await _measure("the balance page", balance, times))
    line("slowest p95", f"{worst:.1f} ms")


async def _measure(name: str, work: Callable[[], Awaitable[object]], times: int) -> float:
    """Print p50 and p95; return p95 in milliseconds."""
    await work()  # the first calls read what a process reads once
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        await work()
        took.append((time.perf_counter() - begin) * 1000)
    p50, p95 = percentile(took, 50), percentile(took, 95)
    line(_short(name), f"p50 {p50:6.1f} ms   p95 {p95:6.1f} ms")
    return p95


def _short(name: str, most: int = 60) -> str:
    """Ids are long, and the same in each line."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _audit(url: str) -> None:
    """`gavekort audit`, as the program that it is."""
    entries = asyncio.run(_entries(url))
    heading("Audit")
    environment = {**os.environ, "GAVEKORT_DATABASE_URL": url}
    command = [sys.executable, "-m", "backend.cli.main", "audit"]
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    memory = 0
    while process.poll() is None:
        memory = max(memory, _memory(process.pid))
        time.sleep(0.05)
    took = time.perf_counter() - begin
    if process.returncode != 0:
        raise RuntimeError("the audit found a difference")
    line("ledger entries", f"{entries:,}")
    line("seconds", f"{took:.1f}")
    line("seconds per million entries", f"{took / entries * 1_000_000:.1f}")
    line("memory at most", f"{memory / 1024:.0f} MB")


def _memory(pid: int) -> int:
    """Return the peak memory of this process so far in KB, or 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return int(next((line.split()[1] for line in status.splitlines() if "VmHWM" in line), "0"))


async def _entries(url: str) -> int:
    database = Database(url)
    try:
        async with database.reading() as db:
            counted = await (await db.connection()).execute(
                text("SELECT count(*) FROM ledger_entry")
            )
            return int(counted.scalar_one())
    finally:
        await database.close()
