"""One cold load of a page in a real browser: what it weighs, when it shows, when it works.

Fast 3G is 562 ms round trip, 1.44/0.675 Mbit/s, with the processor four times slower, set through
the browser's own protocol. It may leave websocket frames unthrottled, so a page that waits for one
is flattered by what its frames weigh.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, CDPSession
from playwright.sync_api import Page as BrowserPage

_MBIT = 1_000_000 / 8
_FAST_3G = {
    "offline": False,
    "latency": 562,
    "downloadThroughput": 1.44 * _MBIT,
    "uploadThroughput": 0.675 * _MBIT,
}
_SLOWER_CPU = 4
_PATIENCE = 60
_SETTLE = 300
"""Milliseconds that a page has to be still after it works, so that late shifts and tasks count."""

# `%s` is true once the page works. A long task's time beyond 50 ms is what blocks (web.dev/tbt),
# counted from the first paint on.
_WATCH = """
window.bench = {tasks: []};
const look = () => {
  if (window.bench.works === undefined && (%s)) window.bench.works = performance.now();
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
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    window.bench.tasks.push([entry.startTime, entry.duration]);
  }
}).observe({type: 'longtask', buffered: true});
"""


@dataclass
class Load:
    """Milliseconds, and bytes on the wire."""

    requests: int = 0
    bytes: int = 0
    socket_bytes: int = 0
    fcp: float = 0.0
    works: float = 0.0
    blocked: float = 0.0
    shift: float = 0.0
    by_kind: dict[str, int] = field(default_factory=dict)


def load_once(browser: Browser, url: str, works: str, *, throttled: bool) -> Load:
    """`works`: an expression of JavaScript, true once the page's form works."""
    load = Load()
    with opened(browser, load, throttled=throttled) as page:
        page.add_init_script(_WATCH % works)
        page.goto(url)
        # Not `wait_for_function`: the page's policy forbids what that needs.
        deadline = time.monotonic() + _PATIENCE
        while not page.evaluate("window.bench.works !== undefined"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{url} did not come to work within {_PATIENCE} s")
            page.wait_for_timeout(100)
        page.wait_for_timeout(_SETTLE)
        seen = page.evaluate("window.bench")
    load.fcp, load.works = seen["fcp"], seen["works"]
    load.shift = seen.get("shift", 0.0)
    load.blocked = sum(
        max(0.0, duration - 50) for start, duration in seen["tasks"] if start >= load.fcp
    )
    return load


@contextmanager
def opened(browser: Browser, load: Load, *, throttled: bool) -> Iterator[BrowserPage]:
    """An empty page on a phone, cache off, whose traffic is counted in `load`."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="nb-NO")
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    if throttled:
        session.send("Network.emulateNetworkConditions", _FAST_3G)
        session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER_CPU})
    _listen(session, load)
    yield page
    context.close()


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
