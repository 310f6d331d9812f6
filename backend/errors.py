"""Typed errors. Each carries an HTTP status and a stable code; one handler renders them
(`backend.api.errors`). A business conflict is never a 500."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field. `field` is its dotted path, `code` stable, for the page."""

    field: str
    description: str
    code: str = "invalid"


class GavekortError(Exception):
    """Base of everything a caller may be told."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "BAD_REQUEST"

    def __init__(
        self, message: str, errors: tuple[FieldError, ...] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """`details`: what a program can go on with; shown as `error.details`."""
        super().__init__(message)
        self.message = message
        self.errors = errors
        self.details = dict(details or {})


class InvalidRequest(GavekortError):
    """The request's body or parameters are not acceptable. `errors` name the fields."""

    code = "INVALID_REQUEST_PARAMETER"


class Unauthorized(GavekortError):
    status = 401
    code = "UNAUTHORIZED"


class Forbidden(GavekortError):
    status = 403
    code = "FORBIDDEN"


class NotFound(GavekortError):
    status = 404
    code = "NOT_FOUND"


class Conflict(GavekortError):
    """The thing exists already, or something else is going on with it."""

    status = 409
    code = "CONFLICT"


class PreconditionFailed(GavekortError):
    status = 412
    code = "PRECONDITION_FAILED"


class TooManyRequests(GavekortError):
    status = 429
    code = "TOO_MANY_REQUESTS"


class Unavailable(GavekortError):
    """An outside part did not answer; nothing was lost, the same call may be made again."""

    status = 503
    code = "UNAVAILABLE"


# --- what the payer's page tells apart ---------------------------------------------------------


class SessionNotFound(NotFound):
    code = "SESSION_NOT_FOUND"


class SessionClosed(GavekortError):
    """The session is paid, cancelled or expired: nothing of it can change any more."""

    code = "SESSION_CLOSED"


class SessionLocked(Conflict):
    """The merchant is changing the session: the payer's page waits."""

    code = "SESSION_LOCKED"


class ShippingUnavailable(GavekortError):
    """The shop's callback failed, or cannot ship to this address. `reason`: `callback_failed`,
    `cannot_ship`. The session stays usable: another address, or the same again."""

    code = "SHIPPING_UNAVAILABLE"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DiscountRefused(GavekortError):
    """`reason`: `callback_failed`, `not_offered`, `too_many`."""

    code = "DISCOUNT_REFUSED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PaymentInProgress(Conflict):
    """A payment of this session is under way; `payments.attempts.reopen` first."""

    code = "PAYMENT_IN_PROGRESS"


class DetailsInvalid(InvalidRequest):
    """`errors`: field is `email`, `phone_number`, or `shipping_address.<name>` /
    `billing_address.<name>`; code is `required` or `invalid`."""


class DetailsMissing(InvalidRequest):
    code = "DETAILS_MISSING"


class SplitChanged(Conflict):
    """The card's balance, or the order, is not what the payer saw: show anew, ask again."""

    code = "SPLIT_CHANGED"


class PaymentOptionNotAllowed(InvalidRequest):
    code = "PAYMENT_OPTION_NOT_ALLOWED"


class RemainderTooSmall(Conflict):
    """What is left to pay is less than a payment option takes. `details` (minor units): `amount` is
    what is left, `minimum` the smallest that can be paid, `gift_card_amount` the share of the gift
    card with which it can be paid, or null where no share does; `reason` is a verdict of
    `backend.rules.remainder`."""

    code = "REMAINDER_BELOW_MINIMUM"


class GiftCardAmountRefused(RemainderTooSmall):
    """As RemainderTooSmall, for an amount of the gift card that the caller asks for: the request
    itself is wrong, and nothing is changed."""

    status = 400


class PushNotAllowed(InvalidRequest):
    """This option cannot ask the payer in an app, or a gift card can be used in this session."""

    code = "PUSH_NOT_ALLOWED"


class PhoneInvalid(InvalidRequest):
    """What was given to push to is no phone number."""


class GiftCardTurnsOn(PaymentInProgress):
    """As PaymentInProgress, for a change with which a gift card could be used: a push that is under
    way is to be ended for it."""


class CodeRefused(InvalidRequest):
    """The code is wrong, used, too old, or there was none: never told apart."""

    code = "CODE_REFUSED"


class CodeNotSent(GavekortError):
    """`reason`: `no_number`, `not_offered`, `too_many`."""

    code = "CODE_NOT_SENT"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, (FieldError("phone_number", message, reason),))
        self.reason = reason


class GiftCardRefused(GavekortError):
    """`reason`: not_matched (unknown number or wrong PIN, never told apart), empty, expired,
    not_active_yet, inactive, other_currency, already_added, not_offered, held_elsewhere (by a
    payment left open in another session; `payments.takeback.take_back`), still_held."""

    code = "GIFT_CARD_REFUSED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, (FieldError("gift_card", message, reason),))
        self.reason = reason
