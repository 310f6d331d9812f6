"""Shops really send empty texts and nulls for missing values, phone numbers as typed, countries of
three letters and fractions of VAT. We refuse no order for that."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from backend.core.errors import DetailsInvalid
from backend.sessions import payer
from backend.sessions.details import Details
from tests.api.refusals import refused
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ADDRESS, Merchant, session_body
from tests.support.every_field import SESSION

NOTHING = ("", None, "  ")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Yield the path of every field of a request, including objects and lists."""
    found: list[tuple[Any, ...]] = []
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in parts:
        here = (*path, name)
        if isinstance(value, dict):
            found.append(here)
        if isinstance(part, dict | list):
            found += leaves(part, here)
    return found


NEEDED = {
    ("url",), ("url", "return_url"), ("order",), ("order", "amount"), ("order", "currency"),
    ("profile_id",), ("order", "shipping_option", "amount"), ("checkboxes", 0, "id"),
    ("checkboxes", 0, "label"), ("checkboxes", 0, "link", "url"),
    ("checkboxes", 0, "link", "text"), ("express", "shipping_options", 0, "amount"),
}  # fmt: skip
"""What cannot be left out: it has no other meaning."""


ECHOED = {
    ("order", "merchant_reference"),
    ("order", "shipping_option", "operator"),
    ("express", "shipping_options", 0, "operator"),
}
"""Texts that every answer has, and that are empty if the shop has none."""


async def test_every_optional_field_may_say_nothing(merchant: Merchant) -> None:
    """The test sends two requests for each field: one with an empty text and one with a null in
    it."""
    whole = copy.deepcopy(SESSION)
    whole["express"].pop("shipping_address_callback_url")
    wanted = [path for path in leaves(whole) if path not in NEEDED]
    assert len(wanted) > 150
    refusals = []
    for number, path in enumerate(wanted):
        body = copy.deepcopy(whole)
        part: Any = body
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = NOTHING[number % 3]
        answer = await merchant.api.post("/v1/sessions-profile?include_session=true", json=body)
        if answer.status_code != 200:
            refusals.append((path, answer.json()["error"]["message"]))
            continue
        shown: Any = answer.json()["session"]
        for name in path[:-1]:
            shown = shown[name] if not isinstance(shown, dict) else shown.get(name, {})
        if isinstance(shown, dict) and path[-1] in shown:
            # The field now holds a default or a value that only we write.
            left = shown[path[-1]]
            theirs = path in ECHOED or "metadata" in path or "emd" in path
            assert left is not None and (theirs or str(left).strip()), path
    assert refusals == []


def empty_but_for_an_order(nothing: str | None) -> dict[str, Any]:
    """Return a request for a payable session in which every other field is present and empty."""
    address = dict.fromkeys(SESSION["order"]["shipping_address"], nothing)
    body = session_body(
        url={
            "return_url": "https://shop.example/back",
            "callback_url": nothing,
            "merchant_terms_url": nothing,
        },
        customer={
            "customer_id": nothing,
            "email": nothing,
            "phone_number": nothing,
            "gift_cards": {"dintero.wallets": [{"card_id": nothing}]},
        },
        express={
            "shipping_mode": nothing,
            "shipping_options": nothing,
            "shipping_address_callback_url": nothing,
            "customer_types": [nothing],
            "discount_codes": {"max_count": nothing, "callback_url": nothing},
        },
        merchant={"name": nothing, "logo_url": nothing},
        checkboxes=[nothing],
        expires_at=nothing,
        metadata=[],
    )
    body["order"] |= {
        "merchant_reference": nothing,
        "merchant_reference_2": nothing,
        "vat_amount": nothing,
        "shipping_address": address,
        "billing_address": address,
        "store": {"id": nothing},
        "shipping_option": {
            "id": nothing,
            "line_id": nothing,
            "amount": nothing,
            "operator": nothing,
            "title": nothing,
        },
        "discount_codes": [nothing],
        "discount_lines": [nothing],
    }
    body["order"]["items"][0] |= dict.fromkeys(
        ("type", "vat_amount", "thumbnail_url", "groups", "store", "discount_lines"), nothing
    )
    body["configuration"] |= {
        "channel": nothing,
        "default_customer_type": nothing,
        "theme": [],
        "countries": {"preferred_country": nothing, "allow_countries": [""]},
        "vipps": {"enabled": nothing},
    }
    return body


@pytest.mark.parametrize("nothing", NOTHING)
async def test_all_at_once(
    merchant: Merchant, card_gateway: CardGatewaySandbox, nothing: str | None
) -> None:
    """A shop's class sends every field, and most of them are empty. The session is paid."""
    body = empty_but_for_an_order(nothing)
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    assert shown["url"] == {"return_url": "https://shop.example/back"}
    assert {"customer", "merchant", "checkboxes", "cancelled_at"}.isdisjoint(shown)
    assert shown["order"] == {
        "amount": 40000,
        "currency": "NOK",
        "merchant_reference": "",
        "partial_payment": False,
        "items": [
            {
                "id": "10",
                "line_id": "1",
                "amount": 40000,
                "quantity": 2,
                "vat": 25,
                "description": "Forsvinnignspølse",
                "eligible_for_discount": False,
            }
        ],
        "gift_cards": [],
    }
    assert shown["express"] == {
        "shipping_mode": "shipping_required",
        "customer_types": ["b2c", "b2b"],
        "default_different_billing_shipping_address": [],
    }
    details = Details("kari@example.com", "+4799887766", ADDRESS)
    await payer.set_details(merchant.ctx, session_id, details)
    result = await merchant.press_pay(session_id)
    location = await merchant.come_back(card_gateway.pay(str(result.url)).headers["location"])
    assert location.startswith("https://shop.example/back?merchant_reference=&transaction_id=")
    paid = await merchant.get(f"/v1/sessions/{session_id}")
    transaction = await merchant.transaction(paid["transaction_id"])
    assert (transaction["status"], transaction["merchant_reference"]) == ("AUTHORIZED", "")
    assert transaction["url"] == {"redirect_url": "https://shop.example/back"}
    assert "store" not in transaction
    await merchant.audit()


@pytest.mark.parametrize("nothing", NOTHING)
async def test_a_change_that_says_nothing_changes_nothing(
    merchant: Merchant, nothing: str | None
) -> None:
    whole = copy.deepcopy(SESSION)
    whole["express"].pop("shipping_address_callback_url")
    made = await merchant.post("/v1/sessions-profile?include_session=true", whole)
    before = made["session"]
    change = {
        "order": dict.fromkeys(whole["order"], nothing) | {"shipping_address": {"email": nothing}},
        "express": dict.fromkeys(whole["express"], nothing),
        "remove_lock": nothing,
    }
    path = f"/v1/sessions/{made['id']}?update_without_lock=true"
    answer = await merchant.api.put(path, json=change)
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert (after["order"], after["express"]) == (before["order"], before["express"])
    for event in after["events"]:
        if event["name"] == "UPDATE_SESSION":
            assert event["details"]["updated_order_result"] == {"status": "NOT_MODIFIED"}


async def test_an_order_gets_its_number_later(merchant: Merchant) -> None:
    """Some shops create the order after the session. An order number, once set, stays."""
    body = session_body()
    body["order"]["merchant_reference"] = None
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    for sent, kept in (("", ""), (1001, "1001"), ("other", "1001")):
        answer = await merchant.api.put(path, json={"order": {"merchant_reference": sent}})
        assert answer.status_code == 200, answer.text
        assert answer.json()["order"]["merchant_reference"] == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("+47 99 88 77 66", "+4799887766"), ("(+47) 998-87-766", "+4799887766"),
        ("%2B4799887766", "+4799887766"), ("004799887766", "+4799887766"),
        ("+47 (0) 99887766", "+4799887766"), ("99 88 77 66", "99887766"),
        ("tel:+47-998.87.766", "+4799887766"), (4799887766, "4799887766"),
        ("call me", "call me"), ("+47 ???", "+47 ???"), ("1", "1"), ("12345678901234567890",) * 2,
    ],
)  # fmt: skip
async def test_phone_numbers_as_they_are_typed(
    merchant: Merchant, written: str | int, kept: str
) -> None:
    """An invalid phone number is stored as typed. The payer is asked for it again, and nothing is
    refused."""
    body = session_body(customer={"phone_number": written})
    body["order"]["shipping_address"] = {"phone_number": written}
    body["order"]["billing_address"] = {"phone_number": written}
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    parts = (
        shown["customer"],
        shown["order"]["shipping_address"],
        shown["order"]["billing_address"],
    )
    assert [part["phone_number"] for part in parts] == [kept] * 3
    page = await merchant.view(session_id)
    assert (page.phone_number, page.details_done) == (kept, False)
    if any(char.isalpha() or char == "?" for char in kept):
        with pytest.raises(DetailsInvalid):
            await payer.set_details(
                merchant.ctx, session_id, Details("kari@example.com", kept, ADDRESS)
            )


@pytest.mark.parametrize(
    ("written", "kept"),
    [("NOR", "NO"), ("swe", "SE"), ("no", "NO"), (" DK ", "DK"), ("GBR", "GB"), ("UK", "GB"),
     ("578", "NO"), ("DEU", "DE"), ("XKX", "XK")],
)  # fmt: skip
async def test_countries_of_three_letters(merchant: Merchant, written: str, kept: str) -> None:
    body = session_body(merchant={"name": "Shop", "country": written})
    body["order"] |= {
        "shipping_address": {"country": written},
        "billing_address": {"country": written},
    }
    option = {
        "id": "a",
        "line_id": "a",
        "amount": 0,
        "operator": "",
        "title": "A",
        "countries": [written],
        "pick_up_address": {"country": written},
    }
    body["express"] = {"shipping_options": [option]}
    body["configuration"] |= {
        "countries": {"preferred_country": written, "allow_countries": [written, "FIN"]}
    }
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    assert shown["order"]["shipping_address"] == {"country": kept}
    assert shown["order"]["billing_address"] == {"country": kept}
    assert (shown["merchant"]["country"], shown["configuration"]["merchant"]["country"]) == (
        kept,
        kept,
    )
    option = shown["express"]["shipping_options"][0]
    assert (option["countries"], option["pick_up_address"]) == ([kept], {"country": kept})
    assert shown["configuration"]["countries"] == {
        "preferred_country": kept,
        "allow_countries": [kept, "FI"],
    }


async def test_a_country_that_is_none_is_refused_and_told(merchant: Merchant) -> None:
    body = session_body()
    body["order"]["shipping_address"] = {"country": "QQQQ"}
    answer = await merchant.post("/v1/sessions-profile", body, expect=400)
    [error] = answer["error"]["errors"]
    assert error["field"] == "order.shipping_address.country"
    assert error["sent"] == '"QQQQ"'
    assert (
        error["message"]
        == error["description"]
        == ('must be a country\'s code of two letters (ISO 3166-1), such as NO; "QQQQ" was sent')
    )


@pytest.mark.parametrize(
    ("written", "kept"), [(980.0000000000001, 980), (979.6, 980), (980.4, 980), (-0.4, 0), (12, 12)]
)
async def test_amounts_that_only_show_are_rounded(
    merchant: Merchant, written: float, kept: int
) -> None:
    body = session_body()
    line = {"amount": written, "percentage": 2.5, "line_id": "1"}
    option = {
        "id": "a",
        "line_id": "a",
        "amount": 0,
        "operator": "Posten",
        "title": "A",
        "vat_amount": written,
    }
    body["order"] |= {
        "vat_amount": written,
        "gross_amount": written,
        "discount_lines": [line],
        "shipping_option": option,
    }
    body["order"]["items"][0] |= {
        "vat_amount": written,
        "gross_amount": written,
        "discount_lines": [line],
    }
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    order = (await merchant.get(f"/v1/sessions/{session_id}"))["order"]
    [item], [line] = order["items"], order["discount_lines"]
    shown = (
        order["vat_amount"],
        order["gross_amount"],
        order["shipping_option"]["vat_amount"],
        item["vat_amount"],
        item["gross_amount"],
        item["discount_lines"][0]["amount"],
        line["amount"],
    )
    assert shown == (kept,) * 7
    assert {type(amount) for amount in shown} == {int}
    assert line == {"amount": kept, "percentage": 2.5, "line_id": 1}
    # A binding amount has no fraction.
    await refused(merchant, "order.amount", order=session_body()["order"] | {"amount": 980.5})


async def test_a_shipping_option_names_itself(merchant: Merchant) -> None:
    body = session_body()
    body["order"]["shipping_option"] = {"id": 42, "amount": 0, "operator": None, "title": ""}
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    assert shown["order"]["shipping_option"] == {
        "id": "42",
        "line_id": "42",
        "amount": 0,
        "operator": "",
        "title": "42",
    }


async def test_a_shop_answers_a_callback_as_tolerantly_as_it_asks() -> None:
    """The model of the answers to Express callbacks uses the same parts."""
    from backend.sessions.express_callbacks import Answer

    option = {
        "id": "a",
        "amount": 100.0,
        "vat_amount": 19.6,
        "operator": None,
        "title": None,
        "pick_up_address": {"first_name": None, "country": "NOR"},
    }
    order = {"amount": 40000.0, "currency": None, "vat_amount": 7999.7, "items": None}
    answer = Answer.model_validate({"shipping_options": [option], "order": order})
    assert answer.model_dump(mode="json", exclude_unset=True) == {
        "shipping_options": [
            {
                "id": "a",
                "line_id": "a",
                "amount": 100,
                "vat_amount": 20,
                "operator": "",
                "title": "a",
                "pick_up_address": {"country": "NO"},
            }
        ],
        "order": {"amount": 40000, "vat_amount": 8000},
    }
