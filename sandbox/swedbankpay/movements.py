"""Operations after the payment: captures, reversals, cancellations, and what is left for each.

Source: `docs/reference/psp/swedbankpay.md#operations-after-the-payment`.
"""

from __future__ import annotations

from sandbox.common.storage import Json
from sandbox.swedbankpay.orders import check_lines, moved, save, use_reference
from sandbox.swedbankpay.problems import Problem, missing, wrong
from sandbox.swedbankpay.world import World


def total(order: Json, *kinds: str) -> int:
    return sum(one["amount"] for one in order["_movements"] if one["type"] in kinds)


def left(order: Json) -> dict[str, int]:
    """Return what is left for a capture, a cancellation and a reversal, in minor units."""
    if order["status"] not in ("Paid", "Reversed", "Cancelled"):
        return {"capture": 0, "cancel": 0, "reversal": 0}
    taken = total(order, "Capture", "Sale")
    held = total(order, "Authorization") - total(order, "Capture") - total(order, "Cancellation")
    coming = sum(one["amount"] for one in order["_pending"])
    return {
        "capture": max(held, 0),
        "cancel": max(held, 0),
        "reversal": taken - total(order, "Reversal") - coming,
    }


def capture(world: World, merchant: str, order: Json, body: Json) -> int:
    return _take(world, merchant, order, body, "capture", "Capture")


def reverse(world: World, merchant: str, order: Json, body: Json) -> int:
    return _take(world, merchant, order, body, "reversal", "Reversal")


def cancel(world: World, merchant: str, order: Json, body: Json) -> int:
    """Release all that is not captured."""
    given = _transaction(body)
    amount = left(order)["cancel"]
    if not amount:
        raise missing()
    reference = use_reference(world, merchant, given)
    moved(world, order, "Cancellation", amount, reference, given["description"])
    if not total(order, "Capture"):
        order["status"] = "Cancelled"
    save(world, merchant, order)
    world.call_back(merchant, order)
    return 200


def _take(world: World, merchant: str, order: Json, body: Json, verb: str, kind: str) -> int:
    given, maximum = _transaction(body), left(order)[verb]
    if not maximum:
        raise missing()
    failures = order["_failures"]
    if failures[verb] >= world.setting("failures_until_locked"):
        raise Problem(403, "forbidden", f"Locked after {failures[verb]} failed tries in a row")
    amount = given.get("amount")
    if type(amount) is not int or amount <= 0 or type(given.get("vatAmount")) is not int:
        raise wrong("Transaction.Amount", "positive integers of minor units")
    check_lines(amount, given.get("orderItems") or [])
    if amount > maximum:
        failures[verb] += 1
        save(world, merchant, order)
        message = f"{amount} is more than the {maximum} that is left"
        raise Problem(400, "inputerror", message, name="Transaction.Amount", keep=True)
    reference = use_reference(world, merchant, given)
    failures[verb] = 0
    status = 200
    if verb == "reversal" and world.setting("slow_reversals"):
        due = world.now() + int(world.setting("reversal_seconds"))
        order["_pending"].append(
            {
                "amount": amount,
                "payeeReference": reference,
                "due": due,
                "description": given["description"],
            }
        )
        status = 202
    else:
        moved(world, order, kind, amount, reference, given["description"])
    _reversed(order)
    save(world, merchant, order)
    world.call_back(merchant, order)
    return status


def _reversed(order: Json) -> None:
    taken = total(order, "Capture", "Sale")
    if taken and total(order, "Reversal") == taken and not left(order)["capture"]:
        order["status"] = "Reversed"


def _transaction(body: Json) -> Json:
    given = body.get("transaction")
    if not isinstance(given, dict):
        raise wrong("Transaction", "required")
    if not isinstance(given.get("description"), str) or not given["description"]:
        raise wrong("Transaction.Description", "required")
    return given


def pass_time(world: World) -> None:
    """Do what is due by the clock: slow refunds arrive, and an authorization that nobody captured
    lapses."""
    for merchant, order in world.storage.due(world.now()):
        with world.storage.transaction():
            now = world.now()
            for one in [one for one in order["_pending"] if one["due"] <= now]:
                order["_pending"].remove(one)
                moved(world, order, "Reversal", one["amount"], one["payeeReference"])
            lapsed = order["_lapses_at"] is not None and order["_lapses_at"] <= now
            if lapsed:
                order["_lapses_at"] = None
            if lapsed and left(order)["cancel"]:
                moved(world, order, "Cancellation", left(order)["cancel"], "lapsed")
                order["status"] = "Paid" if total(order, "Capture") else "Cancelled"
            _reversed(order)
            save(world, merchant, order)
            world.call_back(merchant, order)
