"""What a receipt states: the order and its payment as they were when it was authorized.

Kept as JSON and never changed. Amounts in minor units of `currency`. Of a card, a gift card's or a
bank's, there are never more than the last four digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Line:
    description: str
    quantity: str
    """`1`, `2.5`: as text, without needless zeros."""
    amount: int
    vat: str | None
    """Percent as text, e.g. `25`."""


@dataclass(frozen=True, slots=True)
class GiftCardPart:
    last4: str
    amount: int
    left: int
    """What could still be used of the card once this was paid."""
    expires_at: str | None
    """ISO 8601 date-time."""


@dataclass(frozen=True, slots=True)
class OtherPart:
    """What was paid otherwise. `option` as in `payment_product_type`; `card`: brand and last four,
    where it was a bank card and the provider told."""

    option: str
    amount: int
    card: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    account_id: str
    session_id: str
    transaction_id: str
    merchant: str
    reference: str
    currency: str
    amount: int
    """Of the whole order, shipping included."""
    vat_amount: int | None
    shipping_amount: int | None
    shipping_title: str | None
    lines: tuple[Line, ...]
    gift_card: GiftCardPart | None
    other: OtherPart | None
    paid_at: str
    """ISO 8601 date-time, UTC."""
    time_zone: str
    """IANA name of the zone in which `paid_at` is written."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        values = dict(kept)
        card, other = values["gift_card"], values["other"]
        return cls(
            **values
            | {
                "lines": tuple(Line(**line) for line in values["lines"]),
                "gift_card": GiftCardPart(**card) if card else None,
                "other": OtherPart(**other) if other else None,
            }
        )

    @property
    def is_test(self) -> bool:
        """No real money moved."""
        return self.account_id.startswith("T")


@dataclass(frozen=True, slots=True)
class Later:
    """What became of the payment since, in minor units. The receipt itself does not change."""

    refunded: int = 0
    cancelled: bool = False
