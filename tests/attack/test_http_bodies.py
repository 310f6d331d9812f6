"""Hostile bodies are too large or too deep, hold unreadable numbers or unknown names, or arrive
again and again. Their sender has only a session's id."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.support.served import Served

_ADDRESS = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Storgata 1",
    "postal_code": "0155", "postal_place": "Oslo", "country": "NO",
    "email": "kari@example.com", "phone_number": "+4799887766",
}  # fmt: skip
_UNKNOWN = {"x": "y" * 1000, "deep": {"er": [{"and": "deeper"}] * 50}, "operations": [1, 2, 3]}


@pytest.fixture
def session_id(served: Served) -> str:
    return served.session()


def _put(served: Served, session_id: str, what: str, body: Any) -> httpx.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"{served.base_url}/v1/view/{session_id}/session/order/{what}"
    return httpx.put(url, content=raw, timeout=60)


def _whole(served: Served, session_id: str) -> bytes:
    """Return everything that the merchant can read about the session."""
    answer = served.http.get(f"/v1/sessions/{session_id}?includes=events.request_headers")
    assert answer.status_code == 200
    return answer.content


def test_unknown_fields_of_a_payer_are_stored_nowhere(served: Served, session_id: str) -> None:
    before = len(_whole(served, session_id))
    for body in (
        {"shipping_address": _ADDRESS | _UNKNOWN},
        {"shipping_address": _ADDRESS | _UNKNOWN, "billing_address": _ADDRESS | _UNKNOWN},
        {"shipping_address": _ADDRESS, **_UNKNOWN},
    ):
        answer = _put(served, session_id, "addresses", body)
        assert answer.status_code == 200, answer.text
        assert "deeper" not in answer.text
    assert _put(served, session_id, "shipping_address", _ADDRESS | _UNKNOWN).status_code == 200
    after = _whole(served, session_id)
    assert b"deeper" not in after and b"yyyy" not in after
    assert len(after) - before < 6000


def test_known_fields_of_an_address_are_kept(served: Served, session_id: str) -> None:
    more = {
        "co_address": "c/o Ola",
        "business_name": "Fjord AS",
        "comment": "Ring twice",
        "organization_number": "999888777",
        "cost_center": "7",
        "latitude": 59.9,
    }
    answer = _put(served, session_id, "shipping_address", _ADDRESS | more)
    assert answer.status_code == 200
    kept = answer.json()["order"]["shipping_address"]
    assert {name: kept[name] for name in more} == more


@pytest.mark.parametrize(
    "field", ["first_name", "address_line_2", "comment", "co_address", "cost_center", "email"]
)
def test_a_field_has_a_length(served: Served, session_id: str, field: str) -> None:
    before = _whole(served, session_id)
    answer = _put(served, session_id, "shipping_address", _ADDRESS | {field: "a" * 2000})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["errors"][0]["field"]
    assert "aaaa" not in answer.text
    assert _whole(served, session_id) == before


def test_a_payers_body_is_at_most_256_kb(served: Served, session_id: str) -> None:
    inside = {"shipping_address": _ADDRESS, "x": "y" * 250_000}
    assert _put(served, session_id, "addresses", inside).status_code == 200
    before = _whole(served, session_id)
    for size in (262_144, 500_000):
        answer = _put(served, session_id, "addresses", inside | {"x": "y" * size})
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "TOO_LARGE"
    assert _whole(served, session_id) == before


def test_a_session_that_is_changed_again_and_again_stays_small(
    served: Served, session_id: str
) -> None:
    """Every saved address becomes a permanent event, and the merchant reads all of them."""
    refused = None
    with httpx.Client(base_url=served.base_url, timeout=60) as payer:
        for number in range(150):
            wanted = _ADDRESS | {"comment": f"{number} " + "ø" * 1000}
            path = f"/v1/view/{session_id}/session/order/shipping_address"
            answer = payer.put(path, json=wanted)
            if answer.status_code != 200:
                refused = answer
                break
    assert refused is not None and refused.status_code == 429
    assert number == 100
    assert refused.json()["error"]["code"] == "TOO_MANY_REQUESTS"
    whole = served.http.get(f"/v1/sessions/{session_id}").json()
    names = [event["name"] for event in whole["events"]]
    assert names.count("SET_SHIPPING_ADDRESS") == 100
    assert len(json.dumps(whole, ensure_ascii=False)) < 200_000
    # The payer can still read the session, and without the events.
    view = httpx.get(f"{served.base_url}/v1/view/{session_id}/session")
    assert view.status_code == 200 and len(view.content) < 20_000


def test_a_merchants_updates_do_not_pile_up(served: Served, session_id: str) -> None:
    """The contract keeps unknown fields, and a limit applies to their total size."""
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    answers = [
        served.http.put(path, json={"order": {f"x{number}": "y" * 100_000}}) for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400]
    assert answers[-1].json()["error"]["message"] == (
        "the session is too large: at most 262144 characters of JSON"
    )
    # The change is in the session itself. An event that would repeat it says so instead.
    assert len(_whole(served, session_id)) < 300_000


def test_a_profile_does_not_grow_without_end(served: Served) -> None:
    path = "/v1/admin/session/profiles"
    made = served.http.post(path, json={"profile_id": "growing", "configuration": {}})
    assert made.status_code == 200, made.text
    answers = [
        served.http.put(f"{path}/growing", json={f"x{number}": "y" * 100_000})
        for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400]
    assert answers[-1].json()["error"]["message"] == (
        "the profile is too large: at most 262144 characters of JSON"
    )
    assert len(served.http.get(f"{path}/growing").content) < 210_000


_BODIES: dict[str, bytes] = {
    "a number of 10^5 digits": b'{"token": "1", "pin": "1", "amount": ' + b"1" * 100_000 + b"}",
    "a number of 4,000 digits": b'{"token": "1", "pin": "1", "amount": ' + b"1" * 4000 + b"}",
    "1e400": b'{"token": "1", "pin": "1", "amount": 1e400}',
    "-1e400": b'{"token": "1", "pin": "1", "amount": -1e400}',
    "1e308": b'{"token": "1", "pin": "1", "amount": 1e308}',
    "2^63": b'{"token": "1", "pin": "1", "amount": 9223372036854775808}',
    "an unknown number of 4,000 digits": b'{"amount": 1, "x": ' + b"9" * 4000 + b"}",
    "NaN": b'{"token": "1", "pin": "1", "amount": NaN}',
    "Infinity": b'{"token": "1", "pin": "1", "amount": Infinity}',
    "a fraction": b'{"token": "1", "pin": "1", "amount": 1.5}',
    "a number in quotes": b'{"token": "1", "pin": "1", "amount": "1"}',
    "true": b'{"token": "1", "pin": "1", "amount": true}',
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "100,000 deep objects": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "33 deep": b'{"token": "1", "pin": "1", "x": ' + b"[" * 33 + b"]" * 33 + b"}",
    "a name twice": b'{"token": "1", "token": "2", "pin": "1"}',
    "a name twice, deep": b'{"token": "1", "pin": "1", "x": [{"a": 1, "a": 2}]}',
    "half of a pair": b'{"token": "\\ud800", "pin": "1"}',
    "half of a pair as a name": b'{"token": "1", "pin": "1", "\\udfff": 1}',
    "NUL": b'{"token": "\\u0000", "pin": "1"}',
    "no UTF-8": b'{"token": "\xff\xfe", "pin": "1"}',
    "UTF-16": '{"token": "\u0000", "pin": "1"}'.encode("utf-16"),
    "nothing": b"",
    "half of it": b'{"token": "1", "pin":',
    "a list": b"[]",
    "a form": b"token=1&pin=1",
    "a multipart form": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 2000,
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "comments": b'{"token": "1", /* no JSON */ "pin": "1"}',
    "a token of 256": b'{"token": "' + b"1" * 256 + b'", "pin": "1"}',
    "a PIN of 65": b'{"token": "1", "pin": "' + b"1" * 65 + b'"}',
}


@pytest.mark.parametrize("name", _BODIES)
def test_a_body_that_is_no_good_is_told_so(served: Served, session_id: str, name: str) -> None:
    before = _whole(served, session_id)
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        url = f"{served.base_url}/v1/view/{session_id}/session/order/gift_card"
        headers = {"content-type": kind}
        answer = httpx.put(url, content=_BODIES[name], headers=headers, timeout=60)
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"error"}
        assert len(answer.content) < 2000
    assert _whole(served, session_id) == before
    assert "Traceback" not in served.told()


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("discount_codes", {"discount_codes": ["a"] * 11}),
        ("discount_codes", {"discount_codes": ["a" * 65]}),
        ("discount_codes", {"discount_codes": "a"}),
        ("shipping_option", {"id": "a" * 256}),
        ("shipping_option", {"id": ["a"]}),
        ("gift_card", {"amount": 10**12 + 1}),
        ("gift_card", {"token": "1", "pin": "1", "take_back": "perhaps"}),
        ("addresses", {"shipping_address": [_ADDRESS]}),
        ("addresses", {"shipping_address": _ADDRESS | {"latitude": 1e300}}),
    ],
)
def test_lists_and_texts_have_bounds(
    served: Served, session_id: str, what: str, body: dict[str, Any]
) -> None:
    before = _whole(served, session_id)
    answer = _put(served, session_id, what, body)
    assert answer.status_code == 400, answer.text
    assert _whole(served, session_id) == before


def test_pay_takes_no_more_than_it_knows(served: Served, session_id: str) -> None:
    url = f"{served.base_url}/v1/sessions/{session_id}/pay"
    known = {"payment_product_type": "x"}
    for body in (
        {"payment_product_type": "a" * 256},
        {"payment_product_type": ["x"]},
        known | {"amount": 1e300},
        known | {"amount": 10**13},
        known | {"phone_number": "1" * 256},
    ):
        answer = httpx.post(url, json=body)
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("query", ["language=" + "a" * 21, "language=%00", "language=%ff" * 6])
def test_a_query_has_bounds(served: Served, session_id: str, query: str) -> None:
    url = f"{served.base_url}/v1/sessions/{session_id}/pay?{query}"
    answer = httpx.post(url, json={"payment_product_type": "dintero_psp.creditcard"})
    assert answer.status_code == 400
