"""What every payment service provider's connector is to us.

A connector speaks one provider's wire protocol and knows nothing of sessions, databases or gift
cards: a verb goes in, a normalised result comes out. It never retries by itself and never raises
for what a provider or a network does; what it cannot tell is `Outcome.UNKNOWN`.

Source: `docs/architecture.md#one-payment`; `docs/reference/psp/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from backend.rules.money import Money


class Outcome(StrEnum):
    """How an outside call ended.

    DONE: the provider says it took effect. REFUSED: it did not, and will not: the provider said
    so, or nothing was ever sent. UNKNOWN: sent, and no readable answer; only a read, or the same
    call with the same key, may follow.
    """

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class PaymentState(StrEnum):
    """A payment as its provider tells it, in words shared by all providers."""

    OPEN = "open"  # the payer can still pay
    PENDING = "pending"  # the payer has acted, the provider has not decided
    ON_HOLD = "on_hold"  # the provider, or a bank, looks into it: hours or days
    AUTHORIZED = "authorized"
    CAPTURED = "captured"  # all or part, nothing left to capture
    FAILED = "failed"  # final: no money will move (voided, expired, declined for good)


class OperationKind(StrEnum):
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    REFUND = "refund"
    VOID = "void"
    UPDATE = "update"
    """Another amount, and other lines, of what is authorized."""
    EXTEND = "extend"
    """More time for what is authorized."""


CHANGES_AUTHORIZATION = (OperationKind.UPDATE, OperationKind.EXTEND)
"""What an `AuthorizationUpdater` is asked for."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What may be asked of this provider; checked before anything is sent."""

    void_after_partial_capture: bool
    """A void may release the rest after a part was captured."""
    key_lifetime: timedelta
    """How long the provider remembers an idempotency key; older unknowns are only read."""
    direct_capture: bool = False
    """The payer's yes moves the money: a payment comes back CAPTURED with `captured` its whole
    amount. `capture` and `void` are refused unsent; only `refund` is left."""
    refund_may_fail_later: bool = False
    """A refund that was DONE may be taken back days later: a read of it is REFUSED `declined` from
    then on, and what it gave back is the merchant's again."""
    update_authorization: bool = False
    """What is authorized may be changed: the connector is an `AuthorizationUpdater` too."""
    minimums: Mapping[str, int] = field(default_factory=dict)
    """The smallest amount (minor units) that the provider takes, by currency; 1 of a currency that
    is not named. A profile may say otherwise, see docs/profiles.md."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of the order, for providers that want lines.

    `amount` (minor units) is the line's total with VAT; below zero for what lowers the sum.
    """

    name: str
    amount: int
    quantity: int = 1
    vat_rate: int = 0
    """Hundredths of a percent: 2500 is 25 %."""
    kind: str = "goods"
    """`goods`, `shipping`, `discount`, `adjustment`: what the others leave of the amount, or
    `tender`: paid by other means beforehand."""
    reference: str = ""


Lines = tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """The remainder after the gift card, to be paid at the provider.

    `key` is our operation key: the same on every retry, from which the provider's idempotency
    reference is derived.
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
    """BCP 47 language of the page, e.g. `nb`, `en`."""
    expires_at: datetime
    """After this the payment is not wanted any more (UTC)."""
    email: str | None = None
    lines: tuple[OrderLine, ...] = ()
    """They sum to `amount`, or there are none: then a connector makes one of `description`."""
    country: str | None = None
    """The country where the payer lives (ISO 3166-1 alpha-2), if we know it."""
    push_to: str | None = None
    """Ask the payer in the wallet's app on this phone (E.164) and give no page; None: no push. Only
    for options of `rules.payment_option.PUSHES`; never while a gift card can be used."""


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one write at a provider.

    `code` on REFUSED is one of: `declined`, `not_allowed` (wrong state), `amount`,
    `configuration` (credentials), `invalid`, `unreachable` (nothing was sent by this call, or
    it was turned away unread; says nothing of an earlier call with the same key), `conflict`.
    `app_code`: `redirect_url` is no page but opens the payer's app on this device; this is what a
    QR code says to the app on another one.
    `raw` is the provider's answer without secrets, for support.
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
    """A read of a payment. Amounts only where `outcome` is DONE.

    `declined` is the reason of the payer's last failed attempt where there was one, as a stable
    code: `declined`, `insufficient_funds`, `expired_card`, `incorrect_cvc`,
    `authentication_failed`, `processing_error`. Lost, stolen and suspected fraud read `declined`.
    `code` is `expired` where FAILED because the payer did nothing in time. `refunded` is 0 from a
    provider whose reads do not tell it. `multi_capture`: a capture may leave the rest authorized.
    `reference` is asked with from now on: some providers name the payment only once it is made.
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
    """Which earlier write is asked about: `key` as it was sent, `captured_before` (minor units)
    what had been captured when it was sent."""

    kind: OperationKind
    reference: str
    key: str
    amount: Money
    captured_before: int = 0
    refunded_before: int = 0
    """What had been refunded when it was sent, for providers whose refunds carry no key of ours."""
    sent_at: datetime | None = None
    """When it was last sent (UTC). A read right after finds nothing although the write may still
    arrive: with this, a connector answers UNKNOWN until that is over."""
    authorized_before: int = 0
    """What had been authorized (minor units) when an UPDATE to `amount` was sent."""
    lines: tuple[OrderLine, ...] = ()
    """Those an UPDATE asked for."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A verified notification: it only says which payment to read."""

    event_id: str
    event_type: str
    reference: str | None
    """The provider's payment reference, as `Result.reference` of `create_payment` gave it."""
    transaction_id: str | None
    """Ours, where the provider gives it back."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What the read it causes cannot do without: handed to `complete_return` unread."""


@dataclass(frozen=True, slots=True, repr=False)
class Webhook:
    """An address as a provider registered it: its id there, and the secret that signs."""

    id: str
    secret: str


class NotificationRefused(ValueError):
    """The signature is wrong or too old, or the body cannot be read. Changes nothing."""


@dataclass(frozen=True, slots=True)
class AuthorizationUpdate:
    """What an authorization is to be from now on: `amount` in all, captured parts included.
    `lines` sum to it, or there are none."""

    amount: Money
    lines: tuple[OrderLine, ...] = ()
    description: str = ""


class Connector(Protocol):
    """One provider, with one set of credentials. Safe for concurrent use."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def create_payment(self, request: PaymentRequest) -> Result:
        """DONE has `reference` and `redirect_url`; where the payer is asked in an app (`push_to`)
        there is no address. The same `key` again gives the same payment."""

    async def abort(self, reference: str, key: str) -> Result:
        """Give a payment up that is not paid yet. DONE only when it can no longer be paid."""

    async def complete_return(self, reference: str, query: Mapping[str, str]) -> Payment:
        """The payer came back with this query: whatever it says, a read decides."""

    async def fetch(self, reference: str) -> Payment: ...

    async def capture(
        self, reference: str, amount: Money, key: str, *, final: bool, lines: Lines = ()
    ) -> Result:
        """`final` False keeps the rest authorized; only where the read said `multi_capture`.
        `lines` describe the amount for a provider that takes lines: they sum to it, or there are
        none. They are the same on every attempt with one key."""

    async def void(self, reference: str, key: str) -> Result: ...

    async def refund(self, reference: str, amount: Money, key: str, *, lines: Lines = ()) -> Result:
        """`lines` as of a capture."""

    async def fetch_operation(self, query: OperationQuery) -> Result:
        """Read whether an earlier write took effect: DONE, REFUSED (it did not), or UNKNOWN."""

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Raises NotificationRefused. `headers` keys are lower case; `:path` is what was asked for
        with its query, as in HTTP/2: some providers sign nothing and tell all in the address."""


@runtime_checkable
class AuthorizationUpdater(Protocol):
    """A connector whose provider can change what is authorized."""

    async def update_authorization(
        self, reference: str, update: AuthorizationUpdate, key: str
    ) -> Result:
        """REFUSED `amount` where it would go below what was captured, or the provider will not
        have so much; `fetch_operation` tells of it as of every other write."""

    async def extend_authorization(self, reference: str, key: str) -> Result:
        """Keep what is authorized for longer. Once more does no harm, so that `fetch_operation` may
        ask again with the same key."""


@runtime_checkable
class Registers(Protocol):
    """A connector whose provider tells nobody of a payment before an address is registered."""

    async def register_webhook(self, url: str) -> Webhook | None:
        """Registers `url` again; None if that could not be made sure of."""
