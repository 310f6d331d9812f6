"""A page whose script has failed says so calmly in the payer's language, and shows how to
continue."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Frame, Page, expect

from tests.support.axe import ALL, COLOURS, violations
from tests.support.demo import Demo, Merchant, Shop
from tests.support.host import HostPage, HostServer
from tests.support.payer import Payer
from tests.support.waiting import until_on

NewPayer = Callable[..., Payer]
ACCOUNT = "T12345678"
HEADINGS = {
    "nb": "Siden må lastes på nytt",
    "sv": "Sidan behöver laddas om",
    "de": "Die Seite muss neu geladen werden",
    "fi": "Sivu on ladattava uudelleen",
}

_BREAK = """() => {
  // Something in the browser takes a part of the page away that React still holds.
  for (const name of ["removeChild", "insertBefore", "appendChild"]) {
    const real = Node.prototype[name];
    Node.prototype[name] = function (...nodes) {
      const told = document.querySelector("#crashed");
      if (!told && this.closest?.("#main")) throw new Error("a trace");
      return real.apply(this, nodes);
    };
  }
}"""

_SPEAK_BROKEN = """() => {
  // The texts of the page cannot be written any more, and the payer chooses another language.
  const real = Object.getOwnPropertyDescriptor(Node.prototype, "nodeValue");
  Object.defineProperty(Node.prototype, "nodeValue", {
    ...real,
    set(text) {
      const told = document.querySelector("#crashed");
      if (!told && this.parentElement?.closest("#main")) throw new Error("a trace");
      real.set.call(this, text);
    },
  });
  const language = document.querySelector("#language");
  language.value = "sv";
  language.dispatchEvent(new Event("change", { bubbles: true }));
}"""


def break_and_press(where: Page | Frame, press: str, broken: str = _BREAK) -> None:
    """Break the page and press in one step. A message of the server in between would crash the page
    first, and the button would be gone."""
    where.evaluate(f"press => {{ ({broken})(); document.querySelector(press).click(); }}", press)


def crash(payer: Payer, press: str, heading: str) -> None:
    break_and_press(payer.page, press)
    expect(payer["#crashed"]).to_have_text(heading)
    payer.forgive("a trace")


def is_calm(page: Page | Frame) -> None:
    said = page.locator("body").inner_text()
    assert not re.search(r"a trace|Error|reflex|Built with|at \w+ \(", said, re.IGNORECASE), said
    assert page.locator("h1").count() == 1
    assert page.locator("[role=alert] h1").get_attribute("id") == "crashed"


def test_the_checkout_and_the_way_on(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    session = merchant.ready()
    payer.open(session)
    card = merchant.card()
    address = payer.page.url
    payer.page.fill("#gift_card_number", card["number"])
    payer.page.fill("#gift_card_pin", card["pin"])
    crash(payer, "#card-add", HEADINGS["nb"])
    is_calm(payer.page)
    payer.focused("crashed")
    assert payer["#crashed-back"].get_attribute("href") == (
        f"{shop.url}/accept?merchant_reference=order-1&error=cancelled"
    )
    for scheme in ("light", "dark"):
        payer.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in (320, 390, 1280):
            payer.page.set_viewport_size({"width": width, "height": 900})
            assert violations(payer.page, ALL if scheme == "light" else COLOURS) == []
            assert payer.page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    # The server continued and did once what the payer asked for.
    payer["#crashed-reload"].click()
    payer.alive()
    assert payer.page.url == address
    payer.stage("open")
    expect(payer["#card-in-use"]).to_be_visible()
    payer.shows_total("300,00 kr")
    assert merchant.balance(card) == (10000, 0)


def test_where_nothing_can_be_drawn_by_the_framework(payer: Payer, merchant: Merchant) -> None:
    """React Router's own error page shows a stack trace. Ours replaces it in both cases."""
    payer.open(merchant.ready())
    # React cannot build the first of them either.
    break_and_press(payer.page, "#card-add", _BREAK.replace("#main", "div.page"))
    expect(payer["h1"]).to_have_text(HEADINGS["nb"])
    payer.forgive("a trace")
    is_calm(payer.page)
    payer["main a"].first.click()
    payer.alive()
    payer.stage("open")


def test_in_the_language_that_was_chosen(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.ready())
    payer["#language"].select_option("sv")
    expect(payer["#pay-heading"]).to_have_text("Betalning")
    crash(payer, "#card-add", HEADINGS["sv"])
    payer["#crashed-reload"].click()
    payer.alive()
    expect(payer["#pay-heading"]).to_have_text("Betalning")


def test_no_way_to_the_shop_while_a_payment_is_under_way(payer: Payer, merchant: Merchant) -> None:
    """Otherwise the shop would hear that it was cancelled."""
    payer.open(merchant.ready())
    payer.press_pay()
    payer.page.go_back()
    payer.alive()
    payer.stage("paying")
    # A press that changes the payment would let it end first.
    payer.page.evaluate(_SPEAK_BROKEN)
    expect(payer["#crashed"]).to_have_text(re.compile(f"{HEADINGS['nb']}|{HEADINGS['sv']}"))
    payer.forgive("a trace")
    expect(payer["#crashed-back"]).to_have_count(0)
    payer["#crashed-reload"].click()
    payer.alive()


@pytest.mark.parametrize("language", ["de", "fi"])
def test_the_balance_page(
    new_payer: NewPayer, demo: Demo, merchant: Merchant, shop: Shop, language: str
) -> None:
    payer = new_payer(locale={"de": "de-DE", "fi": "fi-FI"}[language])
    payer.page.goto(f"{demo.base_url}/balance/{ACCOUNT}?profile=default")
    payer.stage("ask")
    crash(payer, "#balance-look", HEADINGS[language])
    is_calm(payer.page)
    expect(payer["#crashed-back"]).to_have_count(0)
    payer["#crashed-reload"].click()
    payer.stage("ask")


def test_in_a_shops_frame(
    new_payer: NewPayer, demo: Demo, merchant: Merchant, host: HostServer, embeddable: str
) -> None:
    payer = new_payer()
    page = HostPage(payer.page, demo, merchant.session(profile_id=embeddable)["id"], host.origin)
    page.embed()
    # The frame is as high as the form and no longer as an empty frame at first.
    tall = until_on(payer.page, lambda: page.height() > 500 and page.height(), "the frame is high")
    frame = payer.page.frames[1]
    break_and_press(frame, "#details-save")
    expect(frame.locator("#crashed")).to_be_visible()
    payer.forgive("a trace")
    is_calm(frame)

    def fits() -> bool:
        whole = frame.evaluate("document.documentElement.getBoundingClientRect().height")
        return page.height() < tall and 0 <= page.height() - whole < 2

    # The frame has become as high as its content, which is lower.
    until_on(payer.page, fits, "the frame becomes as high as what is in it")
    frame.click("#crashed-reload")
    expect(frame.locator("#details-save")).to_be_visible(timeout=15000)
    assert payer.page.url == f"{host.origin}/host"
