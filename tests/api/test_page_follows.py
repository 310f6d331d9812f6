"""The page follows its session. The tests check what it reads meanwhile and how it reacts."""

from __future__ import annotations

from backend.sessions import payer
from checkout_ui.state.checkout import Checkout
from tests.support.checkout import Merchant


async def test_what_was_read_before_the_payers_step_is_not_shown_after_it(
    merchant: Merchant,
) -> None:
    session_id = await merchant.ready(40000, await merchant.card(100000))
    before = await merchant.view(session_id)
    await payer.set_gift_card_amount(merchant.ctx, session_id, 15000)
    after = await merchant.view(session_id)
    assert (before.to_pay, after.to_pay) == (0, 25000)
    page = Checkout(_reflex_internal_init=True)  # type: ignore[call-arg]  # Reflex's own switch
    page._show(after)
    page._show_from_elsewhere(before)
    shown = (page.version, page.sums.to_pay, page.announcement)
    assert shown == (after.version, "NOK\u00a0250.00", "")
    # A newer version is read.
    await payer.remove_gift_card(merchant.ctx, session_id)
    newest = await merchant.view(session_id)
    page._show_from_elsewhere(newest)
    assert (page.version, page.sums.to_pay) == (newest.version, "NOK\u00a0400.00")
    assert "400" in page.announcement
