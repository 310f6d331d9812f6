"""The tests check the catalogues and which of them a payer gets."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path
from typing import Any

import pytest
from babel import Locale

from backend.core.errors import DiscountRefused, GiftCardRefused, ShippingUnavailable
from backend.psp.bambora.connector import METHODS
from backend.psp.swedbankpay.connector import INSTRUMENTS
from backend.rules.payment_option import PUSHES
from backend.sessions.details import all_countries
from backend.sessions.view import Notice, PageState
from checkout_ui import texts
from checkout_ui.presenters import addresses


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def loaded(language: str) -> dict[str, Any]:
    """Return the plain texts and the plural texts of the file."""
    return {**texts.catalogue(language), **texts.counted(language)}


def test_the_languages() -> None:
    assert texts.languages() == ("da", "de", "en", "fi", "nb", "nn", "sv")
    for language in texts.languages():
        assert texts.locale(language).startswith(f"{language}_")
        assert Locale.parse(texts.locale(language)).text_direction == "ltr"
    named = {language: texts.catalogue(language)["_name"] for language in texts.languages()}
    assert len(set(named.values())) == len(named)


@pytest.mark.parametrize("language", texts.languages())
def test_every_catalogue_has_the_same_keys_and_values(language: str) -> None:
    reference, known = loaded(texts.DEFAULT), loaded(language)
    assert list(known) == list(reference) or set(known) == set(reference)
    for key, text in known.items():
        forms = text.values() if isinstance(text, dict) else [text]
        others = reference[key]
        assert isinstance(others, dict) == isinstance(text, dict), key
        meant = fields(others["other"] if isinstance(others, dict) else others)
        assert all(form.strip() and fields(form) == meant for form in forms), key


@pytest.mark.parametrize("language", texts.languages())
def test_what_counts_has_every_form_of_the_language(language: str) -> None:
    categories = {*Locale.parse(texts.locale(language)).plural_form.rules, "other"}
    assert texts.counted(language), "something counts"
    for key, forms in texts.counted(language).items():
        assert set(forms) == categories, key


@pytest.mark.parametrize("language", texts.languages())
def test_a_catalogue_is_written_as_its_language_is(language: str) -> None:
    """No English text is left, and the typography is that of the language."""
    english, known = texts.catalogue("en"), texts.catalogue(language)
    names = ("option.", "provider.", "_", "details.postal_code.")
    same = [key for key in known if known[key] == english[key] and not key.startswith(names)]
    allowed = {
        "de": ["card.pin", "discount.code", "card.remove"],
        "nb": ["discount.code"],
        "nn": [],
        "sv": [],
        "da": [],
        "fi": [],
        "en": list(known),
    }
    assert set(same) <= {*allowed[language], "head.test"}
    for key, text in known.items():
        assert "..." not in text and "  " not in text and text == text.strip(), key


def test_what_was_said_is_said_in_another_language() -> None:
    said = texts.text("nb", "error.email.required")
    assert texts.again(said, "nb", "sv") == texts.text("sv", "error.email.required")
    said = texts.text("nb", "notice.split_changed", amount="300,00 kr")
    moved = texts.again(said, "nb", "de")
    assert moved == texts.text("de", "notice.split_changed", amount="300,00 kr")
    assert texts.again(texts.count("da", "count.items", 2), "da", "fi") == "2 tuotetta"
    assert texts.again("what the shop wrote", "nb", "sv") == "what the shop wrote"
    assert texts.again("", "nb", "sv") == ""


def test_what_the_backend_may_say_has_a_text() -> None:
    known = texts.catalogue(texts.DEFAULT)
    reasons = re.findall(r"\b[a-z_]+(?=[,.])", (GiftCardRefused.__doc__ or "").partition(":")[2])
    assert "not_matched" in texts_of("refused") and len(reasons) >= 6
    assert [
        reason for reason in reasons if f"refused.{reason}" not in known and "_" in reason
    ] == []
    for error, part in ((ShippingUnavailable, "shipping"), (DiscountRefused, "discount")):
        said = re.findall(r"`([a-z]+(?:_[a-z]+)+)`", error.__doc__ or "")
        assert len(said) >= 2 and {f"error.{part}.{reason}" for reason in said} <= set(known)
    assert [notice for notice in Notice if f"notice.{notice.value}" not in known] == []
    assert [state for state in PageState if f"title.{state.value}" not in known] == []


def texts_of(section: str) -> set[str]:
    head = f"{section}."
    return {
        key.removeprefix(head) for key in texts.catalogue(texts.DEFAULT) if key.startswith(head)
    }


def sources(repository: Path) -> list[Path]:
    return sorted((repository / "checkout_ui").rglob("*.py"))


def test_every_key_is_used_and_every_used_key_exists(repository: Path) -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources(repository))
    known = set(loaded(texts.DEFAULT))
    named = re.findall(
        r'(?:words|_text|_tell|_announce|texts\.text|texts\.count)\((?:\s*\w+,)?\s*"([a-z_.]+)"',
        source,
    )
    assert set(named) - known == set()
    whole = set(re.findall(r"[\"']([a-z]+\.[A-Za-z_.]+)[\"']", source))
    # These keys consist of a known beginning and an ending from the code or the address data.
    composed = {
        *(f"details.{name}" for name in addresses._AUTOFILL),
        *(f"details.postal_code.{kind}" for kind in ("zip", "eircode", "pin")),
        *(f"details.postal_place.{kind}" for kind in ("suburb", "district")),
        *(f"provider.{one}" for one in ("payex", "bambora")),
        *(f"notice.{notice.value}" for notice in Notice),
        *(f"title.{state.value}" for state in PageState),
        *(f"push.open.{option.rpartition('.')[2]}" for option in PUSHES),
        *(
            f"notice.embed_{what}_{how}"
            for what in ("validate", "address")
            for how in ("refused", "late")
        ),
    }
    endings = ("_", "error.", "refused.", "option.")
    unused = {key for key in known - whole - composed if not key.startswith(endings)}
    assert unused == set()
    kinds = {one.rpartition(".")[2] for one in options()}
    assert {key.split(".")[1] for key in known if key.startswith("option.")} == {
        *kinds,
        "other",
        "via",
    }
    assert {kind for country in all_countries() if (kind := addresses._rules(country).city)} <= {
        "city",
        "post_town",
        "suburb",
        "district",
    }


def options() -> list[str]:
    return ["creditcard", "klarna", *INSTRUMENTS, *METHODS]


_WORDS = re.compile(
    r"[^\W\d_]{2,}[ \u00a0][^\W\d_]{2,}|^[A-ZÆØÅÄÖ][a-zæøåäöüß]+[.!?…:]?$|[a-zæøå] ?[…!?]$"
)
_NO_TEXTS = {
    "export default ", "Overlay", "light dark", "Event data:",
    "something went wrong on our side", "this socket is not for you",
}  # fmt: skip
"""Of a build file, of Reflex, of HTML and of HTTP: what programs read, not payers."""


def test_no_text_stands_in_python(repository: Path) -> None:
    """Every text of a component, a state or the served HTML comes from a catalogue."""
    found = []
    # What the gate counts is told to operators, in the log. API clients read errors in JSON.
    told_to_payers = [
        path
        for path in sources(repository)
        if path.parent.name != "gate" and path.name != "in_json.py"
    ]
    for path in told_to_payers:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = _not_for_payers(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                said |= {id(part) for part in ast.walk(node) if part is not node}
                pieces = [getattr(part, "value", "") for part in node.values]
                text = "".join(piece if isinstance(piece, str) else "0" for piece in pieces)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            text = re.sub(r"<[^<>]*>", "", text)
            if id(node) not in said and text not in _NO_TEXTS and _WORDS.search(text):
                found.append((path.name, text))
    assert found == []


def _not_for_payers(tree: ast.Module) -> set[int]:
    """Return docstrings, raised or logged texts, and the names of classes and autofill tokens."""
    apart: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            apart.add(id(node.value))
        raised = isinstance(node, ast.Raise)
        logged = isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.")
        named = isinstance(node, ast.keyword) and node.arg in ("class_name", "auto_complete")
        if raised or logged or named:
            apart |= {id(part) for part in ast.walk(node)}
        # What something is filed under is no text: a header's name.
        if isinstance(node, ast.Dict):
            apart |= {id(key) for key in node.keys}
        if isinstance(node, ast.Subscript):
            apart.add(id(node.slice))
    return apart


def test_no_text_stands_in_the_components(repository: Path) -> None:
    """A literal child of an element is always a sign and never a word."""
    found = []
    files = [*(repository / "checkout_ui" / "steps").glob("*.py")]
    files += [repository / "checkout_ui" / name for name in ("page.py", "components/elements.py")]
    files += [*(repository / "checkout_ui" / "balance").glob("*.py")]
    for path in files:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not ast.unparse(call.func).startswith("rx.el."):
                continue
            for child in call.args:
                if isinstance(child, ast.Constant) and isinstance(child.value, str):
                    found.append((path.name, child.value))
            for keyword in call.keywords:
                if keyword.arg in ("aria_label", "title", "placeholder", "alt"):
                    literal = isinstance(keyword.value, ast.Constant) and keyword.value.value
                    assert not literal, path.name
    assert [text for _, text in found if re.search(r"[A-Za-zÆØÅæøå]", text)] == []
    assert found, "the search finds the signs at least"


@pytest.mark.parametrize(
    ("wanted", "accepted", "chosen"),
    [
        ("no", None, "nb"),
        ("nb", "en", "nb"),
        ("nb-NO", "en", "nb"),
        ("NO", None, "nb"),
        ("en", "nb", "en"),
        ("en_US", None, "en"),
        (None, "nb-NO,nb;q=0.9,no;q=0.8,en;q=0.5", "nb"),
        (None, "fr,en;q=0.3,nb;q=0.8", "nb"),
        (None, "fr;q=1,es", "en"),
        ("fr", "nb", "nb"),
        ("nn", "nb", "nn"),
        ("sv-SE", "nb", "sv"),
        ("da_DK", None, "da"),
        (None, "fi-FI,fi;q=0.9,sv;q=0.8", "fi"),
        (None, "nn-NO,nn;q=0.9,nb;q=0.8", "nn"),
        (None, "de-AT, en;q=0.5", "de"),
        ("", "", "en"),
        (None, "nb;q=0, en", "en"),
        (None, "nb;q=lots", "en"),
        ("../../etc", None, "en"),
        (None, None, "en"),
    ],
)
def test_the_query_comes_before_the_browser(
    wanted: str | None, accepted: str | None, chosen: str
) -> None:
    assert texts.choose(wanted, accepted) == chosen


def test_the_browser_gets_no_text_that_only_the_server_needs() -> None:
    sent = texts.page_texts("nb")
    assert "pay.choose" in sent
    assert [key for key in sent if key.startswith(("error.", "_", "announced."))] == []
    assert [key for key in sent if key.startswith(("balance.", "used."))] == []
    balance = texts.balance_texts("nb")
    assert {"balance.look", "card.pin"} <= set(balance)
    assert [key for key in balance if key.startswith(("pay.", "error.", "announced."))] == []


@pytest.mark.parametrize(
    ("wanted", "accepted", "hint", "country", "chosen"),
    [
        ("en", "nb", "sv", "DK", "en"),
        (None, "nb", "sv-SE", "DK", "sv"),
        (None, "nb", "fr", "DK", "nb"),
        (None, "fr", None, "DK", "da"),
        (None, None, None, "FI", "fi"),
        (None, "fr", "es", "US", "en"),
        ("fr", "fr", None, "AT", "de"),
    ],
)
def test_what_the_shop_says_comes_before_the_browser(
    wanted: str | None, accepted: str | None, hint: str | None, country: str, chosen: str
) -> None:
    assert texts.choose(wanted, accepted, hint=hint, country=country) == chosen
