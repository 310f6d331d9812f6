"""The demo's merchant, client, profile and cards are made once, kept, and repaired if they
break."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from backend.accounts.clients import authenticate
from backend.accounts.profiles import connections_of, get_profile
from backend.cards import pin_attempts
from backend.cards.lookup import get_card
from backend.cards.pin_check import match_number_and_pin
from backend.core import context
from backend.core.context import Backend
from backend.core.settings import Settings
from backend.demo.seed import (
    ACCOUNT_ID,
    OPTION,
    Connections,
    Gateway,
    Seed,
    load_seed,
    save_seed,
    seed_demo,
    write_private,
)

_GATEWAY = Gateway("http://127.0.0.1:1", "sk_test_x", "whsec_x")
_SHOP_URL = "http://127.0.0.1:2"


def _settings(url: str, key: str = "k" * 40) -> Settings:
    return Settings(secret_key=key, database_url=url)


async def _sow(settings: Settings, seed: Seed, gateway: Gateway = _GATEWAY) -> list[Seed]:
    kept: list[Seed] = []
    await seed_demo(settings, seed, Connections(gateway), _SHOP_URL, kept.append)
    return kept


@pytest.fixture
async def backend(database_url: str) -> Backend:
    return context.create(_settings(database_url))


async def test_the_cards_are_what_they_are_said_to_be(backend: Backend) -> None:
    seed = Seed()
    await _sow(backend.settings, seed)
    amounts = [(card["amount"], card["currency"]) for card in seed.gift_cards]
    assert amounts == [
        (10000, "NOK"),
        (100000, "NOK"),
        (0, "NOK"),
        (50000, "NOK"),
        (50000, "NOK"),
        (50000, "SEK"),
    ]
    now = backend.clock.now()
    for known in seed.gift_cards:
        assert len(known["number"]) == 16 and known["number"].isdigit()
        assert len(known["pin"]) == 4 and known["pin"].isdigit()
        asker = pin_attempts.payer(backend, "s", "127.0.0.1")
        match = await match_number_and_pin(
            backend, ACCOUNT_ID, known["number"], known["pin"], asker=asker
        )
        assert match is not None
        card = match.card
        assert (card.card_id, card.available) == (known["card_id"], known["amount"])
        assert (card.expires_at is not None and card.expires_at < now) == (
            known["note"] == "expired"
        )
        assert (card.active_from is not None and card.active_from > now) == (
            known["note"] == "not active yet"
        )
    await backend.close()


async def test_a_second_run_keeps_everything(backend: Backend) -> None:
    seed = Seed()
    await _sow(backend.settings, seed)
    before = json.dumps(seed.gift_cards), seed.client_id, seed.client_secret
    assert await _sow(backend.settings, seed) == []
    assert (json.dumps(seed.gift_cards), seed.client_id, seed.client_secret) == before
    await backend.close()


async def test_new_addresses_reach_the_profile(backend: Backend) -> None:
    seed = Seed()
    await _sow(backend.settings, seed)
    moved = Gateway("http://127.0.0.1:3", "sk_test_x", "whsec_other")
    await _sow(backend.settings, seed, moved)
    async with backend.db.reading() as db:
        profile = await get_profile(db, ACCOUNT_ID, "default")
    assert profile.express
    assert profile.frame_ancestors == [_SHOP_URL, "http://localhost:2"]
    assert connections_of(backend, profile)[OPTION] == {
        "base_url": "http://127.0.0.1:3",
        "secret_key": "sk_test_x",
        "webhook_secret": "whsec_other",
    }
    await backend.close()


async def test_without_its_file_the_demo_gets_cards_and_a_client_that_work(
    backend: Backend,
) -> None:
    first, second = Seed(), Seed()
    await _sow(backend.settings, first)
    await _sow(backend.settings, second)
    assert len(second.gift_cards) == len(first.gift_cards)
    old_ids = {card["card_id"] for card in first.gift_cards}
    async with backend.db.reading() as db:
        await authenticate(backend, db, ACCOUNT_ID, second.client_id, second.client_secret)
        for card in second.gift_cards:
            assert card["card_id"] not in old_ids
            assert (await get_card(db, ACCOUNT_ID, card["card_id"])).available == card["amount"]
    await backend.close()


async def test_with_another_master_secret_all_is_made_anew(backend: Backend) -> None:
    seed = Seed()
    await _sow(backend.settings, seed)
    numbers = {card["number"] for card in seed.gift_cards}
    client = seed.client_id
    await _sow(_settings(backend.settings.database_url, "z" * 40), seed)
    assert len(seed.gift_cards) == len(numbers)
    assert numbers.isdisjoint(card["number"] for card in seed.gift_cards)
    assert seed.client_id != client
    await backend.close()


def test_the_file_is_private_and_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    seed = load_seed(path)
    assert seed.gateway_key.startswith("sk_test_")
    seed.client_secret = secrets.token_hex(8)
    save_seed(path, seed)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_seed(path) == seed
    assert [file.name for file in tmp_path.iterdir()] == ["seed.json"]


def test_a_private_file_replaces_a_public_one(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
