"""The browser shows every language, and a made-up one that reveals texts outside the catalogues."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from backend.core import phrases
from backend.frontend import _LOCK_FILES, _SOURCES, _digest, _write_stamp
from backend.receipts import texts as receipt_texts
from checkout_ui import texts
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer
from tests.support.waiting import until_on

NewPayer = Callable[..., Payer]

EXPECTED = {
    # For each language: the title, the button of 400 NOK, and the label of the postal code.
    "nb": ("Betaling – Fjord & Form", "Betal 400,00 kr", "Postnummer"),
    "nn": ("Betaling – Fjord & Form", "Betal 400,00 kr", "Postnummer"),
    "sv": ("Kassa – Fjord & Form", "Betala 400,00 Nkr", "Postnummer"),
    "da": ("Betaling – Fjord & Form", "Betal 400,00 NOK", "Postnummer"),
    "fi": ("Maksaminen – Fjord & Form", "Maksa 400,00 NOK", "Postinumero"),
    "en": ("Checkout – Fjord & Form", "Pay NOK 400.00", "Postal code"),
    "de": ("Kasse – Fjord & Form", "400,00 NOK bezahlen", "Postleitzahl"),
}


def test_each_language_in_one_page(payer: Payer, merchant: Merchant) -> None:
    """A switch without a load changes texts, amounts, title, the document's language and its
    address."""
    assert set(EXPECTED) == set(texts.languages())
    session = merchant.session()
    payer.open(session, language="no")
    expect(payer["html"]).to_have_attribute("lang", "nb")
    names = payer["#language option"].all_text_contents()
    assert names == sorted(names, key=str.casefold)
    assert set(names) == {texts.catalogue(code)["_name"] for code in texts.languages()}
    for language in ("sv", "fi", "de"):
        payer["#language"].select_option(language)
        label = payer["label[for=shipping_address-postal_code]"]
        expect(label).to_have_text(EXPECTED[language][2])
    payer.give_details()
    for language, (title, button, _) in EXPECTED.items():
        payer["#language"].select_option(language)
        expect(payer["#pay-button"]).to_have_text(re.compile(button.replace(" ", r"\s")))
        expect(payer.page).to_have_title(title)
        expect(payer["html"]).to_have_attribute("lang", language)
        assert payer.page.url.endswith(f"?language={language}")


@pytest.mark.parametrize("language", texts.languages())
def test_what_is_served_speaks_it_from_the_first_byte(merchant: Merchant, language: str) -> None:
    session = merchant.session()
    answer = httpx.get(session["url"], params={"language": language})
    known = texts.catalogue(language)
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}"' in answer.text
    for key in ("head.checkout", "head.loading", "head.no_script", "order.heading"):
        assert f">{known[key]}<" in answer.text, key
    posted = httpx.post(session["url"], params={"language": language}).text
    assert known["hosted.form_lead"] in posted and f'<html lang="{language}"' in posted
    missing = httpx.get(f"{session['url']}x", params={"language": language})
    assert missing.status_code == 404 and f"<title>{known['title.missing']}</title>" in (
        re.sub(r"<title[^>]*>", "<title>", missing.text)
    )


def test_the_shop_says_the_language_and_the_address_wins(merchant: Merchant) -> None:
    def served(session: dict[str, str], **params: str) -> str:
        answer = httpx.get(session["url"], params=params, headers={"Accept-Language": "nb"})
        return answer.headers["content-language"]

    swedish = merchant.session(configuration={"language": "sv-SE"})
    assert served(swedish) == "sv"
    assert served(swedish, language="da") == "da"
    assert served(merchant.session()) == "nb"


def test_the_form_follows_the_country_and_keeps_what_was_typed(
    payer: Payer, merchant: Merchant
) -> None:
    payer.open(merchant.session(), language="en")
    fields = "[id^=shipping_address-]:not([id$=-error])"

    def order() -> list[str]:
        ids: list[str] = payer.page.eval_on_selector_all(fields, "found => found.map(e => e.name)")
        return [name.partition(".")[2] for name in ids]

    names = ["country", "first_name", "last_name", "address_line"]
    assert order() == [*names, "postal_code", "postal_place"]
    payer.page.fill("#shipping_address-postal_place", "Bristol")
    payer.page.fill("#shipping_address-first_name", "Kari")
    payer["#shipping_address-country"].focus()
    payer["#shipping_address-country"].select_option("GB")
    expect(payer[fields].nth(4)).to_have_attribute("name", "shipping_address.postal_place")
    assert order() == [*names, "postal_place", "postal_code"]
    payer.focused("shipping_address-country")
    payer["#shipping_address-country"].select_option("US")
    expect(payer["label[for=shipping_address-postal_code]"]).to_have_text("ZIP code")
    expect(payer["#shipping_address-postal_place"]).to_have_value("Bristol")
    expect(payer["#shipping_address-first_name"]).to_have_value("Kari")
    # A message in another language or a change from elsewhere does not reset the form.
    payer["#language"].select_option("de")
    expect(payer["label[for=shipping_address-postal_code]"]).to_have_text("ZIP-Code")
    expect(payer["#shipping_address-country"]).to_have_value("US")


# --- a made-up language ---------------------------------------------------------------------------

MARK, OURS = "⟦", "¤"
"""Around every text of the made-up catalogue; in all that the session and the payer bring along."""

UNMARKED = r"""
([mark, ours]) => {
  const free = new RegExp(
    [
      "^[^\\p{L}]*$", "^[−-]?NOK\\s[\\d,.]+$", "^T12345678\\.", "^order-1$",
      "^\\d+ \\p{L}+ \\d{4}, [\\d:]+ \\w+$", "^kari@example\\.no$", "^\\+4741234567$",
    ].join("|"), "u",
  );
  const bad = (text) => !text.includes(mark) && !text.includes(ours) && !free.test(text.trim());
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const { parentElement: at, data } = walk.currentNode;
    if (at.closest("script, style, noscript, #language, [name$='.country']")) continue;
    if (bad(data)) found.push(data);
  }
  for (const name of ["aria-label", "alt", "title", "placeholder"]) {
    for (const at of document.querySelectorAll(`[${name}]`)) {
      if (bad(at.getAttribute(name))) found.push(`${name}=${at.getAttribute(name)}`);
    }
  }
  if (bad(document.title)) found.push(`title: ${document.title}`);
  return found;
}
"""


@pytest.fixture(scope="module")
def pseudo(
    built_frontend: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """Run a copy of the whole program with one more language."""
    root = tmp_path_factory.mktemp("pseudo") / "repository"
    apart = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in (
        "backend",
        "sandbox",
        "checkout_ui",
        "assets",
        "rxconfig.py",
        ".npmrc",
        "reflex.lock",
    ):
        if (repository / name).is_dir():
            shutil.copytree(repository / name, root / name, ignore=apart)
        else:
            shutil.copy(repository / name, root / name)
    shutil.copytree(repository / ".web", root / ".web", ignore=apart)
    _write_pseudo(root)
    reflex_version = (root / ".web" / "build" / "gavekort.sources").read_text().split()[-1]
    _write_stamp(root, f"{_digest(root, _SOURCES)} {_digest(root, _LOCK_FILES)} {reflex_version}")
    demo = Demo(root, tmp_path_factory.mktemp("pseudo-data"))
    demo.start()
    yield demo
    demo.stop()


def _write_pseudo(root: Path) -> None:
    """Add the language to the catalogues of the page and of the back end, because the page also
    shows receipts."""

    def marked(text: str) -> str:
        return f"{MARK}{text}⟧"

    def write(path: Path, known: Any) -> None:
        path.write_text(json.dumps(known), encoding="utf-8")

    known: dict[str, Any] = {key: marked(text) for key, text in texts.catalogue("en").items()}
    for key, forms in texts.counted("en").items():
        known[key] = {form: marked(text) for form, text in forms.items()}
    own = {"_locale": "en_GB", "_name": "Pseudo"}
    write(root / "checkout_ui" / "texts" / "zz.json", known | own)
    sent = {key: marked(text) for key, text in receipt_texts.catalogue("en").items()}
    write(root / "backend" / "receipts" / "texts" / "zz.json", sent | {"_locale": "en_GB"})
    english = {name: marked(text) for name, text in phrases.known()["en"].items()}
    write(root / "backend" / "core" / "phrases.json", phrases.known() | {"zz": english})


def _rich(shop: Shop) -> dict[str, Any]:
    option = {"operator": f"{OURS}Posten", "description": f"{OURS}to dager"}
    return {
        "merchant": {"name": f"{OURS}Fjord", "logo_url": f"{shop.url}/logo.svg"},
        "order": {
            "amount": 40000,
            "currency": "NOK",
            "vat_amount": 8000,
            "merchant_reference": "order-1",
            "items": [
                {
                    "id": "1",
                    "line_id": "1",
                    "description": f"{OURS}Pledd",
                    "quantity": 2,
                    "amount": 40000,
                    "vat": 25,
                },
            ],
        },
        "express": {
            "discount_codes": {"callback_url": f"{shop.url}/discount"},
            "shipping_options": [
                {"id": "a", "line_id": "s1", "amount": 4900, "title": f"{OURS}Hentested", **option},
                {"id": "b", "line_id": "s2", "amount": 0, "title": f"{OURS}Butikk", **option},
            ],
        },
        "configuration": {"allow_different_billing_shipping_address": ["b2c"]},
        "checkboxes": [
            {
                "id": "terms",
                "label": f"{OURS}Jeg godtar",
                "required": True,
                "link": {"url": "https://example.com/terms", "text": f"{OURS}vilkår"},
            },
        ],
    }


@pytest.mark.timeout(400)
def test_nothing_is_said_past_the_catalogues(pseudo: Demo, browser: Browser, shop: Shop) -> None:
    merchant = Merchant(pseudo, shop)
    context = browser.new_context(locale="fr-FR")
    payer = Payer(context, pseudo.base_url)
    found: dict[str, list[str]] = {}

    def check(state: str) -> None:
        if unmarked := payer.page.evaluate(UNMARKED, [MARK, OURS]):
            found[state] = unmarked

    session = merchant.session(**_rich(shop))
    payer.open(session, language="zz")
    check("details")
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_be_visible()
    check("details with errors")
    for name in ("first_name", "last_name", "address_line", "postal_place"):
        payer.page.fill(f"#shipping_address-{name}", f"{OURS}{name}")
    payer.page.fill("#shipping_address-postal_code", "0154")
    payer.page.fill("#email", "kari@example.no")
    payer.page.fill("#phone_number", "41234567")
    payer["#details-save"].click()
    expect(payer["#details-edit"]).to_be_visible()
    check("ready to pay")
    payer.type_card("1234", "1234")
    expect(payer["#gift_card_number-error"]).to_be_visible()
    check("gift card refused")
    payer.add_card(merchant.card())
    payer["#pay-button"].click()
    expect(payer[".consent .error"]).to_be_visible()
    check("consent missing")
    payer["#discount summary"].click()
    payer["#discount-apply"].click()
    expect(payer[".discount .error"]).to_be_visible()
    check("discount refused")
    payer["input[name='consent.terms']"].check()
    payer.press_pay()
    payer.page.go_back()
    payer.stage("paying")
    check("paying")
    payer["#wait-change"].click()
    expect(payer["#notice"]).to_be_visible()
    check("notice")
    payer["#cancel summary"].click()
    payer["#cancel-yes"].click()
    payer.at_shop()
    payer.open(session, language="zz")
    check("cancelled")
    covered = merchant.session(5000, merchant=_rich(shop)["merchant"])
    payer.open(covered, language="zz")
    payer.give_details()
    payer.add_card(merchant.card())
    payer["#pay-button"].click()
    payer.at_shop()
    payer.open(covered, language="zz")
    check("paid")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    late = merchant.session(merchant=_rich(shop)["merchant"], expires_at=soon.isoformat())
    until_on(payer.page, lambda: datetime.now(UTC) > soon, "the session expires")
    payer.open(late, language="zz")
    payer.stage("expired")
    check("expired")
    payer.open({"url": f"{pseudo.base_url}/v1/view/T12345678.nobody"}, language="zz")
    check("missing")
    payer.page.set_content(httpx.post(session["url"], params={"language": "zz"}).text)
    check("a form without the script")
    context.close()
    merchant.http.close()
    assert found == {}
