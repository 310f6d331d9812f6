"""A shop's checkout page on another origin that embeds ours as shop plugins do.

Its script answers each message: it fills the shop's own required fields from the billing address,
and with every message about the session it locks the session, has its server update it, and
refreshes it. When the payer presses Pay it sends the shop's order, which needs those fields. Its
server knows the merchant's API.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import FrameLocator, Page, expect

from tests.support.demo import Demo
from tests.support.host import SDK
from tests.support.waiting import until_on

REQUIRED = ("first_name", "last_name", "address_line", "postal_code", "postal_place", "country",
            "email", "phone_number")  # fmt: skip

_PAGE = """<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width">
<title>Checkout</title><h1>The shop's checkout</h1><form id="order">FIELDS</form>
<div id="container"></div><script src="/sdk.js"></script><script>
window.seen = []; window.told = []; window.updates = 0;
const {sid, endpoint, answers, language} = Object.fromEntries(new URLSearchParams(location.search));
const post = (path) => fetch(path, {
  method: "POST", headers: {"content-type": "application/json"},
  body: JSON.stringify({sid, fields: Object.fromEntries(new FormData(order))}),
}).then((answer) => answer.json());
const say = (frame, type) => frame.contentWindow.postMessage({sid, type}, "*");
const dance = async (checkout) => {
  say(checkout.iframe, "LockSession");
  await post("/update");
  updates += 1;
  say(checkout.iframe, "RefreshSession");
};
addEventListener("message", ({data}) => { if (data?.sid) seen.push(data.type); });
const handlers = {
  onSession: (event, checkout) => {
    told.push(event.type);
    if (answers === "nothing") return;
    const bill = event.session.order.billing_address ?? {};
    for (const field of order.elements) field.value = bill[field.name] ?? "";
    // By the SDK's own promises, as its documentation has it: the lock first.
    checkout.lockSession().then(() => post("/update")).then(() => {
      updates += 1;
      checkout.refreshSession().catch(() => {});
    }, () => {});
  },
  onValidateSession: async (event, checkout, callback) => {
    callback(await post("/order"));
  },
  onPayment: (event) => { location.href = `/thanks?transaction_id=${event.transaction_id}`; },
};
const begin = async () => {
  const container = document.getElementById("container");
  window.checkout = await dintero.embed({container, sid, endpoint, language, ...handlers});
  if (answers !== "every message") return;
  addEventListener("message", ({data, source}) => {
    if (data?.sid === sid && source === checkout.iframe.contentWindow) dance(checkout);
  });
};
begin();
</script></html>"""


class EmbeddedShop:
    """The shop's server. `update` is the body of its PUT, or a function that makes a new body each
    time. `orders` holds the complete orders that it received. `hold` makes its updates wait."""

    def __init__(self, demo: Demo, api: httpx.Client, sdk: bytes) -> None:
        self.port = 0
        self.update: Any = {"order": {}}
        self.orders: list[dict[str, str]] = []
        self.updates: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self._demo, self._api, self._sdk = demo, api, sdk

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[str, bytes]:
        if path.startswith("/sdk.js"):
            return "text/javascript", self._sdk
        if path.startswith("/thanks"):
            return "text/html", b"<!DOCTYPE html><title>Thank you</title><h1>Thank you</h1>"
        fields = "".join(f'<input name="{name}" aria-label="{name}">' for name in REQUIRED)
        return "text/html", _PAGE.replace("FIELDS", fields).encode()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/order":
            missing = [name for name in REQUIRED if not body["fields"].get(name)]
            if missing:
                return {"success": False, "clientValidationError": f"missing: {missing}"}
            self.orders.append(body["fields"])
            return {"success": True}
        self.go.wait(30)
        change = self.update(len(self.updates)) if callable(self.update) else self.update
        answer = self._api.put(f"/v1/sessions/{body['sid']}", json=change)
        self.updates.append(answer.status_code)
        return {"status": answer.status_code}


@contextmanager
def embedded_shop(repository: Path, demo: Demo, api: httpx.Client) -> Iterator[EmbeddedShop]:
    sdk = repository / "sandbox" / "shop" / "npm" / "node_modules" / SDK
    shop = EmbeddedShop(demo, api, sdk.read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*shop.get(self.path))

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._answer("application/json", json.dumps(shop.post(self.path, given)).encode())

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        shop.go.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


class Checkout:
    """The shop's page in a tab, and the payer on it."""

    def __init__(self, page: Page, shop: EmbeddedShop, demo: Demo, session_id: str) -> None:
        self.page, self.shop, self.sid = page, shop, session_id
        self._endpoint = demo.base_url

    def open(self, answers: str = "sessions", language: str = "nb") -> None:
        query = f"sid={self.sid}&endpoint={self._endpoint}&answers={answers}&language={language}"
        self.page.goto(f"{self.shop.origin}/checkout?{query}")
        self.alive()

    def alive(self) -> None:
        expect(self.frame.locator("main:not([data-stage=loading])")).to_be_attached(timeout=20000)

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("#container iframe")

    def told(self) -> list[str]:
        """Return the messages about the session that the shop's page received, oldest first."""
        said: list[str] = self.page.evaluate("told")
        return said

    def rests(self, told: int, seconds: float = 20) -> None:
        """Wait until the shop has received and answered this number of messages about the session,
        nothing is locked and no message is on its way."""
        self.page.wait_for_function(
            "wanted => told.length >= wanted && updates >= told.length",
            arg=told,
            timeout=seconds * 1000,
        )
        expect(self.frame.locator("#embed")).to_have_attribute("data-locked", "false")

    def fill_details(self) -> None:
        frame = self.frame
        frame.locator("#email").fill("kari@example.no")
        frame.locator("#phone_number").fill("41234567")
        for name, value in (
            ("first_name", "Kari"),
            ("last_name", "Nordmann"),
            ("postal_code", "0154"),
            ("address_line", "Karl Johans gate 1"),
            ("postal_place", "Oslo"),
        ):
            frame.locator(f"#shipping_address-{name}").fill(value)

    def give_details(self) -> None:
        self.fill_details()
        self.frame.locator("#details-save").click()
        expect(self.frame.locator("#details-edit")).to_be_visible(timeout=30000)

    def add_card(self, card: dict[str, str]) -> None:
        frame = self.frame
        frame.locator("#gift_card_number").fill(card["number"])
        frame.locator("#gift_card_pin").fill(card["pin"])
        self.press("#card-add", lambda: frame.locator("#card-in-use").is_visible())

    def press(self, selector: str, is_done: Callable[[], bool]) -> None:
        """Press Pay when the button is enabled, and press it again if a lock came first, as a payer
        does."""
        button = self.frame.locator(selector)
        for _ in range(10):
            expect(button).to_have_attribute("aria-disabled", "false", timeout=20000)
            button.click()
            with suppress(AssertionError):
                until_on(self.page, is_done, f"{selector} takes effect", seconds=3)
                return
        raise AssertionError(f"{selector} could not be pressed")

    def press_pay(self) -> None:
        """Wait until the shop has received the order."""
        orders = len(self.shop.orders)
        self.press("#pay-button", lambda: len(self.shop.orders) > orders)

    def fields(self) -> dict[str, str]:
        """Return the values of the shop's own form."""
        filled: dict[str, str] = self.page.evaluate(
            "Object.fromEntries(new FormData(document.getElementById('order')))"
        )
        return filled

    def thanked(self) -> str:
        """Wait for the shop's last page and return the transaction's id."""
        self.page.wait_for_url("**/thanks?*", timeout=30000)
        return self.page.url.split("transaction_id=")[1]
