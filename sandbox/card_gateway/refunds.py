"""Refunds. One may end later than its answer, and one that succeeded may still fail.

Source: `docs/reference/psp/stripe.md#payment-intent`.
"""

from __future__ import annotations

from sandbox.card_gateway import payment_intents
from sandbox.card_gateway.cards import card_for
from sandbox.card_gateway.wire import ApiError, integer, metadata, missing, only, string
from sandbox.card_gateway.world import Call, World
from sandbox.common.storage import Json
from sandbox.common.wire import new_id

_CREATE = ["amount", "charge", "metadata", "payment_intent", "reason", "refund_application_fee"]
_REASONS = ("duplicate", "fraudulent", "requested_by_customer", None)


def create(world: World, call: Call, params: Json, path: Json) -> Json:
    """Refund all or part of what was captured."""
    only(params, _CREATE)
    if params.get("reason") not in _REASONS:
        raise ApiError(400, "Invalid reason", param="reason")
    charge = _charge(world, call, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise ApiError(400, message, code="charge_already_refunded")
    amount = integer(params, "amount", left)
    if amount <= 0:
        raise ApiError(400, "Invalid positive integer", param="amount")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise ApiError(400, message, param="amount")
    intent = payment_intents.load(world, call, charge["payment_intent"])
    card = card_for(intent["_card"])
    refund: Json = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "metadata": metadata(params),
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
        "status": "succeeded",
    }
    if card.refunds == "pending":
        refund |= {"status": "pending", "pending_reason": "processing"}
    due = None if card.refunds == "at_once" else world.now() + int(world.setting("refund_seconds"))
    _add_to_refunded(charge, amount)
    world.storage.put(call.merchant, charge, parent=charge["payment_intent"])
    world.storage.put(call.merchant, refund, parent=charge["payment_intent"], due_at=due)
    world.emit(call, "refund.created", refund)
    world.emit(call, "charge.refunded", charge)
    call.late = card.late == "refund"
    return refund


def _add_to_refunded(charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = (
        charge["captured"] and charge["amount_refunded"] == charge["amount_captured"]
    )


def settle(world: World, call: Call, refund: Json) -> None:
    """End a refund: a pending one arrives, or one that succeeded is reversed."""
    if refund["status"] == "pending":
        refund = {**refund, "status": "succeeded", "pending_reason": None}
        kinds = ["refund.updated"]
    else:
        refund = {**refund, "status": "failed", "failure_reason": "expired_or_canceled_card"}
        kinds = ["refund.updated", "refund.failed"]
        charge = world.storage.get(call.merchant, "charge", refund["charge"])
        assert charge is not None
        _add_to_refunded(charge, -refund["amount"])
        world.storage.put(call.merchant, charge, parent=charge["payment_intent"])
    world.storage.put(call.merchant, refund, parent=refund["payment_intent"])
    for kind in kinds:
        world.emit(call, kind, refund)


def read(world: World, call: Call, params: Json, path: Json) -> Json:
    refund = world.storage.get(call.merchant, "refund", path["id"])
    if refund is None:
        raise missing("refund", path["id"])
    return refund


def _charge(world: World, call: Call, params: Json) -> Json:
    if "charge" in params:
        charge_id = string(params, "charge")
    else:
        intent_id = string(params, "payment_intent")
        intent = payment_intents.load(world, call, intent_id)
        charge_id = intent["latest_charge"]
        if not intent["amount_received"]:
            message = f"This PaymentIntent ({intent_id}) does not have a successful charge."
            code = "payment_intent_unexpected_state"
            raise ApiError(400, message, code=code, param="payment_intent")
    charge = world.storage.get(call.merchant, "charge", charge_id)
    if charge is None:
        raise missing("charge", charge_id, "charge")
    if not charge["amount_captured"]:
        raise ApiError(400, "This charge has not been captured.", code="charge_not_refundable")
    return charge
