"""What the demo needs in the database: a merchant, its API client, a profile, gift cards to try.

Client secret, numbers and PINs cannot be read later, so they are kept in `DIR/seed.json` (mode
0600). A second run keeps everything that is still as the file says, and makes the rest again.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backend.accounts.clients import SCOPES, authenticate, create_account, create_client
from backend.accounts.profiles import ProfileSetup, save_profile
from backend.cards.formats import Format
from backend.cards.issue import CardOrder, issue_card
from backend.cards.lookup import get_by_number
from backend.core import context
from backend.core.context import Backend
from backend.core.errors import Conflict, NotFound, Unauthorized
from backend.core.settings import Settings
from backend.demo.providers import WALLETS, configuration

ACCOUNT_ID = "T12345678"
PROFILE_ID = "default"
OPTION = "dintero_psp.creditcard"
"""The payment option of the sandbox card gateway."""
MERCHANT_NAME = "Fjord & Form"
_CREATED_BY = "gavekort demo"
_ALWAYS = {"type": "payment_product_type", "enabled": True}


@dataclass(frozen=True, slots=True)
class Gateway:
    """The demo's credentials at the card gateway."""

    base_url: str
    secret_key: str
    webhook_secret: str


@dataclass(slots=True)
class Seed:
    """The content of `seed.json`. A gift card is `{card_id, number, pin, amount, currency, note}`,
    where `amount` (minor units) is what it was issued with."""

    client_id: str = ""
    client_secret: str = ""
    gateway_key: str = ""
    webhook_id: str = ""
    webhook_url: str = ""
    webhook_secret: str = ""
    provider_secrets: dict[str, str] = field(default_factory=dict)
    gift_cards: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _DemoCard:
    card_id: str
    amount: int
    currency: str
    note: str
    starts_in: timedelta | None = None
    ends_in: timedelta | None = None


_DEMO_CARDS = (
    _DemoCard("demo-100", 10000, "NOK", "pays a part of most orders"),
    _DemoCard("demo-1000", 100000, "NOK", "pays most orders whole"),
    _DemoCard("demo-empty", 0, "NOK", "empty"),
    _DemoCard("demo-expired", 50000, "NOK", "expired", ends_in=timedelta(days=-1)),
    _DemoCard("demo-later", 50000, "NOK", "not active yet", starts_in=timedelta(days=3650)),
    _DemoCard("demo-sek", 50000, "SEK", "in Swedish kronor"),
)


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read. It appears as a whole, by renaming."""
    temporary = path.with_name(path.name + ".new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_seed(path: Path) -> Seed:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Seed(gateway_key=f"sk_test_{secrets.token_hex(24)}")
    if "acquirer_secrets" in kept:  # a file of version 0.1
        kept["provider_secrets"] = kept.pop("acquirer_secrets")
    return Seed(**kept)


def save_seed(path: Path, seed: Seed) -> None:
    write_private(path, json.dumps(asdict(seed), indent=2, ensure_ascii=False) + "\n")


@dataclass(frozen=True, slots=True)
class Connections:
    """The credentials of the demo's profiles: of the card acquirer, of other options by their
    names, and of the options of the profile without gift cards."""

    gateway: Gateway
    others: Mapping[str, Any] = field(default_factory=dict)
    wallets: Mapping[str, Any] = field(default_factory=dict)


async def seed_demo(
    settings: Settings,
    seed: Seed,
    connections: Connections,
    shop_url: str,
    keep: Callable[[Seed], None],
) -> None:
    """Bring the database to what the demo needs. `keep` is called whenever `seed` has got
    something that cannot be read again."""
    ctx, gateway = context.create(settings), connections.gateway
    try:
        await create_account(ctx, ACCOUNT_ID, MERCHANT_NAME)
        if not await _client_works(ctx, seed):
            # One client for everything keeps the demo short. A real shop should have two, because
            # the one that sells needs no right to issue cards.
            made = await create_client(ctx, ACCOUNT_ID, SCOPES)
            seed.client_id, seed.client_secret = made.client_id, made.client_secret
            keep(seed)
        await save_profile(ctx, _profile(gateway, connections.others, shop_url))
        await save_profile(ctx, _wallets_profile(gateway, connections.wallets, shop_url))
        for wanted in _DEMO_CARDS:
            if not await _card_works(ctx, seed, wanted):
                seed.gift_cards.append(await _issue(ctx, wanted))
                keep(seed)
        order = [wanted.note for wanted in _DEMO_CARDS]
        seed.gift_cards.sort(key=lambda card: order.index(card["note"]))
    finally:
        await ctx.close()


def _profile(gateway: Gateway, others: Mapping[str, Any], shop_url: str) -> ProfileSetup:
    return ProfileSetup(
        account_id=ACCOUNT_ID,
        profile_id=PROFILE_ID,
        express=True,
        configuration={
            "active_payment_types": {"enabled": True},
            "dintero": {"type": "payment_type", "wallets": _ALWAYS, "zero": _ALWAYS},
            "dintero_psp": {"type": "payment_type", "creditcard": _ALWAYS},
            **configuration(),
            "receipt": {"email": True},
        },
        merchant={"name": MERCHANT_NAME, "logo_url": f"{shop_url}/static/logo.svg"},
        # The visitor's address bar may show either name of this machine.
        frame_ancestors=(shop_url, shop_url.replace("127.0.0.1", "localhost")),
        connections={OPTION: asdict(gateway), **others},
    )


def _wallets_profile(gateway: Gateway, others: Mapping[str, Any], shop_url: str) -> ProfileSetup:
    """Return a profile that is not Express and has no gift cards. The payer is asked only to
    pay."""
    with_cards = _profile(gateway, others, shop_url)
    return replace(
        with_cards,
        profile_id=WALLETS,
        express=False,
        configuration={
            "active_payment_types": {"enabled": True},
            "dintero_psp": {"type": "payment_type", "creditcard": _ALWAYS},
            **configuration(WALLETS),
        },
    )


async def _client_works(ctx: Backend, seed: Seed) -> bool:
    try:
        async with ctx.db.reading() as db:
            await authenticate(ctx, db, ACCOUNT_ID, seed.client_id, seed.client_secret)
    except Unauthorized:
        return False
    return True


async def _card_works(ctx: Backend, seed: Seed, wanted: _DemoCard) -> bool:
    """Return whether a card is known by the number that we have. What is not known is forgotten."""
    for known in seed.gift_cards:
        if known["note"] == wanted.note:
            try:
                async with ctx.db.reading() as db:
                    await get_by_number(ctx, db, ACCOUNT_ID, known["number"])
            except NotFound:
                seed.gift_cards.remove(known)
                return False
            return True
    return False


async def _issue(ctx: Backend, wanted: _DemoCard) -> dict[str, Any]:
    now = datetime.now(UTC)
    order = CardOrder(
        account_id=ACCOUNT_ID,
        card_id=wanted.card_id,
        amount=wanted.amount,
        currency=wanted.currency,
        created_by=_CREATED_BY,
        pin_format=Format(length=4),
        number_format=Format(length=16),
        name=wanted.note,
        active_from=None if wanted.starts_in is None else now + wanted.starts_in,
        expires_at=None if wanted.ends_in is None else now + wanted.ends_in,
        originated_by=_CREATED_BY,
    )
    try:
        issued = await issue_card(ctx, order)
    except Conflict:
        # A card with that id exists, and nobody knows its number, because the file was deleted.
        another = f"{wanted.card_id}-{secrets.token_hex(3)}"
        issued = await issue_card(ctx, replace(order, card_id=another))
    return {
        "card_id": issued.card.card_id,
        "number": issued.number,
        "pin": issued.pin,
        "amount": wanted.amount,
        "currency": wanted.currency,
        "note": wanted.note,
    }
