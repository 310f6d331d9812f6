"""A key that is held down or pressed twice and a double click count as one press. The payer does
not mean a button that has meanwhile appeared in the same place."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.demo import Merchant
from tests.support.payer import Payer
from tests.support.waiting import pause_on, stays, until_on


def _type(payer: Payer, card: dict[str, str]) -> None:
    payer.page.fill("#gift_card_number", card["number"])
    payer.page.fill("#gift_card_pin", card["pin"])


def test_enter_pressed_again_does_not_take_the_new_card_away(
    payer: Payer, merchant: Merchant
) -> None:
    payer.open(merchant.ready())
    _type(payer, merchant.card())
    payer.page.evaluate(
        """() => addEventListener("focusin", ({target}) => setTimeout(() => {
          if (target.id !== "card-remove") return;
          const again = {key: "Enter", bubbles: true, cancelable: true};
          window.dropped = !target.dispatchEvent(new KeyboardEvent("keydown", again));
        }))"""
    )
    payer.page.keyboard.press("Enter")
    payer.focused("card-remove")
    dropped = "window.dropped === undefined ? null : [window.dropped]"
    assert until_on(payer.page, lambda: payer.page.evaluate(dropped), "Enter is pressed") == [True]
    stays(payer.page, payer["#card-in-use"].is_visible, "the card is gone", seconds=1)
    # A deliberate press works.
    payer.page.keyboard.press("Enter")
    expect(payer["#gift_card_number"]).to_be_focused()


def test_enter_held_down_sends_the_form_once(payer: Payer, merchant: Merchant) -> None:
    """Each wrong attempt counts against the card."""
    card = merchant.card()
    payer.open(merchant.ready())
    _type(payer, card | {"pin": "0000" if card["pin"] != "0000" else "1111"})
    payer.page.evaluate(
        "() => { window.sent = 0; addEventListener('submit', () => window.sent++, true); }"
    )
    for _ in range(20):
        payer.page.keyboard.down("Enter")
        pause_on(payer.page, 0.1, "a key that is held down is said ten times a second")
    payer.page.keyboard.up("Enter")
    expect(payer["#gift_card_number-error"]).to_be_visible()
    assert payer.page.evaluate("sent") == 1


def test_the_other_half_of_a_double_click_is_for_the_same_button(
    payer: Payer, merchant: Merchant
) -> None:
    payer.open(merchant.ready())
    payer["#details-edit"].click()
    expect(payer["#details-save"]).to_be_visible()
    payer.page.evaluate(
        """() => {
          // What the page puts there: the button goes as it is pressed, and another has its place.
          document.querySelector("#details-save").addEventListener("click", (event) => {
            event.preventDefault();
            const other = document.createElement("button");
            other.type = "button";
            other.onclick = () => { window.hit = (window.hit ?? 0) + 1; };
            const {left, top, width, height} = event.target.getBoundingClientRect();
            Object.assign(other.style, {
              position: "fixed", left: `${left}px`, top: `${top}px`, zIndex: "9",
              width: `${width}px`, height: `${height}px`,
            });
            document.body.append(other);
          });
        }"""
    )
    payer["#details-save"].scroll_into_view_if_needed()
    box = payer["#details-save"].bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    payer.page.mouse.dblclick(*middle)
    assert payer.page.evaluate("window.hit") is None
    payer.page.mouse.click(*middle)
    assert payer.page.evaluate("window.hit") == 1
