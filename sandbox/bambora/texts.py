"""The payment window's texts beyond those of all hosted pages."""

from __future__ import annotations

EN = {
    "brand": "Test Bambora",
    "test_notice": "Sandbox: no real money moves. Use a test card, never a real one.",
    "title": "Pay by card",
    "test_cards_hint": "Choose one to fill in the form. Those that are not approved are the"
    " sandbox's own.",
    "card_approved": "Approved (Visa)",
    "card_approved_mastercard": "Approved (Mastercard)",
    "card_challenge": "3-D Secure challenge",
    "card_declined": "Declined",
    "card_insufficient": "Insufficient funds",
    "declined_wallet": "The app said no. Nothing was charged. Try again, or go back.",
    "declined_duplicate": "This order is paid already. Nothing more was charged.",
}

NB = {
    "brand": "Test-Bambora",
    "test_notice": "Sandkasse: ingen ekte penger flyttes. Bruk et testkort, aldri et ekte.",
    "title": "Betal med kort",
    "test_cards_hint": "Velg et for å fylle ut skjemaet. De som ikke blir godkjent, er sandkassens"
    " egne.",
    "card_approved": "Godkjent (Visa)",
    "card_approved_mastercard": "Godkjent (Mastercard)",
    "card_challenge": "3-D Secure-bekreftelse",
    "card_declined": "Avvist",
    "card_insufficient": "Ikke dekning",
    "declined_wallet": "Appen sa nei. Ingenting er trukket. Prøv igjen, eller gå tilbake.",
    "declined_duplicate": "Denne ordren er allerede betalt. Ingenting mer er trukket.",
}

TEXTS = {"en": EN, "nb": NB}
