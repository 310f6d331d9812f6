"""The payment opens in its own window. The tests check the button that the SDK draws over the
frame, the window, and what the frame says meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.support.demo import Merchant
from tests.support.host import HANDLERS, OPTION, HostPage, HostServer
from tests.support.payer import APPROVED, DECLINED
from tests.support.pop_out import (
    BACKDROP,
    BUTTON,
    add_card,
    give_details,
    launch,
    opened,
    pay_by_bank_card,
)
from tests.support.waiting import stays, until_on

NewHost = Callable[..., HostPage]


@pytest.fixture
def session(merchant: Merchant, embeddable: str, host: HostServer) -> dict[str, str]:
    addresses = merchant.addresses() | {"return_url": f"{host.origin}/accept"}
    return merchant.session(profile_id=embeddable, url=addresses)


def test_the_frame_shows_the_sum_and_the_sdk_draws_the_button_on_its_place(
    new_host: NewHost, session: dict[str, str]
) -> None:
    page = new_host(session)
    launch(page)
    expect(page.frame.locator("#pop-out-total")).to_contain_text("400,00")
    expect(page.frame.locator("#details")).to_be_hidden()
    expect(page.frame.locator("#pay")).to_be_hidden()
    button = page.page.locator(BUTTON)
    expect(button).to_have_text("Gå til betaling")
    expect(button).to_be_enabled()
    _lies_on_its_place(page)
    # The button has our look, and its place follows the layout.
    assert button.evaluate("e => getComputedStyle(e).backgroundColor") == page.frame.locator(
        "#pop-out-place"
    ).evaluate("e => getComputedStyle(e).backgroundColor")
    page.page.set_viewport_size({"width": 700, "height": 900})
    _lies_on_its_place(page)


def _lies_on_its_place(page: HostPage) -> None:
    """Return when the button does so. The SDK receives a new layout a moment later."""

    def lies() -> bool:
        drawn: Any = page.page.locator(BUTTON).bounding_box()
        place: Any = page.frame.locator("#pop-out-place").bounding_box()
        sides = ("x", "y", "width", "height")
        return bool(drawn and place and all(abs(drawn[side] - place[side]) <= 2 for side in sides))

    until_on(page.page, lies, "the button lies on its place")


def test_paid_in_the_window_with_card_and_gift_card(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    """The payer pays at the provider's page in the same window, which returns to us and closes."""
    page = new_host(session)
    launch(page)
    window = opened(page)
    assert "role=pop_out_payment" in window.url
    expect(page.frame.locator("#pop-out-status")).to_have_text(
        "Betalingen er åpen i et eget vindu."
    )
    expect(page.page.locator(BUTTON)).to_be_disabled()
    card = merchant.card(10000)
    give_details(window)
    add_card(window, card)
    window.click("#pay-button")
    pay_by_bank_card(window, DECLINED)
    window.get_by_role("link", name=re.compile("Avbryt")).click()
    # The payment failed. The window shows our page again, and the payer tries again.
    expect(window.locator("#notice")).to_be_visible(timeout=20000)
    assert "role=pop_out_payment" in window.url
    window.click("#pay-button")
    with window.expect_event("close", timeout=30000):
        pay_by_bank_card(window, APPROVED)
    paid = page.event("onPayment")
    assert f"transaction_id={paid['transaction_id']}" in paid["href"]
    expect(page.page.locator(BUTTON)).to_have_count(0)
    expect(page.page.locator(BACKDROP)).to_have_count(0)
    expect(page.frame.locator("h1")).to_have_text("Betalingen er fullført")
    assert page.page.url.endswith("/host")
    assert merchant.balance(card) == (0, 10000)
    assert merchant.transaction(paid["transaction_id"])["status"] == "AUTHORIZED"
    assert page.page.evaluate("events.filter(e => e.name === 'onPayment').length") == 1


def test_without_a_handler_the_shops_page_goes_on_and_not_the_window(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    launch(page, ())
    window = opened(page)
    give_details(window)
    add_card(window, merchant.card(50000))
    with window.expect_event("close", timeout=20000):
        window.click("#pay-button")
    page.page.wait_for_url("**/accept?*transaction_id=*")


def test_a_window_that_is_closed_can_be_opened_again(
    new_host: NewHost, session: dict[str, str]
) -> None:
    page = new_host(session)
    launch(page)
    opened(page).close()
    expect(page.frame.locator("#pop-out-status")).to_contain_text("Betalingsvinduet er lukket")
    expect(page.page.locator(BUTTON)).to_be_enabled()
    expect(page.page.locator(BACKDROP)).to_have_count(0)
    window = opened(page)
    expect(window.locator("#details-save")).to_be_visible()
    window.locator("#cancel summary").click()
    with window.expect_event("close", timeout=20000):
        window.click("#cancel-yes")
    assert "error=cancelled" in page.event("onSessionCancel")["href"]


def test_a_button_as_it_was_is_not_announced_again_after_a_newer_one(
    new_host: NewHost, session: dict[str, str]
) -> None:
    """The host acknowledges late. In the end it draws what the last message said."""
    page = new_host(session)
    # The SDK does not listen yet, so it receives and acknowledges no button.
    page.page.evaluate(
        """addEventListener('message', (event) => {
            if (event.data?.type === 'ShowPopOutButton') event.stopImmediatePropagation();
        })"""
    )
    page.begin(popOut=True, language="no")
    page.wait_for("ShowPopOutButton", seconds=20)
    page.post({"type": "SetLanguage", "language": "en"})
    page.wait_for("ShowPopOutButton", 2)

    def said() -> list[str]:
        script = "raw.filter(m => m.type === 'ShowPopOutButton').map(m => m.language)"
        found: list[str] = page.page.evaluate(script)
        return found

    # The frame repeats a message that nobody acknowledges.
    until_on(page.page, lambda: said().count("en") >= 4, "it is said three times more")
    assert "nb" not in said()[said().index("en") :]


def test_a_window_that_the_browser_does_not_open(
    new_host: NewHost, session: dict[str, str]
) -> None:
    page = new_host(session)
    launch(page, language="no")
    page.page.evaluate("window.open = () => null")
    page.page.click(BUTTON)
    expect(page.frame.locator("#pop-out-status")).to_contain_text("Tillat sprettoppvinduer")
    own = page.frame.locator("#pop-out-own-page")
    expect(own).to_be_visible()
    own.click()
    page.page.wait_for_url(re.compile(r"/v1/view/.+language=nb"))
    expect(page.page.locator("#details-save")).to_be_visible()


def test_the_shop_is_asked_before_the_window_shows_anything(
    new_host: NewHost, session: dict[str, str]
) -> None:
    page = new_host(session)
    page.answer("onValidateSession", "window.reply = callback;")
    launch(page, (*HANDLERS, "onValidateSession"))
    with page.page.expect_popup() as popped:
        page.page.click(BUTTON)
    window = popped.value
    page.event("onValidateSession", seconds=20)
    assert "loader=true" in window.url
    expect(window.locator("#details")).to_be_hidden()
    expect(page.frame.locator("#pop-out-status")).to_have_text(
        "Butikken kontrollerer bestillingen …"
    )
    page.page.evaluate("reply({success: true})")
    expect(window.locator("#details-save")).to_be_visible(timeout=20000)
    assert "loader" not in window.url
    expect(page.frame.locator("#pop-out-status")).to_contain_text("åpen i et eget vindu")


def test_a_refusal_closes_the_window_and_says_why(
    new_host: NewHost, session: dict[str, str]
) -> None:
    page = new_host(session)
    page.answer(
        "onValidateSession",
        "callback({success: false, clientValidationError: 'Handlekurven er endret'});",
    )
    launch(page, (*HANDLERS, "onValidateSession"))
    with page.page.expect_popup() as popped:
        page.page.click(BUTTON)
    # The window may already be closed, and then no event arrives.
    until_on(page.page, popped.value.is_closed, "the window closes")
    status = page.frame.locator("#pop-out-status")
    expect(status).to_have_text("Handlekurven er endret")
    # The window is closed by now, and the reason stays.
    said = "the reason is gone"
    stays(page.page, lambda: status.inner_text() == "Handlekurven er endret", said, seconds=1)
    expect(page.page.locator(BUTTON)).to_be_enabled()


def test_language_option_and_lock_reach_the_window(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    launch(page, language="no")
    window = opened(page)
    give_details(window)
    expect(window.locator(f"[value='{OPTION}']")).to_be_checked()
    page.page.evaluate("checkout.setActivePaymentProductType()")
    expect(window.locator(f"[value='{OPTION}']")).not_to_be_checked()
    assert page.event("onActivePaymentType", 2).get("payment_product_type") is None
    page.page.evaluate("checkout.lockSession()")
    expect(window.locator("#locked")).to_be_visible()
    assert page.page.evaluate("events.filter(e => e.name === 'onSessionLocked').length") == 1
    page.post({"type": "Nothing"})
    window.locator("#language").select_option("en")
    # The frame follows the window's language, and so does its button.
    expect(page.frame.locator("#pop-out-heading")).to_have_text("Payment", timeout=15000)
    expect(page.page.locator(BUTTON)).to_have_text("Go to payment")


def test_a_window_of_a_stranger_tells_it_nothing(
    new_host: NewHost, session: dict[str, str], host: HostServer, merchant: Merchant
) -> None:
    """No browser policy limits who opens a window. The profile's list does."""
    page = new_host(session, host.other_origin)
    page.page.evaluate("addEventListener('message', (event) => raw.push(event.data))")
    with page.page.expect_popup() as popped:
        page.page.evaluate(
            "url => { window.open(url, 'w', 'width=400,height=700') }",
            f"{session['url']}?ui=fullscreen&role=pop_out_payment",
        )
    window = popped.value
    give_details(window)
    add_card(window, merchant.card(50000))
    window.click("#pay-button")
    # The payer continues as on any page of ours.
    window.wait_for_url("**/accept?*transaction_id=*", timeout=20000)
    assert page.page.evaluate("raw") == []


_BUTTON_SCRIPTS = """() => performance.getEntriesByType('resource')
  .filter((entry) => entry.name.includes('/pop_out.js')).length"""


def test_only_the_frame_that_launches_loads_the_buttons_script(
    new_host: NewHost, session: dict[str, str]
) -> None:
    plain = new_host(session)
    plain.embed()
    expect(plain.frame.locator("#details-heading")).to_be_visible()
    assert plain.frame.locator("html").evaluate(_BUTTON_SCRIPTS) == 0
    launching = new_host(session)
    launch(launching)
    expect(launching.page.locator(BUTTON)).to_be_enabled()
    assert launching.frame.locator("html").evaluate(_BUTTON_SCRIPTS) == 1


def test_a_buttons_script_that_did_not_come_is_fetched_again(
    new_host: NewHost, session: dict[str, str]
) -> None:
    page = new_host(session)
    tries: list[str] = []

    def lose_the_first(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) == 1:
            route.fulfill(status=404)
        else:
            route.continue_()

    page.page.route("**/pop_out.js?*", lose_the_first)
    launch(page)
    expect(page.page.locator(BUTTON)).to_be_enabled()
    assert len(tries) == 2
