"""Every list finds its rows by an index. It reads about as many rows as it shows, however many rows
this merchant and others have. The plans come from PostgreSQL itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event

from backend.payments.views.card_balance import read_balance
from backend.sessions.read import read_marks, read_view
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant
from tests.support.growth import NEIGHBOUR, TABLES, Sample, grow, samples
from tests.support.listed import listed_paths

ROWS = 3000
"""Of this merchant, and as many of another."""
MOST_READ = 400
"""Rows that one part of a plan may read for a list of ten: far less than there are."""


@dataclass
class Asked:
    statements: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def asked_of(merchant: Merchant) -> Iterator[Asked]:
    """Collect the SELECTs inside the block with their values."""
    asked, engine = Asked(), merchant.ctx.db.engine.sync_engine

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if statement.lstrip("( \n").startswith(("SELECT", "WITH")):
            asked.statements.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from parts(inner)


def read_by(part: dict[str, Any]) -> int:
    """Return how many rows this part of a plan has read, whether it returned them or not."""
    names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return int(part["Actual Loops"] * sum(part.get(name, 0) for name in names))


async def faults(merchant: Merchant, asked: Asked) -> list[str]:
    """Return the faults in the plans of these statements."""
    found = []
    async with merchant.ctx.db.reading() as db:
        connection = await db.connection()
        for statement, values in asked.statements:
            shown = await connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values
            )
            for part in parts(shown.scalar_one()[0]["Plan"]):
                kind, table = part["Node Type"], part.get("Relation Name")
                if kind == "Seq Scan" and table in TABLES:
                    found.append(f"reads all of {table}: {' '.join(statement.split())[-300:]}")
                elif read_by(part) > MOST_READ:
                    where = part.get("Index Name") or table or ""
                    found.append(f"{kind} {where} reads {read_by(part)} rows")
    return found


async def grown(merchant: Merchant, card_gateway: CardGatewaySandbox) -> list[Sample]:
    if merchant.ctx.db.is_sqlite:
        pytest.skip("the plans are PostgreSQL's")
    kinds = await samples(merchant, card_gateway)
    await grow(merchant.ctx.db, kinds, ROWS)
    await grow(merchant.ctx.db, kinds, ROWS, NEIGHBOUR, first=1 + ROWS)
    return kinds


async def of_payers(merchant: Merchant, kinds: list[Sample]) -> dict[str, list[str]]:
    """Return the faults in the reads of the payer's page and of the balance page."""
    found = {}
    for kind in kinds:
        with asked_of(merchant) as asked:
            await read_view(merchant.ctx, kind.session)
            await read_marks(merchant.ctx, [kind.session])
        found[f"page {kind.session}"] = await faults(merchant, asked)
    card = await merchant.card(5000)
    with asked_of(merchant) as asked:
        await read_balance(merchant.ctx, ACCOUNT, card["number"], card["pin"], "1.2.3.4")
    found["balance"] = await faults(merchant, asked)
    return found


@pytest.mark.timeout(300)
async def test_no_list_reads_more_than_it_shows(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    wrong = await of_payers(merchant, await grown(merchant, card_gateway))
    for path in await listed_paths(merchant):
        with asked_of(merchant) as asked:
            await merchant.get(path)
        if "limit=100" not in path:
            wrong[path] = await faults(merchant, asked)
    assert {what: found for what, found in wrong.items() if found} == {}
    await merchant.audit()
