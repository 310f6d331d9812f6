"""Whatever goes wrong between us and a provider, both have the same books in the end, and the gift
card's books balance. One table covers each verb and each failure of all providers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from backend.accounts.profiles import save_profile
from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import PayResult, Press, pay
from backend.payments.review.reconcile import reconcile_due
from backend.payments.store import OPEN_STATES, connector_of
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import Outcome, PaymentState
from backend.rules.payment_option import works_with_gift_card
from backend.sessions.view import PageState
from tests.psp.provider import Provider
from tests.psp.providers import PROVIDERS
from tests.support.checkout import (
    WITHOUT_GIFT_CARDS,
    Merchant,
    close_merchant,
    open_merchant,
    profile,
)
from tests.support.sandbox import Listener, Sandbox

FAULTS = ("refuse", "error_before", "error_after", "drop_before", "drop_after", "late")
OPERATIONS = ("capture", "refund", "void")
# These are the time limits of a call. The shorter one applies only to a call whose answer is held
# back.
GRACE_SECONDS, SHORT_GRACE_SECONDS = 30, 1


@pytest.fixture(scope="session")
def _sandboxes(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Sandbox]]:
    running: dict[str, Sandbox] = {}

    def sandbox(name: str) -> Sandbox:
        if name not in running:
            running[name] = Sandbox(repository, name, tmp_path_factory.mktemp(name))
            running[name].start()
        return running[name]

    yield sandbox
    for one in running.values():
        one.kill()
        one.http.close()


class Case:
    """A merchant with one provider alone; a payer with a gift card of 100.00, and an order of
    400.00, in the provider's currency. If the option does not support gift cards, the order is
    one of 300.00 in a session without."""

    def __init__(self, merchant: Merchant, provider: Provider) -> None:
        self.merchant = merchant
        self.provider = provider
        self.session_id = ""
        self.card: dict[str, Any] = {}
        self.part = 10000 if works_with_gift_card(provider.option) else 0
        """What the gift card pays."""

    @contextmanager
    def fault(self, verb: str, kind: str) -> Iterator[None]:
        """Calls inside the block suffer the fault."""
        self.provider.fault(verb, kind)
        settings = self.merchant.ctx.settings
        if kind == "late":
            settings.operation_grace = SHORT_GRACE_SECONDS
        yield
        settings.operation_grace = GRACE_SECONDS

    async def begin(self) -> None:
        currency = self.provider.currency
        if not self.part:
            more: dict[str, Any] = {"configuration": WITHOUT_GIFT_CARDS}
            self.session_id = await self.merchant.ready(30000, currency=currency, **more)
            return
        self.card = await self.merchant.card(10000, currency=currency)
        self.session_id = await self.merchant.ready(40000, self.card, currency=currency)

    async def press_pay(self) -> PayResult:
        option = self.provider.option
        return await pay(self.merchant.ctx, self.session_id, Press(option, 30000, "nb"))

    async def page(self) -> str:
        """Press Pay until a page comes, as a patient payer does."""
        for _ in range(8):
            result = await self.press_pay()
            if result.url is not None and result.state in ("redirect", "app"):
                return result.url
            await self.later(timedelta(seconds=10))
        raise AssertionError(f"no page: {result}")

    async def later(self, wait: timedelta = timedelta(minutes=5)) -> None:
        self.merchant.clock.ahead += wait
        await reconcile_due(self.merchant.ctx)

    async def paid(self) -> str:
        """Pay as a payer who never returns, and return the transaction's id."""
        self.provider.approve(await self.page())
        for _ in range(8):
            if await self.state() is PageState.PAID:
                return (await self.transaction()).id
            await self.later(timedelta(seconds=61))
        raise AssertionError("not paid")

    async def state(self) -> PageState:
        return (await self.merchant.view(self.session_id)).state

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

    async def check_card(self, available: int, held: int, drawn: int) -> None:
        if self.part:
            assert await self.merchant.balance(self.card["card_id"]) == (available, held, drawn)

    async def settle(self) -> None:
        """Let time pass until nothing is under way any more."""
        for _ in range(12):
            waiting = select(Operation).where(col(Operation.state).in_(OPEN_STATES))
            async with self.merchant.ctx.db.reading() as db:
                if (await db.exec(waiting)).first() is None:
                    return
            await self.later()
        raise AssertionError("something never ends")

    async def balanced(self) -> Transaction:
        """Assert that both books agree, and that authorized ≥ captured ≥ refunded."""
        await self.merchant.audit()
        ours = await self.transaction()
        connector = await connector_of(self.merchant.ctx, ours)
        assert ours.psp_reference is not None
        theirs = await connector.fetch(ours.psp_reference)
        assert theirs.outcome is Outcome.DONE, theirs
        refunded = theirs.refunded
        if not self.provider.tells_refunds:
            refunded = self.provider.refunded(ours.psp_reference)
        assert (ours.psp_captured, ours.psp_refunded) == (theirs.captured, refunded)
        assert ours.psp_refunded <= ours.psp_captured <= ours.psp_authorized == 30000
        left = ours.psp_authorized - ours.psp_captured - ours.psp_released
        assert left == theirs.capturable
        return ours


@pytest.fixture(params=list(PROVIDERS))
async def case(
    request: pytest.FixtureRequest,
    sqlite_url: str,
    _sandboxes: Callable[[str], Sandbox],
) -> AsyncIterator[Case]:
    make = PROVIDERS[request.param]
    sandbox = _sandboxes(make.sandbox_name)
    with Listener().running() as listener:
        async with httpx.AsyncClient() as http:
            provider = make(sandbox, listener, http)
            merchant = await open_merchant(sqlite_url, "", "", operation_grace=GRACE_SECONDS)
            connections = {provider.option: provider.credentials}
            await save_profile(merchant.ctx, profile("", "", connections=connections))
            yield Case(merchant, provider)
            await close_merchant(merchant)
    sandbox.reset()


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("verb", OPERATIONS)
async def test_operations(case: Case, verb: str, kind: str) -> None:
    if case.provider.direct_capture and verb != "refund":
        pytest.skip("the payer's yes has moved the money")
    await case.begin()
    transaction_id = await case.paid()
    path = f"/v1/transactions/{transaction_id}"
    if verb == "refund" and not case.provider.direct_capture:
        await case.merchant.post(f"{path}/capture", {"amount": 30000 + case.part})
    amount = {"capture": 30000 + case.part, "refund": 15000 + case.part}.get(verb)
    body = {"amount": amount} if amount else None
    with case.fault(verb, kind):
        answer = await case.merchant.api.post(f"{path}/{verb}", json=body)
    assert answer.status_code == (400 if kind == "refuse" else 202), answer.text
    await case.settle()
    ours = await case.balanced()
    took_effect = kind in ("error_after", "drop_after", "late")
    if kind == "refuse":
        # The refusal is known at once and nothing has moved. A second request succeeds.
        again = await case.merchant.api.post(f"{path}/{verb}", json=body)
        assert again.status_code == 200, again.text
        ours = await case.balanced()
    seen = {
        "capture": (ours.psp_captured, ours.card_captured),
        "refund": (ours.psp_refunded, ours.card_refunded),
        "void": (ours.psp_released, ours.card_released),
    }[verb]
    whole = {"capture": 30000, "refund": 15000, "void": 30000}[verb], case.part
    assert seen == whole or (not took_effect and kind != "refuse" and seen == (0, 0))


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_page(case: Case, kind: str) -> None:
    await case.begin()
    with case.fault("create", kind):
        await case.press_pay()
    transaction_id = await case.paid()
    ours = await case.balanced()
    assert ours.id == transaction_id
    await case.check_card(*((0, 0, 10000) if case.provider.direct_capture else (0, 10000, 0)))


@pytest.mark.parametrize("kind", FAULTS)
async def test_giving_up(case: Case, kind: str) -> None:
    await case.begin()
    url = await case.page()
    transaction = await case.transaction()
    with case.fault("abort", kind):
        await reopen(case.merchant.ctx, case.session_id)
    for _ in range(10):
        if await case.state() is PageState.OPEN:
            break
        # The reconciler reads the payment, and gives it up itself after its time limit.
        await case.later(timedelta(minutes=10))
    assert await case.state() is PageState.OPEN
    await case.check_card(10000, 0, 0)
    connector = await connector_of(case.merchant.ctx, transaction)
    assert transaction.psp_reference is not None
    assert (await connector.fetch(transaction.psp_reference)).state is PaymentState.FAILED
    await case.merchant.audit()
    assert url


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_something_else_than_asked_is_parked(case: Case, kind: str) -> None:
    await case.begin()
    case.provider.approve(await case.page())
    case.provider.fault("read", kind)
    await case.later(timedelta(seconds=61))
    assert (await case.transaction()).status == "ON_HOLD"
    await case.check_card(0, 10000, 0)
    await case.merchant.audit()
