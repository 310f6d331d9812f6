"""What payers type and paste for a number and a PIN, in a plain form.

assets/checkout.js does the same for display, but only the rule counts.
"""

from __future__ import annotations

from backend.rules.card_number import plain
from backend.rules.card_number import typed as number

__all__ = ["is_text", "number", "plain"]


def is_text(value: object) -> bool:
    """Return whether `value` is a text. An event of a page may come from anybody, so its arguments
    may be anything, whatever types the handler declares."""
    return isinstance(value, str)
