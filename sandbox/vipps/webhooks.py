"""Webhooks: registered addresses, signed deliveries, later ones held back behind a failed one.

Source: `docs/reference/psp/vipps.md#webhook`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from email.utils import formatdate
from urllib.parse import urlsplit

from sandbox.common.deliveries import Held, Retry, Sending
from sandbox.common.storage import Delivery, Json
from sandbox.vipps.world import ApiError, Call, World, bad_value, new_uuid

RETRY = Retry(gaps=(1, 2, 5, 10, 60, 300, 3600), tries=20)
NAMES = (
    "created", "aborted", "expired", "cancelled", "captured", "refunded", "authorized",
    "terminated",
)  # fmt: skip
_EVENTS = frozenset(f"epayments.payment.{name}.v1" for name in NAMES)
_MAX_WEBHOOKS = 25
_LOCAL = ("127.0.0.1", "localhost", "::1")


def create(world: World, call: Call, body: Json, path: Json) -> Json:
    """Register an address. Only this answer has the `secret`."""
    url, events = body.get("url"), body.get("events")
    parts = urlsplit(url) if isinstance(url, str) else None
    secure = parts is not None and parts.scheme == "https" and parts.hostname
    if not secure and (parts is None or parts.hostname not in _LOCAL):
        raise bad_value("url", "must be https")
    if not isinstance(events, list) or not events or not set(events) <= _EVENTS:
        raise bad_value("events", "must name events that there are")
    known = _all(world, call)
    for event in events:
        if sum(event in one["events"] for one in known) >= _MAX_WEBHOOKS:
            raise ApiError(
                400, "Bad Request", f"There are {_MAX_WEBHOOKS} webhooks for {event} already."
            )
    webhook: Json = {
        "id": new_uuid(),
        "object": "webhook",
        "url": url,
        "events": events,
        "_secret": secrets.token_urlsafe(48),
    }
    world.storage.put(call.merchant, webhook)
    return {"id": webhook["id"], "secret": webhook["_secret"]}


def list_all(world: World, call: Call, body: Json, path: Json) -> Json:
    return {"webhooks": [_shown(one) for one in _all(world, call)]}


def delete(world: World, call: Call, body: Json, path: Json) -> None:
    if world.storage.get(call.merchant, "webhook", path["id"]) is None:
        raise ApiError(404, "Not Found", "There is no webhook with that id.")
    world.storage.delete(path["id"])


def _all(world: World, call: Call) -> list[Json]:
    return world.storage.newest(call.merchant, "webhook", parent=None, after=None, limit=1000)


def _shown(webhook: Json) -> Json:
    return {name: webhook[name] for name in ("id", "url", "events")}


def tell(world: World, call: Call, payment: Json, entry: Json) -> None:
    """Write an event and its deliveries, in the same transaction as what they report."""
    kind = f"epayments.payment.{entry['name'].lower()}.v1"
    event: Json = {
        "id": new_uuid(),
        "object": "event",
        "told": {"msn": payment["_msn"], **entry},
    }
    targets = [one["id"] for one in _all(world, call) if kind in one["events"]]
    world.storage.put(call.merchant, event, parent=payment["id"])
    world.notify(targets, event["id"])


def prepare(world: World, delivery: Delivery) -> Sending | None:
    """Return the event for its webhook, signed now. It is held while an earlier one of the payment
    has failed and has not arrived since."""
    webhook = world.storage.find("webhook", delivery.endpoint)
    event = world.storage.find("event", delivery.event)
    if webhook is None or event is None:
        return None
    if world.storage.has_failed_before(delivery):
        raise Held
    body = json.dumps(event[1]["told"]).encode()
    secret = secrets.token_urlsafe(48) if delivery.forged else webhook[1]["_secret"]
    url = webhook[1]["url"]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "vipps-sandbox",
        **sign(secret, url, body, time.time()),
    }
    return Sending(url, body, headers)


def sign(secret: str, url: str, body: bytes, moment: float) -> dict[str, str]:
    """Return the headers of a signed delivery."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    date = formatdate(moment, usegmt=True)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    signed = f"POST\n{path}\n{date};{parts.netloc};{digest}"
    made = base64.b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())
    return {
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        f"&Signature={made.decode()}",
    }
