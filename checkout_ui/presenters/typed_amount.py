"""An amount as people type it, in their own language's form or another's. Pure."""

from __future__ import annotations

import re
import unicodedata

from babel import Locale
from babel.numbers import get_currency_precision

from checkout_ui import texts

LONGEST = 40
_BLANKS = re.compile(r"[\s'\u2019\u066c]+")
_AROUND = re.compile(r"^[^\d.,+\-\u2212]*|(?<=[\d.,])[^\d.,]*$")
_NO_CENTS = re.compile(r"[.,][-\u2212\u2013\u2014]+$")
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+")


def read(typed: str, currency: str, language: str) -> int | None:
    """Return minor units of `currency`, or None if it is not clear what is meant.

    `1 234,50`, `1,234.50`, `1.234,50`, `1234.5`, `kr 1234,-` are all understood. A single comma or
    point before three digits separates thousands, unless it is the language's decimal sign: then
    nobody can tell, and the text is refused.
    """
    if len(typed) > LONGEST:
        return None
    text = unicodedata.normalize("NFKC", typed)
    text = _NO_CENTS.sub("", _BLANKS.sub("", text))
    text = _AROUND.sub("", text)
    precision: int = get_currency_precision(currency)
    parts = _parts(text, precision, _decimal_sign(language))
    if parts is None:
        return None
    whole, cents = parts
    if not (whole + cents).isascii() or not (whole + cents).isdigit() or len(cents) > precision:
        return None
    return int((whole or "0") + cents.ljust(precision, "0"))


def written(amount: int, currency: str, language: str) -> str:
    """Return minor units as one would type them, without currency and grouping."""
    precision = get_currency_precision(currency)
    if precision == 0:
        return str(amount)
    whole, cents = divmod(amount, 10**precision)
    return f"{whole}{_decimal_sign(language)}{cents:0{precision}}"


def _decimal_sign(language: str) -> str:
    sign: str = Locale.parse(texts.locale(language)).number_symbols["latn"]["decimal"]
    return sign


def _parts(text: str, precision: int, decimal: str) -> tuple[str, str] | None:
    """Return the digits before and after the decimal sign, without grouping."""
    signs = [sign for sign in text if sign in ".,"]
    if not signs:
        return text, ""
    last = signs[-1]
    head, _, tail = text.rpartition(last)
    if len(set(signs)) == 2:
        # The last sign is the decimal sign, if it occurs once.
        if signs.count(last) != 1 or not _GROUPED.fullmatch(head):
            return None
        return _bare(head), tail
    if len(signs) > 1:
        return (_bare(text), "") if _GROUPED.fullmatch(text) else None
    if len(tail) <= precision and not (len(tail) == 3 and last != decimal):
        return head, tail
    if last != decimal and _GROUPED.fullmatch(text):
        return _bare(text), ""
    return None


def _bare(grouped: str) -> str:
    return grouped.replace(".", "").replace(",", "")
