"""Every field that the public API documents, in one session, one card and one transaction.

Source: `docs/reference/dintero-api.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ADDRESS: dict[str, Any] = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Storgata 1",
    "address_line_2": "H0101", "co_address": "c/o Ola", "business_name": "Nordmann AS",
    "postal_code": "0155", "postal_place": "Oslo", "country": "NO",
    "phone_number": "+4799887766", "email": "kari@example.com", "latitude": 59.9,
    "longitude": 10.7, "comment": "Ring på", "organization_number": "999888777",
    "organization_type": "AS", "customer_reference": "ref", "cost_center": "42",
}  # fmt: skip
STORE: dict[str, Any] = {
    "id": "store-1", "name": "Butikken", "business_name": "Butikken AS",
    "address": {"address_line": "Gata 2"}, "chain": "Kjeden", "email": "shop@example.com",
    "gln": "7080000000000", "organization_number": "911", "phone_number": "+4711111111",
    "mcc": "5411", "bax": "123", "terminal_id": "t-1",
}  # fmt: skip
DISCOUNT_LINE: dict[str, Any] = {
    "amount": 1000, "percentage": 2.5, "discount_type": "customer", "discount_id": "d1",
    "description": "Rabatt", "line_id": 1,
}  # fmt: skip
ITEM: dict[str, Any] = {
    "id": "10", "line_id": "1", "description": "Skjerf", "quantity": 1.5, "amount": 39000,
    "vat_amount": 7800, "vat": 25, "type": "physical", "groups": [{"id": "g", "name": "Klær"}],
    "thumbnail_url": "https://shop.example/1.jpg", "unit_volume": 1.5, "unit_weight": 2,
    "unit_dimensional_weight": 3, "eligible_for_discount": True, "is_changed": False,
    "gross_amount": 40000, "discount_lines": [DISCOUNT_LINE], "store": {"id": "store-1"},
    "emd": {"any": "thing"},
}  # fmt: skip
SHIPPING: dict[str, Any] = {
    "id": "home", "line_id": "s1", "amount": 1000, "operator": "Posten", "title": "Hjem",
    "countries": ["NO"], "vat_amount": 200, "vat": 25, "description": "På døren",
    "delivery_method": "delivery", "operator_product_id": "SERVICEPAKKE",
    "eta": {"starts_at": "2026-12-01T08:00:00Z", "ends_at": "2026-12-01T16:00:00Z"},
    "time_slot": {"starts_at": "2026-12-01T08:00:00Z", "ends_at": "2026-12-01T10:00:00Z"},
    "pick_up_address": {"address_line": "Gata 3", "distance": 1.2}, "metadata": {"a": 1},
    "environmental_data": {"description": "Grønn", "details": [{"label": "CO2", "value": "0"}]},
    "thumbnail_url": "https://shop.example/post.svg", "shipments": [{"id": "a"}],
    "pay_in_store": {"type": "none"},
}  # fmt: skip
ORDER: dict[str, Any] = {
    "amount": 40000, "currency": "NOK", "merchant_reference": "order-1",
    "merchant_reference_2": "second", "event_reference": "event-1", "vat_amount": 8000,
    "items": [ITEM], "partial_payment": False, "shipping_option": SHIPPING,
    "shipping_address": ADDRESS, "billing_address": ADDRESS, "store": STORE,
    "discount_lines": [DISCOUNT_LINE], "discount_codes": ["JUL"], "payout_destination_id": "p-1",
}  # fmt: skip
_METHOD = {"type": "payment_product_type", "enabled": True}
CONFIGURATION: dict[str, Any] = {
    "active_payment_types": {"enabled": True}, "default_payment_type": "dintero_psp.creditcard",
    "auto_capture": False, "channel": "ecommerce",
    "theme": {"backdrop": "#ffffff", "primary": "#102030", "cardRadius": 4, "buttonRadius": 4},
    "countries": {"preferred_country": "NO", "allow_countries": ["NO", "SE"]},
    "default_customer_type": "b2c", "allow_different_billing_shipping_address": ["b2c"],
    "discounts": {"express_discount_codes": {"enabled": True}, "order": {"enabled": True}},
    "allow_express_wallet_payment": True,
    "dintero": {"type": "payment_type", "wallets": _METHOD, "zero": _METHOD},
}  # fmt: skip
EXPRESS: dict[str, Any] = {
    "shipping_options": [SHIPPING], "shipping_mode": "shipping_required",
    "shipping_address_callback_url": "https://shop.example/shipping",
    "discount_codes": {"max_count": 2, "callback_url": "https://shop.example/discounts"},
    "customer_types": ["b2c", "b2b"], "default_different_billing_shipping_address": ["b2b"],
}  # fmt: skip
MERCHANT: dict[str, Any] = {
    "name": "Fjord & Form", "logo_url": "https://shop.example/logo.svg",
    "website": "https://shop.example", "email": "shop@example.com",
    "phone_number": "+4711111111", "merchant_category_code": "5411",
    "platform_type": "marketplace", "country": "NO", "postal_code": "0155",
    "postal_place": "Oslo", "address_line": "Gata 2", "address_line_2": "2. etg.",
}  # fmt: skip
SESSION: dict[str, Any] = {
    "url": {
        "return_url": "https://shop.example/accept?keep=1",
        "callback_url": "https://shop.example/callback",
        "merchant_terms_url": "https://shop.example/terms",
    },
    "order": ORDER,
    "profile_id": "default",
    "customer": {"customer_id": "c-1", "email": "kari@example.com", "phone_number": "+4799887766",
                 "tokens": {"dintero_psp.creditcard": {"payment_token_id": "t-1"}}},
    "configuration": CONFIGURATION,
    "express": EXPRESS,
    "expires_at": "2099-01-01T00:00:00Z",
    "checkboxes": [{"id": "terms", "label": "Vilkår", "checked": False, "required": True,
                    "link": {"url": "https://shop.example/terms", "text": "Les"}}],
    "merchant": MERCHANT,
    "metadata": {"ext:order": "1", "ext:count": 2, "ext:share": 0.5},
}  # fmt: skip
FORMAT: dict[str, Any] = {
    "length": 16, "prefix": "DINCARD:", "symbols": False, "numbers": True, "characters": True,
    "barcode": True,
}  # fmt: skip
CARD: dict[str, Any] = {
    "card_id": "every-field", "amount": 10000, "currency": "NOK", "customer_id": "c-1",
    "name": "Julegave", "type": "gift_card",
    "pin": {"format": {"length": 4, "numbers": True}},
    "card_token": {"format": FORMAT, "expires_in": 86400, "expires_after_transaction": False},
    "active_from": "2020-01-01T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z",
    "originated_by": "kasse 1", "metadata": {"dintero_transaction_id": "T12345678.x"},
}  # fmt: skip
CARD_ANSWER = (
    "id", "card_id", "created_at", "created_by", "customer_id", "name", "type", "status", "amount",
    "currency", "originated_by", "metadata", "active_from", "expires_at", "pin", "tokens",
    "amount_balance", "amount_available", "amount_funds", "amount_drawdown", "amount_pending",
    "amount_reserved",
)  # fmt: skip
WALLET_ANSWER = (
    "id", "ref_id", "amount", "currency", "created_at", "created_by", "metadata", "originated_by",
    "type",
)  # fmt: skip
SESSION_ANSWER = (
    "id", "created_at", "updated_at", "expires_at", "customer_ip", "user_agent",
    "payment_operation", "events", "transaction_id", "url", "order", "customer", "configuration",
    "express", "checkboxes", "merchant", "metadata", "profile_id",
)  # fmt: skip
TRANSACTION_ANSWER = (
    "id", "created_at", "updated_at", "session_id", "status", "merchant_reference",
    "merchant_reference_2", "channel", "payout_destination_id", "payment_operation",
    "settlement_status", "payment_product", "payment_product_type", "amount", "currency",
    "customer", "customer_ip", "user_agent", "shipping_address", "billing_address",
    "shipping_option", "store", "card", "gift_cards", "items", "url", "events", "metadata",
    "checkboxes",
)  # fmt: skip
EVENT_ANSWER = (
    "id", "event", "transaction_status", "success", "amount", "items", "gift_cards", "created_at",
    "created_by", "request_id", "event_reference", "metadata", "calculated_vat_amount",
)  # fmt: skip


def names(value: Any) -> Iterator[str]:
    """Return the name of every field at any depth. Keys of metadata are the merchant's and do not
    count."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            if key not in ("metadata", "emd", "tokens"):
                yield from names(part)
    elif isinstance(value, list):
        for part in value:
            yield from names(part)
