"""What a receipt states: the order and its payment as they were when it was authorized.

It is kept as JSON and never changed. Amounts are minor units of `currency`. Of a gift card or a
bank card it never has more than the last four digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Line:
    description: str
    quantity: str
    """A number as text without needless zeros: `1`, `2.5`."""
    amount: int
    vat: str | None
    """The percentage as text, for example `25`."""


@dataclass(frozen=True, slots=True)
class GiftCardPart:
    last4: str
    amount: int
    left: int
    """How much could still be used of the card after this payment."""
    expires_at: str | None
    """ISO 8601 date-time."""


@dataclass(frozen=True, slots=True)
class OtherPart:
    """What was paid in another way. `option` is as in `payment_product_type`. `card` has brand and
    last four, if it was a bank card and the provider told them."""

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
    """The amount of the whole order, including shipping."""
    vat_amount: int | None
    shipping_amount: int | None
    shipping_title: str | None
    lines: tuple[Line, ...]
    gift_card: GiftCardPart | None
    other: OtherPart | None
    paid_at: str
    """ISO 8601 date-time, UTC."""
    time_zone: str
    """The IANA name of the time zone in which `paid_at` is written."""

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
        """Return whether it was a test, in which no real money moved."""
        return self.account_id.startswith("T")


@dataclass(frozen=True, slots=True)
class Later:
    """What has happened to the payment since, in minor units. The receipt itself does not
    change."""

    refunded: int = 0
    cancelled: bool = False
