"""Captures, refunds and voids come in any order, legal or not. The amounts stay possible."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backend.rules.transaction import (
    Position,
    RuleBroken,
    Split,
    Status,
    advance,
    captured,
    check_capture,
    check_refund,
    check_void,
    correct,
    refunded,
    reverse_refund,
    split_capture,
    split_refund,
    status_of,
    voided,
)

AMOUNTS = st.one_of(st.integers(1, 8), st.integers(min_value=-5, max_value=60))


class TransactionMachine(RuleBasedStateMachine):
    """A model in plain counters beside the rules."""

    @initialize(card=st.integers(0, 20), card_gateway=st.integers(0, 20))
    def authorize(self, card: int, card_gateway: int) -> None:
        card = card if card + card_gateway else 1
        self.authorized = (card, card_gateway)
        self.captured = [0, 0]
        self.refunded = [0, 0]
        self.closed = False
        self.steps = 0
        self.position = Position(authorized=Split(card, card_gateway))
        self.status = Status.AUTHORIZED

    def _after(self, position: Position) -> None:
        status = status_of(position)
        if status is not self.status:
            self.status = advance(self.status, status)
        self.position = position

    @rule(amount=AMOUNTS, final=st.booleans())
    def capture(self, amount: int, final: bool) -> None:
        self.steps += 1
        final = final and self.steps > 3
        left = [a - c for a, c in zip(self.authorized, self.captured, strict=True)]
        legal = 0 < amount <= sum(left) and not self.closed
        try:
            check_capture(self.status)
            split = split_capture(self.position, amount)
        except RuleBroken:
            assert not legal
            return
        assert legal
        assert split == Split(min(left[0], amount), amount - min(left[0], amount))
        self._after(captured(self.position, split, final=final))
        self.captured[0] += split.card
        self.captured[1] += split.provider
        self.closed = self.closed or final

    @rule(amount=AMOUNTS)
    def refund(self, amount: int) -> None:
        self.steps += 1
        left = [c - r for c, r in zip(self.captured, self.refunded, strict=True)]
        legal = 0 < amount <= sum(left)
        try:
            check_refund(self.status)
            split = split_refund(self.position, amount)
        except RuleBroken:
            assert not legal
            return
        assert legal
        assert split == Split(min(left[0], amount), amount - min(left[0], amount))
        self._after(refunded(self.position, split))
        self.refunded[0] += split.card
        self.refunded[1] += split.provider

    @precondition(lambda self: self.refunded[1] > 0)
    @rule(amount=st.integers(1, 60))
    def refund_comes_back(self, amount: int) -> None:
        try:
            position = reverse_refund(self.position, amount)
        except RuleBroken:
            assert amount > self.refunded[1]
            return
        self.status = correct(self.status, status_of(position))
        self.position = position
        self.refunded[1] -= amount

    # A void ends most operations, so it comes late.
    @precondition(lambda self: self.steps > 3)
    @rule(possible=st.booleans())
    def void(self, possible: bool) -> None:
        left = [a - c for a, c in zip(self.authorized, self.captured, strict=True)]
        legal = sum(left) > 0 and not self.closed and (possible or self.captured[1] == 0)
        try:
            check_void(self.status, self.position, after_partial_capture=possible)
        except RuleBroken:
            assert not legal
            return
        assert legal
        self._after(voided(self.position))
        self.closed = True

    @invariant()
    def refunded_captured_authorized(self) -> None:
        if not hasattr(self, "position"):
            return
        self.position.check()
        position = self.position
        assert position.captured == Split(*self.captured)
        assert position.refunded == Split(*self.refunded)
        for part in range(2):
            assert 0 <= self.refunded[part] <= self.captured[part] <= self.authorized[part]
        expected = Split(*self.authorized) if self.closed else None
        if expected is not None:
            assert position.released == expected - position.captured
        else:
            assert position.released == Split(0, 0)


TestTransactionMachine = TransactionMachine.TestCase
TestTransactionMachine.settings = settings(max_examples=150, stateful_step_count=20, deadline=None)
