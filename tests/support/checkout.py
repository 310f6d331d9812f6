"""A checkout in this process over a real database, a merchant who calls its API, and a payer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from backend.accounts.clients import SCOPES, create_account, create_client
from backend.accounts.profiles import ProfileSetup, save_profile
from backend.api.app import create_api
from backend.core import context
from backend.core.clock import Clock
from backend.core.context import Backend
from backend.core.settings import Settings
from backend.payments.attempts.start import PayResult, Press, pay
from backend.payments.views.audit import audit_everything
from backend.rules.payment_option import PRODUCTS
from backend.sessions import payer, read
from backend.sessions.details import Details
from backend.sessions.view import AddressView, CheckoutView
from tests.support.card_gateway import APPROVED, CardGatewaySandbox

ACCOUNT = "T12345678"
OPTION = "dintero_psp.creditcard"
WEBHOOK_SECRET = "whsec_of_the_tests"
ADDRESS = AddressView("Kari", "Nordmann", "Storgata 1", "", "0155", "Oslo", "NO")
DETAILS = Details("kari@example.com", "+4799887766", ADDRESS)
BASE_URL = "http://127.0.0.1:8000"
ON = {"type": "payment_product_type", "enabled": True}
WITHOUT_GIFT_CARDS: dict[str, Any] = {
    "active_payment_types": {"enabled": True},
    "dintero": {"type": "payment_type", "wallets": ON | {"enabled": False}},
}


class MovingClock:
    """A clock that shows the real time plus what a test adds."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Merchant:
    """One account of the checkout, its client's credentials, and an HTTP client with its token."""

    ctx: Backend
    api: httpx.AsyncClient
    client_id: str
    client_secret: str
    clock: MovingClock

    async def card(self, amount: int = 10000, **more: Any) -> dict[str, Any]:
        """Issue a gift card and return `{card_id, number, pin}`."""
        body = {
            "card_id": f"card-{datetime.now(UTC).timestamp()}",
            "amount": amount,
            "currency": "NOK",
            "pin": {"format": {"length": 4, "numbers": True}},
            "card_token": {"format": {"length": 16, "numbers": True}},
        } | more
        made = await self.post(f"/v1/accounts/{ACCOUNT}/wallets/cards", body)
        return {
            "card_id": made["card_id"],
            "number": made["card_token"]["token"]["value"],
            "pin": made["pin"]["pin"]["value"],
        }

    async def post(self, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = await self.api.post(path, json=body)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def get(self, path: str, expect: int = 200) -> Any:
        answer = await self.api.get(path)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def session(self, amount: int = 40000, **more: Any) -> str:
        made = await self.post("/v1/sessions-profile", session_body(amount, **more))
        return str(made["id"])

    async def ready(
        self, amount: int = 40000, card: dict[str, Any] | None = None, **more: Any
    ) -> str:
        """Create a session whose payer has given the details, and the card if there is one."""
        session_id = await self.session(amount, **more)
        await payer.set_details(self.ctx, session_id, DETAILS)
        if card is not None:
            await payer.add_gift_card(self.ctx, session_id, card["number"], card["pin"], "1.2.3.4")
        return session_id

    async def view(self, session_id: str) -> CheckoutView:
        return await read.read_view(self.ctx, session_id)

    async def press_pay(self, session_id: str) -> PayResult:
        shown = await self.view(session_id)
        option = OPTION if shown.to_pay else None
        ticked = frozenset(box.id for box in shown.checkboxes)
        return await pay(self.ctx, session_id, Press(option, shown.to_pay, "nb", accepted=ticked))

    async def come_back(self, url: str) -> str:
        """Follow the provider's redirect to us and return where we send the payer."""
        parts = urlsplit(url)
        answer = await self.api.get(f"{parts.path}?{parts.query}")
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def paid(
        self,
        card_gateway: CardGatewaySandbox,
        amount: int = 40000,
        card: dict[str, Any] | None = None,
        number: str = APPROVED,
        **more: Any,
    ) -> str:
        """Pay a session at the provider's page and return the transaction's id."""
        session_id = await self.ready(amount, card, **more)
        result = await self.press_pay(session_id)
        if result.state == "redirect":
            assert result.url is not None
            answer = card_gateway.pay(result.url, number)
            assert answer.status_code in (302, 303), answer.text
            await self.come_back(answer.headers["location"])
        shown = await self.view(session_id)
        assert shown.transaction_id is not None, shown
        return shown.transaction_id

    async def transaction(self, transaction_id: str) -> Any:
        return await self.get(f"/v1/transactions/{transaction_id}")

    async def balance(self, card_id: str) -> tuple[int, int, int]:
        """Return the card's available, held and drawn amounts, in minor units."""
        card = await self.get(f"/v1/accounts/{ACCOUNT}/wallets/cards/{card_id}")
        return card["amount_available"], card["amount_pending"], card["amount_drawdown"]

    async def audit(self) -> None:
        assert await audit_everything(self.ctx.db) == []


def session_body(amount: int = 40000, currency: str = "NOK", **more: Any) -> dict[str, Any]:
    """Return a request in the documented form. `more` replaces its top-level parts."""
    return {
        "url": {
            "return_url": "https://shop.example/accept?keep=1",
            "callback_url": "https://shop.example/callback?method=GET",
        },
        "order": {
            "amount": amount,
            "currency": currency,
            "vat_amount": amount // 5,
            "items": [
                {
                    "id": "10",
                    "line_id": "1",
                    "amount": amount,
                    "quantity": 2,
                    "vat": 25,
                    "description": "Forsvinnignspølse",
                }
            ],
            "merchant_reference": "order-1",
        },
        "configuration": {
            "active_payment_types": {"enabled": True},
            "dintero": {"type": "payment_type", "wallets": ON},
        },
        "profile_id": "default",
    } | more


async def open_merchant(
    database_url: str, card_gateway_url: str, secret_key: str, **settings: Any
) -> Merchant:
    """Start the process' context and sign in. `close_merchant` ends both."""
    clock = MovingClock()
    defaults: dict[str, Any] = {
        "secret_key": "a master secret of the tests, long enough",
        "database_url": database_url,
        "base_url": BASE_URL,
        # The provider's sandbox listens on this machine.
        "allow_insecure_addresses": True,
    }
    wanted = Settings(**defaults | settings)
    ctx = context.start(wanted)
    checked: Clock = clock
    ctx.clock = checked
    await create_account(ctx, ACCOUNT, "Fjord & Form")
    made = await create_client(ctx, ACCOUNT, SCOPES)
    await save_profile(ctx, profile(card_gateway_url, secret_key))
    api = httpx.AsyncClient(
        transport=httpx.ASGITransport(_api(), raise_app_exceptions=False),
        base_url=BASE_URL,
        verify=False,  # noqa: S501  # there is no network in between
    )
    merchant = Merchant(ctx, api, made.client_id, made.client_secret, clock)
    token = await sign_in(merchant)
    api.headers["authorization"] = f"Bearer {token}"
    return merchant


@cache
def _api() -> FastAPI:
    """Return the application that all tests of a run share, because its routes take long to build.
    It finds the process context itself."""
    return create_api()


def profile(card_gateway_url: str, secret_key: str, **more: Any) -> ProfileSetup:
    gateway = {
        "base_url": card_gateway_url,
        "secret_key": secret_key,
        "webhook_secret": WEBHOOK_SECRET,
    }
    setup: dict[str, Any] = {
        "account_id": ACCOUNT,
        "profile_id": "default",
        "express": True,
        "connections": {OPTION: gateway},
    } | more
    return ProfileSetup(**setup)


async def sign_in(merchant: Merchant) -> str:
    answer = await merchant.api.post(
        f"/v1/accounts/{ACCOUNT}/auth/token",
        auth=(merchant.client_id, merchant.client_secret),
        json={
            "grant_type": "client_credentials",
            "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def close_merchant(merchant: Merchant) -> None:
    await merchant.api.aclose()
    await context.stop()


def options_alone(*wanted: str) -> dict[str, Any]:
    """Return a configuration that offers gift cards and these options, whatever its profile
    offers."""
    configuration: dict[str, Any] = {
        "active_payment_types": {"enabled": False},
        "dintero": {"type": "payment_type", "wallets": ON},
    }
    for payment_type in ("payex", "bambora", "dintero_psp", "klarna"):
        products = {
            product: ON | {"enabled": f"{payment_type}.{product}" in wanted}
            for product in PRODUCTS[payment_type]
        }
        configuration[payment_type] = {"type": "payment_type", **products}
    return configuration
