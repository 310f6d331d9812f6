"""Each payment option has its name, its marks, its next step and its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from backend.psp.bambora.connector import METHODS
from backend.psp.swedbankpay.connector import INSTRUMENTS
from backend.sessions.view import OptionView
from checkout_ui import texts
from checkout_ui.presenters import payment_options

SWEDBANK = [f"payex.{product}" for product in INSTRUMENTS]
BAMBORA = [f"bambora.{product}" for product in METHODS]
ALL = ["dintero_psp.creditcard", *SWEDBANK, "klarna.klarna", *BAMBORA]


def shown(*types: str, language: str = "en") -> dict[str, Any]:
    return payment_options.shown(tuple(OptionView(one) for one in types), language)


@pytest.mark.parametrize("option", [*ALL, "vipps", "swish.swish"])
@pytest.mark.parametrize("language", texts.languages())
def test_every_option_has_a_name_a_mark_and_what_happens_next(option: str, language: str) -> None:
    known = texts.catalogue(language)
    (found,) = shown(option, language=language)["options"]
    assert found.title and found.title != known["option.other"]
    assert found.next and found.next != known["option.other.next"]
    assert found.note and not found.marks[0].endswith("#other")


def test_the_marks_are_drawn(repository: Path) -> None:
    sprite = (repository / "assets" / "marks.svg").read_text(encoding="utf-8")
    drawn = set(re.findall(r'<symbol id="(\w+)"', sprite))
    used = {mark.partition("#")[2] for one in ALL for mark in shown(one)["options"][0].marks}
    assert used | {"other"} == drawn
    assert not re.search(
        r"<(script|image|a|style|foreignObject)\b|https?://(?!www\.w3\.org)", sprite
    )
    (card,) = shown("payex.creditcard")["options"]
    version = payment_options.sprite()
    assert re.fullmatch(r"/marks\.svg\?v=[0-9a-f]{12}", version)
    assert card.marks == [f"{version}#visa", f"{version}#mastercard"]


def test_few_stand_as_they_are_and_many_are_calm() -> None:
    few = shown(*SWEDBANK)
    assert ([one.type for one in few["options"]], few["more_options"]) == (SWEDBANK, [])
    many = shown(*ALL)
    first = [one.type for one in many["options"]]
    rest = [one.type for one in many["more_options"]]
    assert len(first) == payment_options.FIRST and sorted(first + rest) == sorted(ALL)
    assert first[0] == "dintero_psp.creditcard", "the merchant's order"
    assert len({one.rpartition(".")[2] for one in first}) == len(first), "one of each kind"
    assert many["more_label"] == f"Show {len(rest)} more ways to pay"


def test_of_many_those_that_stand_first_are_not_said_to_be_through_anybody() -> None:
    many = shown(*ALL)
    assert [one.note for one in many["options"] if "through" in one.note] == []
    vipps = next(one for one in many["more_options"] if one.type == "bambora.vipps")
    assert vipps.note == "Pay with the app · through Bambora"


def test_who_provides_it_is_said_where_two_do() -> None:
    one, two = shown("payex.vipps", "bambora.vipps")["options"]
    assert (one.title, two.title) == ("Vipps", "Vipps")
    assert one.note == "Pay with the app · through Swedbank Pay"
    assert two.note == "Pay with the app · through Bambora"
    (alone,) = shown("payex.vipps")["options"]
    assert alone.note == "Pay with the app"


def test_an_option_we_have_no_words_for() -> None:
    (found,) = shown("new.thing")["options"]
    assert (found.title, found.next) == ("Other payment", "You continue to a secure payment page.")
    assert found.marks == [f"{payment_options.sprite()}#other"]
