"""How fast a total follows a click, from the click to the frame in which it has changed."""

from __future__ import annotations

from statistics import median

from playwright.sync_api import Browser
from playwright.sync_api import Page as BrowserPage

from tests.bench.cold import Load, opened
from tests.bench.figures import heading, line, milliseconds

# From the click to the frame in which another total stands on the page.
_CLICK_TO_TOTAL = """
(selector) => new Promise((resolve) => {
  const total = () => document.querySelector('#total-to-pay')?.textContent;
  const before = total();
  const begin = performance.now();
  const observer = new MutationObserver(() => {
    const now = total();
    if (now && now !== before) { observer.disconnect(); resolve(performance.now() - begin); }
  });
  observer.observe(document.body, {subtree: true, childList: true, characterData: true});
  document.querySelector(selector).click();
})
"""


def _fill_details(page: BrowserPage) -> None:
    for name, value in {
        "email": "kari@example.com",
        "phone_number": "99887766",
        "shipping_address.first_name": "Kari",
        "shipping_address.last_name": "Nordmann",
        "shipping_address.address_line": "Storgata 1",
        "shipping_address.postal_code": "0155",
        "shipping_address.postal_place": "Oslo",
    }.items():
        page.locator(f'[name="{name}"]').fill(value)
    page.locator("#details-save").click()
    page.locator("#gift_card_number").wait_for()


def click_figures(
    browser: Browser, url: str, card: tuple[str, str], *, throttled: bool, times: int
) -> None:
    """`card`: number and PIN of a gift card smaller than the order of the session at `url`, which
    has two shipping options."""
    with opened(browser, Load(), throttled=throttled) as page:
        page.goto(url)
        page.locator("#details-save").wait_for()
        _fill_details(page)
        took: dict[str, list[float]] = {"shipping": [], "add": [], "remove": []}
        for turn in range(times):
            option = f'label:nth-of-type({turn % 2 + 1}) > input[name="shipping_option"]'
            if not page.locator(option).is_checked():
                took["shipping"].append(page.evaluate(_CLICK_TO_TOTAL, option))
            page.locator("#gift_card_number").fill(card[0])
            page.locator("#gift_card_pin").fill(card[1])
            took["add"].append(page.evaluate(_CLICK_TO_TOTAL, "#card-add"))
            page.locator("#card-remove").wait_for()
            took["remove"].append(page.evaluate(_CLICK_TO_TOTAL, "#card-remove"))
            page.locator("#gift_card_number").wait_for()
    title = "Fast 3G, CPU 4 times slower" if throttled else "bare"
    heading(f"From click to updated total: {title}")
    line("another shipping option", milliseconds(took["shipping"]))
    line("gift card added (checks the PIN)", milliseconds(took["add"]))
    line("gift card removed", milliseconds(took["remove"]))
    slower = median(took["add"]) / median(took["shipping"])
    line("gift card against shipping option", f"ratio {slower:.1f}")
