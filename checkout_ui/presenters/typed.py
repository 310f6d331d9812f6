"""What payers type and paste for a number and a PIN, in a plain form. Pure.

Text that is copied from an e-mail or a PDF has signs of another width (from a Japanese keyboard),
spaces that do not break, and dashes of every kind. assets/checkout.js does the same for display,
but only this counts.
"""

from __future__ import annotations

import re
import unicodedata

_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58]")
_UNSEEN = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]+")
_GROUPED_DIGITS = re.compile(r"[0-9.\-]+")


def plain(text: str) -> str:
    """Return compatibility forms (NFKC), one kind of hyphen, no spaces, and nothing invisible."""
    return _DASHES.sub("-", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)))


def number(text: str) -> str:
    """Return the number without separators. In a number with letters a hyphen may mean something:
    Dintero's default numbers are UUIDs."""
    bare = plain(text)
    return re.sub(r"[.\-]", "", bare) if _GROUPED_DIGITS.fullmatch(bare) else bare
