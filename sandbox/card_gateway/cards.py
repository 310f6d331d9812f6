"""The test cards. They combine two public tables. If these differ, the checkout's own product has
precedence: 4000 0000 0000 0002 is approved.

Sources: `docs/reference/dintero-api.md#test-data`, `docs/reference/psp/stripe.md#test-cards`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    APPROVE = "approve"
    CHALLENGE = "challenge"
    ATTEMPT = "attempt"  # no challenge, because the issuer has no 3-D Secure: proof of attempt
    DECLINE = "decline"
    TIMEOUT = "timeout"  # the issuer does not answer; settled later


@dataclass(frozen=True, slots=True)
class TestCard:
    """A test card. `late` names the verbs that take effect and are then not answered in time.
    `refunds` is the state of a refund after its answer: `pending` first and then `succeeded`, or
    `succeeded` first and then `failed`."""

    __test__ = False  # no test class for pytest

    number: str
    behaviour: Behaviour
    code: str = "card_declined"
    decline_code: str | None = None
    message: str = "Your card was declined."
    late: str | None = None
    refunds: str = "at_once"

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def brand(self) -> str:
        if self.number.startswith("4"):
            return "visa"
        return "amex" if self.number.startswith("3") else "mastercard"


def _declined(number: str, decline_code: str, code: str = "card_declined") -> TestCard:
    return TestCard(number, Behaviour.DECLINE, code, decline_code)


def _authentication_fails(number: str) -> TestCard:
    return TestCard(
        number,
        Behaviour.DECLINE,
        "payment_intent_authentication_failure",
        None,
        "We are unable to authenticate your payment method.",
    )


_CARDS = (
    # The product's own table.
    TestCard("4000000000000002", Behaviour.APPROVE),
    TestCard("5200000000000007", Behaviour.APPROVE),
    TestCard("4000100000000000", Behaviour.CHALLENGE),
    TestCard("5200000000000015", Behaviour.CHALLENGE),
    TestCard("4000200000000008", Behaviour.ATTEMPT),
    TestCard("5200000000000023", Behaviour.ATTEMPT),
    _authentication_fails("4000300000000006"),
    _authentication_fails("5200000000000031"),
    _declined("4100000000000076", "authentication_required"),
    TestCard("4100000000000001", Behaviour.TIMEOUT),
    TestCard("5100000000000008", Behaviour.TIMEOUT),
    TestCard("4100000000000019", Behaviour.APPROVE, late="capture"),
    TestCard("5100000000000016", Behaviour.APPROVE, late="capture"),
    TestCard("4100000000000027", Behaviour.APPROVE, late="refund"),
    TestCard("5100000000000024", Behaviour.APPROVE, late="refund"),
    TestCard("4100000000000043", Behaviour.APPROVE, late="cancel"),
    TestCard("5100000000000040", Behaviour.APPROVE, late="cancel"),
    # Auto-capture and token provisioning are not part of this provider.
    TestCard("4100000000000035", Behaviour.APPROVE),
    TestCard("5100000000000032", Behaviour.APPROVE),
    TestCard("4100000000000050", Behaviour.APPROVE),
    TestCard("5100000000000057", Behaviour.APPROVE),
    # The wire protocol's public table.
    TestCard("4242424242424242", Behaviour.APPROVE),
    TestCard("5555555555554444", Behaviour.APPROVE),
    TestCard("378282246310005", Behaviour.APPROVE),
    TestCard("4000000000000259", Behaviour.APPROVE),
    TestCard("4000000000007726", Behaviour.APPROVE, refunds="pending"),
    TestCard("4000000000005126", Behaviour.APPROVE, refunds="failed"),
    TestCard("4000002500003155", Behaviour.CHALLENGE),
    TestCard("4000002760003184", Behaviour.CHALLENGE),
    TestCard("4000000000003220", Behaviour.CHALLENGE),
    _declined("4000000000009995", "insufficient_funds"),
    _declined("4000000000009987", "lost_card"),
    _declined("4000000000009979", "stolen_card"),
    TestCard("4000000000000069", Behaviour.DECLINE, "expired_card", None, "Your card has expired."),
    TestCard(
        "4000000000000127",
        Behaviour.DECLINE,
        "incorrect_cvc",
        None,
        "Your card's security code is incorrect.",
    ),
    TestCard(
        "4000000000000119",
        Behaviour.DECLINE,
        "processing_error",
        None,
        "An error occurred while processing your card.",
    ),
)
CARDS = {card.number: card for card in _CARDS}

_PLAIN_DECLINE = _declined("4000000000000002", "generic_decline")
PAYMENT_METHODS = {
    "pm_card_visa": CARDS["4242424242424242"],
    "pm_card_mastercard": CARDS["5555555555554444"],
    "pm_card_amex": CARDS["378282246310005"],
    "pm_card_threeDSecure2Required": CARDS["4000000000003220"],
    "pm_card_authenticationRequired": CARDS["4000002760003184"],
    "pm_card_chargeDeclined": _PLAIN_DECLINE,
    "pm_card_visa_chargeDeclined": _PLAIN_DECLINE,
    "pm_card_visa_chargeDeclinedInsufficientFunds": CARDS["4000000000009995"],
    "pm_card_chargeDeclinedInsufficientFunds": CARDS["4000000000009995"],
    "pm_card_chargeDeclinedExpiredCard": CARDS["4000000000000069"],
    "pm_card_chargeDeclinedIncorrectCvc": CARDS["4000000000000127"],
    "pm_card_chargeDeclinedProcessingError": CARDS["4000000000000119"],
}


def card_for(number: str) -> TestCard:
    """Return the card of this number. A card that is in no table is declined, because it may be a
    real one."""
    found = CARDS.get(number)
    return found if found is not None else _declined(number, "test_mode_live_card")
