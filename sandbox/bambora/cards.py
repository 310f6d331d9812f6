"""The test cards: the provider's own of 2017, which are approved, and ours for other outcomes.

Source: `docs/reference/psp/bambora.md#test-cards`. No document of ours says which of its present
cards are declined. So those that are declined are the sandbox's own, and its page says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    number: str
    brand: str = "Visa"
    payment_type: int = 3
    challenge: bool = False
    code: str | None = None
    """Why it is declined."""

    @property
    def masked(self) -> str:
        return f"{self.number[:6]}XXXXXX{self.number[-4:]}"

    @property
    def last4(self) -> str:
        return self.number[-4:]


_CARDS = (
    Card("4002770000000008"),
    Card("4002620000000005"),
    Card("4154210000000001"),
    Card("5206830000000001", "Mastercard", 4),
    Card("5125860000000006", "Mastercard", 4),
    Card("5156230000000004", "Mastercard", 4),
    Card("4002770000000016", challenge=True),
    Card("4002770000000024", code="card_declined"),
    Card("4002770000000032", code="insufficient_funds"),
)
CARDS = {card.number: card for card in _CARDS}


def card_for(number: str) -> Card:
    """Return the card of this number. A card that is in no table is declined, because it may be a
    real one."""
    return CARDS.get(number) or Card(number, code="live")
