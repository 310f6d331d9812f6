"""The line is slow, breaks, comes back or carries only one direction, or the server was away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.demo import Demo, Merchant, Shop
from tests.support.line import Line
from tests.support.payer import APPROVED, Payer
from tests.support.waiting import pause_on, until_on

# Give the line round trips of half a second, as a telephone has at the edge of its network.
SLOW = {"offline": False, "latency": 562, "downloadThroughput": 180_000, "uploadThroughput": 84_000}


@pytest.fixture
def line(demo: Demo) -> Iterator[Line]:
    with Line(demo.base_url).running() as line:
        yield line


@pytest.fixture
def far(browser: Browser, line: Line) -> Iterator[Payer]:
    """Return a payer at the end of that line. A browser reports each connection that it could not
    make."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="nb-NO")
    payer = Payer(context, line.url)
    yield payer
    context.close()
    expected = re.compile(r"WebSocket|net::ERR_|Failed to fetch|dynamically imported")
    assert [text for text in payer.complaints if not expected.search(text)] == []


def one_transaction(merchant: Merchant, session: dict[str, str]) -> str:
    """Return the only transaction of this session."""
    known = merchant.get(f"/v1/sessions/{session['id']}")
    names = [event["name"] for event in known["events"]]
    assert names.count("INITIATE_PAYMENT") <= 1
    return str(known["transaction_id"])


def test_a_line_that_breaks_and_comes_back(far: Payer, merchant: Merchant, line: Line) -> None:
    card, session = merchant.card(), merchant.ready()
    far.open(line.of(session))
    far["#gift_card_number"].fill(card["number"])
    far["#gift_card_pin"].fill(card["pin"])
    far["#gift_card_pin"].focus()
    line.cut()
    expect(far["#lost"]).to_contain_text("Vi har mistet forbindelsen", timeout=20000)
    far.focused("gift_card_pin")
    line.mend()
    expect(far["#lost"]).to_have_count(0, timeout=30000)
    expect(far["#gift_card_pin"]).to_have_value(card["pin"])
    far.focused("gift_card_pin")
    far["#card-add"].click()
    far.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")


def test_pay_that_is_pressed_while_the_line_is_down_pays_once(
    far: Payer, merchant: Merchant, shop: Shop, line: Line
) -> None:
    card = merchant.card(100000)
    session = merchant.with_card(merchant.ready(), card)
    far.open(line.of(session))
    line.cut()
    expect(far["#lost"]).to_be_visible(timeout=20000)
    for _ in range(3):
        far["#pay-button"].click()
    assert merchant.balance(card) == (100000, 0)
    line.mend()
    far.at_shop(40)
    assert merchant.balance(card) == (60000, 40000)
    assert {query["transaction_id"] for query in shop.returned} == {
        one_transaction(merchant, session)
    }


def test_the_line_breaks_as_pay_is_pressed(
    far: Payer, merchant: Merchant, shop: Shop, line: Line
) -> None:
    """The payment succeeds and its answer is lost. The page finds out automatically."""
    card = merchant.card(100000)
    session = merchant.with_card(merchant.ready(), card)
    far.open(line.of(session))
    line.lose_answers()
    far["#pay-button"].click()
    until_on(far.page, lambda: merchant.balance(card) == (60000, 40000), "the card is held")
    expect(far["#pay-button"]).to_be_visible()
    line.cut()
    expect(far["#lost"]).to_be_visible(timeout=20000)
    line.mend()
    far.at_shop(40)
    assert merchant.balance(card) == (60000, 40000)
    one_transaction(merchant, session)


def test_the_socket_is_refused_while_http_goes_on(
    far: Payer, merchant: Merchant, line: Line
) -> None:
    """A proxy may support no websockets. The page then says so instead of waiting for ever, and
    continues as soon as it can."""
    session = line.of(merchant.ready())
    far.open(session)
    line.cut_sockets()
    expect(far["#lost"]).to_be_visible(timeout=20000)
    far.page.goto(session["url"])
    expect(far["#first-total"]).to_have_text(re.compile(r"400,00\skr"))
    expect(far["#first-slow"]).to_be_visible(timeout=20000)
    expect(far["#first-slow"]).to_contain_text("Dette tar lengre tid enn vanlig.")
    line.mend()
    far.alive()
    far.shows_total("400,00 kr")


def test_offline_is_said_and_nothing_typed_is_lost(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session())
    payer.fill_details()
    payer.page.context.set_offline(True)
    note = payer["#offline"]
    expect(note).to_contain_text("Du er uten nett.")
    assert note.locator("..").get_attribute("role") == "status"
    expect(payer["#lost"]).to_be_hidden()
    payer.page.context.set_offline(False)
    expect(note).to_be_hidden()
    expect(payer["#email"]).to_have_value("kari@example.no")
    payer["#details-save"].click()
    payer.focused("details-edit")
    payer.forgive("net::ERR_")


def test_a_slow_line(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    """The total is shown before the script runs. Each button says what it does and takes one
    click."""
    card, session = merchant.card(100000), merchant.session()
    cdp = payer.page.context.new_cdp_session(payer.page)
    cdp.send("Network.enable")
    cdp.send("Network.emulateNetworkConditions", SLOW)
    payer.page.goto(session["url"], wait_until="commit")
    expect(payer["main[data-stage=loading] #first-total"]).to_have_text(
        re.compile(r"400,00\skr"), timeout=20000
    )
    expect(payer["#first-slow"]).to_be_hidden()
    expect(payer["main:not([data-stage=loading])"]).to_be_attached(timeout=40000)
    payer.give_details()
    payer["#gift_card_number"].fill(card["number"])
    payer["#gift_card_pin"].fill(card["pin"])
    payer["#card-add"].dblclick()
    expect(payer["#card-in-use"]).to_be_visible(timeout=15000)
    payer["#pay-button"].dblclick()
    payer.at_shop(30)
    assert merchant.balance(card) == (60000, 40000)
    one_transaction(merchant, session)


def test_the_server_is_restarted_in_the_middle_of_each_step(
    payer: Payer, merchant: Merchant, shop: Shop, demo: Demo
) -> None:
    card, session = merchant.card(), merchant.session()

    def restart() -> None:
        demo.stop()
        expect(payer["#lost"]).to_be_visible(timeout=20000)
        demo.start()
        expect(payer["#lost"]).to_have_count(0, timeout=40000)
        # The new server's state comes after that and could undo something.
        pause_on(payer.page, 1, "whatever the new server says has come by then")

    payer.open(session)
    payer.fill_details(email="not an address")
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_be_visible()
    payer["#email"].fill("kari@example.no")
    restart()
    expect(payer["#shipping_address-postal_place"]).to_have_value("Oslo")
    payer["#details-save"].click()
    payer.focused("details-edit")
    payer.add_card(card)
    payer["#details-edit"].click()
    payer["#shipping_address-postal_place"].fill("Oslo sentrum")
    restart()
    expect(payer["#card-in-use"]).to_be_visible()
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    expect(payer["#shipping_address-postal_place"]).to_have_value("Oslo sentrum")
    payer["#details-save"].click()
    payer.focused("details-edit")
    payer.press_pay()
    payer.page.go_back()
    payer.alive()
    payer.stage("paying")
    restart()
    payer.stage("paying")
    payer["#wait-continue"].click()
    payer.at_provider()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.balance(card) == (0, 10000)
    payer.forgive("WebSocket")
