"""A provider reverses a refund, and the merchant hears of it as of every other change."""

from __future__ import annotations

from tests.api.test_refund_reversals import captured, time_passes, told_of_refund
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant
from tests.support.hooks import callback_to, deliver, subscribe
from tests.support.receiver import Receiver


async def test_the_merchant_hears_of_it(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    await subscribe(told, shop, ["checkout_transaction"])
    query = "?report_event=REFUND&method=POST"
    path = await captured(told, card_gateway, url=callback_to(shop, query))
    await told.post(f"{path}/refund", {"amount": 40000})
    await deliver(told)
    shop.got.clear()
    time_passes(card_gateway)
    await told_of_refund(told, path)
    await deliver(told)
    callback, hook = sorted(shop.got, key=lambda got: "event" in got.headers)
    body = callback.json
    assert (callback.query["event"], body["status"]) == ("REFUND", "CAPTURED")
    assert callback.query["event_id"] == body["events"][-1]["id"]
    assert body["events"][-1]["success"] is False
    assert hook.json["transaction"]["status"] == "CAPTURED"
