"""The hosted page's texts beyond those of all hosted pages."""

from __future__ import annotations

EN = {
    "brand": "Klarna (sandbox)",
    "test_notice": "A test of ours, not Klarna's own page: no real money moves. Give no real"
    " personal data.",
    "title": "Pay with Klarna",
    "order": "Your order",
    "how": "How do you want to pay?",
    "pay_now": "Pay now",
    "pay_now_note": "From your bank account, at once",
    "pay_later": "Pay in 30 days",
    "pay_later_note": "Get an invoice by e-mail",
    "pay_over_time": "Pay over time",
    "pay_over_time_note": "Divide it into monthly payments",
    "email": "E-mail",
    "continue": "Continue",
    "code_title": "Confirm that it is you",
    "code_text": "We would have sent a code to {email}. Here any six digits will do, except"
    " 999999.",
    "code": "Code",
    "code_hint": "Six digits",
    "approve": "Pay {amount}",
    "cancel": "Cancel and go back to the shop",
    "another": "Back to choose another way to pay",
    "people": "Test customers",
    "people_hint": "Choose one to fill in the form.",
    "person_approved": "Approved",
    "person_denied": "Declined",
    "person_pending": "Approved after a check of the risk",
    "person_error": "A technical error",
    "filled": "Test customer filled in: {label}.",
    "error_email": "Enter an e-mail address.",
    "error_code": "Enter six digits.",
    "error_wrong_code": "The code is wrong. Try another one.",
    "denied": "Klarna does not offer you this purchase. Nothing was charged. Go back and choose"
    " another way to pay.",
    "failed": "Something went wrong. Nothing was charged. Try again, or go back.",
}

NB = {
    "brand": "Klarna (sandkasse)",
    "test_notice": "En test laget av oss, ikke Klarnas egen side: ingen ekte penger flyttes. Ikke"
    " oppgi ekte personopplysninger.",
    "title": "Betal med Klarna",
    "order": "Bestillingen din",
    "how": "Hvordan vil du betale?",
    "pay_now": "Betal nå",
    "pay_now_note": "Fra bankkontoen, med en gang",
    "pay_later": "Betal om 30 dager",
    "pay_later_note": "Få en faktura på e-post",
    "pay_over_time": "Delbetaling",
    "pay_over_time_note": "Del opp i månedlige beløp",
    "email": "E-post",
    "continue": "Fortsett",
    "code_title": "Bekreft at det er deg",
    "code_text": "Vi ville ha sendt en kode til {email}. Her godtas alle seks sifre, unntatt"
    " 999999.",
    "code": "Kode",
    "code_hint": "Seks sifre",
    "approve": "Betal {amount}",
    "cancel": "Avbryt og gå tilbake til butikken",
    "another": "Tilbake for å velge en annen betalingsmåte",
    "people": "Testkunder",
    "people_hint": "Velg en for å fylle ut skjemaet.",
    "person_approved": "Godkjent",
    "person_denied": "Avvist",
    "person_pending": "Godkjent etter en risikovurdering",
    "person_error": "En teknisk feil",
    "filled": "Testkunde fylt inn: {label}.",
    "error_email": "Skriv en e-postadresse.",
    "error_code": "Skriv seks sifre.",
    "error_wrong_code": "Koden er feil. Prøv en annen.",
    "denied": "Klarna tilbyr deg ikke dette kjøpet. Ingenting er trukket. Gå tilbake og velg en"
    " annen måte å betale på.",
    "failed": "Noe gikk galt. Ingenting er trukket. Prøv igjen, eller gå tilbake.",
}

TEXTS = {"en": EN, "nb": NB}
