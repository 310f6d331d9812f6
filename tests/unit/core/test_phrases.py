"""The back end has its texts for a payer in each language."""

from __future__ import annotations

import string

import pytest

from backend.core import phrases

LINK = "https://pay.example/v1/view/P12345678.abc"
GSM_7 = set(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def fields(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


def test_every_language_has_every_phrase_with_the_same_values() -> None:
    assert set(phrases.known()) == {"da", "de", "en", "fi", "nb", "nn", "sv"}
    english = phrases.known()["en"]
    for language, known in phrases.known().items():
        assert {name: fields(known[name]) for name in known} == {
            name: fields(english[name]) for name in english
        }, language


@pytest.mark.parametrize("language", sorted(phrases.known()))
def test_an_sms_needs_no_sign_that_would_halve_its_room(language: str) -> None:
    """With one sign outside GSM 03.38 a message holds 70 signs instead of 160."""
    said = phrases.say(language, "pay_here", merchant="Fjord & Form", link=LINK)
    assert set(said) <= GSM_7 and len(said) <= 160
    code = phrases.say(language, "code", merchant="M" * 40, code="123456", minutes="60")
    assert set(code) <= GSM_7 and len(code) <= 160


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("no", "Gavekort"),
        ("nb-NO", "Gavekort"),
        ("nn_NO", "Gåvekort"),
        ("sv-SE", "Presentkort"),
        ("DA", "Gavekort"),
        ("fi", "Lahjakortti"),
        ("de-AT", "Geschenkkarte"),
        ("en-GB", "Gift card"),
        ("fr", "Gift card"),
        ("", "Gift card"),
        (None, "Gift card"),
    ],
)
def test_the_language_of_a_tag(tag: str | None, said: str) -> None:
    assert phrases.say(tag, "gift_card") == said
