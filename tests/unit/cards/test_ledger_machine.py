"""The real ledger over SQLite, in any order of movements, legal or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import col, select

from backend.accounts.clients import create_account
from backend.cards import ledger
from backend.cards.audit import audit_cards
from backend.cards.ledger import EntryContext, HoldResolved, InsufficientFunds
from backend.cards.tables import Card, Hold, LedgerEntry
from backend.core.context import Backend
from backend.core.errors import Conflict
from tests.unit.cards.conftest import ACCOUNT, issue, open_backend

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AMOUNTS = st.one_of(st.integers(1, 5), st.integers(1, 60))


def test_any_order_of_movements_balances(sqlite_url: str) -> None:
    loop = asyncio.new_event_loop()
    ctx = open_backend(sqlite_url)
    loop.run_until_complete(create_account(ctx, ACCOUNT, "Fjord & Form"))
    seen: set[str] = set()
    try:
        run_state_machine_as_test(
            lambda: _machine(loop, ctx, seen),  # type: ignore[arg-type]  # a function will do
            settings=settings(
                max_examples=30,
                stateful_step_count=25,
                deadline=None,
                # The search is the same every time. An assertion below checks that it goes
                # everywhere.
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(ctx.close())
        loop.close()
    # The search proves something only if it has visited every kind of step.
    assert seen == {
        "fund",
        "hold",
        "hold refused",
        "draw",
        "draw refused",
        "refund",
        "refund refused",
        "post",
        "carry",
        "post refused",
        "void",
        "resolved before",
        "repeated",
        "ref_id misused",
        "transfer",
        "transfer refused",
        "transfer repeated",
        "transfer back",
    }


def _machine(
    loop: asyncio.AbstractEventLoop, ctx: Backend, seen: set[str]
) -> RuleBasedStateMachine:
    return LedgerMachine(loop, ctx, seen)


class LedgerMachine(RuleBasedStateMachine):
    holds: Bundle[str] = Bundle("holds")

    def __init__(self, loop: asyncio.AbstractEventLoop, ctx: Backend, seen: set[str]) -> None:
        super().__init__()
        self.loop, self.ctx, self.seen = loop, ctx, seen
        self.count = 0
        self.pending: dict[str, int] = {}
        self.used: list[tuple[str, str, int]] = []

    @initialize(amount=st.integers(0, 40))
    def issue(self, amount: int) -> None:
        now = datetime.now(UTC).timestamp()
        made = issue(self.ctx, f"card-{now}", amount)
        self.card: Card = self.loop.run_until_complete(made)
        self.funds, self.available, self.drawn = amount, amount, 0
        self.other: Card = self.loop.run_until_complete(issue(self.ctx, f"other-{now}", 0))
        self.there = 0

    def _new_ref(self) -> str:
        self.count += 1
        return f"ref-{self.count}"

    def _do(self, movement: Callable[[Any, Card], Awaitable[Any]]) -> Any:
        """Run one unit of work with the card locked. An error undoes all of it."""

        async def run() -> Any:
            async with self.ctx.db.unit_of_work() as db:
                return await movement(db, await ledger.lock_card(db, self.card.id))

        return self.loop.run_until_complete(run())

    def _cause(self, ref_id: str) -> EntryContext:
        return EntryContext(ref_id, NOW, "tests")

    @rule(amount=AMOUNTS)
    def fund(self, amount: int) -> None:
        ref = self._new_ref()
        self._do(lambda db, card: ledger.fund(db, card, amount, self._cause(ref)))
        self.funds += amount
        self.available += amount
        self.used.append((ref, "fund", amount))
        self.seen.add("fund")

    @rule(target=holds, amount=AMOUNTS)
    def hold(self, amount: int) -> Any:
        ref = self._new_ref()
        try:
            _, held = self._do(
                lambda db, card: ledger.hold(db, card, amount, self._cause(ref), "wallets")
            )
        except InsufficientFunds:
            assert amount > self.available
            self.seen.add("hold refused")
            return multiple()
        assert amount <= self.available
        self.available -= amount
        self.pending[held.id] = amount
        self.seen.add("hold")
        return held.id

    @rule(amount=AMOUNTS)
    def draw(self, amount: int) -> None:
        ref = self._new_ref()
        try:
            self._do(lambda db, card: ledger.draw(db, card, amount, self._cause(ref)))
        except InsufficientFunds:
            assert amount > self.available
            self.seen.add("draw refused")
            return
        assert amount <= self.available
        self.available -= amount
        self.drawn += amount
        self.used.append((ref, "draw", amount))
        self.seen.add("draw")

    @rule(amount=AMOUNTS)
    def refund(self, amount: int) -> None:
        ref = self._new_ref()
        try:
            self._do(lambda db, card: ledger.refund(db, card, amount, self._cause(ref), None))
        except InsufficientFunds:
            assert amount > self.drawn
            self.seen.add("refund refused")
            return
        assert amount <= self.drawn
        self.drawn -= amount
        self.available += amount
        self.seen.add("refund")

    @rule(amount=AMOUNTS, back=st.booleans(), again=st.booleans())
    def transfer(self, amount: int, back: bool, again: bool) -> None:
        """Transfer money to another card or back from it, perhaps with a repeat."""
        ref = self._new_ref()

        async def run(db: Any, card: Card) -> Any:
            other = await ledger.lock_card(db, self.other.id)
            source, target = (other, card) if back else (card, other)
            moved = await ledger.transfer(db, source, target, amount, self._cause(ref))
            return [made.id for made in moved]

        left = self.there if back else self.available
        try:
            first = self._do(run)
        except InsufficientFunds:
            assert amount > left
            self.seen.add("transfer refused")
            return
        assert amount <= left
        moved = -amount if back else amount
        self.funds -= moved
        self.available -= moved
        self.there += moved
        self.seen.add("transfer back" if back else "transfer")
        if again:
            assert self._do(run) == first
            self.seen.add("transfer repeated")

    @rule(target=holds, hold=holds, amount=AMOUNTS, keep=st.booleans())
    def post(self, hold: str, amount: int, keep: bool) -> Any:
        ref, before = self._new_ref(), self.pending.get(hold)

        async def run(db: Any, _card: Card) -> Any:
            held = await ledger.lock_hold(db, hold)
            return await ledger.post(db, held, amount, self._cause(ref), keep_rest=keep)

        try:
            _, carried = self._do(run)
        except InsufficientFunds:
            assert before is None or amount > before
            self.seen.add("post refused")
            return multiple()
        except HoldResolved:
            assert before is None
            self.seen.add("resolved before")
            return multiple()
        assert before is not None and amount <= before
        del self.pending[hold]
        self.drawn += amount
        self.seen.add("post")
        if carried is None:
            self.available += before - amount
            return multiple()
        assert keep and carried.amount == before - amount
        self.pending[carried.id] = carried.amount
        self.seen.add("carry")
        return carried.id

    @rule(hold=holds)
    def void(self, hold: str) -> None:
        ref, before = self._new_ref(), self.pending.get(hold)

        async def run(db: Any, _card: Card) -> None:
            await ledger.void(db, await ledger.lock_hold(db, hold), self._cause(ref))

        try:
            self._do(run)
        except HoldResolved:
            assert before is None
            self.seen.add("resolved before")
            return
        assert before is not None
        self.available += self.pending.pop(hold)
        self.seen.add("void")

    @rule(data=st.data(), other=st.booleans())
    def repeat(self, data: st.DataObject, other: bool) -> None:
        """Repeat a ref_id, for the same movement or for another."""
        if not self.used:
            return
        ref, movement, amount = data.draw(st.sampled_from(self.used))
        verb = ledger.fund if (movement == "fund") != other else ledger.draw
        try:
            self._do(lambda db, card: verb(db, card, amount, self._cause(ref)))
        except Conflict:
            assert other
            self.seen.add("ref_id misused")
            return
        assert not other
        self.seen.add("repeated")

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "card"):
            self.loop.run_until_complete(self._check())

    async def _check(self) -> None:
        held = sum(self.pending.values())
        async with self.ctx.db.snapshot() as db:
            row = await db.get(Card, self.card.id)
            assert row is not None
            assert (row.funds, row.available, row.held, row.drawn) == (
                self.funds,
                self.available,
                held,
                self.drawn,
            )
            other = await db.get(Card, self.other.id)
            assert other is not None
            sums = (other.funds, other.available, other.held, other.drawn)
            assert sums == (self.there, self.there, 0, 0)
            assert row.available >= 0
            assert row.funds == row.available + row.held + row.drawn
            query = select(Hold.id, Hold.amount).where(
                Hold.card == row.id, col(Hold.state) == "pending"
            )
            assert dict((await db.exec(query)).all()) == self.pending
            fold = dict.fromkeys(("funds", "available", "held", "drawn"), 0)
            for entry in await db.exec(select(LedgerEntry).where(LedgerEntry.card == row.id)):
                fold[entry.debit] -= entry.amount
                fold[entry.credit] += entry.amount
            # Debits equal credits, so over all accounts no money came from nowhere.
            assert sum(fold.values()) == 0
            assert fold == {
                "funds": -self.funds,
                "available": self.available,
                "held": held,
                "drawn": self.drawn,
            }
            assert [difference async for difference in audit_cards(db)] == []
