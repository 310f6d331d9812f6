"""A gift card and Bambora over the API: paid, declined, told by callback, lost answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backend.accounts.profiles import save_profile
from backend.payments.attempts import reopen
from backend.payments.pay import pay as press_pay
from backend.payments.reconcile import reconcile_due
from backend.payments.tables import Transaction
from backend.sessions.view import Notice, PageState
from tests.support.bambora import (
    APPROVED,
    DECLINED,
    OPTION,
    BamboraSandbox,
    pay,
)
from tests.support.bambora import Merchant as Account
from tests.support.checkout import Merchant, profile
from tests.support.sandbox import Listener


@pytest.fixture(scope="session")
def _bambora(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BamboraSandbox]:
    bambora = BamboraSandbox(repository, tmp_path_factory.mktemp("bambora"))
    bambora.start()
    yield bambora
    bambora.kill()
    bambora.http.close()


@pytest.fixture
def bambora(_bambora: BamboraSandbox) -> Iterator[BamboraSandbox]:
    yield _bambora
    _bambora.reset()


class Payer:
    """One payer's session with a gift card of 100.00 and an order of 400.00."""

    def __init__(self, merchant: Merchant, bambora: BamboraSandbox, account: Account) -> None:
        self.merchant = merchant
        self.bambora = bambora
        self.account = account
        self.session_id = ""
        self.card: dict[str, Any] = {}

    async def begin(self) -> str:
        """Press Pay; the address of the payment window."""
        self.card = await self.merchant.card(10000)
        self.session_id = await self.merchant.ready(40000, self.card)
        shown = await self.merchant.view(self.session_id)
        assert [option.type for option in shown.options] == [OPTION]
        return await self.press()

    async def press(self) -> str:
        result = await press_pay(self.merchant.ctx, self.session_id, OPTION, 30000, "nb")
        assert (result.state, bool(result.url)) == ("redirect", True), result
        return str(result.url)

    async def paid(self) -> str:
        """Paid in the window; the transaction's id."""
        back = pay(self.bambora, await self.begin(), APPROVED).headers["location"]
        await self.merchant.come_back(back)
        return (await self.transaction()).id

    async def transaction(self) -> Transaction:
        """The session's only one."""
        statement = select(Transaction).where(Transaction.session_id == self.session_id)
        async with self.merchant.ctx.db.reading() as db:
            return (await db.exec(statement)).one()

    async def state(self) -> PageState:
        return (await self.merchant.view(self.session_id)).state

    async def there(self) -> dict[str, Any]:
        """The transaction as the provider has it."""
        reference = str((await self.transaction()).psp_reference)
        return self.account.transaction(reference.split(".")[2])


@pytest.fixture
async def payer(merchant: Merchant, bambora: BamboraSandbox) -> AsyncIterator[Payer]:
    account = Account(bambora)
    connected = {OPTION: account.credentials}
    await save_profile(merchant.ctx, profile("", "", connections=connected))
    yield Payer(merchant, bambora, account)
    await merchant.audit()


async def test_the_rest_is_paid_captured_and_refunded(payer: Payer) -> None:
    """The gift card first: of 400.00, 250.00 captured and 120.00 refunded."""
    merchant = payer.merchant
    transaction_id = await payer.paid()
    assert await payer.state() is PageState.PAID
    path = f"/v1/transactions/{transaction_id}"
    # One capture is all there is: the rest of the acquirer's part is released with it.
    refused = await merchant.post(f"{path}/capture", {"amount": 25000}, expect=400)
    assert "captured only once" in refused["error"]["message"]
    await merchant.post(f"{path}/capture", {"amount": 25000, "final_capture": True})
    assert (await payer.there())["total"]["captured"] == 15000
    assert await merchant.balance(payer.card["card_id"]) == (0, 0, 10000)
    await merchant.post(f"{path}/refund", {"amount": 12000})
    assert (await payer.there())["total"]["credited"] == 2000
    assert (await merchant.balance(payer.card["card_id"]))[0] == 10000
    await merchant.post(f"{path}/void", expect=400)


async def test_voided(payer: Payer) -> None:
    transaction_id = await payer.paid()
    await payer.merchant.post(f"/v1/transactions/{transaction_id}/void")
    found = await payer.there()
    assert (found["candelete"], found["total"]["captured"]) == (False, 0)
    assert await payer.merchant.balance(payer.card["card_id"]) == (10000, 0, 0)


async def test_declined_then_the_payer_goes_back_and_pays(payer: Payer) -> None:
    merchant = payer.merchant
    url = await payer.begin()
    pay(payer.bambora, url, DECLINED)
    transaction = await payer.transaction()
    path = f"/v1/sessions/{payer.session_id}/redirect/{transaction.return_ref}?cancelled=1"
    await merchant.come_back(path)
    shown = await merchant.view(payer.session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.DECLINED)
    assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
    # The window in the other tab is closed at the provider.
    assert "utløpt" in payer.bambora.http.get(url).text
    pay(payer.bambora, url, APPROVED)
    again = pay(payer.bambora, await payer.press(), APPROVED)
    await merchant.come_back(again.headers["location"])
    assert await payer.state() is PageState.PAID


async def test_who_leaves_the_window_open_frees_the_card(payer: Payer) -> None:
    url = await payer.begin()
    assert await payer.merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    payer.bambora.fault("withdraw", "error_before")
    await reopen(payer.merchant.ctx, payer.session_id)
    assert await payer.state() is PageState.PAYING  # nobody has confirmed that it is not paid
    await reopen(payer.merchant.ctx, payer.session_id)
    assert await payer.state() is PageState.OPEN
    assert await payer.merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
    assert "utløpt" in payer.bambora.http.get(url).text


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().running() as listener:
        yield listener


@pytest.mark.parametrize("tells", [True, False])
async def test_told_by_the_callback_alone(
    payer: Payer, listener: Listener, monkeypatch: pytest.MonkeyPatch, tells: bool
) -> None:
    """The payer never comes back: the callback names the transaction, a read decides; and where
    the payment request does not tell it, that name is kept for all that follows."""
    merchant, bambora = payer.merchant, payer.bambora
    bambora.admin("settings", tells_transactions=tells)
    base = listener.url.removesuffix("/notifications")
    monkeypatch.setattr(merchant.ctx.settings, "base_url", base)
    pay(bambora, await payer.begin(), APPROVED)
    path = listener.wait_for(1)[0].headers[":path"]
    forged = path.replace("amount=30000", "amount=1")
    assert forged != path
    for wrong in (forged, path.partition("&hash=")[0], path.partition("?")[0]):
        answer = await merchant.api.get(wrong)
        assert answer.status_code == 401, answer.text
    assert await payer.state() is PageState.PAYING
    for _ in range(5):
        answer = await merchant.api.get(path)
        assert answer.status_code == 200, answer.text
    assert await payer.state() is PageState.PAID
    transaction = await payer.transaction()
    await merchant.post(f"/v1/transactions/{transaction.id}/capture", {"amount": 40000})
    assert (await payer.there())["total"]["captured"] == 30000


async def test_nobody_comes_back_and_nothing_is_told(payer: Payer) -> None:
    merchant = payer.merchant
    payer.bambora.fault("notify", "drop")
    pay(payer.bambora, await payer.begin(), APPROVED)
    merchant.clock.ahead += timedelta(seconds=31)
    await reconcile_due(merchant.ctx)
    assert await payer.state() is PageState.PAID


@pytest.mark.parametrize("kind", ["drop_after", "error_after"])
async def test_the_lost_answer_of_a_refund_is_read_and_never_sent_again(
    payer: Payer, kind: str
) -> None:
    """Two refunds of one amount, the second one's answer lost: there are two, not three."""
    merchant = payer.merchant
    transaction_id = await payer.paid()
    path = f"/v1/transactions/{transaction_id}"
    await merchant.post(f"{path}/capture", {"amount": 40000})
    # The gift card's part first.
    await merchant.post(f"{path}/refund", {"amount": 10000})
    await merchant.post(f"{path}/refund", {"amount": 5000})
    payer.bambora.fault("credit", kind)
    await merchant.post(f"{path}/refund", {"amount": 5000}, expect=202)
    merchant.clock.ahead += timedelta(seconds=10)
    await reconcile_due(merchant.ctx)
    found = await merchant.transaction(transaction_id)
    assert found["events"][-1]["event"] == "REFUND"
    assert (await payer.there())["total"]["credited"] == 10000
    transaction = await payer.transaction()
    assert (transaction.card_refunded, transaction.psp_refunded) == (10000, 10000)


async def test_a_refund_that_never_arrived_ends_refused(payer: Payer) -> None:
    merchant = payer.merchant
    transaction_id = await payer.paid()
    path = f"/v1/transactions/{transaction_id}"
    await merchant.post(f"{path}/capture", {"amount": 40000})
    payer.bambora.fault("credit", "drop_before")
    await merchant.post(f"{path}/refund", {"amount": 15000}, expect=202)
    merchant.clock.ahead += timedelta(seconds=10)
    await reconcile_due(merchant.ctx)
    assert (await payer.transaction()).psp_refunded == 0
    merchant.clock.ahead += timedelta(seconds=merchant.ctx.settings.operation_grace + 60)
    await reconcile_due(merchant.ctx)
    assert (await payer.there())["total"]["credited"] == 0
    assert (await merchant.balance(payer.card["card_id"]))[0] == 0
    await merchant.post(f"{path}/refund", {"amount": 15000})
    assert (await payer.there())["total"]["credited"] == 5000


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_another_amount_or_currency_parks_the_payment(payer: Payer, kind: str) -> None:
    back = pay(payer.bambora, await payer.begin(), APPROVED).headers["location"]
    payer.bambora.fault("read", kind)
    await payer.merchant.come_back(back)
    assert (await payer.transaction()).status == "ON_HOLD"
    assert await payer.merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
