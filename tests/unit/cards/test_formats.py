"""Numbers and PINs have the signs and the length that their format says."""

from __future__ import annotations

import string

import pytest

from backend.cards.formats import _LETTERS, _SYMBOLS, Format, make

DRAWN = 3000
"""With 30 signs, one of them is missing at one place once in 10^40 runs."""


@pytest.mark.parametrize(
    ("form", "signs"),
    [
        (Format(4), string.digits),
        (Format(16, numbers=False), string.digits),
        (Format(6, characters=True), string.digits + _LETTERS),
        (Format(5, prefix="GK-", numbers=False, characters=True), _LETTERS),
        (Format(5, symbols=True, characters=True), string.digits + _LETTERS + _SYMBOLS),
        (Format(64, numbers=False, symbols=True), _SYMBOLS),
    ],
    ids=["pin", "no wish", "letters too", "prefix", "all", "long"],
)
def test_every_sign_comes_at_every_place(form: Format, signs: str) -> None:
    drawn = [make(form) for _ in range(DRAWN)]
    assert {len(value) for value in drawn} == {len(form.prefix) + form.length}
    assert all(value.startswith(form.prefix) for value in drawn)
    bodies = [value.removeprefix(form.prefix) for value in drawn]
    for place in range(form.length):
        assert {body[place] for body in bodies} == set(signs)


def test_the_format_is_shown_whole() -> None:
    assert Format(4, prefix="A", barcode=True).shown() == {
        "length": 4,
        "prefix": "A",
        "numbers": True,
        "characters": False,
        "symbols": False,
        "barcode": True,
    }
