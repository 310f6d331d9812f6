"""A session's row tells the end of its payment and whether it can be paid."""

from __future__ import annotations

import pytest

from backend.rules.remainder import NOTHING_LEFT, Sums, judge
from backend.rules.session import Obstacle, SessionState, TransitionRefused
from backend.sessions.paying import no_push, obstacle_to_pay, payment_over
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import Notice
from tests.unit.sessions.conftest import row

S = SessionState


def paying() -> CheckoutSession:
    session = row({"order": {"amount": 100, "currency": "NOK"}})
    session.state = S.PAYING.value
    session.transaction_id = "T12345678.t"
    session.redirect_url, session.app_code = "https://psp.example/pay", "code"
    session.pushed_to, session.pushed_with = "+4799887766", "vipps"
    session.gift_card_amount = 40
    session.notice = Notice.DECLINED.value
    return session


@pytest.mark.parametrize("to", [S.OPEN, S.CANCELLED, S.PAID, S.ON_HOLD])
def test_nothing_of_the_way_to_the_provider_stays(to: SessionState) -> None:
    session = paying()
    payment_over(session, to)
    assert session.state == to
    assert (session.redirect_url, session.app_code) == (None, None)
    assert (session.pushed_to, session.pushed_with) == (None, None)
    assert session.notice is None


@pytest.mark.parametrize(
    ("to", "kept"),
    [
        (S.OPEN, (None, 0)),
        (S.CANCELLED, (None, 0)),
        (S.PAID, ("T12345678.t", 40)),
        (S.ON_HOLD, ("T12345678.t", 40)),
    ],
)
def test_only_a_payment_that_counts_is_named(
    to: SessionState, kept: tuple[str | None, int]
) -> None:
    session = paying()
    payment_over(session, to)
    assert (session.transaction_id, session.gift_card_amount) == kept


def test_the_page_is_told_why() -> None:
    session = paying()
    payment_over(session, S.OPEN, Notice.PAYMENT_CANCELLED)
    assert session.notice == "payment_cancelled"


def test_a_session_goes_only_where_it_may() -> None:
    session = paying()
    session.state = S.CANCELLED.value
    with pytest.raises(TransitionRefused):
        payment_over(session, S.PAID)
    assert (session.state, session.redirect_url) == ("cancelled", "https://psp.example/pay")


def test_without_a_push_the_page_stays() -> None:
    session = paying()
    no_push(session)
    assert (session.pushed_to, session.pushed_with) == (None, None)
    assert (session.redirect_url, session.transaction_id) == (
        "https://psp.example/pay",
        "T12345678.t",
    )


def test_what_hinders_a_payment_of_a_row() -> None:
    session = row({"order": {"amount": 100}, "express": {"shipping_options": [{"id": "post"}]}})
    judged = judge(Sums(100), {"vipps": 1})
    assert obstacle_to_pay(session, judged, is_open=True) is Obstacle.DETAILS
    session.details_done = True
    assert obstacle_to_pay(session, judged, is_open=True) is Obstacle.DETAILS
    session.chosen_shipping = "0:post"
    assert obstacle_to_pay(session, judged, is_open=True) is None
    assert obstacle_to_pay(session, judged, is_open=False) is Obstacle.CLOSED
    session.amount = 0
    assert obstacle_to_pay(session, NOTHING_LEFT, is_open=True) is Obstacle.NOTHING_TO_PAY
    session.zero_allowed = True
    assert obstacle_to_pay(session, NOTHING_LEFT, is_open=True) is None
