"""The hosted card page's texts beyond those of all hosted pages."""

from __future__ import annotations

EN = {
    "brand": "Test Card Acquirer",
    "test_notice": "Test provider: no real money moves. Use a test card, never a real one.",
    "title": "Pay by card",
    "card_approved": "Approved",
    "card_challenge": "3-D Secure challenge",
    "card_attempt": "Proof of attempt, approved",
    "card_secure_fails": "3-D Secure fails",
    "card_declined": "Declined",
    "card_insufficient": "Insufficient funds",
    "card_expired": "Expired card",
    "card_timeout": "Bank does not answer",
    "card_capture_timeout": "Capture times out",
    "card_refund_timeout": "Refund times out",
    "card_cancel_timeout": "Cancelling times out",
    "card_refund_fails": "Refund fails later",
}

NB = {
    "brand": "Testinnløser for kort",
    "test_notice": "Testinnløser: ingen ekte penger flyttes. Bruk et testkort, aldri et ekte.",
    "title": "Betal med kort",
    "card_approved": "Godkjent",
    "card_challenge": "3-D Secure-bekreftelse",
    "card_attempt": "Forsøk bekreftet, godkjent",
    "card_secure_fails": "3-D Secure feiler",
    "card_declined": "Avvist",
    "card_insufficient": "Ikke dekning",
    "card_expired": "Utløpt kort",
    "card_timeout": "Banken svarer ikke",
    "card_capture_timeout": "Belastning får tidsavbrudd",
    "card_refund_timeout": "Refusjon får tidsavbrudd",
    "card_cancel_timeout": "Kansellering får tidsavbrudd",
    "card_refund_fails": "Refusjon feiler senere",
}

TEXTS = {"en": EN, "nb": NB}
