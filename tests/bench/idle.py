"""What a checkout costs while nothing happens: alone, and with open pages that only wait."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from pathlib import Path

from backend.core.db import migrate
from tests.bench.figures import heading, line, milliseconds
from tests.bench.running import REPOSITORY
from tests.bench.size import Size
from tests.support.asked_of_postgres import AskedOfPostgres
from tests.support.event_socket import ProviderHarness, Served, new_client, serve
from tests.support.open_pages import open_pages
from tests.support.postgres import running_server
from tests.support.wide import WIDE

PAGES = (100, 400, 1000)
_SECONDS_TO_SETTLE = 8
_ONE_SOURCE = {
    "limits": json.dumps(WIDE),
    "sockets_per_source": 4000,
    "connections_per_source": 4000,
    "socket_messages_per_second_and_source": 100000,
}
"""All pages come from one address here."""


def idle_figures(*, size: Size) -> None:
    """Print statements a second, processor time and memory, on PostgreSQL."""
    heading("A process that has nothing to do, and open pages that wait")
    counts = PAGES if size is Size.FULL else (size.pick(100, 100, 3),)
    with (
        running_server(durable=True) as server,
        server.database("bench") as url,
        tempfile.TemporaryDirectory(prefix="gavekort-bench-") as folder,
    ):
        migrate(url)
        credentials = asyncio.run(new_client(url))
        asked = AskedOfPostgres.of(server, url)
        log = Path(folder) / "served.log"
        with serve(REPOSITORY, url, log, **_ONE_SOURCE) as served:
            till = ProviderHarness(served, credentials)
            with open_pages(served.socket_url, [till.session()]):
                pass  # what a process loads once for all pages
            line("at rest", _at_rest(served, asked, size))
            sessions: list[str] = []
            empty = served.memory()
            for count in counts:
                sessions += [till.session() for _ in range(count - len(sessions))]
                with open_pages(served.socket_url, sessions) as pages:
                    told = _at_rest(served, asked, size)
                    each = (served.memory() - empty) / count / 1000
                    line(f"{count} open pages", f"{told}   {each:5.0f} kB each")
                    changed = _changes(till, pages, sessions[: size.pick(20, 10, 2)])
                    line("  until a change is shown", milliseconds(changed))
                    sessions = sessions[size.pick(20, 10, 2) :]


def _at_rest(served: Served, asked: AskedOfPostgres, size: Size) -> str:
    time.sleep(_SECONDS_TO_SETTLE)
    place, spent, begun = asked.place(), served.spent(), time.monotonic()
    time.sleep(size.pick(60, 20, 2))
    seconds = time.monotonic() - begun
    statements = len(asked.since(place)) / seconds
    return f"{statements:6.2f} statements/s   {(served.spent() - spent) / seconds:6.4f} cores"


def _changes(
    till: ProviderHarness, pages: subprocess.Popen[str], sessions: list[str]
) -> list[float]:
    """Return the milliseconds from each merchant's call to the page that shows it, one after the
    other."""
    assert pages.stdout is not None
    took = []
    for session_id in sessions:
        begun = time.monotonic()
        till.http.post(f"/v1/sessions/{session_id}/cancel").raise_for_status()
        shown, stage, at = "", "", "0"
        while (shown, stage) != (session_id, "cancelled"):
            shown, at, stage, _ = pages.stdout.readline().split()
        took.append((float(at) - begun) * 1000)
    return took
