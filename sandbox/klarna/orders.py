"""Order management: amounts, captures, refunds, cancel, release, and Klarna's later decisions.

Source: `docs/reference/psp/klarna.md#order-management`.
"""

from __future__ import annotations

import secrets

from sandbox.common.storage import Json
from sandbox.klarna.order_lines import checked_lines
from sandbox.klarna.world import ApiError, Call, World, bad_value, iso, new_uuid, whole

LIFETIME = 28 * 24 * 3600
_LIVE = ("AUTHORIZED", "PART_CAPTURED")


def make(world: World, call: Call, session: Json, fraud: str) -> Json:
    """Make an order from a session. `fraud`: ACCEPTED or PENDING."""
    kept = (
        "purchase_country",
        "purchase_currency",
        "order_amount",
        "order_tax_amount",
        "order_lines",
        "locale",
        "merchant_reference1",
        "merchant_reference2",
        "billing_address",
        "shipping_address",
    )
    now = world.now()
    order: Json = {
        "id": new_uuid(),
        "object": "order",
        "klarna_reference": secrets.token_hex(4).upper(),
        "status": "AUTHORIZED",
        "fraud_status": fraud,
        **{name: session[name] for name in kept},
        "original_order_amount": session["order_amount"],
        "captured_amount": 0,
        "refunded_amount": 0,
        "remaining_authorized_amount": session["order_amount"],
        "captures": [],
        "refunds": [],
        "created_at": iso(now),
        "expires_at": iso(now + LIFETIME),
        "initial_payment_method": {"type": "INVOICE", "description": "Pay later"},
        "_expires": now + LIFETIME,
        "_decided": now + int(world.setting("fraud_seconds")) if fraud == "PENDING" else None,
        "_notification": session["merchant_urls"].get("notification"),
    }
    order["order_id"] = order["id"]
    save(world, call, order)
    return order


def save(world: World, call: Call, order: Json) -> None:
    due = None
    if order["status"] in _LIVE:
        due = order["_decided"] or order["_expires"]
    world.storage.put(call.merchant, order, due_at=due)


def load(world: World, call: Call, order_id: str) -> Json:
    order = world.storage.get(call.merchant, "order", order_id)
    if order is None:
        raise ApiError(404, "NO_SUCH_ORDER", "There is no order with that id.")
    return order


def read(world: World, call: Call, body: Json, path: Json) -> Json:
    return load(world, call, path["id"])


def capture(world: World, call: Call, body: Json, path: Json) -> tuple[str, str]:
    """Capture. Return (header, id) of the capture."""
    order = load(world, call, path["id"])
    amount = whole(body, "captured_amount", 1)
    _check_lines(body, amount)
    allowed = order["status"] in _LIVE and order["fraud_status"] == "ACCEPTED"
    if not allowed or amount > order["remaining_authorized_amount"]:
        message = "The capture is larger than what is left, or the order cannot be captured."
        raise ApiError(403, "CAPTURE_NOT_ALLOWED", message)
    made: Json = {
        "capture_id": new_uuid(),
        "klarna_reference": f"{order['klarna_reference']}-{len(order['captures']) + 1}",
        "captured_amount": amount,
        "refunded_amount": 0,
        "captured_at": world.moment(),
        "description": body.get("description"),
        "reference": body.get("reference"),
        "order_lines": body.get("order_lines") or [],
    }
    order["captures"].append(made)
    order["captured_amount"] += amount
    order["remaining_authorized_amount"] -= amount
    left = order["remaining_authorized_amount"]
    order["status"] = "PART_CAPTURED" if left else "CAPTURED"
    save(world, call, order)
    return "Capture-Id", made["capture_id"]


def refund(world: World, call: Call, body: Json, path: Json) -> tuple[str, str]:
    """Refund. Return (header, id) of the refund."""
    order = load(world, call, path["id"])
    amount = whole(body, "refunded_amount", 1)
    _check_lines(body, amount)
    if amount > order["captured_amount"] - order["refunded_amount"]:
        message = "The refund is larger than what was captured."
        raise ApiError(403, "REFUND_NOT_ALLOWED", message)
    made: Json = {
        "refund_id": new_uuid(),
        "klarna_reference": secrets.token_hex(4).upper(),
        "refunded_amount": amount,
        "refunded_at": world.moment(),
        "description": body.get("description"),
        "reference": body.get("reference"),
        "order_lines": body.get("order_lines") or [],
    }
    order["refunds"].append(made)
    order["refunded_amount"] += amount
    save(world, call, order)
    return "Refund-Id", made["refund_id"]


def _check_lines(body: Json, amount: int) -> None:
    lines = body.get("order_lines")
    if not lines:
        return
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise bad_value("order_lines")
    if sum(whole(line, "total_amount", -200_000_000) for line in lines) != amount:
        raise bad_value("order_lines")


def read_capture(world: World, call: Call, body: Json, path: Json) -> Json:
    for made in load(world, call, path["id"])["captures"]:
        if made["capture_id"] == path["part"]:
            return dict(made)
    raise ApiError(404, "NO_SUCH_CAPTURE", "There is no capture with that id.")


def read_refund(world: World, call: Call, body: Json, path: Json) -> Json:
    for made in load(world, call, path["id"])["refunds"]:
        if made["refund_id"] == path["part"]:
            return dict(made)
    raise ApiError(404, "NOT_FOUND", "There is no refund with that id.")


def cancel(world: World, call: Call, body: Json, path: Json) -> None:
    order = load(world, call, path["id"])
    if order["status"] != "AUTHORIZED":
        raise ApiError(403, "CANCEL_NOT_ALLOWED", "The order cannot be cancelled.")
    order |= {"status": "CANCELLED", "remaining_authorized_amount": 0}
    save(world, call, order)


def release(world: World, call: Call, body: Json, path: Json) -> None:
    order = load(world, call, path["id"])
    if order["status"] != "PART_CAPTURED":
        raise ApiError(403, "NOT_ALLOWED", "There is nothing to release.")
    order |= {"status": "CAPTURED", "remaining_authorized_amount": 0}
    save(world, call, order)


def update(world: World, call: Call, body: Json, path: Json) -> None:
    """Change the amount, with its lines. It is not below what is captured, and not beyond what
    Klarna allows this payer."""
    order = load(world, call, path["id"])
    checked_lines(body)
    amount = body["order_amount"]
    allowed = order["status"] in _LIVE and order["fraud_status"] == "ACCEPTED"
    more = amount > order["order_amount"]
    if not allowed or (more and amount > int(world.setting("max_authorized"))):
        raise ApiError(403, "NOT_ALLOWED", "The authorization cannot be changed to this amount.")
    if amount < order["captured_amount"]:
        raise ApiError(403, "NOT_ALLOWED", "More than this is captured already.")
    left = amount - order["captured_amount"]
    order |= {
        "order_amount": amount,
        "order_lines": body["order_lines"],
        "order_tax_amount": sum(line.get("total_tax_amount", 0) for line in body["order_lines"]),
        "remaining_authorized_amount": left,
        "status": "AUTHORIZED"
        if not order["captured_amount"]
        else "PART_CAPTURED"
        if left
        else "CAPTURED",
    }
    save(world, call, order)


def extend(world: World, call: Call, body: Json, path: Json) -> None:
    order = load(world, call, path["id"])
    if order["status"] not in _LIVE:
        raise ApiError(403, "NOT_ALLOWED", "The order cannot be extended.")
    order["_expires"] = world.now() + LIFETIME
    order["expires_at"] = iso(order["_expires"])
    save(world, call, order)


def decide(world: World, call: Call, order: Json, outcome: str) -> None:
    """Record Klarna's decision about the risk: ACCEPTED, REJECTED or STOPPED. The merchant is
    told."""
    order |= {"fraud_status": outcome, "_decided": None}
    if outcome != "ACCEPTED" and order["captured_amount"] == 0:
        order |= {"status": "CANCELLED", "remaining_authorized_amount": 0}
    save(world, call, order)
    told = {"order_id": order["id"], "event_type": f"FRAUD_RISK_{outcome}"}
    world.push(call.merchant, order["_notification"], told)


def lapse(world: World, call: Call, order: Json) -> None:
    """End the authorization of what was not captured in time."""
    order["status"] = "CLOSED" if order["captured_amount"] else "EXPIRED"
    order["remaining_authorized_amount"] = 0
    save(world, call, order)
