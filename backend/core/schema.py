"""Checks whether the program can work with a database, before it asks the database for anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from backend.core.db import alembic_config, sync_url

WRONG_URL = "GAVEKORT_DATABASE_URL is neither sqlite:///path nor postgresql://host/name"


def why_not(url: str) -> str | None:
    """Return what has to be done first, or None. Nothing is created or changed. Blocking.

    A schema newer than this program's is accepted: while several processes are replaced one after
    the other, the last of the old ones may have to start again.
    """
    try:
        parsed = make_url(url)
        called = sync_url(url)
    except (ArgumentError, ValueError):
        return WRONG_URL
    path = parsed.database or ""
    if parsed.drivername.startswith("sqlite") and not Path(path).is_file():
        return f"there is no database {path}: run `gavekort migrate` to make it"
    found = _revision(called)
    if isinstance(found, NoAnswer):
        return found.why
    if found is None or found in _known(url) - {_newest(url)}:
        return "the database's schema is older than this program: run `gavekort migrate` first"
    return None


def why_not_migrate(url: str) -> str | None:
    """Return why the database cannot be brought to this program's schema, or None. Blocking."""
    try:
        parsed = make_url(url)
        called = sync_url(url)
    except (ArgumentError, ValueError):
        return WRONG_URL
    if parsed.drivername.startswith("sqlite") and not Path(parsed.database or "").is_file():
        return None
    found = _revision(called)
    if isinstance(found, NoAnswer):
        return found.why
    if found is not None and found not in _known(url):
        return (
            f"the database's schema ({found}) is not one that this program knows: it was made by a"
            " newer program. Use that one, or go back to a backup"
        )
    return None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    why: str


def _revision(called: str) -> str | NoAnswer | None:
    engine = create_engine(called, poolclass=pool.NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        said = str(error.orig).partition(chr(10))[0]
        return NoAnswer(f"the database does not answer: {said}")
    finally:
        engine.dispose()


def _newest(url: str) -> str | None:
    return ScriptDirectory.from_config(alembic_config(url)).get_current_head()


def _known(url: str) -> set[str]:
    script = ScriptDirectory.from_config(alembic_config(url))
    return {revision.revision for revision in script.walk_revisions()}
