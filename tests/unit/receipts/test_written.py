"""A receipt has its text in each language and becomes a mail."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from backend.core import phrases
from backend.psp.registry import CREDENTIALS
from backend.receipts import mail, texts
from backend.receipts.facts import GiftCardPart, Later, Line, OtherPart, Receipt
from backend.receipts.written import Row, sms_text, write, zone

RECEIPT = Receipt(
    account_id="P12345678",
    session_id="P12345678.s",
    transaction_id="P12345678.t",
    merchant="Fjord & Form",
    reference="order-1",
    currency="NOK",
    amount=45000,
    vat_amount=9000,
    shipping_amount=0,
    shipping_title="Hjem",
    lines=(Line("Ullpledd", "2.5", 30000, "25"), Line("Rabatt", "1", -5000, None)),
    gift_card=GiftCardPart("4711", 10000, 2500, "2027-12-01T00:00:00.000Z"),
    other=OtherPart("payex.vipps", 35000),
    paid_at="2026-11-25T19:10:00.000Z",
    time_zone="Europe/Oslo",
)


def plain(value: str) -> str:
    return value.replace("\u00a0", " ")


def test_every_catalogue_has_the_same_keys_and_values() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    reference = texts.catalogue(texts.DEFAULT)
    for language in texts.languages():
        known = texts.catalogue(language)
        assert set(known) == set(reference), language
        assert {key: fields(known[key]) for key in known} == {
            key: fields(reference[key]) for key in reference
        }
    assert set(texts.languages()) == set(phrases.known())


def test_a_language_without_words_is_written_in_english() -> None:
    assert write(RECEIPT, "xx") == write(RECEIPT, "en") == write(RECEIPT, "")


@pytest.mark.parametrize(("tag", "heading"), [
    ("no", "Kvittering"), ("nb-NO", "Kvittering"), ("sv-SE", "Kvitto"), ("fi", "Kuitti"),
    ("de_AT", "Zahlungsbeleg"),
])  # fmt: skip
def test_a_tag_as_a_shop_writes_it(tag: str, heading: str) -> None:
    assert write(RECEIPT, tag).heading == heading


def test_norwegian() -> None:
    written = write(RECEIPT, "nb")
    assert [plain(row.value) for row in written.facts] == [
        "Fjord & Form",
        "order-1",
        "25. november 2026, 20:10:00 CET",
        "P12345678.t",
    ]
    assert [(plain(r.label), plain(r.value), plain(r.note)) for r in written.lines] == [
        ("Ullpledd × 2,5", "300,00 kr", "25 % mva."),
        ("Rabatt", "−50,00 kr", ""),
    ]
    assert written.sums == (Row("Frakt", "Gratis", "Hjem"),)
    assert [(plain(r.label), plain(r.value)) for r in written.paid] == [
        ("Gavekort •••• 4711", "100,00 kr"),
        ("Vipps", "350,00 kr"),
    ]
    assert written.paid[0].spoken == "Gavekort som slutter på 4711"
    left = written.left
    assert (left.label, plain(left.value), left.note) == (
        "Igjen på gavekortet",
        "25,00 kr",
        "Gyldig til 1. des. 2027",
    )
    assert (written.test, written.became) == ("", "")


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (Later(), ""),
        (Later(refunded=5000), "NOK 50.00 of this payment has been refunded."),
        (Later(refunded=45000), "This payment has been refunded."),
        (Later(cancelled=True), "This payment was cancelled by the shop. Nothing was charged."),
    ],
)
def test_what_became_of_it(later: Later, said: str) -> None:
    assert plain(write(RECEIPT, "en", later).became) == said


def test_test_money_is_called_that() -> None:
    assert write(replace(RECEIPT, account_id="T12345678"), "en").test.startswith("Test payment")


def test_every_option_that_can_be_paid_with_has_a_name() -> None:
    known = texts.catalogue("en")
    unnamed = [name for name in CREDENTIALS if f"option.{name.rpartition('.')[2]}" not in known]
    assert unnamed == []


def test_it_is_kept_as_json_and_is_the_same_again() -> None:
    assert Receipt.from_json(RECEIPT.as_json()) == RECEIPT
    bare = replace(RECEIPT, gift_card=None, other=None)
    assert Receipt.from_json(bare.as_json()) == bare
    assert plain(write(bare, "en").paid[0].label) == "Nothing to pay"


def test_a_zone_that_nobody_knows_is_utc() -> None:
    assert zone("Europe/Atlantis") is UTC and zone("../etc/passwd") is UTC
    assert "UTC" in write(replace(RECEIPT, time_zone="nowhere"), "en").facts[2].value


@pytest.mark.parametrize("language", texts.languages())
def test_every_language_is_written_whole(language: str) -> None:
    written = write(RECEIPT, language, Later(refunded=5000))
    assert "{" not in str(written) and "4711" in written.paid[0].label
    assert written.facts[2].value.startswith("25")
    if language != "en":
        assert written.heading != write(RECEIPT, "en").heading


def test_the_text_message_is_short() -> None:
    long = replace(RECEIPT, merchant="M" * 200, reference="R" * 200)
    link = "https://checkout.example/v1/view/P12345678.s?language=nb"
    assert len(sms_text(long, "nb", link)) < 220
    assert link in sms_text(long, "nb", link)


def test_the_mail_fetches_nothing_and_runs_nothing() -> None:
    evil = replace(RECEIPT, lines=(Line('<img src="https://evil.example/x">', "1", 1, None),))
    message = mail.compose(
        evil,
        "nb",
        to="kari@example.no",
        sender="a@b.example",
        link="https://c.example/",
        message_id=mail.message_id("P1.t", "a@b.example"),
    )
    part = message.get_body(("html",))
    assert part is not None
    page = part.get_content()
    assert not re.search(r"<(img|script|link|iframe|object)\b", page)
    assert re.findall(r'(?:href|src)="([^"]*)"', page) == ["https://c.example/"]
    assert max(len(line) for line in message.as_bytes().splitlines()) <= 998
    assert message.as_bytes().isascii()


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("kari@example.no", "kari@example.no"), (" Kari@Example.no ", "Kari@example.no"),
        ("kari@bøker.no", "kari@xn--bker-gra.no"), ("kari@example.no\r\nBcc: x@y.no", None),
        ("a@b", None), ("", None), ("kari@example.no, ola@example.no", None),
    ],
)  # fmt: skip
def test_addresses(given: str, taken: str | None) -> None:
    assert mail.address(given) == taken


def test_the_templates_are_shipped(repository: Path) -> None:
    assert (repository / "backend/receipts/templates/receipt.html").is_file()
