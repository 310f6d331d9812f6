"""The tests check what the demo's SMS gateway accepts and shows, and where it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.shop.app import create_app as create_shop
from sandbox.shop.config import ShopConfig
from sandbox.sms.outbox import create_app
from tests.support.fake_checkout import bound_socket, served

MESSAGE = {"to": "+4799887766", "from": "Gavekort", "text": "Hei", "reference": "r1"}


@contextmanager
def running(app: Any) -> Iterator[httpx.Client]:
    socket, url = bound_socket()
    with served(app, socket), httpx.Client(base_url=url, follow_redirects=True) as client:
        yield client


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[httpx.Client]:
    with running(create_app(tmp_path)) as client:
        yield client


def texts(client: httpx.Client, path: str = "/messages") -> list[str]:
    return [message["text"] for message in client.get(path).json()["messages"]]


def test_a_repeat_under_one_key_is_one_message(gateway: httpx.Client) -> None:
    for key, text in (("a", "one"), ("a", "one"), ("b", "two")):
        answer = gateway.post(
            "/messages", json=MESSAGE | {"text": text}, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 202
    assert texts(gateway) == ["two", "one"]


def test_messages_outlive_a_restart(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with running(create_app(tmp_path)) as client:
            client.post("/messages", json=MESSAGE | {"text": text})
    with running(create_app(tmp_path)) as client:
        assert texts(client) == ["two", "one"]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ([], 400), ({}, 400), (MESSAGE | {"to": "99887766"}, 400), (MESSAGE | {"to": 1}, 400),
        (MESSAGE | {"text": ""}, 400), (MESSAGE | {"text": "x" * 1601}, 400),
        (MESSAGE | {"to": "+4799887000"}, 422),
    ],
)  # fmt: skip
def test_what_it_does_not_take(gateway: httpx.Client, message: object, status: int) -> None:
    assert gateway.post("/messages", json=message).status_code == status
    assert gateway.post("/messages", content=b"{").status_code == 400
    assert texts(gateway) == []


def test_the_page_shows_links_and_no_markup_of_a_message(gateway: httpx.Client) -> None:
    assert 'id="none"' in gateway.get("/").text
    link = "http://127.0.0.1:8000/v1/view/T1.x?a=1&b=2"
    text = f"<script>alert(1)</script> {link} & bye"
    gateway.post("/messages", json=MESSAGE | {"text": text})
    page = gateway.get("/").text
    assert "<script>" not in page
    escaped = link.replace("&", "&amp;")
    shown = f'&lt;script&gt;alert(1)&lt;/script&gt; <a href="{escaped}">{escaped}</a> &amp; bye'
    assert shown in page


def test_it_lives_at_the_shop_and_takes_messages_from_the_checkout(tmp_path: Path) -> None:
    config = ShopConfig(
        base_url="http://127.0.0.1:1",
        account_id="T12345678",
        client_id="c",
        client_secret="s",
        profile_id="default",
        shop_url="http://127.0.0.1:2",
        gift_cards=(),
    )
    with running(create_shop(config, tmp_path)) as client:
        # A server's request: no Origin, no Sec-Fetch-Site.
        assert client.post("/sms/messages", json=MESSAGE).status_code == 202
        page = client.get("/sms")
        assert page.url.path == "/sms/"
        assert "+4799887766" in page.text
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert client.get("/static/shop.css").status_code == 200
