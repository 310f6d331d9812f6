"""The client's error for a killed checkout, and the facts that its provider stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ADDRESS = {
    "first_name": "Kari",
    "last_name": "Nordmann",
    "address_line": "Storgata 1",
    "postal_code": "0155",
    "postal_place": "Oslo",
    "country": "NO",
    "email": "kari@example.com",
    "phone_number": "+4799887766",
}


class Died(Exception):
    """The checkout was killed during a request."""


@dataclass
class AtProvider:
    """What the provider stores about one of our sessions. Amounts are in minor units."""

    open_pages: int
    authorized: list[dict[str, Any]]
    """Intents with money, captured or not."""
    captured: int
    refunded: int
