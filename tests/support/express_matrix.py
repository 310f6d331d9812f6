"""The ways in which shops create an Express session, by shipping, by who chooses and by buyer."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

GOODS = 40000
"""What the items cost, minor units."""
PHONE = "41234567"
"""As payers type it: without the country's code."""
EMAIL = "kari@example.no"
ADDRESS = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Karl Johans gate 1",
    "postal_code": "0154", "postal_place": "Oslo", "country": "NO",
}  # fmt: skip
HOME = {"id": "home", "line_id": "s1", "amount": 9900, "operator": "Posten", "title": "Hjem"}
SHOP = {"id": "shop", "line_id": "s2", "amount": 0, "operator": "Posten", "title": "Hent selv"}
FAST = {"id": "fast", "line_id": "s3", "amount": 19900, "operator": "Bring", "title": "I dag"}
OWN = {"id": "own", "line_id": "s9", "amount": 4900, "operator": "Butikken", "title": "Med bud"}

MODES = ("absent", "null", "shipping_required", "shipping_not_required")
OPTIONS: dict[str, list[dict[str, Any]] | None] = {
    "absent": None, "empty": [], "one": [HOME], "three": [FAST, HOME, SHOP],
}  # fmt: skip
CHOSEN: dict[str, dict[str, Any] | None] = {
    "absent": None,
    "in the list": HOME,
    "not in the list": OWN,
}
ADDRESSES = ("given", "not given")
TYPES = ("b2c", "b2b")


@dataclass(frozen=True)
class Cell:
    """One way to create a session."""

    mode: str
    options: str
    chosen: str
    address: str
    type: str

    def __str__(self) -> str:
        return ", ".join((self.mode, self.options, self.chosen, self.address, self.type))

    @property
    def possible(self) -> bool:
        return self.chosen != "in the list" or HOME in (OPTIONS[self.options] or [])

    @property
    def asks_address(self) -> bool:
        return self.mode != "shipping_not_required"

    @property
    def option(self) -> dict[str, Any] | None:
        """Return the charged option: the shop's choice, or else the first option that it offers."""
        offered = OPTIONS[self.options]
        return CHOSEN[self.chosen] or (offered[0] if offered else None)

    @property
    def amount(self) -> int:
        return GOODS + (self.option["amount"] if self.option else 0)

    def request(self) -> dict[str, Any]:
        """Return the parts of a session's request that the cell defines: `order` and `express`."""
        chosen = CHOSEN[self.chosen]
        order: dict[str, Any] = {
            "amount": GOODS + (chosen["amount"] if chosen else 0),
            "currency": "NOK",
            "merchant_reference": "order-1",
            "items": [
                {
                    "id": "10",
                    "line_id": "1",
                    "description": "Ullpledd",
                    "quantity": 1,
                    "amount": GOODS,
                    "vat": 25,
                }
            ],
        }
        if chosen:
            order["shipping_option"] = chosen
        if self.address == "given":
            order["shipping_address"] = {**ADDRESS, "email": EMAIL, "phone_number": PHONE}
        express: dict[str, Any] = {"customer_types": [self.type]}
        if self.mode != "absent":
            express["shipping_mode"] = None if self.mode == "null" else self.mode
        if self.options != "absent":
            express["shipping_options"] = OPTIONS[self.options]
        return {"order": order, "express": express}

    def check_paid(self, transaction: dict[str, Any]) -> None:
        """Assert the right amount, that the option is charged once, and all fields that shops fill
        their orders from."""
        assert transaction["status"] == "AUTHORIZED"
        assert transaction["amount"] == self.amount
        shipped = [item for item in transaction["items"] if item.get("type") == "shipping"]
        assert [item["id"] for item in shipped] == ([self.option["id"]] if self.option else [])
        assert sum(item["amount"] for item in transaction["items"]) == self.amount
        if self.option:
            assert transaction["shipping_option"] == self.option
        known = ADDRESS if self.asks_address or self.address == "given" else {}
        both = {**known, "email": EMAIL, "phone_number": f"+47{PHONE}"}
        assert transaction["shipping_address"] == both
        assert transaction["billing_address"] == both


CELLS = tuple(
    cell
    for cell in itertools.starmap(Cell, itertools.product(MODES, OPTIONS, CHOSEN, ADDRESSES, TYPES))
    if cell.possible
)
