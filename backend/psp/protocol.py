"""The interface of every connector to a payment service provider.

A connector speaks one provider's wire protocol and knows nothing of sessions, databases or gift
cards: it takes a verb and returns a normalised result. It never retries a call, and never raises an
error because of what a provider or a network does. If it cannot tell the outcome, it returns
`Outcome.UNKNOWN`.

Source: `docs/architecture.md#one-payment`; `docs/reference/psp/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from backend.rules.money import Money
from backend.rules.payment_attempt import PaymentState as PaymentState


class Outcome(StrEnum):
    """How an outside call ended.

    DONE: the provider says that it took effect. REFUSED: it did not, and will not, because the
    provider said so or because nothing was ever sent. UNKNOWN: it was sent, and there is no
    readable answer. Only a read, or the same call with the same key, may follow.
    """

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class OperationKind(StrEnum):
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    REFUND = "refund"
    VOID = "void"
    UPDATE = "update"
    """Change the authorized amount and the lines."""
    EXTEND = "extend"
    """Extend the time of the authorization."""


CHANGES_AUTHORIZATION = (OperationKind.UPDATE, OperationKind.EXTEND)
"""The operations of an `AuthorizationUpdater`."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this provider can do. It is checked before anything is sent."""

    void_after_partial_capture: bool
    """Whether a void may release the rest after a partial capture."""
    key_lifetime: timedelta
    """How long the provider remembers an idempotency key. Older operations with an unknown outcome
    are only read."""
    direct_capture: bool = False
    """The money moves when the payer approves: a payment comes back CAPTURED, with its whole amount
    in `captured`. `capture` and `void` are refused without a call; only `refund` is possible."""
    refund_may_fail_later: bool = False
    """The provider may take a refund back days after it was DONE. From then on, a read of it is
    REFUSED `declined`, and the merchant has the money again."""
    update_authorization: bool = False
    """The authorization can be changed: the connector is an `AuthorizationUpdater` too."""
    minimums: Mapping[str, int] = field(default_factory=dict)
    """The smallest amount (minor units) that the provider takes, by currency. It is 1 for a
    currency that is not named. A profile may set another, see docs/profiles.md."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of the order, for providers that want lines.

    `amount` (minor units) is the line's total with VAT. It is below zero if the line lowers the
    sum.
    """

    name: str
    amount: int
    quantity: int = 1
    vat_rate: int = 0
    """Hundredths of a percent: 2500 is 25 %."""
    kind: str = "goods"
    """`goods`, `shipping`, `discount`, `adjustment` (the difference between the other lines and the
    amount), or `tender` (what was paid by other means before)."""
    reference: str = ""


Lines = tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """The remainder after the gift card, to be paid at the provider.

    `key` is our operation key. It is the same on every retry, and the provider's idempotency
    reference is derived from it.
    """

    key: str
    amount: Money
    transaction_id: str
    session_id: str
    merchant_reference: str
    description: str
    return_url: str
    cancel_url: str
    notification_url: str
    language: str
    """The BCP 47 language of the page, for example `nb` or `en`."""
    expires_at: datetime
    """The payment must not be made after this time (UTC)."""
    email: str | None = None
    lines: tuple[OrderLine, ...] = ()
    """They sum to `amount`. If there are none, a connector makes one line from `description`."""
    country: str | None = None
    """The country where the payer lives (ISO 3166-1 alpha-2), if we know it."""
    push_to: str | None = None
    """Ask the payer in the wallet's app on this phone (E.164) instead of giving a page. None: no
    push. It is only for options of `rules.payment_option.PUSHES`, and never set while a gift card
    can be used."""


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one write at a provider.

    If it is REFUSED, `code` is one of: `declined`, `not_allowed` (wrong state), `amount`,
    `configuration` (credentials), `invalid`, `unreachable` (this call sent nothing, or was turned
    away unread; an earlier call with the same key may still have had an effect), `conflict`.
    `app_code` is set if `redirect_url` is no page but opens the payer's app on this device: it is
    the content of a QR code that opens the app on another device. `raw` is the provider's answer
    without secrets, for support.
    """

    outcome: Outcome
    reference: str | None = None
    redirect_url: str | None = None
    app_code: str | None = None
    code: str | None = None
    message: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PaymentCard:
    """The payer's bank card as the provider shows it: masked, never more than the last four."""

    brand: str
    masked_pan: str
    expiry_date: str
    """MM/YYYY"""
    type: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A read of a payment. It has amounts only if `outcome` is DONE.

    `declined` is the reason of the payer's last failed attempt, if there was one, as a stable code:
    `declined`, `insufficient_funds`, `expired_card`, `incorrect_cvc`, `authentication_failed`,
    `processing_error`. Lost, stolen and suspected fraud become `declined`. `code` is `expired` for
    a FAILED payment whose payer did nothing in time. `refunded` is 0 if the provider's reads do not
    tell it. `multi_capture`: a capture may leave the rest authorized. Ask with `reference` from now
    on, because some providers name the payment only once it is made.
    """

    outcome: Outcome
    state: PaymentState | None = None
    reference: str | None = None
    amount: Money | None = None
    captured: int = 0
    refunded: int = 0
    capturable: int = 0
    multi_capture: bool = False
    declined: str | None = None
    card: PaymentCard | None = None
    code: str | None = None
    message: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperationQuery:
    """The earlier write to ask about. `key` is as it was sent. `captured_before` (minor units) is
    what had been captured when it was sent."""

    kind: OperationKind
    reference: str
    key: str
    amount: Money
    captured_before: int = 0
    refunded_before: int = 0
    """What had been refunded when it was sent, for providers whose refunds have no key of ours."""
    sent_at: datetime | None = None
    """When it was last sent (UTC). An early read finds nothing although the write may still arrive.
    So a connector answers UNKNOWN until enough time has passed."""
    authorized_before: int = 0
    """What had been authorized (minor units) when an UPDATE to `amount` was sent."""
    lines: tuple[OrderLine, ...] = ()
    """The lines that an UPDATE asked for."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A verified notification. It only says which payment to read."""

    event_id: str
    event_type: str
    reference: str | None
    """The provider's payment reference, as `Result.reference` of `create_payment` gave it."""
    transaction_id: str | None
    """Our transaction's id, if the provider returns it."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What the read needs from the notification. It is passed to `complete_return` as it came."""


@dataclass(frozen=True, slots=True, repr=False)
class Webhook:
    """An address that a provider has registered: the provider's id for it, and the secret that
    signs notifications."""

    id: str
    secret: str


class NotificationRefused(ValueError):
    """The signature is wrong or too old, or the body cannot be read. Nothing changes."""


@dataclass(frozen=True, slots=True)
class AuthorizationUpdate:
    """The new authorization: `amount` is its total, including captured parts. `lines` sum to it, or
    there are none."""

    amount: Money
    lines: tuple[OrderLine, ...] = ()
    description: str = ""


class Connector(Protocol):
    """One provider, with one set of credentials. Safe for concurrent use."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def create_payment(self, request: PaymentRequest) -> Result:
        """Make the payment. DONE has `reference` and `redirect_url`, but no address if the payer is
        asked in an app (`push_to`). The same `key` again gives the same payment."""

    async def abort(self, reference: str, key: str) -> Result:
        """End a payment that is not paid yet. DONE only if it can no longer be paid."""

    async def complete_return(self, reference: str, query: Mapping[str, str]) -> Payment:
        """Read the payment after the payer came back with this query. The read decides, whatever
        the query says."""

    async def fetch(self, reference: str) -> Payment: ...

    async def capture(
        self, reference: str, amount: Money, key: str, *, final: bool, lines: Lines = ()
    ) -> Result:
        """Capture `amount`. If `final` is False, the rest stays authorized, which is possible only
        if a read said `multi_capture`. `lines` describe the amount for a provider that takes lines:
        they sum to it, or there are none. They are the same on every attempt with one key."""

    async def void(self, reference: str, key: str) -> Result: ...

    async def refund(self, reference: str, amount: Money, key: str, *, lines: Lines = ()) -> Result:
        """Refund `amount`. `lines` are as for a capture."""

    async def fetch_operation(self, query: OperationQuery) -> Result:
        """Read whether an earlier write took effect: DONE, REFUSED (it did not), or UNKNOWN."""

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a notification. NotificationRefused. The keys of `headers` are lower case. `:path`
        is the path with its query, as in HTTP/2, because some providers sign nothing and put
        everything into the address."""


@runtime_checkable
class AuthorizationUpdater(Protocol):
    """A connector whose provider can change what is authorized."""

    async def update_authorization(
        self, reference: str, update: AuthorizationUpdate, key: str
    ) -> Result:
        """Change the authorized amount. REFUSED `amount` if it would be less than what was
        captured, or if the provider refuses so much. `fetch_operation` reads its outcome, as for
        every other write."""

    async def extend_authorization(self, reference: str, key: str) -> Result:
        """Extend the authorization. Repeating it does no harm, so `fetch_operation` may ask again
        with the same key."""


@runtime_checkable
class Registers(Protocol):
    """A connector whose provider sends no notification before an address is registered."""

    async def register_webhook(self, url: str) -> Webhook | None:
        """Register `url` again. None if it is not certain that this was done."""
