"""Release what a provider holds for a payment that must not be paid."""

from __future__ import annotations

from backend.psp.protocol import Connector, Outcome, Payment, Result
from backend.rules.money import Money
from backend.rules.payment_attempt import Release, release_of


async def release(connector: Connector, reference: str, key: str, payment: Payment) -> Result:
    """Release the money that is held for a payment, or refund it. `key` is the same each time.

    The outcome is DONE if nothing is held any more, else UNKNOWN. It is UNKNOWN after a refusal
    too, since the next read tells why.
    """
    if payment.outcome is not Outcome.DONE:
        return Result(Outcome.UNKNOWN, reference, message=payment.message, raw=payment.raw)
    needs = release_of(payment.state, captured=payment.captured, refunded=payment.refunded)
    if needs is Release.NOTHING:
        return Result(Outcome.DONE, reference, raw=payment.raw)
    if needs is Release.ABORT:
        result = await connector.abort(reference, f"{key}:abort")
    elif needs is Release.VOID:
        result = await connector.void(reference, key)
    elif needs is Release.REFUND and payment.amount is not None:
        # Direct capture has moved the money already, so it is refunded.
        left = Money(payment.captured - payment.refunded, payment.amount.currency)
        result = await connector.refund(reference, left, f"{key}:{payment.refunded}")
    else:
        # It is not decided yet, so it can neither be voided nor be left alone.
        return Result(Outcome.UNKNOWN, reference, raw=payment.raw)
    if result.outcome is Outcome.DONE:
        return result
    return Result(Outcome.UNKNOWN, reference, message=result.message, raw=result.raw)
