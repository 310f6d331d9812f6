"""What every verb of the card gateway uses: storage, clock, settings, events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sandbox.common import world as common
from sandbox.common.faults import Faults
from sandbox.common.storage import Json, Storage
from sandbox.common.wire import new_id, public

API_VERSION = "2026-06-24.dahlia"

VERBS = ("create", "capture", "refund", "cancel", "expire", "read", "confirm")
CHOICES = {"settle_outcome": ("failed", "authorized")}
DEFAULTS: dict[str, Any] = {
    "multicapture": True,
    # It is longer than any sensible client waits.
    "late_seconds": 30,
    # When and how a card is decided whose authorization times out.
    "settle_seconds": 60,
    "settle_outcome": "failed",
    # When the end of a refund is known that does not end at once.
    "refund_seconds": 10,
}


@dataclass(slots=True)
class Call:
    """Who calls. `late` is set by a verb whose answer should come too late."""

    merchant: str
    request_id: str | None = None
    idempotency_key: str | None = None
    late: bool = False


PUBLISHED = {
    "CHF": 50, "DKK": 250, "EUR": 50, "GBP": 30, "NOK": 300, "PLN": 200, "SEK": 300, "USD": 50,
}  # fmt: skip


class World(common.World):
    published = PUBLISHED

    def __init__(self, storage: Storage) -> None:
        faults = Faults(VERBS, code="card_declined")
        super().__init__(storage, faults, DEFAULTS, CHOICES)

    def emit(self, call: Call, kind: str, subject: Json) -> None:
        """Write an event and its deliveries, in the same transaction as what they report."""
        event: Json = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": {"object": public(subject)},
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
            "type": kind,
        }
        endpoints = [
            endpoint["id"]
            for endpoint in self.storage.newest(
                call.merchant, "webhook_endpoint", parent=None, after=None, limit=100
            )
            if endpoint["status"] == "enabled" and ({"*", kind} & set(endpoint["enabled_events"]))
        ]
        event["pending_webhooks"] = len(endpoints)
        self.storage.put(call.merchant, event)
        self.notify(endpoints, event["id"])


def merchant_of(secret_key: str) -> str:
    """Return the merchant of a key. Each key is a merchant. The key itself is not stored."""
    return hashlib.sha256(secret_key.encode()).hexdigest()[:32]
