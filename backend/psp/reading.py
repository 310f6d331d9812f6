"""How answers are read, in the same way for every provider: what a read shows about an earlier
write, and whether a text is a currency's code."""

from __future__ import annotations

from datetime import datetime, timedelta

from backend.psp.protocol import OperationQuery, Outcome, Payment, PaymentState, Result


def is_currency(code: str) -> bool:
    """Return whether a text has the form of an ISO 4217 code, in small or capital letters."""
    return len(code) == 3 and code.isalpha() and code.isascii()


def authorize_by_read(payment: Payment) -> Result:
    """Find out from a read whether the payer's payment took effect. `raw` is the read's."""
    if payment.outcome is not Outcome.DONE:
        # A failed read does not show whether the write took effect.
        return Result(Outcome.UNKNOWN, payment.reference, message=payment.message, raw=payment.raw)
    outcome = {
        PaymentState.AUTHORIZED: Outcome.DONE,
        PaymentState.CAPTURED: Outcome.DONE,
        PaymentState.FAILED: Outcome.REFUSED,
    }.get(payment.state or PaymentState.PENDING, Outcome.UNKNOWN)
    code = "declined" if outcome is Outcome.REFUSED else None
    return Result(outcome, payment.reference, code=code, raw=payment.raw)


def final_refusal(
    result: Result, query: OperationQuery, now: datetime, settle_time: timedelta
) -> Result:
    """Return the `result` of a read, where REFUSED is UNKNOWN while the write may be on its way.

    A write may be on its way until `settle_time` after it was sent.
    """
    if result.outcome is not Outcome.REFUSED or query.sent_at is None:
        return result
    if now - query.sent_at >= settle_time:
        return result
    return Result(Outcome.UNKNOWN, result.reference, message="may be on its way", raw=result.raw)
