"""The provider's texts beyond those of all hosted pages."""

from __future__ import annotations

EN = {
    "brand": "Swedbank Pay Sandbox",
    "test_notice": "Test provider: no real money moves. Use a test card, never a real one.",
    "title": "Pay by card",
    "card_approved": "Approved",
    "card_challenge": "3-D Secure challenge",
    "card_declined": "Declined",
    "wallet_declined": "The payment was declined in the app. Nothing was charged. Try again, or"
    " go back.",
    "wallet_failed": "{wallet} could not carry out the payment. Nothing was charged. Try again,"
    " or go back.",
    "amounts": "Amounts that fail",
}

NB = {
    "brand": "Swedbank Pay Sandkasse",
    "test_notice": "Testbetaling: ingen ekte penger flyttes. Bruk et testkort, aldri et ekte.",
    "title": "Betal med kort",
    "card_approved": "Godkjent",
    "card_challenge": "3-D Secure-bekreftelse",
    "card_declined": "Avvist",
    "wallet_declined": "Betalingen ble avvist i appen. Ingenting er trukket. Prøv igjen, eller gå"
    " tilbake.",
    "wallet_failed": "{wallet} kunne ikke gjennomføre betalingen. Ingenting er trukket. Prøv"
    " igjen, eller gå tilbake.",
    "amounts": "Beløp som feiler",
}

TEXTS = {"en": EN, "nb": NB}
