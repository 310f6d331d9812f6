"""The Vipps MobilePay sandbox keeps the rules of the reference, whoever calls it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.psp.vipps_provider import VippsProvider
from tests.support.sandbox import Listener, Sandbox
from tests.support.waiting import pause

PAYMENTS = "/epayment/v1/payments"


@pytest.fixture
def shop(
    sandboxes: Callable[[str], Sandbox], listener: Listener, http: httpx.AsyncClient
) -> Iterator[VippsProvider]:
    sandbox = sandboxes("vipps")
    yield VippsProvider(sandbox, listener, http)
    sandbox.reset()


def body(**changes: Any) -> dict[str, Any]:
    return {
        "amount": {"currency": "NOK", "value": 30000},
        "paymentMethod": {"type": "WALLET"},
        "reference": str(uuid.uuid4()),
        "userFlow": "WEB_REDIRECT",
        "returnUrl": "http://127.0.0.1:9/return",
        "paymentDescription": "Order 1",
    } | changes


def post(shop: VippsProvider, path: str, given: Any = None, key: str | None = None) -> Any:
    headers = shop.headers | {"Idempotency-Key": key or str(uuid.uuid4())}
    return shop.sandbox.http.post(shop.sandbox.base_url + path, json=given, headers=headers)


def made(shop: VippsProvider, **changes: Any) -> tuple[str, str]:
    """Create a payment and return its reference and address."""
    answer = post(shop, PAYMENTS, body(**changes))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    return told["reference"], told.get("redirectUrl", "")


def move(shop: VippsProvider, reference: str, verb: str, value: int, key: str = "") -> Any:
    amount = {"modificationAmount": {"currency": "NOK", "value": value}}
    return post(shop, f"{PAYMENTS}/{reference}/{verb}", amount, key or None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": None}, "amount"),
        ({"amount": {"currency": "NOK", "value": 99}}, "amount.value"),
        ({"amount": {"currency": "NOK", "value": "300"}}, "amount.value"),
        ({"amount": {"currency": "USD", "value": 300}}, "amount.currency"),
        ({"paymentMethod": {"type": "CARD"}}, "paymentMethod.type"),
        ({"reference": "short"}, "reference"),
        ({"reference": "T12345678.dots"}, "reference"),
        ({"reference": "x" * 51}, "reference"),
        ({"userFlow": "MAIL"}, "userFlow"),
        ({"userFlow": "PUSH_MESSAGE"}, "customer.phoneNumber"),
        ({"userFlow": "PUSH_MESSAGE", "customer": {"phoneNumber": "+4799887766"}},
         "customer.phoneNumber"),
        ({"returnUrl": None}, "returnUrl"),
        ({"paymentDescription": "ab"}, "paymentDescription"),
        ({"paymentDescription": "x" * 101}, "paymentDescription"),
        ({"expiresAt": datetime.now(UTC).isoformat()}, "expiresAt"),
        ({"expiresAt": (datetime.now(UTC) + timedelta(days=29)).isoformat()}, "expiresAt"),
    ],
)  # fmt: skip
def test_every_field_has_its_rule(shop: VippsProvider, changes: dict[str, Any], field: str) -> None:
    answer = post(shop, PAYMENTS, body(**changes))
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert [one["name"] for one in told["extraDetails"]] == [field]
    assert {"type", "title", "detail", "status", "instance", "traceId"} <= told.keys()


def test_a_key_has_one_answer_and_a_reference_one_payment(shop: VippsProvider) -> None:
    wanted = body()
    first = post(shop, PAYMENTS, wanted, "key-1")
    assert first.status_code == 201
    assert post(shop, PAYMENTS, wanted, "key-1").json() == first.json()
    assert post(shop, PAYMENTS, wanted, "key-2").status_code == 409
    assert post(shop, PAYMENTS, body(), "key-1").status_code == 409
    for key in ("", "x" * 51):
        headers = shop.headers | ({"Idempotency-Key": key} if key else {})
        url = shop.sandbox.base_url + PAYMENTS
        assert shop.sandbox.http.post(url, json=body(), headers=headers).status_code == 400


def test_who_calls(shop: VippsProvider) -> None:
    url = f"{shop.sandbox.base_url}{PAYMENTS}/some-reference"

    def ask(**changed: str) -> httpx.Response:
        return shop.sandbox.http.get(url, headers=shop.headers | changed)

    assert ask().status_code == 404
    assert ask(Authorization="Bearer no").json()["title"] == "Unauthorized"
    gateway = ask(**{"Ocp-Apim-Subscription-Key": "no"})
    assert (gateway.status_code, set(gateway.json())) == (401, {"statusCode", "message"})
    assert ask(**{"Merchant-Serial-Number": "9"}).status_code == 403


def test_the_sums_and_the_log(shop: VippsProvider) -> None:
    reference, url = made(shop)
    assert move(shop, reference, "capture", 100).json()["detail"] == (
        "Cannot capture before reservation"
    )
    shop.approve(url)
    assert move(shop, reference, "capture", 20000, "key-c").status_code == 200
    assert move(shop, reference, "capture", 20000, "key-c").status_code == 200
    assert move(shop, reference, "capture", 10001).status_code == 400
    assert move(shop, reference, "refund", 20001).status_code == 400
    assert move(shop, reference, "refund", 5000).status_code == 200
    answer = post(shop, f"{PAYMENTS}/{reference}/cancel").json()
    sums = {name: one["value"] for name, one in answer["aggregate"].items()}
    assert sums == {
        "authorizedAmount": 30000,
        "capturedAmount": 20000,
        "cancelledAmount": 10000,
        "refundedAmount": 5000,
    }
    assert answer["state"] == "AUTHORIZED"
    assert post(shop, f"{PAYMENTS}/{reference}/cancel").status_code == 400
    log = shop.sandbox.http.get(
        f"{shop.sandbox.base_url}{PAYMENTS}/{reference}/events", headers=shop.headers
    ).json()
    assert [one["name"] for one in log] == [
        "CREATED",
        "AUTHORIZED",
        "CAPTURED",
        "REFUNDED",
        "CANCELLED",
    ]
    assert log[2]["idempotencyKey"] == "key-c"


def test_cancelled_before_and_after_the_payers_yes(shop: VippsProvider) -> None:
    reference, url = made(shop)
    answer = post(shop, f"{PAYMENTS}/{reference}/cancel").json()
    assert (answer["state"], answer["aggregate"]["cancelledAmount"]["value"]) == (
        "TERMINATED",
        30000,
    )
    shop.approve(url)  # the form is still there and has no effect any more
    assert shop.payment(reference)["state"] == "TERMINATED"
    reference, url = made(shop)
    shop.approve(url)
    only = post(shop, f"{PAYMENTS}/{reference}/cancel", {"cancelTransactionOnly": True})
    assert only.status_code == 400
    assert shop.payment(reference)["aggregate"]["cancelledAmount"]["value"] == 0


def test_cancelled_while_the_payers_yes_is_on_its_way(shop: VippsProvider) -> None:
    """A payment that ended before its answer could be read stays ended."""
    reference, url = made(shop)

    def answer() -> Iterator[bytes]:
        yield b"result="
        pause(0.2, "the provider is to have begun to read")
        assert post(shop, f"{PAYMENTS}/{reference}/cancel").json()["state"] == "TERMINATED"
        yield b"approve"

    with httpx.Client() as browser:
        assert browser.post(url, content=answer()).status_code == 303
    assert shop.payment(reference)["state"] == "TERMINATED"


def test_forced_to_approve(shop: VippsProvider) -> None:
    pushed = {"userFlow": "PUSH_MESSAGE", "customer": {"phoneNumber": "4799887766"}}
    reference, url = made(shop, **pushed)
    assert url == ""
    path = f"/epayment/v1/test/payments/{reference}/approve"
    given = {"customer": {"phoneNumber": "4799887766"}}
    assert post(shop, path, given).status_code == 204
    assert shop.payment(reference)["state"] == "AUTHORIZED"
    assert post(shop, path, given).status_code == 400


def test_refused_pushes_are_on_record_too(shop: VippsProvider) -> None:
    wanted = body(userFlow="PUSH_MESSAGE", customer={"phoneNumber": "12"})
    assert post(shop, PAYMENTS, wanted).status_code == 400
    found = shop.sandbox.http.get(f"{shop.sandbox.base_url}/_admin/pushes").json()["pushes"]
    (one,) = [one for one in found if one["reference"] == wanted["reference"]]
    assert (one["phoneNumber"], one["state"]) == ("12", None)


def test_webhooks_are_https_and_list_no_secret(shop: VippsProvider) -> None:
    url = f"{shop.sandbox.base_url}/webhooks/v1/webhooks"
    events = ["epayments.payment.captured.v1"]

    def register(**given: Any) -> httpx.Response:
        return shop.sandbox.http.post(url, json=given, headers=shop.headers)

    assert register(url="http://shop.example/hook", events=events).status_code == 400
    assert register(url="https://shop.example/hook", events=["all"]).status_code == 400
    answer = register(url="https://shop.example/hook", events=events).json()
    assert set(answer) == {"id", "secret"}
    listed = shop.sandbox.http.get(url, headers=shop.headers).json()["webhooks"]
    assert {"id": answer["id"], "url": "https://shop.example/hook", "events": events} in listed
    gone = shop.sandbox.http.delete(f"{url}/{answer['id']}", headers=shop.headers)
    assert gone.status_code == 204


def test_later_events_wait_behind_one_that_was_turned_away(shop: VippsProvider) -> None:
    shop.sandbox.admin("settings", retry_gap=1)
    shop.listener.statuses = [503, 503]
    reference, url = made(shop)
    shop.approve(url)
    shop.listener.wait_for(1, b"AUTHORIZED")
    move(shop, reference, "capture", 10000)
    # The push belongs to another payment, so that one waits for nobody.
    other, other_url = made(shop)
    shop.decline(other_url)
    shop.listener.wait_for(1, b"ABORTED")
    shop.listener.wait_for(1, b"CAPTURED", seconds=10)
    mine = [one.body for one in shop.listener.received if reference.encode() in one.body]
    assert b"AUTHORIZED" in mine[-2]
    assert b"CAPTURED" in mine[-1]
    assert [b"CAPTURED" in one for one in mine].count(True) == 1
    assert len([one for one in shop.listener.received if other.encode() in one.body]) >= 1
