"""Only Bambora has these rules: a payment named late, one capture, refunds without keys, a weak
signature. `test_invariants.py` tests the rules of every provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from backend.psp.bambora.client import Account
from backend.psp.bambora.connector import METHODS, Bambora
from backend.psp.bambora.responses import order_id_of, parse_reference
from backend.psp.protocol import (
    Connector,
    OperationKind,
    OperationQuery,
    Outcome,
    PaymentState,
)
from backend.psp.tools import Tools
from backend.rules.money import Money
from tests.psp.provider import now
from tests.psp.providers import BamboraProvider
from tests.support.sandbox import Received
from tests.support.waiting import until_async

HOST = "https://provider.example"


def nok(amount: int) -> Money:
    return Money(amount, "NOK")


@pytest.fixture
def connector(bambora: BamboraProvider) -> Connector:
    return bambora.connector()


async def created(bambora: BamboraProvider, **changes: object) -> tuple[str, str]:
    result = await bambora.connector().create_payment(bambora.request(**changes))
    assert result.outcome is Outcome.DONE, result
    assert result.reference is not None
    assert result.redirect_url is not None
    return result.reference, result.redirect_url


async def paid(bambora: BamboraProvider) -> str:
    reference, url = await created(bambora)
    bambora.approve(url)
    return reference


async def callback(bambora: BamboraProvider, count: int = 1) -> Received:
    async def came() -> list[Received]:
        return bambora.listener.received[count - 1 : count]

    return (await until_async(came, f"callback {count}"))[0]


def came_back(answer: httpx.Response) -> dict[str, str]:
    """Return the query of the payer's return."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


# --- what is sent --------------------------------------------------------------------------------


async def test_the_request_as_the_provider_has_it(bambora: BamboraProvider) -> None:
    request = bambora.request(
        key="op-1", amount=nok(12345), language="nb", transaction_id="T1.x&y=1"
    )
    result = await bambora.connector().create_payment(request)
    made = bambora.payment_request(str(result.reference))
    assert made["reference"] == made["parameters"]["order"]["id"] == order_id_of("op-1")
    assert made["description"] == "Order 1 (rest after gift card)"
    assert made["status"] == "open"
    assert made["parameters"] == {
        "order": {"id": order_id_of("op-1"), "amount": 12345, "currency": "NOK"},
        "instantcaptureamount": 0,
        "customer": {"email": "kari@example.com"},
        "paymentwindow": {
            "id": 1,
            "language": "nb-NO",
            "paymentmethods": [{"id": "paymentcard", "action": "include"}],
        },
        "url": {
            "accept": "http://127.0.0.1:9/return",
            "decline": "http://127.0.0.1:9/cancel?cancelled=1",
            "callbacks": [{"url": f"{bambora.listener.url}?transaction=T1.x%26y%3D1"}],
            "immediateredirecttoaccept": 1,
        },
    }


def test_an_order_id_is_short_plain_and_of_its_key_alone() -> None:
    ids = {order_id_of(f"key-{number}") for number in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 20 and one.isalnum() and one.isascii() for one in ids)
    assert order_id_of("key-1") == order_id_of("key-1")


@pytest.mark.parametrize("product", METHODS)
async def test_each_product_shows_its_own_page(bambora: BamboraProvider, product: str) -> None:
    bambora.product = product
    reference, url = await created(bambora)
    page = bambora.sandbox.http.get(url).text
    assert ('id="card-number"' in page) == (product == "creditcard")
    assert ('id="approve"' in page) == (product != "creditcard")
    connector = bambora.connector()
    if product != "creditcard":
        assert bambora.sandbox.http.post(url, data={"result": "decline"}).status_code == 303
        tried = await connector.fetch(reference)
        assert (tried.state, tried.declined) == (PaymentState.OPEN, "declined")
        assert "The app said no." in bambora.sandbox.http.get(url).text
        bambora.sandbox.http.post(url, data={"result": "approve"})
    else:
        bambora.approve(url)
    payment = await connector.fetch(reference)
    assert (payment.state, payment.amount) == (PaymentState.AUTHORIZED, nok(30000))
    assert (payment.card is not None) == (product == "creditcard")
    told = bambora.listener.wait_for(1)[0]
    said = dict(parse_qsl(urlsplit(told.headers[":path"]).query, keep_blank_values=True))
    assert bool(said["walletname"]) == (product != "creditcard")


async def test_the_card_is_masked(bambora: BamboraProvider, connector: Connector) -> None:
    payment = await connector.fetch(await paid(bambora))
    assert payment.card is not None
    assert (payment.card.brand, payment.card.masked_pan) == ("Visa", "**** **** **** 0008")
    assert "400277" not in repr(payment)


async def test_a_challenge(bambora: BamboraProvider, connector: Connector) -> None:
    reference, url = await created(bambora)
    for result, state in (("fail", PaymentState.OPEN), ("complete", PaymentState.AUTHORIZED)):
        answer = bambora.submit(url, "4002 7700 0000 0016")
        assert answer.headers["location"].endswith("/challenge")
        assert (await connector.fetch(reference)).state is PaymentState.OPEN
        bambora.sandbox.http.post(f"{url}/challenge", data={"result": result})
        assert (await connector.fetch(reference)).state is state


async def test_an_order_id_is_paid_once(bambora: BamboraProvider, connector: Connector) -> None:
    """If two pages of one key were both shown, the second one is declined."""
    request = bambora.request()
    first = await connector.create_payment(request)
    second = await connector.create_payment(request)
    assert first.reference != second.reference
    bambora.approve(str(first.redirect_url))
    bambora.approve(str(second.redirect_url))
    assert (await connector.fetch(str(first.reference))).state is PaymentState.AUTHORIZED
    other = await connector.fetch(str(second.reference))
    assert (other.state, other.declined) == (PaymentState.OPEN, "declined")


# --- a payment is named by the return and the callback -------------------------------------------


async def test_a_request_that_does_not_tell_its_transaction(
    bambora: BamboraProvider, connector: Connector
) -> None:
    """No document says whether it does. In that case the payer's return names it, and a read
    decides."""
    bambora.sandbox.admin("settings", tells_transactions=False)
    reference, url = await created(bambora)
    assert (await connector.fetch(reference)).state is PaymentState.OPEN
    query = came_back(bambora.submit(url, "4002 7700 0000 0008"))
    before = await connector.fetch(reference)
    assert (before.state, before.amount) == (PaymentState.PENDING, nok(30000))
    refused = await connector.capture(reference, nok(30000), "c-0", final=True)
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "not_allowed")
    payment = await connector.complete_return(reference, query)
    assert (payment.state, payment.amount) == (PaymentState.AUTHORIZED, nok(30000))
    named = str(payment.reference)
    assert named == f"{reference}.{query['txnid']}"
    # From now on everything works with that name.
    assert (await connector.fetch(named)).reference == named
    part = await connector.capture(named, nok(20000), "c-1", final=True)
    assert (part.outcome, part.reference) == (Outcome.DONE, named)
    assert (await connector.refund(named, nok(5000), "r-1")).outcome is Outcome.DONE
    asked = OperationQuery(OperationKind.CAPTURE, named, "c-1", nok(20000))
    assert (await connector.fetch_operation(asked)).outcome is Outcome.DONE
    after = await connector.fetch(named)
    assert (after.state, after.captured, after.refunded) == (PaymentState.CAPTURED, 20000, 5000)
    assert (await connector.abort(named, "a-1")).code == "not_allowed"


async def test_the_callback_names_it_too(bambora: BamboraProvider, connector: Connector) -> None:
    bambora.sandbox.admin("settings", tells_transactions=False)
    reference, url = await created(bambora, transaction_id="T12345678.abc")
    bambora.approve(url)
    told = await callback(bambora)
    notification = connector.parse_notification(told.headers, told.body)
    assert notification.transaction_id == "T12345678.abc"
    payment = await connector.complete_return(reference, notification.told)
    assert payment.state is PaymentState.AUTHORIZED
    assert payment.reference == f"{reference}.{notification.event_id}"


async def test_a_return_is_believed_in_nothing(
    bambora: BamboraProvider, connector: Connector
) -> None:
    cheap, url = await created(bambora, amount=nok(100))
    bought = came_back(bambora.submit(url, "4002 7700 0000 0008"))
    dear, _ = await created(bambora)
    for query in (
        bought,  # signed by the provider for another order
        bought | {"orderid": str(parse_reference(dear) and dear.split(".")[0])},
        {"txnid": "999999999999999999"},
        {"txnid": "1/../1"},
        {"txnid": ""},
        {"hash": "x" * 32},
    ):
        payment = await connector.complete_return(dear, query)
        assert (payment.outcome, payment.state) == (Outcome.DONE, PaymentState.OPEN), query
        assert payment.reference == dear
    assert (await connector.fetch(cheap)).state is PaymentState.AUTHORIZED


async def test_a_name_of_another_order_is_no_payment(
    bambora: BamboraProvider, connector: Connector
) -> None:
    _, url = await created(bambora)
    other = came_back(bambora.submit(url, "4002 7700 0000 0008"))["txnid"]
    reference, _ = await created(bambora)
    payment = await connector.fetch(f"{reference}.{other}")
    assert (payment.outcome, payment.state) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize("reference", ["", "none", "A.b", "../x", f"{'A' * 20}.x/y", "a" * 5000])
async def test_what_is_no_reference_is_not_sent(reference: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    account = Account(HOST, HOST, HOST, "T1", "a", "s", "m")
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = Bambora("creditcard", account, Tools(http, now))
        payment = await connector.fetch(reference)
        results = [
            await connector.abort(reference, "a"),
            await connector.capture(reference, nok(1), "c", final=True),
            await connector.void(reference, "v"),
            await connector.refund(reference, nok(1), "r"),
        ]
    assert (payment.outcome, payment.code) == (Outcome.REFUSED, "invalid")
    assert {(one.outcome, one.code) for one in results} == {(Outcome.REFUSED, "invalid")}


# --- one capture, no void after it ---------------------------------------------------------------


async def test_one_capture(bambora: BamboraProvider, connector: Connector) -> None:
    reference = await paid(bambora)
    assert (await connector.fetch(reference)).multi_capture is False
    kept = await connector.capture(reference, nok(10000), "c-1", final=False)
    assert (kept.outcome, kept.code) == (Outcome.REFUSED, "not_allowed")
    assert (await connector.fetch(reference)).captured == 0
    assert (await connector.capture(reference, nok(10000), "c-2", final=True)).outcome is (
        Outcome.DONE
    )
    again = await connector.capture(reference, nok(20000), "c-3", final=True)
    assert (again.outcome, again.code) == (Outcome.REFUSED, "not_allowed")
    rest = await connector.void(reference, "v-1")
    assert (rest.outcome, rest.code) == (Outcome.REFUSED, "not_allowed")
    payment = await connector.fetch(reference)
    assert (payment.state, payment.captured, payment.capturable) == (
        PaymentState.CAPTURED,
        10000,
        0,
    )
    assert connector.capabilities.void_after_partial_capture is False


async def test_an_authorization_lapses(bambora: BamboraProvider, connector: Connector) -> None:
    reference, captured = await paid(bambora), await paid(bambora)
    await connector.capture(captured, nok(10000), "c-1", final=True)
    bambora.sandbox.admin("clock", advance=7 * 24 * 3600 + 1)
    assert (await connector.fetch(reference)).state is PaymentState.FAILED
    late = await connector.capture(reference, nok(30000), "c-2", final=True)
    assert (late.outcome, late.code) == (Outcome.REFUSED, "not_allowed")
    after = await connector.fetch(captured)
    assert (after.state, after.captured) == (PaymentState.CAPTURED, 10000)


# --- refunds carry no key ------------------------------------------------------------------------


async def test_refunds_of_one_amount_are_told_apart(
    bambora: BamboraProvider, connector: Connector
) -> None:
    reference = await paid(bambora)
    await connector.capture(reference, nok(30000), "c-1", final=True)
    assert (await connector.refund(reference, nok(10000), "r-1")).outcome is Outcome.DONE
    first = OperationQuery(OperationKind.REFUND, reference, "r-1", nok(10000))
    second = replace(first, key="r-2", refunded_before=10000)
    assert (await connector.fetch_operation(first)).outcome is Outcome.DONE
    assert (await connector.fetch_operation(second)).outcome is Outcome.REFUSED
    early = replace(second, sent_at=now())
    assert (await connector.fetch_operation(early)).outcome is Outcome.UNKNOWN
    bambora.fault("refund", "drop_after")
    assert (await connector.refund(reference, nok(10000), "r-2")).outcome is Outcome.UNKNOWN
    assert (await connector.fetch_operation(second)).outcome is Outcome.DONE
    # Nobody may send it again, because no key would prevent a second refund.
    assert connector.capabilities.key_lifetime == timedelta(0)
    assert (await connector.fetch(reference)).refunded == 20000


@pytest.mark.parametrize("verb", ["capture", "refund"])
async def test_an_answer_in_another_currency_is_not_done(
    bambora: BamboraProvider, connector: Connector, verb: str
) -> None:
    reference = await paid(bambora)
    if verb == "refund":
        await connector.capture(reference, nok(30000), "c-0", final=True)
    bambora.fault(verb, "wrong_currency")
    if verb == "refund":
        result = await connector.refund(reference, nok(10000), "k-1")
    else:
        result = await connector.capture(reference, nok(10000), "k-1", final=True)
    assert result.outcome is Outcome.UNKNOWN


# --- the callback, as it comes ------------------------------------------------------------------


async def test_a_callback_over_a_socket_is_a_get(bambora: BamboraProvider) -> None:
    bambora.listener.statuses = [500]
    reference = await paid(bambora)
    first, again = await callback(bambora), await callback(bambora, 2)
    assert first.body == b""
    assert first.headers[":path"] == again.headers[":path"]
    said = parse_qsl(urlsplit(first.headers[":path"]).query, keep_blank_values=True)
    assert [name for name, _ in said] == [
        "transaction",
        "txnid",
        "orderid",
        "reference",
        "amount",
        "currency",
        "date",
        "time",
        "feeid",
        "txnfee",
        "paymenttype",
        "walletname",
        "cardno",
        "eci",
        "issuercountry",
        "hash",
    ]
    values = dict(said)
    assert (values["orderid"], values["amount"]) == (reference.split(".")[0], "30000")
    assert values["cardno"] == "400277XXXXXX0008"
