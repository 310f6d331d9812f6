"""OpenCart with the extension 1.7: what it sends, and what it reads.

It writes its JSON as text by hand, knows no callback, and sends the same body with every operation:
the whole amount, the order's first product, and the rest in a line called `shipping`. So it
captures, refunds and voids whole orders only. A part refund is done outside of it, and its button
for the status reads it back.
"""

from __future__ import annotations

import pytest

from tests.support.plugin import PROFILE, Plugin, last_event, lines

CREATE = """{
  "url": {"return_url": "https://shop.example/index.php?route=extension/payment/dintero/callback"},
  "customer": {"email": "kari@example.no", "phone_number": "%(telephone)s"},
  "order": {
    "amount": %(amount)s,
    "vat_amount": 17994,
    "currency": "NOK",
    "merchant_reference": "42",
    "shipping_address": {
      "first_name": "Kari", "last_name": "Nordmann", "address_line": "Karl Johans gate 1 ",
      "postal_code": "0154", "postal_place": "%(zone)s", "country": "NO"
    },
    "billing_address": {
      "first_name": "Kari", "last_name": "Nordmann", "address_line": "Karl Johans gate 1 ",
      "postal_code": "0154", "postal_place": "%(zone)s", "country": "NO"
    },
    "items": [
      {"id": "1", "line_id": "311", "description": "Ullpledd &amp; pute", "quantity": 2,
       "amount": 59980, "vat_amount": 5998, "vat": 25},
      {"id": "2", "line_id": "312", "description": "Lue", "quantity": 1,
       "amount": 19990, "vat_amount": 3998, "vat": 25}%(shipping)s
    ]
  },
  "profile_id": "%(profile)s"
}"""
SHIPPING = """,
      {"id": "3", "line_id": "shipping", "description": "Shipping", "quantity": 1,
       "amount": 9900, "vat_amount": 7998, "vat": 25}"""
WHOLE = """
{ "amount": 89870, "reason": "shipped",
  "items": [{"line_id": "311","amount": 59980},{"line_id": "shipping", "amount": 29890}]}"""


def order(telephone: str = "41234567", zone: str = "Oslo", amount: int = 89870) -> str:
    shipping = SHIPPING if amount == 89870 else ""
    facts = {"telephone": telephone, "zone": zone, "amount": amount, "shipping": shipping}
    return CREATE % {**facts, "profile": PROFILE}


@pytest.fixture
async def opencart(plugin: Plugin) -> Plugin:
    plugin.headers = {"content-type": "application/json", "cache-control": "no-cache"}
    token = await plugin.signs_in({"type": "any", "scope": ["regular", "receipts:write"]})
    assert "error" not in token
    assert token["access_token"]
    return plugin


async def created(opencart: Plugin, text: str) -> str:
    made = await opencart.asks("POST", "sessions-profile", raw=text)
    assert "error" not in made
    assert made["url"].endswith(made["id"])
    return str(made["id"])


async def paid(opencart: Plugin) -> str:
    session_id = await created(opencart, order())
    back = await opencart.payer_pays(session_id, 89870)
    # The route of the shop stands in the query too, and must still be there.
    assert back["route"] == "extension/payment/dintero/callback"
    assert back["merchant_reference"] == "42"
    assert "error" not in back
    return back["transaction_id"]


async def status(opencart: Plugin, transaction_id: str) -> str:
    """What the shop reads after every operation."""
    read = await opencart.asks("GET", f"transactions/{transaction_id}")
    assert (read["id"], read["merchant_reference"]) == (transaction_id, "42")
    return str(read["status"])


async def test_a_whole_life(opencart: Plugin) -> None:
    transaction_id = await paid(opencart)
    assert await status(opencart, transaction_id) == "AUTHORIZED"
    path = f"transactions/{transaction_id}"
    captured = await opencart.asks("POST", f"{path}/capture", raw=WHOLE)
    assert "error" not in captured
    assert lines(last_event(captured, "CAPTURE")) == [("311", 59980), ("shipping", 29890)]
    assert await status(opencart, transaction_id) == "CAPTURED"
    refunded = await opencart.asks("POST", f"{path}/refund", raw=WHOLE)
    assert "error" not in refunded
    assert lines(last_event(refunded, "REFUND")) == [("311", 59980), ("shipping", 29890)]
    assert await status(opencart, transaction_id) == "REFUNDED"


async def test_a_part_that_was_given_back_outside_of_the_shop(opencart: Plugin) -> None:
    transaction_id = await paid(opencart)
    path = f"transactions/{transaction_id}"
    part = '{"amount": 19990, "reason": "shipped", "items": [{"line_id": "312","amount": 19991}]}'
    await opencart.asks("POST", f"{path}/capture", raw=part)
    assert await status(opencart, transaction_id) == "PARTIALLY_CAPTURED"
    await opencart.asks("POST", f"{path}/capture", raw='{"amount": 69880}')
    await opencart.asks("POST", f"{path}/refund", raw=part)
    assert await status(opencart, transaction_id) == "PARTIALLY_REFUNDED"
    # The button refunds the whole order again: more than is left, which the shop is told.
    refused = await opencart.asks("POST", f"{path}/refund", raw=WHOLE, expect=400)
    shown = [refused["error"]["message"], *(one["message"] for one in refused["error"]["errors"])]
    assert len(shown) > 1
    assert all(shown)
    assert await status(opencart, transaction_id) == "PARTIALLY_REFUNDED"


async def test_an_order_that_is_voided(opencart: Plugin) -> None:
    """The request has a body, like every operation of the extension."""
    transaction_id = await paid(opencart)
    voided = await opencart.asks("POST", f"transactions/{transaction_id}/void", raw=WHOLE)
    assert "error" not in voided
    assert await status(opencart, transaction_id) == "AUTHORIZATION_VOIDED"


async def test_a_capture_at_once(opencart: Plugin) -> None:
    """With the setting for it, the shop captures when the payer comes back, before it answers."""
    transaction_id = await paid(opencart)
    await opencart.asks("POST", f"transactions/{transaction_id}/capture", raw=WHOLE)
    assert await status(opencart, transaction_id) == "CAPTURED"


@pytest.mark.parametrize(
    "telephone",
    ["+47 412 34 567", "(+47) 412-34-567", "0047 41234567", "412 34 567", "", "ring mannen min"],
)
async def test_a_telephone_number_as_the_buyer_typed_it(opencart: Plugin, telephone: str) -> None:
    """The field of the shop takes anything, and no number is a reason not to sell."""
    session_id = await created(opencart, order(telephone))
    back = await opencart.payer_pays(session_id, 89870)
    assert await status(opencart, back["transaction_id"]) == "AUTHORIZED"


async def test_a_place_without_a_zone(opencart: Plugin) -> None:
    """A country without zones gives an empty place; and there is nothing to ship."""
    session_id = await created(opencart, order(zone="", amount=79970))
    back = await opencart.payer_pays(session_id, 79970)
    assert await status(opencart, back["transaction_id"]) == "AUTHORIZED"


async def test_what_is_refused_is_shown_to_the_buyer(opencart: Plugin) -> None:
    """The shop shows the message, and the message of each error in the list."""
    wrong = order().replace('"currency": "NOK"', '"currency": "KRONER"')
    refused = await opencart.asks("POST", "sessions-profile", raw=wrong, expect=400)
    errors = refused["error"]["errors"]
    assert [bool(one["message"]) for one in errors] == [True]
    assert errors[0]["message"] == errors[0]["description"]
    assert "currency" in refused["error"]["message"]
