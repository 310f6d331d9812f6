"""What a session allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.rules.session import (
    Amounts,
    GiftCardRuleBroken,
    GiftCardUse,
    SessionState,
    TransitionRefused,
    advance,
    gift_card_use,
    has_splits,
    is_expired,
    items_sum,
    sum_rule_broken,
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
        # Not Express: asked for is an error, the profile's wish is passed over.
        (False, False, True, False, "broken"),
        (False, False, True, True, "broken"),
        (False, False, None, True, "not_offered"),
        (False, False, False, True, "not_offered"),
        # Splits: the same.
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
    assert has_splits(order) is split


@pytest.mark.parametrize(
    ("amounts", "partial", "fits"),
    [
        (Amounts(300, 200, 100), False, True),
        (Amounts(299, 200, 100), False, False),
        (Amounts(301, 200, 100), False, False),
        (Amounts(299, 200, 100), True, True),
        (Amounts(301, 200, 100), True, False),
    ],
)
def test_sum_rule(amounts: Amounts, partial: bool, fits: bool) -> None:
    assert (sum_rule_broken(amounts, partial_payment=partial) is None) is fits


def test_sums_and_expiry() -> None:
    assert items_sum([{"amount": 500}, {}, {"amount": None}, {"amount": -100}]) == 400
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert is_expired(now, now) is True
    assert is_expired(now + timedelta(microseconds=1), now) is False
