"""Forms and addresses follow the custom of their country."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from typing import Any

import pytest

from backend.sessions.details import all_countries
from backend.sessions.view import AddressView, CheckoutView
from checkout_ui import texts
from checkout_ui.presenters import addresses, checkout_page, formats

HOME = AddressView(
    first_name="Kari",
    last_name="Nordmann",
    address_line="Storgata 1",
    postal_code="0155",
    postal_place="Oslo",
    country="NO",
)
NAMES = ["first_name", "last_name"]


def form(country: str, language: str = "en", **known: str) -> list[tuple[str, str]]:
    found = addresses.fields(AddressView(**known), country, language)
    assert [field.name for field in found[:2]] == NAMES
    return [(field.name, field.label) for field in found[2:]]


def test_the_order_of_a_form_is_the_countrys() -> None:
    street = ("address_line", "Street address")
    code, place = ("postal_code", "Postal code"), ("postal_place", "Town or city")
    for country in ("NO", "SE", "DK", "FI", "DE", "FR", "NL"):
        assert form(country) == [street, code, place], country
    assert form("GB") == [street, place, code]
    assert form("US") == [street, place, ("postal_code", "ZIP code")]
    assert form("IE") == [street, place, ("postal_code", "Eircode")]
    assert form("IN") == [street, place, ("postal_code", "PIN code")]
    assert form("JP") == [code, place, street]
    assert form("AE") == [street, place]
    assert form("HK") == [("postal_place", "District"), street]
    assert form("QQ") == [street, code, place], "a country there are no data of"


def test_the_second_line_where_it_is_in_use() -> None:
    assert [name for name, _ in form("NO", address_line_2="H0201")] == [
        "address_line",
        "address_line_2",
        "postal_code",
        "postal_place",
    ]


@pytest.mark.parametrize("language", texts.languages())
def test_every_country_has_a_form_in_every_language(language: str) -> None:
    for country in all_countries():
        names = [name for name, label in form(country, language) if label]
        assert "address_line" in names and len(names) == len(set(names)), country


def test_what_a_field_begins_with_and_what_fills_it() -> None:
    by_name = {field.name: field for field in addresses.fields(HOME, "NO", "nb")}
    assert (by_name["postal_code"].value, by_name["postal_code"].autofill) == (
        "0155",
        "postal-code",
    )
    assert by_name["postal_place"].label == "Poststed"
    assert by_name["postal_code"].half and not by_name["address_line"].half


@pytest.mark.parametrize(
    ("country", "language", "written"),
    [
        ("NO", "nb", ["Storgata 1", "0155 Oslo", "Norge"]),
        ("SE", "sv", ["Storgata 1", "0155 Oslo", "Sverige"]),
        ("FI", "fi", ["Storgata 1", "0155 Oslo", "Suomi"]),
        ("DE", "de", ["Storgata 1", "0155 Oslo", "Deutschland"]),
        ("GB", "en", ["Storgata 1", "Oslo", "0155", "United Kingdom"]),
        ("US", "en", ["Storgata 1", "Oslo, 0155", "United States"]),
        ("", "nb", ["Storgata 1", "0155 Oslo"]),
    ],
)
def test_the_lines_of_an_address(country: str, language: str, written: list[str]) -> None:
    address = AddressView(
        address_line="Storgata 1", postal_code="0155", postal_place="Oslo", country=country
    )
    assert addresses.lines(address, language) == written


def test_an_empty_address_has_no_lines() -> None:
    assert addresses.lines(AddressView(country="NO", first_name="Kari"), "nb") == []


def asking(**known: Any) -> CheckoutView:
    """Return a session that asks for an address, with only what the form reads."""
    unknown: dict[str, Any] = {f.name: None for f in fields(CheckoutView) if f.default is MISSING}
    given = {"shipping_required": True, "billing_allowed": True, "preferred_country": "NO"}
    return CheckoutView(**unknown | given | known)


def choices(view: CheckoutView, *, chosen_only: bool = False) -> list[str]:
    """Return the codes of the select's options, and assert that they are well-formed."""
    written = checkout_page.country_choices(view, "en", chosen_only=chosen_only)
    options = re.findall(r'<option value="([A-Z]{2})">[^<>"]+</option>', written)
    assert len(options) == written.count("<option")
    return options


def test_countries_to_choose_from() -> None:
    some = ("SE", "NO", "DE", "AX", "CI")
    assert choices(asking(countries=some)) == ["NO", "AX", "CI", "DE", "SE"]
    assert choices(asking(countries=some, preferred_country="")) == ["AX", "CI", "DE", "NO", "SE"]
    assert choices(asking(countries=("NO",))) == [], "nobody has to choose"
    without = {"shipping_required": False, "billing_allowed": False}
    assert choices(asking(countries=some, **without)) == []


def test_countries_stand_as_in_the_languages_alphabet() -> None:
    def sorted_by(language: str, *names: str) -> list[str]:
        return sorted(names, key=lambda name: formats.alphabetical(name, language))

    names = ("Ålandsøyene", "Østerrike", "Åland", "Zypern", "Ägypten", "Çin", "Cuba", "Danmark")
    assert sorted_by("nb", *names)[-3:] == ["Østerrike", "Åland", "Ålandsøyene"]
    assert sorted_by("sv", "Österrike", "Ungern", "Åland", "Algeriet") == [
        "Algeriet",
        "Ungern",
        "Åland",
        "Österrike",
    ]
    assert sorted_by("de", *names)[:4] == ["Ägypten", "Åland", "Ålandsøyene", "Çin"]


def test_at_first_only_those_that_the_selects_show() -> None:
    some = ("SE", "NO", "DE", "AX")
    assert choices(asking(countries=some), chosen_only=True) == ["NO"]
    ours, theirs = AddressView(country="SE"), AddressView(country="DE")
    view = asking(countries=some, shipping_address=ours, billing_address=theirs)
    assert choices(view, chosen_only=True) == ["NO", "DE", "SE"]
    # A select without our choice shows its first option.
    assert choices(asking(countries=some, preferred_country=""), chosen_only=True) == ["AX"]
