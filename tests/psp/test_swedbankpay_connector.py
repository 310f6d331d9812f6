"""Only the Swedbank Pay connector has these rules. `test_invariants.py` tests those of all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from backend.psp.protocol import (
    NotificationRefused,
    OperationKind,
    OperationQuery,
    Outcome,
    PaymentState,
)
from backend.psp.registry import CREDENTIALS
from backend.psp.swedbankpay.client import Account
from backend.psp.swedbankpay.connector import INSTRUMENTS, SwedbankPay, payee_reference
from backend.psp.tools import Tools
from backend.rules.money import Money
from tests.psp.provider import now
from tests.psp.providers import SwedbankPayProvider
from tests.support.sandbox import Listener, Sandbox

WHOLE = Money(30000, "SEK")
ORDER = "/psp/paymentorders/7e6cdfc3-1276-44e9-9992-7cf4419750e1"


@pytest.fixture
async def provider(
    sandboxes: Callable[[str], Sandbox], listener: Listener, http: httpx.AsyncClient
) -> AsyncIterator[SwedbankPayProvider]:
    sandbox = sandboxes("swedbankpay")
    yield SwedbankPayProvider(sandbox, listener, http)
    sandbox.reset()
    sandbox.admin("settings", slow_reversals=False)


async def _paid(provider: SwedbankPayProvider, **changes: object) -> str:
    result = await provider.connector().create_payment(provider.request(**changes))
    assert result.redirect_url is not None
    assert result.reference is not None
    provider.approve(result.redirect_url)
    return result.reference


def _sent(http: httpx.AsyncClient) -> list[httpx.Request]:
    seen: list[httpx.Request] = []

    async def keep(request: httpx.Request) -> None:
        seen.append(request)

    http.event_hooks = {"request": [keep]}
    return seen


async def test_the_order_that_is_sent(
    provider: SwedbankPayProvider, http: httpx.AsyncClient
) -> None:
    seen = _sent(http)
    request = provider.request(language="nb", description="D" * 60, key="key-1")
    await provider.connector().create_payment(request)
    sent = json.loads(seen[0].content)["paymentorder"]
    assert seen[0].headers["content-type"] == "application/json;version=3.1"
    assert (sent["amount"], sent["vatAmount"], sent["currency"]) == (30000, 0, "SEK")
    assert (sent["instrument"], sent["language"]) == ("CreditCard", "nb-NO")
    assert sent["description"] == "D" * 40
    assert sent["urls"]["hostUrls"] == ["http://127.0.0.1:9"]
    assert sent["payeeInfo"]["payeeReference"] == payee_reference("key-1", "create")
    assert len(payee_reference("key-1", "create")) == 30
    assert sent["payeeInfo"]["orderReference"] == "order-1"
    assert sent["payer"] == {"email": "kari@example.com"}
    assert "orderItems" not in sent


@pytest.mark.parametrize("product", list(INSTRUMENTS))
async def test_every_product(
    provider: SwedbankPayProvider, http: httpx.AsyncClient, product: str
) -> None:
    provider.product = product
    seen = _sent(http)
    connector = provider.connector()
    result = await connector.create_payment(provider.request())
    assert result.outcome is Outcome.DONE
    assert result.redirect_url is not None
    assert result.reference is not None
    assert json.loads(seen[0].content)["paymentorder"]["instrument"] == INSTRUMENTS[product]
    if product == "creditcard":
        provider.approve(result.redirect_url)
    else:
        provider.sandbox.http.post(result.redirect_url, data={"result": "approve"})
    payment = await connector.fetch(result.reference)
    direct_capture = product == "swish"
    assert connector.capabilities.direct_capture is direct_capture
    assert payment.state is (PaymentState.CAPTURED if direct_capture else PaymentState.AUTHORIZED)
    # Only a payment by the card itself names the card. A wallet hides it.
    assert (payment.card is not None) is (product == "creditcard")
    if payment.card is not None:
        assert payment.card.masked_pan == "**** **** **** 3406"
        assert (payment.card.brand, payment.card.expiry_date) == ("mastercard", "12/2034")
    assert CREDENTIALS[f"payex.{product}"] == ("base_url", "access_token", "payee_id")


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (900361, "insufficient_funds"),
        (900354, "expired_card"),
        (900343, "declined"),
        (900334, "declined"),
        (900391, "processing_error"),
    ],
)
async def test_why_a_card_is_declined(
    provider: SwedbankPayProvider, amount: int, reason: str
) -> None:
    reference = await _paid(provider, amount=Money(amount, "SEK"))
    payment = await provider.connector().fetch(reference)
    assert (payment.state, payment.declined) == (PaymentState.OPEN, reason)


async def test_cancelled_on_the_page_is_over(provider: SwedbankPayProvider) -> None:
    result = await provider.connector().create_payment(provider.request())
    assert result.redirect_url is not None
    assert result.reference is not None
    provider.sandbox.http.get(provider.sandbox.base_url + provider.back_link(result.redirect_url))
    assert (await provider.connector().fetch(result.reference)).state is PaymentState.FAILED
    assert (await provider.connector().abort(result.reference, "a")).outcome is Outcome.DONE


async def test_a_final_capture_releases_the_rest(provider: SwedbankPayProvider) -> None:
    reference = await _paid(provider)
    connector = provider.connector()
    done = await connector.capture(reference, Money(10000, "SEK"), "c-1", final=True)
    assert done.outcome is Outcome.DONE
    payment = await connector.fetch(reference)
    assert (payment.state, payment.captured) == (PaymentState.CAPTURED, 10000)
    # The release is still due, whether its answer or the release itself was lost.
    for kind in ("drop_after", "drop_before"):
        reference = await _paid(provider)
        provider.fault("void", kind)
        part = Money(10000, "SEK")
        lost = await connector.capture(reference, part, f"c-{kind}", final=True)
        assert lost.outcome is Outcome.UNKNOWN
        payment = await connector.fetch(reference)
        released = kind == "drop_after"
        assert (payment.captured, payment.capturable) == (10000, 0 if released else 20000)
        query = OperationQuery(OperationKind.CAPTURE, reference, f"c-{kind}", part)
        assert (await connector.fetch_operation(query)).outcome is Outcome.DONE
        payment = await connector.fetch(reference)
        assert (payment.state, payment.captured) == (PaymentState.CAPTURED, 10000), kind


async def test_a_void_after_a_capture_leaves_it(provider: SwedbankPayProvider) -> None:
    reference = await _paid(provider)
    connector = provider.connector()
    await connector.capture(reference, Money(10000, "SEK"), "c-1", final=False)
    query = OperationQuery(OperationKind.VOID, reference, "v-1", Money(20000, "SEK"))
    assert (await connector.fetch_operation(query)).outcome is Outcome.REFUSED
    assert (await connector.void(reference, "v-1")).outcome is Outcome.DONE
    assert (await connector.fetch_operation(query)).outcome is Outcome.DONE
    # Nothing is left to release, whoever has released it.
    assert (await connector.void(reference, "v-2")).outcome is Outcome.DONE
    assert (await connector.refund(reference, Money(10000, "SEK"), "r-1")).outcome is Outcome.DONE
    payment = await connector.fetch(reference)
    assert (payment.state, payment.captured, payment.refunded) == (
        PaymentState.CAPTURED,
        10000,
        10000,
    )


async def test_a_refund_that_takes_days(provider: SwedbankPayProvider) -> None:
    reference = await _paid(provider)
    connector = provider.connector()
    await connector.capture(reference, WHOLE, "c-1", final=True)
    provider.sandbox.admin("settings", slow_reversals=True)
    assert (await connector.refund(reference, WHOLE, "r-1")).outcome is Outcome.UNKNOWN
    query = OperationQuery(OperationKind.REFUND, reference, "r-1", WHOLE, sent_at=now())
    assert (await connector.fetch_operation(query)).outcome is Outcome.UNKNOWN
    # However long ago it was sent.
    long_ago = replace(query, sent_at=None)
    assert (await connector.fetch_operation(long_ago)).outcome is Outcome.UNKNOWN
    assert (await connector.fetch(reference)).refunded == 0
    provider.sandbox.admin("clock", advance=3 * 24 * 3600 + 1)
    assert (await connector.fetch_operation(query)).outcome is Outcome.DONE
    assert (await connector.fetch(reference)).refunded == 30000


async def test_what_must_fail_is_not_sent_and_locks_nothing(
    provider: SwedbankPayProvider, http: httpx.AsyncClient
) -> None:
    reference = await _paid(provider)
    seen = _sent(http)
    connector = provider.connector()
    for number in range(6):
        over = await connector.capture(reference, Money(30001, "SEK"), f"c-{number}", final=True)
        assert (over.outcome, over.code) == (Outcome.REFUSED, "amount")
    assert {one.method for one in seen} == {"GET"}
    assert (await connector.capture(reference, WHOLE, "c", final=True)).outcome is Outcome.DONE


def _answering(answers: dict[str, object]) -> tuple[SwedbankPay, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=answers[request.method])

    http = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    url = "https://api.provider.example"
    return SwedbankPay("creditcard", Account(url, "token", "payee"), Tools(http, now)), seen


def _paid_order(href: str, root: str = "paymentOrder") -> dict[str, object]:
    rows = [{"type": "Authorization", "amount": 30000, "payeeReference": "x"}]
    return {
        root: {
            "id": ORDER,
            "status": "Paid",
            "amount": 30000,
            "currency": "SEK",
            "remainingCaptureAmount": 30000,
            "paid": {"transactionType": "Authorization", "amount": 30000, "unknown": 1},
            "financialTransactions": {"financialTransactionsList": rows},
            "later": {"fields": "are ignored"},
        },
        "operations": [
            {"rel": "capture", "method": "POST", "href": href},
            {"rel": "new-thing", "method": "TRACE", "href": "x"},
            "nonsense",
        ],
    }


@pytest.mark.parametrize(
    "href",
    [
        "https://elsewhere.example/psp/x/captures",
        "//elsewhere.example/x",
        "https://api.provider.example.evil.example/x",
        "http://api.provider.example/x",
        "https://api.provider.example@elsewhere.example/",
    ],
)
async def test_operations_that_lead_elsewhere_are_not_followed(href: str) -> None:
    connector, seen = _answering({"GET": _paid_order(href)})
    result = await connector.capture(ORDER, WHOLE, "c-1", final=False)
    assert result.outcome is Outcome.REFUSED
    assert [one.method for one in seen] == ["GET"]


@pytest.mark.parametrize("root", ["paymentOrder", "paymentorder", "PaymentOrder"])
async def test_the_root_is_spelled_in_several_ways(root: str) -> None:
    order = _paid_order("/psp/anything/else", root)
    connector, seen = _answering({"GET": order, "POST": order})
    payment = await connector.fetch(ORDER)
    assert (payment.state, payment.amount) == (PaymentState.AUTHORIZED, WHOLE)
    # We follow the provider's own address unchanged, also a relative one.
    await connector.capture(ORDER, WHOLE, "c-1", final=False)
    assert [one.url.path for one in seen if one.method == "POST"] == ["/psp/anything/else"]
    assert "$expand=paid,financialTransactions" in str(seen[0].url)


@pytest.mark.parametrize(
    "reference", ["", "none", "../x", f"{ORDER}/captures", f"{ORDER}?x=1", "https://x.example"]
)
async def test_only_an_orders_id_is_read(reference: str) -> None:
    connector, seen = _answering({})
    payment = await connector.fetch(reference)
    assert (payment.outcome, payment.code) == (Outcome.REFUSED, "invalid")
    assert seen == []


async def test_another_order_than_asked_for_is_not_believed() -> None:
    connector, _ = _answering({"GET": _paid_order("/x")})
    other = ORDER[:-1] + "2"
    assert (await connector.fetch(other)).outcome is Outcome.UNKNOWN
    refused = await connector.capture(other, WHOLE, "c-1", final=True)
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "unreachable")


def test_the_older_callback_shape(provider: SwedbankPayProvider) -> None:
    connector = SwedbankPay(
        "creditcard",
        Account("https://x.example", "token", "payee"),
        Tools(httpx.AsyncClient(), now),
    )
    address = connector._address.of(provider.request())
    path = address.partition("127.0.0.1")[2].partition("/")[2]
    older = {
        "paymentOrder": {"id": ORDER, "instrument": "CreditCard"},
        "payment": {"id": "/psp/creditcard/payments/5adc265f", "number": 222222222},
        "transaction": {"id": "/psp/creditcard/payments/5adc265f/captures/c1", "number": 333},
    }
    told = connector.parse_notification({":path": f"/{path}"}, json.dumps(older).encode())
    assert told.reference == ORDER
    assert told.event_id == "/psp/creditcard/payments/5adc265f/captures/c1"
    # A plain payment, from before payment orders, names none of ours.
    del older["paymentOrder"]
    with pytest.raises(NotificationRefused):
        connector.parse_notification({":path": f"/{path}"}, json.dumps(older).encode())


def test_an_address_proves_one_payment_alone(provider: SwedbankPayProvider) -> None:
    connector = SwedbankPay(
        "creditcard",
        Account("https://x.example", "token", "payee"),
        Tools(httpx.AsyncClient(), now),
    )
    first = connector._address.of(provider.request(transaction_id="T1"))
    body = json.dumps({"paymentOrder": {"id": ORDER, "number": 1}}).encode()
    told = connector.parse_notification({":path": first.partition(":9")[2] or first}, body)
    assert (told.transaction_id, told.reference) == ("T1", ORDER)
    for forged in (first.replace("payment=T1", "payment=T2"), first + "0", first.split("&")[0]):
        with pytest.raises(NotificationRefused):
            connector.parse_notification({":path": forged}, body)
