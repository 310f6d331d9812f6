"""A writer wakes those who wait, in the same process and in another one on the same database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import update
from sqlmodel import col

from backend.accounts.clients import create_account
from backend.core import context
from backend.core.context import Backend
from backend.core.settings import Settings
from backend.core.signals import ANYTHING, MOST_KEYS, OTHERS_LATER
from backend.core.written import Signal, key_of
from backend.outbox.tables import Delivery, topic_of
from tests.support.waiting import until_holds

ACCOUNT = "T00000001"
DUE = datetime(2026, 3, 1, tzinfo=UTC)


def make(url: str) -> Backend:
    return context.create(Settings(secret_key="k" * 40, database_url=url))


@pytest.fixture
async def two(database_url: str) -> AsyncIterator[tuple[Backend, Backend]]:
    """Return what the database sees as two processes."""
    one, other = make(database_url), make(database_url)
    await create_account(one, ACCOUNT, ACCOUNT)
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture
async def two_on_postgresql(postgresql_url: str) -> AsyncIterator[tuple[Backend, Backend]]:
    """Skip SQLite, which carries no messages."""
    one, other = make(postgresql_url), make(postgresql_url)
    await create_account(one, ACCOUNT, ACCOUNT)
    yield one, other
    await one.close()
    await other.close()


def delivery(name: str, kind: str = "callback") -> Delivery:
    return Delivery(
        id=name,
        account_id=ACCOUNT,
        kind=kind,
        subject="x",
        method="POST",
        url="x",
        due_at=DUE,
        created_at=DUE,
    )


async def write(ctx: Backend, *rows: Delivery) -> None:
    async with ctx.db.unit_of_work() as db:
        db.add_all(rows)


async def listening(ctx: Backend, heard: list[Signal], topic: str) -> None:
    """Return once the process hears the others. The first signal that it hears is ANYTHING."""
    ctx.signals.subscribe([topic], heard.append, quick=True)
    if not ctx.db.is_sqlite:
        await until_holds(lambda: ANYTHING in heard)
        heard.clear()


async def test_the_same_process_hears_at_the_commit_and_not_before(
    two: tuple[Backend, Backend],
) -> None:
    one, _ = two
    heard: list[Signal] = []
    one.signals.subscribe([topic_of("sms")], heard.append)
    async with one.db.unit_of_work() as db:
        db.add(delivery("a", kind="sms"))
        db.add(delivery("b", kind="webhook"))
        await db.flush()
        before = list(heard)
    of_sms = Signal("delivery:sms", due=DUE.timestamp())
    assert [s for s in before if s != ANYTHING] == []
    assert [s for s in heard if s != ANYTHING] == [of_sms]
    with pytest.raises(RuntimeError, match="undone"):
        async with one.db.unit_of_work() as db:
            db.add(delivery("c", kind="sms"))
            await db.flush()
            raise RuntimeError("undone")
    assert [s for s in heard if s != ANYTHING] == [of_sms]


async def test_a_claim_moves_the_moment_and_an_end_is_silent(two: tuple[Backend, Backend]) -> None:
    one, _ = two
    await write(one, delivery("a"))
    heard: list[Signal] = []
    one.signals.subscribe([topic_of("callback")], heard.append)
    until_then = DUE + timedelta(seconds=120)
    async with one.db.unit_of_work() as db:
        row = await db.get(Delivery, "a")
        assert row is not None
        row.claimed_until = until_then
    async with one.db.unit_of_work() as db:
        row = await db.get(Delivery, "a")
        assert row is not None
        row.state = "delivered"
    claimed = Signal("delivery:callback", due=until_then.timestamp())
    assert [s for s in heard if s != ANYTHING] == [claimed]


async def test_a_statement_that_loads_no_row_wakes_who_waits_for_any(
    two: tuple[Backend, Backend],
) -> None:
    one, _ = two
    heard: list[Signal] = []
    one.signals.subscribe(["delivery"], heard.append)
    async with one.db.unit_of_work() as db:
        change = update(Delivery).where(col(Delivery.id) == "nobody").values(state="failed")
        await db.exec(change)
    assert Signal("delivery") in heard


async def test_another_process_hears_of_it(two: tuple[Backend, Backend]) -> None:
    one, other = two
    heard: list[Signal] = []
    await listening(other, heard, topic_of("callback"))
    earliest = other.clock.now().timestamp() + OTHERS_LATER
    await write(one, delivery("a"))
    await until_holds(lambda: heard)
    if one.db.is_sqlite:
        assert heard[0] == ANYTHING
        return
    # The process that made it due starts first.
    assert [signal.topic for signal in heard] == ["delivery:callback"]
    assert heard[0].due is not None and heard[0].due >= earliest


async def test_what_is_written_at_the_end_of_a_process_is_told(
    two: tuple[Backend, Backend], database_url: str
) -> None:
    """A command ends as soon as it has written."""
    one, other = two
    heard: list[Signal] = []
    await listening(other, heard, topic_of("callback"))
    command = make(database_url)
    await write(command, delivery("a"))
    await command.close()
    await until_holds(lambda: heard)
    assert heard[0] == ANYTHING or heard[0].topic == "delivery:callback"
    assert one.signals.is_closed is False


async def test_rows_by_the_thousand_are_told_as_any_row(
    two_on_postgresql: tuple[Backend, Backend],
) -> None:
    one, other = two_on_postgresql
    heard: list[Signal] = []
    await listening(other, heard, "checkout_session")
    few = {Signal("checkout_session", key_of(str(number))) for number in range(MOST_KEYS)}
    one.signals.tell(few)
    await until_holds(lambda: len(heard) == MOST_KEYS)
    assert set(heard) == few
    heard.clear()
    many = {Signal("checkout_session", key_of(str(number))) for number in range(MOST_KEYS * 20)}
    one.signals.tell(many)
    await until_holds(lambda: heard)
    assert heard == [Signal("checkout_session")]


async def test_whoever_restarts_the_connection_is_heard_again(
    two_on_postgresql: tuple[Backend, Backend], postgresql_url: str
) -> None:
    one, other = two_on_postgresql
    heard: list[Signal] = []
    await listening(other, heard, topic_of("callback"))
    async with await psycopg.AsyncConnection.connect(postgresql_url, autocommit=True) as admin:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND query LIKE 'LISTEN%'"
        )
    # It may have missed a signal meanwhile, and says so.
    await until_holds(lambda: ANYTHING in heard)
    heard.clear()
    await one.db.engine.dispose()
    await write(one, delivery("a"))
    await until_holds(lambda: heard)
    assert [signal.topic for signal in heard] == ["delivery:callback"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"from": "x"}',
        '{"from": "x", "written": 7}',
        '{"from": "x", "written": [7]}',
        '{"from": "x", "written": [[]]}',
        '{"from": "x", "written": [["delivery", 7]]}',
        '{"from": "x", "written": [["delivery", null, "soon"]]}',
        '{"from": "x", "written": [["delivery", null, 1e300]]}',
        '{"from": "x", "written": [["delivery", null, null, null]]}',
        json.dumps({"from": "x", "written": [["delivery", "a" * 300]]})[:-3],
        "[" * 3000,
    ],
)
async def test_what_a_stranger_tells_is_dropped_and_the_next_is_heard(
    two_on_postgresql: tuple[Backend, Backend], postgresql_url: str, message: str
) -> None:
    one, other = two_on_postgresql
    heard: list[Signal] = []
    await listening(other, heard, topic_of("callback"))
    async with await psycopg.AsyncConnection.connect(postgresql_url, autocommit=True) as stranger:
        await stranger.execute("SELECT pg_notify('gavekort', %s)", (message,))
    await write(one, delivery("a"))
    await until_holds(lambda: heard)
    assert [signal.topic for signal in heard] == ["delivery:callback"]
