"""The provider's test data: cards, amounts that fail, descriptions that fail at Swish.

Source: `docs/reference/psp/swedbankpay.md#test-data`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.common.storage import Json
from sandbox.swedbankpay.problems import problem

CARDS: Mapping[str, str] = {
    "4761739001010416": "card_challenge",
    "5226612199533406": "card_challenge",
    "4925000000000004": "card_approved",
    "377601000000000": "card_approved",
    # From the checkout's own table of test cards: the provider has no card that is declined.
    "4100000000000076": "card_declined",
}
"""Number, and what it does."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a provider says no with."""

    status: int
    code: str
    detail: str
    name: str = "ExternalResponse"

    def problem(self) -> Json:
        return problem(self.status, self.code, self.detail, self.name)


_DECLINED = Failure(403, "creditcard/carddeclined", "REJECTED_BY_ACQUIRER, response-code: 05")
_FRAUD = Failure(403, "creditcard/acquirerpossiblefraud", "REJECTED_BY_ACQUIRER_POSSIBLE_FRAUD")
_GENERIC = Failure(403, "creditcard/acquirererror", "REJECTED_BY_ACQUIRER")
AMOUNTS: Mapping[int, Failure] = {
    900313: Failure(403, "creditcard/acquirerinvalidamount", "REJECTED_BY_ACQUIRER_INVALID_AMOUNT"),
    900330: Failure(403, "creditcard/acquirererror", "REJECTED_BY_ACQUIRER_FORMAT_ERROR"),
    900334: _FRAUD,
    900343: Failure(403, "creditcard/acquirercardstolen", "REJECTED_BY_ACQUIRER_CARD_STOLEN"),
    900351: _GENERIC,
    900354: Failure(403, "creditcard/acquirercardexpired", "REJECTED_BY_ACQUIRER_CARD_EXPIRED"),
    900359: _FRAUD,
    900361: Failure(
        403,
        "creditcard/acquirerinsufficientfunds",
        "REJECTED_BY_ACQUIRER_INSUFFICIENT_FUNDS-insufficient funds, response-code: 61",
    ),
    900362: _GENERIC,
    900391: Failure(502, "creditcard/acquirergatewayerror", "ACQUIRER_HOST_OFFLINE"),
    952100: Failure(403, "creditcard/dailylimitexceeded", "REJECTED_BY_ACQUIRER_LIMIT"),
    952400: Failure(403, "creditcard/acquirererrordonotretry", "REJECTED_BY_ACQUIRER_DO_NOT_RETRY"),
    952507: Failure(403, "creditcard/acquirererror", "REJECTED_BY_ACQUIRER_MODIFICATIONS_REQUIRED"),
}
"""Failures by the amount sent, in minor units. It is what is left after the gift card."""

SWISH: Mapping[str, Failure] = {
    "RF07": Failure(403, "swish/rejected", "RF07: transaction declined"),
    "TM01": Failure(403, "swish/timeout", "TM01: Swish timed out"),
    "BANKIDCL": Failure(403, "swish/bankidcancelled", "BANKIDCL: the payer cancelled BankID"),
}
"""Failures by a word in the description."""
CANCELLED_CHALLENGE = Failure(
    403, "creditcard/3dsecureusercancelled", "The payer cancelled the authentication"
)
UNKNOWN_CARD = Failure(403, "creditcard/cardtyperejected", "This is not a test card")


def card_failure(number: str, amount: int) -> Failure | None:
    """Return why a card payment fails once it is authenticated."""
    if number not in CARDS:
        return UNKNOWN_CARD
    if CARDS[number] == "card_declined":
        return _DECLINED
    return AMOUNTS.get(amount)


def wallet_failure(instrument: str, description: str) -> Failure | None:
    """Return why a wallet's payment fails although the payer approves."""
    if instrument != "Swish":
        return None
    return next((failure for word, failure in SWISH.items() if word in description), None)


def wallet_declined(instrument: str) -> Failure:
    return Failure(403, f"{instrument.lower()}/declined", "The payer said no in the app", "Payer")
