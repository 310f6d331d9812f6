"""Payment intents: try, authenticate, capture, cancel, settle, lapse.

Source: `docs/reference/psp/stripe.md#payment-intent`.
"""

from __future__ import annotations

from sandbox.card_gateway import charges
from sandbox.card_gateway.amounts import check_amount
from sandbox.card_gateway.cards import (
    CARDS,
    PAYMENT_METHODS,
    Behaviour,
    TestCard,
    card_for,
)
from sandbox.card_gateway.wire import (
    ApiError,
    flag,
    integer,
    metadata,
    missing,
    only,
    string,
)
from sandbox.card_gateway.world import Call, World
from sandbox.common.card_form import Expiry
from sandbox.common.storage import Json
from sandbox.common.wire import new_id

HOLD_SECONDS = 7 * 24 * 3600
_CREATE = [
    "amount",
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "confirmation_method",
    "currency",
    "description",
    "error_on_requires_action",
    "metadata",
    "off_session",
    "payment_method",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "return_url",
    "statement_descriptor",
    "statement_descriptor_suffix",
]
_CAPTURE = ["amount_to_capture", "final_capture", "metadata", "statement_descriptor_suffix"]


def load(world: World, call: Call, intent_id: str) -> Json:
    """Return the intent. ApiError 404 if this merchant has no such intent."""
    intent = world.storage.get(call.merchant, "payment_intent", intent_id)
    if intent is None:
        raise missing("payment_intent", intent_id, "intent")
    return intent


def save(world: World, call: Call, intent: Json) -> None:
    """Store the intent, with the time at which the clock must look at it again."""
    due = {
        "processing": intent.get("_settle_at"),
        "requires_capture": intent.get("_capture_before"),
    }.get(intent["status"])
    world.storage.put(call.merchant, intent, due_at=due)


def new_intent(
    world: World, call: Call, *, amount: int, currency: str, manual: bool, more: Json
) -> Json:
    """Return a new intent that waits for a card; `more` are fields given by the merchant."""
    intent_id = new_id("pi")
    intent: Json = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "manual" if manual else "automatic",
        "client_secret": new_id(f"{intent_id}_secret"),
        "confirmation_method": "automatic",
        "created": world.now(),
        "currency": currency,
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "payment_method": None,
        "payment_method_types": ["card"],
        "receipt_email": None,
        "statement_descriptor": None,
        "status": "requires_payment_method",
        **more,
    }
    save(world, call, intent)
    world.emit(call, "payment_intent.created", intent)
    return intent


def create(world: World, call: Call, params: Json, path: Json) -> Json:
    only(params, _CREATE)
    amount = integer(params, "amount")
    if amount <= 0:
        raise ApiError(400, "Invalid positive integer", code="amount_too_small", param="amount")
    check_amount(world, amount, string(params, "currency"), "amount")
    method = params.get("capture_method", "automatic_async")
    if method not in ("automatic", "automatic_async", "manual"):
        raise ApiError(400, "Invalid capture_method", param="capture_method")
    more: Json = {"metadata": metadata(params)}
    for name in ("description", "receipt_email", "statement_descriptor"):
        more[name] = params.get(name)
    intent = new_intent(
        world,
        call,
        amount=amount,
        currency=string(params, "currency").lower(),
        manual=method == "manual",
        more=more,
    )
    if "payment_method" in params:
        intent["_payment_method"] = string(params, "payment_method")
        intent["status"] = "requires_confirmation"
        save(world, call, intent)
    if flag(params, "confirm", False):
        return confirm(world, call, {}, {"id": intent["id"]})
    return intent


def confirm(world: World, call: Call, params: Json, path: Json) -> Json:
    """Try the payment method. A decline is a 402, and what it changed stays."""
    only(params, ("payment_method", "return_url", "off_session", "capture_method"))
    intent = load(world, call, path["id"])
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected(intent, "confirmed")
    name = params.get("payment_method") or intent.get("_payment_method")
    card = PAYMENT_METHODS.get(str(name))
    if card is None:
        raise missing("PaymentMethod", str(name), "payment_method")
    attempt(world, call, intent, card, Expiry(12, 2034))
    if error := intent["last_payment_error"]:
        raise ApiError(
            402,
            error["message"],
            kind="card_error",
            code=error["code"],
            decline_code=error.get("decline_code"),
            charge=error["charge"],
            payment_intent=intent,
            keep=True,
        )
    return intent


def attempt(world: World, call: Call, intent: Json, card: TestCard, expiry: Expiry) -> None:
    """Record the payer's attempt with a card. The intent shows how it ended."""
    intent["last_payment_error"] = None
    intent["_card"] = card.number
    intent["_expiry"] = [expiry.month, expiry.year]
    if card.behaviour is Behaviour.DECLINE:
        _fail(world, call, intent, card)
    elif card.behaviour is Behaviour.CHALLENGE:
        intent["status"] = "requires_action"
        intent["next_action"] = {"type": "use_stripe_sdk"}
        save(world, call, intent)
        world.emit(call, "payment_intent.requires_action", intent)
    elif card.behaviour is Behaviour.TIMEOUT:
        intent["status"] = "processing"
        intent["_settle_at"] = world.now() + int(world.setting("settle_seconds"))
        save(world, call, intent)
        world.emit(call, "payment_intent.processing", intent)
    else:
        result = "attempt_acknowledged" if card.behaviour is Behaviour.ATTEMPT else "authenticated"
        _authorize(world, call, intent, card, {"result": result, "flow": "frictionless"})


def authenticate(world: World, call: Call, intent: Json, *, passed: bool) -> None:
    """End a 3-D Secure challenge."""
    if intent["status"] != "requires_action":
        raise _unexpected(intent, "authenticated")
    card = card_for(intent["_card"])
    intent["next_action"] = None
    if passed:
        _authorize(world, call, intent, card, {"result": "authenticated", "flow": "challenge"})
    else:
        _fail(world, call, intent, CARDS["4000300000000006"])


def settle(world: World, call: Call, intent: Json, *, authorized: bool) -> None:
    """Record the issuer's late answer to an authorization that timed out."""
    if intent["status"] != "processing":
        raise _unexpected(intent, "settled")
    if authorized:
        card = card_for(intent["_card"])
        _authorize(world, call, intent, card, {"result": "authenticated", "flow": "frictionless"})
    else:
        _fail(world, call, intent, CARDS["4000000000000119"])


def capture(world: World, call: Call, params: Json, path: Json) -> Json:
    """Capture all or part; the last capture releases the rest."""
    only(params, _CAPTURE)
    intent = load(world, call, path["id"])
    if intent["status"] != "requires_capture":
        if intent["status"] == "succeeded":
            raise ApiError(
                400,
                "This PaymentIntent could not be captured because it has already been captured.",
                code="payment_intent_unexpected_state",
                payment_intent=intent,
            )
        raise _unexpected(intent, "captured")
    amount = integer(params, "amount_to_capture", intent["amount_capturable"])
    if amount <= 0:
        message = "Invalid positive integer"
        raise ApiError(400, message, code="amount_too_small", param="amount_to_capture")
    if amount > intent["amount_capturable"]:
        message = (
            f"Amount {amount} is more than the remaining"
            f" {intent['amount_capturable']} that can be captured."
        )
        raise ApiError(400, message, code="amount_too_large", param="amount_to_capture")
    final = flag(params, "final_capture", True)
    charge = charges.of(world, call, intent)
    multicapture = charge["payment_method_details"]["card"]["multicapture"]["status"]
    if not final and multicapture != "available":
        message = "This payment cannot be captured several times."
        raise ApiError(400, message, param="final_capture")
    rest = intent["amount_capturable"] - amount
    done = final or rest == 0
    intent["metadata"] |= metadata(params)
    intent["amount_received"] += amount
    intent["amount_capturable"] = 0 if done else rest
    intent["status"] = "succeeded" if done else "requires_capture"
    charge["amount_captured"] += amount
    charge["captured"] = done
    _together(world, call, intent, charge)
    world.emit(call, "charge.captured", charge)
    if done:
        world.emit(call, "payment_intent.succeeded", intent)
    else:
        world.emit(call, "payment_intent.amount_capturable_updated", intent)
    call.late = card_for(intent["_card"]).late == "capture"
    return intent


def cancel(world: World, call: Call, params: Json, path: Json) -> Json:
    """Release the whole hold. This is refused after any capture, and before a page's payer has
    paid."""
    only(params, ("cancellation_reason",))
    intent = load(world, call, path["id"])
    reason = params.get("cancellation_reason")
    reasons = ("abandoned", "duplicate", "fraudulent", "requested_by_customer", None)
    if reason not in reasons:
        raise ApiError(400, "Invalid cancellation_reason", param="cancellation_reason")
    waiting = ("requires_payment_method", "requires_confirmation", "requires_action")
    cancelable = intent["status"] == "requires_capture" and intent["amount_received"] == 0
    if not cancelable and not (intent["status"] in waiting and not intent.get("_session")):
        raise _unexpected(intent, "canceled")
    close(world, call, intent, reason)
    call.late = bool(intent.get("_card")) and card_for(intent["_card"]).late == "cancel"
    return intent


def close(world: World, call: Call, intent: Json, reason: str | None) -> None:
    """Cancel without any check. What was held is released."""
    intent |= {
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": world.now(),
        "cancellation_reason": reason,
        "next_action": None,
    }
    charge = world.storage.get(call.merchant, "charge", intent["latest_charge"] or "")
    if charge is not None and charge["status"] == "succeeded":
        # This is what the provider does: a released hold reads as refunded.
        charge |= {"refunded": True, "amount_refunded": charge["amount"]}
        world.storage.put(call.merchant, charge, parent=intent["id"])
    save(world, call, intent)
    world.emit(call, "payment_intent.canceled", intent)


def lapse(world: World, call: Call, intent: Json) -> None:
    """End the hold. If nothing was captured, the intent is canceled; otherwise the rest is
    released."""
    charge = charges.of(world, call, intent)
    world.emit(call, "charge.expired", charge)
    if intent["amount_received"] == 0:
        close(world, call, intent, "automatic")
        return
    intent |= {"status": "succeeded", "amount_capturable": 0}
    charge["captured"] = True
    _together(world, call, intent, charge)
    world.emit(call, "payment_intent.succeeded", intent)


def _authorize(world: World, call: Call, intent: Json, card: TestCard, secure: Json) -> None:
    charge = charges.new(world, intent, card, secure)
    before = world.now() + HOLD_SECONDS
    manual = intent["capture_method"] == "manual"
    intent |= {
        "status": "requires_capture" if manual else "succeeded",
        "amount_capturable": intent["amount"] if manual else 0,
        "amount_received": 0 if manual else intent["amount"],
        "latest_charge": charge["id"],
        "payment_method": charge["payment_method"],
        "_capture_before": before,
    }
    charge["payment_method_details"]["card"]["capture_before"] = before if manual else None
    charge["captured"] = not manual
    charge["amount_captured"] = intent["amount_received"]
    _together(world, call, intent, charge)
    world.emit(call, "charge.succeeded", charge)
    name = "amount_capturable_updated" if manual else "succeeded"
    world.emit(call, f"payment_intent.{name}", intent)


def _fail(world: World, call: Call, intent: Json, why: TestCard) -> None:
    card = card_for(intent["_card"])
    charge = charges.new(world, intent, card, {"result": "failed", "flow": None})
    error = charges.fail(charge, why)
    intent |= {
        "status": "requires_payment_method",
        "next_action": None,
        "latest_charge": charge["id"],
        "last_payment_error": error,
    }
    _together(world, call, intent, charge)
    world.emit(call, "charge.failed", charge)
    world.emit(call, "payment_intent.payment_failed", intent)


def _together(world: World, call: Call, intent: Json, charge: Json) -> None:
    world.storage.put(call.merchant, charge, parent=intent["id"])
    save(world, call, intent)


def _unexpected(intent: Json, verb: str) -> ApiError:
    message = f"This PaymentIntent's status is {intent['status']}: it could not be {verb}."
    code = "payment_intent_unexpected_state"
    return ApiError(400, message, code=code, payment_intent=intent)
