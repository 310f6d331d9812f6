"""Swish over the API, in sessions without gift cards: by the code on the page or by a push to the
payer's phone, also when the banks do not answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import col, select

from backend.accounts.profiles import save_profile
from backend.core.errors import PaymentOptionNotAllowed
from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import PayResult, Press, pay
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Transaction
from backend.sessions.view import Notice, PageState
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import OPTION as CARD
from tests.support.checkout import WITHOUT_GIFT_CARDS, Merchant, profile
from tests.support.sandbox import Listener
from tests.support.swish import OPTION, SwishSandbox

PHONE = "+46701234567"


@pytest.fixture(scope="session")
def _swish(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwishSandbox]:
    swish = SwishSandbox(repository, "swish", tmp_path_factory.mktemp("swish"))
    swish.start()
    yield swish
    swish.kill()
    swish.http.close()


@pytest.fixture
async def swish(
    _swish: SwishSandbox, merchant: Merchant, card_gateway: CardGatewaySandbox
) -> AsyncIterator[SwishSandbox]:
    """Connect Swish to the merchant's profile, beside cards."""
    _swish.new_merchant()
    card = {
        "base_url": card_gateway.base_url,
        "secret_key": "sk_test_x",
        "webhook_secret": "whsec_x",
    }
    connections = {CARD: card, OPTION: _swish.credentials}
    await save_profile(merchant.ctx, profile("", "", connections=connections))
    yield _swish
    _swish.reset()


class Payer:
    """One payer's session, without gift cards unless `configuration` says so."""

    def __init__(self, merchant: Merchant, swish: SwishSandbox) -> None:
        self.merchant = merchant
        self.swish = swish
        self.session_id = ""

    async def begin(self, amount: int = 40000, **more: Any) -> str:
        """Press Pay and return the link that opens the app."""
        given = {"currency": "SEK", "configuration": WITHOUT_GIFT_CARDS} | more
        self.session_id = await self.merchant.ready(amount, None, **given)
        result = await self.press(amount)
        assert result.state == "app", result
        assert result.url is not None
        return result.url

    async def press(self, amount: int = 40000) -> PayResult:
        return await pay(self.merchant.ctx, self.session_id, Press(OPTION, amount, "nb"))

    async def push(self, **more: Any) -> Any:
        """Start the payment by API with the payer's phone number."""
        given = {"currency": "SEK", "configuration": WITHOUT_GIFT_CARDS} | more
        self.session_id = await self.merchant.ready(40000, None, **given)
        body = {"payment_product_type": OPTION, "phone_number": PHONE}
        return await self.merchant.api.post(f"/v1/sessions/{self.session_id}/pay", json=body)

    async def state(self) -> tuple[PageState, Notice | None]:
        shown = await self.merchant.view(self.session_id)
        return shown.state, shown.notice

    async def transaction(self) -> Transaction:
        """Return the session's newest transaction."""
        newest = (
            select(Transaction)
            .where(Transaction.session_id == self.session_id)
            .order_by(col(Transaction.created_at).desc())
        )
        async with self.merchant.ctx.db.reading() as db:
            found = (await db.exec(newest)).first()
        assert found is not None
        return found

    async def later(self, seconds: int = 61) -> None:
        self.merchant.clock.ahead += timedelta(seconds=seconds)
        await reconcile_due(self.merchant.ctx)


@pytest.fixture
def payer(merchant: Merchant, swish: SwishSandbox) -> Payer:
    return Payer(merchant, swish)


@pytest.mark.parametrize(
    ("amount", "asked"),
    [(40000, "400.00"), (100, "1.00"), (105, "1.05"), (123456789, "1234567.89")],
)
async def test_paid_by_the_code_on_the_page(payer: Payer, amount: int, asked: str) -> None:
    """Swish takes exactly the order's amount at once. It counts kronor, and everything else counts
    öre."""
    merchant, swish = payer.merchant, payer.swish
    link = await payer.begin(amount)
    transaction = await payer.transaction()
    there = swish.payment(transaction.psp_reference)
    assert (there["amount"], there["currency"], there["payerAlias"]) == (asked, "SEK", None)
    assert there["payeeAlias"] == swish.number
    shown = await merchant.view(payer.session_id)
    assert (shown.state, shown.redirect_url, shown.app_code) == (PageState.PAYING, link, link)
    assert swish.pushes() == []
    # A second press in another tab gets the same request.
    again = await payer.press(amount)
    assert (again.state, again.url) == ("app", link)
    back = swish.answer(link)
    for _ in range(2):
        left = await merchant.come_back(back)
    assert parse_qs(urlsplit(left).query)["transaction_id"] == [transaction.id]
    answer = await merchant.transaction(transaction.id)
    assert answer["status"] == "CAPTURED"
    assert [(one["event"], one["amount"]) for one in answer["events"]] == [
        ("INITIALIZE", amount),
        ("AUTHORIZE", amount),
        ("CAPTURE", amount),
    ]
    await merchant.audit()


async def test_refunded_in_parts(payer: Payer) -> None:
    merchant, swish = payer.merchant, payer.swish
    await merchant.come_back(swish.answer(await payer.begin()))
    transaction = await payer.transaction()
    path, reference = f"/v1/transactions/{transaction.id}", transaction.psp_reference
    await merchant.post(f"{path}/capture", {"amount": 40000}, expect=400)
    await merchant.post(f"{path}/void", expect=400)
    await merchant.post(f"{path}/refund", {"amount": 12345})
    await merchant.post(f"{path}/refund", {"amount": 30000}, expect=400)
    await merchant.post(f"{path}/refund", {"amount": 27655})
    assert swish.refunds(reference) == [("123.45", "PAID"), ("276.55", "PAID")]
    assert (await merchant.transaction(transaction.id))["status"] == "REFUNDED"
    await merchant.audit()


async def test_a_refund_that_the_bank_works_on(payer: Payer) -> None:
    merchant, swish = payer.merchant, payer.swish
    await merchant.come_back(swish.answer(await payer.begin()))
    transaction = await payer.transaction()
    swish.admin("settings", refund_seconds=60)
    path = f"/v1/transactions/{transaction.id}"
    answer = await merchant.api.post(f"{path}/refund", json={"amount": 10000})
    assert answer.status_code == 202, answer.text
    assert swish.refunds(transaction.psp_reference) == [("100.00", "CREATED")]
    await payer.later(10)
    assert (await payer.transaction()).psp_refunded == 0
    swish.admin("clock", advance=61)
    await payer.later()
    assert (await payer.transaction()).psp_refunded == 10000
    assert swish.refunds(transaction.psp_reference) == [("100.00", "PAID")]
    await merchant.audit()


@pytest.mark.parametrize(
    ("result", "notice"),
    [
        ("decline", Notice.DECLINED),
        ("RF07", Notice.DECLINED),
        ("BANKIDCL", Notice.DECLINED),
        ("FF10", Notice.DECLINED),
        ("TM01", Notice.PAYMENT_EXPIRED),
    ],
)
async def test_not_paid_then_tried_again(payer: Payer, result: str, notice: Notice) -> None:
    merchant, swish = payer.merchant, payer.swish
    await merchant.come_back(swish.answer(await payer.begin(), result))
    assert await payer.state() == (PageState.OPEN, notice)
    first = await payer.transaction()
    assert first.status == "FAILED"
    again = await payer.press()
    assert again.url is not None
    await merchant.come_back(swish.answer(again.url))
    assert (await payer.state())[0] is PageState.PAID
    assert (await payer.transaction()).id != first.id
    await merchant.audit()


async def test_the_time_is_up(payer: Payer) -> None:
    await payer.begin()
    payer.swish.admin("clock", advance=301)
    await payer.later()
    assert await payer.state() == (PageState.OPEN, Notice.PAYMENT_EXPIRED)
    await payer.merchant.audit()


async def test_the_banks_do_not_answer(payer: Payer) -> None:
    """DS24 means an unknown outcome, so we give nothing up at any time and inform the merchant."""
    merchant, swish = payer.merchant, payer.swish
    back = swish.answer(await payer.begin(), "DS24")
    left = await merchant.come_back(back)
    transaction = await payer.transaction()
    assert parse_qs(urlsplit(left).query)["transaction_id"] == [transaction.id]
    for _ in range(20):
        await payer.later(1200)
    assert (await payer.transaction()).status == "ON_HOLD"
    assert (await payer.state())[0] is PageState.ON_HOLD
    await reopen(merchant.ctx, payer.session_id)
    assert (await payer.state())[0] is PageState.ON_HOLD
    assert swish.payment(transaction.psp_reference)["status"] == "ERROR"
    await merchant.audit()


async def test_given_up_by_the_payer(payer: Payer) -> None:
    """On Back or a change Swish cancels the request first, so that nobody can pay by the code."""
    merchant, swish = payer.merchant, payer.swish
    link = await payer.begin()
    transaction = await payer.transaction()
    await reopen(merchant.ctx, payer.session_id)
    assert await payer.state() == (PageState.OPEN, Notice.PAYMENT_CANCELLED)
    swish.answer(link)
    assert swish.payment(transaction.psp_reference)["status"] == "CANCELLED"
    await merchant.audit()


async def test_paid_too_late_is_given_back_once(payer: Payer) -> None:
    merchant, swish = payer.merchant, payer.swish
    link = await payer.begin()
    transaction = await payer.transaction()
    await reopen(merchant.ctx, payer.session_id)
    swish.admin("settings", late_approvals=True)
    back = swish.answer(link)
    for _ in range(3):
        await merchant.come_back(back)
        await payer.later(600)
    assert swish.refunds(transaction.psp_reference) == [("400.00", "PAID")]
    assert (await payer.state())[0] is PageState.OPEN
    await merchant.audit()


@pytest.mark.parametrize("kind", ["drop_after", "error_after", "drop_before"])
async def test_a_lost_token_is_never_paid(payer: Payer, kind: str) -> None:
    """The answer is lost. The payer gets another request and can pay only that one."""
    merchant, swish = payer.merchant, payer.swish
    given = {"currency": "SEK", "configuration": WITHOUT_GIFT_CARDS}
    payer.session_id = await merchant.ready(40000, None, **given)
    swish.fault("create", kind)
    assert (await payer.press()).state == "unknown"
    await payer.later(10)
    result = await payer.press()
    assert (result.state, await payer.press()) == ("app", result)
    assert result.url is not None
    await merchant.come_back(swish.answer(result.url))
    assert (await payer.state())[0] is PageState.PAID
    await merchant.audit()


async def test_told_by_swish_alone(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The payer pays on another device and does not return. The callback causes a read."""
    merchant, swish = payer.merchant, payer.swish
    with Listener().running() as listener:
        base = listener.url.removesuffix("/notifications")
        monkeypatch.setattr(merchant.ctx.settings, "base_url", base)
        swish.answer(await payer.begin())
        told = listener.wait_for(1)[0]
    path = told.headers[":path"]
    for forged in (path.partition("?")[0], path[:-1] + ("0" if path[-1] != "0" else "1")):
        assert (await merchant.api.post(forged, content=told.body)).status_code == 401
    assert (await payer.state())[0] is PageState.PAYING
    for _ in range(5):
        assert (await merchant.api.post(path, content=told.body)).status_code == 200
    assert (await payer.state())[0] is PageState.PAID
    await merchant.audit()


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_something_else_than_asked_parks_the_payment(payer: Payer, kind: str) -> None:
    merchant, swish = payer.merchant, payer.swish
    back = swish.answer(await payer.begin())
    swish.fault("read", kind)
    await merchant.come_back(back)
    assert (await payer.transaction()).status == "ON_HOLD"
    assert (await payer.state())[0] is PageState.ON_HOLD
    await merchant.audit()


async def test_the_api_tells_link_and_code(payer: Payer) -> None:
    given = {"currency": "SEK", "configuration": WITHOUT_GIFT_CARDS}
    session_id = await payer.merchant.ready(40000, None, **given)
    body = {"payment_product_type": OPTION}
    answer = await payer.merchant.post(f"/v1/sessions/{session_id}/pay", body)
    assert answer["success"] is True
    assert answer["redirect_url"].startswith(f"{payer.swish.base_url}/app?token=")
    assert answer["qr_code"].startswith("data:image/svg+xml")


# --- asked in the app ---------------------------------------------------------------------------


async def test_pushed_to_the_payers_phone(payer: Payer) -> None:
    merchant, swish = payer.merchant, payer.swish
    answer = await payer.push()
    assert (answer.status_code, answer.json()["success"]) == (200, True), answer.text
    assert "redirect_url" not in answer.json()
    (pushed,) = swish.pushes()
    assert (pushed["payerAlias"], pushed["amount"]) == ("46701234567", "400.00")
    shown = await merchant.view(payer.session_id)
    assert (shown.app_code, shown.redirect_url) == (None, None)
    assert shown.pushed_with == OPTION
    swish.answer_push()
    await payer.later(10)
    assert (await payer.state())[0] is PageState.PAID
    await merchant.audit()


@pytest.mark.parametrize("kind", ["drop_after", "error_after"])
async def test_a_push_whose_answer_was_lost_is_not_sent_again(payer: Payer, kind: str) -> None:
    payer.swish.fault("create", kind)
    assert (await payer.push()).status_code == 202
    await payer.later(10)
    assert len(payer.swish.pushes()) == 1
    payer.swish.answer_push()
    await payer.later(30)
    assert (await payer.state())[0] is PageState.PAID
    assert len(payer.swish.pushes()) == 1
    await payer.merchant.audit()


async def test_a_phone_without_the_app_gets_the_code(payer: Payer) -> None:
    payer.swish.fault("create", "refuse", code="ACMT03")
    answer = await payer.push()
    assert answer.status_code == 200, answer.text
    back = payer.swish.answer(answer.json()["redirect_url"])
    shown = await payer.merchant.view(payer.session_id)
    assert (shown.app_code is not None, shown.pushed_to) == (True, None)
    await payer.merchant.come_back(back)
    assert (await payer.state())[0] is PageState.PAID
    assert payer.swish.pushes() == []
    await payer.merchant.audit()


@pytest.mark.parametrize("with_card", [False, True])
async def test_no_push_while_a_gift_card_can_be_used(payer: Payer, with_card: bool) -> None:
    """Nobody gets any Swish either, by the page or by the API."""
    merchant, swish = payer.merchant, payer.swish
    card = await merchant.card(10000, currency="SEK") if with_card else None
    session_id = await merchant.ready(40000, card, currency="SEK")
    shown = await merchant.view(session_id)
    assert [one.type for one in shown.options] == [CARD]
    for body in (
        {"payment_product_type": OPTION, "phone_number": PHONE},
        {"payment_product_type": OPTION},
    ):
        answer = await merchant.api.post(f"/v1/sessions/{session_id}/pay", json=body)
        assert answer.status_code == 400, answer.text
    with pytest.raises(PaymentOptionNotAllowed):
        await pay(merchant.ctx, session_id, Press(OPTION, shown.to_pay, "nb"))
    assert swish.pushes() == []
    assert (await merchant.view(session_id)).state is PageState.OPEN
    await merchant.audit()


# --- options by currency -------------------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True])
async def test_other_kroner_are_not_taken(payer: Payer, named: bool) -> None:
    """The option is left out and reported as disabled although the request names it. Nobody can pay
    with it."""
    merchant = payer.merchant
    swish = {"swish": {"type": "payment_type", "swish": {"enabled": True}}} if named else {}
    session_id = await merchant.ready(40000, configuration=WITHOUT_GIFT_CARDS | swish)
    assert [one.type for one in (await merchant.view(session_id)).options] == [CARD]
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    if named:
        assert shown["configuration"]["swish"]["swish"]["payability"] == "disabled_by_gateway"
    with pytest.raises(PaymentOptionNotAllowed):
        await pay(merchant.ctx, session_id, Press(OPTION, 40000, "nb"))
    session_id = await merchant.session(
        40000, currency="SEK", configuration=WITHOUT_GIFT_CARDS | swish
    )
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    assert shown["configuration"]["swish"]["swish"] == {
        "type": "payment_product_type",
        "enabled": True,
        "payability": "payable",
    }
