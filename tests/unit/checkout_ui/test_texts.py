"""The catalogues, and which of them a payer gets."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from backend.errors import DiscountRefused, GiftCardRefused, ShippingUnavailable
from backend.sessions.view import Notice, PageState
from checkout_ui import texts


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_catalogue_has_the_same_keys_and_values() -> None:
    assert set(texts.languages()) >= {"nb", "en"}
    reference = texts.catalogue(texts.DEFAULT)
    for language in texts.languages():
        known = texts.catalogue(language)
        assert set(known) == set(reference), language
        assert [key for key in known if not known[key].strip()] == []
        assert {key: fields(known[key]) for key in known} == {
            key: fields(reference[key]) for key in reference
        }


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


def test_every_key_is_used_and_every_used_key_exists(repository: Path) -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in (repository / "checkout_ui").rglob("*.py")
    )
    known = set(texts.catalogue(texts.DEFAULT))
    named = set(re.findall(r'(?:words|_text|_tell|_announce)\(\s*"([a-z_.]+)"', source))
    assert named - known == set()
    whole = set(re.findall(r"[\"']([a-z]+\.[A-Za-z_.]+)[\"']", source))
    # These are put together: `error.{field}.{code}`, `option.{type}`, `details.{name}`, …
    composed = ("_", "error.", "option.", "refused.", "notice.", "title.", "details.")
    unused = {key for key in known - whole if not key.startswith(composed)}
    assert unused == set()


def test_no_text_stands_in_the_components(repository: Path) -> None:
    """Every child of an element that is a literal is a sign, never words."""
    found = []
    files = [*(repository / "checkout_ui" / "steps").glob("*.py")]
    files += [repository / "checkout_ui" / name for name in ("page.py", "parts.py")]
    for path in files:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not ast.unparse(call.func).startswith("rx.el."):
                continue
            for child in call.args:
                if isinstance(child, ast.Constant) and isinstance(child.value, str):
                    found.append((path.name, child.value))
            for keyword in call.keywords:
                if keyword.arg in ("aria_label", "title", "placeholder", "alt"):
                    assert not isinstance(keyword.value, ast.Constant), path.name
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
        (None, "de,en;q=0.3,nb;q=0.8", "nb"),
        (None, "de;q=1,fr", "en"),
        ("de", "nb", "nb"),
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
