"""A payer with number and PIN sees on the balance page what nobody else sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import WebSocket, expect

from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer, violations, written

NewPayer = Callable[..., Payer]
ACCOUNT = "T12345678"


def address(demo: Demo, **query: str) -> str:
    pairs = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{demo.base_url}/balance/{ACCOUNT}" + (f"?{pairs}" if pairs else "")


def open_page(payer: Payer, demo: Demo, **query: str) -> None:
    payer.page.goto(address(demo, **query))
    payer.stage("ask")


def look(payer: Payer, number: str, pin: str) -> None:
    payer.page.fill("#gift_card_number", number)
    payer.page.fill("#gift_card_pin", pin)
    payer.page.click("#balance-look")


def refused(payer: Payer) -> None:
    error = payer["#gift_card_number-error"]
    expect(error).to_contain_text("Nummeret og PIN-koden hører ikke sammen")
    payer.focused("gift_card_number")
    expect(payer["#gift_card_number"]).to_have_attribute("aria-invalid", "true")
    expect(payer["#balance"]).to_have_count(0)


def wrong(pin: str) -> str:
    return "0000" if pin != "0000" else "1111"


def move(merchant: Merchant, card: dict[str, str], **body: Any) -> Any:
    whole = {"card_id": card["card_id"], "currency": "NOK"} | body
    return merchant.post(f"/v1/accounts/{ACCOUNT}/wallets/transactions", whole)


def test_right_number_and_pin(payer: Payer, merchant: Merchant, demo: Demo) -> None:
    card = merchant.card(100000)
    move(merchant, card, ref_id="a", amount=12345)
    open_page(payer, demo)
    expect(payer.page).to_have_title("Saldo på gavekort – Fjord & Form")
    expect(payer["#balance-back"]).to_have_count(0)
    # The payer uses only the keyboard and types the number in groups, as it is on the card.
    payer["#gift_card_number"].focus()
    payer.page.keyboard.type(card["number"])
    expect(payer["#gift_card_number"]).to_have_value(re.compile(r"^\d{4} \d{4} \d{4} \d{4}$"))
    payer.page.keyboard.press("Tab")
    payer.page.keyboard.type(card["pin"])
    payer.page.keyboard.press("Enter")
    payer.stage("shown")
    payer.focused("balance-heading")
    expect(payer["#balance-heading"]).to_contain_text(f"•••• •••• •••• {card['number'][-4:]}")
    expect(payer["#balance-available"]).to_have_text(written("876,55 kr"))
    payer.announced("Tilgjengelig nå: 876,55 kr.")
    expect(payer["#balance-on-card"]).to_have_count(0)
    expect(payer["#balance-expires"]).to_contain_text("Ingen sluttdato")
    rows = payer["#balance-movements tbody tr"]
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text(written("Betalt−123,45 kr"))
    expect(rows.nth(1)).to_contain_text(written("Satt inn på kortet+1 000,00 kr"))
    payer["#balance-done"].click()
    payer.stage("ask")
    payer.focused("gift_card_number")
    expect(payer["#gift_card_number"]).to_have_value("")
    assert "876" not in payer.page.content()


def test_held_by_an_open_payment(new_payer: NewPayer, merchant: Merchant, demo: Demo) -> None:
    soon = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    card = merchant.card(10000, expires_at=soon)
    buyer = new_payer()
    buyer.open(merchant.session(40000))
    buyer.give_details()
    buyer.add_card(card)
    buyer.press_pay()
    payer = new_payer()
    open_page(payer, demo)
    look(payer, card["number"], card["pin"])
    expect(payer["#balance-available"]).to_have_text(written("0,00 kr"))
    expect(payer["#balance-on-card"]).to_have_text(written("100,00 kr"))
    expect(payer["#balance-held"]).to_have_text(written("100,00 kr"))
    held = payer["#balance-holds li"]
    expect(held).to_have_count(1)
    expect(held).to_contain_text(re.compile(r"påbegynt for \d+ sekunder? siden"))
    expect(held).to_contain_text(written("tilbake om 30 minutter"))
    expect(payer["#balance-note"]).to_contain_text("må brukes innen")


@pytest.fixture(scope="module")
def own_demo(
    built_frontend: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """Run a separate demo for tests that would disturb others: they read its log, stop it and spend
    its budgets."""
    directory = tmp_path_factory.mktemp("balance")
    demo = Demo(repository, directory, log=directory / "demo.log")
    demo.start()
    yield demo
    demo.stop()


@pytest.fixture
def own_merchant(own_demo: Demo, shop: Shop) -> Iterator[Merchant]:
    merchant = Merchant(own_demo, shop)
    yield merchant
    merchant.http.close()


def test_the_way_back_leads_to_the_shop_alone(payer: Payer, merchant: Merchant, demo: Demo) -> None:
    shop = demo.facts["shop_url"]
    open_page(payer, demo, **{"return": f"{shop}/?from=balance"})
    back = payer["#balance-back"]
    expect(back).to_have_attribute("href", f"{shop}/?from=balance")
    for evil in ("https://evil.example/", f"{shop}@evil.example/", "javascript:alert(1)", "//x"):
        open_page(payer, demo, **{"return": evil})
        expect(payer["#balance-back"]).to_have_count(0)
        assert "evil" not in payer["main"].inner_html()


def test_served_as_the_checkout_is(demo: Demo) -> None:
    with httpx.Client(base_url=demo.base_url) as http:
        page = http.get(f"/balance/{ACCOUNT}?profile=default", headers={"accept-language": "nb"})
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["content-language"] == "nb"
        policy = page.headers["content-security-policy"]
        assert f"frame-ancestors {demo.facts['shop_url']} " in policy
        assert "unsafe" not in policy and "default-src 'none'" in policy
        for text in (
            '<html lang="nb"',
            "Saldo på gavekort – Fjord &amp; Form",
            "<noscript>",
            "Denne siden trenger JavaScript",
        ):
            assert text in page.text
        for gone in (
            "/balance/T99999999",
            f"/balance/{ACCOUNT}?profile=none",
            f"/balance/{ACCOUNT}?profile=%00",
            "/balance/x%2Fy",
            "/balance/%3Cscript%3E",
            "/balance",
        ):
            assert http.get(gone).status_code == 404, gone
        form = {"gift_card_number": "4711471147114711", "gift_card_pin": "0815"}
        posted = http.post(f"/balance/{ACCOUNT}?language=en", data=form)
        assert posted.status_code == 200
        assert "Nothing you typed was read or saved" in posted.text
        assert not any(secret in posted.text for secret in form.values())
        # The checkout's page contains nothing of the balance page.
        checkout = http.get("/v1/view/none").text
        assert "_balance_" not in checkout and "balance" not in checkout


def test_a_page_that_is_not_there(payer: Payer, demo: Demo) -> None:
    payer.page.goto(f"{demo.base_url}/balance/T99999999")
    payer.stage("missing")
    expect(payer["main h2"]).to_have_text("Siden finnes ikke")


def test_languages(new_payer: NewPayer, demo: Demo) -> None:
    payer = new_payer(locale="en-GB")
    open_page(payer, demo, profile="default")
    expect(payer["#balance-look"]).to_have_text("Show the balance")
    payer["footer nav a[lang=nb]"].click()
    expect(payer["#balance-look"]).to_have_text("Vis saldoen")
    assert "profile=default" in payer.page.url
    expect(payer["html"]).to_have_attribute("lang", "nb")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_axe_and_narrow_screens(
    new_payer: NewPayer, merchant: Merchant, demo: Demo, scheme: str, width: int
) -> None:
    card = merchant.card(100000)
    move(merchant, card, ref_id="a", amount=12345)
    move(merchant, card, ref_id="b", amount=12345, pending=True)
    payer = new_payer(
        color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )

    def check() -> None:
        assert violations(Axe().run(payer.page)) == []
        assert payer.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    open_page(payer, demo, **{"return": demo.facts["shop_url"]})
    check()
    look(payer, "", "")
    expect(payer["#gift_card_pin-error"]).to_be_visible()
    check()
    look(payer, card["number"], card["pin"])
    payer.stage("shown")
    check()


def test_print(payer: Payer, merchant: Merchant, demo: Demo) -> None:
    card = merchant.card(10000)
    open_page(payer, demo)
    payer.page.evaluate("window.print = () => { document.title = 'printed' }")
    look(payer, card["number"], card["pin"])
    payer["#balance-print"].click()
    expect(payer.page).to_have_title("printed")
    payer.page.emulate_media(media="print")
    expect(payer["#balance-available"]).to_be_visible()
    expect(payer["#balance-print"]).not_to_be_visible()


def test_nothing_typed_is_anywhere_afterwards(
    new_payer: NewPayer, own_merchant: Merchant, own_demo: Demo
) -> None:
    card = own_merchant.card(10000, pin={"format": {"length": 12, "numbers": True}})
    payer = new_payer()
    sent: list[str] = []
    received: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(str(frame)))
        socket.on("framereceived", lambda frame: received.append(str(frame)))

    payer.page.on("websocket", listen)
    open_page(payer, own_demo)
    look(payer, card["number"], wrong(card["pin"]))
    refused(payer)
    look(payer, card["number"], card["pin"])
    payer.stage("shown")
    assert sum(card["pin"] in frame for frame in sent) == 1, "once, and only to us"
    for secret in (card["number"], card["pin"]):
        assert not any(secret in frame for frame in received)
        assert secret not in payer.page.content()
        assert secret not in payer.page.url
    kept = payer.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert card["pin"] not in kept and card["number"] not in kept
    # After a reload the page asks again and shows nothing of the card.
    before = len(received)
    payer.page.reload()
    payer.stage("ask")
    assert not any("100,00" in frame for frame in received[before:])
    kept = (own_demo.directory / "demo.log").read_text(encoding="utf-8")
    for file in own_demo.directory.rglob("*"):
        if file.is_file() and file.name not in ("demo.json", "seed.json"):
            kept += file.read_bytes().decode("latin-1")
    assert card["number"] not in kept and card["pin"] not in kept


def test_the_connection_is_lost(new_payer: NewPayer, own_demo: Demo) -> None:
    """The shown data is lost with the server's memory. The page asks again, and nothing breaks."""
    card = own_demo.facts["gift_cards"][0]
    payer = new_payer()
    open_page(payer, own_demo)
    look(payer, card["number"], card["pin"])
    payer.stage("shown")
    own_demo.stop()
    expect(payer["#lost"]).to_be_visible(timeout=15000)
    (own_demo.directory / "demo.json").unlink(missing_ok=True)
    own_demo.start()
    payer.stage("ask", seconds=30)
    look(payer, card["number"], card["pin"])
    payer.stage("shown")


def test_wrong_pin_and_unknown_number_look_the_same_and_too_many_tries_say_when(
    new_payer: NewPayer, own_merchant: Merchant, own_demo: Demo
) -> None:
    """All payers come from one address. If one of them may not try any more, another one can still
    use their own card."""
    card, mine = own_merchant.card(10000), own_merchant.card(10000)
    payer = new_payer()
    open_page(payer, own_demo)
    look(payer, card["number"], wrong(card["pin"]))
    refused(payer)
    pages = [payer["main"].inner_html()]
    look(payer, "9999 9999 9999 9999", card["pin"])
    expect(payer["#balance-look"]).not_to_have_attribute("aria-busy", "true")
    refused(payer)
    pages.append(payer["main"].inner_html())
    assert len(set(pages)) == 1
    look(payer, card["number"], "")
    expect(payer["#gift_card_pin-error"]).to_have_text("Skriv inn PIN-koden.")
    # A right PIN still works. Then come so many wrong ones that the payer has to wait.
    look(payer, card["number"], card["pin"])
    payer.stage("shown")
    payer["#balance-done"].click()
    error = payer["#gift_card_number-error"]
    for _ in range(14):
        look(payer, card["number"], wrong(card["pin"]))
        expect(payer["#balance-look"]).to_have_attribute("aria-busy", "false")
        expect(error).to_be_visible()
        if "ikke sammen" not in error.inner_text():
            break
    too_many = re.compile(r"Prøv igjen om \d+ sekund|for mange feil forsøk")
    expect(error).to_contain_text(too_many)
    payer.focused("gift_card_number")
    # Another tab counts as the same person at this card and can ask about another card.
    other = new_payer()
    open_page(other, own_demo)
    look(other, mine["number"], mine["pin"])
    other.stage("shown")
