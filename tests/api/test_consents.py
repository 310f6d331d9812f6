"""A payer has to accept the consents before paying, by API as on the page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from backend.accounts.profiles import save_profile
from backend.core.errors import ConsentMissing
from backend.payments.attempts.start import Press, pay
from tests.api.paying import at_provider, holds, transactions_of
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import OPTION, WITHOUT_GIFT_CARDS, Merchant, profile, session_body

TERMS = {"id": "terms", "label": "I accept the terms", "required": True}
NEWS = {"id": "news", "label": "Send me news"}
ZERO = {
    "active_payment_types": {"enabled": True},
    "dintero": {"type": "payment_type", "zero": {"enabled": True}},
}


async def press(
    merchant: Merchant, session_id: str, boxes: Any = None, option: str = OPTION
) -> httpx.Response:
    body = {"payment_product_type": option} | ({} if boxes is None else {"checkboxes": boxes})
    return await merchant.api.post(f"/v1/sessions/{session_id}/pay", json=body)


NOT_ACCEPTED: list[Any] = [
    None,
    [],
    [{"id": "terms", "checked": False}],
    [{"id": "news", "checked": True}],
    [{"id": "Terms", "checked": True}],
]


async def test_nothing_is_begun_without_a_consent(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    session_id = await merchant.ready(40000, await merchant.card(), checkboxes=[TERMS, NEWS])
    operations = f"/v1/view/{session_id}/payments/{OPTION}"
    for boxes in NOT_ACCEPTED:
        by_list = await merchant.api.post(operations, json={"checkboxes": boxes or []})
        for refused in (await press(merchant, session_id, boxes), by_list):
            assert refused.status_code == 400, refused.text
            error = refused.json()["error"]
            assert error["code"] == "CONSENT_MISSING"
            [entry] = error["errors"]
            assert (entry["field"], entry["code"]) == ("checkboxes.terms", "required")
    assert (await merchant.api.post(operations)).json()["error"]["code"] == "CONSENT_MISSING"
    with pytest.raises(ConsentMissing):
        await pay(merchant.ctx, session_id, Press(OPTION, 30000, "nb"))
    assert await transactions_of(merchant, session_id) == []
    assert await holds(merchant) == []
    assert await at_provider(merchant, card_gateway) == []
    assert (await merchant.view(session_id)).state == "open"


@pytest.mark.parametrize("news", [True, False])
async def test_what_was_ticked_stands_in_the_transaction(
    merchant: Merchant, card_gateway: CardGatewaySandbox, news: bool
) -> None:
    session_id = await merchant.ready(checkboxes=[TERMS, {**NEWS, "checked": True}])
    boxes = [{"id": "terms", "checked": True}, {"id": "news", "checked": news}]
    started = await press(merchant, session_id, boxes)
    assert started.status_code == 200, started.text
    card_gateway.pay(started.json()["redirect_url"])
    [made] = await transactions_of(merchant, session_id)
    shown = await merchant.transaction(made.id)
    assert [(box["id"], box["checked"]) for box in shown["checkboxes"]] == [
        ("terms", True),
        ("news", news),
    ]
    # The session still shows what the shop asked for.
    session = await merchant.get(f"/v1/sessions/{session_id}")
    assert session["checkboxes"] == [TERMS, {**NEWS, "checked": True}]


async def test_a_box_that_the_shop_ticked_is_not_accepted_yet(merchant: Merchant) -> None:
    session_id = await merchant.ready(checkboxes=[{**TERMS, "checked": True}])
    refused = await press(merchant, session_id)
    assert refused.json()["error"]["code"] == "CONSENT_MISSING"


async def test_the_profiles_consents_count(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    setup = profile(card_gateway.base_url, "sk_test_consents", checkboxes=(TERMS,))
    await save_profile(merchant.ctx, setup)
    session_id = await merchant.ready()
    assert (await press(merchant, session_id)).status_code == 400
    assert (
        await press(merchant, session_id, [{"id": "terms", "checked": True}])
    ).status_code == 200


async def test_what_costs_the_payer_nothing_needs_it_as_well(merchant: Merchant) -> None:
    """No provider's page comes between the press and the paid order."""
    covered = await merchant.ready(10000, await merchant.card(10000), checkboxes=[TERMS])
    free = await merchant.ready(0, checkboxes=[TERMS], configuration=ZERO)
    for session_id in (covered, free):
        refused = await press(merchant, session_id)
        assert refused.json()["error"]["code"] == "CONSENT_MISSING"
        assert (await merchant.view(session_id)).state == "open"
    assert await holds(merchant) == []
    for session_id in (covered, free):
        paid = await press(merchant, session_id, [{"id": "terms", "checked": True}])
        assert paid.status_code == 200, paid.text
        assert (await merchant.view(session_id)).state == "paid"
    await merchant.audit()


async def test_no_push_is_published_that_nobody_could_accept(merchant: Merchant) -> None:
    """A payer who is asked in an app sees no checkboxes."""
    connections = {
        "vipps": {
            "base_url": "http://127.0.0.1:9",
            "client_id": "c",
            "client_secret": "s",
            "subscription_key": "k",
            "merchant_serial_number": "1",
        }
    }
    await save_profile(merchant.ctx, profile("", "", connections=connections, express=False))
    for boxes, status in (([TERMS], "skipped"), ([NEWS], "sent")):
        body = session_body(
            configuration=WITHOUT_GIFT_CARDS | {"publish": [{"channel": "push", "type": "app"}]},
            customer={"phone_number": "+4741234567"},
            checkboxes=boxes,
        )
        made = await merchant.post("/v1/sessions-profile", body)
        assert [one["status"] for one in made["publish"]] == [status]
        assert len(await transactions_of(merchant, made["id"])) == (status == "sent")
