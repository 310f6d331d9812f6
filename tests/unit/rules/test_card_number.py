"""`backend.rules.card_number`: the number of a card, however it is typed."""

from __future__ import annotations

import pytest

from backend.rules.card_number import canonical, plain, typed


@pytest.mark.parametrize(
    ("number", "found_as"),
    [
        ("9876 5432-1012 3456", "9876543210123456"),
        ("DINCARD:12-34 ab", "DINCARD:12-34ab"),
        ("12.34-56", "12.34-56"),
        ("-", "-"),
    ],
)
def test_the_form_under_which_a_card_is_found(number: str, found_as: str) -> None:
    assert canonical(number) == found_as


@pytest.mark.parametrize("number", ["9876 5432-1012 3456", "DINCARD:12-34 ab", "12.34-56", " A 1 "])
def test_the_form_is_its_own_form(number: str) -> None:
    assert canonical(canonical(number)) == canonical(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9876.5432\u20131012\u00a03456", "9876543210123456"),
        ("dincard:1f0e\u20102d3c", "dincard:1f0e-2d3c"),
        ("\uff11\uff12\uff13\u200b4", "1234"),
    ],
)
def test_a_typed_number(text: str, number: str) -> None:
    assert typed(text) == number


def test_a_pin_keeps_its_signs() -> None:
    assert plain(" 12\u201134.a ") == "12-34.a"
