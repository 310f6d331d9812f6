"""A shop's page that answers every message of the checkout with lock, update and refresh, as the
scripts of shop plugins do, on another origin: it comes to rest, its required fields are filled,
and the payer pays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.demo import Demo, Merchant
from tests.support.embedded_shop import REQUIRED, Checkout, EmbeddedShop, embedded_shop
from tests.support.host import make_profile
from tests.support.payer import APPROVED, Payer, press_as_if_unlocked

NewCheckout = Callable[..., Checkout]

FIELDS = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Karl Johans gate 1",
    "postal_code": "0154", "postal_place": "Oslo", "country": "NO",
    "email": "kari@example.no", "phone_number": "+4741234567",
}  # fmt: skip


@pytest.fixture
def plugin(repository: Path, demo: Demo, merchant: Merchant) -> Iterator[EmbeddedShop]:
    with embedded_shop(repository, demo, merchant.http) as shop:
        yield shop


@pytest.fixture
def session(demo: Demo, merchant: Merchant, plugin: EmbeddedShop) -> dict[str, str]:
    addresses = merchant.addresses() | {"return_url": f"{plugin.origin}/thanks"}
    profile = make_profile(demo, merchant, plugin.origin)
    made = merchant.session(profile_id=profile, url=addresses)
    # The shop's server sends the same as before.
    order = merchant.get(f"/v1/sessions/{made['id']}")["order"]
    plugin.update = {"order": {key: order[key] for key in ("amount", "items", "vat_amount")}}
    return made


@pytest.fixture
def new_checkout(browser: Browser, demo: Demo, plugin: EmbeddedShop) -> Iterator[NewCheckout]:
    tabs: list[Payer] = []

    def make(session: dict[str, str]) -> Checkout:
        tab = Payer(browser.new_context(locale="nb-NO"), demo.base_url)
        tabs.append(tab)
        return Checkout(tab.page, plugin, demo, session["id"])

    yield make
    for tab in tabs:
        tab.page.context.close()
    assert [tab.complaints for tab in tabs if tab.complaints] == []


def kept(merchant: Merchant, session: dict[str, str]) -> Any:
    return merchant.get(f"/v1/sessions/{session['id']}")


def names(merchant: Merchant, session: dict[str, str]) -> list[str]:
    return [event["name"] for event in kept(merchant, session)["events"]]


def test_a_shop_that_answers_what_it_is_told(
    new_checkout: NewCheckout, session: dict[str, str], merchant: Merchant, plugin: EmbeddedShop
) -> None:
    """The page hears once of each event, and its answers cause no further messages."""
    page = new_checkout(session)
    page.open()
    page.rests(1)
    assert page.told() == ["SessionLoaded"]
    page.give_details()
    page.rests(2)
    assert page.fields() == FIELDS
    page.add_card(merchant.card(50000))
    page.rests(3)
    assert page.told() == ["SessionLoaded", "SessionUpdated", "SessionUpdated"]
    assert plugin.updates == [200] * 3
    events = names(merchant, session)
    assert events.count("PAY_LOCK_START") == events.count("PAY_LOCK_END") == 3
    page.frame.locator("#pay-button").click()
    transaction = merchant.transaction(page.thanked())
    assert plugin.orders == [FIELDS]
    assert (transaction["status"], transaction["amount"]) == ("AUTHORIZED", 40000)
    assert {name: transaction["billing_address"][name] for name in REQUIRED} == FIELDS
    assert transaction["billing_address"] == transaction["shipping_address"]


def test_a_shop_that_answers_every_message(
    new_checkout: NewCheckout, session: dict[str, str], merchant: Merchant, plugin: EmbeddedShop
) -> None:
    """The shop also answers messages about the frame's height and the lock."""
    page = new_checkout(session)
    page.open("every message")
    page.give_details()
    page.add_card(merchant.card(50000))
    page.press_pay()
    transaction = merchant.transaction(page.thanked())
    assert (transaction["status"], transaction["amount"]) == ("AUTHORIZED", 40000)
    assert plugin.orders == [FIELDS]


def test_a_shop_that_changes_something_every_time(
    new_checkout: NewCheckout, session: dict[str, str], merchant: Merchant, plugin: EmbeddedShop
) -> None:
    """The exchange never ends and becomes slower and slower, so the payer finds an unlocked
    page."""
    plugin.update = lambda turn: {"order": {"merchant_reference_2": f"turn {turn}"}}
    page = new_checkout(session)
    page.open()
    page.give_details()
    page.add_card(merchant.card(50000))
    page.press_pay()
    assert merchant.transaction(page.thanked())["status"] == "AUTHORIZED"


def test_pay_at_the_provider_back_and_pay_again(
    new_checkout: NewCheckout, session: dict[str, str], merchant: Merchant, plugin: EmbeddedShop
) -> None:
    page = new_checkout(session)
    page.open()
    page.give_details()
    page.rests(2)
    page.frame.locator("#pay-button").click()
    tab = page.page
    expect(tab.locator("input[name=number]")).to_be_visible(timeout=20000)
    tab.go_back()
    page.alive()
    # The payment is under way. The message locks nothing, and the payer can still cancel.
    expect(page.frame.locator("main[data-stage=paying]")).to_be_attached(timeout=15000)
    assert "pay_lock" not in merchant.get(f"/v1/view/{session['id']}/session")
    page.frame.locator("#wait-change").click()
    expect(page.frame.locator("main[data-stage=open]")).to_be_attached(timeout=15000)
    expect(page.frame.locator("#pay-button")).to_have_attribute("aria-disabled", "false")
    page.press_pay()
    expect(tab.locator("input[name=number]")).to_be_visible(timeout=20000)
    for name, value in (
        ("number", APPROVED),
        ("expiry", "12/34"),
        ("cvc", "123"),
        ("name", "Kari Nordmann"),
    ):
        tab.fill(f"input[name={name}]", value)
    tab.click("#pay")
    tab.wait_for_url("**/thanks?*", timeout=30000)
    transaction_id = tab.url.split("transaction_id=")[1].split("&")[0]
    assert merchant.transaction(transaction_id)["status"] == "AUTHORIZED"


def test_reloaded_in_the_middle(
    new_checkout: NewCheckout, session: dict[str, str], merchant: Merchant, plugin: EmbeddedShop
) -> None:
    page = new_checkout(session)
    page.open()
    page.rests(1)
    plugin.go.clear()
    page.give_details()
    expect(page.frame.locator("#locked")).to_be_visible()
    page.page.reload()
    page.alive()
    expect(page.frame.locator("#locked")).to_be_visible()
    plugin.go.set()
    page.rests(1)
    # The typed text is there, and so are the fields that the shop needs.
    expect(page.frame.locator("#details-edit")).to_be_visible()
    assert page.fields() == FIELDS
    page.add_card(merchant.card(50000))
    page.press_pay()
    assert merchant.transaction(page.thanked())["status"] == "AUTHORIZED"


def test_a_lock_that_is_left_behind_ends(
    new_checkout: NewCheckout, session: dict[str, str], merchant: Merchant
) -> None:
    """The payer left the page before it asked the shop's server, and the next page does not know of
    the lock."""
    page = new_checkout(session)
    page.open("nothing")
    # The message comes at once, since a host may speak before the page knows who it is.
    page.page.evaluate("checkout.lockSession()")
    expect(page.frame.locator("#locked")).to_be_visible()
    page.page.reload()
    page.alive()
    expect(page.frame.locator("#locked")).to_be_visible()
    expect(page.frame.locator("#locked")).to_have_count(0, timeout=20000)
    assert "pay_lock" not in merchant.get(f"/v1/view/{session['id']}/session")
    assert names(merchant, session)[-1] == "PAY_LOCK_END"


def test_what_is_saved_during_a_lock_is_saved_after_it(
    new_checkout: NewCheckout, session: dict[str, str], merchant: Merchant, plugin: EmbeddedShop
) -> None:
    """The page does not know of the lock yet."""
    page = new_checkout(session)
    page.open("nothing")
    page.fill_details()
    merchant.lock(session)
    press_as_if_unlocked(page.frame.locator("#details-save"))
    expect(page.frame.locator("#details-save")).to_have_attribute("aria-busy", "true")
    assert "SET_SHIPPING_ADDRESS" not in names(merchant, session)
    answer = merchant.http.put(f"/v1/sessions/{session['id']}", json=plugin.update)
    assert answer.status_code == 200, answer.text
    expect(page.frame.locator("#details-edit")).to_be_visible(timeout=20000)
    assert names(merchant, session)[-2:] == ["PAY_LOCK_END", "SET_SHIPPING_ADDRESS"]


def test_another_language_in_the_middle(
    new_checkout: NewCheckout, session: dict[str, str], merchant: Merchant, plugin: EmbeddedShop
) -> None:
    page = new_checkout(session)
    page.open()
    page.rests(1)
    plugin.go.clear()
    page.give_details()
    expect(page.frame.locator("#locked")).to_be_visible()
    page.frame.locator("#language").select_option("en")
    expect(page.frame.locator("#pay-heading")).to_have_text("Payment")
    plugin.go.set()
    page.rests(2)
    assert page.told() == ["SessionLoaded", "SessionUpdated"]
    expect(page.frame.locator("#pay-heading")).to_have_text("Payment")
    page.add_card(merchant.card(50000))
    page.press_pay()
    assert merchant.transaction(page.thanked())["status"] == "AUTHORIZED"
