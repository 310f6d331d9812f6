"""The parts of an order in the API's answers, for its OpenAPI description. Amounts are minor units.

Source: `docs/reference/dintero-api.md#order`.
"""

from __future__ import annotations

from typing import Literal

from backend.api.answer_model import Open


class GiftCard(Open):
    """A gift card's part, minor units."""

    type: Literal["dintero.wallets"]
    card_id: str
    amount: int
    masked_card_token: str


class EventGiftCard(GiftCard):
    """`transaction_id` is the id of the wallet transaction."""

    transaction_id: str | None = None


class AddressAnswer(Open):
    first_name: str | None = None
    last_name: str | None = None
    address_line: str | None = None
    address_line_2: str | None = None
    co_address: str | None = None
    business_name: str | None = None
    postal_code: str | None = None
    postal_place: str | None = None
    country: str | None = None
    phone_number: str | None = None
    email: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    comment: str | None = None
    organization_number: str | None = None
    organization_type: str | None = None
    customer_reference: str | None = None
    cost_center: str | None = None


class DiscountLineAnswer(Open):
    amount: int | None = None
    percentage: float | None = None
    discount_type: str | None = None
    discount_id: str | None = None
    description: str | None = None
    line_id: int | str | None = None


class EventItem(Open):
    """A line of a capture or a refund. Amounts in minor units."""

    id: str | None = None
    line_id: str | None = None
    description: str | None = None
    quantity: float | None = None
    amount: int | None = None
    vat_amount: int | None = None
    vat: float | None = None
    type: str | None = None


class ItemAnswer(EventItem):
    eligible_for_discount: bool
    is_changed: bool | None = None
    gross_amount: int | None = None
    discount_lines: list[DiscountLineAnswer] | None = None
    thumbnail_url: str | None = None
    unit_volume: float | None = None
    unit_weight: float | None = None
    unit_dimensional_weight: float | None = None


class PickUpAnswer(AddressAnswer):
    distance: float | None = None


class ShippingOptionAnswer(Open):
    id: str
    line_id: str
    amount: int
    operator: str
    title: str
    description: str | None = None
    vat_amount: int | None = None
    vat: float | None = None
    countries: list[str] | None = None
    delivery_method: str | None = None
    operator_product_id: str | None = None
    pick_up_address: PickUpAnswer | None = None
    thumbnail_url: str | None = None


class StoreAnswer(Open):
    id: str | None = None
    name: str | None = None
    terminal_id: str | None = None


class OrderAnswer(Open):
    amount: int
    currency: str
    merchant_reference: str
    merchant_reference_2: str | None = None
    event_reference: str | None = None
    vat_amount: int | None = None
    gross_amount: int | None = None
    partial_payment: bool
    items: list[ItemAnswer] | None = None
    shipping_option: ShippingOptionAnswer | None = None
    shipping_address: AddressAnswer | None = None
    billing_address: AddressAnswer | None = None
    store: StoreAnswer | None = None
    discount_codes: list[str] | None = None
    discount_lines: list[DiscountLineAnswer] | None = None
    payout_destination_id: str | None = None
    gift_cards: list[GiftCard]
