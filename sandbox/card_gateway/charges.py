"""Charges: the attempts of an intent with a card, and how each ended.

Source: `docs/reference/psp/stripe.md#payment-intent`.
"""

from __future__ import annotations

from sandbox.card_gateway.cards import TestCard
from sandbox.card_gateway.world import Call, World
from sandbox.common.storage import Json
from sandbox.common.wire import new_id


def of(world: World, call: Call, intent: Json) -> Json:
    """Return the charge of an intent that is authorized."""
    charge = world.storage.get(call.merchant, "charge", intent["latest_charge"])
    if charge is None:
        raise RuntimeError(f"{intent['id']} is authorized without a charge")
    return charge


def new(world: World, intent: Json, card: TestCard, secure: Json) -> Json:
    """Return a charge that succeeded, which is not stored yet. `secure` is `{result, flow}` of the
    authentication."""
    month, year = intent["_expiry"]
    available = "available" if world.setting("multicapture") else "unavailable"
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "captured": False,
        "created": world.now(),
        "currency": intent["currency"],
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": intent["metadata"],
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": new_id("pm"),
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": card.brand,
                "network": card.brand,
                "last4": card.last4,
                "exp_month": month,
                "exp_year": year,
                "country": "NO",
                "funding": "debit" if card.brand == "visa" else "credit",
                "multicapture": {"status": available},
                "capture_before": None,
                "three_d_secure": {
                    "result": secure["result"],
                    "authentication_flow": secure["flow"],
                    "version": "2.2.0",
                },
            },
        },
        "refunded": False,
        "status": "succeeded",
    }


def fail(charge: Json, why: TestCard) -> Json:
    """Make the charge a failed one. Return the error as its intent shows it."""
    charge |= {
        "status": "failed",
        "paid": False,
        "failure_code": why.code,
        "failure_message": why.message,
    }
    error = {
        "type": "card_error",
        "code": why.code,
        "decline_code": why.decline_code,
        "message": why.message,
        "charge": charge["id"],
    }
    return {key: value for key, value in error.items() if value is not None}
