"""The actions choose, buy, spend elsewhere, pay and give up come in any order. The hold always
equals the shown amount, and the provider is asked for the rest."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import col, select

from backend.accounts.profiles import save_profile
from backend.cards.tables import Hold
from backend.core.errors import (
    GiftCardAmountRefused,
    PaymentInProgress,
    RemainderTooSmall,
    SplitChanged,
)
from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import Press, pay
from backend.payments.tables import Transaction
from backend.sessions import payer
from backend.sessions.view import PageState
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import (
    ACCOUNT,
    OPTION,
    Merchant,
    close_merchant,
    open_merchant,
    profile,
)

T = TypeVar("T")
AMOUNTS = st.one_of(st.integers(1, 5), st.integers(1, 400))
MINIMUM = 100
"""What the provider takes at least, here as in the profile."""


def test_any_order_of_events_holds_what_was_shown(
    database_url: str, card_gateway: CardGatewaySandbox
) -> None:
    loop = asyncio.new_event_loop()
    key = f"sk_test_{uuid.uuid4().hex}"
    merchant = loop.run_until_complete(open_merchant(database_url, card_gateway.base_url, key))
    card_gateway.admin("settings", minimum=MINIMUM)
    minimum = {"minimum_amounts": {OPTION: {"NOK": MINIMUM}}}
    setup = profile(card_gateway.base_url, key, extra=minimum)
    loop.run_until_complete(save_profile(merchant.ctx, setup))
    seen: set[str] = set()
    try:
        run_state_machine_as_test(
            lambda: AmountMachine(loop, merchant, card_gateway, key, seen),  # type: ignore[arg-type]  # a function will do
            settings=settings(
                max_examples=100,
                stateful_step_count=12,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        loop.run_until_complete(merchant.audit())
    finally:
        card_gateway.admin("settings", minimum=0)
        loop.run_until_complete(close_merchant(merchant))
        loop.close()
    # The search proves something only if it has visited every kind of step.
    assert seen == {
        "chosen",
        "all",
        "order grew",
        "order shrank",
        "spent elsewhere",
        "funded",
        "split changed",
        "covered",
        "both pay",
        "given up",
        "too little",
        "advice taken",
    }


class AmountMachine(RuleBasedStateMachine):
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        merchant: Merchant,
        card_gateway: CardGatewaySandbox,
        key: str,
        seen: set[str],
    ) -> None:
        super().__init__()
        self.loop, self.merchant, self.card_gateway, self.key = loop, merchant, card_gateway, key
        self.seen = seen
        self.wanted: int | None = None
        self.order = self.available = self.held = self.count = 0
        self.paying = self.paid = False
        self.session_id, self.card = "", {"card_id": ""}

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(available=AMOUNTS, order=AMOUNTS, preset=st.none() | AMOUNTS)
    def begin(self, available: int, order: int, preset: int | None) -> None:
        self.available, self.order, self.wanted = available, order, preset
        name = f"card-{uuid.uuid4()}"
        self.card = self.do(self.merchant.card(available, card_id=name))
        one = {"card_id": name, **({} if preset is None else {"amount": preset})}
        customer = {"gift_cards": {"dintero.wallets": [one]}}
        self.session_id = self.do(self.merchant.ready(order, customer=customer))

    @property
    def share(self) -> int:
        limits = [self.available, self.order]
        return min([*limits, self.wanted] if self.wanted is not None else limits)

    @precondition(lambda self: not self.paying and not self.paid)
    @rule(wanted=st.none() | AMOUNTS)
    def choose(self, wanted: int | None) -> None:
        share = min(self.available, self.order, wanted or self.order)
        work = payer.set_gift_card_amount(self.merchant.ctx, self.session_id, wanted)
        if wanted not in (None, self.wanted) and 0 < self.order - share < MINIMUM:
            with pytest.raises(GiftCardAmountRefused):
                self.do(work)
            return
        self.do(work)
        self.wanted = wanted
        self.seen.add("all" if wanted is None else "chosen")

    @precondition(lambda self: not self.paying and not self.paid)
    @rule(amount=AMOUNTS)
    def change_order(self, amount: int) -> None:
        item = {"id": "1", "line_id": "1", "amount": amount, "quantity": 1, "description": "x"}
        answer = self.do(
            self.merchant.api.put(
                f"/v1/sessions/{self.session_id}?update_without_lock=true",
                json={"order": {"amount": amount, "items": [item]}},
            )
        )
        assert answer.status_code == 200, answer.text
        if amount != self.order:
            self.seen.add("order grew" if amount > self.order else "order shrank")
        self.order = amount

    @rule(amount=AMOUNTS, fund=st.booleans())
    def move_elsewhere(self, amount: int, fund: bool) -> None:
        if not fund:
            amount = min(amount, self.available)
        if amount == 0:
            return
        self.count += 1
        body = {
            "card_id": self.card["card_id"],
            "ref_id": f"{self.count}",
            "amount": amount,
            "currency": "NOK",
            "type": "fund" if fund else "drawdown",
        }
        self.do(self.merchant.post(f"/v1/accounts/{ACCOUNT}/wallets/transactions", body))
        self.available += amount if fund else -amount
        self.seen.add("funded" if fund else "spent elsewhere")

    @precondition(lambda self: not self.paying and not self.paid)
    @rule(stale=st.booleans(), by=AMOUNTS)
    def press_pay(self, stale: bool, by: int) -> None:
        share, to_pay = self.share, self.order - self.share
        expected = to_pay + by if stale else to_pay
        option = OPTION if to_pay else None
        if not stale and 0 < to_pay < MINIMUM:
            self.too_little(to_pay)
            return
        work = pay(self.merchant.ctx, self.session_id, Press(option, expected, "nb"))
        if stale:
            try:
                self.do(work)
            except SplitChanged:
                self.seen.add("split changed")
                return
            raise AssertionError("paid what was not shown")
        result = self.do(work)
        self.available -= share
        self.held = share
        if to_pay == 0:
            assert result.state == "paid"
            self.paid = True
            self.seen.add("covered")
            return
        assert result.state == "redirect"
        self.paying = True
        assert self._asked_for() == to_pay
        if share:
            self.seen.add("both pay")

    def too_little(self, to_pay: int) -> None:
        """Assert that nothing is held, and that a payer who follows the advice can pay."""
        with pytest.raises(RemainderTooSmall):
            self.do(pay(self.merchant.ctx, self.session_id, Press(OPTION, to_pay, "nb")))
        self.seen.add("too little")
        view = self.do(self.merchant.view(self.session_id))
        assert not view.payable
        usable = view.remainder.usable
        if usable is None:
            assert self.order <= MINIMUM
            return
        self.do(payer.set_gift_card_amount(self.merchant.ctx, self.session_id, usable))
        self.wanted = usable
        assert self.do(self.merchant.view(self.session_id)).payable
        self.seen.add("advice taken")

    def _asked_for(self) -> int:
        answer = self.card_gateway.http.get(
            f"{self.card_gateway.base_url}/v1/checkout/sessions?limit=1",
            headers={"authorization": f"Bearer {self.key}"},
        )
        return int(answer.json()["data"][0]["amount_total"])

    @precondition(lambda self: self.paying)
    @rule()
    def give_up(self) -> None:
        with pytest.raises(PaymentInProgress):
            self.do(payer.set_gift_card_amount(self.merchant.ctx, self.session_id, 1))
        self.do(reopen(self.merchant.ctx, self.session_id))
        self.paying = False
        self.available += self.held
        self.held = 0
        self.seen.add("given up")

    @invariant()
    def what_is_shown_is_what_is_held(self) -> None:
        if not self.session_id:
            return
        view = self.do(self.merchant.view(self.session_id))
        card = view.gift_card
        assert card is not None
        share = self.held if self.paying or self.paid else self.share
        assert (card.amount, view.to_pay, view.order_amount) == (
            share,
            self.order - share,
            self.order,
        )
        assert self.wanted is None or card.amount <= self.wanted
        if view.state is PageState.OPEN:
            assert (card.left, card.maximum) == (
                self.available - share,
                min(self.available, self.order),
            )
        balance = self.do(self.merchant.balance(self.card["card_id"]))
        assert balance[:2] == (self.available, self.held)
        assert self.do(self._held()) == ((self.held,) if self.held else ())

    async def _held(self) -> tuple[int, ...]:
        async with self.merchant.ctx.db.reading() as db:
            query = (
                select(Hold.amount)
                .join(Transaction, col(Transaction.hold_id) == col(Hold.id))
                .where(Transaction.session_id == self.session_id, Hold.state == "pending")
            )
            return tuple(await db.exec(query))
