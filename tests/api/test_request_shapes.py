"""We refuse parts of a request in another form than documented at once, because each later step
reads them. `docs/reference/dintero-api.md#order`, `#configuration`, `#express`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.checkout import Merchant, session_body


def _configuration(**parts: Any) -> dict[str, Any]:
    return {"configuration": {"active_payment_types": {"enabled": True}} | parts}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (_configuration(dintero_psp="x"), "dintero_psp"),
        (_configuration(dintero_psp={"creditcard": 5}), "dintero_psp.creditcard"),
        (_configuration(dintero=[]), "dintero"),
        (_configuration(dintero={"wallets": {"enabled": "yes"}}), "dintero.wallets"),
        (_configuration(vipps=True), "vipps"),
        (_configuration(active_payment_types={"enabled": 1}), "active_payment_types"),
        ({"express": {"discount_codes": "x"}}, "express.discount_codes"),
        ({"express": {"discount_codes": {"max_count": "many"}}}, "discount_codes.max_count"),
        ({"express": {"discount_codes": {"callback_url": 5}}}, "discount_codes.callback_url"),
        ({"express": {"shipping_address_callback_url": "http://[x"}}, "callback_url"),
    ],
)
async def test_another_form_is_refused(
    merchant: Merchant, more: dict[str, Any], field: str
) -> None:
    answer = await merchant.post("/v1/sessions-profile", session_body(**more), expect=400)
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"
    assert field in answer["error"]["message"]


@pytest.mark.parametrize(
    "part",
    [{"discount_codes": 5}, {"discount_lines": "x"}, {"store": "x"}, {"event_reference": [5]}],
)
async def test_another_form_of_an_orders_part_is_refused(
    merchant: Merchant, part: dict[str, Any]
) -> None:
    body = session_body()
    body["order"] |= part
    await merchant.post("/v1/sessions-profile", body, expect=400)
    session_id = await merchant.session()
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    answer = await merchant.api.put(path, json={"order": part})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("name", ["quantity", "vat"])
async def test_a_number_that_cannot_be_written_is_refused(merchant: Merchant, name: str) -> None:
    """The page of such a session would show its payer an error."""
    body = session_body()
    body["order"]["items"][0][name] = 10**400
    answer = await merchant.post("/v1/sessions-profile", body, expect=400)
    assert f"order.items.0.{name}" in answer["error"]["message"]
    session_id = await merchant.session()
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    change = {"order": {"items": body["order"]["items"]}}
    assert (await merchant.api.put(path, json=change)).status_code == 400
    assert (await merchant.view(session_id)).lines[0].quantity == "2"


async def test_what_is_null_says_nothing(merchant: Merchant) -> None:
    parts = {"dintero_psp": None, "vipps": None, "klarna": {"klarna": None}, "ext": [1]}
    session_id = await merchant.session(**_configuration(**parts))
    shown = (await merchant.get(f"/v1/sessions/{session_id}"))["configuration"]
    assert shown["dintero_psp"]["creditcard"]["payability"] == "payable"
    assert shown["ext"] == [1]
