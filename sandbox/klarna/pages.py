"""Hosted page sessions as the API knows them. Source:
`docs/reference/psp/klarna.md#hosted-page`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.common.storage import Json
from sandbox.klarna import payment_sessions
from sandbox.klarna.payment_sessions import checked_urls
from sandbox.klarna.world import ApiError, Call, World, bad_value, iso, new_uuid

FINAL = ("COMPLETED", "CANCELLED", "DISABLED")
_MODES = ("PLACE_ORDER", "CAPTURE_ORDER", "NONE")
_SHOWN = ("status", "order_id", "klarna_reference", "authorization_token", "expires_at")


def load(world: World, call: Call, page_id: str) -> Json:
    page = world.storage.get(call.merchant, "page", page_id)
    if page is None:
        raise ApiError(404, "NOT_FOUND", "Session not found")
    return page


def create(world: World, call: Call, body: Json, path: Json) -> Json:
    url = body.get("payment_session_url")
    host, _, session_id = str(url).rpartition("/payments/v1/sessions/")
    if not isinstance(url, str) or urlsplit(host).netloc != urlsplit(call.base_url).netloc:
        raise bad_value("payment_session_url")
    session = payment_sessions.load(world, call, session_id)
    options = body.get("options") or {}
    if not isinstance(options, dict) or options.get("place_order_mode", "NONE") not in _MODES:
        raise bad_value("options.place_order_mode")
    page_id = new_uuid()
    page: Json = {
        "id": page_id,
        "object": "page",
        "status": "WAITING",
        "expires_at": session["expires_at"],
        "merchant_urls": checked_urls(body),
        "options": options,
        "_session": session_id,
        "_expires": session["_expires"],
    }
    world.storage.put(call.merchant, page)
    if world.faults.take("early"):
        # This looks as if the payer had paid, on a page that nobody has seen yet.
        tell(world, call, page | {"status": "COMPLETED"})
    link = f"{call.base_url}/c/pay/{page_id}"
    return {
        "session_id": page_id,
        "session_url": f"{call.base_url}/hpp/v1/sessions/{page_id}",
        "redirect_url": link,
        "qr_code_url": f"{link}/qr",
        "distribution_url": f"{call.base_url}/hpp/v1/sessions/{page_id}/distribution",
        "expires_at": page["expires_at"],
    }


def read(world: World, call: Call, body: Json, path: Json) -> Json:
    return shown(world, load(world, call, path["id"]))


def shown(world: World, page: Json) -> Json:
    told = {name: page[name] for name in _SHOWN if page.get(name)}
    updated = page.get("_updated", world.now())
    return {"session_id": page["id"], **told, "updated_at": iso(updated)}


def disable(world: World, call: Call, body: Json, path: Json) -> None:
    page = load(world, call, path["id"])
    if page["status"] in ("COMPLETED", "CANCELLED"):
        raise ApiError(400, "BAD_VALUE", "The session is already completed")
    if page["status"] != "DISABLED":
        become(world, call, page, "DISABLED")


def become(world: World, call: Call, page: Json, status: str, **more: Any) -> None:
    """Change the status. The merchant is told once about each status."""
    if page["status"] == status and not more:
        return
    page |= {"status": status, "_updated": world.now(), **more}
    world.storage.put(call.merchant, page)
    tell(world, call, page)


def tell(world: World, call: Call, page: Json) -> None:
    told = {"event_id": new_uuid(), "session": shown(world, page)}
    world.push(call.merchant, page["merchant_urls"].get("status_update"), told)
