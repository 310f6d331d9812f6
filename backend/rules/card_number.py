"""Numbers and PINs of gift cards, as people type and paste them, made plain.

Signs of another width (a Japanese keyboard's), spaces that do not break and dashes of every kind
come with what is copied from an e-mail or a PDF.
"""

from __future__ import annotations

import re
import unicodedata

_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58]")
_UNSEEN = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]+")
_GROUPED_DIGITS = re.compile(r"[0-9.\-]+")


def canonical(number: str) -> str:
    """Return the form under which a card is found: without blanks and, if only digits are left,
    without the hyphens between them. Every stored hash rests on this form, so it must not
    change."""
    bare = "".join(number.split())
    digits = bare.replace("-", "")
    return digits if digits.isdigit() else bare


def plain(text: str) -> str:
    """Return the text in compatibility forms (NFKC), with one kind of hyphen, and without blanks
    and signs that cannot be seen."""
    return _DASHES.sub("-", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)))


def typed(text: str) -> str:
    """Return a typed number without the signs that group its digits. In a number with letters a
    hyphen may mean something: Dintero's default numbers are UUIDs."""
    bare = plain(text)
    return re.sub(r"[.\-]", "", bare) if _GROUPED_DIGITS.fullmatch(bare) else bare
