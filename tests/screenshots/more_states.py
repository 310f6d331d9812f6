"""What `tests.support.states` leaves out: pages beside the checkout's own, and variants of it that
are there to be looked at."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import expect

from tests.support.camera import give_detector
from tests.support.checkout import WITHOUT_GIFT_CARDS, options_alone
from tests.support.orders import RICH
from tests.support.payer import SWEDISH, Payer
from tests.support.states import Scene
from tests.support.waiting import pause_on, until_on

THEMES: dict[str, dict[str, str]] = {
    "plum": {"primary": "#7a1f5c", "backdrop": "#fbeef4", "cardRadius": "18px"},
    "yellow": {"primary": "#ffd400", "backdrop": "#101820", "buttonRadius": "28px"},
}
LONG = {
    "first_name": "Wilhelmina Alexandrina",
    "last_name": "von Hohenzollern-Sigmaringen af Donaudampfschifffahrtsgesellschaft",
    "address_line": "Bischof-Ketteler-Straße 127, Hinterhaus, drittes Obergeschoss links",
    "postal_place": "Hellschen-Heringsand-Unterschaar",
}


def _balance_asked(scene: Scene) -> None:
    address = f"{scene.demo.base_url}/balance/{scene.merchant.account_id}"
    scene.payer.page.goto(f"{address}?language={scene.language}")
    scene.payer.stage("ask")


def _look(scene: Scene, number: str, pin: str) -> None:
    _balance_asked(scene)
    page = scene.payer.page
    page.fill("#gift_card_number", number)
    page.fill("#gift_card_pin", pin)
    page.click("#balance-look")


def _balance_shown(scene: Scene) -> None:
    card = scene.merchant.card(100000, expires_at="2030-06-01T00:00:00.000Z")
    session = scene.merchant.with_card(scene.merchant.ready(5000), card)
    payer = scene.open(session)
    payer["#pay-button"].click()
    payer.at_shop()
    moved = {"card_id": card["card_id"], "currency": "NOK", "amount": 12345, "ref_id": "a"}
    path = f"/v1/accounts/{scene.merchant.account_id}/wallets/transactions"
    scene.merchant.post(path, moved)
    _look(scene, card["number"], card["pin"])
    scene.payer.stage("shown")


def _balance_refused(scene: Scene) -> None:
    _look(scene, "1234 5678 1234 5678", "1234")
    expect(scene.payer["#gift_card_number-error"]).to_be_visible()


def _part_of_the_card(scene: Scene) -> Payer:
    card = scene.merchant.card(100000, expires_at="2030-06-01T00:00:00.000Z")
    payer = scene.open(scene.merchant.with_card(scene.merchant.ready(**RICH), card))
    payer["#card-amount-summary"].click()
    expect(payer["#gift_card_amount"]).to_be_visible()
    return payer


def _wrong_part(scene: Scene) -> None:
    payer = _part_of_the_card(scene)
    payer["#gift_card_amount"].fill("99 999")
    payer["#gift_card_amount"].press("Enter")
    expect(payer["#gift_card_amount-error"]).to_be_visible()


def _too_little(scene: Scene) -> Payer:
    """The one option that is offered takes 3.00 at least, and 0.01 is left beside the card."""
    configuration = options_alone("dintero_psp.creditcard")
    session = scene.merchant.ready(10001, configuration=configuration)
    payer = scene.open(scene.merchant.with_card(session, scene.merchant.card(10000)))
    expect(payer["#use-less"]).to_be_visible()
    return payer


def _moved_meanwhile(amount: int, kind: str) -> Callable[[Scene], None]:
    """`amount` is drawn from the card, or funded, between the page's total and Pay."""

    def reach(scene: Scene) -> None:
        card = scene.merchant.card(20000)
        payer = scene.open(scene.merchant.with_card(scene.merchant.ready(), card))
        moved = {"card_id": card["card_id"], "currency": "NOK", "amount": amount, "ref_id": kind}
        path = f"/v1/accounts/{scene.merchant.account_id}/wallets/transactions"
        scene.merchant.post(path, moved | {"type": kind})
        payer["#pay-button"].click()
        expect(payer["#notice"]).to_be_visible()

    return reach


def _receipt(scene: Scene) -> Payer:
    session = scene.merchant.with_card(scene.merchant.ready(**RICH))
    payer = scene.open(session)
    if payer["input[name='consent.terms']"].count():
        payer["input[name='consent.terms']"].check()
    payer.press_pay()
    payer.pay_with()
    payer.at_shop()
    scene.open(session).stage("paid")
    expect(payer["#receipt"]).to_be_visible()
    return payer


def _receipt_on_paper(scene: Scene) -> None:
    _receipt(scene).page.emulate_media(media="print")


def _returning(scene: Scene) -> Payer:
    phone = f"41{uuid.uuid4().int % 10**4:04}23"
    payer = scene.open(scene.merchant.session())
    payer.give_details(phone=phone)
    payer["#remember_me"].check()
    payer.press_pay()
    payer.pay_with()
    payer.at_shop()
    scene.open(scene.merchant.session())
    expect(payer["#returning"]).to_be_visible()
    return payer


def _returning_code(scene: Scene) -> None:
    payer = _returning(scene)
    payer["#returning-send"].click()
    payer.focused("scc")


def _swish(scene: Scene) -> None:
    item = {"id": "1", "line_id": "1", "description": "Ullpledd", "quantity": 1, "amount": 40000}
    order = {"amount": 40000, "currency": "SEK", "merchant_reference": "order-1", "items": [item]}
    session = scene.merchant.session(order=order, configuration=WITHOUT_GIFT_CARDS)
    payer = scene.open(session)
    payer.give_details(**SWEDISH)
    payer.choose("swish.swish")
    payer["#pay-button"].click()
    payer.stage("paying")
    expect(payer["#app-open"]).to_be_visible()


def _all_options(scene: Scene) -> None:
    payer = scene.with_card()
    payer["#more-options > summary"].click()


def _themed(name: str) -> Callable[[Scene], None]:
    def reach(scene: Scene) -> None:
        more: dict[str, Any] = {"configuration": {"theme": THEMES[name]}}
        scene.open(scene.merchant.with_card(scene.merchant.ready(**more)))

    return reach


def _long(scene: Scene) -> None:
    address = {**LONG, "postal_code": "25764", "country": "DE"}
    item: dict[str, Any] = {
        "id": "1",
        "line_id": "1",
        "quantity": 12,
        "amount": 123456789,
        "description": "Handgewebte Wolldecke „Fjære“ in Übergröße mit eingesticktem Monogramm",
    }
    order = {"amount": 123456789, "currency": "NOK", "items": [item], "merchant_reference": "1"}
    session = scene.merchant.session(order=order)
    path = f"/v1/view/{session['id']}/session/order/addresses"
    contact = {"email": "wilhelmina.alexandrina@donaudampfschifffahrtsgesellschaft.example"}
    given = {"shipping_address": address | contact | {"phone_number": "+4915112345678"}}
    answer = scene.merchant.http.put(path, json=given)
    assert answer.status_code == 200, answer.text
    scene.open(scene.merchant.with_card(session))


def _in_the_shop(scene: Scene) -> None:
    page = scene.payer.page
    page.goto(f"{scene.demo.facts['shop_url']}/products/ullpledd-fjaere")
    page.select_option("select[name=language]", scene.language)
    page.click("button[value=here]")
    frame = page.frame_locator("iframe")
    expect(frame.locator("#details-save")).to_be_visible(timeout=20000)
    pause_on(page, 0.6, "the frame takes its height")


def _beside_its_window(scene: Scene) -> None:
    _in_the_shop(scene)
    page = scene.payer.page
    page.click("button[value=window]")
    expect(page.locator("iframe")).to_be_visible()
    pause_on(page, 3, "the shop's button is drawn on its place")


def _window(scene: Scene) -> None:
    """Open the page as the Web SDK does."""
    session = scene.merchant.with_card(scene.merchant.ready())
    asked = {"ui": "fullscreen", "role": "pop_out_payment", "language": scene.language}
    scene.payer.open(session, **asked)


def _on_the_phone(scene: Scene) -> None:
    """Where the code on the desktop's page leads to."""
    payer = scene.open(scene.merchant.session())
    payer.page.set_viewport_size({"width": 1280, "height": 900})
    payer["#phone-show"].click()
    link = payer["#phone-link"].input_value()
    payer.page.goto(link)
    payer.alive()


def _scan(scene: Scene) -> None:
    """The camera sees a code of the shop that is not a card's."""
    context = scene.payer.page.context
    context.grant_permissions(["camera"], origin=scene.demo.base_url)
    give_detector(context)
    payer = scene.open(scene.merchant.ready())
    payer["#scan"].click()
    expect(payer["#scan-picture"]).to_be_visible()
    pause_on(payer.page, 1, "the camera has read the code")


def _shop_front(scene: Scene) -> None:
    scene.payer.page.goto(scene.demo.facts["shop_url"])


def _shop_product(scene: Scene) -> None:
    scene.payer.page.goto(f"{scene.demo.facts['shop_url']}/products/ullpledd-fjaere")


def _mail(scene: Scene) -> None:
    """The receipt as its reader sees it."""
    session = scene.merchant.session(
        configuration={
            "active_payment_types": {"enabled": True},
            "receipt": {"email": True},
            "dintero": {
                "type": "payment_type",
                "wallets": {"type": "payment_product_type", "enabled": True},
            },
        }
    )
    payer = scene.open(session)
    recipient = f"{session['id'].lower()}@example.no"
    payer.give_details(email=recipient)
    payer.add_card(scene.merchant.card())
    payer.press_pay()
    payer.pay_with()
    payer.at_shop()
    mailbox = scene.demo.facts["mail_url"]

    def mails() -> list[Any]:
        listed = httpx.get(f"{mailbox}/messages").json()["messages"]
        return [mail for mail in listed if mail["recipients"] == [recipient]]

    number = until_on(payer.page, mails, "the mail comes")[0]["number"]
    payer.page.goto(f"{mailbox}/messages/{number}/html")


MORE: dict[str, Callable[[Scene], Any]] = {
    "every way to pay": _all_options,
    "a part of the card": _part_of_the_card,
    "more than is on the card": _wrong_part,
    "too little is left": _too_little,
    "less on the card meanwhile": _moved_meanwhile(14000, "drawdown"),
    "the card covers all meanwhile": _moved_meanwhile(50000, "fund"),
    "a returning payer": _returning,
    "a returning payer's code": _returning_code,
    "a code for the Swish app": _swish,
    "receipt": _receipt,
    "receipt on paper": _receipt_on_paper,
    "receipt by e-mail": _mail,
    "balance of a card": _balance_asked,
    "balance, refused": _balance_refused,
    "balance, shown": _balance_shown,
    "long names and amounts": _long,
    "a shop's theme": _themed("plum"),
    "a shop's dark theme": _themed("yellow"),
    "in a shop's page": _in_the_shop,
    "in a shop's page, paid in a window": _beside_its_window,
    "the window of a shop's page": _window,
    "taken over by the phone": _on_the_phone,
    "a card's code by camera": _scan,
    "demo shop": _shop_front,
    "demo shop, a product": _shop_product,
}


def file_name(state: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", state.lower()).strip("-")
