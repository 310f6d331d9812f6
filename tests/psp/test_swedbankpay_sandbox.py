"""Swedbank Pay's sandbox follows its documentation. The tests do not use our connector."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.sandbox import Listener, Sandbox
from tests.support.swedbankpay import (
    CHALLENGE,
    DECLINED,
    MEDIA,
    PLAIN,
    Merchant,
    page,
    rels,
)

FRESH = {"redirect-checkout", "update-order", "abort", "abort-paymentattempt"}


@pytest.fixture
def sandbox(sandboxes: Callable[[str], Sandbox]) -> Sandbox:
    return sandboxes("swedbankpay")


@pytest.fixture
def merchant(sandbox: Sandbox) -> Merchant:
    return Merchant(sandbox)


def _problem(response: httpx.Response) -> tuple[int, str]:
    status = response.status_code
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    return status, body["type"].removeprefix("https://api.payex.com/psp/errordetail/")


def test_a_fresh_order(merchant: Merchant) -> None:
    order = merchant.create()
    shown = order["paymentOrder"]
    assert (shown["status"], shown["amount"], shown["currency"]) == ("Initialized", 30000, "SEK")
    assert rels(order) == FRESH
    assert re.fullmatch(r"/psp/paymentorders/[0-9a-f-]{36}", shown["id"])
    assert shown["paid"] == {"id": f"{shown['id']}/paid"}
    assert not any(name.startswith(("_", "remaining")) for name in shown)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": ""}, (401, "unauthorized")),
        ({"Authorization": "Bearer x"}, (401, "unauthorized")),
        ({"Authorization": "Basic dG9rZW46"}, (401, "unauthorized")),
        ({"Content-Type": "application/json"}, (415, "inputerror")),
        ({"Content-Type": "application/json;version=2.0"}, (415, "inputerror")),
    ],
)
def test_token_and_version(
    merchant: Merchant, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    response = merchant.call("POST", "/psp/paymentorders", merchant.order_body(), **headers)
    assert _problem(response) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 0),
        ("amount", "30000"),
        ("amount", 300.0),
        ("vatAmount", None),
        ("currency", "kr"),
        ("instrument", "Cheque"),
        ("description", "x" * 41),
        ("userAgent", None),
        ("operation", "Verify"),
        ("urls", {"completeUrl": "http://x.example"}),
        ("payeeInfo", {"payeeId": "1", "payeeReference": "not allowed!"}),
        ("payeeInfo", {"payeeReference": "abc"}),
        ("orderItems", [{"amount": 29999}]),
    ],
)
def test_bad_orders(merchant: Merchant, name: str, value: object) -> None:
    response = merchant.call("POST", "/psp/paymentorders", merchant.order_body(**{name: value}))
    assert _problem(response) == (400, "inputerror")
    assert response.json()["problems"]


def test_a_reference_is_used_once(merchant: Merchant) -> None:
    body = merchant.order_body()
    assert merchant.call("POST", "/psp/paymentorders", body).status_code == 200
    again = merchant.call("POST", "/psp/paymentorders", body)
    assert _problem(again) == (400, "inputerror")
    assert again.json()["problems"][0]["name"] == "PayeeReference"
    order = merchant.paid()
    assert merchant.move(order, "capture", payeeReference="cap1", amount=100).status_code == 200
    assert _problem(merchant.move(order, "capture", payeeReference="cap1", amount=100))[0] == 400
    # Another merchant's references are not ours.
    assert Merchant(merchant.sandbox).call("POST", "/psp/paymentorders", body).status_code == 200


def test_another_merchants_order_is_not_there(merchant: Merchant) -> None:
    order = merchant.create()
    stranger = Merchant(merchant.sandbox)
    assert _problem(stranger.call("GET", order["paymentOrder"]["id"])) == (404, "notfound")
    assert _problem(merchant.call("GET", "/psp/paymentorders/none")) == (404, "notfound")
    assert _problem(merchant.call("GET", "/psp/else")) == (404, "notfound")


def test_operations_follow_the_state(merchant: Merchant) -> None:
    order = merchant.paid()
    assert rels(order) == {"capture", "cancel"}
    assert order["paymentOrder"]["remainingCaptureAmount"] == 30000
    assert "remainingReversalAmount" not in order["paymentOrder"]
    part = merchant.move(order, "capture", amount=10000).json()
    assert rels(part) == {"capture", "cancel", "reversal"}
    # An address that is not offered does not exist.
    fresh = merchant.create()
    captures = fresh["paymentOrder"]["id"] + "/captures"
    body = {
        "transaction": {"description": "x", "payeeReference": "a1", "amount": 1, "vatAmount": 0}
    }
    assert _problem(merchant.call("POST", captures, body)) == (404, "notfound")
    rest = merchant.move(part, "cancel").json()
    assert rels(rest) == {"reversal"}
    assert rest["paymentOrder"]["status"] == "Paid"
    back = merchant.move(rest, "reversal", amount=10000).json()
    assert (back["paymentOrder"]["status"], rels(back)) == ("Reversed", set())
    expanded = merchant.read(order, "financialTransactions,paid")["paymentOrder"]
    rows = expanded["financialTransactions"]["financialTransactionsList"]
    assert [(one["type"], one["amount"]) for one in rows] == [
        ("Authorization", 30000),
        ("Capture", 10000),
        ("Cancellation", 20000),
        ("Reversal", 10000),
    ]
    assert expanded["paid"]["transactionType"] == "Authorization"
    whole = merchant.paid()
    assert merchant.move(whole, "cancel").json()["paymentOrder"]["status"] == "Cancelled"


def test_swish_is_a_sale(merchant: Merchant) -> None:
    order = merchant.paid(instrument="Swish")
    assert rels(order) == {"reversal"}
    assert merchant.read(order, "paid")["paymentOrder"]["paid"]["transactionType"] == "Sale"


@pytest.mark.parametrize(
    ("word", "code"), [("RF07", "rejected"), ("TM01", "timeout"), ("BANKIDCL", "bankidcancelled")]
)
def test_swish_fails_by_its_description(merchant: Merchant, word: str, code: str) -> None:
    order = merchant.paid(instrument="Swish", description=f"Order {word}")
    assert order["paymentOrder"]["status"] == "Initialized"
    failed = merchant.read(order, "failedAttempts")["paymentOrder"]["failedAttempts"]
    assert failed["failedAttemptList"][0]["problem"]["type"].endswith(f"/swish/{code}")


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (900361, "acquirerinsufficientfunds"),
        (900354, "acquirercardexpired"),
        (900343, "acquirercardstolen"),
        (900334, "acquirerpossiblefraud"),
        (952100, "dailylimitexceeded"),
        (900391, "acquirergatewayerror"),
    ],
)
def test_amounts_that_fail(merchant: Merchant, amount: int, code: str) -> None:
    order = merchant.paid(amount=amount)
    assert order["paymentOrder"]["status"] == "Initialized"
    failed = merchant.read(order, "failedAttempts")["paymentOrder"]["failedAttempts"]
    assert failed["failedAttemptList"][0]["problem"]["type"].endswith(f"/creditcard/{code}")


def test_five_failures_in_a_row_lock(merchant: Merchant) -> None:
    order = merchant.paid()
    for _ in range(4):
        assert _problem(merchant.move(order, "capture", amount=30001)) == (400, "inputerror")
    assert merchant.move(order, "capture", amount=100).status_code == 200
    for _ in range(5):
        assert _problem(merchant.move(order, "capture", amount=30001)) == (400, "inputerror")
    assert _problem(merchant.move(order, "capture", amount=100)) == (403, "forbidden")
    # This does not lock the other verbs.
    order = merchant.read(order)
    assert merchant.move(order, "reversal", amount=100).status_code == 200


def test_amount_and_lines_agree_after_an_update(merchant: Merchant) -> None:
    lines = [{"amount": 20000}, {"amount": 10000}]
    order = merchant.create(orderItems=lines)
    address = order["paymentOrder"]["id"]

    def update(**fields: object) -> httpx.Response:
        body = {"paymentorder": {"operation": "UpdateOrder", "vatAmount": 0, **fields}}
        return merchant.call("PATCH", address, body)

    assert _problem(update(amount=25000)) == (400, "inputerror")
    assert _problem(update(amount=25000, orderItems=lines)) == (400, "inputerror")
    assert update(amount=20000, orderItems=lines[:1]).status_code == 200
    assert merchant.read(order)["paymentOrder"]["amount"] == 20000


def test_an_authorization_lapses(merchant: Merchant) -> None:
    order = merchant.paid()
    try:
        merchant.sandbox.admin("clock", advance=180 * 24 * 3600 + 1)
        assert merchant.read(order)["paymentOrder"]["status"] == "Cancelled"
    finally:
        merchant.sandbox.reset()


# --- the page ------------------------------------------------------------------------------------


def test_page(merchant: Merchant) -> None:
    url = page(merchant.create(amount=123400, description="<b>Order</b> & more"))
    response = merchant.sandbox.http.get(url)
    shown = response.text
    assert '<html lang="en">' in shown
    assert "SEK\N{NO-BREAK SPACE}1,234.00" in shown
    assert "&lt;b&gt;Order&lt;/b&gt; &amp; more" in shown
    assert "<script" not in shown
    assert set(re.findall(r'(?:src|<link[^>]* href)="([^"]+)"', shown)) == {"data:,", "/c/page.css"}
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    norwegian = merchant.sandbox.http.get(page(merchant.create(language="nb-NO"))).text
    assert '<html lang="nb">' in norwegian


@pytest.mark.parametrize(
    ("instrument", "name"),
    [
        ("Swish", "Swish"),
        ("Vipps", "Vipps"),
        ("MobilePay", "MobilePay"),
        ("ApplePay", "Apple Pay"),
        ("GooglePay", "Google Pay"),
        ("ClickToPay", "Click to Pay"),
    ],
)
def test_each_wallet_has_its_look(merchant: Merchant, instrument: str, name: str) -> None:
    order = merchant.create(instrument=instrument)
    shown = merchant.sandbox.http.get(page(order)).text
    assert f'class="look-{instrument.lower()}"' in shown
    assert f'<p class="eyebrow">{name}</p>' in shown
    merchant.sandbox.http.post(page(order), data={"result": "decline"})
    again = merchant.sandbox.http.get(page(order)).text
    assert "declined in the app. Nothing was charged." in again
    answer = merchant.sandbox.http.post(page(order), data={"result": "approve"})
    assert answer.headers["location"] == "http://127.0.0.1:9/complete"


def test_cards(merchant: Merchant) -> None:
    order = merchant.create()
    url = page(order)
    assert merchant.pay(url, DECLINED).status_code == 303
    assert "Your card was declined. Nothing was charged." in merchant.sandbox.http.get(url).text
    merchant.pay(url, "4111 1111 1111 1111")
    assert "This is not a test card." in merchant.sandbox.http.get(url).text
    wrong = merchant.pay(url, PLAIN, cvc="1")
    assert wrong.status_code == 200
    assert "Enter the security code" in wrong.text
    assert PLAIN not in wrong.text.split('class="cards"')[0]
    assert merchant.pay(url, CHALLENGE).headers["location"].endswith("/challenge")
    assert 'value="complete"' in merchant.sandbox.http.get(url + "/challenge").text
    merchant.sandbox.http.post(url + "/challenge", data={"result": "fail"})
    assert "could not confirm that it is you" in merchant.sandbox.http.get(url).text
    merchant.pay(url, CHALLENGE)
    done = merchant.sandbox.http.post(url + "/challenge", data={"result": "complete"})
    assert done.headers["location"] == "http://127.0.0.1:9/complete"
    assert "You are all done here" in merchant.sandbox.http.get(url).text


def test_sent_twice_at_once(merchant: Merchant) -> None:
    order = merchant.create()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: merchant.pay(page(order), PLAIN), range(8)))
    assert {one.headers["location"] for one in answers} == {"http://127.0.0.1:9/complete"}
    rows = merchant.read(order, "financialTransactions")["paymentOrder"]["financialTransactions"]
    assert len(rows["financialTransactionsList"]) == 1


def test_the_payer_cancels(merchant: Merchant) -> None:
    order = merchant.create()
    for _ in range(2):
        answer = merchant.sandbox.http.get(page(order) + "/cancel")
        assert answer.headers["location"] == "http://127.0.0.1:9/cancel"
    assert merchant.read(order)["paymentOrder"]["status"] == "Aborted"
    assert merchant.read(order)["operations"] == []
    assert merchant.pay(page(order), PLAIN).status_code == 303
    assert merchant.read(order)["paymentOrder"]["status"] == "Aborted"
    assert "This page has expired" in merchant.sandbox.http.get(page(order)).text
    # It is too late to cancel a paid order.
    paid = merchant.create()
    merchant.pay(page(paid), PLAIN)
    answer = merchant.sandbox.http.get(page(paid) + "/cancel")
    assert answer.headers["location"] == "http://127.0.0.1:9/complete"
    assert merchant.sandbox.http.get(page(paid) + "x").status_code == 404


# --- callbacks -----------------------------------------------------------------------------------


def test_callback(merchant: Merchant, listener: Listener) -> None:
    body = merchant.order_body()["paymentorder"]
    urls = body["urls"] | {"callbackUrl": listener.url + "?a=b"}
    payee = body["payeeInfo"] | {"orderReference": "order-1"}
    order = merchant.create(urls=urls, payeeInfo=payee)
    merchant.pay(page(order), PLAIN)
    told = listener.wait_for(1)[0]
    assert told.headers[":path"] == "/notifications?a=b"
    assert told.headers["content-type"] == "application/json"
    number = told.body.partition(b'"number": ')[2].partition(b"}")[0].decode()
    assert told.body.decode() == (
        '{"orderReference": "order-1", "paymentOrder": {"id": "'
        + order["paymentOrder"]["id"]
        + '", "instrument": "CreditCard", "number": '
        + number
        + "}}"
    )
    merchant.move(merchant.read(order), "capture", amount=100)
    listener.wait_for(2)


def test_callbacks_out_of_order(merchant: Merchant, listener: Listener) -> None:
    urls = merchant.order_body()["paymentorder"]["urls"] | {"callbackUrl": listener.url}
    first, second = (
        merchant.create(urls=urls, instrument="Vipps"),
        merchant.create(urls=urls, instrument="Vipps"),
    )
    merchant.sandbox.fault("notify", "swap")
    merchant.sandbox.http.post(page(first), data={"result": "approve"})
    merchant.sandbox.http.post(page(second), data={"result": "approve"})
    told = [one.body.decode() for one in listener.wait_for(2)]
    assert second["paymentOrder"]["id"] in told[0]
    assert first["paymentOrder"]["id"] in told[1]


def test_a_read_wants_its_version_too(merchant: Merchant) -> None:
    order = merchant.create()
    refused = merchant.call("GET", order["paymentOrder"]["id"], Accept="application/json")
    assert _problem(refused) == (415, "inputerror")
    spaced = merchant.call("GET", order["paymentOrder"]["id"], Accept=MEDIA.replace(";", "; "))
    assert spaced.status_code == 200
