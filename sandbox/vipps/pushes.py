"""Pushes to the app. Every one that was asked for is recorded. And what is due by the clock."""

from __future__ import annotations

from sandbox.common.storage import Json
from sandbox.vipps import payments
from sandbox.vipps.world import ApiError, Call, World, new_uuid


def record(world: World, call: Call, body: Json) -> None:
    """Record that a push was asked for, whether it was carried out or not."""
    if body.get("userFlow") != "PUSH_MESSAGE":
        return
    customer = body.get("customer")
    asked: Json = {
        "id": new_uuid(),
        "object": "push",
        "reference": str(body.get("reference")),
        "phoneNumber": str(customer.get("phoneNumber")) if isinstance(customer, dict) else None,
        "merchant": call.merchant,
        "at": world.moment(),
    }
    with world.storage.transaction():
        world.storage.put(call.merchant, asked)


def recorded(world: World) -> list[Json]:
    """List all pushes, newest first, with the `state` of those that made a payment."""
    found = [one for _, one in world.storage.all("push")][::-1]
    for one in found:
        payment = world.storage.find("payment", f"{one['merchant']}.{one['reference']}")
        one["state"] = payment[1]["state"] if payment else None
    return found


def waiting(world: World) -> list[Json]:
    """Return the payments that the app on some phone asks about now."""
    return [
        payment
        for _, payment in world.storage.all("payment")[::-1]
        if payment["userFlow"] == "PUSH_MESSAGE" and payments.can_answer(world, payment)
    ]


def force(world: World, call: Call, body: Json, path: Json) -> None:
    """Approve for the payer. This is the provider's own call, for tests alone."""
    payment = payments.load(world, call, path["reference"])
    if not payments.can_answer(world, payment):
        raise ApiError(400, "Bad Request", "The payment cannot be approved any more.")
    call.key = None
    payments.approve(world, call, payment)


def pass_time(world: World) -> None:
    """Do what is due by the clock: payments that nobody answered expire."""
    for merchant, payment in world.storage.due(world.now()):
        with world.storage.transaction():
            payments.expire(world, Call(merchant), payment)
