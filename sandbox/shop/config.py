"""The shop's configuration: a JSON file with the keys of the demo's `demo.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


class ConfigRefused(ValueError):
    """The configuration file cannot be used. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class GiftCardToTry:
    """A gift card a visitor may try. `amount` in minor units of `currency`."""

    card_id: str
    number: str
    pin: str
    amount: int
    currency: str
    note: str

    @property
    def grouped_number(self) -> str:
        """Return the number in groups of four, as a card shows it."""
        return " ".join(self.number[i : i + 4] for i in range(0, len(self.number), 4))


@dataclass(frozen=True, slots=True)
class ShopConfig:
    """Where the checkout is, who we are there, and where we are ourselves. No trailing slashes."""

    base_url: str
    account_id: str
    client_id: str
    client_secret: str
    profile_id: str
    shop_url: str
    gift_cards: tuple[GiftCardToTry, ...]
    smtp_port: int | None = None
    """The port of the demo's mail server; None if there is none."""

    @property
    def checkout_origin(self) -> str:
        return origin_of(self.base_url)

    @property
    def balance_url(self) -> str:
        """Return the checkout's page on which a visitor looks at a gift card, with the way back to
        the shop."""
        query = urlencode({"profile": self.profile_id, "return": f"{self.shop_url}/"})
        return f"{self.base_url}/balance/{quote(self.account_id, safe='')}?{query}"


def origin_of(url: str) -> str:
    """Return `scheme://host[:port]` as a browser writes an origin. Raises ConfigRefused."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigRefused(f"not an http(s) address: {url!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def load_config(path: Path) -> ShopConfig:
    """Read and check the file. Raises ConfigRefused, whose text never has the secret."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigRefused(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigRefused(f"{path} is not JSON") from error
    if not isinstance(data, dict):
        raise ConfigRefused(f"{path} must hold a JSON object")
    base_url, shop_url = _text(data, "base_url").rstrip("/"), _text(data, "shop_url").rstrip("/")
    origin_of(base_url)
    origin_of(shop_url)
    return ShopConfig(
        base_url=base_url,
        account_id=_text(data, "account_id"),
        client_id=_text(data, "client_id"),
        client_secret=_text(data, "client_secret"),
        profile_id=_text(data, "profile_id"),
        shop_url=shop_url,
        gift_cards=tuple(_card(entry) for entry in data.get("gift_cards", [])),
        smtp_port=_port(data),
    )


def _port(data: dict[str, Any]) -> int | None:
    value = data.get("smtp_port")
    if value is not None and (type(value) is not int or not 0 < value < 65536):
        raise ConfigRefused("'smtp_port' is no port")
    return value


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigRefused(f"{key!r} is missing or not a text")
    return value


def _card(entry: object) -> GiftCardToTry:
    if not isinstance(entry, dict) or type(entry.get("amount")) is not int:
        raise ConfigRefused(
            "a gift card needs card_id, number, pin, amount (minor units), currency"
        )
    return GiftCardToTry(
        card_id=_text(entry, "card_id"),
        number=_text(entry, "number"),
        pin=_text(entry, "pin"),
        amount=entry["amount"],
        currency=_text(entry, "currency"),
        note=str(entry.get("note", "")),
    )
