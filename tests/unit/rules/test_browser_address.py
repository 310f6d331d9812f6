"""The rule says to which addresses a payer's browser may be sent."""

from __future__ import annotations

import pytest

from backend.rules.browser_address import NEVER, WEB, is_app_scheme, scheme_of, what_is_wrong


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        ("https://shop.example/", "https"),
        ("HTTPS://shop.example/", "https"),
        ("myshop://done", "myshop"),
        ("my-shop+x.1:done", "my-shop+x.1"),
        ("a:b", "a"),
        (f"{'a' * 64}:x", "a" * 64),
        (f"{'a' * 65}:x", ""),
        # Only the part before the first colon counts.
        ("a:b:c", "a"),
        ("/path:x", ""),
        ("1shop:x", ""),
        ("-shop:x", ""),
        ("shöp:x", ""),
        ("https", ""),
        (":x", ""),
        ("", ""),
    ],
)
def test_the_scheme_of_an_address(address: str, scheme: str) -> None:
    assert scheme_of(address) == scheme


@pytest.mark.parametrize("scheme", ["myshop", "a", "my-shop+x.1", "a" * 64])
def test_an_apps_own_scheme_can_be_allowed(scheme: str) -> None:
    assert is_app_scheme(scheme) is True
    assert what_is_wrong(f"{scheme}://done") is None
    assert what_is_wrong(f"{scheme}:") is None


@pytest.mark.parametrize("scheme", ["", "1a", "a b", "MyShop", "a" * 65, "a:", "my_shop"])
def test_what_is_no_scheme_cannot(scheme: str) -> None:
    assert is_app_scheme(scheme) is False


@pytest.mark.parametrize(
    "scheme",
    ["about", "blob", "chrome", "chrome-extension", "content", "data", "feed", "file",
     "filesystem", "ftp", "jar", "javascript", "livescript", "mhtml", "mocha", "moz-extension",
     "ms-appx", "resource", "vbscript", "view-source", "ws", "wss"],
)  # fmt: skip
def test_what_a_browser_runs_or_reads_itself_is_never_allowed(scheme: str) -> None:
    assert scheme in NEVER
    assert is_app_scheme(scheme) is False
    for address in (f"{scheme}:x", f"{scheme.upper()}://shop.example/"):
        assert "must begin with" in (what_is_wrong(address) or "")


def test_web_addresses_need_no_permission() -> None:
    assert set(WEB) == {"http", "https"}
    for scheme in WEB:
        assert is_app_scheme(scheme) is False
        assert what_is_wrong(f"{scheme}://shop.example/done?a=b#c") is None


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("https://shop.example/a b", "blanks"),
        ("https://shop.example/\n", "blanks"),
        ("https://shop.example/\x7f", "blanks"),
        ("https://shop.example/\u202e", "blanks"),
        (" https://shop.example/", "blanks"),
        ("https:\\\\shop.example/", "backslash"),
        ("https://shop.example\\@other.example/", "backslash"),
        ("", "must begin with"),
        ("shop.example", "must begin with"),
        ("//shop.example/", "must begin with"),
        ("https://shop.example:port/", "can be opened"),
        ("https://shop.example:99999/", "can be opened"),
        ("https://[shop.example/", "can be opened"),
        ("https://user@shop.example/", "user name"),
        ("https://user:word@shop.example/", "user name"),
        ("myshop://user@done", "user name"),
        ("https://", "name a host"),
        ("http:///done", "name a host"),
        ("https:shop.example", "name a host"),
    ],
)
def test_why_an_address_is_refused(address: str, why: str) -> None:
    assert why in (what_is_wrong(address) or "")


@pytest.mark.parametrize(
    "address",
    ["https://shop.example/@payer", "https://shop.example/?to=a@b", "https://shop.example:8443/",
     "https://[2001:db8::1]/", "myshop:done", "myshop:///done"],
)  # fmt: skip
def test_these_can_be_opened(address: str) -> None:
    assert what_is_wrong(address) is None
