"""We accept, store and return every documented field. The tests named in `docs/compatibility/`
check its effect."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from backend.sessions import payer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, OPTION, Merchant
from tests.support.every_field import (
    CARD,
    CARD_ANSWER,
    EVENT_ANSWER,
    ITEM,
    SESSION,
    SESSION_ANSWER,
    SHIPPING,
    STORE,
    TRANSACTION_ANSWER,
    WALLET_ANSWER,
)


async def start(merchant: Merchant, **more: Any) -> Any:
    path = "/v1/sessions-profile?include_session=true"
    return await merchant.post(path, copy.deepcopy(SESSION) | more)


def missing(sent: Any, got: Any, where: str = "") -> list[str]:
    """Yield the paths of `sent` that are missing in `got`."""
    if isinstance(sent, dict) and isinstance(got, dict):
        return [
            lost
            for key, value in sent.items()
            for lost in missing(value, got.get(key), f"{where}.{key}")
        ]
    if isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        pairs = enumerate(zip(sent, got, strict=True))
        return [lost for i, (a, b) in pairs for lost in missing(a, b, f"{where}.{i}")]
    return [] if sent == got else [where]


async def test_a_session_gives_every_field_back(merchant: Merchant) -> None:
    made = await start(merchant)
    assert made["id"].startswith(f"{ACCOUNT}.")
    assert made["url"].endswith(f"/v1/view/{made['id']}")
    # Times are returned in one form.
    sent = copy.deepcopy(SESSION) | {"expires_at": made["session"]["expires_at"]}
    assert missing(sent, made["session"]) == []
    got = await merchant.get(f"/v1/sessions/{made['id']}")
    assert missing(sent, got) == []
    assert got["metadata"]["session:profile_id"] == "default"
    assert got["configuration"]["merchant"] == {
        "id": ACCOUNT,
        "name": "Fjord & Form",
        "logo_url": "https://shop.example/logo.svg",
        "country": "NO",
    }


async def test_a_payment_has_every_field(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = str((await start(merchant, express={"shipping_mode": "shipping_required"}))["id"])
    ctx = merchant.ctx
    await payer.visit(ctx, session_id, "203.0.113.7", "A browser")
    view = f"/v1/view/{session_id}/session/order/addresses"
    address = SESSION["order"]["shipping_address"]
    both = {"shipping_address": address, "billing_address": address}
    answer = await merchant.api.put(view, json=both)
    assert answer.status_code == 200, answer.text
    await payer.add_gift_card(ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    result = await merchant.press_pay(session_id)
    await merchant.come_back(card_gateway.pay(str(result.url)).headers["location"])
    session = await merchant.get(f"/v1/sessions/{session_id}")
    assert [name for name in SESSION_ANSWER if name not in session] == []
    assert (session["customer_ip"], session["user_agent"]) == ("203.0.113.7", "A browser")
    path = f"/v1/transactions/{session['transaction_id']}"
    items = [{"line_id": "1", "amount": 10000}, {"line_id": "s1", "amount": 1000}]
    await merchant.post(f"{path}/capture", {"amount": 11000, "items": items})
    shown = await merchant.get(path)
    assert [name for name in TRANSACTION_ANSWER if name not in shown] == []
    assert [name for name in EVENT_ANSWER if name not in shown["events"][-1]] == []
    assert (shown["customer_ip"], shown["user_agent"]) == ("203.0.113.7", "A browser")
    assert missing(ITEM, shown["items"][0]) == []
    assert (shown["items"][1]["line_id"], shown["items"][1]["amount"]) == ("s1", 1000)
    assert (missing(STORE, shown["store"]), missing(SHIPPING, shown["shipping_option"])) == ([], [])
    assert shown["events"][-1]["event_reference"] == "event-1"
    assert shown["url"] == {
        "redirect_url": SESSION["url"]["return_url"],
        "callback_url": SESSION["url"]["callback_url"],
    }
    assert {"brand", "masked_pan", "expiry_date"} <= shown["card"].keys()
    await merchant.audit()


async def test_metadata_is_text_and_numbers_and_ours_stays_ours(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    wrong: object
    for wrong in ({"ext:a": True}, {"ext:a": []}, {"ext:a": {}}, [1], "x"):
        body = copy.deepcopy(SESSION) | {"metadata": wrong}
        await merchant.post("/v1/sessions-profile", body, expect=400)
    theirs = {
        "ext:a": "x",
        "session:profile_id": "other",
        "merchant_name": "Somebody",
        "merchant_country": "XX",
        "event_reference": "theirs",
        "gateway:id": "theirs",
    }
    transaction_id = await merchant.paid(
        card_gateway, metadata=theirs, merchant=SESSION["merchant"]
    )
    shown = (await merchant.transaction(transaction_id))["metadata"]
    gateway = shown.pop("gateway:id")
    assert gateway.startswith("cs_test_")
    assert shown == {
        "ext:a": "x",
        "session:profile_id": "default",
        "merchant_name": "Fjord & Form",
        "merchant_country": "NO",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"configuration": {"channel": "in_app"}, "express": {}}, ""),
        ({"configuration": {"countries": {"allow_countries": ["NO"], "deny_countries": ["NO"]}}},
         "configuration.countries"),
        ({"configuration": {"default_customer_type": "b2x"}},
         "configuration.default_customer_type"),
        ({"configuration": {"allow_express_wallet_payment": "x"}},
         "configuration.allow_express_wallet_payment"),
        ({"express": {"default_different_billing_shipping_address": ["x"]}},
         "express.default_different_billing_shipping_address.0"),
        ({"order": SESSION["order"] | {"store": {"name": ["x"]}}}, "order.store.name"),
        ({"order": SESSION["order"] | {"payout_destination_id": "x" * 41}},
         "order.payout_destination_id"),
        ({"merchant": {"name": "x", "logo_url": "javascript:x"}}, "merchant.logo_url"),
        ({"checkboxes": SESSION["checkboxes"] * 3}, "checkboxes"),
    ],
)  # fmt: skip
async def test_what_a_field_may_not_be(
    merchant: Merchant, change: dict[str, Any], field: str
) -> None:
    answer = await merchant.post(
        "/v1/sessions-profile", copy.deepcopy(SESSION) | change, expect=400
    )
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"
    assert [one["field"] for one in answer["error"]["errors"]] == [field]


async def test_the_default_payment_type_is_the_first(merchant: Merchant) -> None:
    """An option that is not offered is ignored."""
    for wanted in (OPTION, "payex.creditcard", "no such type"):
        configuration = SESSION["configuration"] | {"default_payment_type": wanted}
        session_id = await merchant.session(configuration=configuration)
        assert (await merchant.view(session_id)).options[0].type == OPTION


async def test_nothing_is_shipped(merchant: Merchant) -> None:
    """With this `shipping_mode` the payer gives a name and no address."""
    session_id = await merchant.session(express={"shipping_mode": "shipping_not_required"})
    assert (await merchant.view(session_id)).shipping_required is False
    name = {
        "first_name": "Kari",
        "last_name": "Nordmann",
        "email": "kari@example.com",
        "phone_number": "+4799887766",
    }
    path = f"/v1/view/{session_id}/session/order/shipping_address"
    assert (await merchant.api.put(path, json=name)).status_code == 200
    assert (await merchant.view(session_id)).details_done
    shipped = await merchant.session(express={"shipping_mode": "shipping_required"})
    path = f"/v1/view/{shipped}/session/order/shipping_address"
    assert (await merchant.api.put(path, json=name)).status_code == 400


async def test_a_pages_instance_is_kept_with_what_it_did(merchant: Merchant) -> None:
    """A page of the payer sends `Dintero-Checkout-Instance-Id`."""
    session_id = await merchant.session()
    headers = {"Dintero-Checkout-Instance-Id": "instance-1", "User-Agent": "A browser"}
    path = f"/v1/view/{session_id}/session/order/shipping_address"
    address = SESSION["order"]["shipping_address"]
    answer = await merchant.api.put(path, json=address, headers=headers)
    assert answer.status_code == 200, answer.text
    query = "?includes=events.request_headers"
    events = (await merchant.get(f"/v1/sessions/{session_id}{query}"))["events"]
    assert events[-1]["name"] == "SET_SHIPPING_ADDRESS"
    assert events[-1]["request_headers"] == {
        "dintero-checkout-instance-id": "instance-1",
        "user-agent": "A browser",
    }


async def test_a_card_has_every_field(merchant: Merchant) -> None:
    made = await merchant.post(f"/v1/accounts/{ACCOUNT}/wallets/cards", copy.deepcopy(CARD))
    assert made["pin"]["pin"]["value"] and made["card_token"]["token"]["barcode_128"]
    shown = await merchant.get(f"/v1/accounts/{ACCOUNT}/wallets/cards/{CARD['card_id']}")
    assert [name for name in CARD_ANSWER if name not in shown] == []
    assert {"expires_at", "masked_code", "format"} <= shown["tokens"][0].keys()
    kept = (
        "card_id",
        "amount",
        "currency",
        "customer_id",
        "name",
        "type",
        "originated_by",
        "metadata",
    )
    assert {key: shown[key] for key in kept} == {key: CARD[key] for key in kept}
    body = {
        "ref_id": "r-1",
        "amount": 1000,
        "currency": "NOK",
        "card_id": CARD["card_id"],
        "type": "drawdown",
        "pending": True,
        "metadata": {"a": 1},
        "originated_by": "kasse 2",
    }
    moved = await merchant.post(f"/v1/accounts/{ACCOUNT}/wallets/transactions", body)
    assert [name for name in WALLET_ANSWER if name not in moved] == []
    ended = await merchant.post(
        f"/v1/accounts/{ACCOUNT}/wallets/transactions/{moved['id']}/void", {"ref_id": "r-2"}
    )
    assert (ended["parent_id"], ended["type"]) == (moved["id"], "voided")
