"""The rules say whether an option takes what a gift card leaves, and what the payer can do
otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.gift_card import MIN_AMOUNT, share
from backend.rules.money import Money
from backend.rules.remainder import MIN_SHARE, NOTHING_LEFT, Remainder, Sums, Verdict, judge

CARD, KLARNA, VIPPS = "dintero_psp.creditcard", "klarna.klarna", "payex.vipps"


def test_the_smallest_share_is_the_gift_cards() -> None:
    assert MIN_SHARE == MIN_AMOUNT


@pytest.mark.parametrize(("order", "part", "maximum", "minimums", "verdict", "usable"), [
    # A card of 100.00 for an order of 100.01.
    (10001, 10000, 10000, {CARD: 300}, Verdict.USE_LESS, 9701),
    (10001, 10000, 10000, {CARD: 300, KLARNA: 1}, Verdict.PAYABLE, None),
    (10300, 10000, 10000, {CARD: 300}, Verdict.PAYABLE, None),
    (10299, 10000, 10000, {CARD: 300}, Verdict.USE_LESS, 9999),
    # The card covers everything. Nothing is left, or too little only by choice.
    (10000, 10000, 10000, {CARD: 300}, Verdict.PAYABLE, None),
    (10000, 9999, 10000, {CARD: 300}, Verdict.USE_LESS, 9700),
    (200, 100, 200, {CARD: 300}, Verdict.USE_ALL, 200),
    (300, 100, 300, {CARD: 300}, Verdict.USE_ALL, 300),
    # It cannot be reduced.
    (200, 100, 100, {CARD: 300}, Verdict.ORDER_TOO_SMALL, None),
    (300, 100, 100, {CARD: 300}, Verdict.REMOVE_CARD, None),
    (301, 100, 100, {CARD: 300}, Verdict.USE_LESS, 1),
    # No card.
    (200, 0, 0, {CARD: 300}, Verdict.ORDER_TOO_SMALL, None),
    (300, 0, 0, {CARD: 300}, Verdict.PAYABLE, None),
    (0, 0, 0, {CARD: 300}, Verdict.PAYABLE, None),
    # No option at all.
    (200, 100, 100, {}, Verdict.NO_OPTION, None),
    (200, 100, 200, {}, Verdict.NO_OPTION, 200),
    (200, 200, 200, {}, Verdict.PAYABLE, None),
])  # fmt: skip
def test_verdicts(
    order: int,
    part: int,
    maximum: int,
    minimums: dict[str, int],
    verdict: Verdict,
    usable: int | None,
) -> None:
    judged = judge(Sums(order, part, maximum), minimums)
    assert (judged.verdict, judged.usable, judged.to_pay) == (verdict, usable, order - part)


def test_some_options_take_it_and_others_do_not() -> None:
    judged = judge(Sums(250, 100, 100), {CARD: 300, VIPPS: 100, KLARNA: 1})
    assert judged.is_payable
    assert (judged.able, judged.unable, judged.minimum) == ((VIPPS, KLARNA), (CARD,), 1)


@pytest.mark.parametrize("sums", [Sums(100, 101, 101), Sums(100, 50, 40), Sums(100, -1, 5)])
def test_sums_that_do_not_fit(sums: Sums) -> None:
    with pytest.raises(ValueError, match="share"):
        judge(sums, {CARD: 1})


AMOUNT = st.integers(min_value=1, max_value=2000)
MINIMUMS = st.dictionaries(
    st.sampled_from([CARD, KLARNA, VIPPS]), st.integers(min_value=1, max_value=1500), max_size=3
)


@given(order=AMOUNT, balance=st.integers(0, 2000), wanted=st.none() | AMOUNT, minimums=MINIMUMS)
def test_no_dead_end_is_left_untold(
    order: int, balance: int, wanted: int | None, minimums: dict[str, int]
) -> None:
    """A payer who follows the advice can pay. If nothing helps, the page says so."""
    maximum = min(balance, order)
    part = share(Money(maximum, "NOK"), Money(order, "NOK"), wanted).amount if maximum else 0
    judged = judge(Sums(order, part, maximum), minimums)
    to_pay = order - part
    assert judged.to_pay == to_pay
    takes = [option for option, minimum in minimums.items() if to_pay >= minimum]
    assert judged.is_payable == (to_pay == 0 or bool(takes))
    if judged.is_payable and to_pay:
        assert list(judged.able) == takes
        assert judged.usable is None

    def payable(chosen: int) -> bool:
        return judge(Sums(order, chosen, maximum), minimums).is_payable

    ways = [chosen for chosen in range(maximum + 1) if payable(chosen)]
    if judged.usable is not None:
        assert judged.usable in ways
        assert judged.usable != part
    if judged.verdict is Verdict.USE_LESS:
        assert judged.usable is not None
        # The reduction is as small as possible, so exactly the minimum is left.
        assert order - judged.usable == judged.minimum
        assert judged.usable == max(chosen for chosen in ways if chosen < part)
    if judged.verdict is Verdict.REMOVE_CARD:
        assert ways == [0]
    if judged.verdict is Verdict.ORDER_TOO_SMALL:
        assert ways == []
    if judged.verdict is Verdict.NO_OPTION and judged.usable is None:
        assert ways == []


def test_without_a_card_there_is_no_share() -> None:
    assert Sums(100) == Sums(100, 0, 0)
    assert Remainder(0, Verdict.PAYABLE, (), (), None, None, False) == NOTHING_LEFT


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_where_there_are_options_is_an_amount_too_small(verdict: Verdict) -> None:
    judged = Remainder(100, verdict)
    assert judged.is_payable is (verdict is Verdict.PAYABLE)
    assert judged.too_small is (verdict not in (Verdict.PAYABLE, Verdict.NO_OPTION))


@pytest.mark.parametrize(
    ("sums", "minimums", "covers"),
    [
        (Sums(0, 0, 0), {CARD: 1}, False),
        (Sums(0, 0, 0), {}, False),
        (Sums(1, 1, 1), {CARD: 1}, True),
        (Sums(1, 1, 1), {}, True),
        (Sums(2, 1, 2), {}, True),
        (Sums(2, 1, 1), {}, False),
        (Sums(2, 1, 2), {CARD: 1}, True),
        (Sums(2, 1, 2), {CARD: 2}, True),
        (Sums(2, 1, 1), {CARD: 1}, False),
        (Sums(2, 1, 1), {CARD: 2}, False),
    ],
)
def test_whether_the_card_covers_all(sums: Sums, minimums: dict[str, int], covers: bool) -> None:
    assert judge(sums, minimums).covers is covers
