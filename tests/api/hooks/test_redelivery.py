"""A merchant lists deliveries and sends them again: docs/webhooks.md."""

from __future__ import annotations

from tests.support.checkout import Merchant
from tests.support.hooks import (
    DELIVERIES,
    callback_to,
    deliver,
    events_of,
    until_quiet,
)
from tests.support.receiver import Receiver


async def test_redeliver(told: Merchant, shop: Receiver) -> None:
    shop.replies = [404]
    session_id = await told.ready(1000, await told.card(1000), url=callback_to(shop))
    await told.press_pay(session_id)
    await until_quiet(told)
    (one,) = (await told.get(f"{DELIVERIES}?state=failed"))["deliveries"]
    again = await told.post(f"{DELIVERIES}/{one['id']}/redeliver")
    assert (again["id"], again["state"]) == (one["id"], "pending")
    await deliver(told)
    assert [got.query["transaction_id"] for got in shop.got] == [one["subject"]] * 2
    assert (await events_of(told, session_id)).count("AUTH_CALLBACK_SENT") == 1
    # A delivered message can also be sent again, with all its attempts.
    await told.post(f"{DELIVERIES}/{one['id']}/redeliver")
    shop.replies = [500] * 19
    await until_quiet(told)
    whole = await told.get(f"{DELIVERIES}/{one['id']}")
    assert (whole["state"], whole["tries_count"]) == ("delivered", 22)
    assert (await events_of(told, session_id)).count("AUTH_CALLBACK_SENT") == 1
    await told.post(f"{DELIVERIES}/nothing/redeliver", expect=404)


async def test_deliveries_page_and_filter(told: Merchant, shop: Receiver) -> None:
    sessions = []
    for _ in range(3):
        sessions.append(await told.ready(1000, await told.card(1000), url=callback_to(shop)))
        await told.press_pay(sessions[-1])
    seen, cursor = [], ""
    for _ in range(2):
        page = await told.get(f"{DELIVERIES}?limit=2{cursor}")
        seen += [one["session_id"] for one in page["deliveries"]]
        cursor = f"&starting_after={page.get('starting_after')}"
    assert seen == sessions[::-1]
    assert "starting_after" not in page
    assert (await told.get(f"{DELIVERIES}?kind=webhook"))["deliveries"] == []
    for wrong in ("state=lost", "kind=fax", "limit=0", "starting_after=x"):
        await told.get(f"{DELIVERIES}?{wrong}", expect=400)
