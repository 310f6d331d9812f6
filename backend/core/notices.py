"""How the processes on one database learn of each other's writes.

PostgreSQL carries short messages (LISTEN and NOTIFY) over one connection of each process. They are
sent after the commit and not inside the transaction: a transaction that sends them holds a lock of
the whole server until it is on disk, so payments would wait for each other. A process that dies
between the two tells nobody, which is what the slow look at the database is for.

SQLite carries no messages. A look at `PRAGMA data_version` tells whether anybody has written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextvars import Context
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy.engine import make_url

log = logging.getLogger(__name__)

CHANNEL = "gavekort"
LONGEST_PAUSE = 15.0
"""Seconds between two tries to connect, at most."""
LOOK_SECONDS, QUICK_SECONDS = 1.0, 0.4
"""How often we look whether somebody has written to SQLite: mostly, and while a page is open."""
_SECONDS_TO_CONNECT = 5
# A peer that is gone without a word is noticed after half a minute, not after two hours.
_KEEP_ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

Heard = Callable[[str], None]
"""Called with each message from another process."""
Missed = Callable[[], None]
"""Called where anything may have been written without a message."""


class Notices(Protocol):
    """The way from and to the other processes."""

    def listen(self) -> None:
        """Begin to hear the others. May be called again. Needs a running event loop."""

    async def send(self, messages: Iterable[str]) -> None:
        """Tell the others. What cannot be sent is lost, and does no harm."""

    async def close(self) -> None:
        """End everything. May be called again."""


class PostgresNotices:
    """One connection, which listens while it does not send."""

    def __init__(self, url: str, heard: Heard, missed: Missed) -> None:
        plain = make_url(url).set(drivername="postgresql")
        self._address = plain.render_as_string(hide_password=False)
        self._heard, self._missed = heard, missed
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._reading: int | None = None
        """The file descriptor of the connection, while we listen to it."""
        self._turn = asyncio.Lock()
        self._broken = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    def listen(self) -> None:
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._stay_connected(), context=Context())

    async def send(self, messages: Iterable[str]) -> None:
        async with self._turn:
            connection = self._connection or await self._connect()
            self._hear_nothing()
            try:
                for message in messages:
                    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, message))
            except psycopg.Error:
                await self._lose()
                raise
            self._hear(connection)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
            self._listening = None
        async with self._turn:
            await self._lose()

    async def _stay_connected(self) -> None:
        """Listen, and begin again whenever the connection is lost."""
        failures = 0
        while True:
            self._broken.clear()
            try:
                async with self._turn:
                    connection = self._connection or await self._connect()
                    self._hear_nothing()
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self._hear(connection)
            except (psycopg.Error, OSError) as error:
                if failures == 0:
                    log.warning("not listening to the database: %s", type(error).__name__)
                failures += 1
                async with self._turn:
                    await self._lose()
                await asyncio.sleep(min(0.5 * 2 ** min(failures, 10), LONGEST_PAUSE))
                continue
            if failures:
                log.info("listening to the database again")
            failures = 0
            self._missed()  # whatever was told while we did not listen
            await self._broken.wait()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        self._connection = await psycopg.AsyncConnection.connect(
            self._address,
            autocommit=True,
            connect_timeout=_SECONDS_TO_CONNECT,
            **_KEEP_ALIVE,  # type: ignore[arg-type]
        )
        # What comes in while a statement runs is read by the statement.
        self._connection.add_notify_handler(self._take)
        return self._connection

    def _take(self, notice: psycopg.Notify) -> None:
        self._heard(notice.payload)

    def _hear(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Read what comes by itself. psycopg's own generator of notices would look ten times a
        second, and let nobody send meanwhile."""
        self._reading = connection.fileno()
        asyncio.get_running_loop().add_reader(self._reading, self._read, connection)
        self._read(connection)

    def _hear_nothing(self) -> None:
        # libpq forgets the descriptor of a lost connection, the event loop does not.
        if self._reading is not None:
            asyncio.get_running_loop().remove_reader(self._reading)
            self._reading = None

    def _read(self, connection: psycopg.AsyncConnection[Any]) -> None:
        try:
            connection.pgconn.consume_input()
            while (notice := connection.pgconn.notifies()) is not None:
                self._heard(notice.extra.decode(errors="replace"))
        except psycopg.Error:
            self._hear_nothing()
            self._connection = None
            connection.pgconn.finish()
            self._broken.set()

    async def _lose(self) -> None:
        connection, self._connection = self._connection, None
        self._hear_nothing()
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()
        self._broken.set()


class SqliteNotices:
    """A look at the database's version, on a connection of its own. `writes` counts what this
    process has written, and `quick` tells whether somebody waits who wants to know soon."""

    def __init__(
        self, url: str, missed: Missed, writes: Callable[[], int], quick: Callable[[], bool]
    ) -> None:
        name = make_url(url).database
        in_file = name not in (None, "", ":memory:")
        self._address = f"{Path(name).resolve().as_uri()}?mode=ro" if name and in_file else None
        self._missed, self._writes, self._quick = missed, writes, quick
        self._looking: asyncio.Task[None] | None = None

    def listen(self) -> None:
        if self._address is None:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), context=Context())

    async def send(self, messages: Iterable[str]) -> None:
        """Send nothing: the write itself is what the others see."""

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(sqlite3.Error):
                await self._compare()
            await asyncio.sleep(LOOK_SECONDS)

    async def _compare(self) -> None:
        assert self._address is not None
        with contextlib.closing(sqlite3.connect(self._address, uri=True, timeout=0)) as connection:
            seen, ours = _version(connection), self._writes()
            while True:
                await asyncio.sleep(QUICK_SECONDS if self._quick() else LOOK_SECONDS)
                version, written = _version(connection), self._writes()
                if version != seen:
                    # Our own writes change it too, and may hide somebody else's.
                    if written != ours:
                        await asyncio.sleep(QUICK_SECONDS)
                        version, written = _version(connection), self._writes()
                    self._missed()
                seen, ours = version, written


def _version(connection: sqlite3.Connection) -> int | None:
    """Return a number that changes with every commit of another connection; None where the
    database does not answer at once."""
    try:
        found: int = connection.execute("PRAGMA data_version").fetchone()[0]
    except sqlite3.Error:
        return None
    return found
