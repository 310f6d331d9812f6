"""The payer scans a gift card's number. Chromium's fake camera shows the code that the API
prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.support import axe
from tests.support.browser import NO_ASKING, chromium_arguments, find_chromium
from tests.support.camera import code_128, give_detector, qr_code, show
from tests.support.demo import Demo, Merchant
from tests.support.payer import Payer
from tests.support.waiting import until_on

Scanner = Callable[..., Payer]

TRACK = "document.querySelector('#scan-picture').srcObject.getTracks()[0]"


@pytest.fixture
def scanner(browser: Browser, demo: Demo, tmp_path: Path) -> Iterator[Scanner]:
    """Make a payer whose camera sees `picture`. Without `camera` there is no camera. `allowed`
    tells whether the browser permits it."""
    opened: list[tuple[Browser, Payer]] = []

    def make(
        picture: Image.Image | None = None, *, camera: bool = True, allowed: bool = True
    ) -> Payer:
        arguments = chromium_arguments()
        if camera:
            arguments += show(picture, tmp_path / "camera.y4m")
        launched = browser.browser_type.launch(
            executable_path=find_chromium(), args=[*arguments, NO_ASKING]
        )
        context = launched.new_context(locale="nb-NO", viewport={"width": 390, "height": 844})
        if allowed:
            context.grant_permissions(["camera"], origin=demo.base_url)
        give_detector(context)
        payer = Payer(context, demo.base_url)
        opened.append((launched, payer))
        return payer

    yield make
    for launched, _ in opened:
        launched.close()
    assert [payer.complaints for _, payer in opened if payer.complaints] == []


def printed(merchant: Merchant, part: str = "card_token") -> dict[str, str]:
    """Issue a card whose number or PIN is printed as a bar code: `{card_id, number, pin,
    picture}`."""
    formats: dict[str, Any] = {
        "card_token": {"format": {"length": 16, "numbers": True, "barcode": True}},
        "pin": {"format": {"length": 4, "numbers": True, "barcode": True}},
    }
    made: dict[str, Any] = merchant.post(
        f"/v1/accounts/{merchant.account_id}/wallets/cards",
        {"card_id": f"scan-{part}-{id(formats)}", "amount": 10000, "currency": "NOK", **formats},
    )
    number, pin = made["card_token"]["token"], made["pin"]["pin"]
    shown = number if part == "card_token" else pin
    return {"number": number["value"], "pin": pin["value"], "picture": shown["barcode_128"]}


def scan(payer: Payer) -> None:
    payer["#scan"].click()
    expect(payer["#scan-dialog"]).to_be_visible()


def test_the_bar_code_that_the_api_prints(scanner: Scanner, merchant: Merchant) -> None:
    card = printed(merchant)
    payer = scanner(code_128(card["picture"]))
    payer.open(merchant.ready())
    scan(payer)
    payer.focused("gift_card_pin")
    expect(payer["#scan-dialog"]).to_be_hidden()
    grouped = " ".join(card["number"][i : i + 4] for i in range(0, 16, 4))
    expect(payer["#gift_card_number"]).to_have_value(grouped)
    expect(payer["#gift_card_pin"]).to_have_value("")
    expect(payer["#scan-said"]).to_have_text("Nummeret er fylt inn.")
    assert payer.page.evaluate("document.querySelector('#scan-picture').srcObject") is None
    payer.page.keyboard.type(card["pin"])
    payer.page.keyboard.press("Enter")
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    # After the card is removed, the form is a new one. It scans as well.
    payer["#card-remove"].click()
    scan(payer)
    payer.focused("gift_card_pin")
    expect(payer["#gift_card_number"]).to_have_value(grouped)


def test_a_qr_code_with_number_and_pin(scanner: Scanner, merchant: Merchant) -> None:
    card = merchant.card()
    payer = scanner(qr_code(f"{card['number']}\nPIN: {card['pin']}"))
    payer.open(merchant.ready())
    scan(payer)
    payer.focused("gift_card_pin")
    expect(payer["#gift_card_pin"]).to_have_value(card["pin"])
    payer["#card-add"].click()
    expect(payer["#card-in-use"]).to_be_visible()


@pytest.mark.parametrize("which", ["the PIN's bar code", "a link", "words"])
def test_a_code_that_is_no_number(scanner: Scanner, merchant: Merchant, which: str) -> None:
    pictures = {
        "the PIN's bar code": lambda: code_128(printed(merchant, "pin")["picture"]),
        "a link": lambda: qr_code("https://shop.example/gift-cards"),
        "words": lambda: qr_code("Gavekort fra Fjord og Form, gratulerer!"),
    }
    payer = scanner(pictures[which]())
    payer.open(merchant.ready())
    scan(payer)
    expect(payer["#scan-told"]).to_contain_text("Denne koden er ikke et gavekortnummer.")
    found = axe.violations(payer.page)
    assert found == []
    payer.page.keyboard.press("Escape")
    expect(payer["#scan-dialog"]).to_be_hidden()
    payer.focused("scan")
    expect(payer["#gift_card_number"]).to_have_value("")


@pytest.mark.parametrize("end", ["cancel", "Escape", "hidden tab", "leaving", "card added"])
def test_the_camera_is_off_once_the_dialog_is_gone(
    scanner: Scanner, merchant: Merchant, end: str
) -> None:
    session = merchant.ready()
    payer = scanner()
    payer.open(session)
    scan(payer)
    expect(payer["#scan-told"]).to_have_text("Leter etter koden …")
    payer.page.evaluate(f"window.track = {TRACK}")
    assert payer.page.evaluate("track.readyState") == "live"
    # A modal dialog keeps the focus to itself.
    for _ in range(3):
        payer.page.keyboard.press("Tab")
        assert payer.page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    if end == "cancel":
        payer["#scan-cancel"].click()
        payer.focused("scan")
    elif end == "Escape":
        payer.page.keyboard.press("Escape")
    elif end == "hidden tab":
        # A headless browser hides no tab, so the test sends the event itself.
        payer.page.evaluate(
            """Object.defineProperty(document, 'hidden', {get: () => true});
            document.dispatchEvent(new Event('visibilitychange'))"""
        )
    elif end == "leaving":
        payer.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    else:
        merchant.with_card(session)
        expect(payer["#card-in-use"]).to_be_visible()
    expect(payer["#scan-dialog"]).to_be_hidden()
    ended = "track.readyState === 'ended'"
    until_on(payer.page, lambda: payer.page.evaluate(ended), "the camera is off")


def test_the_camera_is_refused(scanner: Scanner, merchant: Merchant) -> None:
    payer = scanner(allowed=False)
    payer.open(merchant.ready())
    scan(payer)
    expect(payer["#scan-told"]).to_contain_text("Kameraet får ikke brukes her.")
    payer["#scan-cancel"].click()
    expect(payer["#scan-dialog"]).to_be_hidden()
    payer.focused("scan")


def test_there_is_no_camera(scanner: Scanner, merchant: Merchant) -> None:
    payer = scanner(camera=False)
    payer.open(merchant.ready())
    scan(payer)
    expect(payer["#scan-told"]).to_contain_text("Fant ikke noe kamera.")
    payer["#scan-cancel"].click()
    expect(payer["#scan-dialog"]).to_be_hidden()


def test_the_script_of_the_camera_does_not_come(scanner: Scanner, merchant: Merchant) -> None:
    payer = scanner()
    payer.page.route("**/scan.js*", lambda route: route.abort())
    payer.open(merchant.ready())
    scan(payer)
    expect(payer["#scan-told"]).to_contain_text("Kameraet lot seg ikke starte.")
    payer["#scan-cancel"].click()
    expect(payer["#scan-dialog"]).to_be_hidden()
    payer.forgive("ERR_FAILED")


def test_no_button_where_the_browser_reads_no_codes(payer: Payer, merchant: Merchant) -> None:
    asked: list[str] = []
    payer.page.on("request", lambda request: asked.append(request.url))
    payer.open(merchant.ready())
    expect(payer["#gift_card_number"]).to_be_visible()
    expect(payer["#scan"]).to_be_hidden()
    assert [url for url in asked if "scan.js" in url] == [], "fetched only on demand"


@pytest.mark.parametrize(("allow", "offered"), [("camera", True), ("payment", False)])
def test_in_a_frame_the_shop_has_to_allow_it(
    scanner: Scanner, demo: Demo, merchant: Merchant, allow: str, offered: bool
) -> None:
    payer = scanner()
    page, host = payer.page, f"{demo.facts['shop_url']}/host"
    frame = f'<title>x</title><iframe id="f" allow="{allow}" src="{merchant.ready()["url"]}"'
    body = f'{frame} style="width:100%;height:1400px"></iframe>'
    page.route(host, lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto(host)
    inside = page.frame_locator("#f")
    expect(inside.locator("#gift_card_number")).to_be_visible()
    expect(inside.locator("#scan")).to_be_visible(visible=offered)
