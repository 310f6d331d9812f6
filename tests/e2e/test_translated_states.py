"""Every state of a page that is being translated, and every press in it.

The test presses everything in each state. If a press leaves the page in the same state, the next
press follows. Otherwise the test makes the state again.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page, expect

from tests.e2e.conftest import NewPayer, NewScene
from tests.support.demo import Demo
from tests.support.payer import Payer
from tests.support.states import STATES
from tests.support.translation import is_as_it_should, translate

WITHOUT_REACT = {"loading", "a script failed to load", "form page"}
"""Nothing is there to press, and nothing to come apart."""

_PRESSED = """() => {
  const can = "main :is(button, summary, input[type=radio], input[type=checkbox]), #language";
  const found = [...document.querySelectorAll(can)].filter(
    (one) => one.checkVisibility() && !one.matches(":disabled") && one.id !== "scan");
  const name = (one) => one.id ? `[id="${one.id}"]`
    : one.name ? `input[name="${one.name}"][value="${one.value}"]`
    : one.closest("[id]") ? `[id="${one.closest("[id]").id}"] ${one.localName}` : "";
  return [...new Set(found.map(name))].filter(Boolean);
}"""
_LOOK = """() => [
  document.querySelector("main")?.dataset.stage,
  ...[...document.querySelectorAll("main [id]")].filter((one) => one.checkVisibility()),
].map((one) => one?.id ?? one).join(" ")"""


def press(page: Page, selector: str) -> None:
    one = page.locator(selector).first
    if selector == '[id="language"]':
        one.select_option("sv" if one.input_value() != "sv" else "nb")
    else:
        # The list includes elements that accept no press at the moment.
        one.click(timeout=5000, force=True)


def is_still_ours(page: Page, demo: Demo) -> bool:
    """Return False if the press has led to the provider or to the shop."""
    return page.url.startswith(demo.base_url) and page.locator("main[data-stage]").count() == 1


def after_a_press(payer: Payer, demo: Demo) -> None:
    """Wait for the result of the press, and then check the page."""
    with suppress(Error):  # the page may be left meanwhile
        if is_still_ours(payer.page, demo):
            expect(payer["[aria-busy=true]"]).to_have_count(0, timeout=15000)
    with suppress(Error):
        if is_still_ours(payer.page, demo):
            expect(payer["#crashed"]).to_have_count(0)
            _check(payer, demo)


def _check(payer: Payer, demo: Demo) -> None:
    try:
        is_as_it_should(payer.page)
    except AssertionError:
        # The press may have led to the provider between the look at the address and the check.
        if is_still_ours(payer.page, demo):
            raise


@pytest.mark.parametrize("state", [name for name in STATES if name not in WITHOUT_REACT])
def test_every_press_in_every_state(
    new_payer: NewPayer,
    new_scene: NewScene,
    demo: Demo,
    state: str,
) -> None:
    def reach() -> Payer:
        made = new_payer(reduced_motion="reduce")
        translate(made.page, harsh=True)
        STATES[state](new_scene(made, "nb"))
        is_as_it_should(made.page)
        return made

    payer = reach()
    wanted: list[str] = payer.page.evaluate(_PRESSED)
    assert '[id="language"]' in wanted
    known = payer.page.evaluate(_LOOK)
    pressed = []
    for selector in wanted:
        same = is_still_ours(payer.page, demo) and payer.page.evaluate(_LOOK) == known
        if not same:
            payer.forgive("net::ERR_|status of 5")
            payer.page.context.close()
            payer = reach()
        press(payer.page, selector)
        after_a_press(payer, demo)
        assert payer["#crashed"].count() == 0, (state, selector)
        pressed.append(selector)
    assert pressed == wanted
    # The test has taken away its connection or its provider.
    payer.forgive("net::ERR_|status of 5")
