"""Shops also send empty objects, numbers for texts, blanks around addresses and countries without
inhabitants. The tests check what a refusal then says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.refusals import refused
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, session_body


@pytest.mark.parametrize("empty", [[], {}])
async def test_an_empty_object_that_needs_a_field_is_not_given(
    merchant: Merchant, empty: Any
) -> None:
    """PHP writes an order without shipping as `[]`. It contains nothing to read."""
    body = session_body(checkboxes=[{"id": "news", "label": "News", "link": empty}])
    body["order"]["shipping_option"] = empty
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    answer = await merchant.api.put(path, json={"order": {"shipping_option": empty}})
    assert answer.status_code == 200, answer.text
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    assert "shipping_option" not in shown["order"] and "link" not in shown["checkboxes"][0]
    assert (shown["order"]["amount"], (await merchant.view(session_id)).to_pay) == (40000, 40000)


async def test_a_transaction_gets_a_second_number_later(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    path = f"/v1/transactions/{await merchant.paid(card_gateway)}"
    for sent, kept in ((1234, "1234"), ("A-1", "A-1"), (5.0, "5")):
        answer = await merchant.api.put(path, json={"merchant_reference_2": sent})
        assert (answer.status_code, answer.json().get("merchant_reference_2")) == (200, kept)
        found = await merchant.get(f"/v1/transactions?merchant_reference_2={kept}")
        assert [one["id"] for one in found] == [path.rpartition("/")[2]]


async def test_addresses_with_blanks_around_them(merchant: Merchant) -> None:
    url = {
        "return_url": " https://shop.example/back?a=1\n",
        "callback_url": "https://shop.example/callback ",
        "merchant_terms_url": "\thttps://shop.example/terms",
    }
    shown = await merchant.get(f"/v1/sessions/{await merchant.session(url=url)}")
    assert shown["url"] == {name: address.strip() for name, address in url.items()}
    wrong = session_body(url=url | {"return_url": " javascript://shop.example/%0aalert(1)"})
    await merchant.post("/v1/sessions-profile", wrong, expect=400)


async def test_a_refusal_names_the_field_and_not_its_types(merchant: Merchant) -> None:
    """An error appears once for a field that may be a number of either kind, or a number or a
    text."""
    body = session_body(metadata={"int": True, "OrderNumber": []})
    body["order"]["items"][0] |= {"quantity": [], "vat": "25 %"}
    body["order"]["discount_lines"] = [{"line_id": 1.5}]
    answer = await merchant.post("/v1/sessions-profile", body, expect=400)
    assert {one["field"]: one["message"] for one in answer["error"]["errors"]} == {
        "order.items.0.quantity": "must be a number; a list was sent",
        "order.items.0.vat": 'must be a number; "25 %" was sent',
        "order.discount_lines.0.line_id": "must be an integer or a text; 1.5 was sent",
        "metadata.int": "must be a text or a number; true was sent",
        "metadata.OrderNumber": "must be a text or a number; a list was sent",
    }
    refund = {"amount": 1, "refund_to": {"card_id": 5}}
    answer = await merchant.post("/v1/transactions/T12345678.x/refund", refund, expect=400)
    fields = [one["field"] for one in answer["error"]["errors"]]
    assert fields == ["refund_to", "refund_to.card_id"]


@pytest.mark.parametrize("allowed", [["EU"], ["XX", "ZZ"], ["AN"]])
async def test_a_session_that_no_country_can_pay_is_refused(
    merchant: Merchant, allowed: list[str]
) -> None:
    countries = {"countries": {"allow_countries": allowed}}
    await refused(merchant, "configuration.countries", configuration=countries, express={})
    not_shipped = {"shipping_mode": "shipping_not_required"}
    await merchant.session(configuration=countries, express=not_shipped)
    await merchant.session(
        configuration={"countries": {"allow_countries": [*allowed, "NOR"]}}, express={}
    )
