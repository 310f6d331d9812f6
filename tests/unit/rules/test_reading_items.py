"""Items of every form are read, and none of them is an error."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.items import Advice, Items, read_items
from backend.rules.numbers import MAXIMUM

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["1e5", "-0.0", " 12 ", "１２", "1_000", "Infinity", "NaN", "0x10", "1e999"])
)
_NAMES = st.sampled_from(["line_id", "id", "amount", "vat", "vat_amount", "quantity", "other"])
_ITEMS = st.dictionaries(_NAMES, _SCALARS | st.lists(_SCALARS, max_size=2), max_size=6)
_ANY = (
    _SCALARS
    | st.lists(_ITEMS | _SCALARS, max_size=5)
    | st.dictionaries(st.text(max_size=3), _ITEMS | _SCALARS, max_size=5)
    | _ITEMS
)


@given(_ANY)
def test_what_is_read_can_be_reckoned_with(value: Any) -> None:
    read = read_items(value)
    for row in read.rows:
        assert None not in row.values()
        assert isinstance(row.get("line_id", "x"), str) and row.get("line_id", "x")
        for name in ("amount", "vat_amount"):
            assert type(row.get(name, 0)) is int and abs(row.get(name, 0)) <= MAXIMUM
        for name in ("vat", "quantity"):
            number = row.get(name, 0)
            assert type(number) in (int, float) and abs(number) <= MAXIMUM
    assert all(one.code and one.message and one.field.startswith("items") for one in read.advice)


@given(st.lists(_ITEMS | _SCALARS, max_size=5))
def test_each_item_stands_where_it_stood(value: list[Any]) -> None:
    read = read_items(value)
    assert len(read.rows) == len(value)
    for sent, row in zip(value, read.rows, strict=True):
        if isinstance(sent, dict) and "other" in sent and sent["other"] is not None:
            assert row["other"] == sent["other"] or row["other"] != row["other"]


@pytest.mark.parametrize(
    ("amount", "kept"),
    [(0.5, 1), (-0.5, -1), (29989.999999999996, 29990), ("1e2", 100), (1e12, 10**12), (True, None),
     (10**12 + 1, None), ("12,50", None), ("١٢", None)],
)  # fmt: skip
def test_an_amount(amount: Any, kept: int | None) -> None:
    (row,) = read_items([{"line_id": "1", "amount": amount}]).rows
    assert row.get("amount") == kept


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_nothing_is_no_items(value: Any) -> None:
    assert read_items(value) == Items()


LINE = {"line_id": "1", "amount": 5}


def advice(value: Any) -> list[tuple[str, str]]:
    return [(one.code, one.field) for one in read_items(value).advice]


@pytest.mark.parametrize("value", ["x", 0, 1, True, False, 1.5, (LINE,)])
def test_what_is_no_list(value: Any) -> None:
    unreadable = Advice("items_unreadable", "items", "items must be a list")
    assert read_items(value) == Items((), (unreadable,))


@pytest.mark.parametrize("item", [
    {"line_id": "1", "amount": 5}, {"line_id": "1"}, {"id": "a"}, {"amount": 5},
    {"amount": 5, "other": {"amount": 7}},
])  # fmt: skip
def test_one_item_without_a_list(item: dict[str, Any]) -> None:
    assert read_items(item) == read_items([item])
    assert len(read_items(item).rows) == 1


def test_a_list_that_is_written_as_an_object() -> None:
    second = {"line_id": "2", "amount": 7}
    for value in ({"0": LINE, "1": second}, {"b": LINE, "a": second}, [LINE, second]):
        assert read_items(value) == Items((LINE, second), ())
    assert advice({"0": LINE, "x": {"line_id": "2", "amount": "?"}}) == [
        ("unreadable", "items.1.amount")
    ]


@pytest.mark.parametrize(
    ("value", "row"),
    [(None, {}), ("Ullpledd", {"description": "Ullpledd"}), (7, {"description": "7"}),
     (["a"], {"description": "['a']"}), ("x" * 256, {"description": "x" * 255})],
)  # fmt: skip
def test_an_item_that_is_no_object_is_a_description(value: Any, row: dict[str, Any]) -> None:
    unreadable = Advice("item_unreadable", "items.1", "an item must be an object")
    assert read_items([LINE, value]) == Items((LINE, row), (unreadable,))


@pytest.mark.parametrize(
    ("line_id", "kept"),
    [("a", "a"), (7, "7"), (0, "0"), (7.0, "7"), (7.5, "7.5"), (-1, "-1"), (1234567, "1234567")],
)
def test_a_line_id_is_kept_as_text(line_id: Any, kept: str) -> None:
    assert read_items([{"line_id": line_id, "amount": 5}]) == (
        Items(({"amount": 5, "line_id": kept},), ())
    )


@pytest.mark.parametrize("line_id", ["", None, True, False, [], {}, ["a"]])
def test_what_is_no_line_id(line_id: Any) -> None:
    read = read_items([LINE, {"line_id": line_id, "amount": 5}])
    assert read.rows == (LINE, {"amount": 5})
    assert read.advice == (Advice("line_id_missing", "items.1.line_id", "the item names no line"),)


@pytest.mark.parametrize("name", ["amount", "vat_amount", "gross_amount"])
@pytest.mark.parametrize(
    ("value", "kept", "code"),
    [
        (5, 5, None), (-5, -5, None), (0, 0, None), (5.0, 5, None), ("5", 5, None),
        (" 5 ", 5, None), (" " * 40 + "5", 5, None),
        ("-5", -5, None), ("5.0", 5, None), ("1e3", 1000, None),
        (5.0000005, 5, None), (5.000001, 5, None), (5.000002, 5, "amount_rounded"),
        (5.4, 5, "amount_rounded"), (5.5, 6, "amount_rounded"), (4.5, 5, "amount_rounded"),
        (-4.5, -5, "amount_rounded"), ("4.5", 5, "amount_rounded"),
        (MAXIMUM, MAXIMUM, None), (-MAXIMUM, -MAXIMUM, None),
        ("0" * 39 + "5", 5, None),
        ("0" * 40 + "5", None, "unreadable"),
        (MAXIMUM + 1, None, "unreadable"), (-MAXIMUM - 1, None, "unreadable"),
        (True, None, "unreadable"), (False, None, "unreadable"), ([], None, "unreadable"),
        ({}, None, "unreadable"), (Decimal(5), None, "unreadable"), ("x", None, "unreadable"),
        ("5 5", None, "unreadable"),
        ("NaN", None, "unreadable"), ("Infinity", None, "unreadable"),
        (float("nan"), None, "unreadable"), (float("inf"), None, "unreadable"),
        ("\uff15", None, "unreadable"),
    ],
)  # fmt: skip
def test_an_amount_becomes_an_integer_or_is_left_out(
    name: str, value: Any, kept: int | None, code: str | None
) -> None:
    read = read_items([LINE, LINE | {name: value}])
    row = read.rows[1]
    assert row == ({k: v for k, v in LINE.items() if k != name}) | (
        {} if kept is None else {name: kept}
    )
    assert kept is None or type(row[name]) is int
    assert [(one.code, one.field) for one in read.advice] == (
        [] if code is None else [(code, f"items.1.{name}")]
    )


def test_what_an_advice_about_a_number_says() -> None:
    (unreadable,) = read_items([LINE | {"vat_amount": "x"}]).advice
    assert unreadable.message == "vat_amount must be a number"
    (rounded,) = read_items([LINE | {"vat_amount": 4.5}]).advice
    assert rounded.message == "4.5 is kept as 5"


@pytest.mark.parametrize("name", ["vat", "quantity"])
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (25, 25),
        (12.5, 12.5),
        (25.0, 25.0),
        ("25", 25),
        ("12.5", 12.5),
        ("25.0", 25),
        (0, 0),
        (-1, -1),
    ],
)
def test_another_number_is_kept_as_it_is(name: str, value: Any, kept: float) -> None:
    read = read_items([LINE | {name: value}])
    assert read == Items((LINE | {name: kept},), ())
    assert type(read.rows[0][name]) is type(kept)


@pytest.mark.parametrize("name", ["vat", "quantity"])
@pytest.mark.parametrize("value", ["x", True, [], "NaN", "1e13", float("inf")])
def test_what_is_no_number_is_left_out(name: str, value: Any) -> None:
    read = read_items([LINE | {name: value}])
    assert read.rows == (LINE,)
    assert [(one.code, one.field) for one in read.advice] == [("unreadable", f"items.0.{name}")]


def test_nothing_is_left_out_without_a_word() -> None:
    assert read_items([LINE | {"vat": None, "vat_amount": "", "name": None}]) == Items((LINE,), ())


@pytest.mark.parametrize("item", [{}, {"amount": None}, {"amount": ""}])
def test_an_item_without_an_amount(item: dict[str, Any]) -> None:
    missing = Advice("amount_missing", "items.0.amount", "the item says no amount")
    assert read_items([{"line_id": "1"} | item]) == Items(({"line_id": "1"},), (missing,))


@pytest.mark.parametrize("name", ["discount_lines", "splits"])
def test_the_parts_of_an_item_have_amounts_too(name: str) -> None:
    parts = [
        {"amount": "5", "vat_amount": 1.5, "id": None, "note": "x"},
        None,
        "free",
        {"gross_amount": "?", "amount": None},
    ]
    read = read_items([LINE, LINE | {name: parts}])
    assert read.rows[1] == LINE | {name: [{"note": "x", "amount": 5, "vat_amount": 2}, "free", {}]}
    assert [(one.code, one.field) for one in read.advice] == [
        ("amount_rounded", f"items.1.{name}.0.vat_amount"),
        ("unreadable", f"items.1.{name}.3.gross_amount"),
    ]


@pytest.mark.parametrize("name", ["discount_lines", "splits"])
def test_parts_that_are_no_list_stay(name: str) -> None:
    assert read_items([LINE | {name: {"amount": "5"}}]) == Items(
        (LINE | {name: {"amount": "5"}},), ()
    )


def test_what_we_do_not_know_stays_as_it_is() -> None:
    item = LINE | {"other": [{"amount": "5"}], "id": 7}
    assert read_items([item]) == Items((item,), ())
