"""Payments: create, approve or not, capture, refund, cancel, and their log.

`state` never changes after AUTHORIZED. `aggregate` shows what became of the money.

Source: `docs/reference/psp/vipps.md#payments`, `#time-and-repetition`.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sandbox.common.faults import WRONG_BY, WRONG_CURRENCY
from sandbox.common.storage import Json
from sandbox.vipps import webhooks
from sandbox.vipps.world import (
    LIFETIME,
    ApiError,
    Call,
    World,
    amount_of,
    bad_value,
    iso,
    new_uuid,
)

FLOWS = ("WEB_REDIRECT", "PUSH_MESSAGE", "NATIVE_REDIRECT", "QR")
_PAGES = ("WEB_REDIRECT", "NATIVE_REDIRECT", "QR")
_SUMS = ("authorizedAmount", "cancelledAmount", "capturedAmount", "refundedAmount")
_SHORTEST, _LONGEST = 10 * 60, 28 * 24 * 3600


def load(world: World, call: Call, reference: str) -> Json:
    payment = world.storage.get(call.merchant, "payment", _id(call, reference))
    if payment is None:
        raise ApiError(404, "Not Found", "There is no payment with that reference.")
    return payment


def _id(call: Call, reference: str) -> str:
    return f"{call.merchant}.{reference}"


def create(world: World, call: Call, body: Json, path: Json) -> Json:
    checked = _checked(world, body)
    distort(checked, call.fault)
    reference, currency = checked["reference"], checked["amount"]["currency"]
    if world.storage.get(call.merchant, "payment", _id(call, reference)) is not None:
        raise ApiError(409, "Conflict", "A payment with this reference exists already.")
    token = secrets.token_urlsafe(24)
    page = f"{call.base_url}/c/pay/{token}" if checked["userFlow"] in _PAGES else None
    now = world.now()
    payment: Json = {
        "id": _id(call, reference),
        "object": "payment",
        "state": "CREATED",
        "aggregate": {name: {"currency": currency, "value": 0} for name in _SUMS},
        "pspReference": new_uuid(),
        "profile": {},
        **checked,
        "paymentMethod": {"type": "WALLET"},
        "_msn": call.number,
        "_token": token,
        "_log": [],
        "_expires": checked["_expires"] or now + LIFETIME,
        "_created": now,
    }
    if page:
        payment["redirectUrl"] = page
    _note(world, call, payment, "CREATED", payment["amount"])
    if world.faults.take("early"):
        # This looks as if the payer had approved, although nobody has been asked yet.
        early = _entry(world, call, payment, "AUTHORIZED", payment["amount"])
        webhooks.tell(world, call, payment, early)
    return {"reference": reference, **({"redirectUrl": page} if page else {})}


def distort(payment: Json, kind: str) -> None:
    """Distort the payment as the fault says, and report it as if it were right."""
    sums = payment.get("aggregate", {})
    if kind == "wrong_amount":
        for amount in (payment["amount"], sums.get("authorizedAmount")):
            if amount and amount["value"]:
                amount["value"] -= WRONG_BY
    elif kind == "wrong_currency":
        for amount in (payment["amount"], *sums.values()):
            amount["currency"] = WRONG_CURRENCY


def _amount(world: World, body: Json) -> Json:
    given = amount_of(body.get("amount"), "amount")
    amount_of(body.get("amount"), "amount", world.minimum(given["currency"]))
    if world.is_too_large(given["value"]):
        raise bad_value("amount.value", f"must be an integer of at most {world.maximum()}")
    return given


def _checked(world: World, body: Json) -> Json:
    """Return what is kept of a request. Every field has its rule."""
    reference, flow = body.get("reference"), body.get("userFlow")
    if not isinstance(reference, str) or not re.fullmatch(r"[a-zA-Z0-9-]{8,50}", reference):
        raise bad_value("reference", "must match [a-zA-Z0-9-]{8,50}")
    if flow not in FLOWS:
        raise bad_value("userFlow", f"must be one of {', '.join(FLOWS)}")
    method = body.get("paymentMethod")
    if not isinstance(method, dict) or method.get("type") != "WALLET":
        raise bad_value("paymentMethod.type", "only WALLET can be tested")
    description = body.get("paymentDescription")
    if not isinstance(description, str) or not 3 <= len(description) <= 100:
        raise bad_value("paymentDescription", "must have 3 to 100 characters")
    return {
        "reference": reference,
        "amount": _amount(world, body),
        "userFlow": flow,
        "paymentDescription": description,
        "metadata": body.get("metadata") or {},
        "_phone": _phone(body, required=flow == "PUSH_MESSAGE"),
        "_return_url": _return_url(body, required=flow in ("WEB_REDIRECT", "NATIVE_REDIRECT")),
        "_expires": _expires(world, body.get("expiresAt")),
    }


def _phone(body: Json, *, required: bool) -> str | None:
    customer = body.get("customer")
    number = customer.get("phoneNumber") if isinstance(customer, dict) else None
    if number is None and not required:
        return None
    if not isinstance(number, str) or not re.fullmatch(r"[0-9]{10,15}", number):
        raise bad_value("customer.phoneNumber", "must be 10 to 15 digits, with country code")
    return number


def _return_url(body: Json, *, required: bool) -> str | None:
    url = body.get("returnUrl")
    if url is None and not required:
        return None
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or not parts.scheme or not (parts.hostname or parts.path):
        raise bad_value("returnUrl", "must be an address")
    return str(url)


def _expires(world: World, given: Any) -> int | None:
    if given is None:
        return None
    try:
        moment = int(datetime.fromisoformat(str(given)).timestamp())
    except (ValueError, OverflowError) as error:
        raise bad_value("expiresAt", "must be RFC 3339") from error
    if not _SHORTEST < moment - world.now() < _LONGEST:
        raise bad_value("expiresAt", "must be 10 minutes to 28 days ahead")
    return moment


def read(world: World, call: Call, body: Json, path: Json) -> Json:
    return load(world, call, path["reference"])


def log(world: World, call: Call, body: Json, path: Json) -> list[Json]:
    entries: list[Json] = load(world, call, path["reference"])["_log"]
    return entries


def capture(world: World, call: Call, body: Json, path: Json) -> Json:
    payment = load(world, call, path["reference"])
    amount = _modification(body, payment)
    if payment["state"] != "AUTHORIZED":
        raise _wrong_state("Cannot capture before reservation")
    if amount["value"] > left(payment):
        raise _wrong_state("Cannot capture more than is reserved")
    return _modify(world, call, payment, "CAPTURED", "capturedAmount", amount)


def refund(world: World, call: Call, body: Json, path: Json) -> Json:
    payment = load(world, call, path["reference"])
    amount = _modification(body, payment)
    captured, refunded = _sum(payment, "capturedAmount"), _sum(payment, "refundedAmount")
    if payment["state"] != "AUTHORIZED" or amount["value"] > captured - refunded:
        raise _wrong_state("Cannot refund more than is captured")
    return _modify(world, call, payment, "REFUNDED", "refundedAmount", amount)


def cancel(world: World, call: Call, body: Json, path: Json) -> Json:
    """Cancel. Before the payer's approval the whole payment ends; after it the rest is released."""
    payment = load(world, call, path["reference"])
    if payment["state"] == "CREATED":
        payment["state"] = "TERMINATED"
        return _modify(
            world, call, payment, "TERMINATED", "cancelledAmount", dict(payment["amount"])
        )
    if payment["state"] != "AUTHORIZED" or left(payment) == 0:
        raise _wrong_state("There is nothing to cancel")
    if body.get("cancelTransactionOnly") is True:
        raise _wrong_state("The payment is authorized")
    amount = {"currency": payment["amount"]["currency"], "value": left(payment)}
    return _modify(world, call, payment, "CANCELLED", "cancelledAmount", amount)


def left(payment: Json) -> int:
    sums = [_sum(payment, name) for name in ("authorizedAmount", "cancelledAmount")]
    return sums[0] - sums[1] - _sum(payment, "capturedAmount")


def _sum(payment: Json, name: str) -> int:
    return int(payment["aggregate"][name]["value"])


def _modification(body: Json, payment: Json) -> Json:
    amount = amount_of(body.get("modificationAmount"), "modificationAmount")
    if amount["currency"] != payment["amount"]["currency"]:
        raise bad_value("modificationAmount.currency", "is not the payment's")
    return amount


def _modify(world: World, call: Call, payment: Json, name: str, counted: str, amount: Json) -> Json:
    payment["aggregate"][counted]["value"] += amount["value"]
    _note(world, call, payment, name, amount)
    kept = ("amount", "state", "aggregate", "pspReference", "reference")
    return {field: payment[field] for field in kept}


def approve(world: World, call: Call, payment: Json) -> None:
    """Approve for the payer in the app."""
    payment["state"] = "AUTHORIZED"
    payment["aggregate"]["authorizedAmount"]["value"] = payment["amount"]["value"]
    payment["aggregate"]["cancelledAmount"]["value"] = 0
    _note(world, call, payment, "AUTHORIZED", payment["amount"])


def reject(world: World, call: Call, payment: Json) -> None:
    payment["state"] = "ABORTED"
    _note(world, call, payment, "ABORTED", payment["amount"])


def expire(world: World, call: Call, payment: Json) -> None:
    """Expire the payment, because the payer did nothing."""
    payment["state"] = "EXPIRED"
    _note(world, call, payment, "EXPIRED", payment["amount"])


def can_answer(world: World, payment: Json) -> bool:
    """Return whether the app still takes an answer."""
    late = payment["state"] == "TERMINATED" and bool(world.setting("late_approvals"))
    return (payment["state"] == "CREATED" or late) and payment["_expires"] > world.now()


def _note(world: World, call: Call, payment: Json, name: str, amount: Json) -> None:
    """Keep the payment and its log, and tell the merchant."""
    entry = _entry(world, call, payment, name, amount)
    payment["_log"].append(entry)
    due = payment["_expires"] if payment["state"] == "CREATED" else None
    world.storage.put(call.merchant, payment, parent=payment["_token"], due_at=due)
    webhooks.tell(world, call, payment, entry)


def _entry(world: World, call: Call, payment: Json, name: str, amount: Json) -> Json:
    entry: Json = {
        "reference": payment["reference"],
        "pspReference": new_uuid(),
        "name": name,
        "amount": dict(amount),
        "timestamp": iso(world.now()),
        "success": True,
    }
    if call.key and world.setting("log_keys"):
        entry["idempotencyKey"] = call.key
    return entry


def _wrong_state(detail: str) -> ApiError:
    return ApiError(400, "Bad Request", detail)
