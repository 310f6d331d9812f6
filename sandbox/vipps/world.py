"""What every verb of the Vipps MobilePay sandbox uses, and how it refuses.

Source: `docs/reference/psp/vipps.md#base-and-access`, `#errors`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.common import world as common
from sandbox.common.faults import Faults
from sandbox.common.storage import Json, Storage

VERBS = (
    "token",
    "create",
    "capture",
    "refund",
    "cancel",
    "read",
    "log",
    "webhook",
)
DEFAULTS: dict[str, Any] = {
    # Numbers come as text. A client has to accept both.
    "numbers_as_text": True,
    "token_seconds": 3600,
    # An approval that is on its way when the merchant cancels arrives nevertheless.
    "late_approvals": False,
    # An entry of the log that a modification made names its key.
    "log_keys": True,
}
LIFETIME = 10 * 60
CURRENCIES = ("NOK", "DKK", "EUR", "SEK")


@dataclass(slots=True)
class Call:
    """Who calls; `base_url` is where payers and merchants reach this program, `number` the sales
    unit's, `key` the call's idempotency key, `fault` what the call suffers."""

    merchant: str
    base_url: str = ""
    number: str = ""
    key: str | None = None
    fault: str = ""


class ApiError(Exception):
    """A refusal in the form of RFC 7807."""

    def __init__(self, status: int, title: str, detail: str, *reasons: tuple[str, str]) -> None:
        super().__init__(title, detail)
        self.status = status
        self.body: Json = {
            "type": f"https://developer.vippsmobilepay.com/docs/errors/{status}",
            "title": title,
            "detail": detail,
            "status": status,
            "instance": str(uuid.uuid4()),
            "traceId": uuid.uuid4().hex,
            "extraDetails": [{"name": name, "reason": reason} for name, reason in reasons],
        }


class GatewayError(Exception):
    """A refusal of the gateway in front, in a form of its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"statusCode": status, "message": message}


class World(common.World):
    published = dict.fromkeys(CURRENCIES, 100)

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, Faults(VERBS, status=400), DEFAULTS)

    def moment(self) -> str:
        return iso(self.now())


def new_uuid() -> str:
    return str(uuid.uuid4())


def iso(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def bad_value(name: str, reason: str) -> ApiError:
    return ApiError(400, "Bad Request", "The request is not valid.", (name, reason))


def amount_of(value: Any, name: str, minimum: int = 1) -> Json:
    """Return `{currency, value}` as it was given, or refuse it."""
    if not isinstance(value, dict):
        raise bad_value(name, "is required")
    if value.get("currency") not in CURRENCIES:
        raise bad_value(f"{name}.currency", f"must be one of {', '.join(CURRENCIES)}")
    amount = value.get("value")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < minimum:
        raise bad_value(f"{name}.value", f"must be an integer of at least {minimum}")
    return {"currency": value["currency"], "value": amount}
