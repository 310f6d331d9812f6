"""The texts of the landing page and the app's page beyond those of all hosted pages."""

from __future__ import annotations

EN = {
    "brand": "Vipps MobilePay (sandbox)",
    "test_notice": "A test of ours, not Vipps MobilePay's own page: no real money moves.",
    "title": "Confirm the payment",
    "text": "On a phone the app would open here. This page stands for it: say what the payer does.",
    "approve": "Approve {amount}",
    "reject": "Reject",
    "wait": "Do nothing",
    "cancel": "Cancel and go back to the shop",
    "waiting_title": "The payment is still waiting",
    "waiting_text": "Nobody has answered. The shop is not told; the payment expires automatically"
    " ten minutes after it began.",
    "answer": "Answer after all",
    "app_title": "The app on the phone",
    "app_text": "Every payment that was pushed to a phone and waits for its answer.",
    "app_none": "No payment waits for an answer.",
    "app_phone": "Phone +{phone}",
    "again": "Look again",
    "rejected_title": "You rejected the payment",
    "rejected_text": "Nothing was charged.",
}

NB = {
    "brand": "Vipps MobilePay (sandkasse)",
    "test_notice": "En test laget av oss, ikke Vipps MobilePays egen side: ingen ekte penger"
    " flyttes.",
    "title": "Bekreft betalingen",
    "text": "På en telefon ville appen åpnet seg her. Denne siden står for den: velg hva betaleren"
    " gjør.",
    "approve": "Godkjenn {amount}",
    "reject": "Avvis",
    "wait": "Gjør ingenting",
    "cancel": "Avbryt og gå tilbake til butikken",
    "waiting_title": "Betalingen venter fortsatt",
    "waiting_text": "Ingen har svart. Butikken får ikke vite noe; betalingen utløper av seg selv ti"
    " minutter etter at den ble startet.",
    "answer": "Svar likevel",
    "app_title": "Appen på telefonen",
    "app_text": "Alle betalinger som er sendt til en telefon og venter på svar.",
    "app_none": "Ingen betaling venter på svar.",
    "app_phone": "Telefon +{phone}",
    "again": "Se etter igjen",
    "rejected_title": "Du avviste betalingen",
    "rejected_text": "Ingenting er trukket.",
}

TEXTS = {"en": EN, "nb": NB}
