"""Callbacks, and what is due by the clock. Source: `docs/reference/psp/klarna.md#hosted-page`."""

from __future__ import annotations

import json

from sandbox.common.deliveries import Retry, Sending
from sandbox.common.storage import Delivery
from sandbox.klarna import orders
from sandbox.klarna.world import Call, World

# There are four calls in all.
RETRY = Retry(gaps=(1, 2, 4), tries=4)


def prepare(world: World, delivery: Delivery) -> Sending | None:
    """Return the call. It is not signed: only what the merchant put into the address proves it, and
    a forged one does not have that."""
    event = world.storage.find("event", delivery.event)
    if event is None:
        return None
    url = delivery.endpoint.partition("?")[0] if delivery.forged else delivery.endpoint
    headers = {"Content-Type": "application/json", "User-Agent": "klarna-sandbox"}
    return Sending(url, json.dumps(event[1]["told"]).encode(), headers)


def pass_time(world: World) -> None:
    """Do what is due by the clock: risks are decided, authorizations lapse."""
    for merchant, order in world.storage.due(world.now()):
        call = Call(merchant)
        with world.storage.transaction():
            if order["_decided"]:
                orders.decide(world, call, order, str(world.setting("fraud_outcome")))
            else:
                orders.lapse(world, call, order)
