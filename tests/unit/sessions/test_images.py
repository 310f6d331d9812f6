"""The tests check which of a shop's pictures the payer's page shows."""

from __future__ import annotations

import pytest

from backend.sessions.images import origin_of, shown_image

HTTPS, HTTP = "https://pay.example", "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://shop.example/logo.svg", "https://shop.example"),
        ("https://SHOP.example:8443/a?b=c", "https://shop.example:8443"),
        ("https://bøker.no/logo.png", "https://xn--bker-gra.no"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]"),
        ("http://shop.example/logo.svg", "http://shop.example"),
    ],
)
def test_an_origin_as_a_policy_names_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin
    assert shown_image(url, HTTP) == url
    assert shown_image(url, HTTPS) == (url if url.startswith("https:") else None)


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "logo.svg",
        "//shop.example/logo.svg",
        "data:image/svg+xml,<svg/>",
        "javascript:alert(1)",
        "https://user:pass@shop.example/x",
        "https://shop.example;script-src */x",
        "https://shop.example *.evil.example/x",
        "https://shop.example:port/x",
        "https:///x",
        "https://shop.example/\n",
        "https://shop.example/" + "x" * 2048,
    ],
)
def test_what_is_no_picture(url: object) -> None:
    assert shown_image(url, HTTP) is None
