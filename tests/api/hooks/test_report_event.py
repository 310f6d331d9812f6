"""A callback that asks for CAPTURE, REFUND and VOID hears of all of them, whatever the shop answers
at first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.outbox.deliver import deliver_due
from tests.api.test_swedbankpay import SWISH, Payer, SwedbankPaySandbox, _provider, provider
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant
from tests.support.hooks import DELIVERIES, callback_to, deliver, until_quiet
from tests.support.receiver import Receiver

__all__ = ["_provider", "provider"]

PLUGIN = (
    "?delay_callback=120&report_error=true&sid_parameter_name=sid"
    "&report_event=CAPTURE&report_event=REFUND&report_event=VOID"
)
"""As the most used plugin writes it."""
ALL = [None, "CAPTURE", "REFUND"]


def told_of(shop: Receiver) -> list[str | None]:
    return [got.query.get("event") for got in shop.got]


async def captured_and_refunded(told: Merchant, path: str) -> None:
    await told.post(f"{path}/capture", {"amount": 40000})
    await told.post(f"{path}/refund", {"amount": 40000})


@pytest.mark.parametrize(
    "query",
    [
        PLUGIN,
        "?report_event=capture&report_event=Refund&report_event=void&report_error=1",
        "?report_event=CAPTURE,REFUND,VOID&report_error=True",
        "?report_event[]=CAPTURE&report_event[]=REFUND&report_event[]=VOID&report_error=true",
        "?report_event%5B0%5D=CAPTURE&report_event%5B1%5D=REFUND&report_event%5B2%5D=VOID"
        "&report_error=TRUE",
        "?order=1&amp;report_event=CAPTURE&amp;report_event=REFUND&amp;report_event=VOID"
        "&amp;report_error=true",
    ],
)
async def test_each_event_is_told(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver, query: str
) -> None:
    first = await told.paid(card_gateway, url=callback_to(shop, query))
    await captured_and_refunded(told, f"/v1/transactions/{first}")
    await until_quiet(told)
    assert told_of(shop) == ALL
    events = (await told.transaction(first))["events"]
    assert [got.query.get("event_id") for got in shop.got] == [
        None,
        *(one["id"] for one in events if one["event"] in ("CAPTURE", "REFUND")),
    ]
    shop.got.clear()
    second = await told.paid(card_gateway, url=callback_to(shop, query))
    await told.post(f"/v1/transactions/{second}/void")
    third = await told.paid(card_gateway, url=callback_to(shop, query))
    session_id = (await told.transaction(third))["session_id"]
    await told.post(f"/v1/sessions/{session_id}/cancel")
    await until_quiet(told)
    of_second = [g for g in shop.got if g.query.get("transaction_id") == second]
    of_third = [g for g in shop.got if g.query.get("transaction_id") == third]
    ended = [g for g in shop.got if g.query.get("error") == "cancelled"]
    assert [got.query.get("event") for got in of_second] == [None, "VOID"]
    assert [got.query.get("event") for got in of_third] == [None, "VOID"]
    assert len(ended) == 1 and len(shop.got) == 5
    await told.audit()


@pytest.mark.parametrize("method", ["", "&method=POST"])
async def test_a_shop_without_its_order_at_first_ends_informed(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver, method: str
) -> None:
    """The shop answers each callback with 500 until its order exists, and then with 200."""
    transaction_id = await told.paid(card_gateway, url=callback_to(shop, PLUGIN + method))
    await captured_and_refunded(told, f"/v1/transactions/{transaction_id}")
    shop.replies = [500] * 8
    sent = await until_quiet(told)
    assert sent == 8 + 3
    first, last = shop.got[:3], shop.got[-3:]
    assert [got.query.get("event") for got in first] == ALL
    assert sorted(str(got.query.get("event")) for got in last) == ["CAPTURE", "None", "REFUND"]
    found = (await told.get(f"{DELIVERIES}?subject={transaction_id}"))["deliveries"]
    assert [one["state"] for one in found] == ["delivered"] * 3
    if method:
        assert all(got.json["id"] == transaction_id for got in shop.got)
    await told.audit()


async def test_the_delay_is_counted_from_the_authorization(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    """The delay gives the shop time to create its order. A later capture needs no such delay."""
    transaction_id = await told.paid(card_gateway, url=callback_to(shop, PLUGIN))
    path = f"/v1/transactions/{transaction_id}"
    await told.post(f"{path}/capture", {"amount": 10000})
    assert await deliver(told) == 0
    told.clock.ahead += timedelta(seconds=61)
    assert await deliver(told) == 2
    await told.post(f"{path}/capture", {"amount": 30000})
    await told.post(f"{path}/refund", {"amount": 40000})
    assert await deliver(told) == 2
    assert told_of(shop) == [None, "CAPTURE", "CAPTURE", "REFUND"]
    await told.audit()


async def test_what_happens_with_the_authorization_is_told_after_it(
    merchant: Merchant, provider: SwedbankPaySandbox, shop: Receiver
) -> None:
    """Swish takes the money at once, so both callbacks are written at the same moment."""
    payer = Payer(merchant, provider)
    url = callback_to(shop, "?report_event=CAPTURE")
    await merchant.come_back(provider.by_swish(await payer.begin(SWISH, url=url)))
    assert await deliver_due(merchant.ctx) == 1
    assert told_of(shop) == [None]
    assert await deliver_due(merchant.ctx) == 1
    assert told_of(shop) == [None, "CAPTURE"]
    await merchant.audit()


async def test_what_is_not_asked_for_is_not_told(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    for query in ("", "?report_event=", "?report_event=SETTLEMENT&xreport_event=CAPTURE"):
        transaction_id = await told.paid(card_gateway, url=callback_to(shop, query))
        await captured_and_refunded(told, f"/v1/transactions/{transaction_id}")
    await until_quiet(told)
    assert told_of(shop) == [None] * 3
