"""Whether a database is one that this program can work with, before anything is asked of it."""

from __future__ import annotations

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from backend.db import alembic_config, sync_url


def why_not(url: str) -> str | None:
    """What has to be done first, or None. Nothing is made or changed. Blocking.

    A schema newer than this program's is no reason: while several processes are replaced one after
    the other, the last of the old ones may have to start again.
    """
    try:
        parsed = make_url(url)
        called = sync_url(url)
    except (ArgumentError, ValueError):
        return "GAVEKORT_DATABASE_URL is neither sqlite:///path nor postgresql://host/name"
    path = parsed.database or ""
    if parsed.drivername.startswith("sqlite") and not Path(path).is_file():
        return f"there is no database {path}: run `gavekort migrate` to make it"
    engine = create_engine(called, poolclass=pool.NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        return f"the database does not answer: {str(error.orig).partition(chr(10))[0]}"
    finally:
        engine.dispose()
    script = ScriptDirectory.from_config(alembic_config(url))
    older = {revision.revision for revision in script.walk_revisions()} - {
        script.get_current_head()
    }
    if found is None or found in older:
        return "the database's schema is older than this program: run `gavekort migrate` first"
    return None
