"""Amounts as people type and read them, and as the API needs them. There is no float anywhere."""

from __future__ import annotations

import re
from decimal import Decimal

# Minor units are hundredths in every currency that gift cards come in: NOK, SEK, DKK, EUR, USD.
_HUNDREDTHS = Decimal(100)
_TYPED = re.compile(r"\d{1,9}(?:[.,]\d{1,2})?", re.ASCII)
_SPACE = "\u00a0"


class AmountRefused(ValueError):
    """What was typed is not an amount."""


def to_minor_units(typed: str) -> int:
    """Return `400`, `400.5`, `1 000,00` in minor units, exactly. AmountRefused for anything else,
    and for zero."""
    text = re.sub(r"\s", "", typed)
    if not _TYPED.fullmatch(text):
        raise AmountRefused(f"“{typed.strip()[:40]}” is not an amount such as 150.00")
    minor = int(Decimal(text.replace(",", ".")) * _HUNDREDTHS)
    if minor == 0:
        raise AmountRefused("The amount must be more than zero")
    return minor


def plain(minor: int) -> str:
    """Return `15000` as `150.00`, for an input field."""
    sign, whole, rest = ("-" if minor < 0 else ""), abs(minor) // 100, abs(minor) % 100
    return f"{sign}{whole}.{rest:02d}"


def shown(minor: int, currency: str) -> str:
    """Return `100000`, `NOK` as `1 000.00 NOK`, with spaces that do not break."""
    sign, number = ("−" if minor < 0 else ""), f"{abs(minor) // 100:,}".replace(",", _SPACE)
    return f"{sign}{number}.{abs(minor) % 100:02d}{_SPACE}{currency}"
