"""A payer sees the shop's colours, logo and pictures, and the payment options."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from checkout_ui.presenters import theme
from tests.support.demo import Demo, Merchant
from tests.support.payer import Payer, violations

NewPayer = Callable[..., Payer]

LOUD = {"primary": "#ffe600", "backdrop": "#2b0a57", "cardRadius": "4px", "buttonRadius": "28"}
PALE = {"primary": "#f4f1ff", "backdrop": "#fff0f6", "cardRadius": "24", "buttonRadius": "0"}


def themed(said: dict[str, str]) -> dict[str, Any]:
    return {"configuration": {"theme": said}}


def test_the_theme_stands_in_what_is_served(merchant: Merchant) -> None:
    """The page makes no more requests, and the policy names everything by its hash."""
    answer = httpx.get(merchant.session(**themed(LOUD))["url"])
    style = theme.stylesheet(LOUD)
    assert f"<style>{style}</style>" in answer.text.partition("</head>")[0]
    policy = answer.headers["content-security-policy"]
    assert re.search(r"style-src 'self' 'sha256-[A-Za-z0-9+/]{43}=';", policy)
    assert "unsafe-inline" not in policy
    plain = httpx.get(merchant.session()["url"])
    assert "<style>" not in plain.text.partition("</head>")[0]
    assert "style-src 'self';" in plain.headers["content-security-policy"]


def test_the_theme_is_there_without_any_script(browser: Browser, merchant: Merchant) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(merchant.session(**themed(LOUD))["url"])
    expect(page.locator("body")).to_have_css("background-color", "rgb(43, 10, 87)")
    expect(page.locator(".step").first).to_have_css("border-radius", "4px")
    expect(page.locator("#first-merchant")).to_have_css("color", "rgb(255, 255, 255)")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("said", [LOUD, PALE])
def test_whatever_the_theme_axe_finds_nothing(
    new_payer: NewPayer, merchant: Merchant, scheme: str, said: dict[str, str]
) -> None:
    payer = new_payer(color_scheme=scheme, reduced_motion="reduce")
    payer.open(merchant.session(**themed(said)))
    payer.give_details()
    expect(payer["#pay-button"]).to_have_css("border-radius", f"{said['buttonRadius']}px")
    payer["#cancel summary"].click()
    assert violations(Axe().run(payer.page)) == []


def test_the_button_is_the_shops_own_colour(merchant: Merchant, payer: Payer) -> None:
    payer.open(merchant.session(**themed({"primary": "rgb(1, 2, 3)"})))
    payer.give_details()
    expect(payer["#pay-button"]).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(payer["#pay-button"]).to_have_css("color", "rgb(255, 255, 255)")


def test_logo_and_pictures_come_from_the_shop_and_from_nowhere_else(
    payer: Payer, merchant: Merchant, demo: Demo
) -> None:
    picture = f"{demo.facts['shop_url']}/static/logo.svg"
    item = {"id": "1", "line_id": "1", "quantity": 1, "amount": 20000}
    order = {
        "amount": 40000,
        "currency": "NOK",
        "merchant_reference": "order-1",
        "items": [
            {**item, "description": "Pledd", "thumbnail_url": picture},
            {**item, "line_id": "2", "description": "Kopp", "thumbnail_url": f"{picture}.gone"},
        ],
    }
    session = merchant.session(order=order, merchant={"name": "Fjord & Form", "logo_url": picture})
    answer = httpx.get(session["url"])
    images = re.search(r"img-src ([^;]*);", answer.headers["content-security-policy"])
    assert images is not None
    assert images[1] == f"'self' data: {demo.facts['shop_url']}"
    assert re.search(rf'<img[^>]* src="{re.escape(picture)}"', answer.text), "at the first paint"
    payer.open(session)
    expect(payer["#first-logo"]).to_have_attribute("alt", "Fjord & Form")
    expect(payer["#first-logo"]).to_have_css("height", "40px")
    payer["#order summary"].click()
    pictures = payer["#order .thumbnail"]
    expect(pictures).to_have_count(2)
    expect(pictures.nth(0)).to_have_attribute("alt", "")
    expect(pictures.nth(0)).to_be_visible()
    expect(pictures.nth(1)).to_be_hidden()
    payer.complaints[:] = [text for text in payer.complaints if "404" not in text]


def test_a_shop_without_a_logo_leaves_no_hole(payer: Payer, merchant: Merchant) -> None:
    odd = {"name": "Fjord & Form", "logo_url": "static/logo.png"}
    session = merchant.session(merchant=odd)
    assert "static/logo.png" not in httpx.get(session["url"]).text
    payer.open(session)
    expect(payer["#first-logo"]).to_be_hidden()
    expect(payer["#first-logo"]).to_have_attribute("src", "data:,")


def test_each_way_to_pay_has_its_mark_and_says_what_happens_next(
    payer: Payer, merchant: Merchant, demo: Demo
) -> None:
    payer.open(merchant.session(), language="en")
    payer.give_details()
    ways = payer[".ways > .choice-group > .choice"]
    expect(ways).to_have_count(6)
    marks = payer[".ways > .choice-group > .choice .mark"]
    for number in range(marks.count()):
        expect(marks.nth(number)).to_have_attribute("aria-hidden", "true")
        drawn = marks.nth(number).evaluate("mark => mark.getBBox().width")
        assert drawn > 20, "the sprite's drawing is there"
    sprite = marks.nth(0).locator("use").get_attribute("href") or ""
    kept = httpx.get(demo.base_url + sprite.partition("#")[0])
    assert kept.headers["content-type"].startswith("image/svg+xml")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    card = ways.nth(0).locator(".next")
    expect(card).to_have_text("You continue to a secure page where you enter your card.")
    expect(card).to_be_visible()
    vipps = ways.filter(has_text="Vipps")
    vipps.locator("input").check()
    expect(vipps).to_contain_text("You continue to Vipps and approve the payment in the app.")
    expect(card).to_be_hidden()


def test_many_ways_to_pay_are_one_step_away(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session(), language="en")
    payer.give_details()
    shown = [way.get_attribute("value") for way in payer["#pay-form .choice input:visible"].all()]
    assert shown[:3] == ["dintero_psp.creditcard", "klarna.klarna", "payex.vipps"]
    other = payer["input[value='bambora.vipps']"]
    expect(other).to_be_hidden()
    more = payer["#more-options > summary"]
    expect(more).to_have_text(re.compile(r"Show \d more ways to pay"))
    more.press("Enter")
    other.check()
    expect(more).to_be_hidden()
    expect(other).to_be_visible()
