"""What the page weighs, how soon it shows and works, beside Adyen's Drop-in in the same run.

The two are loaded in turn, so that a noisy machine is noisy for both; a ratio below one is ours
being the lighter or the faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from tests.bench import dropin
from tests.bench.clicks import click_figures
from tests.bench.cold import Load, load_once
from tests.bench.figures import heading, line
from tests.bench.size import Size
from tests.support.browser import chromium_arguments, find_chromium

WORKS = """
document.querySelector('#main[data-stage="open"]') && document.querySelector('#details-save')
"""
"""The session is shown, and the form's events are bound."""

# What is compared: its name, its unit, where it stands in a load.
_ROWS: tuple[tuple[str, str, Callable[[Load], float]], ...] = (
    ("on the wire", "kB", lambda load: load.bytes / 1000),
    ("JavaScript", "kB", lambda load: load.by_kind.get("Script", 0) / 1000),
    ("CSS", "kB", lambda load: load.by_kind.get("Stylesheet", 0) / 1000),
    ("requests", "", lambda load: load.requests),
    ("first paint", "ms", lambda load: load.fcp),
    ("form works", "ms", lambda load: load.works),
    ("blocked", "ms", lambda load: load.blocked),
    ("layout shift", "", lambda load: load.shift),
    ("over the socket", "kB", lambda load: load.socket_bytes / 1000),
)


def page_figures(
    urls: Iterator[str],
    with_shipping: Iterator[str],
    card: tuple[str, str],
    *,
    size: Size,
) -> None:
    """`urls` and `with_shipping` each give pages of fresh sessions, the latter's with two
    shipping options; `card` is number and PIN of a gift card smaller than the order."""
    dropin.build()
    with sync_playwright() as playwright, dropin.serving() as theirs:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=chromium_arguments()
        )
        _compare(browser, urls, theirs, throttled=False, times=size.pick(9, 3))
        _compare(browser, urls, theirs, throttled=True, times=size.pick(7, 3))
        for throttled in (False, True):
            times = size.pick(20, 4, 2)
            click_figures(browser, next(with_shipping), card, throttled=throttled, times=times)
        browser.close()


def _compare(
    browser: Browser, urls: Iterator[str], theirs: str, *, throttled: bool, times: int
) -> None:
    title = "Fast 3G, processor 4 times slower" if throttled else "bare"
    heading(f"Cold load on a phone: {title} (median of {times}, in turn)")
    pairs = [
        (
            load_once(browser, next(urls), WORKS, throttled=throttled),
            load_once(browser, theirs, dropin.WORKS, throttled=throttled),
        )
        for _ in range(times)
    ]
    line("", f"{'Gavekort':>12} {'Drop-in':>12}   ratio")
    for name, unit, figure in _ROWS:
        our_own = median(figure(ours) for ours, _ in pairs)
        their_own = median(figure(other) for _, other in pairs)
        ratio = f"{our_own / their_own:.2f}" if their_own else "-"
        line(name, f"{_written(our_own, unit):>12} {_written(their_own, unit):>12}   {ratio}")


def _written(value: float, unit: str) -> str:
    digits = {"ms": 0, "kB": 1}.get(unit, 0 if value == int(value) else 3)
    return f"{value:.{digits}f} {unit}".rstrip()
