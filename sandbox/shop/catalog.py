"""The shop's goods, and the order and session requests for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sandbox.shop.config import ShopConfig

SHOP_NAME = "Fjord & Form"
CURRENCY = "NOK"
LANGUAGES = {"nb": "Norsk (bokmål)", "en": "English"}


@dataclass(frozen=True, slots=True)
class Product:
    """A product. `amount` and `vat_amount` are in minor units for the whole line; `vat` is in
    percent."""

    slug: str
    item_id: str
    name: str
    text: str
    quantity: int
    amount: int
    vat: int
    vat_amount: int


def _with_vat(slug: str, item_id: str, name: str, text: str, amount: int) -> Product:
    vat = 25
    return Product(slug, item_id, name, text, 1, amount, vat, round(amount * vat / (100 + vat)))


PRODUCTS: tuple[Product, ...] = (
    _with_vat(
        "ullpledd-fjaere",
        "21",
        "Ullpledd Fjære",
        "A throw of Norwegian lambswool, woven in Røros. 130 × 180 cm.",
        40000,
    ),
    # This is the order of the gift-card documentation, with its figures
    # (docs/reference/gift-cards.md, both example requests).
    Product(
        "forsvinnignspoelse",
        "10",
        "Forsvinnignspølse",
        "The sausage that is gone before you know it. Two pieces, for the quick.",
        2,
        72200,
        20,
        13660,
    ),
    _with_vat(
        "lampe-skumring",
        "34",
        "Lampe Skumring",
        "A lamp for the blue hour: opal glass on a foot of turned oak.",
        189000,
    ),
    _with_vat(
        "kopp-skjaer",
        "47",
        "Kopp Skjær",
        "A mug thrown by hand in Bergen. The glaze differs from one to the next.",
        14900,
    ),
    _with_vat(
        "lys-midnatt",
        "52",
        "Lys Midnatt",
        "A candle of rapeseed wax that smells of juniper and rain.",
        8900,
    ),
    _with_vat(
        "katalog-vinter",
        "60",
        "Katalog Vinter",
        "Our winter catalogue on paper. Costs nothing, and so does the postage.",
        0,
    ),
)

SHIPPING_OPTIONS: tuple[dict[str, Any], ...] = (
    {
        "id": "pakke-i-postkassen",
        "line_id": "shipping-1",
        "amount": 4900,
        "vat_amount": 980,
        "vat": 25,
        "operator": "Posten",
        "title": "Pakke i postkassen",
        "description": "2–4 dager / days",
        "delivery_method": "delivery",
        "countries": ["NO"],
    },
    {
        "id": "hent-i-butikken",
        "line_id": "shipping-2",
        "amount": 0,
        "vat_amount": 0,
        "vat": 25,
        "operator": SHOP_NAME,
        "title": "Hent i butikken",
        "description": "Skostredet 9, Bergen",
        "delivery_method": "pick_up",
        "countries": ["NO"],
    },
)


def find_product(slug: str) -> Product | None:
    return next((product for product in PRODUCTS if product.slug == slug), None)


def session_request(
    config: ShopConfig,
    product: Product,
    reference: str,
    *,
    preset_card_id: str | None,
    with_shipping: bool,
) -> dict[str, Any]:
    """Return the body of POST /v1/sessions-profile, after the two documented examples
    (docs/reference/gift-cards.md). `zero` is asked for if the rest may be nothing: with a preset
    card, and for an order of nothing. Amounts are in minor units."""
    dintero: dict[str, Any] = {
        "type": "payment_type",
        "wallets": {"type": "payment_product_type", "enabled": True},
    }
    if preset_card_id is not None or product.amount == 0:
        dintero["zero"] = {
            "type": "payment_product_type",
            "enabled": True,
            "payability": "payable",
        }
    body: dict[str, Any] = {
        "url": {
            "return_url": f"{config.shop_url}/orders/{reference}",
            "callback_url": f"{config.shop_url}/callback?{_CALLBACK_QUERY}",
            "merchant_terms_url": f"{config.shop_url}/terms",
        },
        "order": {
            "amount": product.amount,
            "currency": CURRENCY,
            "vat_amount": product.vat_amount,
            "items": [
                {
                    "amount": product.amount,
                    "quantity": product.quantity,
                    "line_id": "1",
                    "description": product.name,
                    "vat": product.vat,
                    "id": product.item_id,
                }
            ],
            "merchant_reference": reference,
        },
        "configuration": {"active_payment_types": {"enabled": True}, "dintero": dintero},
        "profile_id": config.profile_id,
        "merchant": {"name": SHOP_NAME, "logo_url": f"{config.shop_url}/static/logo.svg"},
    }
    if preset_card_id is not None:
        body["customer"] = {"gift_cards": {"dintero.wallets": [{"card_id": preset_card_id}]}}
    if with_shipping:
        # order.amount stays without shipping: the payer's choice is added to it
        # (docs/reference/dintero-api.md#amounts-and-validation).
        body["express"] = {
            "shipping_options": [dict(option) for option in SHIPPING_OPTIONS],
            "shipping_mode": "shipping_required",
        }
    return body


# GET when authorized, and again on each of these (docs/reference/dintero-api.md#callback).
_CALLBACK_QUERY = urlencode(
    [("method", "GET")] + [("report_event", event) for event in ("CAPTURE", "REFUND", "VOID")]
)
