"""Run the demo shop on a real socket, with a stand-in of the checkout behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from sandbox.shop.app import create_app
from sandbox.shop.config import load_config
from tests.support.fake_checkout import (
    ACCOUNT,
    CLIENT,
    FakeCheckout,
    bound_socket,
    fake_checkout,
    served,
)

CARD = {
    "card_id": "card-100",
    "number": "9000123412341234",
    "pin": "4711",
    "amount": 10000,
    "currency": "NOK",
    "note": "100 kr",
}


@dataclass
class RunningShop:
    url: str
    api: FakeCheckout
    browser: httpx.Client

    def buy(self, product: str = "ullpledd-fjaere", **choices: str) -> httpx.Response:
        return self.browser.post("/buy", data={"product": product, **choices})

    def paid_order(self, gift_card: int = 10000) -> tuple[str, str]:
        """Return the path of the order's page and the transaction's id."""
        self.buy()
        session_id, session = list(self.api.sessions.items())[-1]
        transaction_id = self.api.pay(session_id, gift_card)
        path = urlsplit(session["url"]["return_url"]).path
        self.browser.get(path, params={"transaction_id": transaction_id}).raise_for_status()
        return path, transaction_id

    def operate(self, path: str, verb: str, **fields: str) -> httpx.Response:
        form_id = re.search(r'name="form_id" value="([^"]+)"', self.browser.get(path).text)
        fields.setdefault("form_id", form_id[1] if form_id else "no-form-on-the-page")
        answer = self.browser.post(f"{path}/{verb}", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        return self.browser.get(path)


def shop_config_file(folder: Path, base_url: str, shop_url: str) -> Path:
    path = folder / "shop.json"
    path.write_text(
        json.dumps(
            {
                "base_url": base_url,
                "shop_url": shop_url,
                "account_id": ACCOUNT,
                "client_id": CLIENT[0],
                "client_secret": CLIENT[1],
                "profile_id": "default",
                "gift_cards": [CARD],
            }
        )
    )
    return path


@contextmanager
def running_shop(folder: Path) -> Iterator[RunningShop]:
    """Run a shop on its own port, with a stand-in checkout behind it."""
    bound, url = bound_socket()
    with fake_checkout() as api:
        config = load_config(shop_config_file(folder, api.base_url, url))
        with (
            served(create_app(config, folder / "shop"), bound),
            httpx.Client(base_url=url, headers={"Origin": url}) as browser,
        ):
            yield RunningShop(url, api, browser)
