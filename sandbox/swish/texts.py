"""The app's texts beyond those of all hosted pages."""

from __future__ import annotations

EN = {
    "brand": "Swish Sandbox",
    "test_notice": "Test provider: no real money moves. This page stands for the app on a phone.",
    "result_BANKIDCL": "Cancel BankID",
    "result_RF07": "Declined by the bank",
    "result_TM01": "Do nothing until the time is up",
    "result_DS24": "The banks do not answer",
    "inbox_title": "Payments to approve",
    "inbox_empty": "Nothing waits here. A payment that is pushed to a phone number appears here.",
}

NB = {
    "brand": "Swish Sandkasse",
    "test_notice": "Testbetaling: ingen ekte penger flyttes. Denne siden står for appen på en"
    " telefon.",
    "result_BANKIDCL": "Avbryt BankID",
    "result_RF07": "Avvist av banken",
    "result_TM01": "Gjør ingenting til tiden er ute",
    "result_DS24": "Bankene svarer ikke",
    "inbox_title": "Betalinger å godkjenne",
    "inbox_empty": "Ingenting venter her. En betaling som sendes til et telefonnummer, dukker opp"
    " her.",
}

TEXTS = {"en": EN, "nb": NB}
