"""A shop's page that embeds the checkout with Dintero's Web SDK, unmodified, as npm gave it.

It is served by a server of its own, under both names of this machine: another origin than the
checkout's, and two that differ from each other. What the SDK and the checkout say is remembered.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import FrameLocator, Page, expect

from tests.support.demo import ADDRESS, Demo, Merchant
from tests.support.waiting import SECONDS, until_on

SDK = "@dintero/checkout-web-sdk/dist/dintero-checkout-web-sdk.umd.min.js"
VERSION = "0.8.30"
OPTION = "dintero_psp.creditcard"

HANDLERS = (
    "onSession", "onPayment", "onPaymentError", "onSessionCancel", "onSessionNotFound",
    "onSessionLocked", "onSessionLockFailed", "onActivePaymentType",
)  # fmt: skip

_PAGE = """<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width">
<title>Host</title><h1>The shop's own page</h1><div id="container"></div>
<script src="/sdk.js"></script><script>
window.raw = []; window.events = []; window.answers = {}; window.acks = [];
// From the SDK's own frame, and from the pop-out that it opened.
addEventListener("message", (event) => {
  if (event.data && event.data.sid) raw.push({...event.data, origin: event.origin});
});
window.begin = async ({handlers, ...options}) => {
  for (const name of handlers) {
    options[name] = (event, checkout, callback) => {
      const {callback: _, ...plain} = event;
      events.push({name, ...plain});
      if (answers[name]) answers[name](event, checkout, callback);
    };
  }
  window.checkout = await dintero.embed({container: document.getElementById("container"), ...options});
};
</script></html>"""  # noqa: E501

_RETURNED = b"<!DOCTYPE html><title>The shop</title><h1>The shop</h1>"


class HostServer:
    """`origin` and `other_origin` are the same server under its two names."""

    def __init__(self, port: int, sdk: bytes) -> None:
        self.port = port
        self._sdk = sdk
        self.requests: list[str] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_origin(self) -> str:
        return f"http://localhost:{self.port}"

    def answer(self, path: str) -> tuple[str, bytes]:
        self.requests.append(path)
        route = urlsplit(path).path
        if route == "/sdk.js":
            return "text/javascript", self._sdk
        if route == "/accept":
            return "text/html; charset=utf-8", _RETURNED
        return "text/html; charset=utf-8", _PAGE.encode()


@contextmanager
def host_server(repository: Path) -> Iterator[HostServer]:
    sdk = repository / "sandbox" / "shop" / "npm" / "node_modules" / SDK
    hosts: list[HostServer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = hosts[0].answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hosts.append(HostServer(server.server_address[1], sdk.read_bytes()))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hosts[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def make_profile(demo: Demo, merchant: Merchant, *origins: str, **more: Any) -> str:
    """Create a profile of the demo's merchant that these origins may embed, and return its id."""
    body = {
        "configuration": {
            "active_payment_types": {"enabled": True},
            "dintero": {
                "type": "payment_type",
                "wallets": {"type": "payment_product_type", "enabled": True},
            },
            "dintero_psp": {
                "type": "payment_type",
                "creditcard": {"type": "payment_product_type", "enabled": True},
            },
        },
        "express": {"enabled": True},
        "merchant": {"name": "Fjord & Form"},
        "allowed_frame_origins": list(origins),
        "connections": {OPTION: demo.gateway()},
    } | more
    made = merchant.post("/v1/admin/session/profiles", body)
    return str(made["profile_id"])


class HostPage:
    """One tab with the shop's page in it, and the checkout in that."""

    def __init__(self, page: Page, demo: Demo, session_id: str, origin: str) -> None:
        self.page, self.sid, self._demo = page, session_id, demo
        page.goto(f"{origin}/host")

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("#container iframe")

    def embed(self, handlers: tuple[str, ...] = HANDLERS, **options: Any) -> None:
        """Start as a shop does; returns when the checkout is alive."""
        self.begin(handlers, **options)
        expect(self.frame.locator("main:not([data-stage=loading])")).to_be_attached(timeout=20000)

    def begin(self, handlers: tuple[str, ...] = HANDLERS, **options: Any) -> None:
        wanted = {"sid": self.sid, "endpoint": self._demo.base_url} | options
        self.page.evaluate("options => { begin(options) }", {**wanted, "handlers": list(handlers)})

    def answer(self, handler: str, script: str) -> None:
        """Set the shop's handler to the body of `(event, checkout, callback) => …`."""
        self.page.evaluate(
            f"() => {{ answers[{json.dumps(handler)}] = (event, checkout, callback) => {{"
            f" {script} }} }}"
        )

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """Return the checkout's messages of one type, one for each `mid`, oldest first."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "kind => raw.filter(message => message.type === kind)", kind
        )
        once = {message.get("mid", place): message for place, message in enumerate(found)}
        return list(once.values())

    def wait_for(self, kind: str, count: int = 1, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for `count` messages of a type and return the latest."""

        def enough() -> bool:
            return len(self.heard(kind)) >= count

        until_on(self.page, enough, f"{count} messages {kind}", seconds=seconds)
        return self.heard(kind)[-1]

    def event(self, name: str, count: int = 1, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for `count` calls of one of the shop's handlers and return the latest."""

        def found() -> list[dict[str, Any]]:
            called: list[dict[str, Any]] = self.page.evaluate(
                "name => events.filter(event => event.name === name)", name
            )
            return called if len(called) >= count else []

        return until_on(self.page, found, f"{count} calls of {name}", seconds=seconds)[-1]

    def post(self, message: dict[str, Any]) -> None:
        """Send a message as the shop's page, without the SDK."""
        self.page.evaluate(
            "message => document.querySelector('iframe').contentWindow.postMessage(message, '*')",
            {"sid": self.sid, **message},
        )

    def height(self) -> int:
        style = self.page.locator("#container iframe").get_attribute("style") or ""
        found = re.search(r"height:\s*([\d.]+)px", style)
        return int(float(found[1])) if found else 0

    # --- the payer --------------------------------------------------------------------------

    def give_details(self) -> None:
        frame = self.frame
        frame.locator("#email").fill("kari@example.no")
        frame.locator("#phone_number").fill("41234567")
        for name, value in ADDRESS.items():
            frame.locator(f"#shipping_address-{name}").fill(value)
        frame.locator("#details-save").click()

    def add_card(self, card: dict[str, str]) -> None:
        frame = self.frame
        expect(frame.locator("#details-edit")).to_be_visible(timeout=15000)
        frame.locator("#gift_card_number").fill(card["number"])
        frame.locator("#gift_card_pin").fill(card["pin"])
        frame.locator("#card-add").click()
        expect(frame.locator("#card-in-use")).to_be_visible(timeout=15000)
