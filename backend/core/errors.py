"""Typed errors. Each carries an HTTP status and a stable code; one handler renders them
(`backend.api.errors`). A business conflict is never a 500."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field. `field` is its dotted path, `code` stable, for the page.
    `more`: values of it that a program reads, such as an `amount` in minor units."""

    field: str
    description: str
    code: str = "invalid"
    more: Mapping[str, str | int] = dataclass_field(default_factory=dict)


class GavekortError(Exception):
    """Base of everything a caller may be told."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "BAD_REQUEST"
    retry_after: int | None = None
    """Seconds after which the same call goes through, where that is known: the answer has them as
    `Retry-After`."""

    def __init__(
        self,
        message: str,
        errors: tuple[FieldError, ...] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """`details` is what a program needs to go on; the answer shows it as `error.details`."""
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
    """A limit is spent (docs/limits.md). `limit` is its name."""

    status = 429
    code = "TOO_MANY_REQUESTS"

    def __init__(self, limit: str, retry_after: int) -> None:
        super().__init__(f"too many requests; try again in {retry_after} s")
        self.limit = limit
        self.retry_after = retry_after


class TooManyChanges(GavekortError):
    """The session has been changed as often as a session may be. Waiting does not help."""

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


class SessionChanged(Conflict):
    """Somebody else has changed the session since it was read, and the change was computed from the
    session as it was then. It has no effect: read the session again, and ask again."""

    code = "SESSION_CHANGED"


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


class ConsentMissing(InvalidRequest):
    """A required checkbox of the session is not ticked. `errors`: field is `checkboxes.<id>`."""

    code = "CONSENT_MISSING"


class SplitChanged(Conflict):
    """The card's balance, or the order, is not what the payer saw: show again, ask again."""

    code = "SPLIT_CHANGED"


class PaymentOptionNotAllowed(InvalidRequest):
    code = "PAYMENT_OPTION_NOT_ALLOWED"


class RemainderTooSmall(Conflict):
    """What is left to pay is less than a payment option takes. `details` (minor units): `amount` is
    what is left, `minimum` the smallest that can be paid, `gift_card_amount` the share of the gift
    card with which it can be paid, or null if no share does; `reason` is a verdict of
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
    """As PaymentInProgress, for a change after which a gift card could be used. The push of
    `transaction_id` is under way, and has to end before the change is made."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__("a push is under way, and with this a gift card could be used")
        self.transaction_id = transaction_id


class NotLockable(InvalidRequest):
    """Only Express sessions can be locked: a merchant cannot change any other session."""


class CodeRefused(InvalidRequest):
    """The code is wrong, used, too old, or there was none: never told apart."""

    code = "CODE_REFUSED"


class CodeNotSent(GavekortError):
    """`reason`: `no_number`, `not_offered`, `too_many`."""

    code = "CODE_NOT_SENT"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, (FieldError("phone_number", message, reason),))
        self.reason = reason


class TooManyCodes(CodeNotSent):
    """Somebody asked for more codes than we send."""

    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__("too_many", "too many codes were asked for; try again tomorrow")
        self.retry_after = retry_after


class GiftCardRefused(GavekortError):
    """`reason`: not_matched (unknown number or wrong PIN, never told apart), empty, expired,
    not_active_yet, inactive, other_currency, already_added, not_offered, held_elsewhere (by a
    payment left open in another session; `payments.takeback.take_back`), still_held. A preset card
    may also be `not_found`. `field` is the field that named the card."""

    code = "GIFT_CARD_REFUSED"

    def __init__(self, reason: str, message: str, field: str = "gift_card") -> None:
        super().__init__(message, (FieldError(field, message, reason),))
        self.reason = reason


class TooManyAttempts(TooManyRequests):
    """Wrong PINs were tried too often, so nothing was checked. `reason` is `wait` where a new
    attempt may be made after `retry_after` seconds, a few minutes at most, and `too_many_tries`
    where a budget is used up. The answer is the same for a number that does not exist."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__("card.pin", retry_after)
        self.reason = reason
        if reason != "wait":
            self.message = "too many wrong tries; the shop that issued the gift card can help"
        self.errors = (FieldError("gift_card", self.message, reason),)
