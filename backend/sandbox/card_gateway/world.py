"""What every verb of the test acquirer works on: storage, clock, settings, events."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any

from backend.sandbox.card_gateway.faults import REPEATS, Faults
from backend.sandbox.card_gateway.storage import Json, Storage
from backend.sandbox.card_gateway.wire import public

API_VERSION = "2026-06-24.dahlia"

DEFAULTS: dict[str, Any] = {
    "clock_offset": 0,
    "multicapture": True,
    # Longer than any sensible client waits.
    "late_seconds": 30,
    # A card whose authorization times out is decided after this, in this way.
    "settle_seconds": 60,
    "settle_outcome": "failed",
}


@dataclass(slots=True)
class Call:
    """Who calls; `late` is set by a verb whose answer shall come too late."""

    merchant: str
    request_id: str | None = None
    idempotency_key: str | None = None
    late: bool = False


class World:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.faults = Faults()
        self.woken = asyncio.Event()

    def now(self) -> int:
        """The acquirer's time, Unix seconds: the machine's, moved by the test clock."""
        return int(time.time()) + int(self.setting("clock_offset"))

    def setting(self, name: str) -> Any:
        stored = self.storage.setting(name)
        return DEFAULTS[name] if stored is None else stored

    def emit(self, call: Call, kind: str, subject: Json) -> None:
        """Write an event and its deliveries, in the same transaction as what it tells of."""
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
            endpoint
            for endpoint in self.storage.newest(
                call.merchant, "webhook_endpoint", parent=None, after=None, limit=100
            )
            if endpoint["status"] == "enabled" and ({"*", kind} & set(endpoint["enabled_events"]))
        ]
        fault = self.faults.take("notify") if endpoints else None
        copies = {"drop": 0, "repeat": REPEATS}.get(fault.kind, 1) if fault else 1
        wait = fault.seconds if fault and fault.kind == "delay" else 0.0
        event["pending_webhooks"] = len(endpoints)
        self.storage.put(call.merchant, event)
        for endpoint in endpoints:
            for _ in range(copies):
                # Deliveries live in real time: the test clock moves the money, not the network.
                self.storage.schedule(endpoint["id"], event["id"], time.time() + wait)
        self.woken.set()


def new_id(prefix: str, length: int = 24) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return f"{prefix}_" + "".join(secrets.choice(alphabet) for _ in range(length))


def merchant_of(secret_key: str) -> str:
    """One key, one merchant. The key itself is not stored."""
    return hashlib.sha256(secret_key.encode()).hexdigest()[:32]
