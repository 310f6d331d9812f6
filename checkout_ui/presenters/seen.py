"""What the payer was shown when they pressed Pay.

assets/first.js reads it from the page at that moment: it takes the text of every element that has
one of these attributes. So an amount counts only when the payer can see it. If a browser still
shows an old amount, the payer has agreed to that one.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import BeforeValidator

TO_PAY, ORDER = {"data-seen": "seen"}, {"data-seen": "seen_order"}
"""The attributes of each element that shows what is left to pay, and of each that shows the order's
amount. The value is the name of the field in which the text is sent."""

BETWEEN = "|"
"""What the script puts between the texts of two elements."""
_LONGEST = 400
_MAX_DIGITS = 15


def minor_units(shown: object) -> int | None:
    """Return the amount in minor units that all the texts show. The language, the currency and the
    kind of digits do not matter, since every amount on the page has all its decimals. None where
    the texts differ, or where there is none."""
    if not isinstance(shown, str) or len(shown) > _LONGEST:
        return None
    amounts = {_digits(text) for text in shown.split(BETWEEN)}
    written = amounts.pop()
    return int(written) if not amounts and 0 < len(written) <= _MAX_DIGITS else None


def _digits(text: str) -> str:
    values = (unicodedata.decimal(sign, None) for sign in text)
    return "".join(str(value) for value in values if value is not None)


Seen = Annotated[int | None, BeforeValidator(minor_units)]
