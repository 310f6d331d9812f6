"""What is left of an order's lines."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from backend.rules.item_totals import (
    ItemAmount,
    ItemTotals,
    add_up,
    capture_advice,
    refund_advice,
    update_advice,
    vat_within,
)
from backend.rules.items import Advice

LINES = {"1": 30000, "2": 12000, "discount": -2000}


def refused(advise: Callable[..., list[Advice]], *args: object) -> str:
    """The field for which the strict reading refuses."""
    return advise(*args)[0].field


def vat_of(rates: dict[str, object], items: list[ItemAmount]) -> int | None:
    return vat_within((item.amount, rates.get(item.line_id or "")) for item in items)


def test_moved_folds_items_and_what_named_none() -> None:
    folded = add_up(
        [
            (500, [ItemAmount("1", 300), ItemAmount("2", 200)]),
            (100, []),
            (50, [ItemAmount("1", 50)]),
        ]
    )
    assert folded == ItemTotals({"1": 350, "2": 200}, 100)


def test_a_capture_takes_no_more_of_a_line_than_is_left() -> None:
    before = ItemTotals({"1": 10000})
    assert (
        capture_advice(LINES, before, [ItemAmount("1", 20000), ItemAmount("2", 12000)], 32000) == []
    )
    assert refused(capture_advice, LINES, before, [ItemAmount("1", 20001)], 20001) == (
        "items.0.amount"
    )
    twice = [ItemAmount("2", 6000), ItemAmount("2", 6001)]
    assert refused(capture_advice, LINES, before, twice, 12001) == "items.1.amount"


def test_a_line_that_is_not_there() -> None:
    items = [ItemAmount("1", 1), ItemAmount("9", 1)]
    assert refused(capture_advice, LINES, ItemTotals(), items, 2) == "items.1.line_id"


def test_items_sum_to_the_amount() -> None:
    assert refused(capture_advice, LINES, ItemTotals(), [ItemAmount("1", 100)], 101) == "items"


def test_a_discount_is_a_line_below_zero() -> None:
    whole = [ItemAmount("1", 30000), ItemAmount("2", 12000), ItemAmount("discount", -2000)]
    assert capture_advice(LINES, ItemTotals(), whole, 40000) == []
    for amount in (-2001, 1):
        items = [ItemAmount("1", 5000), ItemAmount("discount", amount)]
        field = refused(capture_advice, LINES, ItemTotals(), items, 5000 + amount)
        assert field == "items.1.amount"


def test_a_refund_takes_what_was_captured_of_the_line() -> None:
    captured, before = ItemTotals({"1": 10000}), ItemTotals({"1": 4000})
    assert refund_advice(LINES, captured, before, [ItemAmount("1", 6000)], 6000) == []
    assert refused(refund_advice, LINES, captured, before, [ItemAmount("1", 6001)], 6001)
    assert refused(refund_advice, LINES, captured, before, [ItemAmount("2", 1)], 1)
    # A capture that named no line may have been of this one.
    unnamed = ItemTotals({"1": 10000}, unnamed=5000)
    assert refund_advice(LINES, unnamed, before, [ItemAmount("2", 12000)], 12000) == []
    assert refused(refund_advice, LINES, unnamed, before, [ItemAmount("1", 26001)], 26001)


@given(
    st.dictionaries(st.text(max_size=3), st.integers(-(10**6), 10**6), max_size=4),
    st.lists(st.tuples(st.text(max_size=3), st.integers(-(10**6), 10**6)), max_size=6),
)
def test_captures_that_are_allowed_stay_within_every_line(
    lines: dict[str, int], asked: list[tuple[str, int]]
) -> None:
    taken: dict[str, int] = {}
    for name, amount in asked:
        if capture_advice(lines, ItemTotals(taken), [ItemAmount(name, amount)], amount):
            continue
        taken[name] = taken.get(name, 0) + amount
    for name, amount in taken.items():
        assert min(0, lines[name]) <= amount <= max(0, lines[name])


def test_vat_within_items() -> None:
    rates = {"1": 25, "2": 15, "none": 0, "broken": "x"}
    assert vat_of(rates, [ItemAmount("1", 12500)]) == 2500
    assert vat_of(rates, [ItemAmount("1", 12500), ItemAmount("2", 11500)]) == 4000
    assert vat_of(rates, [ItemAmount("none", 100)]) == 0
    assert vat_of(rates, [ItemAmount("broken", 100)]) is None
    assert vat_of(rates, [ItemAmount("unknown", 100)]) is None
    # 100 at 25 % hold 20 of VAT, 102 hold 20.4, 103 hold 20.6.
    assert [vat_of(rates, [ItemAmount("1", a)]) for a in (100, 102, 103)] == [20, 20, 21]


def test_an_updates_lines_keep_what_was_captured() -> None:
    before = ItemTotals({"1": 10000, "discount": -500})
    kept = [ItemAmount("1", 10000), ItemAmount("discount", -500), ItemAmount("3", 500)]
    assert update_advice(before, kept, 10000) == []
    assert refused(update_advice, before, kept, 10001) == "items"
    assert refused(update_advice, before, kept[1:], 0) == "items"
    less = [ItemAmount("1", 9999), *kept[1:]]
    assert refused(update_advice, before, less, 9999) == "items.0.amount"
    assert refused(update_advice, before, [*kept, kept[0]], 20000) == "items.3.line_id"
