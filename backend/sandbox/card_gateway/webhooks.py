"""Webhook endpoints and signed deliveries, retried until a 2xx.

Source: `reference/psp/card-gateway.md` section 6.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from urllib.parse import urlsplit

import httpx

from backend.sandbox.card_gateway import checkout_sessions, payment_intents
from backend.sandbox.card_gateway.storage import Delivery, Json
from backend.sandbox.card_gateway.wire import ApiError, missing, only, public, string
from backend.sandbox.card_gateway.world import Call, World, new_id

log = logging.getLogger(__name__)

GAPS = (1, 2, 5, 15, 60, 300, 1800, 3600, 10800)
"""Seconds until the next try; the last one repeats until GIVE_UP tries were made."""
GIVE_UP = 30
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_CREATE = ["api_version", "description", "enabled_events", "metadata", "url"]


def create(world: World, call: Call, params: Json, path: Json) -> Json:
    """Register an address. Only this answer carries the `secret`."""
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
    """The `Stripe-Signature` header for these bytes at this moment (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"


async def deliver_for_ever(world: World) -> None:
    """Deliver what is due and let time pass for what has a deadline, until cancelled."""
    under_way: set[int] = set()
    tasks: set[asyncio.Task[None]] = set()
    async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as http:
        while True:
            world.woken.clear()
            try:
                pass_time(world)
                for delivery in world.storage.due_deliveries(time.time()):
                    if delivery.seq not in under_way:
                        under_way.add(delivery.seq)
                        task = asyncio.create_task(_deliver(world, http, delivery, under_way))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
            except Exception:
                log.exception("the acquirer's clock tick failed")
            try:
                await asyncio.wait_for(world.woken.wait(), 0.25)
            except TimeoutError:
                continue


async def _deliver(
    world: World, http: httpx.AsyncClient, delivery: Delivery, under_way: set[int]
) -> None:
    try:
        endpoint = world.storage.find("webhook_endpoint", delivery.endpoint)
        event = world.storage.find("event", delivery.event)
        if endpoint is None or event is None:
            world.storage.tried(delivery, "endpoint deleted", None)
            return
        body = json.dumps(event[1], indent=2).encode()
        moment = int(time.time())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "card-gateway-sandbox",
            "Stripe-Signature": sign(endpoint[1]["_secret"], body, moment),
        }
        try:
            response = await http.post(endpoint[1]["url"], content=body, headers=headers)
            status, good = str(response.status_code), response.is_success
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            status, good = type(error).__name__, False
        gap = GAPS[min(delivery.tries, len(GAPS) - 1)]
        again = None if good or delivery.tries + 1 >= GIVE_UP else time.time() + gap
        world.storage.tried(delivery, status, again)
    finally:
        under_way.discard(delivery.seq)


def pass_time(world: World) -> None:
    """What the clock does: sessions expire, holds lapse, late issuers answer."""
    for merchant, subject in world.storage.due(world.now()):
        call = Call(merchant)
        with world.storage.transaction():
            if subject["object"] == "checkout.session":
                _session_over(world, call, subject)
            elif subject["status"] == "processing":
                authorized = world.setting("settle_outcome") == "authorized"
                payment_intents.settle(world, call, subject, authorized=authorized)
                checkout_sessions.settled(world, call, subject)
            else:
                payment_intents.lapse(world, call, subject)


def _session_over(world: World, call: Call, session: Json) -> None:
    checkout_sessions.close(world, call, session)


def resend(world: World, event_id: str) -> int:
    """Deliver an event once more to every endpoint of its merchant; how many those are."""
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
