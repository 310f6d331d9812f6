"""The rule says to which addresses our pages may lead."""

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


def test_the_longest_address() -> None:
    start = "https://shop.example/"
    assert allows(ORIGINS, start + "x" * (2048 - len(start)))
    assert not allows(ORIGINS, start + "x" * (2049 - len(start)))


def test_the_usual_ports_need_not_be_named() -> None:
    assert allows(ORIGINS, "http://plain.example:80/", insecure=True)
    assert not allows(ORIGINS, "http://plain.example:81/", insecure=True)
    assert allows(("https://shop.example:443",), "https://shop.example/")


def test_only_a_star_stands_for_any_name() -> None:
    assert not allows(("https://a.chain.example",), "https://b.chain.example/")
    assert not allows(("https://*chain.example",), "https://badchain.example/")


@pytest.mark.parametrize("address", ["https://:443/", "https://user@/", "https://@/"])
def test_an_address_without_a_host_is_none(address: str) -> None:
    assert not allows((address,), address)
