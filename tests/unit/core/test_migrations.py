"""An empty database gets the schema of the tables once, even if others try at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from backend.core.db import alembic_config, migrate, sync_url
from backend.tables import metadata


def versions(url: str) -> list[str]:
    engine = create_engine(sync_url(url))
    with engine.connect() as connection:
        found = [
            row[0] for row in connection.execute(text("SELECT version_num FROM alembic_version"))
        ]
    engine.dispose()
    return found


def head(url: str) -> str | None:
    return ScriptDirectory.from_config(alembic_config(url)).get_current_head()


def test_migrations_make_what_the_tables_say(bare_database_url: str) -> None:
    url = bare_database_url
    migrate(url)
    engine = create_engine(sync_url(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False}
        )
        assert compare_metadata(context, metadata) == []
        names = set(inspect(connection).get_table_names())
        checks = {check["name"] for check in inspect(connection).get_check_constraints("card")}
    engine.dispose()
    assert names == {*metadata.tables, "alembic_version"}
    # Autogenerate does not compare these.
    assert {
        "card_available_not_negative",
        "card_held_not_negative",
        "card_drawn_not_negative",
        "card_sums_balance",
    } <= checks
    assert versions(url) == [head(url)]
    migrate(url)
    assert versions(url) == [head(url)]


def test_one_line_of_migrations(sqlite_url: str) -> None:
    script = ScriptDirectory.from_config(alembic_config(sqlite_url))
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


def test_two_processes_migrate_at_once(repository: Path, bare_database_url: str) -> None:
    clean = {name: value for name, value in os.environ.items() if "GAVEKORT" not in name}
    environment = {
        **clean,
        "PYTHONPATH": str(repository),
        "GAVEKORT_DATABASE_URL": bare_database_url,
    }
    program = [sys.executable, "-m", "backend.cli.main", "migrate"]
    both = [
        subprocess.Popen(program, cwd=repository, env=environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, b"")
    assert versions(bare_database_url) == [head(bare_database_url)]


def test_every_revision_that_an_installation_may_be_at_is_known(bare_database_url: str) -> None:
    """A published revision keeps its name, so that a database that names it can still be
    upgraded."""
    url = bare_database_url
    for given_out in ("0001", "0003", "0008", "0010", "0015"):
        command.upgrade(alembic_config(url), given_out)
        assert versions(url) == [given_out]
    migrate(url)
    assert versions(url) == [head(url)]
