"""The parts of an order, as requests and the shop's callbacks send them.

Source: `docs/reference/dintero-api.md#order`. Amounts are minor units.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from backend.sessions.fields import (
    Amount,
    Country,
    Currency,
    Flag,
    LineNumber,
    LongText,
    Metadata,
    Number,
    Part,
    PayerPhone,
    Phone,
    PictureUrl,
    ShownAmount,
    SignedAmount,
    Text,
    Words,
)
from backend.sessions.reading import Known, Loose


class Address(Loose):
    first_name: Words | None = None
    last_name: Words | None = None
    address_line: Words | None = None
    address_line_2: Words | None = None
    co_address: Words | None = None
    business_name: Words | None = None
    postal_code: Words | None = None
    postal_place: Words | None = None
    country: Country | None = None
    phone_number: Phone | None = None
    email: Words | None = None
    latitude: Number | None = None
    longitude: Number | None = None
    comment: LongText | None = None
    organization_number: Words | None = None
    organization_type: Words | None = None
    customer_reference: Words | None = None
    cost_center: Words | None = None


class PayerAddress(Known):
    """An address that a payer gives. It has all the fields of Dintero's description."""

    first_name: Text | None = None
    last_name: Text | None = None
    address_line: Text | None = None
    address_line_2: Text | None = None
    co_address: Text | None = None
    business_name: Text | None = None
    postal_code: Text | None = None
    postal_place: Text | None = None
    country: Country | None = None
    phone_number: PayerPhone | None = None
    email: Text | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    comment: Annotated[str, Field(max_length=1024)] | None = None
    organization_number: Text | None = None
    organization_type: Text | None = None
    customer_reference: Text | None = None
    cost_center: Text | None = None


class DiscountLine(Loose):
    amount: ShownAmount | None = None
    percentage: Number | None = None
    discount_type: Words | None = None
    discount_id: Words | None = None
    description: LongText | None = None
    line_id: LineNumber | None = None


class Split(Loose):
    payout_destination_id: Words | None = None
    amount: SignedAmount | None = None


class StoreAddress(Loose):
    address_line: Words | None = None
    address_line_2: Words | None = None
    postal_code: Words | None = None
    postal_place: Words | None = None
    country: Words | None = None


class Store(Loose):
    """The seller of an order or an item. Without an `id` it is the merchant."""

    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset({"address"})

    id: Words | None = None
    name: Words | None = None
    business_name: Words | None = None
    address: StoreAddress | None = None
    chain: Words | None = None
    email: Words | None = None
    gln: Words | None = None
    organization_number: Words | None = None
    phone_number: Words | None = None
    mcc: Words | None = None
    bax: Words | None = None
    terminal_id: Words | None = None
    payout_destination_id: Words | None = None


class Group(Loose):
    id: Words | None = None
    name: Words | None = None


class Item(Loose):
    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset({"store", "fee_split", "emd"})

    id: Words | None = None
    line_id: Words | None = None
    description: LongText | None = None
    quantity: Number | None = None
    amount: SignedAmount | None = None
    vat_amount: ShownAmount | None = None
    vat: Number | None = None
    type: Words | None = None
    groups: list[Group] | None = None
    gross_amount: ShownAmount | None = None
    eligible_for_discount: Flag | None = None
    is_changed: Flag | None = None
    discount_lines: list[DiscountLine] | None = None
    unit_volume: Number | None = None
    unit_weight: Number | None = None
    unit_dimensional_weight: Number | None = None
    splits: list[Split] | None = None
    fee_split: Part | None = None
    thumbnail_url: PictureUrl | None = None
    store: Store | None = None
    emd: Part | None = None


class PickUpAddress(Address):
    distance: Number | None = None
    website_url: PictureUrl | None = None
    opening_hours: Part | None = None


class ShippingOption(Loose):
    """Only `amount` is required, because only the amount binds. `id`, `line_id`, `operator` and
    `title` may be left out."""

    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset(
        {"eta", "time_slot", "pick_up_address", "environmental_data", "fee_split", "pay_in_store"}
    )

    id: Words = ""
    line_id: Words = ""
    amount: Amount
    operator: Words = ""
    title: Words = ""
    description: LongText | None = None
    vat_amount: ShownAmount | None = None
    vat: Number | None = None
    countries: list[Country] | None = None
    delivery_method: Words | None = None
    operator_product_id: Words | None = None
    eta: Part | None = None
    time_slot: Part | None = None
    pick_up_address: PickUpAddress | None = None
    metadata: Metadata | None = None
    environmental_data: Part | None = None
    thumbnail_url: PictureUrl | None = None
    shipments: list[Part] | None = None
    pay_in_store: Part | None = None
    splits: list[Split] | None = None
    fee_split: Part | None = None

    @model_validator(mode="after")
    def _named(self) -> ShippingOption:
        """Fill `id`, by which the option is chosen, and `line_id`, by which it is captured. Each
        stands in for the other."""
        self.id = self.id or self.line_id or "shipping"
        self.line_id = self.line_id or self.id
        self.title = self.title or self.id
        self.operator = self.operator or ""
        return self


class OrderParts(Loose):
    """What an order has besides its amount, wherever it is sent."""

    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset(
        {"shipping_option", "shipping_address", "billing_address", "store"}
    )

    merchant_reference_2: Words | None = None
    event_reference: Words | None = None
    vat_amount: ShownAmount | None = None
    items: Annotated[list[Item], Field(max_length=1000)] | None = None
    shipping_option: ShippingOption | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    store: Store | None = None
    discount_codes: Annotated[list[Words], Field(max_length=100)] | None = None
    discount_lines: list[DiscountLine] | None = None
    gross_amount: ShownAmount | None = None
    is_changed: Flag | None = None
    payout_destination_id: Annotated[Words, Field(max_length=40)] | None = None


class Order(OrderParts):
    """`merchant_reference` is empty if the shop has no number for the order yet."""

    amount: Amount
    currency: Currency
    merchant_reference: Words = ""
    partial_payment: Flag = False
