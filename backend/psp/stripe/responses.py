"""The card gateway's objects, read into our types. Pure: no I/O.

Any field may be missing in a provider's answer. Nothing here raises an error for that.

Source: `docs/reference/psp/stripe.md#checkout-session`, `#payment-intent`, `#errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.psp.http import Answer, mapping, number, text
from backend.psp.protocol import (
    OperationQuery,
    Outcome,
    Payment,
    PaymentCard,
    PaymentState,
    Result,
)
from backend.psp.reading import is_currency
from backend.rules.money import Money

_DECLINED = {
    "insufficient_funds": "insufficient_funds",
    "expired_card": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "invalid_cvc": "incorrect_cvc",
    "payment_intent_authentication_failure": "authentication_failed",
    "processing_error": "processing_error",
}


def intent_of(session: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the expanded intent; empty if the payer has not submitted anything yet."""
    return mapping(session.get("payment_intent"))


def captured_amount(intent: Mapping[str, Any]) -> int:
    return max(number(intent.get("amount_received")), 0)


def to_payment(reference: str, session: Mapping[str, Any], raw: Mapping[str, Any]) -> Payment:
    """Return a session with expanded intent and charge as a Payment; UNKNOWN if unreadable."""
    intent = intent_of(session)
    amount = number(intent.get("amount") if intent else session.get("amount_total"))
    currency = ((text(intent.get("currency")) or text(session.get("currency"))) or "").upper()
    state = _state(session, intent)
    known = is_currency(currency)
    unexpanded = session.get("payment_intent") is not None and not intent
    if state is None or amount < 0 or not known or unexpanded:
        return Payment(Outcome.UNKNOWN, reference=reference, message="unreadable answer", raw=raw)
    charge = mapping(intent.get("latest_charge"))
    details = mapping(mapping(charge.get("payment_method_details")).get("card"))
    held = state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)
    capturable = number(intent.get("amount_capturable")) if intent else 0
    return Payment(
        Outcome.DONE,
        state=state,
        reference=reference,
        amount=Money(amount, currency),
        captured=captured_amount(intent),
        # The provider reports a released hold as refunded. Only what was captured counts.
        refunded=min(max(number(charge.get("amount_refunded")), 0), captured_amount(intent)),
        capturable=max(capturable, 0),
        multi_capture=mapping(details.get("multicapture")).get("status") == "available",
        declined=None if held else declined_reason(mapping(intent.get("last_payment_error"))),
        card=_card(details) if held else None,
        raw=raw,
    )


def _state(session: Mapping[str, Any], intent: Mapping[str, Any]) -> PaymentState | None:
    page, status = session.get("status"), intent.get("status")
    if page not in ("open", "complete", "expired"):
        return None
    if not intent:
        return {"open": PaymentState.OPEN, "expired": PaymentState.FAILED}.get(
            page, PaymentState.PENDING
        )
    if status in ("requires_payment_method", "requires_confirmation"):
        # Another card can be tried only while the page is open.
        return PaymentState.OPEN if page == "open" else PaymentState.FAILED
    if status == "requires_action":
        # A challenge waits for the payer. It can be finished, and it can be aborted.
        return {"open": PaymentState.OPEN, "expired": PaymentState.FAILED}.get(
            page, PaymentState.PENDING
        )
    if status == "canceled":
        return PaymentState.CAPTURED if captured_amount(intent) else PaymentState.FAILED
    return {
        "processing": PaymentState.PENDING,
        "requires_capture": PaymentState.AUTHORIZED,
        "succeeded": PaymentState.CAPTURED,
    }.get(str(status))


def declined_reason(error: Mapping[str, Any]) -> str | None:
    """Return why the payer's last attempt failed, in the protocol's codes; None if none failed.

    Lost, stolen and suspected fraud are told as a plain decline.
    """
    if not error:
        return None
    for name in (text(error.get("decline_code")), text(error.get("code"))):
        if name in _DECLINED:
            return _DECLINED[name]
    return "declined"


def refund_result(
    reference: str, refund: Mapping[str, Any], amount: Money, raw: Mapping[str, Any]
) -> Result:
    """Return a refund object as the end of a refund of `amount`."""
    if number(refund.get("amount")) != amount.amount:
        return Result(Outcome.UNKNOWN, reference, message="another amount", raw=raw)
    status = refund.get("status")
    if status == "succeeded":
        return Result(Outcome.DONE, reference, raw=raw)
    if status in ("failed", "canceled"):
        message = text(refund.get("failure_reason"))
        return Result(Outcome.REFUSED, reference, code="declined", message=message, raw=raw)
    return Result(Outcome.UNKNOWN, reference, message=text(refund.get("pending_reason")), raw=raw)


def _card(details: Mapping[str, Any]) -> PaymentCard | None:
    last4 = text(details.get("last4"))
    if last4 is None:
        return None
    month, year = number(details.get("exp_month")), number(details.get("exp_year"))
    return PaymentCard(
        brand=text(details.get("brand")) or "unknown",
        masked_pan=f"**** **** **** {last4[-4:]}",
        expiry_date=f"{month:02d}/{year:04d}" if month > 0 and year > 0 else "",
        type=text(details.get("funding")),
        country=text(details.get("country")),
    )


def created_result(session: Mapping[str, Any], raw: Mapping[str, Any], amount: Money) -> Result:
    """Return a session object as the end of a create of `amount`."""
    reference, url = text(session.get("id")), text(session.get("url"))
    currency = (text(session.get("currency")) or "").upper()
    if not reference:
        return Result(Outcome.UNKNOWN, message="unreadable answer", raw=raw)
    if number(session.get("amount_total")) != amount.amount or currency != amount.currency:
        return Result(Outcome.REFUSED, reference, code="amount", message="another amount", raw=raw)
    if not url and session.get("status") == "expired":
        return Result(Outcome.REFUSED, reference, code="not_allowed", message="closed", raw=raw)
    if not url and session.get("status") == "complete":
        # It was found again after it was paid. There is nothing to show, and a read decides.
        return Result(Outcome.DONE, reference, raw=raw)
    if not url or not url.startswith(("https://", "http://")):
        return Result(Outcome.UNKNOWN, reference, message="unreadable address", raw=raw)
    return Result(Outcome.DONE, reference, redirect_url=url, raw=raw)


def abort_by_read(reference: str, payment: Payment, answer: Answer) -> Result:
    """Return the end of an expiry that was refused with `answer`, by a read made after it."""
    if payment.outcome is not Outcome.DONE:
        return Result(Outcome.UNKNOWN, reference, message=payment.message, raw=payment.raw)
    if payment.state is PaymentState.FAILED:
        return Result(Outcome.DONE, reference, raw=payment.raw)
    return Result(
        Outcome.REFUSED, reference, code="not_allowed", message=answer.message, raw=answer.raw
    )


def authorize_by_read(payment: Payment) -> Result:
    """Return whether the payer's payment took effect."""
    outcome = {
        PaymentState.AUTHORIZED: Outcome.DONE,
        PaymentState.CAPTURED: Outcome.DONE,
        PaymentState.FAILED: Outcome.REFUSED,
    }.get(payment.state or PaymentState.PENDING, Outcome.UNKNOWN)
    code = "declined" if outcome is Outcome.REFUSED else None
    return Result(outcome, payment.reference, code=code, raw=payment.raw)


def capture_by_read(
    query: OperationQuery, intent: Mapping[str, Any], raw: Mapping[str, Any]
) -> Result:
    """Find out a capture's end by what was captured since. Another amount than asked stays
    UNKNOWN."""
    since = captured_amount(intent) - query.captured_before
    if since >= query.amount.amount:
        return Result(Outcome.DONE, query.reference, raw=raw)
    if since == 0 and intent.get("status") != "processing":
        return Result(Outcome.REFUSED, query.reference, code="invalid", message="none", raw=raw)
    return Result(Outcome.UNKNOWN, query.reference, message="another amount", raw=raw)


def void_by_read(
    query: OperationQuery, intent: Mapping[str, Any], raw: Mapping[str, Any]
) -> Result:
    """Find out a void's end by the intent's status."""
    status = intent.get("status")
    if status == "canceled":
        return Result(Outcome.DONE, query.reference, raw=raw)
    if status == "processing":
        return Result(Outcome.UNKNOWN, query.reference, raw=raw)
    return Result(Outcome.REFUSED, query.reference, code="not_allowed", raw=raw)


def over_refund(answer: Answer) -> Answer:
    """Recognize a refund that is too large. It has no code of its own, only a message. No other
    field of ours can be wrong because of an amount, so a refusal that names `amount` is one."""
    error = mapping(answer.raw.get("error"))
    if answer.code != "invalid" or (
        error.get("param") != "amount" and "greater than unrefunded" not in (answer.message or "")
    ):
        return answer
    return Answer(
        answer.outcome, status=answer.status, code="amount", message=answer.message, raw=answer.raw
    )
