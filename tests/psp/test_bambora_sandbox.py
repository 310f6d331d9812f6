"""A merchant's own code and a browser without scripts use Bambora's sandbox."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.bambora import (
    APPROVED,
    CHALLENGE,
    DECLINED,
    INSUFFICIENT,
    Merchant,
    pay,
)
from tests.support.sandbox import Sandbox


@pytest.fixture
def sandbox(sandboxes: Callable[[str], Sandbox]) -> Sandbox:
    return sandboxes("bambora")


@pytest.fixture
def merchant(sandbox: Sandbox) -> Merchant:
    return Merchant(sandbox)


# --- the services --------------------------------------------------------------------------------


def test_keys(merchant: Merchant, sandbox: Sandbox) -> None:
    number = merchant.key["merchant_number"]
    path = f"{sandbox.base_url}/checkout-api/paymentrequests/x"
    for auth in (
        None,
        (f"wrong@{number}", merchant.key["secret_token"]),
        (merchant.auth[0], "wrong"),
        (number, merchant.key["secret_token"]),
        ("access@T000", "secret"),
    ):
        answer = sandbox.http.get(path, auth=auth)
        assert (answer.status_code, answer.json()["meta"]["result"]) == (401, False)
    answer = sandbox.http.post(
        f"{sandbox.base_url}/_admin/merchants", json=merchant.key | {"merchant_number": "P123"}
    )
    assert answer.status_code == 400  # the sandbox knows no production numbers


def test_merchants_do_not_see_each_other(merchant: Merchant, sandbox: Sandbox) -> None:
    request, transaction = merchant.request(), merchant.paid()
    other = Merchant(sandbox)
    other.refused("GET", f"/checkout-api/paymentrequests/{request['id']}")
    other.refused("DELETE", f"/checkout-api/paymentrequests/{request['id']}")
    other.refused("GET", f"/merchant-api/transactions/{transaction}")
    body = {"amount": 100, "currency": "NOK"}
    other.refused("POST", f"/transaction-api/transactions/{transaction}/capture", body)
    assert merchant.transaction(transaction)["total"]["captured"] == 0
    assert other.done("GET", "/checkout-api/paymentrequests/")["paymentrequests"] == []


@pytest.mark.parametrize("path", ["sessions", "checkout"])
def test_the_two_older_ways_in(merchant: Merchant, sandbox: Sandbox, path: str) -> None:
    """An amount comes as a number or as text, and each form has its own names."""
    body: dict[str, Any] = merchant.parameters("19500")
    if path == "checkout":
        body["order"]["total"] = body["order"].pop("amount")
        body["language"] = "nb-NO"
    else:
        body["url"]["cancel"] = body["url"].pop("decline")
    made = merchant.done("POST", f"/checkout-api/{path}", body)
    assert made["url"] == f"{sandbox.base_url}/{made['token']}"
    assert "195" in sandbox.http.get(made["url"]).text
    # Nobody can read or withdraw a session.
    merchant.refused("GET", f"/checkout-api/paymentrequests/{made['token']}")
    back = pay(sandbox, made["url"]).headers["location"]
    said = dict(parse_qsl(urlsplit(back).query))
    assert merchant.transaction(said["txnid"])["total"]["authorized"] == 19500


@pytest.mark.parametrize(
    "wrong",
    [
        {"order": None},
        {"order": {"id": "1", "amount": 100, "currency": "kr"}},
        {"order": {"id": "1", "amount": 0, "currency": "NOK"}},
        {"order": {"id": "1", "amount": 1.5, "currency": "NOK"}},
        {"order": {"id": "a-b", "amount": 100, "currency": "NOK"}},
        {"order": {"id": "x" * 21, "amount": 100, "currency": "NOK"}},
        {"url": {"accept": "javascript:alert(1)", "decline": "https://a.example"}},
        {"url": {"accept": "https://a.example"}},
        {"paymentwindow": {"paymentmethods": [{"id": "cash", "action": "include"}]}},
    ],
)
def test_what_is_not_valid_is_refused(merchant: Merchant, wrong: dict[str, Any]) -> None:
    body = {"parameters": merchant.parameters() | wrong}
    assert "not valid" in merchant.refused("POST", "/checkout-api/paymentrequests", body)


def test_sums_and_operations_are_kept_true(merchant: Merchant) -> None:
    number = merchant.paid()
    assert re.fullmatch(r"[1-9][0-9]{17}", number)
    change = f"/transaction-api/transactions/{number}"
    found = merchant.transaction(number)
    assert (found["candelete"], found["available"]) == (True, {"capture": 30000, "credit": 0})
    money = {"currency": "NOK"}
    for body in ({"amount": 30001, **money}, {"amount": 0, **money}, {"amount": 100}):
        merchant.refused("POST", f"{change}/capture", body)
    merchant.refused("POST", f"{change}/credit", {"amount": 1, **money})
    made = merchant.done("POST", f"{change}/capture", {"amount": 20000, **money})
    merchant.refused("POST", f"{change}/capture", {"amount": 10000, **money})
    merchant.refused("POST", f"{change}/delete", {})
    merchant.done("POST", f"{change}/credit", {"amount": 5000, **money})
    merchant.refused("POST", f"{change}/credit", {"amount": 15001, **money})
    found = merchant.transaction(number)
    assert found["available"] == {"capture": 0, "credit": 15000}
    assert found["candelete"] is False
    assert found["total"] == {
        "authorized": 30000,
        "balance": 15000,
        "captured": 20000,
        "credited": 5000,
        "declined": 0,
        "feeamount": 0,
    }
    path = f"/merchant-api/transactions/{number}/transactionoperations"
    (root,) = merchant.done("GET", path)["transactionoperations"]
    assert (root["action"], root["status"], root["amount"]) == ("Authorize", "approved", 30000)
    below = root["transactionoperations"]
    assert [(one["action"], one["subaction"], one["amount"]) for one in below] == [
        ("Capture", "partly", 20000),
        ("Credit", "partly", 5000),
    ]
    assert made["transactionoperations"] == [{"id": below[0]["id"]}]
    assert {one["parenttransactionoperationid"] for one in below} == {root["id"]}


def test_a_deleted_authorization_is_seen_among_the_declined(merchant: Merchant) -> None:
    number = merchant.paid()
    merchant.done("POST", f"/transaction-api/transactions/{number}/delete")
    found = merchant.transaction(number)
    assert (found["candelete"], found["available"]["capture"]) == (False, 0)
    assert (found["total"]["declined"], found["status"]) == (30000, "declined")
    merchant.refused("POST", f"/transaction-api/transactions/{number}/delete")


def test_captured_at_once(merchant: Merchant) -> None:
    found = merchant.transaction(merchant.paid(instantcaptureamount=30000))
    assert (found["total"]["captured"], found["available"]["credit"]) == (30000, 30000)


def test_what_a_response_code_says(merchant: Merchant) -> None:
    found = merchant.done("GET", "/data-api/responsecodes/sandbox/insufficient_funds")
    assert found["responsecode"]["merchantlabel"] == "Insufficient funds"


def test_no_such_thing(merchant: Merchant, sandbox: Sandbox) -> None:
    assert merchant.call("GET", "/merchant-api/nothing").status_code == 404
    merchant.refused("GET", "/merchant-api/transactions/1")
    page = sandbox.http.get(f"{sandbox.base_url}/nothing")
    assert (page.status_code, "This page does not exist" in page.text) == (404, True)


# --- the window ----------------------------------------------------------------------------------


def test_the_page(merchant: Merchant, sandbox: Sandbox) -> None:
    answer = sandbox.http.get(merchant.request()["url"])
    page = answer.text
    assert "Sandbox: no real money moves." in page
    assert "&lt;b&gt;Order&lt;/b&gt; &amp; more" in page
    assert "NOK\N{NO-BREAK SPACE}300.00" in page
    assert 'href="http://127.0.0.1:9/cancel?a=1&amp;b=2"' in page
    assert "<script" not in page
    assert set(re.findall(r'(?:src|<link[^>]* href)="([^"]+)"', page)) == {"data:,", "/c/page.css"}
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (DECLINED, "Your card was declined."),
        (INSUFFICIENT, "There is not enough money on this card."),
        ("4111 1111 1111 1111", "This is not a test card."),
    ],
)
def test_declined(merchant: Merchant, sandbox: Sandbox, number: str, message: str) -> None:
    request = merchant.request()
    assert pay(sandbox, request["url"], number).status_code == 303
    page = sandbox.http.get(request["url"]).text
    assert message in page
    assert number.replace(" ", "") not in page.split('class="cards"')[0]
    found = merchant.read(request)
    assert found["status"] == "open"
    tried = merchant.transaction(found["transactions"][0]["id"])
    assert (tried["total"]["authorized"], tried["total"]["declined"]) == (0, 30000)
    assert pay(sandbox, request["url"]).headers["location"].startswith("http://127.0.0.1:9/accept")


def test_wrong_fields_and_a_card_chosen(merchant: Merchant, sandbox: Sandbox) -> None:
    request = merchant.request()
    answer = pay(sandbox, request["url"], "4002 7700 0000 0001", cvc="1")
    assert answer.status_code == 200
    assert 'aria-describedby="card-number-error' in answer.text
    assert merchant.read(request)["transactions"] == []
    chosen = sandbox.http.get(f"{request['url']}?card=4002770000000024").text
    assert 'value="4002 7700 0000 0024"' in chosen


def test_sent_twice_at_once(merchant: Merchant, sandbox: Sandbox) -> None:
    request = merchant.request()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: pay(sandbox, request["url"]), range(8)))
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(merchant.read(request)["transactions"]) == 1
    done = sandbox.http.get(request["url"]).text
    assert "You are all done here" in done


def test_a_challenge_is_asked_once(merchant: Merchant, sandbox: Sandbox) -> None:
    request = merchant.request()
    url = request["url"]
    pay(sandbox, url, CHALLENGE)
    assert sandbox.http.get(url).headers["location"].endswith("/challenge")
    assert "0016" in sandbox.http.get(f"{url}/challenge").text
    assert pay(sandbox, url, APPROVED).headers["location"].endswith("/challenge")
    first = sandbox.http.post(f"{url}/challenge", data={"result": "complete"})
    second = sandbox.http.post(f"{url}/challenge", data={"result": "fail"})
    assert first.headers["location"] == second.headers["location"]
    assert len(merchant.read(request)["transactions"]) == 1


def test_withdrawn(merchant: Merchant, sandbox: Sandbox) -> None:
    request = merchant.request()
    pay(sandbox, request["url"], CHALLENGE)
    path = f"/checkout-api/paymentrequests/{request['id']}"
    merchant.done("DELETE", path)
    merchant.refused("DELETE", path)
    for url in (request["url"], f"{request['url']}/challenge"):
        sandbox.http.post(url, data={"result": "complete"})
    assert (merchant.read(request)["status"], merchant.read(request)["transactions"]) == (
        "deleted",
        [],
    )
    assert "This page has expired" in sandbox.http.get(request["url"]).text


def test_the_language_of_the_window(merchant: Merchant, sandbox: Sandbox) -> None:
    request = merchant.request(paymentwindow={"language": "nb-NO"})
    page = sandbox.http.get(request["url"], headers={"accept-language": "en"}).text
    assert '<html lang="nb">' in page
    assert "Sandkasse: ingen ekte penger flyttes." in page
