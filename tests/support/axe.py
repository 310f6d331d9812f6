"""axe-core in a page: fetched in once for each document, run as often as one likes."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_VIOLATIONS = {"resultTypes": ["violations"]}
# Off unless asked for, but of WCAG 2.2 AA.
ALL = {**_VIOLATIONS, "rules": {"target-size": {"enabled": True}}}
COLOURS = {**_VIOLATIONS, "runOnly": ["color-contrast", "link-in-text-block"]}
"""The rules whose answer depends on colours."""
_RUN = "options => axe.run(document, options).then(found => found.violations)"


def violations(page: Page, options: dict[str, Any] = ALL) -> list[tuple[str, list[str]]]:
    """What it complains of: rule, and what is wrong with which element."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(_RUN, options)
    return [
        (rule["id"], [f"{node['html'][:160]} {node['failureSummary']}" for node in rule["nodes"]])
        for rule in found
    ]


def check(page: Page) -> None:
    """It complains of nothing, and nothing lies beside the screen."""
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
