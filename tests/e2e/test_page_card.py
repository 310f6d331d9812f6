"""The payer adds a gift card on the page. The tests check every refusal, the ways to type a number,
and where a PIN goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.support.demo import Merchant
from tests.support.payer import Payer


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


UNKNOWN = "Nummeret og PIN-koden hører ikke sammen, eller gavekortet finnes ikke."


def test_each_refusal_says_why_but_unknown_and_wrong_are_one(
    payer: Payer, merchant: Merchant
) -> None:
    good = merchant.card()
    wrong_pin = f"{(int(good['pin']) + 1) % 10000:04d}"
    cases = [
        (good["number"], wrong_pin, UNKNOWN),
        ("9999 9999 9999 9999", "1234", UNKNOWN),
        (*_typed(merchant.card(0)), "Gavekortet er tomt."),
        (*_typed(merchant.card(expires_at=in_days(-1))), "Gavekortet er utløpt"),
        (*_typed(merchant.card(active_from=in_days(9))), "Gavekortet er ikke tatt i bruk ennå."),
        (*_typed(merchant.card(currency="SEK")), "Gavekortet gjelder i en annen valuta"),
    ]
    payer.open(merchant.session())
    payer.give_details()
    for number, pin, message in cases:
        payer.type_card(number, pin)
        expect(payer["#gift_card_number-error"]).to_contain_text(message)
        payer.focused("gift_card_number")
        payer.shows_total("400,00 kr")
        expect(payer["#card-in-use"]).to_have_count(0)
    payer.add_card(good)


def _typed(card: dict[str, str]) -> tuple[str, str]:
    return card["number"], card["pin"]


def test_the_number_is_grouped_as_typed_and_pasted(payer: Payer, merchant: Merchant) -> None:
    card = merchant.card()
    number = payer["#gift_card_number"]
    payer.open(merchant.session())
    payer.give_details()
    number.press_sequentially("12345678")
    expect(number).to_have_value("1234 5678")
    # Typing in the middle leaves the caret behind the typed text.
    for _ in range(4):
        number.press("ArrowLeft")
    number.press_sequentially("90")
    expect(number).to_have_value("1234 9056 78")
    assert number.evaluate("field => field.selectionStart") == 7
    digits = card["number"]
    number.fill(f"{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:]}")
    grouped = " ".join(digits[i : i + 4] for i in range(0, 16, 4))
    expect(number).to_have_value(grouped)
    # Dintero's own default numbers have letters and hyphens that belong to them.
    number.fill("DINCARD:8f14e45f-ceea-467f-a0e6-1fd5f1a3d9aa")
    expect(number).to_have_value("DINCARD:8f14e45f-ceea-467f-a0e6-1fd5f1a3d9aa")
    number.fill(grouped)
    payer["#gift_card_pin"].fill(card["pin"])
    payer["#gift_card_pin"].press("Enter")
    expect(payer["#card-in-use"]).to_be_visible()


def test_numbers_with_letters_and_hyphens_are_taken_as_they_are(
    payer: Payer, merchant: Merchant
) -> None:
    card = merchant.card(card_token=None)
    assert card["number"].startswith("DINCARD:")
    payer.open(merchant.session())
    payer.give_details()
    payer.add_card(card)
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")


def test_pin_goes_nowhere(payer: Payer, merchant: Merchant) -> None:
    """The PIN leaves in one event and never comes back in the state, the page or storage."""
    card = merchant.card(pin={"format": {"length": 12, "numbers": True}})
    received: list[str] = []
    payer.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))),
    )
    payer.open(merchant.session())
    payer.give_details()
    payer.add_card(card)
    assert received
    assert [frame for frame in received if card["pin"] in frame or card["number"] in frame] == []
    assert card["pin"] not in payer.page.content()
    kept = payer.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert card["pin"] not in kept and card["number"] not in kept
