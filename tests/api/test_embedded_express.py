"""Every way to create an Express session ends paid with the right amount, from nothing but what the
page asks for. `tests/e2e/test_embedded_matrix.py` does the same in a browser."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from backend.accounts.profiles import save_profile
from backend.core.errors import DetailsInvalid
from backend.payments.attempts.start import Press, pay
from backend.sessions import payer
from backend.sessions.shop_address import with_address
from backend.sessions.view import CheckoutView
from checkout_ui.presenters.checkout_page import address_forms
from checkout_ui.steps.details_form import read_form
from tests.support.callback_server import CallbackServer
from tests.support.checkout import (
    DETAILS,
    WITHOUT_GIFT_CARDS,
    Merchant,
    profile,
    session_body,
)
from tests.support.express_matrix import ADDRESS, CELLS, EMAIL, FAST, HOME, OWN, PHONE, SHOP, Cell


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The rules are the same on both."""
    return sqlite_url


def typed(view: CheckoutView) -> dict[str, Any]:
    """Return what a browser sends of the form, which the page fills with the shop's values."""
    fields: dict[str, Any] = {"email": view.email or EMAIL, "phone_number": view.phone_number}
    fields["phone_number"] = fields["phone_number"] or PHONE
    if view.shipping_required:
        form = address_forms(view, {}, "nb")
        fields["shipping_address.country"] = form["shipping_address"].country
        for part in form["shipping_fields"]:
            fields[f"shipping_address.{part.name}"] = part.value or ADDRESS[part.name]
    return fields


async def paid(merchant: Merchant, session_id: str) -> tuple[CheckoutView, dict[str, Any]]:
    """Do what the payer does on the page. Return what it showed, and the transaction."""
    view = await merchant.view(session_id)
    details = read_form(typed(view), billing_allowed=view.billing_allowed)
    await payer.set_details(merchant.ctx, session_id, details)
    card = await merchant.card(100000)
    await payer.add_gift_card(merchant.ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    shown = await merchant.view(session_id)
    assert (shown.payable, shown.to_pay) == (True, 0)
    result = await pay(
        merchant.ctx, session_id, Press(None, 0, "nb", order_amount=shown.order_amount)
    )
    assert result.state == "paid"
    done = await merchant.view(session_id)
    assert done.transaction_id is not None
    return shown, await merchant.transaction(done.transaction_id)


WAYS = sorted({(cell.mode, cell.options, cell.chosen) for cell in CELLS})


@pytest.mark.parametrize("way", WAYS, ids=", ".join)
async def test_every_way_ends_paid(merchant: Merchant, way: tuple[str, str, str]) -> None:
    """This holds for every buyer, whether or not the shop knows the address."""
    cells = [cell for cell in CELLS if (cell.mode, cell.options, cell.chosen) == way]
    assert len(cells) == 4
    for cell in cells:
        await check(merchant, cell)
    await merchant.audit()


async def check(merchant: Merchant, cell: Cell) -> None:
    session_id = await merchant.session(**cell.request())
    shown, transaction = await paid(merchant, session_id)
    assert shown.order_amount == cell.amount
    option = cell.option
    assert shown.shipping_title == (option["title"] if option else None)
    assert shown.shipping_amount == (option["amount"] if option else None)
    # The page offers a choice only if the payer has one, and one option is then chosen.
    assert sum(choice.selected for choice in shown.shipping_options) == bool(shown.shipping_options)
    assert bool(shown.shipping_options) == (
        cell.options in ("one", "three") and cell.chosen != "not in the list"
    )
    cell.check_paid(transaction)


# --- phone numbers --------------------------------------------------------------------------------


async def saved_phone(merchant: Merchant, session_id: str, number: str) -> str:
    details = read_form({"email": EMAIL, "phone_number": number}, billing_allowed=False)
    await payer.set_details(merchant.ctx, session_id, details)
    return (await merchant.view(session_id)).phone_number


NOTHING_SHIPPED: dict[str, Any] = {"express": {"shipping_mode": "shipping_not_required"}}


@pytest.mark.parametrize(
    ("more", "number", "expected"),
    [
        ({}, "41234567", "+4741234567"),
        ({}, "+46 70-123 45 67", "+46701234567"),
        ({"configuration": {"countries": {"preferred_country": "SE"}}}, "0701234567",
         "+46701234567"),
        ({"configuration": {"countries": {"allow_countries": ["DK"]}}}, "20123456", "+4520123456"),
        ({"merchant": {"name": "Shop", "logo_url": "", "country": "SE"}}, "0701234567",
         "+46701234567"),
        ({"merchant": {"name": "Shop", "logo_url": "", "country": ""}}, "41234567",
         "+4741234567"),
    ],
    ids=["currency", "written out", "preferred", "the only country", "merchant", "no country"],
)  # fmt: skip
async def test_a_number_without_an_address_is_of_the_shops_country(
    merchant: Merchant, more: dict[str, Any], number: str, expected: str
) -> None:
    session_id = await merchant.session(**NOTHING_SHIPPED, **more)
    assert await saved_phone(merchant, session_id, number) == expected


@pytest.mark.parametrize(
    ("currency", "number", "expected"),
    [
        ("SEK", "0701234567", "+46701234567"),
        ("DKK", "20123456", "+4520123456"),
        ("EUR", "0401234567", "+358401234567"),
        ("PLN", "512345678", "+48512345678"),
        ("GBP", "07400123456", "+447400123456"),
    ],
)
async def test_a_number_is_of_the_currencys_country(
    merchant: Merchant, currency: str, number: str, expected: str
) -> None:
    session_id = str(
        (
            await merchant.post(
                "/v1/sessions-profile", session_body(currency=currency, **NOTHING_SHIPPED)
            )
        )["id"]
    )
    assert await saved_phone(merchant, session_id, number) == expected


async def test_a_known_address_says_the_country_of_a_number(merchant: Merchant) -> None:
    order = session_body()["order"] | {"shipping_address": {**ADDRESS, "country": "SE"}}
    session_id = await merchant.session(**NOTHING_SHIPPED, order=order)
    assert await saved_phone(merchant, session_id, "0701234567") == "+46701234567"


async def test_what_is_no_number_is_said_at_its_field(merchant: Merchant) -> None:
    session_id = await merchant.session(**NOTHING_SHIPPED)
    with pytest.raises(DetailsInvalid) as refused:
        await saved_phone(merchant, session_id, "12345")
    assert [error.field for error in refused.value.errors] == ["phone_number"]
    assert not (await merchant.view(session_id)).details_done


# --- addresses that nobody was asked for ----------------------------------------------------------


async def test_what_the_shop_knows_stays_where_nothing_is_shipped(merchant: Merchant) -> None:
    bill = {**ADDRESS, "address_line": "Regninggata 9", "business_name": "Nordmann AS"}
    order = session_body()["order"] | {"shipping_address": ADDRESS, "billing_address": bill}
    session_id = await merchant.session(**NOTHING_SHIPPED, order=order)
    _, transaction = await paid(merchant, session_id)
    contact = {"email": EMAIL, "phone_number": f"+47{PHONE}"}
    assert transaction["shipping_address"] == {**ADDRESS, **contact}
    assert transaction["billing_address"] == {**bill, **contact}


# --- the shop's update ----------------------------------------------------------------------------


async def put(merchant: Merchant, session_id: str, body: dict[str, Any], status: int = 200) -> Any:
    answer = await merchant.api.put(f"/v1/sessions/{session_id}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def lock(merchant: Merchant, session_id: str) -> None:
    await merchant.post(f"/v1/view/{session_id}/session/lock")


SAME: dict[str, dict[str, Any]] = {
    "nothing": {"order": {}},
    "the amount": {"order": {"amount": 49900}},
    "the items": {"order": {"amount": 40000, "items": "known"}},
    "all of the order as it is read": {"order": "known"},
    "the options": {"order": {}, "express": {"shipping_options": [HOME, SHOP]}},
    "what is null": {"order": {"store": None, "shipping_option": None},
                     "express": {"shipping_options": None}},
    "the option": {"order": {"shipping_option": HOME, "amount": 49900.0}},
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
async def test_an_update_that_changes_nothing_changes_no_version(
    merchant: Merchant, name: str
) -> None:
    session_id = await merchant.ready(express={"shipping_options": [HOME, SHOP]})
    before = await merchant.get(f"/v1/sessions/{session_id}")
    body = copy.deepcopy(SAME[name])
    if body["order"] == "known":
        body["order"] = before["order"]
    elif body["order"].get("items") == "known":
        body["order"]["items"] = before["order"]["items"]
    for _ in range(2):
        await lock(merchant, session_id)
        version = (await merchant.view(session_id)).version
        locked = await merchant.get(f"/v1/sessions/{session_id}")
        after = await put(merchant, session_id, body)
        assert (await merchant.view(session_id)).version == version
        assert after["updated_at"] == locked["updated_at"]
    aside = ("events", "updated_at")
    told = {key: value for key, value in after.items() if key not in aside}
    assert told == {key: value for key, value in before.items() if key not in aside}
    assert not (await merchant.view(session_id)).locked
    kept = after["events"][-2]
    assert kept["name"] == "UPDATE_SESSION"
    assert kept["details"]["updated_order_result"] == {"status": "NOT_MODIFIED"}
    assert kept["details"]["updated_express_result"] == {"status": "NOT_MODIFIED"}
    # A real change is noticed.
    await lock(merchant, session_id)
    version = (await merchant.view(session_id)).version
    await put(merchant, session_id, {"order": {"merchant_reference_2": "two"}})
    assert (await merchant.view(session_id)).version == version + 1


async def test_what_the_shop_has_chosen_stays_in_an_update(merchant: Merchant) -> None:
    """This holds until the shop says otherwise, whatever else it offers."""
    cell = Cell("absent", "empty", "not in the list", "not given", "b2c")
    session_id = await merchant.session(**cell.request())
    changes: tuple[dict[str, object], ...] = (
        {"order": {}, "express": {"shipping_options": []}},
        {"order": {}, "express": {"shipping_options": [HOME, SHOP]}},
        {"order": {"shipping_option": OWN}},
        {"order": {"amount": 40000}},
    )
    for change in changes:
        await lock(merchant, session_id)
        after = await put(merchant, session_id, change)
        assert after["order"]["shipping_option"] == OWN
        assert after["order"]["amount"] == 44900
    await lock(merchant, session_id)
    dearer = {**OWN, "amount": 5900}
    after = await put(merchant, session_id, {"order": {"shipping_option": dearer, "amount": 45900}})
    assert (after["order"]["shipping_option"], after["order"]["amount"]) == (dearer, 45900)
    await lock(merchant, session_id)
    await put(merchant, session_id, {"order": {"shipping_option": {**FAST}}}, 400)
    after = await put(merchant, session_id, {"order": {"shipping_option": HOME}})
    assert (after["order"]["shipping_option"], after["order"]["amount"]) == (HOME, 49900)
    assert [o.selected for o in (await merchant.view(session_id)).shipping_options] == [True, False]


async def test_an_app_names_the_option_that_the_shop_has_chosen(merchant: Merchant) -> None:
    cell = Cell("absent", "three", "not in the list", "not given", "b2c")
    session_id = await merchant.session(**cell.request())
    path = f"/v1/view/{session_id}/session/order/shipping_option"
    answer = await merchant.api.put(path, json=OWN)
    assert answer.status_code == 200, answer.text
    order = answer.json()["order"]
    assert (order["shipping_option"], order["amount"]) == (OWN, 44900)
    assert (await merchant.api.put(path, json={**OWN, "id": "none"})).status_code == 400
    # The shop also offers others, and an app may still choose one of them.
    order = (await merchant.api.put(path, json=HOME)).json()["order"]
    assert (order["shipping_option"], order["amount"]) == (HOME, 49900)


# --- the billing address --------------------------------------------------------------------------

CONTACT = {"email": "kari@example.com", "phone_number": "+4799887766"}


async def test_the_billing_address_is_the_shipping_address(merchant: Merchant) -> None:
    session_id = await merchant.ready()
    expected = {
        "first_name": "Kari",
        "last_name": "Nordmann",
        "address_line": "Storgata 1",
        "postal_code": "0155",
        "postal_place": "Oslo",
        "country": "NO",
        **CONTACT,
    }
    for path in (f"/v1/sessions/{session_id}", f"/v1/view/{session_id}/session"):
        order = (await merchant.get(path))["order"]
        assert order["shipping_address"] == order["billing_address"] == expected
    # The page does not mark it as different, and the payer's next address also applies to both.
    assert (await merchant.view(session_id)).billing_address is None
    await lock(merchant, session_id)
    shown = await put(merchant, session_id, {"order": {"billing_address": expected}})
    moved = {**expected, "address_line": "Storgata 2"}
    path = f"/v1/view/{session_id}/session/order/shipping_address"
    assert (await merchant.api.put(path, json=moved)).status_code == 200
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    assert shown["order"]["billing_address"] == shown["order"]["shipping_address"] == moved


async def test_the_shop_is_asked_with_both_addresses(merchant: Merchant) -> None:
    """The shop hears it by callback and by the message to the page that embeds ours."""
    with CallbackServer().running() as shop:
        shop.answers({"shipping_options": [HOME]})
        express = {"shipping_options": [], "shipping_address_callback_url": shop.url}
        session_id = await merchant.session(express=express)
        shown = await with_address(merchant.ctx, session_id, DETAILS)
        await payer.set_details(merchant.ctx, session_id, DETAILS)
        told = (shown["order"], shop.asked[0]["order"])
    for order in told:
        assert order["billing_address"] == order["shipping_address"]
        contact = {name: order["billing_address"][name] for name in CONTACT}
        assert contact == CONTACT
        assert order["billing_address"]["postal_code"] == "0155"


async def test_an_answer_that_changes_nothing_changes_no_version(merchant: Merchant) -> None:
    """After an update without options we ask the shop again for its shipping options."""
    with CallbackServer().running() as shop:
        shop.answers({"shipping_options": [HOME, SHOP]})
        express = {"shipping_options": [], "shipping_address_callback_url": shop.url}
        session_id = await merchant.session(express=express)
        await payer.set_details(merchant.ctx, session_id, DETAILS)
        await lock(merchant, session_id)
        version = (await merchant.view(session_id)).version
        await put(merchant, session_id, {"order": {"amount": 40000}})
        assert len(shop.asked) == 2
        assert (await merchant.view(session_id)).version == version
        shop.answers({"shipping_options": [{**HOME, "amount": 8900}, SHOP]})
        await lock(merchant, session_id)
        await put(merchant, session_id, {"order": {}})
    assert (await merchant.view(session_id)).order_amount == 48900


async def test_another_billing_address_has_contact_details_too(merchant: Merchant) -> None:
    bill = {**ADDRESS, "address_line": "Regninggata 9"}
    order = session_body()["order"] | {"shipping_address": ADDRESS, "billing_address": bill}
    session_id = await merchant.session(order=order, customer=CONTACT)
    shown = (await merchant.get(f"/v1/sessions/{session_id}"))["order"]
    assert shown["billing_address"] == {**bill, **CONTACT}
    assert shown["shipping_address"] == {**ADDRESS, **CONTACT}


async def test_a_session_that_is_not_express_shows_what_the_shop_sent(merchant: Merchant) -> None:
    await save_profile(merchant.ctx, profile("", "", express=False))
    order = session_body()["order"] | {"shipping_address": ADDRESS}
    session_id = await merchant.session(order=order, configuration=WITHOUT_GIFT_CARDS)
    shown = (await merchant.get(f"/v1/sessions/{session_id}"))["order"]
    assert "billing_address" not in shown
    assert shown["shipping_address"] == ADDRESS


@pytest.mark.parametrize(
    ("types", "default", "allowed", "expected"),
    [
        (["b2c"], None, ["b2c"], True),
        (["b2b"], None, ["b2c"], False),
        (["b2b"], None, ["b2b"], True),
        (["b2c", "b2b"], None, ["b2b"], False),
        (["b2c", "b2b"], "b2b", ["b2b"], True),
        (["b2c"], "b2b", ["b2c"], True),
        (None, None, ["b2c", "b2b"], True),
        (None, None, [], False),
    ],
)
async def test_who_may_give_another_billing_address(
    merchant: Merchant,
    types: list[str] | None,
    default: str | None,
    allowed: list[str],
    expected: bool,
) -> None:
    configuration = session_body()["configuration"] | {
        "allow_different_billing_shipping_address": allowed,
        "default_customer_type": default,
    }
    express = {"customer_types": types} if types else {}
    session_id = await merchant.session(configuration=configuration, express=express)
    assert (await merchant.view(session_id)).billing_allowed is expected
