"""Each purpose has its own key, look-ups reveal nothing, and only the key opens PINs."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import pytest
from argon2 import PasswordHasher
from cryptography.fernet import InvalidToken

from backend.core.vault import PinMac, Vault
from backend.rules.card_number import canonical

VAULT = Vault("m" * 40)


def test_a_pin_is_kept_as_a_mac_that_fits_its_card_and_pin_alone() -> None:
    made = VAULT.pin_mac("card-1", "1234")
    salt, _, mac = made.text.partition(":")
    assert (made.key_id, len(salt), len(mac)) == ("1", 32, 64)
    assert "1234" not in mac
    assert VAULT.pin_fits("card-1", "1234", made) is True
    assert VAULT.pin_fits("card-1", "1235", made) is False
    assert VAULT.pin_fits("card-1", "", made) is False
    # Nobody who can write to the database can give another card this PIN.
    assert VAULT.pin_fits("card-2", "1234", made) is False
    assert VAULT.pin_fits("card-1", "1234", None) is False
    assert VAULT.pin_fits("card-1", "1234", PinMac("unknown", made.text)) is False
    assert VAULT.pin_fits("card-1", "1234", PinMac("1", "")) is False
    # Another master secret gives another key.
    assert Vault("n" * 40).pin_fits("card-1", "1234", made) is False


def test_equal_pins_are_kept_differently() -> None:
    kept = {VAULT.pin_mac("card-1", "1234").text for _ in range(20)}
    assert len(kept) == 20
    assert VAULT.pin_fits("card-1", "\ud800 is no text", None) is False


def test_a_new_key_leaves_the_older_ones_good(monkeypatch: pytest.MonkeyPatch) -> None:
    old = VAULT.pin_mac("card-1", "1234")
    monkeypatch.setattr("backend.core.vault.PIN_KEYS", ("1", "2"))
    vault = Vault("m" * 40)
    assert vault.newest_pin_key == "2"
    new = vault.pin_mac("card-1", "1234")
    assert new.key_id == "2"
    assert vault.pin_fits("card-1", "1234", old) is True
    assert vault.pin_fits("card-1", "1234", new) is True
    assert vault.pin_fits("card-1", "1234", PinMac("1", new.text)) is False


def old_hash(pin: str) -> str:
    """Hash a PIN as earlier releases did: Argon2id with 64 MiB, over a MAC."""
    peppered = hmac.new(VAULT._pin_key, pin.encode(), hashlib.sha256).hexdigest()
    return PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1).hash(peppered)


async def test_a_pin_that_is_kept_as_a_slow_hash_is_still_good() -> None:
    made = old_hash("1234")
    assert await VAULT.old_pin_fits("1234", made) is True
    assert await VAULT.old_pin_fits("1235", made) is False
    assert await VAULT.old_pin_fits("1234", "no hash") is False
    assert await Vault("n" * 40).old_pin_fits("1234", made) is False


async def test_only_two_slow_hashes_are_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check takes 64 MiB and a processor."""
    running, maximum = 0, 0

    async def slow(_work: object, *_arguments: object) -> bool:
        nonlocal running, maximum
        running += 1
        maximum = max(maximum, running)
        for _ in range(20):
            await asyncio.sleep(0)
        running -= 1
        return False

    monkeypatch.setattr("backend.core.vault.asyncio.to_thread", slow)
    vault = Vault("m" * 40)
    assert await asyncio.gather(*(vault.old_pin_fits("1234", "x") for _ in range(9))) == [False] * 9
    assert maximum == 2


def test_a_number_is_found_as_it_is_typed_in_its_own_account_alone() -> None:
    found = VAULT.number_hash("T12345678", "1234567812345678")
    for typed in ("1234 5678 1234 5678", "1234-5678-1234-5678", " 1234567812345678\t"):
        assert VAULT.number_hash("T12345678", typed) == found
    assert VAULT.number_hash("T87654321", "1234567812345678") != found
    assert VAULT.number_hash("T12345678", "1234567812345679") != found
    assert Vault("n" * 40).number_hash("T12345678", "1234567812345678") != found
    assert canonical("DINCARD:12-34 ab") == "DINCARD:12-34ab"


def test_what_is_sealed_opens_with_its_own_key_alone() -> None:
    sealed = VAULT.seal({"secret_key": "sk_test_x"})
    assert "sk_test_x" not in sealed
    assert VAULT.unseal(sealed) == {"secret_key": "sk_test_x"}
    with pytest.raises(InvalidToken):
        Vault("n" * 40).unseal(sealed)
