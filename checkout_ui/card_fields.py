"""What the two forms that take a gift card's number and PIN have in common."""

from __future__ import annotations

import re

NUMBER, PIN = "gift_card_number", "gift_card_pin"

# Password managers take a number with a PIN for a login. These are the words of the common ones.
NO_PASSWORD = {
    "data-1p-ignore": "true",
    "data-lpignore": "true",
    "data-bwignore": "true",
    "data-form-type": "other",
    "spellcheck": "false",
    "autocapitalize": "off",
}

_BLANKS = re.compile(r"\s+")
_GROUPED_DIGITS = re.compile(r"[\d.\-]+")


def bare(typed: str) -> str:
    """Without blanks."""
    return _BLANKS.sub("", typed)


def bare_number(number: str) -> str:
    """Without what was put in for reading. In a number with letters a hyphen may mean something:
    Dintero's default numbers are UUIDs."""
    joined = bare(number)
    return re.sub(r"\D", "", joined) if _GROUPED_DIGITS.fullmatch(joined) else joined
