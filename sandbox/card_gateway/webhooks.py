"""Webhook endpoints and signed deliveries, retried until a 2xx.

Source: `docs/reference/psp/stripe.md#webhook`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from urllib.parse import urlsplit

from sandbox.card_gateway import checkout_sessions, payment_intents, refunds
from sandbox.card_gateway.wire import ApiError, missing, only, string
from sandbox.card_gateway.world import Call, World
from sandbox.common.deliveries import Retry, Sending
from sandbox.common.storage import Delivery, Json
from sandbox.common.wire import new_id, public

RETRY = Retry(gaps=(1, 2, 5, 15, 60, 300, 1800, 3600, 10800), tries=30)
_CREATE = ["api_version", "description", "enabled_events", "metadata", "url"]


def create(world: World, call: Call, params: Json, path: Json) -> Json:
    """Register an address. Only this answer has the `secret`."""
    only(params, _CREATE)
    url = string(params, "url")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ApiError(400, "Not a valid URL", code="url_invalid", param="url")
    events = params.get("enabled_events")
    if not isinstance(events, list) or not events:
        message = "Missing required param: enabled_events."
        raise ApiError(400, message, code="parameter_missing", param="enabled_events")
    endpoint: Json = {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "created": world.now(),
        "description": params.get("description"),
        "enabled_events": events,
        "livemode": False,
        "metadata": params.get("metadata") or {},
        "status": "enabled",
        "url": url,
        "_secret": new_id("whsec", 32),
    }
    world.storage.put(call.merchant, endpoint)
    return {**endpoint, "secret": endpoint["_secret"]}


def read(world: World, call: Call, params: Json, path: Json) -> Json:
    endpoint = world.storage.get(call.merchant, "webhook_endpoint", path["id"])
    if endpoint is None:
        raise missing("webhook_endpoint", path["id"])
    return endpoint


def delete(world: World, call: Call, params: Json, path: Json) -> Json:
    read(world, call, params, path)
    world.storage.delete(path["id"])
    return {"id": path["id"], "object": "webhook_endpoint", "deleted": True}


def sign(secret: str, body: bytes, moment: int) -> str:
    """Return the `Stripe-Signature` header for these bytes at this moment (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"


def prepare(world: World, delivery: Delivery) -> Sending | None:
    """Return the event for its endpoint, signed now."""
    endpoint = world.storage.find("webhook_endpoint", delivery.endpoint)
    event = world.storage.find("event", delivery.event)
    if endpoint is None or event is None:
        return None
    body = json.dumps(event[1], indent=2).encode()
    secret = new_id("whsec", 32) if delivery.forged else endpoint[1]["_secret"]
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "card-gateway-sandbox",
        "Stripe-Signature": sign(secret, body, int(time.time())),
    }
    return Sending(endpoint[1]["url"], body, headers)


def pass_time(world: World) -> None:
    """Do what is due by the clock: sessions expire, holds lapse, late issuers answer, refunds
    end."""
    for merchant, subject in world.storage.due(world.now()):
        call = Call(merchant)
        with world.storage.transaction():
            if subject["object"] == "checkout.session":
                _session_over(world, call, subject)
            elif subject["object"] == "refund":
                refunds.settle(world, call, subject)
            elif subject["status"] == "processing":
                authorized = world.setting("settle_outcome") == "authorized"
                payment_intents.settle(world, call, subject, authorized=authorized)
                checkout_sessions.settled(world, call, subject)
            else:
                payment_intents.lapse(world, call, subject)


def _session_over(world: World, call: Call, session: Json) -> None:
    checkout_sessions.close(world, call, session)


def resend(world: World, event_id: str) -> int:
    """Deliver an event once more to every endpoint of its merchant. Return the number of
    endpoints."""
    found = world.storage.find("event", event_id)
    if found is None:
        raise missing("event", event_id)
    endpoints = world.storage.newest(
        found[0], "webhook_endpoint", parent=None, after=None, limit=100
    )
    with world.storage.transaction():
        for endpoint in endpoints:
            world.storage.schedule(endpoint["id"], event_id, time.time())
    world.woken.set()
    return len(endpoints)


def described(world: World, event: Json) -> Json:
    return {**public(event), "deliveries": world.storage.deliveries_of(event["id"])}
