"""The card form of a hosted page (`card.html`): its fields, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime

FIELDS = ("number", "expiry", "cvc", "name")


@dataclass(frozen=True, slots=True)
class Expiry:
    month: int
    year: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it came. `values` are shown again (never number or code). `errors` has a text key
    for each wrong field."""

    number: str
    expiry: Expiry | None
    values: dict[str, str]
    errors: dict[str, str]


def read_form(given: Mapping[str, str], known: Container[str], today: datetime) -> Filled:
    """Read the form. `known` are test numbers that are valid although their check digit is
    wrong."""
    values = {name: given.get(name, "").strip()[:100] for name in FIELDS}
    number = re.sub(r"[\s-]", "", values["number"])
    expiry, errors = _checked(values, number, known, today)
    # A card number or code is never sent back in a page.
    return Filled(number, expiry, values | {"number": "", "cvc": ""}, errors)


def empty_values() -> dict[str, str]:
    return dict.fromkeys(FIELDS, "")


def values_of(number: str, today: datetime) -> dict[str, str]:
    """Return the form filled in with a test card."""
    return {
        "number": " ".join(re.findall(".{1,4}", number)),
        "expiry": f"12 / {today.year % 100 + 3:02d}",
        "cvc": "1234" if number.startswith(("34", "37")) else "123",
        "name": "Test Testesen",
    }


def _checked(
    values: Mapping[str, str], number: str, known: Container[str], today: datetime
) -> tuple[Expiry | None, dict[str, str]]:
    errors: dict[str, str] = {}
    if not valid_number(number, known):
        errors["number"] = "error_number"
    match = re.fullmatch(r"([0-9]{1,2})\s*[/.\-]?\s*(?:20)?([0-9]{2})", values["expiry"])
    expiry = Expiry(int(match[1]), 2000 + int(match[2])) if match else None
    if expiry is None or not 1 <= expiry.month <= 12:
        errors["expiry"] = "error_expiry"
    elif (expiry.year, expiry.month) < (today.year, today.month):
        errors["expiry"] = "error_expired"
    digits = 4 if number.startswith(("34", "37")) else 3
    if not re.fullmatch(rf"[0-9]{{{digits}}}", values["cvc"]):
        errors["cvc"] = "error_cvc"
    if not values["name"]:
        errors["name"] = "error_name"
    return expiry, errors


def valid_number(number: str, known: Container[str]) -> bool:
    """Return whether the number has 12 to 19 digits with a right check digit (Luhn), or is one of
    `known`."""
    if number in known:
        return True
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
