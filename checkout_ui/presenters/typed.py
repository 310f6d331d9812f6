"""What payers type and paste for a number and a PIN, in a plain form.

assets/checkout.js does the same for display, but only the rule counts.
"""

from __future__ import annotations

from backend.rules.card_number import plain
from backend.rules.card_number import typed as number

__all__ = ["number", "plain"]
