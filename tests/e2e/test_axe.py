"""axe-core finds nothing in any state of the page, in any width, light and dark, in two languages.

Each state and language loads once. The test then changes the window and the colours.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import NewPayer, NewScene
from tests.support.axe import ALL, COLOURS, violations
from tests.support.demo import Demo, Merchant
from tests.support.payer import Payer
from tests.support.states import STATES, WITHOUT_SCRIPT, dumped

WIDTHS = (320, 390, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LANGUAGES = ("nb", "en")

# Reflex decides only at load how the browser's own controls look.
_FOLLOW = "scheme => { document.documentElement.style.colorScheme = scheme; }"


def everywhere(page: Page) -> dict[str, Any]:
    """Return the faults of the present page by width and colours."""
    found: dict[str, Any] = {}
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(_FOLLOW, scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            # Faults that do not depend on colours are reported once.
            if complaints := violations(page, ALL if scheme == "light" else COLOURS):
                found[f"{width} px, {scheme}"] = complaints
            if wider := page.evaluate("document.documentElement.scrollWidth - innerWidth"):
                found[f"{width} px, {scheme}, too wide"] = wider
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(
    new_payer: NewPayer, new_scene: NewScene, state: str, language: str
) -> None:
    payer = new_payer(reduced_motion="reduce")
    STATES[state](new_scene(payer, language))
    found = everywhere(payer.page)
    assert found == {}, dumped(found)
    # The test has taken away its scripts or its connection.
    payer.forgive("net::ERR_")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", WITHOUT_SCRIPT)
def test_axe_finds_nothing_without_javascript(
    payer: Payer, demo: Demo, merchant: Merchant, state: str, language: str
) -> None:
    """axe is a script itself, so it gets the page as a browser without scripts reads it."""
    page = payer.page

    def without_scripts(route: Route) -> None:
        answer = route.fetch()
        text = re.sub(r"</?noscript>|<script\b.*?</script>", "", answer.text(), flags=re.DOTALL)
        route.fulfill(response=answer, body=text)

    def as_if_scripting_none(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("(scripting:none)", "all"))

    page.route(re.compile(r"/v1/view/"), without_scripts)
    page.route(re.compile(r"\.css$"), as_if_scripting_none)
    page.goto(f"{WITHOUT_SCRIPT[state](merchant)['url']}?language={language}")
    expect(page.locator("#main")).to_be_hidden()
    expect(page.locator("#without-script")).to_be_visible()
    found = everywhere(page)
    assert found == {}, dumped(found)
