"""The payer gives the details. The tests check errors at their fields, values known beforehand, and
further questions."""

from __future__ import annotations

from playwright.sync_api import WebSocketRoute, expect

from tests.support.demo import Merchant, Shop
from tests.support.orders import RICH
from tests.support.payer import APPROVED, Payer
from tests.support.waiting import until_on


def test_an_error_stands_at_its_field_and_takes_the_focus(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session())
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_have_text("Skriv inn e-postadressen din.")
    payer.focused("email")
    expect(payer["#email"]).to_have_attribute("aria-invalid", "true")
    expect(payer["#email"]).to_have_attribute("aria-describedby", "email-error")
    payer.page.fill("#email", "kari@example.no")
    payer.page.fill("#phone_number", "41234567")
    for name, value in {
        "first_name": "Kari",
        "last_name": "Nordmann",
        "address_line": "Karl Johans gate 1",
        "postal_code": "12",
        "postal_place": "Oslo",
    }.items():
        payer.page.fill(f"#shipping_address-{name}", value)
    payer["#details-save"].click()
    expect(payer["#shipping_address-postal_code-error"]).to_have_text(
        "Postnummeret passer ikke til landet."
    )
    payer.focused("shipping_address-postal_code")
    expect(payer["#email"]).to_have_attribute("aria-invalid", "false")
    expect(payer["#email"]).to_have_value("kari@example.no")
    payer.page.fill("#shipping_address-postal_code", "0154")
    payer["#details-save"].click()
    payer.focused("details-edit")
    payer.announced("Opplysningene er lagret.")
    expect(payer["#details"]).to_contain_text("+4741234567")


def test_details_are_prefilled_and_can_be_edited(payer: Payer, merchant: Merchant) -> None:
    known = {"email": "ola@example.no", "phone_number": "+4799887766"}
    address = {
        "first_name": "Ola",
        "last_name": "Nordmann",
        "address_line": "Storgata 1",
        "postal_code": "0155",
        "postal_place": "Oslo",
        "country": "NO",
    }
    order = {"amount": 40000, "currency": "NOK", "merchant_reference": "order-1"}
    session = merchant.session(
        customer=known, order={**order, "shipping_address": address, "items": []}
    )
    payer.open(session)
    expect(payer["#email"]).to_have_value("ola@example.no")
    expect(payer["#shipping_address-postal_code"]).to_have_value("0155")
    for name, token in {
        "email": "email",
        "phone_number": "tel",
        "shipping_address-first_name": "shipping given-name",
        "shipping_address-address_line": "shipping address-line1",
        "shipping_address-postal_code": "shipping postal-code",
        "shipping_address-postal_place": "shipping address-level2",
        "shipping_address-country": "shipping country",
    }.items():
        expect(payer[f"#{name}"]).to_have_attribute("autocomplete", token)
    payer["#details-save"].click()
    payer["#details-edit"].click()
    payer.focused("email")
    payer.page.fill("#email", "ola.nordmann@example.no")
    payer["#details-save"].click()
    expect(payer["#details"]).to_contain_text("ola.nordmann@example.no")
    payer.page.reload()
    payer.alive()
    expect(payer["#details"]).to_contain_text("ola.nordmann@example.no")


def test_billing_shipping_option_and_checkboxes(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    payer.open(merchant.session(**RICH))
    expect(payer["#billing_address-first_name"]).to_be_hidden()
    payer["#billing-differs"].check()
    expect(payer["#billing_address-first_name"]).to_be_visible()
    for name, value in {
        "first_name": "Fjord",
        "last_name": "AS",
        "address_line": "Bryggen 1",
        "postal_code": "5003",
        "postal_place": "Bergen",
    }.items():
        payer.page.fill(f"#billing_address-{name}", value)
    payer.give_details()
    expect(payer["#details"]).to_contain_text("Bryggen 1, 5003 Bergen")
    # The first option is chosen, so that the total is never without shipping.
    payer.shows_total("449,00 kr")
    options = payer["input[name=shipping_option]"]
    expect(options.nth(0)).to_be_checked()
    options.nth(1).check()
    payer.shows_total("400,00 kr")
    payer.announced("Gjenstår å betale: 400,00 kr")
    payer["#pay-button"].click()
    terms = payer["input[name='consent.terms']"]
    expect(terms).to_be_focused()
    expect(payer[".consent .error"]).to_have_text("Du må godta dette for å betale.")
    expect(terms).to_have_attribute("aria-invalid", "true")
    terms.check()
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.transaction(shop.returned[0]["transaction_id"])["amount"] == 40000


def test_the_other_countries_come_after_the_first_sight(payer: Payer, merchant: Merchant) -> None:
    """An address that is already in the list stays there with its choice."""
    page = payer.page
    held: list[str | bytes] = []
    country = payer["#shipping_address-country"]

    def hold(socket: WebSocketRoute) -> None:
        def pass_on(said: str | bytes) -> None:
            # The whole state, which arrives first, contains both.
            rest = "country_choices" in str(said) and "is_hydrated" not in str(said)
            if rest or held:
                held.append(said)
            else:
                socket.send(said)

        server = socket.connect_to_server()
        server.on_message(pass_on)
        socket.on_message(server.send)
        sockets.append(socket)

    sockets: list[WebSocketRoute] = []
    page.route_web_socket("**/_event/**", hold)
    payer.open(merchant.session())
    assert country.locator("option").count() == 1
    country.focus()
    until_on(page, lambda: held, "the countries come")
    (socket,) = sockets
    waiting, held[:] = list(held), []
    for said in waiting:
        socket.send(said)
    expect(country.locator("option")).not_to_have_count(1)
    assert country.locator("option").count() > 200
    payer.focused("shipping_address-country")
    expect(country).to_have_value("NO")
