"""The demo shop's edges: tokens, foreign requests, odd input, its program."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.shop import amounts, catalog
from sandbox.shop.app import create_app
from sandbox.shop.config import ConfigRefused, load_config
from sandbox.shop.split import Parts, split_of
from tests.support.fake_checkout import ACCOUNT, CLIENT, bound_socket, served
from tests.support.shop import RunningShop, running_shop, shop_config_file
from tests.support.waiting import pause, until


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def shop(_running: RunningShop) -> RunningShop:
    """Run one shop for all tests, because starting takes long. Its checkout is emptied in
    between."""
    _running.api.forget()
    return _running


def test_one_token_serves_many_calls_and_a_refused_one_is_renewed(shop: RunningShop) -> None:
    shop.buy()
    shop.buy()
    assert shop.api.token_requests == [
        {
            "grant_type": "client_credentials",
            "audience": f"{shop.api.base_url}/v1/accounts/{ACCOUNT}",
        }
    ]
    shop.api.revoke_tokens()
    shop.buy()
    assert len(shop.api.sessions) == 3
    assert len(shop.api.token_requests) == 2


def test_a_token_is_renewed_at_half_its_life(shop: RunningShop) -> None:
    shop.api.expires_in = 1
    shop.buy()
    pause(0.6, "more than half of the token's life")
    # On a slow machine half a second may pass in a purchase as well.
    before = len(shop.api.token_requests)
    shop.buy()
    assert len(shop.api.token_requests) > before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_from_elsewhere_is_refused(shop: RunningShop, headers: dict[str, str]) -> None:
    answer = shop.browser.post("/buy", data={"product": "ullpledd-fjaere"}, headers=headers)
    assert answer.status_code == 403
    assert shop.api.sessions == {}


def test_another_host_name_is_not_this_shop(shop: RunningShop) -> None:
    assert shop.browser.get("/", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("path", ["/orders/FF-UNKNOWN", "/products/none", "/nowhere"])
def test_what_is_not_there_is_a_page_and_a_404(shop: RunningShop, path: str) -> None:
    answer = shop.browser.get(path)
    assert answer.status_code == 404
    assert "There is nothing here." in answer.text


def test_an_incomplete_form_is_a_page_and_a_400(shop: RunningShop) -> None:
    answer = shop.browser.post("/buy", data={})
    assert answer.status_code == 400
    assert "The form was not complete." in answer.text


def test_a_checkout_that_is_down_is_said_so(tmp_path: Path) -> None:
    bound, url = bound_socket()
    closed, nowhere = bound_socket()
    closed.close()
    config = load_config(shop_config_file(tmp_path, nowhere, url))
    with (
        served(create_app(config, tmp_path / "shop"), bound),
        httpx.Client(base_url=url, headers={"Origin": url}) as browser,
    ):
        answer = browser.post("/buy", data={"product": "ullpledd-fjaere"})
        assert "The checkout cannot be reached" in browser.get(answer.headers["location"]).text


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("400", 40000),
        ("400.5", 40050),
        ("1 000,00", 100000),
        ("0.01", 1),
        ("1\u00a0890.10", 189010),
    ],
)
def test_typed_amounts_are_exact(typed: str, minor: int) -> None:
    assert amounts.to_minor_units(typed) == minor


@pytest.mark.parametrize("typed", ["0", "0.00", "-5", "12.345", "1e3", "abc", "", "١٢", "nan"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(amounts.AmountRefused):
        amounts.to_minor_units(typed)


def test_every_product_has_its_picture_and_whole_figures(repository: Path) -> None:
    art = repository / "sandbox/shop/templates/art"
    for product in catalog.PRODUCTS:
        assert (art / f"{product.slug}.svg").is_file()
        assert 0 <= product.vat_amount <= product.amount


def test_a_failed_event_moves_nothing() -> None:
    split = split_of(
        {
            "amount": 40000,
            "status": "AUTHORIZED",
            "gift_cards": [{"amount": 10000}],
            "events": [
                {"event": "AUTHORIZE", "success": True, "amount": 40000},
                {
                    "event": "CAPTURE",
                    "success": False,
                    "amount": 40000,
                    "gift_cards": [{"amount": 10000}],
                    "error": {"message": "no"},
                },
            ],
        }
    )
    assert split.captured == Parts(0, 0)
    assert split.capturable == 40000
    assert split.events[1].error == "no"


def test_a_config_that_cannot_be_used_is_refused_without_telling_the_secret(
    tmp_path: Path,
) -> None:
    path = shop_config_file(tmp_path, "javascript:alert(1)", "http://127.0.0.1:1")
    with pytest.raises(ConfigRefused, match="not an http") as refused:
        load_config(path)
    assert CLIENT[1] not in str(refused.value)


def test_the_program_starts_answers_and_stops(tmp_path: Path, repository: Path) -> None:
    free, url = bound_socket()
    free.close()
    path = shop_config_file(tmp_path, "http://127.0.0.1:9", url)
    command = [sys.executable, "-m", "sandbox.shop", "--config", str(path)]
    process = subprocess.Popen(
        [*command, "--port", str(urlsplit(url).port)], cwd=repository, env={**os.environ}
    )
    try:
        assert _answers(f"{url}/healthz")
        assert (tmp_path / "shop" / "shop.db").is_file()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    def answer() -> httpx.Response | None:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(url)
        return None

    return until(answer, "the shop answers").status_code == 200


def test_the_program_says_what_is_wrong_with_its_config(tmp_path: Path, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.shop", "--config", str(tmp_path / "none.json")],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot read" in done.stderr
