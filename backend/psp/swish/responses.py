"""Swish's payment requests and refunds, read into our types. Pure: no I/O.

Any field may be missing in a provider's answer. Nothing here raises an error for that.

Source: `docs/reference/psp/swish.md`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from backend.psp.http import text
from backend.psp.protocol import Outcome, Payment, PaymentState, Result
from backend.psp.reading import is_currency
from backend.psp.swish.client import REFUSALS, TIMED_OUT, UNDECIDED
from backend.rules.money import Money

CURRENCY = "SEK"
MIN_AMOUNT = 100
MAX_AMOUNT = 99_999_999_999_999
"""Minor units: amounts go from 1.00 to 999999999999.99."""
_UUID = re.compile(r"[0-9A-F]{32}")
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
_PHONE = re.compile(r"46[1-9][0-9]{6,12}")
_NOT_IN_A_MESSAGE = re.compile(r"[^A-Za-z0-9 åäöÅÄÖ!?=#$%&()*+,./:;<'\"@-]+")
_LONGEST_MESSAGE = 50
_OVER = frozenset({"CANCELLED", "DECLINED", "ERROR"})
_WORKING = frozenset({"CREATED", "INITIATED", "VALIDATED", "DEBITED"})
_DECLINED = {
    "BANKIDCL": "authentication_failed",
    "BANKIDONGOING": "authentication_failed",
    "BANKIDUNKN": "authentication_failed",
    "FF10": "processing_error",
}


def instruction_uuid(key: str, what: str, number: int = 0) -> str:
    """Return our key as the provider wants its handles: 32 upper-case hex digits, for one
    instruction."""
    return hashlib.sha256(f"{what}:{number}:{key}".encode()).hexdigest()[:32].upper()


def is_reference(value: str) -> bool:
    return _UUID.fullmatch(value) is not None


def to_swish(money: Money) -> str:
    """Return kronor with two decimals, for example `300.00`. Only this provider does not count in
    öre."""
    return f"{money.amount // 100}.{money.amount % 100:02d}"


def from_swish(value: Any) -> int | None:
    """Return an amount in öre. It comes as text, or as a number that was read as text."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    written = str(value)
    if not _AMOUNT.fullmatch(written):
        return None
    try:
        return int(Decimal(written) * 100)
    except (InvalidOperation, ValueError):
        return None


def money_of(body: Mapping[str, Any]) -> Money | None:
    amount, currency = from_swish(body.get("amount")), text(body.get("currency")) or ""
    if amount is None or not is_currency(currency):
        return None
    return Money(amount, currency.upper())


def payer_alias(phone_number: str | None) -> str | None:
    """Return an E.164 number as Swish writes it. None for a number that is not Swedish, because no
    app answers there."""
    alias = (phone_number or "").removeprefix("+")
    return alias if _PHONE.fullmatch(alias) else None


def message_of(description: str) -> str:
    """Return the description with only those signs that the app can show."""
    shown = " ".join(_NOT_IN_A_MESSAGE.sub(" ", description).split())
    return shown[:_LONGEST_MESSAGE].strip() or "Order"


def own_reference(transaction_id: str) -> str:
    """Return `payeePaymentReference`, which has only letters and digits."""
    return re.sub("[^A-Za-z0-9]", "", transaction_id)[:35]


def to_payment(reference: str, body: Mapping[str, Any], raw: Mapping[str, Any]) -> Payment:
    """Return the payment request as a Payment; UNKNOWN if it cannot be read.

    What was refunded is not told: each refund is a thing of its own.
    """
    status, money = text(body.get("status")), money_of(body)
    if status is None or money is None or body.get("id") != reference:
        return Payment(Outcome.UNKNOWN, reference=reference, message="unreadable answer", raw=raw)
    error = text(body.get("errorCode"))
    state = _state(status, error)
    taken = state is PaymentState.CAPTURED
    return Payment(
        Outcome.DONE,
        state=state,
        reference=reference,
        amount=money,
        captured=money.amount if taken else 0,
        declined=_declined(status, error) if state is PaymentState.FAILED else None,
        code="expired" if state is PaymentState.FAILED and error == TIMED_OUT else None,
        message=text(body.get("errorMessage")),
        raw=raw,
    )


def _state(status: str, error: str | None) -> PaymentState:
    if status == "PAID":
        return PaymentState.CAPTURED
    if status == "ERROR" and error == UNDECIDED:
        # The banks were asked, and nobody knows what they did. We never give such a payment up.
        return PaymentState.ON_HOLD
    # A word that we do not know may still become a payment.
    return PaymentState.FAILED if status in _OVER else PaymentState.OPEN


def _declined(status: str, error: str | None) -> str | None:
    if status == "CANCELLED" or error == TIMED_OUT:
        return None
    if status == "DECLINED" or REFUSALS.get(error or "") == "declined":
        return _DECLINED.get(error or "", "declined")
    return "processing_error"


def refund_result(
    reference: str, body: Mapping[str, Any], amount: Money, raw: Mapping[str, Any]
) -> Result:
    """Return a refund as it was read, as the end of the write that asked for `amount`."""
    status = text(body.get("status"))
    if status is None or money_of(body) != amount:
        message = "another amount" if status else "unreadable answer"
        return Result(Outcome.UNKNOWN, reference, message=message, raw=raw)
    if status == "PAID":
        return Result(Outcome.DONE, reference, raw=raw)
    error = text(body.get("errorCode"))
    if status in _OVER and error != UNDECIDED:
        code = REFUSALS.get(error or "", "declined")
        message = text(body.get("errorMessage")) or error or status
        # `unreachable` would say that nothing was sent. This one was sent, and came to nothing.
        code = "declined" if code == "unreachable" else code
        return Result(Outcome.REFUSED, reference, code=code, message=message, raw=raw)
    message = "the provider still works on it" if status in _WORKING else status
    return Result(Outcome.UNKNOWN, reference, message=message, raw=raw)
