"""The payment window's order, made by a payment request or by a bare session. The page is the same.

A session (`/sessions`, `/checkout`) can be neither read nor withdrawn; a payment request can.

Source: `docs/reference/psp/bambora.md#creating-a-session`, `#payment-requests`.
"""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import urlsplit

from sandbox.bambora import callbacks
from sandbox.bambora.world import Call, Refused, World
from sandbox.common.storage import Json

_METHODS = ("paymentcard", "vipps", "mobilepay", "applepay", "googlepay")


def create(world: World, call: Call, body: Json, path: Json) -> Json:
    parameters = body.get("parameters")
    if not isinstance(parameters, dict):
        raise _wrong("parameters")
    window = _open(world, call, parameters, str(body.get("description") or ""))
    window |= {"reference": body.get("reference"), "_request": True}
    world.storage.put(call.merchant, window)
    if world.faults.take("early"):
        # This looks as if the payer had paid, on a page that nobody has seen yet.
        callbacks.tell(world, call.merchant, window, None)
    return {"id": window["id"], "url": window["url"]}


def create_session(world: World, call: Call, body: Json, path: Json) -> Json:
    """Create a session from either of the older forms: `order.amount` with `url.cancel`, or
    `order.total` with `url.decline`."""
    window = _open(world, call, body, "")
    world.storage.put(call.merchant, window)
    return {"token": window["id"], "url": window["url"]}


def _open(world: World, call: Call, parameters: Json, description: str) -> Json:
    order, urls = parameters.get("order"), parameters.get("url")
    if not isinstance(order, dict) or not isinstance(urls, dict):
        raise _wrong("order" if not isinstance(order, dict) else "url")
    order_id = order.get("id") or order.get("ordernumber")
    if not isinstance(order_id, str) or not re.fullmatch(r"[A-Za-z0-9]{1,20}", order_id):
        raise _wrong("order.id")
    currency = order.get("currency")
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
        raise _wrong("order.currency")
    amount = _amount(order)
    if amount < world.minimum(currency) or world.is_too_large(amount):
        raise Refused("34", f"The amount {amount} is not accepted.")
    token = secrets.token_hex(16)
    return {
        "id": token,
        "object": "window",
        "status": "open",
        "createddate": world.now(),
        "description": description or f"Order {order_id}",
        "reference": None,
        "parameters": parameters,
        "url": f"{call.base_url}/{token}",
        "_request": False,
        "_order": order_id,
        "_amount": amount,
        "_currency": currency,
        "_accept": _address(urls, "accept"),
        "_decline": _address(urls, "decline", "cancel"),
        "_callbacks": _callbacks(urls),
        "_language": _language(parameters),
        "_method": _method(parameters),
        "_transactions": [],
        "_card": None,
    }


def _wrong(name: str) -> Refused:
    return Refused("10", f"The value of {name} is missing or not valid.")


def _amount(order: Json) -> int:
    """Return the amount, which is a number or a text. Both are in use."""
    value: Any = order.get("amount", order.get("total"))
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise _wrong("order.amount")
    return value


def _address(urls: Json, *names: str) -> str:
    value = next((urls[name] for name in names if urls.get(name)), "")
    if not isinstance(value, str) or urlsplit(value).scheme not in ("http", "https"):
        raise _wrong(f"url.{names[0]}")
    return value


def _callbacks(urls: Json) -> list[str]:
    given = urls.get("callbacks") or []
    if not isinstance(given, list):
        raise _wrong("url.callbacks")
    return [_address(one, "url") for one in given if isinstance(one, dict)]


def _language(parameters: Json) -> str:
    window = parameters.get("paymentwindow")
    given = window.get("language") if isinstance(window, dict) else parameters.get("language")
    return given if isinstance(given, str) else "en-GB"


def _method(parameters: Json) -> str:
    """Return the method that is shown: one of those included, else a card."""
    window = parameters.get("paymentwindow")
    given = window.get("paymentmethods") if isinstance(window, dict) else None
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and one.get("action") == "include":
            if one.get("id") not in _METHODS:
                raise _wrong("paymentwindow.paymentmethods")
            return str(one["id"])
    return _METHODS[0]


def load(world: World, call: Call, path: Json) -> Json:
    window = world.storage.get(call.merchant, "window", path["id"])
    if window is None or not window["_request"]:
        raise Refused("20", "There is no such payment request.")
    return window


def read(world: World, call: Call, body: Json, path: Json) -> Json:
    return _told(world, load(world, call, path))


def listed(world: World, call: Call, body: Json, path: Json) -> Json:
    rows = world.storage.newest(call.merchant, "window", parent=None, after=None, limit=100)
    return {"paymentrequests": [_told(world, row) for row in rows if row["_request"]]}


def _told(world: World, window: Json) -> Json:
    told = {name: value for name, value in window.items() if name != "object"}
    if world.setting("tells_transactions"):
        told["transactions"] = [{"id": one} for one in window["_transactions"]]
    return told


def withdraw(world: World, call: Call, body: Json, path: Json) -> Json:
    """Withdraw an open request, so that nobody can pay it any more."""
    window = load(world, call, path)
    if window["status"] != "open":
        raise Refused("21", f"This payment request is {window['status']}.")
    world.storage.put(call.merchant, window | {"status": "deleted", "_card": None})
    return {}
