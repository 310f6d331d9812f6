"""An operator runs `gavekort audit`. It exits with 0 if all balances, and otherwise with 1 and
names the place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import create_engine, text

from backend.cards.tables import Card
from backend.core.context import Backend
from backend.core.db import sync_url


def audit(repository: Path, url: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if "GAVEKORT" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli.main", "audit"],
        cwd=repository,
        env={**clean, "PYTHONPATH": str(repository), "GAVEKORT_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def tamper(url: str, *statements: str) -> None:
    """Change a row as the database's owner could without the program."""
    engine = create_engine(sync_url(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


async def test_clean_then_a_tampered_sum_then_a_tampered_entry(
    repository: Path, ctx: Backend, card: Card, database_url: str
) -> None:
    assert audit(repository, database_url) == (0, "every card and every transaction balances\n")
    tamper(database_url, "UPDATE card SET available = available + 1, funds = funds + 1")
    status, told = audit(repository, database_url)
    assert status == 1
    assert f"{card.id}: funds: expected 10000, found 10001\n" in told
    assert f"{card.id}: available: expected 10000, found 10001\n" in told
    tamper(database_url, "UPDATE card SET available = available - 1, funds = funds - 1")
    triggers = (
        ["DROP TRIGGER ledger_entry_no_delete"]
        if ctx.db.is_sqlite
        else ["DROP TRIGGER ledger_entry_append_only ON ledger_entry"]
    )
    tamper(database_url, *triggers, "DELETE FROM ledger_entry")
    status, told = audit(repository, database_url)
    assert status == 1
    assert f"{card.id}: funds: expected 0, found 10000\n" in told
    assert told.endswith("2 differences\n")
