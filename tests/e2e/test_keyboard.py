"""A payer uses the page with only the keyboard, from top to end in reading order, and the focus is
always visible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.demo import Merchant, Shop
from tests.support.orders import RICH
from tests.support.payer import APPROVED, Payer

NewPayer = Callable[..., Payer]

# The script tells whether the focused element is in the window, uncovered and marked.
_FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const place = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const points = [];
  for (const x of [0.1, 0.5, 0.9])
    for (const y of [0.1, 0.5, 0.9])
      points.push([place.left + place.width * x, place.top + place.height * y]);
  const seen = points.filter(([x, y]) => {
    const top = document.elementFromPoint(x, y);
    return top && (element.contains(top) || top.contains(element) ||
      element.closest("label")?.contains(top));
  });
  return {
    id: element.id || element.name || element.tagName,
    group: element.type === "radio" ? element.name : "",
    marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: seen.length,
    top: place.top + scrollY,
  };
}"""


# The focus is before or after everything on the page.
_ENDS = """() => {
  for (const [id, put] of [["start", "prepend"], ["end", "append"]]) {
    if (document.getElementById(id)) continue;
    document.body[put](Object.assign(document.createElement("button"), { id }));
  }
}"""


def focus(payer: Payer) -> dict[str, Any] | None:
    found: dict[str, Any] | None = payer.page.evaluate(_FOCUS)
    return found


def tab_to(payer: Payer, element_id: str, maximum: int = 40) -> None:
    for _ in range(maximum):
        if payer.page.evaluate("document.activeElement.id") == element_id:
            return
        payer.page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {element_id}")


def walk(payer: Payer, key: str, start: str, end: str, maximum: int = 80) -> list[dict[str, Any]]:
    """Return every stop of the key from one end of the page to the other, and assert that there is
    no trap."""
    payer.page.evaluate(_ENDS)
    payer[f"#{start}"].focus()
    stops: list[dict[str, Any]] = []
    for _ in range(maximum):
        payer.page.keyboard.press(key)
        at = focus(payer)
        assert at is not None, f"the focus is lost after {[stop['id'] for stop in stops]}"
        if at["id"] == end:
            return stops
        stops.append(at)
    raise AssertionError(f"{key} goes on for ever: {[stop['id'] for stop in stops]}")


def test_from_the_top_of_the_page_to_the_shop(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card()
    keyboard = payer.page.keyboard
    payer.open(merchant.session(**RICH))
    # There is nothing to skip: the order comes first, and then the first field.
    tab_to(payer, "email", maximum=3)
    for value in ("kari@example.no", "41234567"):
        keyboard.type(value)
        keyboard.press("Tab")
    payer.focused("shipping_address-country")
    keyboard.press("Tab")
    for value in ("Kari", "Nordmann", "Storgata 1", "0155", "Oslo"):
        keyboard.type(value)
        keyboard.press("Tab")
    tab_to(payer, "billing-differs")
    keyboard.press("Space")
    expect(payer["#billing_address-first_name"]).to_be_visible()
    keyboard.press("Space")
    expect(payer["#billing_address-first_name"]).to_be_hidden()
    tab_to(payer, "details-save")
    keyboard.press("Enter")
    payer.focused("details-edit")
    keyboard.press("Tab")
    keyboard.press("ArrowDown")
    expect(payer["input[name=shipping_option]"].nth(1)).to_be_checked()
    payer.announced("Gjenstår å betale: 400,00 kr")
    tab_to(payer, "gift_card_number")
    keyboard.type(card["number"])
    keyboard.press("Tab")
    keyboard.type(card["pin"])
    keyboard.press("Enter")
    payer.focused("card-remove")
    tab_to(payer, "consent.terms")
    keyboard.press("Space")
    tab_to(payer, "pay-button")
    keyboard.press("Space")
    payer.at_provider()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.balance(card) == (0, 10000)


def test_cancelling_takes_two_keys(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    payer.open(merchant.ready())
    payer["#cancel summary"].focus()
    payer.page.keyboard.press("Enter")
    expect(payer["#cancel-yes"]).to_be_visible()
    payer.page.keyboard.press("Enter")
    expect(payer["#cancel-yes"]).to_be_hidden()
    payer.page.keyboard.press("Space")
    payer.page.keyboard.press("Tab")
    payer.focused("cancel-yes")
    payer.page.keyboard.press("Enter")
    payer.at_shop()
    assert [query.get("error") for query in shop.returned] == ["cancelled"]


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("banner", ["none", "locked", "changed", "offline"])
def test_what_has_the_focus_is_marked_and_never_covered(
    new_payer: NewPayer, merchant: Merchant, banner: str, width: int
) -> None:
    """WCAG 2.4.3, 2.4.7, 2.4.11 hold forwards and backwards, also beneath floating elements."""
    payer = new_payer(viewport={"width": width, "height": 640}, reduced_motion="reduce")
    session = merchant.ready(**RICH)
    payer.open(session)
    payer["#details-edit"].click()
    expect(payer["#email"]).to_be_visible()
    if banner == "locked":
        merchant.lock(session)
        expect(payer["#locked"]).to_be_visible()
    elif banner == "changed":
        merchant.change(session, 45000, without_lock=True)
        expect(payer["#changed"]).to_be_visible()
    elif banner == "offline":
        payer.page.context.set_offline(True)
        expect(payer["#offline"]).to_be_visible()
    forwards = walk(payer, "Tab", "start", "end")
    backwards = walk(payer, "Shift+Tab", "end", "start")
    for stop in (*forwards, *backwards):
        assert stop["marked"], f"{stop['id']} shows no focus"
        assert stop["seen"] > 0, f"{stop['id']} is covered"
    names = [stop["id"] for stop in forwards]
    for name in ("email", "details-save", "gift_card_number", "card-add", "pay-button"):
        assert name in names
    steps = [name for name in names if name in ("email", "details-save", "gift_card_number")]
    assert steps == ["email", "details-save", "gift_card_number"]
    # A group of radio buttons is one stop, entered at its other end. All other stops are the same
    # on the way back.
    single = [stop["id"] for stop in forwards if not stop["group"]]
    assert single == [stop["id"] for stop in reversed(backwards) if not stop["group"]]
    payer.forgive("net::ERR_")
