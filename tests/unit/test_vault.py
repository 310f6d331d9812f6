"""Keys: each purpose its own, look-ups that do not tell, hashes that are slow enough."""

from __future__ import annotations

import pytest
from cryptography.fernet import InvalidToken

from backend.vault import Vault, normalise_number

VAULT = Vault("m" * 40)


async def test_a_pin_hash_is_argon2id_with_64_mib_and_matches_its_pin_alone() -> None:
    made = await VAULT.hash_pin("1234")
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert "1234" not in made
    assert await VAULT.pin_matches("1234", made) is True
    assert await VAULT.pin_matches("1235", made) is False
    assert await VAULT.pin_matches("1234", None) is False
    assert await VAULT.pin_matches("1234", "no hash") is False
    # Another master secret: another pepper.
    assert await Vault("n" * 40).pin_matches("1234", made) is False


def test_a_number_is_found_as_it_is_typed_in_its_own_account_alone() -> None:
    found = VAULT.number_hash("T12345678", "1234567812345678")
    for typed in ("1234 5678 1234 5678", "1234-5678-1234-5678", " 1234567812345678\t"):
        assert VAULT.number_hash("T12345678", typed) == found
    assert VAULT.number_hash("T87654321", "1234567812345678") != found
    assert VAULT.number_hash("T12345678", "1234567812345679") != found
    assert Vault("n" * 40).number_hash("T12345678", "1234567812345678") != found
    assert normalise_number("DINCARD:12-34 ab") == "DINCARD:12-34ab"


def test_what_is_sealed_opens_with_its_own_key_alone() -> None:
    sealed = VAULT.seal({"secret_key": "sk_test_x"})
    assert "sk_test_x" not in sealed
    assert VAULT.unseal(sealed) == {"secret_key": "sk_test_x"}
    with pytest.raises(InvalidToken):
        Vault("n" * 40).unseal(sealed)
