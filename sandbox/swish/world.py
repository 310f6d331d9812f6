"""The provider's storage, clock, settings, refusals and callbacks.

Source: `docs/reference/psp/swish.md#state-and-callback`, `#errors`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.common import world as common
from sandbox.common.deliveries import Retry
from sandbox.common.faults import Faults
from sandbox.common.storage import Json, Storage
from sandbox.common.wire import public

VERBS = ("create", "read", "cancel", "refund")
DEFAULTS: dict[str, Any] = {
    # How long a payer may take, with a push and with a token.
    "push_seconds": 180,
    "token_seconds": 300,
    # A refund that the bank works on is paid when the clock says so.
    "refund_seconds": 0,
    # An approval that was on its way when the request was cancelled arrives nevertheless.
    "late_approvals": False,
}
RETRY = Retry(gaps=(5, 10, 30, 60, 120, 300, 600), tries=10)
ERRORS: Mapping[str, str] = {
    "ACMT01": "Counterpart is not activated",
    "ACMT03": "Payer not enrolled",
    "ACMT07": "Payee not enrolled",
    "AM02": "Amount value is too large",
    "AM03": "Invalid or missing currency",
    "AM06": "Amount value is below the agreed minimum",
    "BANKIDCL": "Payer cancelled BankID signing",
    "BANKIDONGOING": "BankID already in use",
    "BANKIDUNKN": "BankID is not able to authorize the payment",
    "BE18": "Payer alias is invalid",
    "DS24": "Swish timed out waiting for an answer from the banks after payment was started",
    "FF08": "Payment reference is invalid",
    "FF10": "Bank system processing error",
    "PA02": "Amount value is missing or not a valid number",
    "RF02": "Original payment not found or more than 13 months old",
    "RF03": "Payer alias in the refund does not match the payee alias in the original payment",
    "RF06": "Receiver of the refund is not the original payer",
    "RF07": "Transaction declined",
    "RF08": "Amount exceeds what is left of the original payment",
    "RP01": "Missing merchant Swish number",
    "RP02": "Wrong formatted message",
    "RP03": "Callback URL is missing or does not use HTTPS",
    "RP06": "Another active payment request already exists for this payer alias",
    "RP08": "The payment request can not be cancelled",
    "RP09": "The given instructionUUID is not available",
    "TM01": "Swish timed out before the payment was started",
}
AFTER_THE_PAYER = frozenset(
    {"BANKIDCL", "BANKIDONGOING", "BANKIDUNKN", "DS24", "FF10", "RF07", "TM01"}
)
"""How a request can end, other than by being refused at once."""


class SwishError(Exception):
    """A refusal: a list with one error, with 422 unless it has another status."""

    def __init__(self, code: str, *, status: int = 422) -> None:
        super().__init__(code)
        self.status = status
        message = ERRORS.get(code, "Refused on demand")
        self.body = [{"errorCode": code, "errorMessage": message, "additionalInformation": ""}]


class World(common.World):
    published = {"SEK": 100}

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, Faults(VERBS, status=422, code="RF07"), DEFAULTS)

    def moment(self) -> str:
        now = datetime.fromtimestamp(self.now(), UTC)
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def everything(self, kind: str) -> list[Json]:
        """Return the requests of all merchants, oldest first."""
        return [body for _, body in self.storage.all(kind)]

    def paid_with(self, payment_reference: str) -> Json | None:
        """Return the payment with the provider's own number."""
        for payment in self.everything("payment"):
            if payment["paymentReference"] == payment_reference:
                return payment
        return None

    def call_back(self, merchant: str, told: Json) -> None:
        """Tell the merchant the state of a request, in the same transaction as its change."""
        callback: Json = {
            "id": uuid.uuid4().hex,
            "object": "callback",
            "url": told["callbackUrl"],
            "body": shown(told),
        }
        self.storage.put(merchant, callback, parent=told["id"])
        self.notify([told["id"]], callback["id"])


def shown(thing: Json) -> Json:
    body: Json = public(thing)
    del body["object"]
    return body


def error_in(message: str, *, after: bool) -> str | None:
    """Return the code that the message asks for, as in the provider's own simulator."""
    for word in message.replace(",", " ").replace(".", " ").split():
        if word in ERRORS and (word in AFTER_THE_PAYER) is after:
            return word
    return None
