"""The tests check which session an address means, what the served page contains and what stays out
of the log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checkout_ui.balance.state import account_of
from checkout_ui.hosting import caching, served
from checkout_ui.hosting.build_plugin import BALANCE_ROUTE, PRERENDERED_ROUTES
from checkout_ui.hosting.locations import session_id_of
from checkout_ui.hosting.versions import versioned

_OWN = versioned("checkout.js").partition("?")[2].encode()


@pytest.mark.parametrize(
    ("path", "query", "session_id"),
    [
        ("/v1/view/T12345678.abcDEF_-1", {}, "T12345678.abcDEF_-1"),
        ("/v1/view/T12345678.abc/", {}, "T12345678.abc"),
        ("/", {"sid": "T12345678.abc", "language": "no"}, "T12345678.abc"),
        ("/v1/view/one", {"sid": "another"}, "one"),
        ("/v1/view/../../etc/passwd", {}, ""),
        ("/v1/view/<script>", {}, ""),
        ("/", {"sid": "x" * 201}, ""),
        ("/", {"sid": "a\nb"}, ""),
        ("/", {}, ""),
    ],
)
def test_session_of_an_address(path: str, query: dict[str, str], session_id: str) -> None:
    assert session_id_of(path, query) == session_id


@pytest.mark.parametrize(
    ("path", "account"),
    [
        ("/balance/T12345678", "T12345678"),
        ("/balance/T12345678/", "T12345678"),
        ("/balance/T123456789", ""),
        ("/balance/T1%00", ""),
        ("/balance/", ""),
        ("/balance/a/b", ""),
        ("/v1/view/T12345678", ""),
        ("/", ""),
    ],
)
def test_account_of_an_address(path: str, account: str) -> None:
    assert account_of(path) == account


def test_every_first_text_has_its_place_in_the_prerendered_page(built_frontend: Path) -> None:
    """The texts are compared one by one, because a missing or empty element would show the payer
    nothing."""
    for route in PRERENDERED_ROUTES:
        page = (built_frontend / route.strip("/") / "index.html").read_text(encoding="utf-8")
        checkout = ("order", "total", "slow", "back")
        of_its_own = ("no-script",) if route == BALANCE_ROUTE else checkout
        for name in ("heading", "merchant", "loading", *of_its_own):
            assert len(re.findall(rf'id="first-{name}"[^>]*>…<', page)) == 1, (route, name)
        assert page.count("<title>…</title>") == 1
        unscripted = page.count("<noscript><span>…</span></noscript>")
        assert unscripted == (0 if route == BALANCE_ROUTE else 1)
        assert '<html lang="en"' in page


def test_only_origins_get_into_the_policy() -> None:
    good = ("https://shop.example", "https://*.shop.example", "http://127.0.0.1:8020")
    bad = ("*", "https://a.example; script-src *", "javascript:x", "https://a b", "shop.example")
    assert [origin for origin in (*good, *bad) if served.is_origin(origin)] == list(good)


@pytest.mark.parametrize(
    ("path", "query", "status", "kept"),
    [
        ("/assets/page-abc.js", b"", 200, "public, max-age=31536000, immutable"),
        ("/assets/page-abc.js", b"", 404, "no-store"),
        ("/checkout.js", _OWN, 200, "public, max-age=31536000, immutable"),
        ("/checkout.js", _OWN, 304, "public, max-age=31536000, immutable"),
        ("/checkout.js", _OWN, 500, "no-store"),
        ("/checkout.js", _OWN + b"&x=1", 200, "no-store"),
        ("/checkout.js", b"v=0a1b", 200, "no-store"),
        ("/checkout.js", b"v=", 200, "no-store"),
        ("/checkout.js", b"", 200, "public, max-age=3600"),
        ("/scan.js", _OWN, 200, "no-store"),
        ("/favicon.svg", b"", 200, "public, max-age=3600"),
        ("/favicon.svg", b"v=1", 200, "no-store"),
        ("/v1/transactions/T1.x", b"v=1", 200, "no-store"),
        ("/v1/branding/logo.svg", b"v=1", 200, "no-store"),
        ("/ping", b"", 200, "no-store"),
    ],
)
def test_how_long_a_browser_may_keep_an_answer(
    path: str, query: bytes, status: int, kept: str
) -> None:
    assert caching.how_long(path, query, status) == kept
