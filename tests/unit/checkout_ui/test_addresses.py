"""Forms and addresses as their country writes them."""

from __future__ import annotations

import pytest

from backend.sessions.details import all_countries
from backend.sessions.view import AddressView
from checkout_ui import addresses, texts

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
        "address_line", "address_line_2", "postal_code", "postal_place",
    ]  # fmt: skip


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
