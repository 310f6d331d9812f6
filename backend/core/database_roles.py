"""PostgreSQL roles: the owner of the tables migrates, and another role serves.

The role that serves reads and writes rows. It can neither change the schema nor drop a trigger, and
of the append-only tables it can only read and extend the rows. So a stranger who reaches the
database through the running program cannot rewrite the ledger. SQLite has no roles.
"""

from __future__ import annotations

from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.engine import make_url

from backend.core.db import sync_url

APPEND_ONLY = frozenset(
    {
        "card_event", "delivery_try", "ledger_entry", "receipt", "receipt_message", "session_event",
        "transaction_event", "wallet_transaction",
    }
)  # fmt: skip
"""The tables whose rows nobody changes or deletes: triggers of the database refuse it."""
_READ_ONLY = frozenset({"alembic_version"})


class WrongRoles(ValueError):
    """The two addresses of the database do not belong together. The text says why."""


def check_addresses(migrating: str, serving: str) -> None:
    """Raise WrongRoles unless both URLs are PostgreSQL and name the same database."""
    first, second = make_url(migrating), make_url(serving)
    for url in (first, second):
        if not url.drivername.startswith("postgresql"):
            raise WrongRoles("a second database role is for PostgreSQL only")
    if first.database != second.database:
        raise WrongRoles(
            f"GAVEKORT_MIGRATION_DATABASE_URL names the database {first.database}, and"
            f" GAVEKORT_DATABASE_URL names {second.database}"
        )


def grant_to_serving_role(migrating: str, serving: str) -> str | None:
    """Give the user of `serving` what the program needs, and take away what it does not need.

    Runs as the owner of the tables, whom `migrating` names. Returns the role, or None if both
    URLs name one user, to whom everything belongs. Blocking.
    """
    role = make_url(serving).username
    if role is None or role == make_url(migrating).username:
        return None
    engine = create_engine(sync_url(migrating), poolclass=pool.NullPool)
    try:
        with engine.begin() as connection:
            _grant(connection, engine.dialect.identifier_preparer.quote_identifier(role))
    finally:
        engine.dispose()
    return role


def _grant(connection: Connection, role: str) -> None:
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema = quote(connection.execute(text("SELECT current_schema()")).scalar_one())
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    connection.exec_driver_sql(f"REVOKE CREATE ON SCHEMA {schema} FROM {role}")
    names = connection.execute(
        text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    ).scalars()
    for name in names:
        rights = "SELECT, INSERT, UPDATE, DELETE"
        if name in APPEND_ONLY:
            rights = "SELECT, INSERT"
        elif name in _READ_ONLY:
            rights = "SELECT"
        table = f"{schema}.{quote(name)}"
        connection.exec_driver_sql(f"REVOKE ALL ON {table} FROM {role}")
        connection.exec_driver_sql(f"GRANT {rights} ON {table} TO {role}")
    connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")


def why_too_mighty(url: str) -> str | None:
    """Return why the role of `url` should not serve, or None if it may. Blocking.

    A role that owns the ledger, or that is a superuser, could drop the triggers that protect it.
    """
    if not make_url(url).drivername.startswith("postgresql"):
        return None
    engine = create_engine(sync_url(url), poolclass=pool.NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            mighty = connection.execute(
                text(
                    "SELECT r.rolsuper OR pg_has_role(current_user, c.relowner, 'MEMBER')"
                    " FROM pg_roles r, pg_class c"
                    " WHERE r.rolname = current_user AND c.oid = to_regclass('ledger_entry')"
                )
            ).scalar_one_or_none()
    finally:
        engine.dispose()
    if not mighty:
        return None
    return (
        "the database role that serves also owns the ledger, so whoever takes over this process can"
        " rewrite it. Set GAVEKORT_MIGRATION_DATABASE_URL to the owner for `gavekort migrate`, and"
        " serve with another role (docs/operating.md)"
    )
