"""A single JSON value of another type counts as not given."""

from __future__ import annotations

import pytest

from backend.rules import json_values as values

NO_OBJECTS: list[object] = [None, "", "x", 0, 1, True, [], [{}], ()]
NO_LISTS: list[object] = [None, "", "ab", 0, True, {}, {"a": 1}, {"a"}]


def test_an_object() -> None:
    assert values.part({"a": 1}) == {"a": 1}
    for value in NO_OBJECTS:
        assert values.part(value) == {}


def test_a_list() -> None:
    assert values.listed([1, {"a": 1}]) == [1, {"a": 1}]
    assert values.parts([1, {"a": 1}, None, {}]) == ({"a": 1}, {})
    assert values.texts(["a", 1, None]) == ("a", "1", "None")
    for value in NO_LISTS:
        assert values.listed(value) == ()
        assert values.parts(value) == ()
        assert values.texts(value) == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (" ", " "), (7, "7"), (0, "0"), (1.5, "1.5"), ("", None), (None, None)],
)
def test_a_text(value: object, text: str | None) -> None:
    assert values.text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7), (-7, -7), (0, 0), (1.5, 1.5), (2.0, 2.0), ("7", 7), ("1.5", 1.5), ("2.0", 2),
        ("1e3", 1000), ("1000000000000", 10**12), ("-1000000000000", -(10**12)),
        ("0" * 39 + "7", 7), ("0" * 40 + "7", None), ("1000000000001", None), ("", None),
        ("x", None), ("NaN", None), ("Infinity", None), ("\uff17", None), (True, None),
        (False, None), (None, None), ([], None), (float("nan"), None), (float("inf"), None),
    ],
)  # fmt: skip
def test_a_number(value: object, number: float | None) -> None:
    known = values.number(value)
    assert known == number
    assert type(known) is type(number)


def test_a_row_of_a_database_is_a_list_too() -> None:
    assert values.listed(("a", 1)) == ("a", 1)
    assert values.parts(({"a": 1}, "x")) == ({"a": 1},)
    assert values.texts(("a", 1)) == ("a", "1")


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (7, 7), (0, 0), (1.9, 1), (-1.9, -1), ("1.9", 1), ("7", 7), ("x", None), (None, None),
        (True, None),
    ],
)  # fmt: skip
def test_an_amount_is_whole(value: object, amount: int | None) -> None:
    known = values.amount(value)
    assert known == amount
    assert type(known) is type(amount)


@pytest.mark.parametrize("value", [None, 0, 1, "", "true", "false", [], [True]])
def test_only_true_and_false_are_switches(value: object) -> None:
    assert values.switch(value) is None
    assert values.switch(True) is True
    assert values.switch(False) is False
