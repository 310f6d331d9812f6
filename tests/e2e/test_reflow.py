"""The page works enlarged, reflowed, with other spacing, other colours and without motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import NewPayer, NewScene
from tests.support.demo import Merchant
from tests.support.orders import RICH
from tests.support.states import STATES

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# WCAG 1.4.12, to the letter.
SPACING = """* { line-height: 1.5 !important; letter-spacing: .12em !important;
  word-spacing: .16em !important } p { margin-bottom: 2em !important }"""

# The script lists texts that do not fit into their boxes.
CUT = """[...document.querySelectorAll("button, a, p, label, dt, dd, h1, h2, summary, legend")]
  .filter((e) => e.checkVisibility() && !e.closest(".sr-only") && e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).display !== "inline" && getComputedStyle(e).overflow !== "visible")
  .map((e) => e.outerHTML.slice(0, 120))"""

SMALL = """[...document.querySelectorAll('button, input:not([type=hidden]), select, summary, a')]
  .filter((e) => e.checkVisibility() && e.offsetParent)
  .map((e) => [e.id || e.textContent, (e.closest('label') ?? e).getBoundingClientRect()])
  .filter(([, place]) => place.height < 44 || place.width < 24)
  .map(([name]) => name)"""

FULL = ["details with errors", "card added", "discount refused", "waiting, outcome unknown"]


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_is_wider_than_the_window_and_every_target_is_large(
    new_payer: NewPayer, merchant: Merchant, width: int
) -> None:
    """WCAG 1.4.10 (320 px are 1280 at 400 %) and 2.5.8, which we exceed."""
    payer = new_payer(viewport={"width": width, "height": 800}, locale="en-GB")
    payer.open(merchant.session(1234567800, **RICH))
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_be_visible()
    assert payer.page.evaluate(WIDER) == 0
    assert payer.page.evaluate(SMALL) == []
    payer.give_details()
    payer.add_card(merchant.card())
    assert payer.page.evaluate(WIDER) == 0
    assert payer.page.evaluate(SMALL) == [], "every target is at least 44 px high"


@pytest.mark.parametrize("state", FULL)
def test_twice_the_text_size(
    new_payer: NewPayer,
    new_scene: NewScene,
    state: str,
) -> None:
    """WCAG 1.4.4: the page is zoomed to 200 %, or the browser has a large default font size."""
    payer = new_payer(viewport={"width": 640, "height": 400}, device_scale_factor=2)
    STATES[state](new_scene(payer, "nb"))
    assert payer.page.evaluate(WIDER) == 0
    payer.page.set_viewport_size({"width": 390, "height": 844})
    # The browser's setting enlarges only the text.
    payer.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert payer.page.evaluate(WIDER) == 0
    assert payer.page.evaluate(CUT) == []


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("state", FULL)
def test_wider_spacing_cuts_nothing_off(
    new_payer: NewPayer,
    new_scene: NewScene,
    state: str,
    width: int,
) -> None:
    payer = new_payer(viewport={"width": width, "height": 800}, bypass_csp=True)
    STATES[state](new_scene(payer, "nb"))
    payer.page.add_style_tag(content=SPACING)
    assert payer.page.evaluate(WIDER) == 0
    assert payer.page.evaluate(CUT) == []


def test_nothing_moves_for_those_who_asked_for_less(
    new_payer: NewPayer, new_scene: NewScene
) -> None:
    payer = new_payer(reduced_motion="reduce")
    STATES["locked"](new_scene(payer, "nb"))
    moving = """document.getAnimations().map((a) => a.animationName ?? a.transitionProperty)"""
    assert payer.page.evaluate(moving) == []
    payer.page.emulate_media(reduced_motion="no-preference")
    assert payer.page.evaluate(moving) == ["turn"]


def test_high_contrast_of_the_system(new_payer: NewPayer, merchant: Merchant) -> None:
    """Lines replace colours and shadows to show what is chosen, wrong, focused or a button."""
    payer = new_payer(forced_colors="active")
    payer.open(merchant.ready(**RICH))

    def line(selector: str, side: str) -> str:
        found: str = payer[selector].first.evaluate(
            f"e => getComputedStyle(e).{side}Style + ' ' + getComputedStyle(e).{side}Width"
        )
        return found

    assert line(".choice:has(:checked)", "outline") == "solid 3px"
    assert line(".choice:not(:has(:checked))", "outline").startswith("none")
    assert line("#pay-button", "borderTop") == "solid 1px"
    payer["#card-add"].click()
    payer.focused("gift_card_number")
    assert line("#gift_card_pin", "outline") == "dashed 2px"
    payer["#pay-button"].focus()
    payer.page.keyboard.press("Shift+Tab")
    payer.page.keyboard.press("Tab")
    assert line("#pay-button", "outline") == "solid 3px"


def test_more_contrast(new_payer: NewPayer, merchant: Merchant) -> None:
    payer = new_payer(contrast="more")
    payer.open(merchant.ready(**RICH))
    colour = "e => getComputedStyle(e).color"
    muted, text = payer[".muted"].first.evaluate(colour), payer["body"].evaluate(colour)
    assert muted == text
    edge = payer["#gift_card_number"].evaluate("e => getComputedStyle(e).borderTopColor")
    assert edge == text
