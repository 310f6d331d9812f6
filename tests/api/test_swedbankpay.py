"""A payer uses a gift card and Swedbank Pay over the API, by card and by Swish, which takes the
money at once."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backend.accounts.profiles import save_profile
from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import Press, pay
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Transaction
from backend.sessions.view import Notice, PageState
from tests.support.checkout import Merchant, profile
from tests.support.sandbox import Listener, Sandbox
from tests.support.swedbankpay import MEDIA

CARD, SWISH = "payex.creditcard", "payex.swish"


class SwedbankPaySandbox(Sandbox):
    """A sandbox that each test uses with its own merchant's token."""

    token = ""

    @property
    def credentials(self) -> dict[str, str]:
        return {"base_url": self.base_url, "access_token": self.token, "payee_id": "5cabf558"}

    def order(self, reference: str | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": MEDIA}
        url = f"{self.base_url}{reference}?$expand=urls,payeeInfo,financialTransactions,metadata"
        return self.http.get(url, headers=headers).json()["paymentOrder"]

    def moved(self, reference: str | None) -> list[tuple[str, int]]:
        rows = self.order(reference)["financialTransactions"]["financialTransactionsList"]
        return [(one["type"], one["amount"]) for one in rows]

    def by_card(self, url: str, number: str = "4925000000000004") -> str:
        form = {"number": number, "expiry": "12/34", "cvc": "123", "name": "Kari"}
        return str(self.http.post(url, data=form).headers["location"])

    def by_swish(self, url: str, result: str = "approve") -> str:
        return str(self.http.post(url, data={"result": result}).headers["location"])


@pytest.fixture(scope="session")
def _provider(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SwedbankPaySandbox]:
    provider = SwedbankPaySandbox(repository, "swedbankpay", tmp_path_factory.mktemp("payex"))
    provider.start()
    yield provider
    provider.kill()
    provider.http.close()


@pytest.fixture
async def provider(
    _provider: SwedbankPaySandbox, merchant: Merchant
) -> AsyncIterator[SwedbankPaySandbox]:
    """Connect Swedbank Pay, and nothing else, to the merchant's profile."""
    _provider.token = f"token-{uuid.uuid4().hex}"
    connections = dict.fromkeys((CARD, SWISH), _provider.credentials)
    await save_profile(merchant.ctx, profile("", "", connections=connections))
    yield _provider
    _provider.reset()
    _provider.admin("settings", late_approvals=False)


class Payer:
    """One payer's session of 400.00 with a gift card of 100.00."""

    def __init__(self, merchant: Merchant, provider: SwedbankPaySandbox) -> None:
        self.merchant = merchant
        self.provider = provider
        self.session_id = ""
        self.card: dict[str, Any] = {}

    async def begin(self, option: str = CARD, **more: Any) -> str:
        """Press Pay and return the address of the provider's page."""
        # The amount is in Swedish kronor, which Swish needs.
        self.card = await self.merchant.card(10000, currency="SEK")
        self.session_id = await self.merchant.ready(40000, self.card, currency="SEK", **more)
        return await self.again(option)

    async def again(self, option: str = CARD) -> str:
        result = await pay(self.merchant.ctx, self.session_id, Press(option, 30000, "nb"))
        assert result.state == "redirect", result
        assert result.url is not None
        return result.url

    async def transaction(self) -> Transaction:
        """Return the session's newest transaction."""
        statement = (
            select(Transaction)
            .where(Transaction.session_id == self.session_id)
            .order_by(Transaction.created_at.desc())  # type: ignore[attr-defined]  # a column
        )
        async with self.merchant.ctx.db.reading() as db:
            found = (await db.exec(statement)).first()
        assert found is not None
        return found

    async def state(self) -> tuple[PageState, Notice | None]:
        shown = await self.merchant.view(self.session_id)
        return shown.state, shown.notice

    async def balance(self) -> tuple[int, int, int]:
        return await self.merchant.balance(self.card["card_id"])


@pytest.fixture
def payer(merchant: Merchant, provider: SwedbankPaySandbox) -> Payer:
    return Payer(merchant, provider)


async def test_by_card_captured_and_refunded_in_parts(payer: Payer) -> None:
    merchant, provider = payer.merchant, payer.provider
    await merchant.come_back(provider.by_card(await payer.begin()))
    assert (await payer.state())[0] is PageState.PAID
    transaction = await payer.transaction()
    order = provider.order(transaction.psp_reference)
    assert (order["amount"], order["currency"], order["instrument"]) == (30000, "SEK", "CreditCard")
    assert order["description"] == "Ordre order-1 (resten etter gavekort)"
    assert order["language"] == "nb-NO"
    assert order["metadata"]["transactionId"] == transaction.id
    for secret in (payer.card["number"], payer.card["pin"]):
        assert secret not in json.dumps(order)
    path = f"/v1/transactions/{transaction.id}"
    await merchant.post(f"{path}/capture", {"amount": 25000})
    assert await payer.balance() == (0, 0, 10000)
    await merchant.post(f"{path}/refund", {"amount": 12000})
    await merchant.post(f"{path}/void")
    assert provider.moved(transaction.psp_reference) == [
        ("Authorization", 30000),
        ("Capture", 15000),
        ("Reversal", 2000),
        ("Cancellation", 15000),
    ]
    assert (await payer.balance())[0] == 10000
    await merchant.audit()


async def test_declined_then_the_payer_goes_back_and_tries_again(payer: Payer) -> None:
    merchant, provider = payer.merchant, payer.provider
    url = await payer.begin()
    assert provider.by_card(url, "4100000000000076") == url.removeprefix(provider.base_url)
    await merchant.come_back(provider.http.get(f"{url}/cancel").headers["location"])
    assert await payer.state() == (PageState.OPEN, Notice.DECLINED)
    assert await payer.balance() == (10000, 0, 0)
    await merchant.come_back(provider.by_card(await payer.again()))
    assert (await payer.state())[0] is PageState.PAID
    await merchant.audit()


async def test_swish_takes_the_money_at_once(payer: Payer) -> None:
    """The gift card's part is captured together with it. Only a refund is left, with the card's
    part first."""
    merchant, provider = payer.merchant, payer.provider
    url = await payer.begin(SWISH)
    assert await payer.balance() == (0, 10000, 0)
    for _ in range(2):
        await merchant.come_back(provider.by_swish(url))
    transaction = await payer.transaction()
    shown = await merchant.transaction(transaction.id)
    assert shown["status"] == "CAPTURED"
    events = [(one["event"], one["success"], one["amount"]) for one in shown["events"]]
    assert events == [
        ("INITIALIZE", True, 40000),
        ("AUTHORIZE", True, 40000),
        ("CAPTURE", True, 40000),
    ]
    assert await payer.balance() == (0, 0, 10000)
    path = f"/v1/transactions/{transaction.id}"
    await merchant.post(f"{path}/capture", {"amount": 40000}, expect=400)
    await merchant.post(f"{path}/void", expect=400)
    await merchant.post(f"{path}/refund", {"amount": 15000})
    assert provider.moved(transaction.psp_reference) == [("Sale", 30000), ("Reversal", 5000)]
    assert await payer.balance() == (10000, 0, 0)
    await merchant.audit()


async def test_a_refused_swish_leaves_the_card(payer: Payer) -> None:
    merchant, provider = payer.merchant, payer.provider
    url = await payer.begin(SWISH)
    provider.by_swish(url, "decline")
    await merchant.come_back(provider.http.get(f"{url}/cancel").headers["location"])
    assert await payer.state() == (PageState.OPEN, Notice.DECLINED)
    assert await payer.balance() == (10000, 0, 0)
    await merchant.audit()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().running() as listener:
        yield listener


async def test_told_by_the_provider_alone(
    payer: Payer, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payer never comes back. The callback at our address causes a read."""
    merchant, provider = payer.merchant, payer.provider
    base = listener.url.removesuffix("/notifications")
    monkeypatch.setattr(merchant.ctx.settings, "base_url", base)
    provider.by_card(await payer.begin())
    told = listener.wait_for(1)[0]
    path = told.headers[":path"]
    for forged in (path.partition("?")[0], path[:-1] + ("0" if path[-1] != "0" else "1")):
        refused = await merchant.api.post(forged, content=told.body)
        assert refused.status_code == 401, refused.text
    assert (await payer.state())[0] is PageState.PAYING
    for _ in range(5):
        answer = await merchant.api.post(path, content=told.body)
        assert answer.status_code == 200, answer.text
    assert (await payer.state())[0] is PageState.PAID
    await merchant.audit()


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_something_else_than_asked_parks_the_payment(payer: Payer, kind: str) -> None:
    merchant, provider = payer.merchant, payer.provider
    back = provider.by_card(await payer.begin())
    provider.fault("read", kind)
    await merchant.come_back(back)
    assert (await payer.transaction()).status == "ON_HOLD"
    assert await payer.balance() == (0, 10000, 0)
    await merchant.audit()


async def test_never_came_back_and_never_told(payer: Payer) -> None:
    merchant, provider = payer.merchant, payer.provider
    provider.by_card(await payer.begin())
    merchant.clock.ahead += timedelta(seconds=61)
    assert await reconcile_due(merchant.ctx) == 1
    assert (await payer.state())[0] is PageState.PAID
    await merchant.audit()


@pytest.mark.parametrize("option", [CARD, SWISH])
@pytest.mark.parametrize("kind", ["drop_after", "error_after", "drop_before"])
async def test_a_lost_page_is_never_paid(payer: Payer, option: str, kind: str) -> None:
    """The answer to the first call is lost. The payer gets one page and can pay only there."""
    merchant, provider = payer.merchant, payer.provider
    payer.card = await merchant.card(10000, currency="SEK")
    payer.session_id = await merchant.ready(40000, payer.card, currency="SEK")
    provider.fault("create", kind)
    first = await pay(merchant.ctx, payer.session_id, Press(option, 30000, "nb"))
    assert first.state == "unknown"
    merchant.clock.ahead += timedelta(seconds=10)
    await reconcile_due(merchant.ctx)
    url = await payer.again(option)
    assert url == await payer.again(option)
    paying = provider.by_swish if option == SWISH else provider.by_card
    await merchant.come_back(paying(url))
    assert (await payer.state())[0] is PageState.PAID
    await merchant.audit()


@pytest.mark.parametrize(("option", "back"), [(CARD, "Cancellation"), (SWISH, "Reversal")])
async def test_paid_too_late_is_given_back(payer: Payer, option: str, back: str) -> None:
    merchant, provider = payer.merchant, payer.provider
    url = await payer.begin(option)
    transaction = await payer.transaction()
    await reopen(merchant.ctx, payer.session_id)
    assert (await payer.state())[0] is PageState.OPEN
    provider.admin("settings", late_approvals=True)
    paying = provider.by_swish if option == SWISH else provider.by_card
    returned = paying(url)
    for _ in range(2):
        await merchant.come_back(returned)
    assert provider.moved(transaction.psp_reference)[-1] == (back, 30000)
    assert len(provider.moved(transaction.psp_reference)) == 2
    assert (await payer.state())[0] is PageState.OPEN
    assert await payer.balance() == (10000, 0, 0)
    await merchant.audit()
