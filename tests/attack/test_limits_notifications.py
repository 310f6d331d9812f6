"""A stranger floods the address at which a provider notifies us."""

from __future__ import annotations

from backend.limits import rules
from backend.sessions.view import PageState
from tests.api.paying import transactions_of
from tests.api.test_payment_notifications import NOTIFICATIONS, event, signed
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, BASE_URL, Merchant
from tests.support.limits import ELSEWHERE, Stranger, check_refused, stand_still


async def test_forged_ones_do_not_keep_the_true_one_out(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    stand_still(merchant)
    session_id = await merchant.ready(40000)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    (made,) = await transactions_of(merchant, session_id)
    card_gateway.pay(result.url)
    right, stranger = event(made), Stranger(merchant)
    for _ in range(rules.NOTIFICATIONS_WRONG.amount):
        answer = await stranger.call("POST", NOTIFICATIONS, content=right)
        assert answer.status_code == 401
    check_refused(await stranger.call("POST", NOTIFICATIONS, content=right), 60)
    # The address of another option or profile gives no new budget.
    for path in (f"/v1/psp/{ACCOUNT}/none/x/notifications", NOTIFICATIONS + "?x=1"):
        check_refused(await stranger.call("POST", path, content=right), 60)
    assert (await merchant.view(session_id)).state is PageState.PAYING
    # The provider's own notification passes even from there, since all share one address behind a
    # proxy.
    answer = await stranger.call("POST", NOTIFICATIONS, content=right, headers=signed(right))
    assert answer.status_code == 200
    assert (await merchant.view(session_id)).state is PageState.PAID


async def test_true_ones_without_end_read_a_few_times(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """A stranger repeats an overheard notification. Each would cause a read at the provider."""
    stand_still(merchant)
    session_id = await merchant.ready(40000)
    await merchant.press_pay(session_id)
    (made,) = await transactions_of(merchant, session_id)
    body, stranger = event(made), Stranger(merchant, ELSEWHERE)
    answers = [
        await stranger.call("POST", NOTIFICATIONS, content=body, headers=signed(body))
        for _ in range(rules.NOTIFIED.amount + 5)
    ]
    assert [a.status_code for a in answers[:-5]] == [200] * rules.NOTIFIED.amount
    for answer in answers[-5:]:
        check_refused(answer, 60)
    # Another payment is still read at once.
    other = await merchant.ready(40000)
    result = await merchant.press_pay(other)
    assert result.url is not None
    card_gateway.pay(result.url)
    (paid,) = await transactions_of(merchant, other)
    body = event(paid)
    answer = await stranger.call("POST", NOTIFICATIONS, content=body, headers=signed(body))
    assert answer.status_code == 200
    assert (await merchant.view(other)).state is PageState.PAID


async def test_coming_back_without_end(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """Honest payers also use the way back from the provider, so it never ends in a 429."""
    stand_still(merchant)
    session_id = await merchant.ready(40000)
    result = await merchant.press_pay(session_id)
    (made,) = await transactions_of(merchant, session_id)
    stranger = Stranger(merchant)
    path = f"/v1/sessions/{session_id}/redirect/{made.return_ref}"
    for _ in range(rules.RETURNS.amount):
        answer = await stranger.call("GET", path)
        assert answer.status_code == 302
    assert result.url is not None
    card_gateway.pay(result.url)
    answer = await stranger.call("GET", path)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{BASE_URL}/v1/view/{session_id}"
    # This return caused no read. The page follows the session, and the reconciler reads it.
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert merchant.ctx.limiter.refused["returns.session"] == 1
