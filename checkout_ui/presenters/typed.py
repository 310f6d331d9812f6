"""What payers type and paste for a number and a PIN, made plain. Pure.

Signs of another width (a Japanese keyboard's), spaces that do not break and dashes of every kind
come with what is copied from an e-mail or a PDF. assets/checkout.js does the same for the eye; this
is what counts.
"""

from __future__ import annotations

import re
import unicodedata

_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58]")
_UNSEEN = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]+")
_GROUPED_DIGITS = re.compile(r"[0-9.\-]+")


def is_text(value: object) -> bool:
    """Return whether `value` is a text. An event of a page may come from anybody, so its arguments
    may be anything, whatever types the handler declares."""
    return isinstance(value, str)


def plain(text: str) -> str:
    """Compatibility forms (NFKC), one kind of hyphen, no spaces, nothing invisible."""
    return _DASHES.sub("-", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)))


def number(text: str) -> str:
    """Without what was put in for reading. In a number with letters a hyphen may mean something:
    Dintero's default numbers are UUIDs."""
    bare = plain(text)
    return re.sub(r"[.\-]", "", bare) if _GROUPED_DIGITS.fullmatch(bare) else bare
