"""The provider's storage, clock, settings and callbacks."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from sandbox.common import world as common
from sandbox.common.deliveries import Retry
from sandbox.common.faults import Faults
from sandbox.common.storage import Json, Storage

VERBS = ("create", "read", "update", "abort", "capture", "reversal", "cancel")
DEFAULTS: dict[str, Any] = {
    # After so many refusals of one kind in a row a payment is locked.
    "failures_until_locked": 5,
    # A refund that takes days, as from a bank: it is answered with 202, and the clock ends it.
    "slow_reversals": False,
    "reversal_seconds": 3 * 24 * 3600,
    # An approval that was on its way when the order was aborted arrives nevertheless.
    "late_approvals": False,
}
# Attempts at about 30, 60, 360, 432, 864 and 1265 seconds; eight in all.
RETRY = Retry(gaps=(30, 30, 300, 72, 432, 401, 401), tries=8)


class World(common.World):
    def __init__(self, storage: Storage) -> None:
        super().__init__(
            storage, Faults(VERBS, status=403, code="creditcard/acquirererror"), DEFAULTS
        )

    def call_back(self, merchant: str, order: Json) -> None:
        """Tell the merchant to read the order, in the same transaction as its change."""
        url = order["urls"].get("callbackUrl")
        if not url:
            return
        body: Json = {
            "orderReference": order["payeeInfo"].get("orderReference"),
            "paymentOrder": {
                "id": order["id"],
                "instrument": order["instrument"],
                "number": order["_number"],
            },
        }
        callback: Json = {
            "id": uuid.uuid4().hex,
            "object": "callback",
            "url": url,
            "body": body,
        }
        self.storage.put(merchant, callback, parent=order["id"])
        self.notify([order["id"]], callback["id"])


def merchant_of(token: str) -> str:
    """Return the merchant of a token. Each token is a merchant. The token itself is not stored."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]
