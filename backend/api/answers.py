"""What the API answers, for its OpenAPI description, and which route answers what. Sessions and
transactions are in `payment_answers`.

Source: `docs/reference/dintero-api.md`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from backend.api.answer_model import Moment, Open
from backend.api.payment_answers import (
    PayerOperation,
    PayLockAnswer,
    PublicSession,
    Session,
    SessionCreated,
    Transaction,
)


class ErrorDetail(Open):
    """What is wrong with one field. `field` is its dotted path, or empty if the error is about no
    field. `message` repeats `description`. `sent` is the value that was sent. Some errors have more
    fields, such as an `amount` in minor units."""

    description: str
    message: str
    field: str
    code: str


class ErrorBody(BaseModel):
    code: str
    message: str
    errors: list[ErrorDetail]


class ErrorAnswer(BaseModel):
    """Every failure, whatever its status."""

    error: ErrorBody


class Token(BaseModel):
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class PayLock(BaseModel):
    pay_lock: PayLockAnswer


class CodeSent(BaseModel):
    sent: bool


class Remembered(BaseModel):
    remembered: bool


class PayAnswer(Open):
    success: bool
    actions: list[Any]
    redirect_url: str | None = None
    poll_url: str | None = None
    qr_code: str | None = None
    error: str | None = None
    reason: str | None = None


class Operations(BaseModel):
    operations: list[PayerOperation]


class Card(Open):
    """`currency` is missing on a card that is not activated."""

    id: str
    card_id: str
    status: str
    amount: int
    currency: str | None = None
    amount_balance: int
    amount_available: int
    amount_funds: int
    amount_drawdown: int
    amount_pending: int
    amount_reserved: int


class WalletTransaction(Open):
    id: str
    ref_id: str
    type: str
    amount: int
    currency: str
    created_at: Moment
    created_by: str


class WalletTransactions(Open):
    transactions: list[WalletTransaction]
    starting_after: str | None = None


class Cards(BaseModel):
    cards: list[Card]
    starting_after: str | None = None


class CardEvent(Open):
    id: str
    name: str
    details: dict[str, Any]
    created_at: Moment
    created_by: str


class CardEvents(BaseModel):
    events: list[CardEvent]
    starting_after: str | None = None


class CardToken(Open):
    id: str
    ref_id: str
    expires_in: int
    expires_after_transaction: bool
    format: dict[str, Any]
    token: dict[str, str]
    created_at: Moment
    created_by: str


class Subscription(Open):
    id: str
    config: dict[str, Any]
    events: list[str]
    active: bool
    created_at: Moment
    created_by: str
    updated_at: Moment


class Delivery(Open):
    id: str
    kind: Literal["callback", "webhook", "email", "sms"]
    state: Literal["pending", "delivered", "failed"]
    subject: str
    request: dict[str, Any]
    tries_count: int
    created_at: Moment


class Deliveries(BaseModel):
    deliveries: list[Delivery]
    starting_after: str | None = None


class SignatureSecret(BaseModel):
    type: Literal["v0-hmac-sha256"]
    secret: str


class Signature(BaseModel):
    """`secret` repeats `signature.secret`."""

    id: str
    signature: SignatureSecret
    secret: str
    created_at: Moment
    created_by: str


class Received(BaseModel):
    received: bool


_WALLETS = "/v1/accounts/{account_id}/wallets"
_SUBSCRIPTIONS = "/v1/accounts/{account_id}/hooks/subscriptions"
_DELIVERIES = "/v1/accounts/{account_id}/hooks/deliveries"
_VIEW = "/v1/view/{session_id}"
_MOVE = f"{_WALLETS}/transactions/{{transaction_id}}"
ANSWERS: dict[tuple[str, str], Any] = {
    ("post", "/v1/accounts/{account_id}/auth/token"): Token,
    ("post", "/v1/sessions-profile"): SessionCreated,
    ("post", "/v1/sessions"): SessionCreated,
    ("get", "/v1/sessions"): list[Session],
    ("get", "/v1/sessions/{session_id}"): Session,
    ("put", "/v1/sessions/{session_id}"): Session,
    ("post", "/v1/sessions/{session_id}/cancel"): Session,
    ("post", "/v1/sessions/{session_id}/pay"): PayAnswer,
    ("get", f"{_VIEW}/session"): PublicSession,
    ("put", f"{_VIEW}/session/order/addresses"): PublicSession,
    ("put", f"{_VIEW}/session/order/shipping_address"): PublicSession,
    ("put", f"{_VIEW}/session/order/shipping_option"): PublicSession,
    ("put", f"{_VIEW}/session/order/discount_codes"): PublicSession,
    ("put", f"{_VIEW}/session/order/gift_card"): PublicSession,
    ("delete", f"{_VIEW}/session/order/gift_card"): PublicSession,
    ("post", f"{_VIEW}/session/lock"): PayLock,
    ("post", f"{_VIEW}/session/publish/scc"): CodeSent,
    ("post", f"{_VIEW}/session/scc"): PublicSession,
    ("post", f"{_VIEW}/session/remember"): Remembered,
    ("delete", f"{_VIEW}/session/remember"): Remembered,
    ("post", f"{_VIEW}/payments/{{payment_product_type}}"): Operations,
    ("get", "/v1/transactions"): list[Transaction],
    ("get", "/v1/transactions/{transaction_id}"): Transaction,
    ("put", "/v1/transactions/{transaction_id}"): Transaction,
    ("post", "/v1/transactions/{transaction_id}/capture"): Transaction,
    ("post", "/v1/transactions/{transaction_id}/refund"): Transaction,
    ("post", "/v1/transactions/{transaction_id}/void"): Transaction,
    ("post", "/v1/transactions/{transaction_id}/authorization"): Transaction,
    ("post", f"{_WALLETS}/cards"): Card,
    ("get", f"{_WALLETS}/cards/{{card_id}}"): Card,
    ("get", f"{_WALLETS}/cards"): Cards,
    ("post", f"{_WALLETS}/cards/batch"): Cards,
    ("delete", f"{_WALLETS}/cards/{{card_id}}"): Card,
    ("post", f"{_WALLETS}/cards/{{card_id}}/activate"): Card,
    ("post", f"{_WALLETS}/cards/{{card_id}}/rotate-pin"): Card,
    ("post", f"{_WALLETS}/cards/{{card_id}}/extend"): Card,
    ("post", f"{_WALLETS}/cards/{{card_id}}/restore"): Card,
    ("post", f"{_WALLETS}/cards/{{card_id}}/reissue"): Card,
    ("get", f"{_WALLETS}/cards/{{card_id}}/events"): CardEvents,
    ("post", f"{_WALLETS}/cards/{{card_id}}/tokens"): CardToken,
    ("get", f"{_WALLETS}/customers/{{customer_id}}/cards"): list[Card],
    ("get", f"{_WALLETS}/customers/{{customer_id}}/cards/{{card_id}}"): Card,
    ("get", f"{_WALLETS}/cards/{{card_id}}/transactions"): WalletTransactions,
    ("post", f"{_WALLETS}/info"): Card,
    ("post", f"{_WALLETS}/transactions"): WalletTransaction,
    ("post", f"{_MOVE}/capture"): WalletTransaction,
    ("post", f"{_MOVE}/void"): WalletTransaction,
    ("get", _SUBSCRIPTIONS): list[Subscription],
    ("post", _SUBSCRIPTIONS): Subscription,
    ("get", f"{_SUBSCRIPTIONS}/{{hook_id}}"): Subscription,
    ("put", f"{_SUBSCRIPTIONS}/{{hook_id}}"): Subscription,
    ("delete", f"{_SUBSCRIPTIONS}/{{hook_id}}"): Subscription,
    ("post", f"{_SUBSCRIPTIONS}/{{hook_id}}/ping"): Subscription,
    ("get", _DELIVERIES): Deliveries,
    ("get", f"{_DELIVERIES}/{{delivery_id}}"): Delivery,
    ("post", f"{_DELIVERIES}/{{delivery_id}}/redeliver"): Delivery,
    ("get", "/v1/admin/signature"): Signature,
    ("post", "/v1/admin/signature"): Signature,
    ("post", "/v1/psp/{account_id}/{profile_id}/{option}/notifications"): Received,
}
