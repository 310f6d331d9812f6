"""The rules compute what is left of an order's lines."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.item_totals import (
    ItemAmount,
    ItemTotals,
    add_up,
    capture_advice,
    left_to_capture,
    left_to_refund,
    rate_of,
    refund_advice,
    update_advice,
    vat_within,
)
from backend.rules.items import Advice

LINES = {"1": 30000, "2": 12000, "discount": -2000}


def refused(advise: Callable[..., list[Advice]], *args: object) -> str:
    """Return the field for which the strict reading refuses."""
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


def test_what_named_no_line_adds_up() -> None:
    events = [
        (100, []),
        (40, [ItemAmount(None, 40)]),
        (30, [ItemAmount("1", 20), ItemAmount("1", 5)]),
        # Items of more than the amount leave nothing of it, and take nothing from the others.
        (50, [ItemAmount("1", 60)]),
    ]
    assert add_up(events) == ItemTotals({"1": 85}, 145)
    assert add_up([]) == ItemTotals({}, 0)


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
    # A capture that names no line may have captured this one.
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


@pytest.mark.parametrize(("amount", "vat"), [(1, 1), (3, 2), (5, 3), (-1, -1), (-5, -3)])
def test_half_a_minor_unit_of_vat_is_rounded_away_from_zero(amount: int, vat: int) -> None:
    """At 100 % half of an amount is VAT."""
    assert vat_within([(amount, 100)]) == vat


def test_vat_is_rounded_once_and_not_item_by_item() -> None:
    # 1.2 + 1.2 + 1.2 = 3.6
    assert vat_within([(6, 25)] * 3) == 4
    assert vat_within([]) == 0


@pytest.mark.parametrize(
    ("value", "rate"),
    [(0, "0"), (25, "25"), (25.5, "25.5"), ("15", "15"), ("12.5", "12.5"), (100, "100"),
     ("1e2", "100"), (-0.0, "0")],
)  # fmt: skip
def test_a_rate_is_a_percentage(value: object, rate: str) -> None:
    assert rate_of(value) == Decimal(rate)


@pytest.mark.parametrize(
    "value",
    [-1, -0.01, 100.01, 101, "-1", "101", "1e99", True, False, None, [], {}, "", "x", "25 %",
     "25,5", "NaN", "sNaN", "Infinity", "-Infinity", float("nan"), float("inf"), Decimal(25)],
)  # fmt: skip
def test_what_is_no_rate(value: object) -> None:
    assert rate_of(value) is None
    assert vat_within([(100, 25), (100, value)]) is None


def test_what_is_left_of_a_line() -> None:
    assert left_to_capture(300, 120) == 180
    assert left_to_refund(300, 200, 50, unnamed=False) == 150
    assert left_to_refund(300, 200, 50, unnamed=True) == 250


def test_an_updates_lines_keep_what_was_captured() -> None:
    before = ItemTotals({"1": 10000, "discount": -500})
    kept = [ItemAmount("1", 10000), ItemAmount("discount", -500), ItemAmount("3", 500)]
    assert update_advice(before, kept, 10000) == []
    assert refused(update_advice, before, kept, 10001) == "items"
    assert refused(update_advice, before, kept[1:], 0) == "items"
    less = [ItemAmount("1", 9999), *kept[1:]]
    assert refused(update_advice, before, less, 9999) == "items.0.amount"
    assert refused(update_advice, before, [*kept, kept[0]], 20000) == "items.3.line_id"


def test_each_advice_has_a_code_that_stays() -> None:
    """The codes and fields are in the API's answers."""
    unknown = capture_advice(LINES, ItemTotals(), [ItemAmount("9", 5)], 5)
    assert unknown == [Advice("unknown_line", "items.0.line_id", "the transaction has no line '9'")]
    more = capture_advice(LINES, ItemTotals({"2": 2000}), [ItemAmount("2", 10001)], 10001)
    assert more == [
        Advice(
            "more_than_left", "items.0.amount", "10000 of line '2' is left to capture, not 10001"
        )
    ]
    totals = ItemTotals({"2": 2000})
    refund = refund_advice(LINES, totals, ItemTotals(), [ItemAmount("2", 2001)], 2001)
    assert refund == [
        Advice("more_than_left", "items.0.amount", "2000 of line '2' is left to refund, not 2001")
    ]
    wrong_sum = Advice("items_sum", "items", "the items sum to 5, the amount is 6")
    item = [ItemAmount("2", 5)]
    assert capture_advice(LINES, ItemTotals(), item, 6) == [wrong_sum]
    assert refund_advice(LINES, totals, ItemTotals(), item, 6) == [wrong_sum]
    assert update_advice(ItemTotals(), item, 6) == [wrong_sum]


def test_each_advice_about_an_update_has_a_code_too() -> None:
    before = ItemTotals({"a": 100, "b": -50, "c": 0, "d": 7, "e": 7})
    items = [
        ItemAmount(None, 1),
        ItemAmount("a", 99),
        ItemAmount("b", -49),
        ItemAmount("a", 100),
        ItemAmount("c", -3),
    ]
    found = update_advice(before, items, 147)
    assert [(one.code, one.field) for one in found] == [
        ("less_than_captured", "items.1.amount"),
        ("less_than_captured", "items.2.amount"),
        ("line_twice", "items.3.line_id"),
        # One error is enough. More of them add nothing.
        ("line_left_out", "items"),
        ("items_sum", "items"),
    ]
    assert [one.message for one in found[:4]] == [
        "100 of line 'a' is captured, it cannot be 99",
        "-50 of line 'b' is captured, it cannot be -49",
        "duplicate line_id 'a'",
        "line 'd' is captured, it cannot be left out",
    ]


@pytest.mark.parametrize(
    ("captured", "amount", "fits"),
    [(0, 0, True), (0, 5, True), (0, -5, True), (1, 1, True), (1, 0, False), (2, 1, False),
     (-1, -1, True), (-1, 0, False), (-2, -1, False), (1, -5, False), (-1, 5, False)],
)  # fmt: skip
def test_an_updated_line_holds_what_was_captured(captured: int, amount: int, fits: bool) -> None:
    found = update_advice(ItemTotals({"a": captured}), [ItemAmount("a", amount)], amount)
    assert ([one.code for one in found] == []) is fits


@pytest.mark.parametrize(
    ("line", "amount", "fits"),
    [(5, 5, True), (5, 0, True), (5, 6, False), (5, -1, False), (0, 0, True), (0, 1, False),
     (0, -1, False), (-5, -5, True), (-5, 0, True), (-5, 1, False), (-5, -6, False)],
)  # fmt: skip
def test_a_line_gives_what_it_has(line: int, amount: int, fits: bool) -> None:
    items = [ItemAmount(None, 0), ItemAmount("a", amount)]
    assert (capture_advice({"a": line}, ItemTotals(), items, amount) == []) is fits


def test_what_names_no_line_is_taken_from_none() -> None:
    items = [ItemAmount(None, 10**9), ItemAmount("2", 5)]
    assert capture_advice(LINES, ItemTotals(), items, 10**9 + 5) == []
    assert refund_advice(LINES, ItemTotals(LINES), ItemTotals(), items, 10**9 + 5) == []
    assert update_advice(ItemTotals(), [ItemAmount(None, 5), ItemAmount(None, 6)], 11) == []


def test_an_unknown_line_does_not_hide_the_next() -> None:
    items = [ItemAmount("9", 1), ItemAmount("2", 12001)]
    found = capture_advice(LINES, ItemTotals(), items, 12002)
    assert [(one.code, one.field) for one in found] == [
        ("unknown_line", "items.0.line_id"),
        ("more_than_left", "items.1.amount"),
    ]


def test_a_line_that_nothing_was_taken_of() -> None:
    """Captures and refunds of other lines do not affect it."""
    captured, refunded = ItemTotals({"1": 10}), ItemTotals({"1": 10})
    found = refund_advice(LINES, captured, refunded, [ItemAmount("2", 1)], 1)
    assert [one.message for one in found] == ["0 of line '2' is left to refund, not 1"]
    again = refund_advice(LINES, captured, ItemTotals(), [ItemAmount("1", 10)], 10)
    assert again == []
    one_unnamed = ItemTotals({}, unnamed=1)
    assert refund_advice(LINES, one_unnamed, ItemTotals(), [ItemAmount("2", 12000)], 12000) == []


def test_an_update_may_name_a_line_of_nothing_or_leave_it_out() -> None:
    assert update_advice(ItemTotals(), [ItemAmount("a", 0)], 0) == []
    assert update_advice(ItemTotals({"a": 0}), [], 0) == []
