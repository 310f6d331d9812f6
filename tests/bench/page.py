"""What the page weighs, how soon it shows and works, how fast a total follows a click.

Fast 3G is 562 ms round trip, 1.44/0.675 Mbit/s, with the processor four times slower, set through
the browser's own protocol. It may leave websocket frames unthrottled, so "works" is flattered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from playwright.sync_api import Browser, CDPSession, sync_playwright
from playwright.sync_api import Page as BrowserPage

from tests.bench.figures import heading, line, milliseconds
from tests.support.browser import chromium_arguments, find_chromium

_MBIT = 1_000_000 / 8
_FAST_3G = {
    "offline": False,
    "latency": 562,
    "downloadThroughput": 1.44 * _MBIT,
    "uploadThroughput": 0.675 * _MBIT,
}
_SLOWER_CPU = 4

# Measured on Reflex 0.10.1 with a form of the same size (reference/reflex.md#32-cold-load).
_REFERENCE = {
    "bare": {"kB": 150, "requests": 12, "fcp": 196, "works": 363},
    "fast3g": {"kB": 150, "requests": 12, "fcp": 1340, "works": 2973},
}

_WATCH = """
window.bench = {};
const look = () => {
  const main = document.querySelector('#main[data-stage="open"]');
  if (main && document.querySelector('#details-save') && window.bench.works === undefined) {
    window.bench.works = performance.now();
  }
};
new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.name === 'first-contentful-paint') window.bench.fcp = entry.startTime;
  }
}).observe({type: 'paint', buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) window.bench.shift = (window.bench.shift || 0) + entry.value;
  }
}).observe({type: 'layout-shift', buffered: true});
"""

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


@dataclass
class Load:
    """One cold load; milliseconds and bytes on the wire."""

    requests: int = 0
    bytes: int = 0
    socket_bytes: int = 0
    fcp: float = 0.0
    works: float = 0.0
    shift: float = 0.0
    by_kind: dict[str, int] = field(default_factory=dict)


def _listen(session: CDPSession, load: Load) -> None:
    kinds: dict[str, str] = {}

    def sent(event: dict[str, Any]) -> None:
        if not event["request"]["url"].startswith("data:"):
            load.requests += 1
            kinds[event["requestId"]] = event.get("type", "Other")

    def finished(event: dict[str, Any]) -> None:
        size = int(event["encodedDataLength"])
        load.bytes += size
        kind = kinds.get(event["requestId"], "Other")
        load.by_kind[kind] = load.by_kind.get(kind, 0) + size

    def framed(event: dict[str, Any]) -> None:
        load.socket_bytes += len(event["response"]["payloadData"])

    session.on("Network.requestWillBeSent", sent)
    session.on("Network.loadingFinished", finished)
    session.on("Network.webSocketFrameReceived", framed)
    session.on("Network.webSocketFrameSent", framed)


@contextmanager
def _opened(browser: Browser, throttled: bool, load: Load) -> Iterator[BrowserPage]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="nb-NO")
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    if throttled:
        session.send("Network.emulateNetworkConditions", _FAST_3G)
        session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER_CPU})
    _listen(session, load)
    page.add_init_script(_WATCH)
    yield page
    context.close()


def _load_once(browser: Browser, url: str, throttled: bool) -> Load:
    load = Load()
    with _opened(browser, throttled, load) as page:
        page.goto(url)
        page.locator("#details-save").wait_for()
        page.wait_for_timeout(300)
        seen = page.evaluate("window.bench")
        load.fcp, load.works = seen["fcp"], seen["works"]
        load.shift = seen.get("shift", 0.0)
    return load


def _cold_loads(browser: Browser, urls: Iterator[str], quick: bool) -> None:
    for name, throttled, times in (
        ("bare", False, 3 if quick else 9),
        ("fast3g", True, 1 if quick else 5),
    ):
        loads = [_load_once(browser, next(urls), throttled) for _ in range(times)]
        title = "Fast 3G, CPU 4 times slower" if throttled else "bare"
        heading(f"The page, cold: {title} (median of {times})")
        known = _REFERENCE[name]
        kilobytes = median(load.bytes for load in loads) / 1000
        requests = median(load.requests for load in loads)
        fcp = median(load.fcp for load in loads)
        works = median(load.works for load in loads)
        line("bytes on the wire", _against(f"{kilobytes:.1f} kB", kilobytes, known["kB"]))
        for kind, size in sorted(loads[0].by_kind.items(), key=lambda item: -item[1]):
            line(f"  {kind}", f"{size / 1000:.1f} kB")
        line("  over the event socket", f"{loads[0].socket_bytes / 1000:.1f} kB")
        line("requests", _against(f"{requests:.0f}", requests, known["requests"]))
        line("first contentful paint", _against(f"{fcp:.0f} ms", fcp, known["fcp"]))
        line("the form works", _against(f"{works:.0f} ms", works, known["works"]))
        line("layout shift", f"{max(load.shift for load in loads):.3f}")


def _against(shown: str, value: float, reference: float) -> str:
    return f"{shown:>10}   {value / reference:.2f} × the reference's {reference}"


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


def _clicks(browser: Browser, url: str, card: tuple[str, str], throttled: bool, times: int) -> None:
    with _opened(browser, throttled, Load()) as page:
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


def page_figures(
    urls: Iterator[str], with_shipping: Iterator[str], card: tuple[str, str],
    *, quick: bool,
) -> None:  # fmt: skip
    """`urls` and `with_shipping` each give pages of fresh sessions, the latter's with two
    shipping options; `card` is number and PIN of a gift card smaller than the order."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=chromium_arguments()
        )
        _cold_loads(browser, urls, quick)
        for throttled in (False, True):
            times = 4 if quick else 20
            _clicks(browser, next(with_shipping), card, throttled, times)
        browser.close()
