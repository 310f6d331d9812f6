"""The shop, the provider, another tab or the browser does what the payer did not expect."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, expect

from tests.support.browser import chromium_arguments, find_chromium
from tests.support.demo import Demo, Merchant, Shop
from tests.support.orders import RICH
from tests.support.payer import APPROVED, Payer
from tests.support.waiting import pause_on

NewPayer = Callable[..., Payer]


def named(name: str) -> dict[str, str]:
    return {"name": name, "logo_url": "https://shop.example/logo.svg"}


# --- the shop changes something -----------------------------------------------------------------


def test_a_changed_order_says_what_has_changed(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    session = merchant.with_card(merchant.ready())
    payer.open(session)
    payer["#pay-button"].focus()
    merchant.change(session, 45000, without_lock=True)
    note = payer["#changed"]
    expect(note).to_contain_text(
        re.compile(r"Summen var 400,00\skr og er nå 450,00\skr\. Varene er ikke de samme")
    )
    payer.announced("Summen var 400,00 kr og er nå 450,00 kr")
    payer.announced("Gjenstår å betale: 350,00 kr")
    payer.focused("pay-button")
    payer.shows_total("350,00 kr", order="450,00 kr", card="−100,00 kr")
    payer["#changed-close"].click()
    expect(note).to_have_count(0)
    payer.focused("pay-heading")
    merchant.lock(session)
    expect(payer["#locked"]).to_be_visible()
    merchant.change(session, 50000)
    expect(payer["#locked"]).to_have_count(0)
    expect(note).to_contain_text(re.compile(r"Summen var 450,00\skr og er nå 500,00\skr\."))
    # The next action removes it.
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.transaction(shop.returned[0]["transaction_id"])["amount"] == 50000


def test_changed_delivery_is_told(payer: Payer, merchant: Merchant) -> None:
    session = merchant.ready(**RICH)
    payer.open(session, language="en")
    expect(payer["input[name=shipping_option]"]).to_have_count(2)
    options = [{**RICH["express"]["shipping_options"][0], "amount": 9900}]
    merchant.change(session, 40000, without_lock=True, express={"shipping_options": options})
    expect(payer["#changed"]).to_contain_text("The delivery is not the same as before.")
    expect(payer["#changed"]).to_contain_text("NOK")


def test_a_card_added_in_another_tab_is_no_change_of_the_order(
    payer: Payer, merchant: Merchant
) -> None:
    session = merchant.ready()
    payer.open(session)
    merchant.with_card(session)
    payer.shows_total("300,00 kr")
    expect(payer["#changed"]).to_have_count(0)


def test_cancelled_by_the_shop_under_the_payers_eyes(payer: Payer, merchant: Merchant) -> None:
    session = merchant.with_card(merchant.ready())
    payer.open(session)
    answer = merchant.http.post(f"/v1/sessions/{session['id']}/cancel")
    assert answer.status_code == 200, answer.text
    payer.stage("cancelled")
    payer.focused("result")
    expect(payer["#back-to-shop"]).to_have_attribute("href", re.compile("error=cancelled"))


def test_one_provider_down_and_paid_by_another(
    payer: Payer, merchant: Merchant, demo: Demo
) -> None:
    payer.open(merchant.with_card(merchant.ready()))
    options = payer["input[name=payment_product_type]"]
    offered = options.count()
    assert offered > 2
    demo.card_gateway_fault("create", "refuse", status=400, code="parameter_invalid")
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_contain_text("Betalingstjenesten svarer ikke")
    payer.focused("notice")
    expect(options).to_have_count(offered)
    payer.choose("klarna.klarna")
    payer["#pay-button"].click()
    expect(payer["#amount"]).to_have_text(re.compile(r"300,00\s*(kr|NOK)"), timeout=15000)


# --- two tabs -----------------------------------------------------------------------------------


def test_two_tabs_add_different_cards(new_payer: NewPayer, merchant: Merchant, shop: Shop) -> None:
    first, second = merchant.card(), merchant.card(20000)
    session = merchant.ready()
    one, other = new_payer(), new_payer()
    for payer, card in ((one, first), (other, second)):
        payer.open(session)
        payer["#gift_card_number"].fill(card["number"])
        payer["#gift_card_pin"].fill(card["pin"])
    for payer in (one, other):
        payer.page.evaluate("setTimeout(() => document.querySelector('#card-add').click(), 50)")
    for payer in (one, other):
        expect(payer["#card-in-use"]).to_be_visible()
    assert one["#card-number"].inner_text() == other["#card-number"].inner_text()
    assert one["#total-to-pay"].inner_text() == other["#total-to-pay"].inner_text()
    used, spared = (
        (first, second)
        if "300" in one["#total-to-pay"].inner_text()
        else (
            second,
            first,
        )
    )
    one.press_pay()
    assert merchant.balance(used)[0] == 0
    assert merchant.balance(spared)[1] == 0


# --- the browser --------------------------------------------------------------------------------


def test_blocked_storage(
    browser: Browser, demo: Demo, merchant: Merchant, shop: Shop, tmp_path: Path
) -> None:
    """Turn on the browser's setting that blocks all cookies, so that every access to storage
    throws."""
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(blocked), encoding="utf-8")
    context = browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=find_chromium(), args=chromium_arguments(), locale="nb-NO"
    )
    try:
        payer = Payer(context, demo.base_url)
        payer.open(merchant.session())
        with pytest.raises(Error, match=r"SecurityError|Access is denied"):
            payer.page.evaluate(
                "Object.getOwnPropertyDescriptor(document.createElement('iframe'), 'x');"
                "const f = document.body.appendChild(document.createElement('iframe'));"
                "f.contentWindow.sessionStorage"
            )
        payer.give_details()
        payer.add_card(merchant.card())
        payer.press_pay()
        payer.pay_with(APPROVED)
        payer.at_shop()
        assert len(shop.returned) == 1
        assert payer.complaints == []
    finally:
        context.close()


@pytest.mark.parametrize("blocked", ["**/assets/*.js", "**/assets/entry*.js"])
def test_a_script_that_does_not_come(payer: Payer, merchant: Merchant, blocked: str) -> None:
    payer.page.route(blocked, lambda route: route.abort())
    payer.page.goto(merchant.session(**RICH)["url"])
    expect(payer["#first-slow"]).to_be_hidden()
    expect(payer["#first-slow"]).to_have_text(
        "Dette tar lengre tid enn vanlig. Sjekk nettforbindelsen og last siden på nytt."
        " Ingenting er betalt.",
    )
    expect(payer["#first-slow"]).to_be_visible(timeout=20000)
    payer.page.unroute(blocked)
    payer.page.reload()
    payer.alive()
    payer.stage("open")
    payer.forgive("ERR_FAILED|Failed to fetch")


def test_without_javascript_the_order_and_the_way_back(
    browser: Browser, merchant: Merchant, shop: Shop
) -> None:
    context = browser.new_context(java_script_enabled=False, locale="nb-NO")
    page = context.new_page()
    session = merchant.session(**RICH, merchant=named("Æ & <Ø>"))
    page.goto(session["url"])
    plain = page.locator("#without-script")
    expect(plain).to_contain_text("Denne siden trenger JavaScript.")
    expect(plain).to_contain_text("Ullpledd × 2")
    expect(plain.locator(".grand")).to_have_text(re.compile(r"Sum\s*400,00\skr"))
    plain.get_by_role("link", name="Tilbake til butikken").click()
    expect(page).to_have_title("The shop")
    assert shop.returned == [{"merchant_reference": "order-1", "error": "cancelled"}]
    merchant.http.post(f"/v1/view/{session['id']}/session/abandon")
    page.goto(session["url"])
    expect(plain).to_contain_text("Bestillingen er avbrutt")
    context.close()


@pytest.mark.parametrize("at", ["2019-03-01", "2041-01-01"])
def test_a_browser_whose_clock_is_wrong(
    payer: Payer, merchant: Merchant, shop: Shop, at: str
) -> None:
    payer.page.clock.set_fixed_time(at)
    payer.open(merchant.session())
    payer.give_details()
    payer.add_card(merchant.card())
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert len(shop.returned) == 1


def test_a_page_whose_state_was_forgotten(
    browser: Browser,
    built_frontend: Path,
    repository: Path,
    tmp_path: Path,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page stays open for longer than the server remembers. The next action still works."""
    monkeypatch.setenv("REFLEX_REDIS_TOKEN_EXPIRATION", "3")
    demo = Demo(repository, tmp_path)
    demo.start()
    context = browser.new_context(locale="nb-NO")
    try:
        merchant, payer = Merchant(demo, shop), Payer(context, demo.base_url)
        card = merchant.card()
        payer.open(merchant.ready())
        payer["#gift_card_number"].fill(card["number"])
        payer["#gift_card_pin"].fill(card["pin"])
        # The server follows the page for three seconds and keeps it for three more.
        pause_on(payer.page, 9, "the server forgets the page")
        payer["#card-add"].click()
        expect(payer["#card-in-use"]).to_be_visible()
        pause_on(payer.page, 5, "the server forgets the page again")
        payer.press_pay()
        assert payer.complaints == []
        merchant.http.close()
    finally:
        context.close()
        demo.stop()


# --- orders -------------------------------------------------------------------------------------


def items(count: int, description: str, amount: int) -> list[dict[str, Any]]:
    return [
        {
            "id": str(i),
            "line_id": str(i),
            "description": description,
            "quantity": 1,
            "amount": amount,
            "vat": 25,
        }
        for i in range(count)
    ]


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize(
    "description",
    ["W" * 200, "Ullpledd med frynser " * 9, "🎁👨‍👩‍👧‍👦🇳🇴" * 20, "بطانية صوف نرويجية دافئة"],
)
def test_fifty_items_with_long_and_foreign_names(
    new_payer: NewPayer, merchant: Merchant, description: str, width: int
) -> None:
    payer = new_payer(viewport={"width": width, "height": 800})
    order = {
        "amount": 50 * 123456,
        "currency": "NOK",
        "merchant_reference": "order-1",
        "items": items(50, description, 123456),
    }
    payer.open(merchant.session(order=order, merchant=named(description)))
    if width < 960:
        payer["#order summary"].click()
    expect(payer["#order li"]).to_have_count(50)
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert payer.page.evaluate(wider) == 0
    # Every amount stays on its own side, inside the order.
    out = payer.page.evaluate(
        """() => {
        const edge = document.querySelector("#order").getBoundingClientRect();
        return [...document.querySelectorAll("#order .amount")].filter((amount) => {
            const place = amount.getBoundingClientRect();
            return place.width && (place.right > edge.right || place.left < edge.left);
        }).length;
        }"""
    )
    assert out == 0
    payer.give_details()


def test_a_name_that_is_written_from_right_to_left(payer: Payer, merchant: Merchant) -> None:
    """The name has its own direction, and the words around it keep theirs."""
    payer.open(merchant.ready(merchant=named("متجر الهدايا (1)")), language="en")
    expect(payer["#first-merchant"]).to_have_text("متجر الهدايا (1)")
    direction = "element => getComputedStyle(element).unicodeBidi"
    assert payer["#first-merchant"].evaluate(direction) in ("isolate", "plaintext")
