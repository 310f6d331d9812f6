"""Sessions and transactions as the API answers them, for its OpenAPI description.

Source: `docs/reference/dintero-api.md`. Fields in which a merchant may send any value, such as the
`type` of a line, have no list of values here.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from backend.api.answer_model import Moment, Open
from backend.api.order_answers import (
    AddressAnswer,
    EventGiftCard,
    EventItem,
    GiftCard,
    ItemAnswer,
    OrderAnswer,
    ShippingOptionAnswer,
    StoreAnswer,
)

Status = Literal[
    "INITIATED",
    "AUTHORIZED",
    "AUTHORIZATION_VOIDED",
    "CAPTURED",
    "PARTIALLY_CAPTURED",
    "PARTIALLY_CAPTURED_REFUNDED",
    "REFUNDED",
    "PARTIALLY_REFUNDED",
    "DECLINED",
    "FAILED",
    "UNKNOWN",
    "ON_HOLD",
]
EventKind = Literal[
    "INITIALIZE",
    "AUTHORIZE",
    "CAPTURE",
    "REFUND",
    "VOID",
    "INITIATE_CAPTURE",
    "INITIATE_REFUND",
    "INITIATE_VOID",
    "SETTLEMENT",
]
SessionEventName = Literal[
    "INITIATED",
    "VISITED",
    "COMPLETED",
    "AUTHORIZED",
    "DECLINED",
    "PAY_LOCK_START",
    "PAY_LOCK_META",
    "PAY_LOCK_END",
    "PAY_FAILED",
    "ON_HOLD_CALLBACK_SENT",
    "AUTH_CALLBACK_SENT",
    "FAILED",
    "UNKNOWN",
    "PAYMENT_TOKEN_FLOW_START",
    "UPDATE_SESSION",
    "CANCELLED",
    "SET_BILLING_ADDRESS",
    "SET_DISCOUNT_CODES",
    "SET_SHIPPING_ADDRESS",
    "SET_SHIPPING_OPTION",
    "SET_GIFT_CARD",
    "PUSH_NOTIFICATION_SENT",
    "SECRET_CONFIRMATION_CODE_SENT",
    "SET_MY_DINTERO",
    "ADD_PAYMENT_INFORMATION",
]
PaymentProduct = Literal[
    "bambora",
    "collector",
    "dintero",
    "dintero_psp",
    "instabank",
    "klarna",
    "netaxept",
    "payex",
    "santander",
    "swish",
    "vipps",
    "kravia",
    "two",
    "seitatech",
]
Operation = Literal["unscheduled_purchase", "recurring_purchase", "generate_payment_token"]
CustomerType = Literal["b2c", "b2b"]
Channel = Literal["ecommerce", "in_app", "in_store"]


class UrlAnswer(Open):
    return_url: str
    callback_url: str | None = None
    merchant_terms_url: str | None = None


class PublicUrlAnswer(Open):
    return_url: str
    merchant_terms_url: str | None = None


class ConfigurationMerchant(Open):
    id: str
    name: str
    logo_url: str | None = None
    country: str | None = None


class ConfigurationAnswer(Open):
    channel: Channel
    auto_capture: bool
    allow_express_wallet_payment: bool
    allow_different_billing_shipping_address: list[CustomerType]
    default_payment_type: str | None = None
    default_customer_type: CustomerType | None = None
    merchant: ConfigurationMerchant


class ExpressDiscountAnswer(Open):
    max_count: int | None = None
    callback_url: str | None = None


class ExpressAnswer(Open):
    shipping_mode: Literal["shipping_required", "shipping_not_required"]
    customer_types: list[CustomerType]
    default_different_billing_shipping_address: list[CustomerType]
    shipping_options: list[ShippingOptionAnswer] | None = None
    shipping_address_callback_url: str | None = None
    discount_codes: ExpressDiscountAnswer | None = None


class CustomerAnswer(Open):
    customer_id: str | None = None
    email: str | None = None
    phone_number: str | None = None


class LinkAnswer(Open):
    url: str
    text: str


class CheckboxAnswer(Open):
    id: str
    label: str
    checked: bool | None = None
    required: bool | None = None
    link: LinkAnswer | None = None


class SessionEvent(Open):
    """`own_name` is present if only we have such an event. `name` is then one that clients
    expect."""

    id: str
    name: SessionEventName
    own_name: str | None = None
    created_at: Moment
    request_id: str
    request_headers: dict[str, str] | None = None
    details: dict[str, Any]


class PresetWarning(BaseModel):
    """Why a preset gift card does not pay, or pays less than it could."""

    code: str
    field: str
    message: str


class RemainderAnswer(Open):
    """`gift_card_amount` (minor units) is null if no share of the gift card leaves an amount that
    can be paid."""

    nullable: ClassVar[frozenset[str]] = frozenset({"gift_card_amount"})

    reason: str
    amount: int
    minimum: int
    gift_card_amount: int | None


class PublishAnswer(Open):
    id: str
    channel: Literal["sms", "push"]
    type: Literal["checkout-link", "app", "terminal"]
    status: Literal["sent", "skipped", "failed"]


class Session(Open):
    id: str
    created_at: Moment
    updated_at: Moment
    expires_at: Moment
    profile_id: str | None = None
    payment_operation: Operation
    order: OrderAnswer
    url: UrlAnswer
    customer: CustomerAnswer | None = None
    configuration: ConfigurationAnswer
    express: ExpressAnswer | None = None
    checkboxes: list[CheckboxAnswer] | None = None
    events: list[SessionEvent]
    metadata: dict[str, Any]
    customer_ip: str | None = None
    user_agent: str | None = None
    transaction_id: str | None = None
    cancelled_at: Moment | None = None
    cancelled_by: str | None = None
    initiating_system_request_headers: dict[str, str] | None = None
    warnings: list[PresetWarning] | None = None
    remainder: RemainderAnswer | None = None


class PayLockAnswer(BaseModel):
    pay_lock_id: str


class PublicExpress(Open):
    shipping_mode: Literal["shipping_required", "shipping_not_required"]
    customer_types: list[CustomerType]
    shipping_options: list[ShippingOptionAnswer] | None = None
    discount_codes: ExpressDiscountAnswer | None = None


class PayerOperation(Open):
    method: str
    href: str
    rel: str
    content_type: str


class PublicSession(Open):
    """A session without the merchant's secrets and without events."""

    id: str
    created_at: Moment
    updated_at: Moment
    expires_at: Moment
    payment_operation: Operation
    order: OrderAnswer
    url: PublicUrlAnswer
    customer: CustomerAnswer | None = None
    configuration: ConfigurationAnswer
    express: PublicExpress | None = None
    checkboxes: list[CheckboxAnswer] | None = None
    transaction_id: str | None = None
    cancelled_at: Moment | None = None
    operations: list[PayerOperation]
    warnings: list[PresetWarning] | None = None
    remainder: RemainderAnswer | None = None
    pay_lock: PayLockAnswer | None = None


class SessionCreated(Open):
    id: str
    url: str
    publish: list[PublishAnswer] | None = None
    warnings: list[PresetWarning] | None = None
    session: Session | None = None


class EventError(Open):
    code: str | None = None
    message: str


class Correction(Open):
    event_ids: list[str] | None = None
    status: str
    remaining_capture_amount: int
    remaining_refund_amount: int
    remaining_void_amount: int


class TransactionEvent(Open):
    id: str
    event: EventKind
    transaction_status: Status
    success: bool
    amount: int
    items: list[EventItem]
    gift_cards: list[EventGiftCard]
    created_at: Moment
    created_by: str
    request_id: str
    correlation_request_id: str | None = None
    event_reference: str | None = None
    metadata: dict[str, Any]
    calculated_vat_amount: int | None = None
    request_headers: dict[str, str] | None = None
    error: EventError | None = None
    correction: Correction | None = None


class CardAnswer(Open):
    """The payer's bank card, as its provider reports it. `country` has three letters, such as
    NOR."""

    brand: str | None = None
    masked_pan: str | None = None
    expiry_date: str | None = Field(default=None, pattern=r"^\d{2}/\d{4}$")
    type: Literal["Credit", "Debit", "Credit Card", "Debit Card", "Prepaid"] | None = None
    country: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")


class TransactionUrl(Open):
    redirect_url: str
    callback_url: str | None = None


class Transaction(Open):
    id: str
    session_id: str
    status: Status
    amount: int
    currency: str
    payment_product: PaymentProduct
    payment_product_type: str
    payment_operation: Operation
    settlement_status: Literal["NOT_SETTLED", "PENDING_SETTLEMENT", "PARTIALLY_SETTLED", "SETTLED"]
    merchant_reference: str
    merchant_reference_2: str | None = None
    channel: Channel
    created_at: Moment
    updated_at: Moment
    customer: CustomerAnswer | None = None
    customer_ip: str | None = None
    user_agent: str | None = None
    shipping_address: AddressAnswer | None = None
    billing_address: AddressAnswer | None = None
    shipping_option: ShippingOptionAnswer | None = None
    store: StoreAnswer | None = None
    card: CardAnswer | None = None
    gift_cards: list[GiftCard]
    items: list[ItemAnswer] | None = None
    url: TransactionUrl
    events: list[TransactionEvent]
    metadata: dict[str, Any]
    checkboxes: list[CheckboxAnswer] | None = None
    payout_destination_id: str | None = None
    initiating_system_request_headers: dict[str, str] | None = None
    session: Session | None = None
