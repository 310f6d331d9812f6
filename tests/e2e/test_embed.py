"""The checkout runs in another origin's page with the unmodified Web SDK from npm. The tests check
their messages, and what a page without permission gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.demo import Demo, Merchant
from tests.support.host import OPTION, HostPage, HostServer, make_profile
from tests.support.payer import APPROVED
from tests.support.waiting import stays, until_on

NewHost = Callable[..., HostPage]


@pytest.fixture
def session(merchant: Merchant, embeddable: str) -> dict[str, str]:
    return merchant.session(profile_id=embeddable)


def test_the_session_is_told_as_anybody_with_its_id_may_read_it(
    new_host: NewHost, session: dict[str, str], merchant: Merchant, demo: Demo
) -> None:
    page = new_host(session)
    page.embed()
    event = page.event("onSession")
    assert event["type"] == "SessionLoaded"
    public = merchant.http.get(f"/v1/view/{session['id']}/session").json()
    # The payer's visit may have been counted in between.
    later = public | {"updated_at": event["session"]["updated_at"]}
    assert event["session"] == later
    assert event["session"]["order"]["amount"] == 40000
    assert "callback_url" not in event["session"]["url"]
    message = page.wait_for("SessionLoaded")
    assert (message["sid"], message["origin"]) == (session["id"], demo.base_url)
    # The SDK has acknowledged the message, so it is not repeated.
    said = "raw.filter(m => m.type === 'SessionLoaded').length"
    stays(page.page, lambda: page.page.evaluate(said) == 1, "it is said again", seconds=1.5)


def test_what_the_payer_changes_is_told(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.embed()
    page.event("onSession")
    page.give_details()
    page.add_card(merchant.card(10000))
    page.wait_for("SessionUpdated", 2)
    page.page.wait_for_function(
        "checkout.session && checkout.session.order.gift_cards?.length === 1"
    )
    told = page.page.evaluate("checkout.session")
    assert told["customer"]["email"] == "kari@example.no"
    assert told == merchant.http.get(f"/v1/view/{session['id']}/session").json()


def test_card_and_gift_card_are_paid_from_the_frame(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    """This version of the SDK does not know TopLevelNavigation, so the page navigates itself."""
    card = merchant.card(10000)
    page = new_host(session)
    page.embed(("onSession",))
    page.give_details()
    page.add_card(card)
    expect(page.frame.locator("#total-to-pay")).to_contain_text("300,00")
    page.frame.locator("#pay-button").click()
    _pay_at_provider(page)
    page.page.wait_for_url("**/accept?*")
    transaction_id = page.page.url.split("transaction_id=")[1].split("&")[0]
    transaction = merchant.transaction(transaction_id)
    assert (transaction["status"], transaction["amount"]) == ("AUTHORIZED", 40000)
    assert merchant.balance(card) == (0, 10000)


def _pay_at_provider(page: HostPage) -> None:
    hosted = page.page
    expect(hosted.locator("input[name=number]")).to_be_visible(timeout=15000)
    for name, value in (
        ("number", APPROVED),
        ("expiry", "12/34"),
        ("cvc", "123"),
        ("name", "Kari Nordmann"),
    ):
        hosted.fill(f"input[name={name}]", value)
    hosted.click("#pay")


def _pay_by_gift_card(page: HostPage, merchant: Merchant, amount: int = 50000) -> None:
    page.give_details()
    page.add_card(merchant.card(amount))
    page.frame.locator("#pay-button").click()


def test_the_host_is_told_of_a_payment_and_the_frame_shows_it(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.embed()
    _pay_by_gift_card(page, merchant)
    paid = page.event("onPayment")
    assert paid["type"] == "SessionPaymentAuthorized"
    assert paid["merchant_reference"] == "order-1"
    assert f"transaction_id={paid['transaction_id']}" in paid["href"]
    assert "/accept?" in paid["href"]
    expect(page.frame.locator("h1")).to_have_text("Betalingen er fullført")
    source = page.page.locator("iframe").get_attribute("src") or ""
    assert "/embedResult/?sid=" in source and "&language=nb" in source
    # The host decides where the payer goes from here.
    stays(page.page, lambda: page.page.url.endswith("/host"), "the window leaves", seconds=1)
    assert page.heard("TopLevelNavigation") == []
    assert page.page.evaluate("events.filter(e => e.name === 'onPayment').length") == 1


def test_without_a_handler_the_sdk_goes_to_the_return_url(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.embed(())
    _pay_by_gift_card(page, merchant)
    page.page.wait_for_url("**/accept?*")
    assert "transaction_id=" in page.page.url and "error" not in page.page.url


@pytest.mark.parametrize("handlers", [("onSessionCancel",), ()])
def test_a_cancel_is_told_or_followed(
    new_host: NewHost, session: dict[str, str], handlers: tuple[str, ...]
) -> None:
    page = new_host(session)
    page.embed(handlers)
    page.frame.locator("#cancel summary").click()
    page.frame.locator("#cancel-yes").click()
    if handlers:
        event = page.event("onSessionCancel")
        assert "error=cancelled" in event["href"]
        expect(page.frame.locator("h1")).to_have_text("Betalingen ble avbrutt")
        assert page.page.url.endswith("/host")
    else:
        page.page.wait_for_url("**/accept?*error=cancelled*")


def test_a_session_that_is_not_there_is_told(new_host: NewHost) -> None:
    page = new_host({"id": "T12345678.nobody"})
    page.embed()
    assert page.event("onSessionNotFound")["type"] == "SessionNotFound"


def test_the_payment_option_goes_both_ways(new_host: NewHost, session: dict[str, str]) -> None:
    page = new_host(session)
    page.embed()
    page.give_details()
    frame = page.frame
    expect(frame.locator(f"[value='{OPTION}']")).to_be_checked()
    assert page.event("onActivePaymentType")["payment_product_type"] == OPTION
    page.page.evaluate("checkout.setActivePaymentProductType()")
    expect(frame.locator(f"[value='{OPTION}']")).not_to_be_checked()
    assert page.event("onActivePaymentType", 2).get("payment_product_type") is None
    page.page.evaluate("checkout.setActivePaymentProductType('no.such')")
    page.page.evaluate(f"checkout.setActivePaymentProductType('{OPTION}')")
    expect(frame.locator(f"[value='{OPTION}']")).to_be_checked()
    assert page.event("onActivePaymentType", 3)["payment_product_type"] == OPTION


def test_the_language_goes_both_ways(new_host: NewHost, session: dict[str, str]) -> None:
    page = new_host(session)
    page.embed(language="no")
    assert page.wait_for("LanguageChanged")["language"] == "nb"
    page.frame.locator("#email").fill("kari@example.no")
    expect(page.frame.locator("#details-heading")).to_have_text("Opplysninger")
    page.post({"type": "SetLanguage", "language": "en"})
    expect(page.frame.locator("#details-heading")).to_have_text("Your details")
    assert page.wait_for("LanguageChanged", 2)["language"] == "en"
    page.frame.locator("#language").select_option("nb")
    assert page.wait_for("LanguageChanged", 3)["language"] == "nb"
    assert page.page.evaluate("checkout.language") == "nb"
    for bad in ("../x", "", "xx", "x" * 50, 7, None, {"a": 1}):
        page.post({"type": "SetLanguage", "language": bad})
    # The frame handles messages in turn, so it has ignored those before this one.
    page.post({"type": "SetLanguage", "language": "sv"})
    assert page.wait_for("LanguageChanged", 4)["language"] == "sv"
    said = [one["language"] for one in page.heard("LanguageChanged")]
    assert said == ["nb", "en", "nb", "sv"]
    expect(page.frame.locator("#email")).to_have_value("kari@example.no")


def test_the_frame_is_as_high_as_what_is_in_it(new_host: NewHost, session: dict[str, str]) -> None:
    """This also holds when the content becomes lower."""
    page = new_host(session)
    page.embed()
    _fits(page)
    page.give_details()
    expect(page.frame.locator("#details-edit")).to_be_visible()
    _fits(page)
    page.frame.locator("#cancel summary").click()
    _fits(page)
    unfolded = page.height()
    page.frame.locator("#cancel summary").click()
    until_on(page.page, lambda: page.height() < unfolded, "the frame becomes lower")
    _fits(page)


def _fits(page: HostPage) -> None:
    def fits() -> bool:
        content = page.frame.locator("html").evaluate("e => e.getBoundingClientRect().height")
        return bool(abs(page.height() - content) <= 1 and content > 200)

    until_on(page.page, fits, "the frame is as high as its content")


def test_the_keyboard_goes_into_the_frame_and_out_again(
    new_host: NewHost, session: dict[str, str]
) -> None:
    page = new_host(session)
    page.embed()
    page.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<button id=after>After</button>')"
    )
    page.frame.locator("#email").focus()
    page.page.keyboard.type("kari@example.no")
    page.page.keyboard.press("Tab")
    expect(page.frame.locator("#phone_number")).to_be_focused()
    # After a mistake its field in the frame has the focus.
    page.frame.locator("#details-save").press("Enter")
    expect(page.frame.locator("#phone_number")).to_be_focused()
    for _ in range(40):
        page.page.keyboard.press("Tab")
        if page.page.evaluate("document.activeElement.id") == "after":
            return
    raise AssertionError("the focus stays in the frame")


def test_the_test_notice_can_be_hidden(new_host: NewHost, session: dict[str, str]) -> None:
    shown, hidden = new_host(session), new_host(session)
    shown.embed(ui="fullscreen")
    expect(shown.frame.locator(".test-mode")).to_be_visible()
    hidden.embed(ui="fullscreen", hideTestMessage=True)
    expect(hidden.frame.locator(".test-mode")).to_be_hidden()
    expect(hidden.frame.locator("#first-merchant")).to_be_visible()


def test_redirect_leads_to_the_page_itself(
    new_host: NewHost, session: dict[str, str], demo: Demo
) -> None:
    page = new_host(session)
    page.page.evaluate(
        "([sid, endpoint]) => dintero.redirect({sid, endpoint, language: 'no'})",
        [session["id"], demo.base_url],
    )
    page.page.wait_for_url(f"{demo.base_url}/?*")
    expect(page.page.locator("#details-heading")).to_have_text("Opplysninger")
    loaded: list[Any] = page.page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('embed.js'))"
    )
    assert loaded == []


def _is_refused(page: HostPage) -> None:
    """Return when the browser shows its own page in the frame, in place of ours."""

    def is_browsers_own() -> bool:
        return [frame.url for frame in page.page.frames[1:]] == ["chrome-error://chromewebdata/"]

    until_on(page.page, is_browsers_own, "the browser refuses the frame")


# --- who may, and what is believed ---------------------------------------------------------------


def test_another_origin_gets_neither_frame_nor_word(
    new_host: NewHost, session: dict[str, str], host: HostServer
) -> None:
    page = new_host(session, host.other_origin)
    page.begin()
    _is_refused(page)
    assert page.page.evaluate("raw") == []
    expect(page.frame.locator("main")).to_have_count(0)


def test_each_profile_names_its_own(
    new_host: NewHost, demo: Demo, merchant: Merchant, host: HostServer
) -> None:
    """The profile names the other name of the same page."""
    profile = make_profile(demo, merchant, host.other_origin)
    session = merchant.session(profile_id=profile)
    page = new_host(session, host.other_origin)
    page.embed()
    assert page.event("onSession")["session"]["id"] == session["id"]
    blocked = new_host(session, host.origin)
    blocked.begin()
    _is_refused(blocked)
    assert blocked.page.evaluate("raw") == []


def test_messages_of_others_change_nothing(
    new_host: NewHost, session: dict[str, str], merchant: Merchant, browser: Browser
) -> None:
    """Messages come from another frame in the same page, from the frame's own window, about another
    session, or hold nonsense."""
    page = new_host(session)
    page.embed()
    page.event("onSession")
    stranger = {"type": "LockSession", "sid": session["id"]}
    # A frame beside ours has the host's origin and is not the window that embeds us.
    page.page.evaluate(
        """message => {
          const beside = document.createElement("iframe");
          document.body.append(beside);
          const script = beside.contentDocument.createElement("script");
          script.textContent = `parent.frames[0].postMessage(${JSON.stringify(message)}, "*")`;
          beside.contentDocument.body.append(script);
        }""",
        stranger,
    )
    page.frame.locator("html").evaluate("(_, message) => postMessage(message, '*')", stranger)
    for message in (
        {"type": "LockSession", "sid": "T12345678.other"},
        {"type": "__proto__"},
        {"type": "constructor"},
        {"type": 7},
        {"ack": {"a": 1}},
        {"type": "SetActivePaymentProductType", "payment_product_type": {"a": 1}},
        {"type": "ValidationResult", "success": True},
        {"type": "AddressCallbackResult", "success": True},
    ):
        page.post(message)
    # The frame handles messages in turn, so it has ignored those before this one.
    before = len(page.heard("LanguageChanged"))
    page.post({"type": "SetLanguage", "language": "sv"})
    page.wait_for("LanguageChanged", before + 1)
    assert page.heard("SessionLocked") == [] and page.heard("SessionLockFailed") == []
    known = merchant.get(f"/v1/sessions/{session['id']}")
    assert [event["name"] for event in known["events"]] == ["INITIATED", "VISITED"]
