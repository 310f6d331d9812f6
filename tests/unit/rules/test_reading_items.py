"""Items of every form are read, and none of them is an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.items import Items, read_items
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
