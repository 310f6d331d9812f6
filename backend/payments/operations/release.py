"""Release what a provider holds for a payment that must not be paid."""

from __future__ import annotations

from backend.psp.protocol import Connector, Outcome, Payment, PaymentState, Result
from backend.rules.money import Money


async def release(connector: Connector, reference: str, key: str, payment: Payment) -> Result:
    """Release the money that is held for a payment, or refund it. `key` is the same each time.

    The outcome is DONE if nothing is held any more, else UNKNOWN. It is UNKNOWN after a refusal
    too, since the next read tells why.
    """
    if payment.outcome is not Outcome.DONE:
        return Result(Outcome.UNKNOWN, reference, message=payment.message, raw=payment.raw)
    if payment.state is PaymentState.OPEN:
        result = await connector.abort(reference, f"{key}:abort")
    elif payment.state is PaymentState.AUTHORIZED:
        result = await connector.void(reference, key)
    elif payment.state is PaymentState.CAPTURED and payment.amount is not None:
        # Direct capture has moved the money already, so it is refunded.
        left = Money(payment.captured - payment.refunded, payment.amount.currency)
        if left.amount == 0:
            return Result(Outcome.DONE, reference, raw=payment.raw)
        result = await connector.refund(reference, left, f"{key}:{payment.refunded}")
    elif payment.state is PaymentState.FAILED:
        return Result(Outcome.DONE, reference, raw=payment.raw)
    else:
        # It is not decided yet, so it can neither be voided nor be left alone.
        return Result(Outcome.UNKNOWN, reference, raw=payment.raw)
    if result.outcome is Outcome.DONE:
        return result
    return Result(Outcome.UNKNOWN, reference, message=result.message, raw=result.raw)
