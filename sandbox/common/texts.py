"""The texts of all hosted pages, one catalogue for each language, and amounts as people write
them."""

from __future__ import annotations

from collections.abc import Mapping

_ZERO_DECIMAL = frozenset(
    [
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    ]
)
_SPACE = "\N{NO-BREAK SPACE}"

EN = {
    "lang": "en",
    "to_pay": "To pay",
    "details": "Card details",
    "number": "Card number",
    "expiry": "Expiry date",
    "expiry_hint": "MM / YY",
    "cvc": "Security code",
    "cvc_hint": "3 digits, 4 on Amex",
    "name": "Name on card",
    "pay": "Pay {amount}",
    "back": "Cancel and go back to the shop",
    "test_cards": "Test cards",
    "test_cards_hint": "Choose one to fill in the form.",
    "filled": "Test card filled in: {label}.",
    "error_fields": "Please check the fields marked below.",
    "error_number": "Enter a valid card number.",
    "error_expiry": "Enter the expiry date as MM / YY.",
    "error_expired": "This date has passed.",
    "error_cvc": "Enter the security code: 3 digits, 4 on Amex.",
    "error_name": "Enter the name on the card.",
    "declined": "Your card was declined. Nothing was charged. Try another card, or go back.",
    "declined_insufficient_funds": "There is not enough money on this card. Nothing was"
    " charged. Try another card, or go back.",
    "declined_expired_card": "This card has expired. Nothing was charged. Try another card.",
    "declined_incorrect_cvc": "The security code is wrong. Nothing was charged. Try again.",
    "declined_authentication": "Your bank could not confirm that it is you. Nothing was"
    " charged. Try again, or use another card.",
    "declined_processing_error": "The bank could not process the card. Nothing was charged."
    " Try again in a while.",
    "declined_live": "This is not a test card. Nothing was charged. Choose one of the test cards.",
    "challenge_title": "Confirm the payment",
    "challenge_text": "Your bank asks you to confirm a payment of {amount} with the card"
    " ending in {last4}.",
    "challenge_bank": "Test bank, 3-D Secure",
    "challenge_complete": "Complete",
    "challenge_fail": "Fail",
    "waiting_title": "No answer from the bank yet",
    "waiting_text": "The bank has not said yes or no. Do not pay again: the shop will learn"
    " how it ends.",
    "onward": "Continue to the shop",
    "expired_title": "This page has expired",
    "expired_text": "Nothing was charged. Go back to the shop and start the payment again.",
    "done_title": "You are all done here",
    "done_text": "This payment has been made. You need not do anything more.",
    "missing_title": "This page does not exist",
    "missing_text": "Check the address, or go back to the shop and start again.",
    "decline": "Decline",
    "wallet_text": "This stands for the app on the phone. Say what it answers.",
    "wallet_title": "Confirm in the app",
    "wallet_pay": "Approve {amount}",
}

NB = {
    "lang": "nb",
    "to_pay": "Å betale",
    "details": "Kortopplysninger",
    "number": "Kortnummer",
    "expiry": "Utløpsdato",
    "expiry_hint": "MM / ÅÅ",
    "cvc": "Sikkerhetskode",
    "cvc_hint": "3 sifre, 4 på Amex",
    "name": "Navn på kortet",
    "pay": "Betal {amount}",
    "back": "Avbryt og gå tilbake til butikken",
    "test_cards": "Testkort",
    "test_cards_hint": "Velg et for å fylle ut skjemaet.",
    "filled": "Testkort fylt inn: {label}.",
    "error_fields": "Se over feltene som er merket nedenfor.",
    "error_number": "Skriv et gyldig kortnummer.",
    "error_expiry": "Skriv utløpsdatoen som MM / ÅÅ.",
    "error_expired": "Denne datoen er passert.",
    "error_cvc": "Skriv sikkerhetskoden: 3 sifre, 4 på Amex.",
    "error_name": "Skriv navnet som står på kortet.",
    "declined": "Kortet ble avvist. Ingenting er trukket. Prøv et annet kort, eller gå tilbake.",
    "declined_insufficient_funds": "Det er ikke dekning på kortet. Ingenting er trukket. Prøv"
    " et annet kort, eller gå tilbake.",
    "declined_expired_card": "Kortet er utløpt. Ingenting er trukket. Prøv et annet kort.",
    "declined_incorrect_cvc": "Sikkerhetskoden er feil. Ingenting er trukket. Prøv igjen.",
    "declined_authentication": "Banken kunne ikke bekrefte at det er deg. Ingenting er"
    " trukket. Prøv igjen, eller bruk et annet kort.",
    "declined_processing_error": "Banken kunne ikke behandle kortet. Ingenting er trukket."
    " Prøv igjen om litt.",
    "declined_live": "Dette er ikke et testkort. Ingenting er trukket. Velg et av testkortene.",
    "challenge_title": "Bekreft betalingen",
    "challenge_text": "Banken ber deg bekrefte en betaling på {amount} med kortet som slutter"
    " på {last4}.",
    "challenge_bank": "Testbanken, 3-D Secure",
    "challenge_complete": "Fullfør",
    "challenge_fail": "La den feile",
    "waiting_title": "Banken har ikke svart ennå",
    "waiting_text": "Banken har verken sagt ja eller nei. Ikke betal en gang til: butikken"
    " får vite hvordan det går.",
    "onward": "Fortsett til butikken",
    "expired_title": "Denne siden er utløpt",
    "expired_text": "Ingenting er trukket. Gå tilbake til butikken og start betalingen på nytt.",
    "done_title": "Du er ferdig her",
    "done_text": "Betalingen er gjennomført. Du trenger ikke gjøre noe mer.",
    "missing_title": "Denne siden finnes ikke",
    "missing_text": "Sjekk adressen, eller gå tilbake til butikken og begynn på nytt.",
    "decline": "Avvis",
    "wallet_text": "Dette står for appen på telefonen. Velg hva den svarer.",
    "wallet_title": "Bekreft i appen",
    "wallet_pay": "Godkjenn {amount}",
}


def catalogue(
    own: Mapping[str, Mapping[str, str]], locale: str | None, accept_language: str
) -> dict[str, str]:
    """Return the texts of the payment's locale. If that is `auto` or missing, the browser's
    language decides. `own` has the provider's texts by language (`en`, `nb`), which replace those
    here."""
    wanted = locale if locale and locale != "auto" else accept_language.split(",")[0].strip()
    if wanted.lower().split("-")[0] in ("nb", "no", "nn"):
        return {**NB, **own["nb"]}
    return {**EN, **own["en"]}


def money(amount: int, currency: str, language: str) -> str:
    """Return `amount` (minor units), for example `300,00 kr` in Norwegian and `NOK 300.00` in
    English."""
    currency = currency.lower()
    places = 0 if currency in _ZERO_DECIMAL else 2
    whole, rest = divmod(amount, 10**places)
    mark, group = (",", _SPACE) if language == "nb" else (".", ",")
    figure = f"{whole:,}".replace(",", group) + (f"{mark}{rest:0{places}d}" if places else "")
    if language == "nb":
        return figure + _SPACE + ("kr" if currency == "nok" else currency.upper())
    return currency.upper() + _SPACE + figure
