"""To which addresses a page of ours may lead."""

from __future__ import annotations

import pytest

from backend.rules.origin import allows

ORIGINS = ("https://shop.example", "https://*.chain.example", "https://other.example:8443",
           "http://plain.example", "not an origin")  # fmt: skip


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://shop.example", True),
        ("https://shop.example/", True),
        ("https://SHOP.example/cards?a=b#c", True),
        ("https://shop.example:443/", True),
        ("https://bergen.chain.example/x", True),
        ("https://a.b.chain.example/x", True),
        ("https://other.example:8443/", True),
        ("https://chain.example/", False),
        ("https://badchain.example/", False),
        ("https://other.example/", False),
        ("https://shop.example:444/", False),
        ("http://shop.example/", False),
        ("http://plain.example/", False),
        ("https://plain.example/", False),
        ("https://shop.example.evil.example/", False),
        ("https://shop.example@evil.example/", False),
        ("https://evil.example@shop.example/", False),
        ("https://evil.example\\@shop.example/", False),
        ("https://shop.example\\.evil.example/", False),
        ("https:///shop.example", False),
        ("https://shop.example:port/", False),
        ("https://[shop.example/", False),
        ("//shop.example/", False),
        ("/", False),
        ("", False),
        ("javascript://shop.example/%0aalert(1)", False),
        (" https://shop.example/", False),
        ("https://shop.example/ x", False),
        ("https://shop.example/\n", False),
        ("https://shop.example/" + "x" * 2048, False),
    ],
)
def test_allows(url: str, allowed: bool) -> None:
    assert allows(ORIGINS, url) is allowed
    assert not allows((), url)


def test_plain_http_for_development_alone() -> None:
    assert allows(ORIGINS, "http://plain.example/x", insecure=True)
    assert not allows(ORIGINS, "http://shop.example/", insecure=True)
    assert allows(ORIGINS, "https://shop.example/", insecure=True)
    assert allows(("http://127.0.0.1:8020",), "http://127.0.0.1:8020/x", insecure=True)
