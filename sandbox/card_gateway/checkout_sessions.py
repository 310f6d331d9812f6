"""Checkout sessions, the orders of the hosted page. Source:
`docs/reference/psp/stripe.md#checkout-session`."""

from __future__ import annotations

from urllib.parse import urlsplit

from sandbox.card_gateway import payment_intents
from sandbox.card_gateway.amounts import check_amount
from sandbox.card_gateway.wire import (
    ApiError,
    integer,
    metadata,
    missing,
    only,
    string,
)
from sandbox.card_gateway.world import Call, World
from sandbox.common.storage import Json
from sandbox.common.wire import new_id

SHORTEST = 30 * 60
LONGEST = 24 * 3600
_CREATE = [
    "cancel_url",
    "client_reference_id",
    "currency",
    "customer_email",
    "expires_at",
    "line_items",
    "locale",
    "metadata",
    "mode",
    "payment_intent_data",
    "payment_method_options",
    "payment_method_types",
    "success_url",
    "ui_mode",
]


def load(world: World, call: Call, session_id: str) -> Json:
    session = world.storage.get(call.merchant, "checkout.session", session_id)
    if session is None:
        raise missing("checkout.session", session_id, "session")
    return session


def save(world: World, call: Call, session: Json) -> None:
    due = session["expires_at"] if session["status"] == "open" else None
    world.storage.put(call.merchant, session, parent=session["payment_intent"], due_at=due)


def create(world: World, call: Call, params: Json, path: Json) -> Json:
    """Create a page for one payment. `_base_url` in `params` is the address of the pages."""
    base_url = params.pop("_base_url")
    only(params, _CREATE)
    if string(params, "mode") != "payment":
        raise ApiError(400, "Only mode=payment is supported here", param="mode")
    if params.get("ui_mode", "hosted_page") not in ("hosted", "hosted_page"):
        raise ApiError(400, "Only the hosted page is supported here", param="ui_mode")
    lines, currency = _lines(params)
    total = sum(line["amount_total"] for line in lines)
    check_amount(world, total, currency, "line_items")
    now = world.now()
    expires_at = integer(params, "expires_at", now + LONGEST)
    if not now + SHORTEST <= expires_at <= now + LONGEST:
        message = "`expires_at` must be between 30 minutes and 24 hours from now"
        raise ApiError(400, message, param="expires_at")
    session_id = new_id("cs_test", 58)
    session: Json = {
        "id": session_id,
        "object": "checkout.session",
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": _address(params, "cancel_url", required=False),
        "client_reference_id": _reference(params),
        "created": now,
        "currency": currency,
        "customer_email": params.get("customer_email"),
        "expires_at": expires_at,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": metadata(params),
        "mode": "payment",
        # The intent is made when the payer submits a card, as at the provider.
        "payment_intent": None,
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "status": "open",
        "success_url": _address(params, "success_url"),
        "ui_mode": params.get("ui_mode", "hosted_page"),
        "url": f"{base_url}/c/pay/{session_id}",
        "_lines": lines,
        "_intent": _intent_data(params),
    }
    save(world, call, session)
    return session


def _reference(params: Json) -> str | None:
    value = params.get("client_reference_id")
    if value is not None and (not isinstance(value, str) or len(value) > 200):
        raise ApiError(400, "Invalid client_reference_id", param="client_reference_id")
    return value


def _address(params: Json, name: str, *, required: bool = True) -> str | None:
    if not required and name not in params:
        return None
    value = string(params, name)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(value) > 5000:
        raise ApiError(400, "Not a valid URL", code="url_invalid", param=name)
    return value


def _intent_data(params: Json) -> Json:
    given = params.get("payment_intent_data") or {}
    if not isinstance(given, dict):
        raise ApiError(400, "Invalid object", param="payment_intent_data")
    method = given.get("capture_method", "automatic_async")
    if method not in ("automatic", "automatic_async", "manual"):
        message = "Invalid capture_method"
        raise ApiError(400, message, param="payment_intent_data[capture_method]")
    return {
        "manual": method == "manual",
        "metadata": metadata(given),
        "description": given.get("description"),
        "receipt_email": given.get("receipt_email"),
        "statement_descriptor": given.get("statement_descriptor"),
    }


def _lines(params: Json) -> tuple[list[Json], str]:
    given = params.get("line_items")
    if not isinstance(given, list) or not given:
        message = "Missing required param: line_items."
        raise ApiError(400, message, code="parameter_missing", param="line_items")
    lines: list[Json] = []
    currencies: set[str] = set()
    for index, line in enumerate(given):
        where = f"line_items[{index}]"
        price = line.get("price_data") if isinstance(line, dict) else None
        product = price.get("product_data") if isinstance(price, dict) else None
        if not isinstance(price, dict) or not isinstance(product, dict):
            raise ApiError(400, "Missing price_data", code="parameter_missing", param=where)
        quantity = integer(line, "quantity", 1, param=f"{where}[quantity]")
        unit = integer(price, "unit_amount", param=f"{where}[price_data][unit_amount]")
        if unit < 0 or quantity < 1:
            raise ApiError(400, "Invalid non-negative integer", param=where)
        currencies.add(string(price, "currency", param=f"{where}[price_data][currency]").lower())
        name = string(product, "name", param=f"{where}[price_data][product_data][name]")
        lines.append({"name": name, "quantity": quantity, "amount_total": unit * quantity})
    if len(currencies) != 1:
        raise ApiError(400, "All lines must have one currency", param="line_items")
    currency = currencies.pop()
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
        raise ApiError(400, f"Invalid currency: {currency[:10]}", param="currency")
    return lines, currency


def read(world: World, call: Call, params: Json, path: Json) -> Json:
    return load(world, call, path["id"])


def expire(world: World, call: Call, params: Json, path: Json) -> Json:
    """Close the page, if it is open and no bank is deciding about a card."""
    only(params, ())
    session = load(world, call, path["id"])
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of {session['status']}."
        )
        raise ApiError(400, message)
    close(world, call, session)
    return session


def close(world: World, call: Call, session: Json) -> None:
    """Expire the session, for the merchant or by time. An unfinished intent ends with it."""
    session |= {"status": "expired", "url": None}
    if session["payment_intent"]:
        intent = payment_intents.load(world, call, session["payment_intent"])
        if intent["status"] in ("requires_payment_method", "requires_action"):
            payment_intents.close(world, call, intent, "automatic")
    save(world, call, session)
    world.emit(call, "checkout.session.expired", session)


def complete(world: World, call: Call, session: Json, intent: Json) -> None:
    """Complete the session after the payer has paid. With manual capture `payment_status` stays
    unpaid."""
    session |= {
        "status": "complete",
        "url": None,
        "payment_status": "paid" if intent["status"] == "succeeded" else "unpaid",
    }
    save(world, call, session)
    world.emit(call, "checkout.session.completed", session)


def settled(world: World, call: Call, intent: Json) -> None:
    """Report the late end of a payment whose session was complete before."""
    if not intent.get("_session"):
        return
    session = load(world, call, intent["_session"])
    end = "failed" if intent["last_payment_error"] else "succeeded"
    world.emit(call, f"checkout.session.async_payment_{end}", session)


def intent_for(world: World, call: Call, session: Json) -> Json:
    """Return the session's intent, which is made at the first submitted card."""
    if session["payment_intent"]:
        return payment_intents.load(world, call, session["payment_intent"])
    more = dict(session["_intent"])
    intent = payment_intents.new_intent(
        world,
        call,
        amount=session["amount_total"],
        currency=session["currency"],
        manual=more.pop("manual"),
        more={**more, "_session": session["id"]},
    )
    session["payment_intent"] = intent["id"]
    save(world, call, session)
    return intent
