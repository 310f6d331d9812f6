"""While its page embeds the checkout, the shop locks and changes the order, is asked before a
payment, and names its deliveries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.callback_server import CallbackServer
from tests.support.demo import Merchant
from tests.support.host import HANDLERS, HostPage
from tests.support.waiting import stays

NewHost = Callable[..., HostPage]

VALIDATED = (*HANDLERS, "onValidateSession")
HOME = {"id": "home", "line_id": "s1", "amount": 9900, "operator": "Posten", "title": "Hjem"}


@pytest.fixture
def session(merchant: Merchant, embeddable: str) -> dict[str, str]:
    return merchant.session(profile_id=embeddable)


def change(merchant: Merchant, session_id: str, amount: int, **express: Any) -> None:
    """Change the order and remove the lock, as the shop's server does."""
    items = [
        {"id": "1", "line_id": "1", "description": "Ullpledd", "quantity": 1, "amount": amount}
    ]
    body: dict[str, Any] = {"order": {"amount": amount, "items": items}}
    if express:
        body["express"] = express
    answer = merchant.http.put(f"/v1/sessions/{session_id}", json=body)
    assert answer.status_code == 200, answer.text


def state(merchant: Merchant, session_id: str) -> dict[str, Any]:
    found: dict[str, Any] = merchant.http.get(f"/v1/view/{session_id}/session").json()
    return found


# --- lock, change, refresh -----------------------------------------------------------------------


def test_locked_changed_and_refreshed(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.embed()
    page.give_details()
    expect(page.frame.locator("#pay-button")).to_have_attribute("aria-disabled", "false")
    locked = page.page.evaluate("checkout.lockSession()")
    assert locked["type"] == "SessionLocked"
    assert locked["pay_lock_id"] == state(merchant, session["id"])["pay_lock"]["pay_lock_id"]
    assert page.event("onSessionLocked")["pay_lock_id"] == locked["pay_lock_id"]
    expect(page.frame.locator("#locked")).to_be_visible()
    expect(page.frame.locator("#pay-button")).to_have_attribute("aria-disabled", "true")
    change(merchant, session["id"], 25000)
    refreshed = page.page.evaluate("checkout.refreshSession()")
    assert refreshed["type"] == "SessionUpdated"
    assert refreshed["session"]["order"]["amount"] == 25000
    assert "pay_lock" not in refreshed["session"]
    expect(page.frame.locator("#total-to-pay")).to_contain_text("250,00")
    expect(page.frame.locator("#locked")).to_have_count(0)
    expect(page.frame.locator("#pay-button")).to_have_attribute("aria-disabled", "false")


def test_what_cannot_be_locked_says_so(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    """The payer of the session is at the provider."""
    page = new_host(session)
    page.embed()
    page.give_details()
    expect(page.frame.locator("#details-edit")).to_be_visible()
    shown = state(merchant, session["id"])["order"]["amount"]
    answer = merchant.http.post(
        f"/v1/sessions/{session['id']}/pay",
        json={"payment_product_type": "dintero_psp.creditcard", "amount": shown},
    )
    assert answer.status_code == 200, answer.text
    refused = page.page.evaluate(
        "checkout.lockSession().then(() => 'locked', (why) => String(why))"
    )
    assert "SessionLockFailed" in refused
    assert page.event("onSessionLockFailed")["type"] == "SessionLockFailed"
    assert "pay_lock" not in state(merchant, session["id"])


# --- asked before a payment ----------------------------------------------------------------------


def ready(page: HostPage, merchant: Merchant, amount: int = 50000) -> None:
    page.embed(VALIDATED)
    page.give_details()
    page.add_card(merchant.card(amount))


def test_paid_after_the_shop_agreed(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.answer("onValidateSession", "window.reply = callback;")
    ready(page, merchant)
    page.frame.locator("#pay-button").click()
    asked = page.event("onValidateSession")
    assert asked["session"]["order"]["amount"] == 40000
    # The page is locked and nothing is paid until the shop has answered.
    assert "pay_lock" in state(merchant, session["id"])
    unpaid = "it is paid before the shop has answered"
    stays(page.page, lambda: not page.heard("SessionPaymentAuthorized"), unpaid, seconds=1)
    page.page.evaluate("reply({success: true})")
    page.event("onPayment")
    assert state(merchant, session["id"])["transaction_id"]


def test_not_paid_where_the_shop_refuses(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.answer(
        "onValidateSession",
        "callback({success: false, clientValidationError: 'Bare <b>2</b> igjen'});",
    )
    ready(page, merchant)
    page.frame.locator("#pay-button").click()
    # The page shows it as text, never as markup.
    expect(page.frame.locator("#notice")).to_have_text("Bare <b>2</b> igjen")
    assert "pay_lock" not in state(merchant, session["id"])
    assert "transaction_id" not in state(merchant, session["id"])
    expect(page.frame.locator("#pay-button")).to_have_attribute("aria-disabled", "false")
    page.wait_for("ScrollToTop")
    # The payer presses again, and the shop gives another answer.
    page.answer("onValidateSession", "callback({success: true});")
    page.frame.locator("#pay-button").click()
    page.event("onPayment")


def test_what_the_shop_changed_meanwhile_is_shown_before_it_is_paid(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.answer("onValidateSession", "window.reply = callback;")
    ready(page, merchant, 10000)
    page.frame.locator("#pay-button").click()
    page.event("onValidateSession")
    change(merchant, session["id"], 45000)
    page.page.evaluate("reply({success: true})")
    expect(page.frame.locator("#notice")).to_contain_text("Beløpet har endret seg")
    expect(page.frame.locator("#total-to-pay")).to_contain_text("350,00")
    assert "transaction_id" not in state(merchant, session["id"])


def test_a_shop_that_never_answers(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.page.clock.install()
    ready(page, merchant)
    page.frame.locator("#pay-button").click()
    page.page.clock.run_for(2000)
    page.event("onValidateSession")
    assert "pay_lock" in state(merchant, session["id"])
    page.page.clock.run_for(31_000)
    expect(page.frame.locator("#notice")).to_contain_text("Butikken svarte ikke i tide")
    assert "pay_lock" not in state(merchant, session["id"])
    # A late answer has no effect.
    page.post({"type": "ValidationResult", "success": True})
    page.page.clock.run_for(2000)
    assert "transaction_id" not in state(merchant, session["id"])


def test_a_shop_whose_handler_throws(
    new_host: NewHost, session: dict[str, str], merchant: Merchant
) -> None:
    page = new_host(session)
    page.answer("onValidateSession", "throw new Error('broken');")
    ready(page, merchant)
    page.frame.locator("#pay-button").click()
    expect(page.frame.locator("#notice")).to_have_text("Validation runtime error")
    assert "pay_lock" not in state(merchant, session["id"])


# --- what the shop delivers ----------------------------------------------------------------------
# The parameter and the two messages are of later versions of the SDK: the shop's page speaks them
# itself here, in the frame that the SDK made.


class AddressHost:
    def __init__(self, page: HostPage) -> None:
        self.page = page
        # The page has to be alive first, because one that is left while it connects complains.
        page.embed()
        page.wait_for("LanguageChanged")
        source = page.page.locator("#container iframe").get_attribute("src")
        page.page.locator("#container iframe").evaluate(
            "(frame, source) => { frame.src = source }",
            f"{source}&client_side_address_callback=true",
        )
        expect(page.frame.locator("#details-save")).to_be_visible(timeout=20000)
        page.wait_for("LanguageChanged", 2)
        expect(page.frame.locator("main:not([data-stage=loading])")).to_be_attached()

    def reply(self, **result: Any) -> None:
        self.page.post({"type": "AddressCallbackResult", **result})


def test_the_shops_page_says_what_it_delivers(
    new_host: NewHost, merchant: Merchant, embeddable: str, callbacks: CallbackServer
) -> None:
    express = {"shipping_options": [], "shipping_address_callback_url": callbacks.url}
    session = merchant.session(profile_id=embeddable, express=express)
    host = AddressHost(new_host(session))
    page = host.page
    page.give_details()
    asked = page.wait_for("AddressCallback")
    assert asked["session"]["order"]["shipping_address"]["postal_code"] == "0154"
    assert asked["session"]["customer"]["email"] == "kari@example.no"
    # The address is not saved, and the shop's server is not asked.
    assert "shipping_address" not in state(merchant, session["id"])["order"]
    change(merchant, session["id"], 40000, shipping_options=[HOME])
    host.reply(success=True)
    expect(page.frame.locator("#details-edit")).to_be_visible()
    expect(page.frame.locator("#total-to-pay")).to_contain_text("499,00")
    known = state(merchant, session["id"])
    assert known["order"]["shipping_address"]["postal_code"] == "0154"
    assert known["order"]["shipping_option"]["id"] == "home"
    assert "pay_lock" not in known
    assert callbacks.asked == []


def test_an_address_that_the_shop_refuses_is_not_kept(
    new_host: NewHost, merchant: Merchant, embeddable: str
) -> None:
    session = merchant.session(profile_id=embeddable, express={"shipping_options": [HOME]})
    host = AddressHost(new_host(session))
    page = host.page
    page.frame.locator("#details-save").click()
    # The page reports errors in the form without asking the shop.
    expect(page.frame.locator("#email-error")).to_be_visible()
    assert page.heard("AddressCallback") == []
    page.give_details()
    page.wait_for("AddressCallback")
    host.reply(success=False, error="Vi leverer ikke til Oslo")
    expect(page.frame.locator("#notice")).to_have_text("Vi leverer ikke til Oslo")
    assert "shipping_address" not in state(merchant, session["id"])["order"]
    assert "pay_lock" not in state(merchant, session["id"])
    expect(page.frame.locator("#email")).to_have_value("kari@example.no")


# --- where the window goes -----------------------------------------------------------------------


def test_a_host_that_takes_the_window_elsewhere_itself(
    new_host: NewHost, session: dict[str, str]
) -> None:
    """Later versions of the SDK know it. The frame does not navigate if they acknowledge the
    message."""
    page = new_host(session)
    page.embed()
    page.page.evaluate(
        """() => addEventListener("message", ({data, source, origin}) => {
          if (data.type === "TopLevelNavigation") source.postMessage({ack: data.mid}, origin);
        })"""
    )
    page.give_details()
    expect(page.frame.locator("#details-edit")).to_be_visible()
    page.frame.locator("#pay-button").click()
    href = page.wait_for("TopLevelNavigation")["href"]
    assert href.startswith("http://127.0.0.1:")
    stays(page.page, lambda: page.page.url.endswith("/host"), "the window leaves", seconds=1.5)
    assert len(page.heard("TopLevelNavigation")) == 1
