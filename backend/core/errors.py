"""Typed errors. Each carries an HTTP status and a stable code; one handler renders them
(`backend.api.errors`). A business conflict is never a 500."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field. `field` is its dotted path, and `code` is stable, for the page.
    `more` has values for programs, such as an `amount` in minor units."""

    field: str
    description: str
    code: str = "invalid"
    more: Mapping[str, str | int] = dataclass_field(default_factory=dict)


class GavekortError(Exception):
    """The base of every error that a caller is told."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "BAD_REQUEST"
    retry_after: int | None = None
    """Seconds after which the same call will be accepted, if known. The answer has them as
    `Retry-After`."""

    def __init__(
        self,
        message: str,
        errors: tuple[FieldError, ...] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Make an error. `details` is what a program needs to continue. The answer shows it as
        `error.details`."""
        super().__init__(message)
        self.message = message
        self.errors = errors
        self.details = dict(details or {})


class InvalidRequest(GavekortError):
    """The request's body or parameters are not acceptable. `errors` names the fields."""

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
    """The thing exists already, or something else is changing it."""

    status = 409
    code = "CONFLICT"


class PreconditionFailed(GavekortError):
    status = 412
    code = "PRECONDITION_FAILED"


class TooManyRequests(GavekortError):
    """A limit is spent (docs/limits.md). `limit` is its name."""

    status = 429
    code = "TOO_MANY_REQUESTS"
    retry_after: int

    def __init__(self, limit: str, retry_after: int) -> None:
        super().__init__(f"too many requests; try again in {retry_after} s")
        self.limit = limit
        self.retry_after = retry_after


class TooManyChanges(GavekortError):
    """The session has been changed as often as it may be. Waiting does not help."""

    status = 429
    code = "TOO_MANY_REQUESTS"


class Unavailable(GavekortError):
    """An outside part did not answer. Nothing was lost, and the same call may be made again."""

    status = 503
    code = "UNAVAILABLE"


# --- what the payer's page tells apart ---------------------------------------------------------


class SessionNotFound(NotFound):
    code = "SESSION_NOT_FOUND"


class SessionClosed(GavekortError):
    """The session is paid, cancelled or expired, so it cannot change any more."""

    code = "SESSION_CLOSED"


class SessionLocked(Conflict):
    """The merchant is changing the session. The payer's page waits."""

    code = "SESSION_LOCKED"


class SessionChanged(Conflict):
    """Somebody else has changed the session since it was read, and the change was computed from
    what was read. The change has no effect. Read the session again, and repeat the request."""

    code = "SESSION_CHANGED"


class ShippingUnavailable(GavekortError):
    """The shop's callback failed, or the shop cannot ship to this address. `reason`:
    `callback_failed`, `cannot_ship`. The session stays usable, with another address or with the
    same one again."""

    code = "SHIPPING_UNAVAILABLE"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DiscountRefused(GavekortError):
    """The shop did not accept a discount code. `reason`: `callback_failed`, `not_offered`,
    `too_many`."""

    code = "DISCOUNT_REFUSED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PaymentInProgress(Conflict):
    """A payment of this session is under way. Call `payments.attempts.resolve.reopen` first."""

    code = "PAYMENT_IN_PROGRESS"


class DetailsInvalid(InvalidRequest):
    """The payer's details are not complete. In `errors`, the field is `email`, `phone_number`, or
    `shipping_address.<name>` / `billing_address.<name>`; the code is `required` or `invalid`."""


class DetailsMissing(InvalidRequest):
    code = "DETAILS_MISSING"


class ConsentMissing(InvalidRequest):
    """A required checkbox of the session is not ticked. In `errors`, the field is
    `checkboxes.<id>`."""

    code = "CONSENT_MISSING"


class SplitChanged(Conflict):
    """The card's balance or the order is not what the payer saw. Show it again, and ask again."""

    code = "SPLIT_CHANGED"


class PaymentOptionNotAllowed(InvalidRequest):
    code = "PAYMENT_OPTION_NOT_ALLOWED"


class RemainderTooSmall(Conflict):
    """What is left to pay is less than any payment option takes. `details` (minor units): `amount`
    is what is left, `minimum` the smallest amount that can be paid, `gift_card_amount` the share of
    the gift card with which the order can be paid, or null if there is no such share. `reason` is a
    verdict of `backend.rules.remainder`."""

    code = "REMAINDER_BELOW_MINIMUM"


class GiftCardAmountRefused(RemainderTooSmall):
    """Like RemainderTooSmall, for an amount of the gift card that the caller asks for. The request
    itself is wrong, and nothing has changed."""

    status = 400


class PushNotAllowed(InvalidRequest):
    """This option cannot ask the payer in an app, or a gift card can be used in this session."""

    code = "PUSH_NOT_ALLOWED"


class PhoneInvalid(InvalidRequest):
    """The text to send a push to is no phone number."""


class GiftCardTurnsOn(PaymentInProgress):
    """Like PaymentInProgress, for a change after which a gift card could be used. The push of
    `transaction_id` is under way, and has to end before the change is made."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__("a push is under way, and with this a gift card could be used")
        self.transaction_id = transaction_id


class NotLockable(InvalidRequest):
    """Only Express sessions can be locked: a merchant cannot change any other session."""


class CodeRefused(InvalidRequest):
    """The code is wrong, used, too old, or was never sent. The answer is the same for all of
    these."""

    code = "CODE_REFUSED"


class CodeNotSent(GavekortError):
    """No code was sent. `reason`: `no_number`, `not_offered`, `too_many`."""

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
    """The gift card cannot be used. `reason`: not_matched (unknown number or wrong PIN, which get
    the same answer), empty, expired, not_active_yet, inactive, other_currency, already_added,
    not_offered, held_elsewhere (by a payment that was left open in another session;
    `payments.attempts.reclaim_card`), still_held. A preset card may also be `not_found`. `field` is
    the field that named the card."""

    code = "GIFT_CARD_REFUSED"

    def __init__(self, reason: str, message: str, field: str = "gift_card") -> None:
        super().__init__(message, (FieldError(field, message, reason),))
        self.reason = reason


class TooManyAttempts(TooManyRequests):
    """Too many wrong PINs were tried, so nothing was checked. `reason` is `wait` if a new attempt
    may be made after `retry_after` seconds (a few minutes at most), and `too_many_tries` if a
    budget is used up. The answer is the same for a number that does not exist."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__("card.pin", retry_after)
        self.reason = reason
        if reason != "wait":
            self.message = "too many wrong attempts; the shop that issued the gift card can help"
        self.errors = (FieldError("gift_card", self.message, reason),)
