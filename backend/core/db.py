"""The database: engine, units of work, migrations.

SQLite (WAL, `synchronous=FULL`) or PostgreSQL. A unit of work is one transaction, committed once
at its edge. Writers on SQLite begin IMMEDIATE, so that two of them wait for each other at the
start and never fail in the middle.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from alembic import command
from alembic.config import Config
from pydantic_core import from_json
from sqlalchemy import JSON, Dialect, Index, event, insert, inspect, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, ExceptionContext, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.types import DateTime, TypeDecorator
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.paths import BACKEND
from backend.core.written import NotingSession, Signal, signals_of

SQLITE_BUSY_SECONDS = 30
NO_BEGIN = "NONE"
"""The isolation level of a connection that begins no transaction."""


class UtcDateTime(TypeDecorator[datetime]):
    """A column that takes and gives aware times in UTC, even if the database does not store the
    zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive date-time is never stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def found_by(name: str, *columns: str) -> Index:
    """Return an index for a column that is null in most rows. It has only the other rows.

    `columns` are the account, if a list shows one account's rows; then the column that may be null;
    then the columns by which the list is ordered.
    """
    optional = columns[1] if columns[0] == "account_id" else columns[0]
    present = text(f"{optional} IS NOT NULL")
    return Index(name, *columns, sqlite_where=present, postgresql_where=present)


JsonColumn = JSON().with_variant(JSONB(), "postgresql")


def async_url(url: str) -> str:
    parsed = make_url(url)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    name = parsed.drivername.split("+")[0]
    if name not in drivers:
        raise ValueError(f"not a database we run on: {name}")
    return parsed.set(drivername=drivers[name]).render_as_string(hide_password=False)


def sync_url(url: str) -> str:
    return async_url(url).replace("sqlite+aiosqlite", "sqlite")


class SharedTransaction:
    """One transaction for all units of work of a request. See `Database.shared_transaction`."""

    def __init__(
        self,
        own: Callable[[], AbstractAsyncContextManager[AsyncSession]],
        first: Callable[[AsyncSession], Awaitable[None]],
    ) -> None:
        self._own = own
        self._first = first
        self._open = AsyncExitStack()
        self.session: AsyncSession | None = None
        self.commit_early = False
        """True once a part of the work is committed. Later units of work are transactions of their
        own."""

    @asynccontextmanager
    async def part(self, *, commit_early: bool) -> AsyncIterator[AsyncSession]:
        try:
            if self.session is None:
                self.session = await self._open.enter_async_context(self._own())
                await self._first(self.session)
            yield self.session
            await self.session.flush()
        except BaseException:
            await self.undo()
            raise
        if commit_early:
            await self.commit()
            self.commit_early = True

    async def commit(self) -> None:
        self.session = None
        await self._open.aclose()

    async def undo(self) -> None:
        """Undo what was written since the last commit. A later unit of work begins a new
        transaction."""
        self.session = None
        await self._open.__aexit__(*sys.exc_info())
        self._open = AsyncExitStack()


_shared: ContextVar[SharedTransaction | None] = ContextVar("shared_transaction", default=None)


class Database:
    """One engine of one process. `unit_of_work()` writes; `reading()` and `snapshot()` only
    read."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).drivername.startswith("sqlite")
        self.engine = _create_engine(url, self.is_sqlite)
        # Writers of this process queue here, in order, instead of polling SQLite's lock.
        self._writers: asyncio.Lock | None = asyncio.Lock() if self.is_sqlite else None
        self._writing = self.engine.execution_options(gavekort_begin="IMMEDIATE")
        # Each read is on its own: a BEGIN and a ROLLBACK around it would be two round trips for
        # nothing.
        alone = {} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._reading = self.engine.execution_options(gavekort_begin=NO_BEGIN, **alone)
        self.tell: Callable[[Collection[Signal]], None] = lambda _signals: None
        """Called after each commit, with the signals of what was written."""

    @asynccontextmanager
    async def unit_of_work(
        self, *, commit_early: bool = False, independent: bool = False
    ) -> AsyncIterator[AsyncSession]:
        """Begin a unit of work: everything inside takes effect at its end, or nothing does. Do not
        nest two of them.

        Inside a `shared_transaction` it takes effect together with the whole, with two exceptions.
        `commit_early` commits at once, because an outside call follows that must find it written.
        `independent` runs in a transaction of its own, because it has to stay where the rest fails
        (a counted attempt, a provider's answer). `independent` comes before the others.
        """
        work = _shared.get()
        if work is None or work.commit_early or independent:
            if work is not None and work.session is not None:
                raise RuntimeError("an independent unit of work comes first")
            async with self._own() as session:
                yield session
            return
        async with work.part(commit_early=commit_early) as session:
            yield session

    @asynccontextmanager
    async def shared_transaction(
        self, first: Callable[[AsyncSession], Awaitable[None]]
    ) -> AsyncIterator[SharedTransaction]:
        """Make one transaction of all units of work of this task. `first` writes before the first
        of them. An exception undoes all of them, except what was committed early."""
        work = SharedTransaction(self._own, first)
        token = _shared.set(work)
        try:
            yield work
        except BaseException:
            await work.undo()
            raise
        else:
            await work.commit()
        finally:
            _shared.reset(token)

    @asynccontextmanager
    async def _own(self) -> AsyncIterator[AsyncSession]:
        queue = self._writers or nullcontext()
        async with queue, self._session(self._writing) as session:
            yield session
        self.tell(signals_of(session))

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        noting = AsyncSession(engine, expire_on_commit=False, sync_session_class=NotingSession)
        async with noting as session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Only read. Each statement sees what is committed when it runs, as with PostgreSQL's READ
        COMMITTED. Use one statement, or a `snapshot`, for values that must be of the same
        moment."""
        work = _shared.get()
        if work is not None and work.session is not None:
            # What the request has written is visible only to its own transaction yet.
            yield work.session
            return
        async with AsyncSession(self._reading, expire_on_commit=False, autoflush=False) as session:
            yield session

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """Only read. All statements see the same moment."""
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
            if not self.is_sqlite:
                # On SQLite, every transaction reads one moment.
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    async def close(self) -> None:
        await self.engine.dispose()


async def insert_rows(
    db: AsyncSession, table: type[SQLModel], rows: Sequence[dict[str, Any]]
) -> None:
    """Insert many rows by one statement. Every row must name all columns without a default in the
    database. Rows that the unit of work has added before are written first."""
    if rows:
        await db.flush()
        connection = await db.connection()
        await connection.execute(insert(table), list(rows))


def _create_engine(url: str, is_sqlite: bool) -> AsyncEngine:
    # The statement's values may be personal data, and an error with its values ends in a log.
    hidden: dict[str, Any] = {"hide_parameters": True, "json_deserializer": _read_json}
    if not is_sqlite:
        engine = create_async_engine(async_url(url), pool_size=10, max_overflow=20, **hidden)
        event.listen(engine.sync_engine, "handle_error", _without_values)
        return engine
    make_private_file(url)
    waits = {"timeout": SQLITE_BUSY_SECONDS}
    engine = create_async_engine(
        async_url(url), connect_args=waits, pool_size=8, max_overflow=8, **hidden
    )
    event.listen(engine.sync_engine, "connect", _on_sqlite_connect)
    event.listen(engine.sync_engine, "begin", _on_sqlite_begin)
    return engine


def _read_json(written: str | bytes) -> Any:
    """Read a JSON column. A page of 100 sessions has a thousand of them, and the standard library
    takes several times as long as this reader. The standard library also reads half of a surrogate
    pair, which this reader refuses."""
    try:
        return from_json(written)
    except ValueError:
        return json.loads(written)


def _without_values(context: ExceptionContext) -> None:
    """Remove values from an error. PostgreSQL's first line says what is wrong, and the lines after
    it quote the row."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


def _on_sqlite_connect(dbapi_connection: Any, _record: Any) -> None:
    # The driver's own BEGIN would come at the first write, which is too late for IMMEDIATE.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    # Without recursive triggers, INSERT OR REPLACE would delete an append-only row unseen.
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("gavekort_begin", "DEFERRED")
    if mode == NO_BEGIN:
        return
    connection.exec_driver_sql(f"BEGIN {mode}")


def migrate(url: str) -> None:
    """Bring the database to the newest schema (Alembic). Blocking; safe to run again."""
    if make_url(url).drivername.startswith("sqlite"):
        make_private_file(url)
    command.upgrade(alembic_config(url), "head")


def make_private_file(url: str) -> None:
    """Create a SQLite database's file and folders where they are absent, for our user alone.

    A file that others can read is closed to them, since it holds payers' data. A folder that was
    there before keeps its mode, because it may hold other things. SQLite gives the files that it
    puts beside the database (`-wal`, `-shm`) the mode of the database.
    """
    name = make_url(url).database
    if not name or name == ":memory:":
        return
    path = Path(name)
    absent = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(absent):
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return  # SQLite itself reports what is wrong, or the file can only be read.
    try:
        for opened in (path, *(Path(f"{path}{ending}") for ending in ("-wal", "-shm"))):
            if opened.exists() and opened.stat().st_mode & 0o077:
                opened.chmod(0o600)
    except PermissionError:
        pass  # The file belongs to another user, who decides about its mode.
    finally:
        os.close(descriptor)


def alembic_config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(BACKEND / "migrations"))
    config.set_main_option("sqlalchemy.url", sync_url(url).replace("%", "%%"))
    return config


class FromJson(Protocol):
    """A typed value that is read from JSON, and keeps it as `raw`."""

    @property
    def raw(self) -> Mapping[str, object]: ...

    @classmethod
    def read(cls, raw: Mapping[str, object]) -> Self: ...


Read = TypeVar("Read", bound=FromJson)


def read_once(row: object, raw: Mapping[str, object], kind: type[Read]) -> Read:
    """Return a column's JSON as a typed value. It is read again only after another JSON has taken
    its place, so a JSON is never changed where it stands: it is replaced, as SQLAlchemy wants it
    too."""
    info = inspect(row).info
    known = info.get(kind)
    if not isinstance(known, kind) or known.raw is not raw:
        known = info[kind] = kind.read(raw)
    return known
