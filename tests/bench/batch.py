"""How fast `gavekort card issue` makes many cards."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from backend.accounts.clients import create_account
from backend.core import context
from backend.core.db import migrate
from backend.core.settings import Settings
from tests.bench.figures import heading, line
from tests.bench.running import REPOSITORY
from tests.bench.size import Size
from tests.support.checkout import ACCOUNT
from tests.support.postgres import running_server

_KEY = "a master secret of the bench, long enough"


def batch(*, size: Size) -> None:
    """Print the figures. The database is PostgreSQL, on a server of its own."""
    count = size.pick(100_000, 10_000, 1_200)
    heading(f"Cards issued in a batch of {count:,} (gavekort card issue)")
    with running_server() as server, server.database("batch") as url:
        asyncio.run(_prepare(url))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "cards.csv"
            _issue(url, file, 1)
            # The program starts and finds nothing to do: what that takes is no part of the rate.
            idle = _issue(url, file, 1)
            took = _issue(url, file, count) - idle
            lines = len(file.read_text(encoding="utf-8").splitlines())
        if lines != count + 1:
            raise RuntimeError(f"{lines - 1} of {count} cards are in the file")
        line("cards a second", f"{(count - 1) / took:.0f}")
        _run(url, "audit")


async def _prepare(url: str) -> None:
    await asyncio.to_thread(migrate, url)
    settings = Settings(secret_key=_KEY, database_url=url)
    ctx = context.create(settings)
    try:
        await create_account(ctx, ACCOUNT, "Fjord & Form")
    finally:
        await ctx.close()


def _issue(url: str, file: Path, count: int) -> float:
    """Return how many seconds the program took."""
    begin = time.perf_counter()
    _run(
        url, "card", "issue", ACCOUNT, "--count", str(count), "--amount", "50000",
        "--currency", "NOK", "--prefix", "bench-", "--file", str(file),
    )  # fmt: skip
    return time.perf_counter() - begin


def _run(url: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "backend.cli.main", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "GAVEKORT_DATABASE_URL": url, "GAVEKORT_SECRET_KEY": _KEY},
        check=True,
        stdout=subprocess.DEVNULL,
    )
