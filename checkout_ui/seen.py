"""What the payer was shown when they pressed Pay.

assets/first.js reads it from the page at that moment: the text of every element that is marked with
one of these. So nothing that was sent to the page counts before it stands there for the payer, and
an amount that a browser has left standing is the one that they have agreed to.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import BeforeValidator

TO_PAY, ORDER = {"data-seen": "seen"}, {"data-seen": "seen_order"}
"""Attributes: on each element with the remaining total, and with the order's. The value is the name
of the field that it is sent in."""

BETWEEN = "|"
"""What the script puts between the texts of two elements."""
_LONGEST = 400
_MOST_DIGITS = 15


def minor_units(shown: object) -> int | None:
    """The amount in minor units that all the texts say, whatever the language, the currency and
    the kind of digits it is written with: every amount on the page has all its decimals. None
    where they differ, or where there is none."""
    if not isinstance(shown, str) or len(shown) > _LONGEST:
        return None
    amounts = {_digits(text) for text in shown.split(BETWEEN)}
    written = amounts.pop()
    return int(written) if not amounts and 0 < len(written) <= _MOST_DIGITS else None


def _digits(text: str) -> str:
    values = (unicodedata.decimal(sign, None) for sign in text)
    return "".join(str(value) for value in values if value is not None)


Seen = Annotated[int | None, BeforeValidator(minor_units)]
