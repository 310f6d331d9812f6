"""The database itself refuses changes of append-only tables, and some rights to the serving
role."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from backend.core.database_roles import (
    APPEND_ONLY,
    WrongRoles,
    check_addresses,
    grant_to_serving_role,
    why_too_mighty,
)
from backend.core.db import _on_sqlite_connect, migrate, sync_url
from tests.support.postgres import PostgresServer
from tests.support.roles import database_with_two_roles


def engine_of(url: str) -> Engine:
    engine = create_engine(sync_url(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
    return engine


def test_the_list_of_append_only_tables_is_what_the_triggers_say(database_url: str) -> None:
    engine = engine_of(database_url)
    query = (
        "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger'"
        if engine.dialect.name == "sqlite"
        else "SELECT DISTINCT event_object_table FROM information_schema.triggers"
    )
    with engine.connect() as connection:
        assert set(connection.execute(text(query)).scalars()) == APPEND_ONLY
    engine.dispose()


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_an_append_only_table_cannot_be_emptied(postgresql_url: str, table: str) -> None:
    """The table is truncated alone, with others, and by way of a table that it refers to."""
    engine = engine_of(postgresql_url)
    for statement in (
        f"TRUNCATE {table} CASCADE",
        f"TRUNCATE card, {table} CASCADE",
        f"TRUNCATE ONLY {table} RESTART IDENTITY CASCADE",
        "TRUNCATE account CASCADE",
    ):
        with engine.begin() as connection, pytest.raises(DBAPIError, match="is append only"):
            connection.execute(text(statement))
    engine.dispose()


def test_a_row_that_is_append_only_cannot_be_replaced(sqlite_url: str) -> None:
    """SQLite deletes the older row of an INSERT OR REPLACE without its trigger, unless told."""
    engine = engine_of(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        columns = connection.exec_driver_sql("PRAGMA table_info(session_event)").all()
    values = {column[1]: "1" for column in columns}
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    insert = f"INTO session_event ({names}) VALUES ({places})"
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.execute(text(f"INSERT {insert}"), values)
        for change in ({"name": "2"}, {"id": "2", "name": "2"}):  # by its key, and by its number
            with pytest.raises(DBAPIError, match="session_event is append only"):
                connection.execute(text(f"INSERT OR REPLACE {insert}"), values | change)
        kept = connection.execute(text("SELECT id, name FROM session_event")).all()
    assert [tuple(row) for row in kept] == [("1", "1")]
    engine.dispose()


# --- two roles ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_roles(postgres_server: PostgresServer) -> Iterator[tuple[str, str]]:
    with database_with_two_roles(postgres_server) as urls:
        yield urls


def test_migrate_makes_the_serving_role_fit(two_roles: tuple[str, str]) -> None:
    owner, serving = two_roles
    environment = {
        **os.environ,
        "GAVEKORT_MIGRATION_DATABASE_URL": owner,
        "GAVEKORT_DATABASE_URL": serving,
    }
    for _ in range(2):  # again changes nothing
        done = subprocess.run(
            [sys.executable, "-m", "backend.cli.main", "migrate"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "the database role gavekort_serving can serve" in done.stderr
    assert why_too_mighty(serving) is None
    assert "owns the ledger" in str(why_too_mighty(owner))


@pytest.mark.parametrize(
    "statement",
    [
        *(f"TRUNCATE {table} CASCADE" for table in sorted(APPEND_ONLY)),
        *(f"UPDATE {table} SET id = id" for table in ("ledger_entry", "session_event")),  # noqa: S608
        *(f"DELETE FROM {table}" for table in sorted(APPEND_ONLY)),  # noqa: S608
        "TRUNCATE checkout_session CASCADE",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
        "DROP TRIGGER ledger_entry_append_only ON ledger_entry",
        "DROP TABLE ledger_entry CASCADE",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN OLD; END $$",
        "CREATE TABLE of_my_own (id int)",
        "UPDATE alembic_version SET version_num = '0001'",
        "SET session_replication_role = replica",
    ],
)
def test_what_the_serving_role_cannot_do(two_roles: tuple[str, str], statement: str) -> None:
    engine = engine_of(two_roles[1])
    with engine.begin() as connection, pytest.raises(DBAPIError) as failed:
        connection.execute(text(statement))
    assert re.search("permission denied|must be owner", str(failed.value))
    engine.dispose()


def test_an_earlier_wide_grant_is_narrowed(two_roles: tuple[str, str]) -> None:
    owner, serving = two_roles
    engine = engine_of(owner)
    with engine.begin() as connection:
        connection.exec_driver_sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO gavekort_serving")
    engine.dispose()
    grant_to_serving_role(owner, serving)
    engine = engine_of(serving)
    with engine.begin() as connection, pytest.raises(DBAPIError, match="permission denied"):
        connection.execute(text("TRUNCATE checkout_session CASCADE"))
    engine.dispose()


def test_addresses_that_do_not_belong_together() -> None:
    one = "postgresql://owner@db/gavekort"
    with pytest.raises(WrongRoles, match="other"):
        check_addresses(one, "postgresql://serving@db/other")
    for pair in ((one, "sqlite:///x.db"), ("sqlite:///x.db", one)):
        with pytest.raises(WrongRoles, match="PostgreSQL"):
            check_addresses(*pair)
    check_addresses(one, "postgresql://serving@pool:6432/gavekort")


# --- files -------------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_migrate_leaves_files_and_folders_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "data" / "deeper" / "gavekort.db"
    before = os.umask(0o000)
    try:
        migrate(f"sqlite:///{path}")
    finally:
        os.umask(before)
    assert (mode(path.parent), mode(path.parent.parent)) == (0o700, 0o700)
    assert mode(tmp_path) == 0o755  # it was there before
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "gavekort.db"
    migrate(f"sqlite:///{path}")
    path.chmod(0o644)
    migrate(f"sqlite:///{path}")
    assert mode(path) == 0o600
