"""A program can work with some databases. It reports the others and leaves them unchanged."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlalchemy import create_engine, text

from backend.core.db import alembic_config, migrate, sync_url
from backend.core.schema import why_not, why_not_migrate


def test_the_newest_schema_will_do_and_an_older_one_will_not(bare_database_url: str) -> None:
    url = bare_database_url
    command.upgrade(alembic_config(url), "0008")
    assert "older than this program" in str(why_not(url))
    migrate(url)
    assert why_not(url) is None


def test_a_newer_schema_will_do(sqlite_url: str) -> None:
    """An operator replaces processes one after the other, after `migrate`."""
    engine = create_engine(sync_url(sqlite_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert why_not(sqlite_url) is None


def test_no_database_is_made(tmp_path: Path) -> None:
    path = tmp_path / "none" / "x.db"
    assert why_not(f"sqlite:///{path}") == (
        f"there is no database {path}: run `gavekort migrate` to make it"
    )
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    assert "older than this program" in str(why_not(f"sqlite:///{path}"))
    path.write_text("no database at all, but long enough to be looked at " * 20)
    assert "does not answer" in str(why_not(f"sqlite:///{path}"))
    assert "does not answer" in str(why_not("postgresql://nobody@127.0.0.1:1/none"))
    for url in ("mysql://nobody@127.0.0.1:1/none", "gavekort.db"):
        assert str(why_not(url)).startswith("GAVEKORT_DATABASE_URL is neither")


def test_what_cannot_be_migrated(sqlite_url: str, tmp_path: Path) -> None:
    """An older program that meets a newer schema says so, and changes nothing."""
    assert why_not_migrate(sqlite_url) is None
    assert why_not_migrate(f"sqlite:///{tmp_path / 'none' / 'x.db'}") is None
    engine = create_engine(sync_url(sqlite_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert "(9999) is not one that this program knows" in str(why_not_migrate(sqlite_url))
    (tmp_path / "x.db").write_text("no database at all, but long enough to be looked at " * 20)
    assert "does not answer" in str(why_not_migrate(f"sqlite:///{tmp_path / 'x.db'}"))
    assert str(why_not_migrate("mysql://nobody@127.0.0.1:1/none")).startswith(
        "GAVEKORT_DATABASE_URL is neither"
    )
