"""The killable checkout with one of the other providers behind its page."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from backend.accounts.clients import SCOPES, create_account, create_client
from backend.accounts.profiles import save_profile
from backend.core import context
from backend.core.settings import Settings
from backend.psp.protocol import Outcome, Payment
from backend.psp.registry import connect
from backend.rules.payment_option import works_with_gift_card
from backend.rules.transaction import UNPAID
from tests.support import bambora
from tests.support.callbacks import CallbackListener
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, WITHOUT_GIFT_CARDS, profile, session_body
from tests.support.crash import SECRET_KEY, Checkout
from tests.support.crash_facts import ADDRESS
from tests.support.klarna import KlarnaSandbox
from tests.support.sandbox import Sandbox
from tests.support.swedbankpay import PLAIN
from tests.support.swish import OPTION as SWISH
from tests.support.swish import SwishSandbox
from tests.support.vipps import VippsSandbox


@dataclass(frozen=True)
class Behind:
    """A provider's sandbox, the merchant's credentials there, and a payer who says yes."""

    name: str
    """The sandbox's."""
    option: str
    sandbox: Sandbox
    credentials: dict[str, str]
    approve: Callable[[str], str]
    """Takes the page's address; gives where the payer is sent then."""


def _klarna(repository: Path, folder: Path) -> Behind:
    klarna = KlarnaSandbox(repository, folder)
    klarna.start()
    return Behind("klarna", "klarna.klarna", klarna, klarna.credentials, klarna.pay)


def _bambora(repository: Path, folder: Path) -> Behind:
    sandbox = bambora.BamboraSandbox(repository, folder)
    sandbox.start()
    account = bambora.Merchant(sandbox)

    def approve(url: str) -> str:
        return str(bambora.pay(sandbox, url).headers["location"])

    return Behind("bambora", bambora.OPTION, sandbox, account.credentials, approve)


def _swedbankpay(repository: Path, folder: Path) -> Behind:
    sandbox = Sandbox(repository, "swedbankpay", folder)
    sandbox.start()
    credentials = {
        "base_url": sandbox.base_url,
        "access_token": f"token-{uuid.uuid4().hex}",
        "payee_id": "5cabf558-5283-482f-b252-4d58e06f6f3b",
        "payee_name": "Fjord & Form",
    }

    def approve(url: str) -> str:
        form = {"number": PLAIN, "expiry": "12/34", "cvc": "123", "name": "Kari Nordmann"}
        return str(sandbox.http.post(url, data=form).headers["location"])

    return Behind("swedbankpay", "payex.creditcard", sandbox, credentials, approve)


def _vipps(repository: Path, folder: Path) -> Behind:
    vipps = VippsSandbox(repository, folder)
    vipps.start()
    return Behind("vipps", "vipps", vipps, vipps.credentials, vipps.pay)


def _card_gateway(repository: Path, folder: Path) -> Behind:
    card_gateway = CardGatewaySandbox(repository, folder)
    card_gateway.start()
    credentials = {
        "base_url": card_gateway.base_url,
        "secret_key": f"sk_test_{uuid.uuid4().hex}",
        "webhook_secret": "of no address that is registered",
    }

    def approve(url: str) -> str:
        return str(card_gateway.pay(url).headers["location"])

    return Behind("card_gateway", "dintero_psp.creditcard", card_gateway, credentials, approve)


BEHIND: dict[str, Callable[[Path, Path], Behind]] = {
    "klarna": _klarna,
    "swedbankpay": _swedbankpay,
    "bambora": _bambora,
    "card_gateway": _card_gateway,
    "vipps": _vipps,
}


def swish(repository: Path, folder: Path) -> Behind:
    """Swish is not among the others, because it does not support gift cards."""
    sandbox = SwishSandbox(repository, "swish", folder)
    sandbox.start()
    sandbox.new_merchant()
    return Behind("swish", SWISH, sandbox, sandbox.credentials, sandbox.answer)


class ProviderCheckout(Checkout):
    """A `Checkout` with one option, whose connector reads the books at the provider."""

    _no_provider: ClassVar[Any] = None

    def __init__(self, database_url: str, behind: Behind, callbacks: CallbackListener) -> None:
        super().__init__(database_url, self._no_provider, callbacks)
        self.behind = behind
        self.with_card = works_with_gift_card(behind.option)
        self.whole = 40000 if self.with_card else 30000

    async def _create_account(self) -> None:
        ctx = context.create(
            Settings(
                secret_key=SECRET_KEY,
                database_url=self.database_url,
                allow_insecure_addresses=True,
            )
        )
        await create_account(ctx, ACCOUNT, "Fjord & Form")
        made = await create_client(ctx, ACCOUNT, SCOPES)
        self._client = (made.client_id, made.client_secret)
        connections = {self.behind.option: self.behind.credentials}
        await save_profile(ctx, profile("", "", connections=connections))
        await ctx.close()

    def session(self, card_id: str, *args: Any, **more: Any) -> str:
        """Create a session as `Checkout.session` does. If the option does not support gift cards,
        create one without a card for the amount that a card would have left."""
        if self.with_card:
            return super().session(card_id, *args, **more)
        body = session_body(self.whole, configuration=WITHOUT_GIFT_CARDS)
        body["url"]["callback_url"] = self.callbacks.url
        session_id = str(self.ask("POST", "/v1/sessions-profile", json=body).json()["id"])
        path = f"/v1/view/{session_id}/session/order/addresses"
        self.ask("PUT", path, json={"shipping_address": ADDRESS})
        return session_id

    def cards(self, available: int, held: int, drawn: int) -> tuple[int, int, int]:
        """Return the expected `balance`: the given one, or the untouched one if no gift card is
        used."""
        return (available, held, drawn) if self.with_card else (10000, 0, 0)

    def press_pay(self, session_id: str) -> str | None:
        path = f"/v1/sessions/{session_id}/pay"
        body = {"payment_product_type": self.behind.option}
        answer = self.ask("POST", path, None, json=body)
        assert answer.status_code in (200, 202), answer.text
        redirect: str | None = answer.json().get("redirect_url")
        return redirect

    def pay_at_provider(self, page: str, number: str = "") -> str:
        return self.behind.approve(page)

    def give_up(self, session_id: str) -> None:
        """Return as a payer who has not paid."""
        (row,) = [t for t in self.transactions(session_id) if t["status"] == "INITIATED"]
        self.ask("GET", f"/v1/sessions/{session_id}/redirect/{row['return_ref']}?cancelled=1", 302)

    def there(self, session_id: str) -> list[Payment]:
        """Return the session's payments as the provider stores them, oldest first."""
        references = [t["psp_reference"] for t in self.transactions(session_id)]
        return asyncio.run(self._fetch([one for one in references if one]))

    async def _fetch(self, references: list[str]) -> list[Payment]:
        ctx = context.create(
            Settings(
                secret_key=SECRET_KEY,
                database_url=self.database_url,
                allow_insecure_addresses=True,
            )
        )
        try:
            connector = connect(ctx, self.behind.option, self.behind.credentials)
            return [await connector.fetch(one) for one in references]
        finally:
            await ctx.close()

    def check_both_books(self, session_id: str) -> None:
        """Assert after `settle` that our amounts equal the provider's and that no hold is left."""
        live = [t for t in self.transactions(session_id) if t["status"] not in UNPAID]
        assert len(live) <= 1
        for transaction, payment in zip(
            [t for t in self.transactions(session_id) if t["psp_reference"]],
            self.there(session_id),
            strict=True,
        ):
            assert payment.outcome is Outcome.DONE
            captured = transaction["psp_captured"], transaction["psp_refunded"]
            assert (payment.captured, payment.refunded) == captured, payment
            left = transaction["psp_authorized"] - sum(
                transaction[name] for name in ("psp_captured", "psp_released")
            )
            assert payment.capturable == left, payment
        self.check_books()


class SwishCheckout(ProviderCheckout):
    """A checkout whose sessions are of 400.00 kronor without a gift card. A read at Swish does not
    report refunds."""

    def new_session(self) -> str:
        body = session_body(40000, currency="SEK", configuration=WITHOUT_GIFT_CARDS)
        body["url"]["callback_url"] = self.callbacks.url
        session_id = str(self.ask("POST", "/v1/sessions-profile", json=body).json()["id"])
        path = f"/v1/view/{session_id}/session/order/addresses"
        self.ask("PUT", path, json={"shipping_address": ADDRESS})
        return session_id

    def there(self, session_id: str) -> list[Payment]:
        return [
            replace(one, refunded=self._refunded(str(one.reference)))
            for one in super().there(session_id)
        ]

    def _refunded(self, reference: str) -> int:
        sandbox = self.behind.sandbox
        assert isinstance(sandbox, SwishSandbox)
        return sum(int(amount.replace(".", "")) for amount, _ in sandbox.refunds(reference))
