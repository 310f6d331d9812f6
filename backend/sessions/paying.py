"""Whether a session can be paid, and what its row says once its payment is over."""

from __future__ import annotations

from backend.rules.remainder import Remainder
from backend.rules.session import Obstacle, PayFacts, SessionState, advance, obstacle
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import Notice

_WITHOUT_PAYMENT = (SessionState.OPEN, SessionState.CANCELLED)


def obstacle_to_pay(
    session: CheckoutSession, judged: Remainder, *, is_open: bool
) -> Obstacle | None:
    """Return why the session cannot be paid now; None if it can. `judged` is what the gift card
    leaves to pay."""
    facts = PayFacts(
        is_open=is_open,
        details_done=session.details_done,
        shipping_missing=session.content.is_shipping_missing(session.chosen_shipping),
        amount=session.amount,
        zero_allowed=session.zero_allowed,
        remainder=judged,
    )
    return obstacle(facts)


def payment_over(session: CheckoutSession, to: SessionState, notice: Notice | None = None) -> None:
    """Move the session from PAYING, or ON_HOLD, to another state: the payer has nothing more to do
    at the provider. In OPEN and CANCELLED the session has no payment any more, and nothing of a
    gift card is set aside. `notice` is what the page says. TransitionRefused if the session cannot
    go there."""
    session.state = advance(SessionState(session.state), to)
    session.redirect_url = session.app_code = None
    no_push(session)
    session.notice = notice.value if notice is not None else None
    if to in _WITHOUT_PAYMENT:
        session.transaction_id = None
        session.gift_card_amount = 0


def no_push(session: CheckoutSession) -> None:
    """Note that nobody is asked in an app, so that the payer continues from the page."""
    session.pushed_to = session.pushed_with = None
