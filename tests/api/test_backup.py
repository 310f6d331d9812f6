"""An operator copies a running SQLite installation as `docs/operating.md` says."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from backend.core.db import Database
from backend.core.schema import why_not
from backend.payments.views.audit import audit_everything
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import close_merchant, open_merchant


def transactions(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute('SELECT count(*) FROM "transaction"').fetchone()[0])


async def test_a_copy_has_all_of_one_moment_and_balances(
    sqlite_url: str, card_gateway: CardGatewaySandbox, tmp_path: Path
) -> None:
    path, copy, file_alone = Path(sqlite_url[10:]), tmp_path / "copy.db", tmp_path / "alone.db"
    merchant = await open_merchant(sqlite_url, card_gateway.base_url, "sk_test_of_a_backup")
    try:
        for _ in range(2):
            await merchant.paid(card_gateway, 40000, await merchant.card(10000))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            # This does the same as `.backup`.
            source.backup(target)
        shutil.copyfile(path, file_alone)
        await merchant.paid(card_gateway, 40000)
    finally:
        await close_merchant(merchant)
    assert (transactions(path), transactions(copy)) == (3, 2)
    # The page warns against this, because the last payments are in the file beside it.
    assert transactions(file_alone) < 2
    assert why_not(f"sqlite:///{copy}") is None
    database = Database(f"sqlite:///{copy}")
    assert await audit_everything(database) == []
    await database.close()
