"""Anybody with the session's address may send a second request to pay. It ends nothing.

Only another option ends the payment under way, and only if that option can start. We refuse any
other request that does not fit, and the payer can still finish the first payment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from backend.accounts.profiles import connections_of, get_profile, save_profile
from backend.sessions.load import lock_session
from backend.sessions.view import PageState
from tests.api.paying import ahead, at_provider, holds, transactions_of
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, BASE_URL, OPTION, Merchant, profile

OTHER = "payex.creditcard"
"""Offered as well, and its provider cannot be reached: beginning it fails."""
TERMS = {"id": "terms", "label": "I accept the terms", "required": True}
NEWS = {"id": "news", "label": "Send me news"}
ACCEPTED = [{"id": "terms", "checked": True}]


@dataclass
class UnderWay:
    """A payment of 300.00 beside 100.00 by gift card. Its payer is at the provider."""

    merchant: Merchant
    card_gateway: CardGatewaySandbox
    payer: httpx.AsyncClient
    session_id: str = ""
    url: str = ""

    async def begin(self, **more: Any) -> None:
        card = await self.merchant.card(10000)
        self.session_id = await self.merchant.ready(40000, card, checkboxes=[TERMS, NEWS], **more)
        first = await self.press(amount=30000)
        assert first.status_code == 200, first.text
        self.url = first.json()["redirect_url"]

    async def press(self, option: str = OPTION, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        body = {"payment_product_type": option, "checkboxes": ACCEPTED, **more}
        path = f"/v1/sessions/{self.session_id}/pay"
        return await self.payer.post(path, json=body, headers=headers)

    async def press_operations(self, option: str, **more: Any) -> httpx.Response:
        path = f"/v1/view/{self.session_id}/payments/{option}"
        return await self.payer.post(path, **more)

    async def is_untouched(self) -> None:
        """Assert that it is open here and at the provider, that the card's part is held, and that
        it can be paid."""
        [transaction] = await transactions_of(self.merchant, self.session_id)
        assert transaction.status == "INITIATED"
        [page] = await at_provider(self.merchant, self.card_gateway)
        assert (page["status"], page["amount_total"]) == ("open", 30000)
        assert await holds(self.merchant) == [("pending", 10000)]
        shown = await self.merchant.view(self.session_id)
        assert (shown.state, shown.redirect_url) == (PageState.PAYING, self.url)

    async def is_paid(self) -> None:
        back = self.card_gateway.pay(self.url).headers["location"]
        await self.merchant.come_back(back)
        assert (await self.merchant.view(self.session_id)).state is PageState.PAID
        await self.merchant.audit()


@pytest.fixture
async def under_way(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> AsyncIterator[UnderWay]:
    async with merchant.ctx.db.reading() as db:
        stored = await get_profile(db, ACCOUNT, "default")
    connected = connections_of(merchant.ctx, stored)
    # No server listens there.
    nowhere = {"base_url": "http://127.0.0.1:9", "access_token": "t", "payee_id": "p"}
    setup = profile("", "", connections={**connected, OTHER: nowhere})
    await save_profile(merchant.ctx, setup)
    transport = merchant.api._transport
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as payer:
        one = UnderWay(merchant, card_gateway, payer)
        await one.begin()
        yield one


async def test_another_amount_ends_nothing(under_way: UnderWay) -> None:
    """This is the reported case. The second request cancelled the payment while the payer was
    paying."""
    for amount in (29999, 30001, 0, 40000, 10**12):
        refused = await under_way.press(amount=amount)
        assert (amount, refused.status_code) == (amount, 409), refused.text
        assert refused.json()["error"]["code"] == "PAYMENT_IN_PROGRESS"
        await under_way.is_untouched()
    await under_way.is_paid()


async def test_the_same_press_goes_on(under_way: UnderWay) -> None:
    presses: list[dict[str, Any]] = [{}, {"amount": 30000}]
    for more in presses:
        again = await under_way.press(**more)
        assert (again.status_code, again.json()["redirect_url"]) == (200, under_way.url)
    listed = await under_way.press_operations(OPTION, json={"checkboxes": ACCEPTED})
    assert listed.json()["operations"][0]["href"] == under_way.url
    await under_way.is_untouched()
    await under_way.is_paid()


@pytest.mark.parametrize("option", [OPTION, OTHER])
async def test_what_does_not_fit_ends_nothing(under_way: UnderWay, option: str) -> None:
    """Try the same option and another one that might have ended the payment."""
    stale = {"If-Unmodified-Since": "2020-01-01T00:00:00Z"}
    other_refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"headers": stale}, 412, "PRECONDITION_FAILED"),
        ({"headers": {"If-Unmodified-Since": "soon"}}, 400, "INVALID_REQUEST_PARAMETER"),
    ]
    refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"amount": 29999}, 409, "PAYMENT_IN_PROGRESS"),
        ({"checkboxes": []}, 400, "CONSENT_MISSING"),
        ({"checkboxes": [{"id": "terms", "checked": False}]}, 400, "CONSENT_MISSING"),
        ({"amount": -1}, 400, "INVALID_REQUEST_PARAMETER"),
        ({"amount": 2**63}, 400, "INVALID_REQUEST_PARAMETER"),
        ({"amount": "30000"}, 400, "INVALID_REQUEST_PARAMETER"),
        ({"checkboxes": "all"}, 400, "INVALID_REQUEST_PARAMETER"),
        *(other_refusals if option == OTHER else []),
    ]
    for more, status, code in refusals:
        refused = await under_way.press(option, **more)
        assert (more, refused.status_code) == (more, status), refused.text
        assert refused.json()["error"]["code"] == code
        await under_way.is_untouched()
    refused = await under_way.press_operations(option)
    assert refused.json()["error"]["code"] == "CONSENT_MISSING"
    await under_way.is_untouched()
    await under_way.is_paid()


@pytest.mark.parametrize("option", ["vipps", "swish.swish", "nothing", "dintero.wallets"])
async def test_an_option_that_is_not_offered_ends_nothing(under_way: UnderWay, option: str) -> None:
    refused = await under_way.press(option)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "PAYMENT_IN_PROGRESS")
    refused = await under_way.press_operations(option, json={"checkboxes": ACCEPTED})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "PAYMENT_IN_PROGRESS")
    await under_way.is_untouched()
    await under_way.is_paid()


async def test_an_expired_session_ends_nothing(under_way: UnderWay) -> None:
    """The payer may still finish its payment but cannot start another one."""
    ahead(under_way.merchant, under_way.card_gateway, 60)
    async with under_way.merchant.ctx.db.unit_of_work() as db:
        session = await lock_session(db, under_way.session_id)
        session.expires_at = under_way.merchant.clock.now()
    refused = await under_way.press(OTHER)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "SESSION_CLOSED")
    await under_way.is_untouched()
    await under_way.is_paid()


async def test_another_option_ends_it(under_way: UnderWay) -> None:
    """The payment starts at its provider first. The header describes the session before that."""
    shown = await under_way.payer.get(f"/v1/view/{under_way.session_id}/session")
    since = {"If-Unmodified-Since": shown.json()["updated_at"]}
    answer = await under_way.press(OTHER, amount=30000, headers=since)
    # Its provider is down, and the payer can still use the first option.
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    [page] = await at_provider(under_way.merchant, under_way.card_gateway)
    assert page["status"] == "expired"
    both = await transactions_of(under_way.merchant, under_way.session_id)
    assert [one.payment_product_type for one in both] == [OPTION, OTHER]
    assert [one.status for one in both] == ["DECLINED", "FAILED"]
    assert await holds(under_way.merchant) == [("voided", 10000), ("voided", 10000)]
    again = await under_way.press(amount=30000)
    under_way.url = again.json()["redirect_url"]
    await under_way.is_paid()
