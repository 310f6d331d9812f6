"""Merchants create sessions by API. The tests check the documented requests, rules and answers."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest

from backend.accounts.profiles import save_profile
from backend.core.errors import GiftCardRefused
from backend.sessions import payer
from backend.sessions.details import Details
from backend.sessions.view import AddressView, PageState
from tests.api.refusals import ALL_ON, refused
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, DETAILS, ON, OPTION, Merchant, profile, session_body

DOCUMENTED = json.loads("""
{"url": {"return_url": "https://example.com/accept", "callback_url": "https://example.com/callback?method=GET", "merchant_terms_url": "https://example.com/terms.html"},
 "order": {"amount": 72200, "currency": "NOK", "vat_amount": 13660, "items": [{"amount": 72200, "quantity": 2, "line_id": "1", "description": "Forsvinnignspølse", "vat": 20, "id": "10"}], "merchant_reference": "string"},
 "configuration": {"active_payment_types": {"enabled": true}, "dintero": {"type": "payment_type", "wallets": {"type": "payment_product_type", "enabled": true}}},
 "profile_id": "default", "merchant": {"name": "string", "logo_url": "http://example.com"}}
""")  # noqa: E501
OTHERS = ("vipps", "klarna.billie", "swish.swish", "collector.invoice", "instabank.finance",
          "netaxept.creditcard", "dintero_psp.vipps", "santander.debit_account")  # fmt: skip


def switched_on(option: str) -> dict[str, Any]:
    """Return a configuration that names an option."""
    if "." not in option:
        return {option: ON}
    type_, product = option.split(".")
    return {type_: {"type": "payment_type", product: ON}}


async def test_the_first_documented_request(merchant: Merchant) -> None:
    made = await merchant.post("/v1/sessions-profile", DOCUMENTED)
    assert set(made) == {"id", "url"}
    assert made["url"] == f"http://127.0.0.1:8000/v1/view/{made['id']}"
    assert made["id"].startswith(f"{ACCOUNT}.") and len(made["id"]) == 32
    shown = await merchant.get(f"/v1/sessions/{made['id']}")
    for part in ("url", "profile_id", "merchant"):
        assert shown[part] == DOCUMENTED[part]
    sent = DOCUMENTED["order"]
    assert shown["order"] == sent | {
        "items": [{**sent["items"][0], "eligible_for_discount": False}],
        "partial_payment": False,
        "gift_cards": [],
    }
    assert shown["configuration"]["dintero_psp"]["creditcard"] == {
        "type": "payment_product_type",
        "enabled": True,
        "payability": "payable",
        "generate_payment_token": False,
    }
    assert shown["configuration"]["dintero"]["wallets"] == ON
    assert shown["metadata"] == {"session:profile_id": "default"}
    assert [event["name"] for event in shown["events"]] == ["INITIATED"]
    assert "transaction_id" not in shown and "customer" not in shown
    view = await merchant.view(made["id"])
    assert (view.state, view.to_pay, view.gift_card_offered, view.gift_card) == (
        PageState.OPEN,
        72200,
        True,
        None,
    )
    assert [option.type for option in view.options] == [OPTION]


async def test_the_second_documented_request(merchant: Merchant) -> None:
    card = await merchant.card(100000)
    body = copy.deepcopy(DOCUMENTED)
    body["customer"] = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
    body["configuration"]["dintero"]["zero"] = ON | {"payability": "payable"}
    made = await merchant.post("/v1/sessions-profile?include_session=true", body)
    shown = made["session"]
    masked = shown["customer"]["gift_cards"]["dintero.wallets"][0]["masked_card_token"]
    assert masked == "*" * 12 + card["number"][-4:]
    part = {"card_id": card["card_id"], "masked_card_token": masked}
    assert shown["customer"] == {"gift_cards": {"dintero.wallets": [part]}}
    assert shown["order"]["gift_cards"] == [{"type": "dintero.wallets", **part, "amount": 72200}]
    assert shown["configuration"]["dintero"]["zero"]["payability"] == "disabled_by_order_amount"
    event = shown["events"][-1]
    assert event["name"] == "SET_GIFT_CARD"
    assert event["details"]["gift_card"] == {
        "card_id": card["card_id"],
        "card_amount": 72200,
        "masked_card_token": masked,
        "currency": "NOK",
    }
    await payer.set_details(merchant.ctx, made["id"], DETAILS)
    assert (await merchant.press_pay(made["id"])).state == "paid"
    assert await merchant.balance(card["card_id"]) == (27800, 72200, 0)
    await merchant.audit()


# --- Express -----------------------------------------------------------------------------------


async def test_gift_cards_only_in_express_sessions(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    for configuration in ({}, {"dintero": {"wallets": ON}}):
        setup = profile(
            card_gateway.base_url,
            "sk_test_x",
            profile_id="plain",
            express=False,
            configuration=configuration,
        )
        await save_profile(merchant.ctx, setup)
        await refused(merchant, "configuration.dintero.wallets", profile_id="plain")
        asked: dict[str, Any] = {
            "profile_id": "plain",
            "configuration": {"active_payment_types": ALL_ON},
        }
        by_profile = await merchant.session(**asked)
        assert (await merchant.view(by_profile)).gift_card_offered is False
        # The express object makes an Express session, and null does not.
        express = await merchant.session(profile_id="plain", express={})
        assert (await merchant.view(express)).gift_card_offered is True
        await refused(merchant, "configuration.dintero.wallets", profile_id="plain", express=None)
        offered = await merchant.session(**asked, express={})
        assert (await merchant.view(offered)).gift_card_offered is bool(configuration)


async def test_the_requests_word_is_above_the_profiles(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    setup = profile(card_gateway.base_url, "sk_test_x", configuration={"dintero": {"wallets": ON}})
    await save_profile(merchant.ctx, setup)
    off = {"active_payment_types": ALL_ON, "dintero": {"wallets": {"enabled": False}}}
    card = await merchant.card()
    session_id = await merchant.session(configuration=off)
    assert (await merchant.view(session_id)).gift_card_offered is False
    await payer.set_details(merchant.ctx, session_id, DETAILS)
    with pytest.raises(GiftCardRefused) as error:
        await payer.add_gift_card(merchant.ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    assert error.value.reason == "not_offered"
    assert (await merchant.view(session_id)).gift_card is None


# --- splits ------------------------------------------------------------------------------------


async def test_no_gift_card_with_splits(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    split = [{"payout_destination_id": "p", "amount": 100}]
    option = {"id": "1", "line_id": "s", "amount": 0, "operator": "o", "title": "t"}
    order = session_body()["order"]
    orders: tuple[dict[str, Any], ...] = (
        {"order": order | {"items": [order["items"][0] | {"splits": split}]}},
        {"order": order | {"items": [order["items"][0] | {"fee_split": {"type": "x"}}]}},
        {"order": order | {"shipping_option": option | {"splits": split}}},
        {"express": {"shipping_options": [option | {"splits": split}]}},
    )
    for change in orders:
        await refused(merchant, "configuration.dintero.wallets", **change)
    setup = profile(card_gateway.base_url, "sk_test_x", configuration={"dintero": {"wallets": ON}})
    await save_profile(merchant.ctx, setup)
    for change in orders:
        asked = {"configuration": {"active_payment_types": ALL_ON}} | change
        view = await merchant.view(await merchant.session(**asked))
        assert view.gift_card_offered is False
    card = await merchant.card()
    preset = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
    asked = {"configuration": {"active_payment_types": ALL_ON}, "customer": preset}
    await refused(merchant, "customer.gift_cards.dintero.wallets", **asked, **orders[0])


# --- options -----------------------------------------------------------------------------------


async def test_options_that_do_not_go_with_a_gift_card(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    connected = {
        option: {"base_url": card_gateway.base_url, "secret_key": "sk_test_x"}
        for option in (*OTHERS, OPTION)
    }
    await save_profile(
        merchant.ctx, profile(card_gateway.base_url, "sk_test_x", connections=connected)
    )
    gift = {"dintero": {"wallets": ON}}
    for option in OTHERS:
        await refused(merchant, f"configuration.{option}", configuration=gift | switched_on(option))
        off = copy.deepcopy(switched_on(option))
        for part in off.values():
            part.pop("enabled", None)
        # Swish takes only Swedish kronor.
        currency = "SEK" if option == "swish.swish" else "NOK"
        without = await merchant.session(currency=currency, configuration=switched_on(option))
        assert [o.type for o in (await merchant.view(without)).options] == [option]
    # A profile that switches on all options offers only those that fit.
    view = await merchant.view(
        await merchant.session(configuration=gift | {"active_payment_types": ALL_ON})
    )
    assert [o.type for o in view.options] == [OPTION]
    assert view.gift_card_offered is True
    view = await merchant.view(
        await merchant.session(configuration={"active_payment_types": ALL_ON})
    )
    assert {o.type for o in view.options} == {*OTHERS, OPTION} - {"swish.swish"}
    assert view.gift_card_offered is False


# --- nothing left to pay -----------------------------------------------------------------------


async def test_an_order_of_nothing_needs_zero_enabled(merchant: Merchant) -> None:
    from backend.core.errors import PaymentOptionNotAllowed

    session_id = await merchant.ready(0)
    assert (await merchant.view(session_id)).payable is False
    with pytest.raises(PaymentOptionNotAllowed):
        await merchant.press_pay(session_id)
    on = {"dintero": {"wallets": ON, "zero": ON}}
    card = await merchant.card()
    session_id = await merchant.ready(0, configuration=on)
    view = await merchant.view(session_id)
    assert (view.payable, view.gift_card_offered, view.options) == (True, False, ())
    with pytest.raises(GiftCardRefused):
        await payer.add_gift_card(merchant.ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    assert (await merchant.press_pay(session_id)).state == "paid"
    paid = await merchant.transaction((await merchant.view(session_id)).transaction_id or "")
    assert (paid["payment_product_type"], paid["gift_cards"]) == ("dintero.zero", [])
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)


# --- what is kept, and what is refused ---------------------------------------------------------


async def test_unknown_fields_are_kept_and_given_back(merchant: Merchant) -> None:
    body = session_body()
    body["order"] |= {"discount_codes": ["A"], "nested": {"a": [1, 2.5, None, True, "ø"]}}
    body["order"]["items"][0] |= {"gross": 12.5, "eligible": False}
    body |= {"remote_user": {"id": 7}, "metadata": {"a": "b", "n": 1, "f": 1.5, "z": None}}
    body["configuration"] |= {"default_payment_type": "x", "hide": [1]}
    made = await merchant.post("/v1/sessions-profile", body)
    shown = await merchant.get(f"/v1/sessions/{made['id']}")
    items = [{**body["order"]["items"][0], "eligible_for_discount": False}]
    assert shown["order"] == body["order"] | {
        "items": items,
        "partial_payment": False,
        "gift_cards": [],
    }
    assert shown["remote_user"] == {"id": 7}
    # A null has no meaning.
    assert shown["metadata"] == {"a": "b", "n": 1, "f": 1.5, "session:profile_id": "default"}
    assert (shown["configuration"]["hide"], shown["configuration"]["default_payment_type"]) == (
        [1],
        "x",
    )


async def test_whole_floats_are_amounts_and_others_are_not(merchant: Merchant) -> None:
    order = session_body()["order"]
    items = [order["items"][0] | {"amount": 29990.0}]
    floats = order | {"amount": 29990.0, "vat_amount": 5998.0, "items": items}
    session_id = await merchant.session(order=floats)
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    assert json.dumps(shown["order"]["amount"]) == "29990"
    assert json.dumps(shown["order"]["items"][0]["amount"]) == "29990"
    amount: object
    for amount in (29990.5, 0.1, -1, "29990", None, True, [], 10**12 + 1, 1e15):
        await refused(merchant, "order.amount", order=order | {"amount": amount})
    for amount in (1.5, "1", True):
        wrong = order | {"items": [order["items"][0] | {"amount": amount}]}
        await refused(merchant, "order.items.0.amount", order=wrong)


async def test_what_a_session_needs(merchant: Merchant) -> None:
    for missing in ("url", "order", "profile_id"):
        body = session_body()
        del body[missing]
        answer = await merchant.post("/v1/sessions-profile", body, expect=400)
        assert missing in [e["field"] for e in answer["error"]["errors"]]
    order = session_body()["order"]
    changes: tuple[dict[str, object], ...] = (
        {"currency": "XXQ"},
        {"currency": "NO"},
        {"merchant_reference": "x" * 256},
        {"items": {}},
        {"items": [order["items"][0], order["items"][0]]},
    )
    for change in changes:
        field = f"order.{next(iter(change))}"
        await refused(merchant, field, order=order | change)
    await refused(merchant, "expires_at", expires_at="2020-01-01T00:00:00Z")
    await refused(merchant, "expires_at", expires_at="nonsense")
    answer = await merchant.post(
        "/v1/sessions-profile", session_body(profile_id="unknown"), expect=400
    )
    assert "unknown" in answer["error"]["message"]


async def test_moments_at_the_edge_of_the_calendar(merchant: Merchant) -> None:
    edges = "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"
    cards = f"/v1/accounts/{ACCOUNT}/wallets/cards"
    card = {"card_id": "c", "amount": 1, "currency": "NOK"}
    for moment in edges:
        for path, body in (
            ("/v1/sessions-profile", session_body(expires_at=moment)),
            (cards, card | {"active_from": moment}),
            (cards, card | {"expires_at": moment}),
        ):
            answer = await merchant.post(path, body, expect=400)
            assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"
    await merchant.get(f"{cards}/c", expect=404)
    # A time without a zone is UTC. A time in another zone stays the same moment.
    for given in ("2030-01-01T12:00:00", "2030-01-01T14:00:00+02:00", "2030-01-01T12:00:00Z"):
        made = await merchant.get(f"/v1/sessions/{await merchant.session(expires_at=given)}")
        assert made["expires_at"] == "2030-01-01T12:00:00.000Z"


async def test_addresses_that_are_none(merchant: Merchant) -> None:
    """One of these would break every page and callback of its session."""
    url = session_body()["url"]
    for part in ("return_url", "callback_url", "merchant_terms_url"):
        empty = ("",) if part == "return_url" else ()
        for bad in (
            "https://[",
            "https://[::1",
            "https://exa℀mple.com/x",
            "nonsense",
            "https://",
            "https://a b",
            1,
            "javascript:alert(1)",
            "https://host:port/",
            "https://host:99999/",
            *empty,
        ):
            await refused(merchant, f"url.{part}", url=url | {part: bad})
    for bad in (
        "javascript://x/%0aalert(1)",
        "data://text/html,x",
        "vbscript://x",
        "file:///x",
        "blob://x",
        "JavaScript://x/%0aalert(1)",
        "about://blank",
    ):
        await refused(merchant, "url.return_url", url=url | {"return_url": bad})
    named = {"return_url_schemes": ["myapp", "com.example.shop"]}
    answer = await merchant.api.put("/v1/admin/session/profiles/default", json=named)
    assert answer.status_code == 200, answer.text
    for good in ("myapp://done", "com.example.shop://checkout/done?x=1"):
        session_id = await merchant.session(url={"return_url": good})
        assert (await merchant.view(session_id)).leave_url.startswith(good)


async def test_strict_amounts(merchant: Merchant) -> None:
    order = session_body()["order"]
    wrong = order | {"amount": 39999}
    assert await merchant.session(order=wrong)
    headers = {"Dintero-Feature-Toggles": "other, strict-session-amounts"}
    for given, status in ((order, 200), (wrong, 400), (wrong | {"partial_payment": True}, 200)):
        body = session_body(order=given)
        answer = await merchant.api.post("/v1/sessions-profile", json=body, headers=headers)
        assert answer.status_code == status, answer.text


async def test_the_view_shows_nothing_of_the_merchants(merchant: Merchant) -> None:
    session_id = await merchant.session(
        metadata={"margin": "secret-1"}, remote_user={"x": "secret-2"}
    )
    shown = repr(await merchant.view(session_id))
    for secret in ("secret-1", "secret-2", "callback", "sk_test", "127.0.0.1"):
        assert secret not in shown


async def test_details_are_checked_in_the_back_end(merchant: Merchant) -> None:
    from backend.core.errors import DetailsInvalid

    session_id = await merchant.session()
    wrong = Details("nonsense", "123", AddressView("", "N", "", "", "12", "Oslo", "NO"))
    with pytest.raises(DetailsInvalid) as error:
        await payer.set_details(merchant.ctx, session_id, wrong)
    assert {(e.field, e.code) for e in error.value.errors} == {
        ("email", "invalid"),
        ("phone_number", "invalid"),
        ("shipping_address.first_name", "required"),
        ("shipping_address.address_line", "required"),
        ("shipping_address.postal_code", "invalid"),
    }
    view = await merchant.view(session_id)
    assert (view.details_done, view.payable, view.email) == (False, False, "")
    merchant.clock.ahead = timedelta(days=2)
    assert (await merchant.view(session_id)).state is PageState.EXPIRED
