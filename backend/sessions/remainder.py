"""How a remainder that no payment option takes is reported: for programs, and in words.

See `backend.rules.remainder`. All amounts are minor units of the session's currency.
"""

from __future__ import annotations

from typing import Any

from backend.rules.remainder import Remainder, Verdict

_WAY_ON = {
    Verdict.NO_OPTION: "the session has no payment option for the rest",
    Verdict.USE_LESS: "{usable} of the gift card leave exactly the minimum",
    Verdict.USE_ALL: "the gift card can pay all of it, {usable}",
    Verdict.REMOVE_CARD: "without the gift card the order can be paid",
    Verdict.ORDER_TOO_SMALL: "only a gift card that covers the whole order can pay it",
}


def serialize_remainder(judged: Remainder) -> dict[str, Any]:
    """Return the verdict for programs. `reason` is a verdict of `backend.rules.remainder`.
    `gift_card_amount` is a share of the gift card with which the order can be paid, or null."""
    return {
        "reason": judged.verdict.value,
        "amount": judged.to_pay,
        "minimum": judged.minimum,
        "gift_card_amount": judged.usable,
    }


def remainder_text(judged: Remainder, minimum: int | None = None) -> str:
    """Return the verdict in English, for a developer. `minimum` is that of one option, else of
    all."""
    smallest = judged.minimum if minimum is None else minimum
    said = (
        f"{judged.to_pay} is left to pay, less than the smallest amount that is taken, {smallest}"
    )
    way_on = _WAY_ON.get(judged.verdict)
    return f"{said}: {way_on.format(usable=judged.usable)}" if way_on else said
