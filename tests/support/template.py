"""Make a migrated, empty SQLite database. Each test gets a copy, because migrating takes long.

python -m tests.support.template PATH
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

MADE = "GAVEKORT_TEST_TEMPLATE"
"""The environment's name for one that is made already."""


def make_template(path: Path) -> None:
    from backend.core.db import migrate

    migrate(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


if __name__ == "__main__":
    make_template(Path(sys.argv[1]))
