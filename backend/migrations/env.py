"""Alembic's environment: `backend.core.db.migrate` gives the URL, the tables give the schema."""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import create_engine, event, pool

from backend import tables
from backend.core.db import JsonColumn, UtcDateTime


def render_item(type_: str, obj: object, autogen_context: object) -> str | Literal[False]:
    if type_ == "type" and isinstance(obj, UtcDateTime):
        return "UtcDateTime()"
    if type_ == "type" and obj is JsonColumn:
        return "JsonColumn"
    return False


url = context.config.get_main_option("sqlalchemy.url")
assert url
engine = create_engine(url, poolclass=pool.NullPool)
if engine.dialect.name == "sqlite":

    @event.listens_for(engine, "connect")
    def _on_connect(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _on_begin(connection) -> None:  # type: ignore[no-untyped-def]
        # Two processes that start at once migrate one after the other.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=tables.metadata,
        render_item=render_item,
        render_as_batch=engine.dialect.name == "sqlite",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7133701)")
        context.run_migrations()
    connection.commit()
