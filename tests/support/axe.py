"""Run axe-core in a page. Each document loads it once, and a test runs it as often as it needs."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_VIOLATIONS = {"resultTypes": ["violations"]}
# This rule belongs to WCAG 2.2 AA, but axe-core runs it only on request.
ALL = {**_VIOLATIONS, "rules": {"target-size": {"enabled": True}}}
COLOURS = {**_VIOLATIONS, "runOnly": ["color-contrast", "link-in-text-block"]}
"""The rules whose answer depends on colours."""
_RUN = "options => axe.run(document, options).then(found => found.violations)"


def violations(page: Page, options: dict[str, Any] = ALL) -> list[tuple[str, list[str]]]:
    """Return the complaints of axe-core: the rule, the element and what is wrong with it."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(_RUN, options)
    return [
        (rule["id"], [f"{node['html'][:160]} {node['failureSummary']}" for node in rule["nodes"]])
        for rule in found
    ]


def check(page: Page) -> None:
    """Assert that axe-core finds no fault and that nothing reaches beyond the screen."""
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
