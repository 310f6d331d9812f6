"""What payers type and paste for a number and a PIN, made plain. assets/checkout.js does the same
for the eye; the rule here is what counts."""

from __future__ import annotations

from backend.rules.card_number import plain
from backend.rules.card_number import typed as number

__all__ = ["number", "plain"]
