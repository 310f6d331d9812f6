"""How numbers and PINs are made, and how they are shown masked.

Source: `docs/reference/dintero-api.md#creating-a-card`.
"""

from __future__ import annotations

import secrets
import string
import uuid
from dataclasses import dataclass
from typing import Any

MIN_PIN_LENGTH = 4
MIN_NUMBER_LENGTH = 8
MAX_LENGTH = 64
DEFAULT_PREFIX = "DINCARD:"
# These leave out signs that people mistake for one another.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_SYMBOLS = "!#%+=?"


@dataclass(frozen=True, slots=True)
class Format:
    """How a number or PIN is made. `length` does not count the prefix."""

    length: int
    prefix: str = ""
    numbers: bool = True
    characters: bool = False
    symbols: bool = False
    barcode: bool = False

    def shown(self) -> dict[str, Any]:
        """Return the format as answers and rows have it."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def alphabet(self) -> str:
        """Return the characters to choose from. They are digits if the format asks for none."""
        parts = (
            (string.digits, self.numbers),
            (_LETTERS, self.characters),
            (_SYMBOLS, self.symbols),
        )
        return "".join(part for part, wanted in parts if wanted) or string.digits


def make(form: Format) -> str:
    """Return a random value of this format, from the system's generator."""
    alphabet = form.alphabet
    base = len(alphabet)
    # This is one draw among all values of this format, each as likely as any other.
    drawn = secrets.randbelow(base**form.length)
    body = ""
    for _ in range(form.length):
        drawn, place = divmod(drawn, base)
        body += alphabet[place]
    return form.prefix + body


def make_number(form: Format | None) -> tuple[str, dict[str, Any]]:
    """Return a number, and its format as answers show it. Without a format it is a UUID with
    Dintero's prefix."""
    if form is None:
        return f"{DEFAULT_PREFIX}{uuid.uuid4()}", {"length": 36, "prefix": DEFAULT_PREFIX}
    return make(form), form.shown()


def last4(number: str) -> str:
    return number[-4:]


def mask(number: str, prefix: str) -> str:
    """Return the number with `*` for all signs but the prefix, the last four and the
    punctuation."""
    body = number[len(prefix) :] if number.startswith(prefix) else number
    kept = len(body) - 4
    hidden = "".join("*" if i < kept and c.isalnum() else c for i, c in enumerate(body))
    return (number[: len(number) - len(body)]) + hidden


def payer_mask(last_four: str) -> str:
    """Return the number as the page shows it."""
    return f"•••• •••• •••• {last_four}"
