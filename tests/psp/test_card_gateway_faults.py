"""The network or the provider misbehaves. The tests compare the card connector's answer with the
truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from backend.psp.protocol import (
    OperationKind,
    OperationQuery,
    Outcome,
    PaymentRequest,
    PaymentState,
    Result,
)
from backend.psp.stripe.connector import CardGateway
from backend.psp.tools import Tools
from backend.rules.money import Money
from tests.support.card_gateway import (
    APPROVED,
    CANCEL_TIMES_OUT,
    CAPTURE_TIMES_OUT,
    REFUND_TIMES_OUT,
    CardGatewaySandbox,
    free_port,
)
from tests.support.waiting import until_async

AMOUNT = Money(20000, "NOK")
WHOLE = Money(30000, "NOK")
LOST = ("late", "drop_after", "error_after")
BEFORE = ("drop_before", "error_before")
KINDS = {
    "capture": OperationKind.CAPTURE,
    "refund": OperationKind.REFUND,
    "cancel": OperationKind.VOID,
}
_REQUEST = PaymentRequest(
    key="op-1",
    amount=WHOLE,
    transaction_id="T1",
    session_id="S1",
    merchant_reference="order-1",
    description="Order 1",
    return_url="http://127.0.0.1:9/return",
    cancel_url="http://127.0.0.1:9/cancel",
    notification_url="http://127.0.0.1:9/notifications",
    language="en",
    expires_at=datetime.now(UTC) + timedelta(hours=2),
)


class ProviderHarness:
    """A payment ready for a verb, and the verbs by their names."""

    def __init__(
        self, gateway: CardGateway, hurried: CardGateway, card_gateway: CardGatewaySandbox
    ) -> None:
        self.gateway = gateway
        self._hurried = hurried
        self.card_gateway = card_gateway
        self.reference = ""

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Wait half a second for an answer inside the block, which holds only a call without an
        answer."""
        patient, self.gateway = self.gateway, self._hurried
        yield
        self.gateway = patient

    async def ready(self, verb: str, number: str = APPROVED) -> None:
        result = await self.gateway.create_payment(_REQUEST)
        assert result.redirect_url is not None
        assert result.reference is not None
        self.reference = result.reference
        self.card_gateway.pay(result.redirect_url, number)
        if verb == "refund":
            await self.gateway.capture(self.reference, WHOLE, "c0", final=True)

    async def do(self, verb: str, key: str = "k1") -> Result:
        if verb == "capture":
            return await self.gateway.capture(self.reference, AMOUNT, key, final=True)
        if verb == "refund":
            return await self.gateway.refund(self.reference, AMOUNT, key)
        return await self.gateway.void(self.reference, key)

    async def ask(self, verb: str, key: str = "k1", sent_at: datetime | None = None) -> Result:
        query = OperationQuery(KINDS[verb], self.reference, key, AMOUNT, 0, sent_at=sent_at)
        return await self.gateway.fetch_operation(query)

    async def happened(self, verb: str) -> bool:
        payment = await self.gateway.fetch(self.reference)
        assert payment.outcome is Outcome.DONE
        done = {
            "capture": payment.captured == AMOUNT.amount,
            "refund": payment.refunded == AMOUNT.amount,
            "cancel": payment.state is PaymentState.FAILED,
        }[verb]
        untouched = {
            "capture": payment.captured == 0,
            "refund": payment.refunded == 0,
            "cancel": payment.state is PaymentState.AUTHORIZED,
        }[verb]
        assert done != untouched
        return done


@pytest.fixture
def till(
    gateway: CardGateway, impatient: CardGateway, card_gateway: CardGatewaySandbox
) -> ProviderHarness:
    return ProviderHarness(gateway, impatient, card_gateway)


@pytest.mark.parametrize("verb", KINDS)
@pytest.mark.parametrize("kind", LOST)
async def test_effect_without_answer(till: ProviderHarness, verb: str, kind: str) -> None:
    await till.ready(verb)
    till.card_gateway.fault(verb, kind)
    with till.impatient():
        assert (await till.do(verb)).outcome is Outcome.UNKNOWN
    assert await till.happened(verb)
    assert (await till.ask(verb)).outcome is Outcome.DONE
    again = await till.do(verb)
    # The provider repeats a stored 500 for its key. A read before a void finds that it has been
    # done.
    kept = kind == "error_after" and verb != "cancel"
    assert again.outcome is (Outcome.UNKNOWN if kept else Outcome.DONE)
    assert await till.happened(verb)


@pytest.mark.parametrize("verb", KINDS)
@pytest.mark.parametrize("kind", BEFORE)
async def test_no_effect_and_no_answer(till: ProviderHarness, verb: str, kind: str) -> None:
    await till.ready(verb)
    till.card_gateway.fault(verb, kind)
    assert (await till.do(verb)).outcome is Outcome.UNKNOWN
    assert not await till.happened(verb)
    now = datetime.now(UTC)
    # A call that was just sent may still arrive. One of long ago did not.
    assert (await till.ask(verb, sent_at=now)).outcome is Outcome.UNKNOWN
    assert (await till.ask(verb, sent_at=now - timedelta(hours=1))).outcome is Outcome.REFUSED
    assert (await till.ask(verb)).outcome is Outcome.REFUSED
    assert (await till.do(verb, "k2")).outcome is Outcome.DONE
    assert await till.happened(verb)


@pytest.mark.parametrize("verb", KINDS)
async def test_refused(till: ProviderHarness, verb: str) -> None:
    await till.ready(verb)
    till.card_gateway.fault(verb, "refuse")
    result = await till.do(verb)
    assert (result.outcome, result.code) == (Outcome.REFUSED, "declined")
    assert not await till.happened(verb)
    assert (await till.ask(verb)).outcome is Outcome.REFUSED


@pytest.mark.parametrize("verb", KINDS)
async def test_arrives_late(till: ProviderHarness, verb: str) -> None:
    """The client gives up and reads, and only then does the call take effect."""
    await till.ready(verb)
    till.card_gateway.fault(verb, "hang", seconds=2.5)
    sent_at = datetime.now(UTC)
    with till.impatient():
        assert (await till.do(verb)).outcome is Outcome.UNKNOWN
    assert (await till.ask(verb, sent_at=sent_at)).outcome is Outcome.UNKNOWN
    # The same key comes again while the first call is under way.
    assert (await till.do(verb)).outcome is Outcome.UNKNOWN

    async def arrived() -> bool:
        return (await till.ask(verb, sent_at=sent_at)).outcome is Outcome.DONE

    await until_async(arrived, "the call arrives")
    assert (await till.ask(verb)).outcome is Outcome.DONE
    assert await till.happened(verb)


@pytest.mark.parametrize(
    ("verb", "number"),
    [
        ("capture", CAPTURE_TIMES_OUT),
        ("refund", REFUND_TIMES_OUT),
        ("cancel", CANCEL_TIMES_OUT),
    ],
)
async def test_cards_that_time_out(till: ProviderHarness, verb: str, number: str) -> None:
    await till.ready(verb, number)
    with till.impatient():
        assert (await till.do(verb)).outcome is Outcome.UNKNOWN
    assert (await till.ask(verb)).outcome is Outcome.DONE
    assert (await till.do(verb)).outcome is Outcome.DONE
    assert await till.happened(verb)


@pytest.mark.parametrize("verb", ["capture", "refund"])
async def test_another_amount_is_never_taken_for_done(till: ProviderHarness, verb: str) -> None:
    await till.ready(verb)
    till.card_gateway.fault(verb, "wrong_amount")
    assert (await till.do(verb)).outcome is Outcome.UNKNOWN
    assert (await till.ask(verb)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [401, 403, 429, 404])
async def test_refusal_codes(till: ProviderHarness, status: int) -> None:
    await till.ready("capture")
    till.card_gateway.fault("capture", "refuse", status=status, code="x")
    expected = {401: "configuration", 403: "configuration", 429: "unreachable", 404: "invalid"}
    result = await till.do("capture")
    assert (result.outcome, result.code) == (Outcome.REFUSED, expected[status])
    assert not await till.happened("capture")


@pytest.mark.parametrize("status", [408, 409, 500, 503])
async def test_statuses_that_tell_nothing(till: ProviderHarness, status: int) -> None:
    await till.ready("capture")
    till.card_gateway.fault("capture", "refuse", status=status, code="x")
    assert (await till.do("capture")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("kind", ["late", "drop_after"])
async def test_create_is_found_again(
    gateway: CardGateway, impatient: CardGateway, card_gateway: CardGatewaySandbox, kind: str
) -> None:
    card_gateway.fault("create", kind)
    lost = await impatient.create_payment(_REQUEST)
    assert (lost.outcome, lost.reference) == (Outcome.UNKNOWN, None)
    query = OperationQuery(OperationKind.AUTHORIZE, "", "op-1", WHOLE)
    found = await gateway.fetch_operation(query)
    assert found.outcome is Outcome.DONE
    assert found.redirect_url is not None
    assert (await gateway.create_payment(_REQUEST)).reference == found.reference
    none = await gateway.fetch_operation(replace(query, key="op-none"))
    assert none.outcome is Outcome.REFUSED
    just_now = replace(query, key="op-none", sent_at=datetime.now(UTC))
    assert (await gateway.fetch_operation(just_now)).outcome is Outcome.UNKNOWN


async def test_create_whose_kept_answer_is_a_500(
    gateway: CardGateway, card_gateway: CardGatewaySandbox
) -> None:
    card_gateway.fault("create", "error_after")
    first = await gateway.create_payment(_REQUEST)
    second = await gateway.create_payment(_REQUEST)
    assert first.outcome is second.outcome is Outcome.DONE
    assert first.reference == second.reference
    card_gateway.fault("create", "error_before")
    other = replace(_REQUEST, key="op-2")
    assert (await gateway.create_payment(other)).outcome is Outcome.UNKNOWN
    # The provider gives this key the same answer for a day and has made nothing.
    assert (await gateway.create_payment(other)).outcome is Outcome.REFUSED


async def test_create_for_another_amount_is_refused(
    gateway: CardGateway, card_gateway: CardGatewaySandbox
) -> None:
    card_gateway.fault("create", "wrong_amount")
    result = await gateway.create_payment(_REQUEST)
    assert (result.outcome, result.code) == (Outcome.REFUSED, "amount")
    assert result.redirect_url is None


@pytest.mark.parametrize("kind", [*LOST, *BEFORE])
async def test_abort_without_answer(
    gateway: CardGateway, impatient: CardGateway, card_gateway: CardGatewaySandbox, kind: str
) -> None:
    result = await gateway.create_payment(_REQUEST)
    assert result.reference is not None
    card_gateway.fault("expire", kind)
    assert (await impatient.abort(result.reference, "a1")).outcome is Outcome.UNKNOWN
    state = (await gateway.fetch(result.reference)).state
    assert state is (PaymentState.FAILED if kind in LOST else PaymentState.OPEN)
    assert (await gateway.abort(result.reference, "a2")).outcome is Outcome.DONE


async def test_reads(till: ProviderHarness) -> None:
    await till.ready("capture")
    for kind in ("error_before", "drop_before", "hang"):
        till.card_gateway.fault("read", kind)
        with till.impatient():
            payment = await till.gateway.fetch(till.reference)
        assert (payment.outcome, payment.state, payment.amount) == (Outcome.UNKNOWN, None, None)
        till.card_gateway.fault("read", kind)
        with till.impatient():
            assert (await till.ask("capture")).outcome is Outcome.UNKNOWN
    # A write that needs a read first is not sent if the read fails.
    till.card_gateway.fault("read", "error_before")
    result = await till.do("capture")
    assert (result.outcome, result.code) == (Outcome.REFUSED, "unreachable")
    assert not await till.happened("capture")
    till.card_gateway.fault("read", "wrong_amount")
    assert (await till.gateway.fetch(till.reference)).amount == Money(29900, "NOK")


async def test_nobody_there(http: httpx.AsyncClient) -> None:
    gateway = CardGateway(
        f"http://127.0.0.1:{free_port()}",
        "sk_test_1",
        "whsec",
        Tools(http, lambda: datetime.now(UTC)),
    )
    result = await gateway.create_payment(_REQUEST)
    assert (result.outcome, result.code) == (Outcome.REFUSED, "unreachable")
    payment = await gateway.fetch("cs_test_1")
    assert (payment.outcome, payment.code) == (Outcome.REFUSED, "unreachable")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<html>hello"),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, json={"id": 5}),
        httpx.Response(302, headers={"location": "http://127.0.0.1:1/"}),
        httpx.Response(204),
        httpx.Response(200, content=b"[" * 100_000),
    ],
)
async def test_unreadable_answers(answer: httpx.Response) -> None:
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return answer

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        gateway = CardGateway(
            "https://provider.example", "sk_test_1", "whsec", Tools(http, lambda: datetime.now(UTC))
        )
        assert (await gateway.create_payment(_REQUEST)).outcome is Outcome.UNKNOWN
        assert (await gateway.fetch("cs_1")).outcome is Outcome.UNKNOWN
    assert seen == ["/v1/checkout/sessions", "/v1/checkout/sessions/cs_1"]


async def test_a_killed_provider_remembers(
    till: ProviderHarness, card_gateway: CardGatewaySandbox
) -> None:
    """Keys, money and the clock are still there after kill -9."""
    await till.ready("capture")
    card_gateway.fault("capture", "late")
    with till.impatient():
        assert (await till.do("capture")).outcome is Outcome.UNKNOWN
    card_gateway.kill()
    down = await till.do("capture")
    assert (down.outcome, down.code) == (Outcome.REFUSED, "unreachable")
    card_gateway.start()
    assert (await till.do("capture")).outcome is Outcome.DONE
    assert await till.happened("capture")
