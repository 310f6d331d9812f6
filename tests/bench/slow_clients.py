"""How soon an honest page works, alone and beside strangers who hold connections open.

All come from one address here, so the page has no better place than they have.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from tests.bench.cold import load_once
from tests.bench.crowd import crowd
from tests.bench.figures import heading, line
from tests.bench.page import WORKS
from tests.bench.size import Size
from tests.support.browser import chromium_arguments, find_chromium

HALF_REQUESTS, SOCKETS = 500, 400
_EACH = 2


def slow_client_figures(urls: Iterator[str], *, size: Size) -> None:
    """`urls` gives pages of fresh sessions: four for every round, and one to warm up."""
    times = size.pick(7, 2)
    alone: list[float] = []
    beside: list[float] = []
    held: list[dict[str, int]] = []
    heading(f"A page beside {HALF_REQUESTS} half-open requests and {SOCKETS} idle sockets")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=chromium_arguments()
        )
        first = next(urls)
        _usable(browser, first)
        for _ in range(times):
            # They run in turn, so that a noisy machine is noisy for both.
            alone += [_usable(browser, next(urls)) for _ in range(_EACH)]
            with crowd(urlsplit(first).port or 80, HALF_REQUESTS, SOCKETS) as held:
                beside += [_usable(browser, next(urls)) for _ in range(_EACH)]
        browser.close()
    line("usable, alone", f"{median(alone):.0f} ms   n={len(alone)}")
    line("usable, beside them", f"{median(beside):.0f} ms   n={len(beside)}")
    line("ratio", f"{median(beside) / median(alone):.2f}")
    for counted in held:
        line("of them open at the end", ", ".join(f"{n} {what}" for what, n in counted.items()))


def _usable(browser: Browser, url: str) -> float:
    """Return the milliseconds until the form works."""
    return load_once(browser, url, WORKS, throttled=False).works
