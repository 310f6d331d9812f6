"""What a payer asks for by pressing Pay, and whether it fits a payment that is under way.

The page, the payer's API and a published push use the same rules. Source:
`docs/architecture.md#money`, `#one-payment`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.core.context import Backend
from backend.core.errors import (
    ConsentMissing,
    FieldError,
    PaymentInProgress,
    PaymentOptionNotAllowed,
    PushNotAllowed,
    SessionClosed,
)
from backend.payments.tables import Transaction
from backend.rules.order import Order
from backend.rules.payment_option import may_push
from backend.rules.session import is_expired
from backend.sessions.load import check_not_locked, check_unmodified, minimums_of_session
from backend.sessions.tables import CheckoutSession


@dataclass(frozen=True, slots=True)
class Press:
    """One press of Pay.

    `to_pay` (minor units) is what was left to pay when the payer saw it; with None the payment
    takes whatever is left. `order_amount` is what the whole order cost then, if that was shown.
    `push_to` (E.164) asks in the wallet's app on that phone instead of sending the payer to a page.
    `on_phone`: see `backend.sessions.links.page_link`. `accepted` has the ids of the checkboxes
    that the payer has ticked.
    """

    option: str | None
    to_pay: int | None
    language: str
    order_amount: int | None = None
    push_to: str | None = None
    on_phone: bool = False
    accepted: frozenset[str] = frozenset()
    unmodified_since: str | None = None
    order: Order | None = None
    """The order as it was read before a wait. SplitChanged if it is another one by now."""


class OtherOptionUnderWay(PaymentInProgress):
    """A payment with another option is under way, or the payer was asked on another phone. Nothing
    else is wrong with this press, so that payment may be ended for it."""

    def __init__(self, transaction_id: str, order: Order) -> None:
        super().__init__("a payment of this session is under way with another option")
        self.transaction_id = transaction_id
        self.order = order


def check_consents(session: CheckoutSession, accepted: Iterable[str]) -> None:
    """Raise ConsentMissing with every required checkbox of the session that is not among
    `accepted`."""
    missing = session.content.required_consents - set(accepted)
    if missing:
        text = (
            "this checkbox must be ticked before the order is paid: send its id with checked=true"
        )
        raise ConsentMissing(
            text,
            tuple(FieldError(f"checkboxes.{box}", text, "required") for box in sorted(missing)),
        )


def as_ticked(session: CheckoutSession, accepted: Iterable[str]) -> list[dict[str, Any]] | None:
    """Return the session's checkboxes as the payer has left them; None if there are none."""
    ticked = set(accepted)
    boxes = session.content.checkboxes
    return [{**box.raw, "checked": box.id in ticked} for box in boxes] or None


def check_under_way(
    ctx: Backend, session: CheckoutSession, transaction: Transaction, press: Press, now: datetime
) -> None:
    """Return if this press continues the payment that is under way. It is then the same press
    again: from a second click, from a second tab, or after the back button.

    OtherOptionUnderWay if it asks for another option, or for another phone to ask on, and a payment
    with that could begin. All other errors leave the payment under way as it is.
    """
    left = session.amount - session.gift_card_amount
    if press.to_pay not in (None, left) or press.order_amount not in (None, session.amount):
        raise PaymentInProgress("a payment of another amount is under way")
    # If no app answers at a number, the payment continues from the page, and `pushed_to` is empty.
    # Whoever sends the number again then means the same payment.
    same_phone = press.push_to in (session.pushed_to, transaction.purchase.push_to)
    if press.option == transaction.payment_product_type and same_phone:
        return
    check_unmodified(session, press.unmodified_since)
    if is_expired(session.expires_at, now):
        raise SessionClosed("this session is closed")
    check_not_locked(ctx, session, now)
    try:
        check_option(session, press)
    except (PaymentOptionNotAllowed, PushNotAllowed) as error:
        text = f"a payment of this session is under way, and {error.message}"
        raise PaymentInProgress(text) from error
    if 0 < left < minimums_of_session(session)[str(press.option)]:
        text = "a payment of this session is under way, and this option takes no amount that small"
        raise PaymentInProgress(text)
    raise OtherOptionUnderWay(transaction.id, session.content.order)


def check_option(session: CheckoutSession, press: Press) -> None:
    """Check that the option can be used in this session. PaymentOptionNotAllowed,
    PushNotAllowed."""
    if press.push_to is not None and not may_push(press.option, gift_card=session.gift_card_use):
        raise PushNotAllowed("this option cannot send a push to a phone in this session")
    if press.option not in session.options:
        raise PaymentOptionNotAllowed("this payment option is not offered in this session")
