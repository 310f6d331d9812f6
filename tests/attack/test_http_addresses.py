"""A payer's browser follows addresses that a shop gives. We accept none that a browser executes or
reads differently than we do, and an app's own scheme only if the profile names it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.checkout import session_body
from tests.support.served import Served

_PROFILES = "/v1/admin/session/profiles"

NEVER = [
    "javascript:alert(1)", "javascript://shop.example/%0aalert(1)", "JavaScript://x/%0aalert(1)",
    "data:text/html,x", "data://text/html,x", "DATA://x", "vbscript://x", "file:///etc/passwd",
    "file://shop.example/x", "blob:https://shop.example/x", "blob://x", "about://blank",
    "view-source://shop.example", "filesystem://x", "chrome://settings", "ws://shop.example",
    "jar://x", "https:shop.example", "//shop.example", "/accept", "shop.example", "https://",
    "https:///accept", "http://?x", "https://me@shop.example", "https://me:secret@shop.example/",
    "https://shop.example@evil.example/", "https://shop.example\\@evil.example/",
    "https://shop.example\\accept", "https:\\\\shop.example", "https:/\\shop.example",
    "https://shop.example/\r\nSet-Cookie: a=b", "java\tscript://x", "java\nscript://x", "\x01javascript://x",
    "https://shop.example/a b", "https://shop.example/\x7f",
    "https://shop.example/\u202e", "https://shop.example:99999/",
    "https://[::1/", "ht\u200btps://shop.example", "", "https://shop.example/" + "a" * 2100,
]  # fmt: skip
BLANKS_AROUND = [
    "https://shop.example/\n", "\nhttps://shop.example/", "https://shop.example/\t",
    " https://shop.example/", "https://shop.example/\u2028",
]  # fmt: skip
GOOD = [
    "https://shop.example", "http://shop.example/accept", "https://shop.example:8443/a?b=c#d",
    "https://blåbær.example/takk", "https://[::1]:8080/", "HTTPS://shop.example/",
    "https://shop.example/?next=https%3A%2F%2Fme%40x", "https://shop.example/a@b",
]  # fmt: skip


def _create(served: Served, **more: Any) -> Any:
    return served.http.post("/v1/sessions-profile", json=session_body(**more))


def _with_return_url(served: Served, address: str, profile_id: str = "default") -> Any:
    return _create(served, url={"return_url": address}, profile_id=profile_id)


def _make_profile(served: Served, profile_id: str, schemes: Any) -> Any:
    body = {"profile_id": profile_id, "configuration": {}, "express": True}
    body |= {"return_url_schemes": schemes}
    return served.http.post(_PROFILES, json=body)


@pytest.mark.parametrize("address", BLANKS_AROUND)
def test_blanks_around_an_address_are_taken_away(served: Served, address: str) -> None:
    made = _with_return_url(served, address)
    assert made.status_code == 200, made.text
    kept = served.http.get(f"/v1/sessions/{made.json()['id']}").json()
    assert kept["url"]["return_url"] == "https://shop.example/"


@pytest.mark.parametrize("address", NEVER)
def test_no_payer_is_sent_there(served: Served, address: str) -> None:
    answer = _with_return_url(served, address)
    assert answer.status_code == 400, answer.text
    errors = answer.json()["error"]["errors"]
    assert [error["field"] for error in errors] == ["url.return_url"]


@pytest.mark.parametrize("address", GOOD)
def test_a_web_address_is_taken(served: Served, address: str) -> None:
    answer = _with_return_url(served, address)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("url.merchant_terms_url", lambda bad: {"url": {
            "return_url": "https://shop.example", "merchant_terms_url": bad}}),
        ("checkboxes.0.link.url", lambda bad: {"checkboxes": [
            {"id": "a", "label": "Terms", "link": {"url": bad, "text": "here"}}]}),
        ("merchant.logo_url", lambda bad: {"merchant": {"name": "x", "logo_url": bad}}),
        ("order.items.0.thumbnail_url", lambda bad: {"order": {
            "amount": 100, "currency": "NOK", "merchant_reference": "x",
            "items": [{"id": "1", "line_id": "1", "amount": 100, "thumbnail_url": bad}]}}),
    ],
)  # fmt: skip
def test_every_other_address_that_a_browser_opens(served: Served, field: str, more: Any) -> None:
    for bad in (
        "javascript:alert(1)",
        "JavaScript://x/%0aalert(1)",
        "data:text/html,x",
        "file:///x",
        "vbscript://x",
    ):
        answer = _create(served, **more(bad))
        assert answer.status_code == 400, (bad, answer.text)
        assert answer.json()["error"]["errors"][0]["field"] == field
    assert _create(served, **more("https://shop.example/x")).status_code == 200


def test_an_apps_own_scheme_is_taken_where_the_profile_names_it(served: Served) -> None:
    refused = _with_return_url(served, "myshop://done?x=1")
    assert refused.status_code == 400
    assert refused.json()["error"]["errors"][0]["field"] == "url.return_url"
    assert "return_url_schemes" in refused.json()["error"]["message"]
    made = _make_profile(served, "app", ["myshop", "com.example.shop"])
    assert made.status_code == 200, made.text
    assert made.json()["return_url_schemes"] == ["myshop", "com.example.shop"]
    for address in ("myshop://done?x=1", "MyShop://done", "com.example.shop://a/b"):
        assert _with_return_url(served, address, "app").status_code == 200, address
    for address in (
        "othershop://done",
        "myshop:done",
        "myshop://a b",
        "myshop://me:pw@done",
        "javascript://myshop",
        "myshop2://x",
    ):
        assert _with_return_url(served, address, "app").status_code == 400, address
    # A change that does not name the schemes keeps them. An empty list removes them.
    path = f"{_PROFILES}/app"
    assert served.http.put(path, json={"description": "x"}).status_code == 200
    assert _with_return_url(served, "myshop://done", "app").status_code == 200
    assert served.http.put(path, json={"return_url_schemes": []}).status_code == 200
    assert _with_return_url(served, "myshop://done", "app").status_code == 400


@pytest.mark.parametrize(
    "schemes",
    [
        ["javascript"], ["data"], ["JavaScript"], ["https"], ["http"], ["file"], ["vbscript"],
        ["blob"], ["about"], ["view-source"], ["my shop"], ["myshop:"], ["myshop://"], ["1shop"],
        ["MyShop"], ["a" * 65], ["a"] * 21, "myshop", [1], {"a": "b"},
    ],
)  # fmt: skip
def test_what_a_profile_cannot_name(served: Served, schemes: Any) -> None:
    answer = _make_profile(served, "wrong", schemes)
    assert answer.status_code == 400, answer.text
    assert "return_url_schemes" in answer.json()["error"]["errors"][0]["field"]
