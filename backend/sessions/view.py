"""The payer's view of a session: what the page shows, and nothing of the merchant's.

All amounts are minor units of `CheckoutView.currency`. Nothing here is kept by the page: it is
read again at every event.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backend.receipts.facts import Later, Receipt
from backend.rules.remainder import NOTHING_LEFT, Remainder


class PageState(StrEnum):
    OPEN = "open"
    PAYING = "paying"  # a payment is under way at a provider, or its outcome is unknown
    ON_HOLD = "on_hold"  # the payer is through; the provider, or a person, has to decide
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


CLOSED = (PageState.PAID, PageState.CANCELLED, PageState.EXPIRED)
"""Nothing more can be done in these."""


class Notice(StrEnum):
    """Why the page is open again after an attempt to pay."""

    DECLINED = "declined"
    PAYMENT_EXPIRED = "payment_expired"  # the payer did nothing in time
    PAYMENT_CANCELLED = "payment_cancelled"  # the payer came back from the provider without paying
    PROVIDER_DOWN = "provider_down"
    AMOUNT_REFUSED = "amount_refused"  # the provider does not take this amount
    GIFT_CARD_TAKEN_BACK = "gift_card_taken_back"  # by whoever holds it, in another session


@dataclass(frozen=True, slots=True)
class LineView:
    line_id: str
    description: str
    quantity: str
    amount: int
    vat: str | None
    """Percent as text, e.g. "25"."""
    thumbnail_url: str | None
    """As `backend.sessions.images` lets through; likewise the logo."""


@dataclass(frozen=True, slots=True)
class ShippingOptionView:
    key: str
    """What `set_shipping_option` takes; unique in the session."""
    title: str
    description: str
    operator: str
    amount: int
    selected: bool


@dataclass(frozen=True, slots=True)
class GiftCardView:
    masked_number: str
    """E.g. `•••• •••• •••• 1234`."""
    amount: int
    """What it pays of this order."""
    left: int
    """What will be left on it afterwards."""
    preset: bool
    expires_at: str | None
    """ISO 8601 date-time."""
    maximum: int
    """What it could pay of this order; 0 where it cannot be used any more."""
    wanted: int | None
    """What was chosen of it; more than `amount` where the card or the order became smaller. None:
    as much as can be."""
    ending: str | None
    """`soon` or `before_refund` where its last day is near, `backend.rules.gift_card.Ending`."""
    adjustable: bool
    """Whether the page offers to choose how much of it is used."""
    held: int = 0
    """What payments left open elsewhere hold of it, where it would pay more here without them."""
    on_hold: int = 0
    """What all payments hold of it, minor units: the page notices by it that one has ended."""
    reclaimable: bool = False
    """Whether its PIN ends those payments, `backend.payments.attempts.reclaim_card.reclaim`."""


@dataclass(frozen=True, slots=True)
class OptionView:
    type: str
    """E.g. `dintero_psp.creditcard`."""
    pushes: bool = False
    """The payer may be asked in the app on their phone instead of going to a page."""
    minimum: int = 1
    """The smallest amount that it takes."""
    payable: bool = True
    """Whether it takes what is left to pay."""


@dataclass(frozen=True, slots=True)
class AddressView:
    first_name: str = ""
    last_name: str = ""
    address_line: str = ""
    address_line_2: str = ""
    postal_code: str = ""
    postal_place: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class CheckboxView:
    id: str
    label: str
    required: bool
    checked: bool
    link_url: str | None
    link_text: str | None


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """As it was when it was paid, and what became of it since."""

    facts: Receipt
    later: Later


@dataclass(frozen=True, slots=True)
class CheckoutView:
    session_id: str
    state: PageState
    version: int
    """Grows with every change of the session: a poll compares it."""
    merchant_name: str
    merchant_logo_url: str | None
    merchant_terms_url: str | None
    theme: dict[str, str]
    test_mode: bool
    currency: str
    order_amount: int
    """Of the order, shipping included, before the gift card."""
    vat_amount: int | None
    shipping_amount: int | None
    shipping_title: str | None
    lines: tuple[LineView, ...]
    express: bool
    """Whether the page asks for the details at all."""
    shipping_required: bool
    """Whether the details include a delivery address."""
    billing_allowed: bool
    details_done: bool
    email: str
    phone_number: str
    """E.164 where valid, else as the merchant gave it."""
    shipping_address: AddressView
    billing_address: AddressView | None
    countries: tuple[str, ...]
    """ISO alpha-2, in the order of their code; the preferred one is `preferred_country`."""
    preferred_country: str
    shipping_options: tuple[ShippingOptionView, ...]
    gift_card_offered: bool
    gift_card: GiftCardView | None
    to_pay: int
    """order_amount less the gift card's part: what the payment option is asked for."""
    options: tuple[OptionView, ...]
    """Empty when nothing is left to pay."""
    payable: bool
    """Whether Pay may be pressed: details done, an option that takes what is left, or nothing left
    to pay."""
    notice: Notice | None
    redirect_url: str | None
    """While PAYING: the provider's page, when it is known."""
    app_code: str | None
    """`redirect_url` is no page but opens an app; this is what a QR code says to that app."""
    transaction_id: str | None
    """Where PAID or ON_HOLD."""
    leave_url: str
    """The merchant's return_url with its query, when the session is paid, cancelled or expired."""
    allowed_frame_ancestors: tuple[str, ...]
    """Origins that may frame the page; empty: any https origin may (the Web SDK embeds)."""
    remainder: Remainder = NOTHING_LEFT
    """Whether any option takes what is left, and what the payer can do where none does."""
    checkboxes: tuple[CheckboxView, ...] = ()
    language: str | None = None
    """What the shop speaks with this payer (`configuration.language`), a BCP 47 tag."""
    locked: bool = False
    """The shop is changing the session: nothing can be edited or paid until it is done."""
    discounts_offered: bool = False
    discount_codes: tuple[str, ...] = ()
    pushed_to: str | None = None
    """While PAYING: the phone whose wallet app was asked, masked: `+47 ••• •• •66`."""
    pushed_with: str | None = None
    """By which option."""
    receipt: ReceiptView | None = None
    """Of a paid session, where `backend.payments.receipts` reads it."""
    stays: bool = False
    """A payment seen live leaves the payer on the receipt, not at the shop."""
    handed_over: bool = False
    """A phone has taken the session over from a desktop."""
