"""The tests check what we send: the documentation's own signature vector, its verifier's habits,
and the gaps between attempts."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from backend.outbox.request import gap, is_final
from backend.outbox.sign import as_json, callback_signature, hook_signature


def test_the_documented_vector() -> None:
    signed = callback_signature(
        "123", "P00000000", "GET", "https://example.com/callback?B=123&A=992", 1582236537
    )
    digest = "6bed2ab1b919d460ef7465a20dc6c97260dca73fab6647106ca525f0908df64a"
    assert signed == f"t=1582236537,v0-hmac-sha256={digest}"


def signed_text(text: str) -> str:
    return hmac.new(b"s", text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("url", "host", "path", "query"),
    [
        # Blanks are written `+`, a port is no part of the host name, an empty path is `/`.
        ("https://Shop.Example:8443?b=a%20b&a=%2B", "shop.example", "/", "a=%2B&b=a+b"),
        # Sorted by name alone: equal names keep their order, as URLSearchParams.sort does.
        ("https://s.example/x?e=2&e=1&d=", "s.example", "/x", "d=&e=2&e=1"),
        # `*` stays and `~` does not, as in application/x-www-form-urlencoded.
        ("https://s.example/%C3%A6?q=*~-._æ", "s.example", "/%C3%A6", "q=*%7E-._%C3%A6"),
    ],
)
def test_the_text_is_written_as_the_verifier_writes_it(
    url: str, host: str, path: str, query: str
) -> None:
    signed = callback_signature("s", "T12345678", "POST", url, 7)
    wanted = signed_text(f"7\nT12345678\nPOST\n{host}\n{path}\n{query}")
    assert signed == f"t=7,v0-hmac-sha256={wanted}"


def test_a_hook_is_signed_over_its_raw_body() -> None:
    # RFC 2202's second vector of HMAC-SHA1.
    assert (
        hook_signature("Jefe", b"what do ya want for nothing?")
        == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    )


def test_a_body_survives_parsing_and_writing_in_javascript() -> None:
    """The documented verifier signs JSON.stringify(JSON.parse(body))."""
    body = {"a": 25.0, "b": [1.5, {"c": "Forsvinningspølse"}], "d": None, "e": True}
    assert as_json(body) == (
        '{"a":25,"b":[1.5,{"c":"Forsvinningspølse"}],"d":null,"e":true}'.encode()
    )


def test_the_gaps_between_tries() -> None:
    seconds = [int(gap("callback", n).total_seconds()) for n in range(1, 20)]
    assert seconds[:4] == [5, 10, 20, 40]
    assert seconds[-1] == 4 * 3600
    assert seconds == sorted(seconds)
    assert sum(seconds) // 3600 == 33
    assert [gap("webhook", n).total_seconds() / 60 for n in range(1, 5)] == [2, 4, 8, 16]
    assert [gap("sms", n).total_seconds() for n in range(1, 5)] == [5, 10, 20, 40]


def test_what_is_refused_for_good() -> None:
    statuses = (101, 302, 400, 408, 410, 429, 500, 503)
    refused = {
        kind: [status for status in statuses if is_final(kind, status)]
        for kind in ("callback", "webhook", "sms")
    }
    assert refused == {
        "callback": [302, 400, 408, 410, 429],
        "webhook": [],
        "sms": [400, 410],
    }
