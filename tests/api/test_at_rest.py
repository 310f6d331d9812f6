"""The database itself counts the statements of `gavekort serve` while nothing happens. Pages show
what another process has changed. Some tests put an hour between the server's slow looks, so that
the page can only follow a signal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from backend.core import context
from backend.core.context import Backend
from backend.core.settings import Settings
from backend.sessions import lock
from tests.support.asked_of_postgres import AskedOfPostgres, most_frequent
from tests.support.event_socket import SECRET, ProviderHarness, Served, new_client, serve
from tests.support.open_pages import open_pages
from tests.support.postgres import PostgresServer
from tests.support.waiting import pause

PAGES = 25
SECONDS = 12


@asynccontextmanager
async def another_process(url: str) -> AsyncIterator[Backend]:
    """Open the server's database from the test's own process."""
    settings = Settings.model_validate({"secret_key": SECRET, "database_url": url})
    ctx = context.create(settings)
    try:
        yield ctx
    finally:
        await ctx.close()


def until_shown(pages: Popen[str], *wanted: tuple[str, str, bool]) -> None:
    """Wait until the pages have shown these triples of session, stage and lock. A page that has
    just opened also shows its visit."""
    assert pages.stdout is not None
    missing = set(wanted)
    while missing:
        session, _, stage, locked = pages.stdout.readline().split()
        missing.discard((session, stage, locked == "True"))


@pytest.mark.timeout(600)
def test_a_process_at_rest_and_its_pages_ask_almost_nothing(
    repository: Path,
    built_frontend: Path,
    postgres_server: PostgresServer,
    postgresql_url: str,
    tmp_path: Path,
) -> None:
    credentials = asyncio.run(new_client(postgresql_url))
    asked = AskedOfPostgres.of(postgres_server, postgresql_url)
    log = tmp_path / "served.log"
    # A loading page uses ten messages of its source's budget.
    rate = {"socket_messages_per_second_and_source": 10000}
    with serve(repository, postgresql_url, log, **rate) as served:
        till = ProviderHarness(served, credentials)
        sessions = [till.session() for _ in range(PAGES)]
        till.http.close()
        alone = _counted(asked)
        with open_pages(served.socket_url, sessions):
            with_pages = _counted(asked)
        again = _counted(asked)
    # A process at rest may send one statement a second, and a thousand pages may cause twenty.
    assert 0 < len(alone) <= SECONDS, most_frequent(alone)
    assert len(with_pages) <= 2 * SECONDS, most_frequent(with_pages)
    assert len(again) <= SECONDS, most_frequent(again)


def _counted(asked: AskedOfPostgres) -> list[str]:
    """Return the statements of some seconds, after all earlier work has ended."""
    pause(6, "what went before ends")
    place = asked.place()
    pause(SECONDS, "statements are counted over a time")
    return asked.since(place)


@pytest.fixture
def slow_looks_far_apart() -> dict[str, float]:
    return {"worker_interval": 3600.0}


@pytest.fixture
def served(
    repository: Path,
    built_frontend: Path,
    database_url: str,
    tmp_path: Path,
    slow_looks_far_apart: dict[str, float],
) -> Iterator[tuple[Served, ProviderHarness]]:
    credentials = asyncio.run(new_client(database_url))
    log = tmp_path / "served.log"
    with serve(repository, database_url, log, **slow_looks_far_apart) as running:
        till = ProviderHarness(running, credentials)
        yield running, till
        till.http.close()


@pytest.mark.timeout(300)
def test_a_page_shows_what_the_api_and_another_process_change(
    served: tuple[Served, ProviderHarness], database_url: str
) -> None:
    running, till = served
    sessions = [till.session() for _ in range(4)]
    with open_pages(running.socket_url, sessions) as pages:
        # The API of the same process makes the change.
        till.http.post(f"/v1/sessions/{sessions[0]}/cancel").raise_for_status()
        until_shown(pages, (sessions[0], "cancelled", False))
        # Another process sets a lock, which makes no new version, and removes it.
        locks = asyncio.run(_lock(database_url, sessions[1:3]))
        until_shown(pages, *((one, "open", True) for one in sessions[1:3]))
        asyncio.run(_release(database_url, sessions[1], locks[0]))
        until_shown(pages, (sessions[1], "open", False))


async def _lock(url: str, sessions: Sequence[str]) -> list[str]:
    async with another_process(url) as ctx:
        return [await lock.lock(ctx, session_id) for session_id in sessions]


async def _release(url: str, session_id: str, lock_id: str) -> None:
    async with another_process(url) as ctx:
        await lock.release(ctx, session_id, lock_id)
