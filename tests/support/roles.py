"""A PostgreSQL database that one role owns and another one serves, as docs/operating.md says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from backend.core.database_roles import grant_to_serving_role
from backend.core.db import migrate, sync_url
from tests.support.postgres import PostgresServer

OWNER, SERVING = "gavekort_owner", "gavekort_serving"


@contextmanager
def database_with_two_roles(server: PostgresServer) -> Iterator[tuple[str, str]]:
    """Return the URLs of the owner and of the serving role, for a migrated, empty database."""
    engine = create_engine(sync_url(server.url("postgres")), isolation_level="AUTOCOMMIT")

    def run(*statements: str) -> None:
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    run(f"CREATE ROLE {OWNER} LOGIN", f"CREATE ROLE {SERVING} LOGIN")
    try:
        with server.database("gavekort_two_roles") as url:
            run(f"ALTER DATABASE gavekort_two_roles OWNER TO {OWNER}")
            owner, serving = (
                make_url(url).set(username=role).render_as_string(hide_password=False)
                for role in (OWNER, SERVING)
            )
            migrate(owner)
            assert grant_to_serving_role(owner, serving) == SERVING
            yield owner, serving
    finally:
        run(f"DROP ROLE {OWNER}", f"DROP ROLE {SERVING}")
        engine.dispose()
