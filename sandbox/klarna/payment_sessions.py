"""Payment sessions, authorizations and placing an order.

Source: `docs/reference/psp/klarna.md#payment-session`, `#placing-the-order`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from sandbox.common.storage import Json
from sandbox.klarna import orders
from sandbox.klarna.order_lines import checked_order
from sandbox.klarna.world import ApiError, Call, World, bad_value, iso, new_uuid

LIFETIME = 48 * 3600
TOKEN_LIFETIME = 60 * 60
METHODS = (
    ("pay_now", "Pay now"),
    ("pay_later", "Pay later"),
    ("pay_over_time", "Pay over time"),
)
_MATCHED = ("purchase_country", "purchase_currency", "order_amount", "order_lines")


def load(world: World, call: Call, session_id: str) -> Json:
    """Return the session. After its lifetime it is gone, as if it had never existed."""
    session = world.storage.get(call.merchant, "session", session_id)
    if session is None or session["_expires"] <= world.now():
        raise ApiError(404, "NOT_FOUND", "Not found")
    return session


def create(world: World, call: Call, body: Json, path: Json) -> Json:
    session: Json = {
        "id": new_uuid(),
        "object": "session",
        "status": "incomplete",
        "client_token": f"sandbox.{new_uuid()}",
        "intent": body.get("intent", "buy"),
        "merchant_reference1": _reference(body, "merchant_reference1"),
        "merchant_reference2": _reference(body, "merchant_reference2"),
        "merchant_urls": checked_urls(body),
        "billing_address": _address(body, "billing_address"),
        "shipping_address": _address(body, "shipping_address"),
        "_expires": world.now() + LIFETIME,
        "_offered": bool(world.setting("offer")),
        **checked_order(world, body),
    }
    session["expires_at"] = iso(session["_expires"])
    world.storage.put(call.merchant, session)
    return {
        "session_id": session["id"],
        "client_token": session["client_token"],
        "payment_method_categories": _categories(session),
    }


def _categories(session: Json) -> list[Json]:
    if not session["_offered"]:
        return []
    return [{"identifier": method, "name": name} for method, name in METHODS]


def read(world: World, call: Call, body: Json, path: Json) -> Json:
    session = load(world, call, path["id"])
    return {**session, "payment_method_categories": _categories(session)}


def update(world: World, call: Call, body: Json, path: Json) -> None:
    """Change the session, until an order was made from it."""
    session = load(world, call, path["id"])
    if session["status"] != "incomplete":
        raise ApiError(409, "CONFLICT", "The session is complete")
    world.storage.put(call.merchant, session | checked_order(world, body))


def checked_urls(body: Json) -> Json:
    urls = body.get("merchant_urls") or {}
    if not isinstance(urls, dict):
        raise bad_value("merchant_urls")
    for name, url in urls.items():
        known = isinstance(url, str) and len(url) <= 2000
        parts = urlsplit(url) if known else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise bad_value(f"merchant_urls.{name}")
    return urls


def _reference(body: Json, name: str) -> str | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > 255):
        raise bad_value(name)
    return value


def _address(body: Json, name: str) -> Json:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise bad_value(name)
    return value


def authorize(world: World, call: Call, session: Json) -> str:
    """Approve for the payer. Return the token with which an order can be made for an hour."""
    token: Json = {
        "id": new_uuid(),
        "object": "authorization",
        "_session": session["id"],
        "_expires": world.now() + TOKEN_LIFETIME,
    }
    world.storage.put(call.merchant, token)
    session["authorization_token"] = token["id"]
    world.storage.put(call.merchant, session)
    told = {"authorization_token": token["id"], "session_id": session["id"]}
    world.push(call.merchant, session["merchant_urls"].get("authorization"), told)
    return str(token["id"])


def place(world: World, call: Call, body: Json, path: Json) -> Json:
    """Make an order of an authorization: once, within the hour, with the same goods."""
    token = world.storage.get(call.merchant, "authorization", path["token"])
    if token is None or token["_expires"] <= world.now():
        raise ApiError(404, "NOT_FOUND", "Invalid authorization token")
    session = load(world, call, token["_session"])
    asked = checked_order(world, body)
    if any(asked[name] != session[name] for name in _MATCHED):
        raise ApiError(409, "BAD_VALUE", "The order differs from what was authorized")
    order = place_order(world, call, session, fraud="ACCEPTED")
    return {
        "order_id": order["id"],
        "fraud_status": order["fraud_status"],
        "redirect_url": f"{call.base_url}/c/confirmed",
        "authorized_payment_method": {"type": "invoice"},
    }


def place_order(world: World, call: Call, session: Json, fraud: str) -> Json:
    """Make the order and use the token up."""
    world.storage.delete(session.pop("authorization_token"))
    order = orders.make(world, call, session, fraud)
    session["status"] = "complete"
    world.storage.put(call.merchant, session)
    return order


def release(world: World, call: Call, body: Json, path: Json) -> None:
    """Cancel an approval from which no order was made."""
    token = world.storage.get(call.merchant, "authorization", path["token"])
    if token is None or token["_expires"] <= world.now():
        raise ApiError(404, "NOT_FOUND", "Invalid authorization token")
    session = load(world, call, token["_session"])
    session.pop("authorization_token", None)
    world.storage.put(call.merchant, session)
    world.storage.delete(token["id"])
