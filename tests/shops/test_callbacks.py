"""A callback that asks for CAPTURE, REFUND and VOID hears of each of them, whatever caused it, and
however long the shop has answered 500 because its order did not exist yet."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from backend.payments.operations.auto_capture import capture_due
from tests.support.plugin import CONTACT, HOME, PROFILE, Plugin

EVENTS = "report_event=CAPTURE&report_event=REFUND&report_event=VOID"
ITEM = {"id": "1", "line_id": "1", "description": "Ullpledd", "quantity": 1, "amount": 40000}


@pytest.fixture
async def asking(plugin: Plugin) -> Plugin:
    await plugin.signs_in()
    return plugin


async def made(asking: Plugin, query: str = EVENTS, **more: Any) -> str:
    return await asking.creates(
        {
            "url": {
                "return_url": "https://shop.example/takk",
                "callback_url": f"{asking.server.url}/wc-api/dintero_callback/?{query}",
            },
            "order": {
                "amount": 40000,
                "currency": "NOK",
                "merchant_reference": "1742",
                "items": [ITEM],
                "shipping_address": HOME,
            },
            "customer": CONTACT,
            "profile_id": PROFILE,
            **more,
        }
    )


async def paid(asking: Plugin, query: str = EVENTS, **more: Any) -> str:
    session_id = await made(asking, query, **more)
    return (await asking.payer_pays(session_id, 40000))["transaction_id"]


async def does(asking: Plugin, transaction_id: str, verb: str, amount: int = 0) -> None:
    body = {"amount": amount} if amount else None
    await asking.asks("POST", f"transactions/{transaction_id}/{verb}", body)


@pytest.mark.parametrize("refusals", [1, 5, 12])
async def test_a_shop_whose_order_comes_late_ends_informed(asking: Plugin, refusals: int) -> None:
    """The shop answers 500 to everything until it has its order; meanwhile somebody works on the
    payment elsewhere. In the end it has taken each event, once."""
    asking.server.replies = [500] * refusals
    transaction_id = await paid(asking)
    await does(asking, transaction_id, "capture", 40000)
    await does(asking, transaction_id, "refund", 5000)
    queries = [got.query for got in (await asking.hears())[refusals:]]
    assert sorted(query.get("event", "") for query in queries) == ["", "CAPTURE", "REFUND"]
    assert {query["transaction_id"] for query in queries} == {transaction_id}
    assert {query["merchant_reference"] for query in queries} == {"1742"}


@pytest.mark.parametrize("refusals", [1, 5, 12])
async def test_a_void_before_the_order_exists(asking: Plugin, refusals: int) -> None:
    asking.server.replies = [500] * refusals
    transaction_id = await paid(asking)
    await does(asking, transaction_id, "void")
    taken = [got.query.get("event", "") for got in (await asking.hears())[refusals:]]
    assert sorted(taken) == ["", "VOID"]


async def test_a_shop_that_fails_in_between(asking: Plugin) -> None:
    """This also holds for a shop that hangs up without an answer."""
    transaction_id = await paid(asking)
    replies = [200, 500, None, 200, 503, 200]
    asking.server.replies = list(replies)
    await does(asking, transaction_id, "capture", 40000)
    await does(asking, transaction_id, "refund", 10000)
    heard = [got.query.get("event", "") for got in await asking.hears()]
    assert len(heard) == len(replies)
    taken = [event for event, reply in zip(heard, replies, strict=True) if reply == 200]
    assert sorted(taken) == ["", "CAPTURE", "REFUND"]


async def test_each_of_several_parts_is_told(asking: Plugin) -> None:
    transaction_id = await paid(asking)
    for verb, amount in (
        ("capture", 10000),
        ("capture", 10000),
        ("refund", 5000),
        ("capture", 20000),
        ("refund", 5000),
        ("refund", 30000),
    ):
        await does(asking, transaction_id, verb, amount)
    assert await asking.confirmed_callbacks() == [
        "",
        "CAPTURE",
        "CAPTURE",
        "REFUND",
        "CAPTURE",
        "REFUND",
        "REFUND",
    ]


async def test_a_capture_that_we_do_by_ourselves(asking: Plugin) -> None:
    """With `auto_capture` nobody asks for the capture, and the shop hears of it all the same."""
    every = {"active_payment_types": {"enabled": True}}
    transaction_id = await paid(asking, configuration={**every, "auto_capture": True})
    assert await capture_due(asking.merchant.ctx) == 1
    heard = await asking.confirmed_callbacks()
    read = await asking.asks("GET", f"transactions/{transaction_id}")
    assert read["status"] == "CAPTURED"
    assert heard == ["", "CAPTURE"]


async def test_a_session_that_is_cancelled_after_it_was_paid(asking: Plugin) -> None:
    """The cancel voids the payment, and the shop hears of the void."""
    session_id = await made(asking)
    back = await asking.payer_pays(session_id, 40000)
    await asking.asks("POST", f"sessions/{session_id}/cancel")
    read = await asking.asks("GET", f"transactions/{back['transaction_id']}")
    assert read["status"] == "AUTHORIZATION_VOIDED"
    assert await asking.confirmed_callbacks() == ["", "VOID"]


@pytest.mark.parametrize(
    ("query", "heard"),
    [
        ("report_event=CAPTURE", ["", "CAPTURE"]),
        ("report_event=refund&report_event=capture", ["", "CAPTURE", "REFUND"]),
        ("report_event=CAPTURE,REFUND", ["", "CAPTURE", "REFUND"]),
        ("report_event[]=CAPTURE&report_event[]=REFUND", ["", "CAPTURE", "REFUND"]),
        ("report_event%5B0%5D=CAPTURE&report_event%5B1%5D=REFUND", ["", "CAPTURE", "REFUND"]),
        ("report_event=CAPTURE+&report_event=%20REFUND", ["", "CAPTURE", "REFUND"]),
        ("report_event=&report_event=VOID", [""]),
        ("x=1", [""]),
    ],
)
async def test_the_forms_of_a_list(asking: Plugin, query: str, heard: list[str]) -> None:
    """Libraries write a list into a query in several ways, and the shop gets its address back."""
    transaction_id = await paid(asking, query)
    await does(asking, transaction_id, "capture", 40000)
    await does(asking, transaction_id, "refund", 5000)
    assert await asking.confirmed_callbacks() == heard
    own = parse_qsl(query, keep_blank_values=True)
    for got in asking.server.got:
        assert parse_qsl(urlsplit(got.target).query, keep_blank_values=True)[: len(own)] == own
