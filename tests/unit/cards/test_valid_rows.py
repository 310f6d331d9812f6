"""The statement that selects valid cards says the same as the rule."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

from sqlmodel import select

from backend.cards.lookup import facts, valid_rows
from backend.cards.tables import Card
from backend.core.context import Backend
from backend.rules.gift_card import is_valid
from tests.unit.cards.conftest import issue


async def test_rows_are_valid_exactly_where_the_rule_says_so(ctx: Backend) -> None:
    now = ctx.clock.now()
    second = timedelta(seconds=1)
    ends = (None, now - second, now, now + second)
    cases = list(product((True, False), ends, (None, now + second), (None, now)))
    for number in range(len(cases)):
        await issue(ctx, f"card-{number}", 100)
    async with ctx.db.unit_of_work() as db:
        rows = list(await db.exec(select(Card)))
        for row, (active, expires_at, active_from, deleted_at) in zip(rows, cases, strict=True):
            row.active, row.expires_at = active, expires_at
            row.active_from, row.deleted_at = active_from, deleted_at
    async with ctx.db.reading() as db:
        by_rule = {row.id for row in await db.exec(select(Card)) if is_valid(facts(row), now)}
        by_statement = {row.id for row in await db.exec(select(Card).where(valid_rows(now)))}
    assert by_statement == by_rule
    assert len(by_rule) == 4  # active, not deleted: without an end or with a later one, twice each
