"""A payer in a real browser: their actions on the page, and the errors on the way."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Response, expect

from tests.support.demo import ADDRESS

APPROVED = "4000000000000002"
CHALLENGE = "4000100000000000"
DECLINED = "4100000000000076"
TIMES_OUT = "4100000000000001"


SWEDISH = {"phone": "0701234567", "postal_code": "111 22", "postal_place": "Stockholm"}
"""For `give_details`, where the order is in Swedish kronor."""


class Payer:
    """One tab. `complaints` collects errors of the console, of scripts, and of the policy."""

    def __init__(self, context: BrowserContext, base_url: str) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self._forgiven: list[str] = []
        self._base_url = base_url
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        ours = (message.location or {}).get("url", "").startswith(self._base_url)
        # A browser writes this for every page whose status is 404 or 410.
        expected = bool(re.search(r"status of 4(04|10)", message.text))
        expected = expected or any(re.search(known, message.text) for known in self._forgiven)
        if ours and message.type in ("error", "warning") and not expected:
            self.complaints.append(message.text)

    def forgive(self, pattern: str) -> None:
        """Ignore the complaints that a test causes on purpose, both earlier and later ones."""
        self._forgiven.append(pattern)
        self.complaints[:] = [text for text in self.complaints if not re.search(pattern, text)]

    # --- the page ---------------------------------------------------------------------------

    def open(self, session: dict[str, str], **query: str) -> Response | None:
        """Open `/v1/view/{sid}` and wait until the page is alive."""
        pairs = "&".join(f"{name}={value}" for name, value in query.items())
        response = self.page.goto(session["url"] + (f"?{pairs}" if pairs else ""))
        self.alive()
        return response

    def alive(self) -> None:
        expect(self.page.locator("main:not([data-stage=loading])")).to_be_attached(timeout=15000)

    def stage(self, wanted: str, seconds: float = 10) -> None:
        found = self.page.locator(f"main[data-stage={wanted}]")
        expect(found).to_be_attached(timeout=seconds * 1000)

    def give_details(
        self, email: str = "kari@example.no", phone: str = "41234567", **address: str
    ) -> None:
        self.fill_details(email, phone, **address)
        self.page.click("#details-save")
        expect(self["#details-edit"]).to_be_visible()

    def fill_details(
        self, email: str = "kari@example.no", phone: str = "41234567", **address: str
    ) -> None:
        self.page.fill("#email", email)
        self.page.fill("#phone_number", phone)
        for name, value in (ADDRESS | address).items():
            self.page.fill(f"#shipping_address-{name}", value)

    def type_card(self, number: str, pin: str) -> None:
        self.page.fill("#gift_card_number", number)
        self.page.fill("#gift_card_pin", pin)
        self.page.click("#card-add")

    def add_card(self, card: dict[str, str]) -> None:
        self.type_card(card["number"], card["pin"])
        expect(self["#card-in-use"]).to_be_visible()

    def shows_total(self, to_pay: str, order: str = "", card: str = "") -> None:
        """Return the text as written, with ordinary spaces."""
        expect(self["#total-to-pay"]).to_have_text(written(to_pay))
        if order:
            expect(self["#total-order"]).to_have_text(written(order))
            expect(self["#total-card"]).to_have_text(written(card))

    def announced(self, text: str) -> None:
        expect(self["#announcer"]).to_have_text(re.compile(written(text).pattern))

    def focused(self, element_id: str) -> None:
        expect(self[f"#{element_id}"]).to_be_focused()

    def __getitem__(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def choose(self, option: str) -> None:
        """Choose the payment option, also if it is folded away."""
        way = self[f"input[name=payment_product_type][value='{option}']"]
        expect(way).to_be_attached()
        if not way.is_visible():
            self["#more-options > summary"].click()
        way.check()

    # --- the provider's page ----------------------------------------------------------------

    def press_pay(self) -> None:
        """Wait until the provider's page is open."""
        self.page.click("#pay-button")
        self.at_provider()

    def at_provider(self) -> None:
        expect(self["input[name=number]"]).to_be_visible(timeout=15000)

    def pay_with(self, number: str = APPROVED) -> None:
        page = self.page
        page.fill("input[name=number]", number)
        page.fill("input[name=expiry]", "12/34")
        page.fill("input[name=cvc]", "123")
        page.fill("input[name=name]", "Kari Nordmann")
        page.click("#pay")

    def at_shop(self, seconds: float = 15) -> None:
        expect(self.page).to_have_title("The shop", timeout=seconds * 1000)


def written(text: str) -> re.Pattern[str]:
    """Return a pattern of `text` that accepts any kind of space."""
    return re.compile(re.escape(text).replace(r"\ ", r"\s"))


def violations(found: Any) -> list[tuple[str, list[str]]]:
    """Return the complaints of axe-core: the rules and their elements."""
    return [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]])
        for rule in found.response["violations"]
    ]


def press_as_if_unlocked(button: Locator) -> None:
    """Press a button as on a page that has not heard of the lock yet. A page hears of it at once,
    so the button has to forget in the same step that it takes no press."""
    button.evaluate("button => { button.ariaDisabled = 'false'; button.click(); }")
