"""The rules say what a session allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.rules.order import Order
from backend.rules.remainder import NOTHING_LEFT, Sums, judge
from backend.rules.session import (
    GiftCardRuleBroken,
    GiftCardUse,
    Obstacle,
    PayFacts,
    SessionState,
    TransitionRefused,
    advance,
    gift_card_offered,
    gift_card_use,
    is_expired,
    obstacle,
    sum_rule_broken,
    with_correction,
)

S = SessionState
ALLOWED = {
    (S.OPEN, S.PAYING), (S.OPEN, S.PAID), (S.OPEN, S.CANCELLED), (S.PAYING, S.OPEN),
    (S.PAYING, S.ON_HOLD), (S.PAYING, S.PAID), (S.ON_HOLD, S.OPEN), (S.ON_HOLD, S.PAID),
    (S.PAYING, S.CANCELLED), (S.ON_HOLD, S.CANCELLED), (S.PAID, S.CANCELLED),
}  # fmt: skip


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("to", list(S))
def test_only_these_steps_exist(state: SessionState, to: SessionState) -> None:
    if (state, to) in ALLOWED:
        assert advance(state, to) is to
    else:
        with pytest.raises(TransitionRefused):
            advance(state, to)


@pytest.mark.parametrize(
    ("express", "splits", "requested", "by_profile", "outcome"),
    [
        (True, False, True, False, "offered"),
        (True, False, None, True, "offered"),
        (True, False, True, True, "offered"),
        (True, False, None, False, "not_offered"),
        (True, False, False, True, "not_offered"),
        (True, False, False, False, "not_offered"),
        # Without Express a request for gift cards is an error, and the profile's setting is
        # ignored.
        (False, False, True, False, "broken"),
        (False, False, True, True, "broken"),
        (False, False, None, True, "not_offered"),
        (False, False, False, True, "not_offered"),
        # The same holds with splits.
        (True, True, True, False, "broken"),
        (True, True, None, True, "not_offered"),
        (True, True, False, True, "not_offered"),
        (True, True, None, False, "not_offered"),
        (False, True, True, True, "broken"),
    ],
)
def test_gift_card_use(
    express: bool, splits: bool, requested: bool | None, by_profile: bool, outcome: str
) -> None:
    def use() -> GiftCardUse:
        return gift_card_use(
            express=express, splits=splits, requested=requested, by_profile=by_profile
        )

    if outcome == "broken":
        with pytest.raises(GiftCardRuleBroken) as broken:
            use()
        assert broken.value.field == "configuration.dintero.wallets"
    else:
        assert use() == outcome


@pytest.mark.parametrize(
    ("order", "split"),
    [
        ({}, False),
        ({"items": None, "shipping_option": None}, False),
        ({"items": [{"amount": 1}]}, False),
        ({"items": [{"splits": []}]}, False),
        ({"items": [{"amount": 1}, {"splits": [{"amount": 1}]}]}, True),
        ({"items": [{"fee_split": {"type": "proportional"}}]}, True),
        ({"shipping_option": {"splits": [{"amount": 1}]}}, True),
        ({"shipping_option": {"amount": 1}}, False),
    ],
)
def test_has_splits(order: dict[str, Any], split: bool) -> None:
    assert Order.read(order).is_divided is split


@pytest.mark.parametrize(
    ("amount", "partial", "fits"),
    [(300, False, True), (299, False, False), (301, False, False), (299, True, True),
     (301, True, False)],
)  # fmt: skip
def test_sum_rule(amount: int, partial: bool, fits: bool) -> None:
    order = Order.read(
        {
            "amount": amount,
            "items": [{"amount": 250}, {"amount": -50}],
            "shipping_option": {"amount": 100},
            "partial_payment": partial,
        }
    )
    assert (sum_rule_broken(order) is None) is fits


def test_sums_and_expiry() -> None:
    items = [{"amount": 500}, {}, {"amount": None}, {"amount": -100}]
    assert Order.read({"items": items}).items_amount == 400
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert is_expired(now, now) is True
    assert is_expired(now + timedelta(microseconds=1), now) is False


CARD = judge(Sums(40000), {"dintero_psp.creditcard": 300})
READY = PayFacts(
    is_open=True,
    details_done=True,
    shipping_missing=False,
    amount=40000,
    zero_allowed=False,
    remainder=CARD,
)
TOO_SMALL = judge(Sums(40000, 39900, 39900), {"dintero_psp.creditcard": 300})


@pytest.mark.parametrize(
    ("change", "hinders"),
    [
        ({}, None),
        ({"is_open": False}, Obstacle.CLOSED),
        ({"details_done": False}, Obstacle.DETAILS),
        ({"shipping_missing": True}, Obstacle.DETAILS),
        ({"remainder": TOO_SMALL}, Obstacle.REMAINDER),
        ({"remainder": judge(Sums(40000), {})}, Obstacle.REMAINDER),
        ({"remainder": NOTHING_LEFT}, None),
        ({"amount": 0, "remainder": NOTHING_LEFT}, Obstacle.NOTHING_TO_PAY),
        ({"amount": 0, "remainder": NOTHING_LEFT, "zero_allowed": True}, None),
        ({"amount": 1}, None),
        # The first reason is reported.
        ({"is_open": False, "details_done": False}, Obstacle.CLOSED),
        ({"details_done": False, "amount": 0}, Obstacle.DETAILS),
    ],
)
def test_what_hinders_a_payment(change: dict[str, Any], hinders: Obstacle | None) -> None:
    assert obstacle(replace(READY, **change)) is hinders


@pytest.mark.parametrize(
    ("allowed", "amount", "offered"),
    [(True, 1, True), (True, 0, False), (False, 1, False), (False, 0, False)],
)
def test_a_gift_card_is_offered_for_an_order_that_costs_something(
    allowed: bool, amount: int, offered: bool
) -> None:
    assert gift_card_offered(allowed=allowed, amount=amount) is offered


def _correction(amount: int) -> dict[str, Any]:
    return {
        "id": "correction",
        "line_id": "correction",
        "type": "correction",
        "quantity": 1,
        "description": "Correction",
        "amount": amount,
    }


@pytest.mark.parametrize(
    ("amounts", "amount", "correction"),
    [((100, 200), 300, None), ((100, 200), 250, -50), ((100,), 101, 1), ((), 500, None)],
)
def test_a_correction_makes_up_the_difference(
    amounts: tuple[int, ...], amount: int, correction: int | None
) -> None:
    items = [{"line_id": str(i), "amount": one} for i, one in enumerate(amounts)]
    more = [] if correction is None else [_correction(correction)]
    assert with_correction(items, amount) == [*items, *more]
    # An earlier correction is replaced and not added to.
    assert with_correction([*items, _correction(7)], amount) == [*items, *more]


@pytest.mark.parametrize(
    ("express", "said"),
    [
        (False, "gift cards are only supported in Express sessions"),
        (True, "gift cards are not supported with splits"),
    ],
)
def test_a_refused_request_is_told_why(express: bool, said: str) -> None:
    with pytest.raises(GiftCardRuleBroken) as broken:
        gift_card_use(express=express, splits=True, requested=True, by_profile=True)
    assert broken.value.field == "configuration.dintero.wallets"
    assert broken.value.description == str(broken.value) == said
