"""What every verb of the Klarna sandbox uses, and how it refuses.

Source: `docs/reference/psp/klarna.md#idempotency-and-limits`, `#errors`.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.common import world as common
from sandbox.common.faults import Faults
from sandbox.common.storage import Json, Storage

VERBS = (
    "create",
    "page",
    "expire",
    "order",
    "capture",
    "refund",
    "cancel",
    "release",
    "update",
    "extend",
    "read",  # of what has an amount
    "read_page",
)
CHOICES = {"fraud_outcome": ("ACCEPTED", "REJECTED", "STOPPED")}
DEFAULTS: dict[str, Any] = {
    # The methods that the payer is offered. If this is off, there is none.
    "offer": True,
    # It is documented for order management only; newer pages say that it holds everywhere.
    "keep_all_keys": False,
    # An approval that is on its way when the page is closed arrives nevertheless.
    "late_approvals": False,
    # When and how an order is decided whose risk is reviewed.
    "fraud_seconds": 60,
    "fraud_outcome": "ACCEPTED",
    # The largest amount to which an authorization can be raised.
    "max_authorized": 10_000_000,
}


@dataclass(slots=True)
class Call:
    """Who calls; `base_url` is where payers and merchants reach this program."""

    merchant: str
    base_url: str = ""


class ApiError(Exception):
    """A refusal in Klarna's envelope."""

    def __init__(self, status: int, code: str, *messages: str) -> None:
        super().__init__(code, *messages)
        self.status = status
        self.body: Json = {"error_code": code, "error_messages": list(messages) or [code]}


class World(common.World):
    def __init__(self, storage: Storage) -> None:
        faults = Faults(VERBS, status=403)
        super().__init__(storage, faults, DEFAULTS, CHOICES)

    def push(self, merchant: str, url: str | None, body: Json) -> None:
        """Write a callback and its deliveries, in the same transaction as what they report. The
        target is the address itself: nothing is signed, and nobody registers."""
        if not url:
            return
        event: Json = {"id": new_uuid(), "object": "event", "told": body}
        self.storage.put(merchant, event)
        self.notify([url], event["id"])

    def moment(self, after: int = 0) -> str:
        return iso(self.now() + after)


def new_uuid() -> str:
    return str(uuid.uuid4())


def iso(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def merchant_of(username: str, password: str) -> str:
    """Return the merchant of a credential. Each API credential is a merchant. The password itself
    is not stored."""
    return hashlib.sha256(f"{username}:{password}".encode()).hexdigest()[:32]


def bad_value(name: str) -> ApiError:
    return ApiError(400, "BAD_VALUE", f"Bad value: {name}")


def whole(body: Json, name: str, minimum: int, maximum: int = 200_000_000) -> int:
    """Return the integer parameter within its bounds, or BAD_VALUE."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise bad_value(name)
    return value
