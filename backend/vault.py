"""Keys and what is done with them: look-up hashes, PIN hashes, encryption at rest.

Every key is derived from the one master secret by HKDF with a purpose of its own.
Source: shared design section 6.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Vault:
    """Holds the derived keys of one installation."""

    def __init__(self, master: str) -> None:
        self._master = master.encode()
        self._number_key = self._derive("gift card number")
        self._pin_key = self._derive("gift card pin")
        self._secret_key = self._derive("client secret")
        self.token_key = self._derive("access token")
        self.address_secret = self._derive("notification address").hex()
        """For addresses given to providers that have no secret in common with us."""
        self.limit_key = self._derive("limits")
        """For hashes of what is counted: phone numbers, addresses."""
        self._cookie_key = self._derive("cookie")
        self._fernet = Fernet(urlsafe_b64encode(self._derive("encryption at rest")))
        # RFC 9106's second recommendation: 64 MiB, three passes; one lane, so that a look-up
        # takes one core for about 0.1 s.
        self._hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
        self._decoy = self._hasher.hash(self._peppered(secrets.token_hex(8)))

    def _derive(self, purpose: str) -> bytes:
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"gavekort:" + purpose.encode())
        return kdf.derive(self._master)

    def number_hash(self, account_id: str, number: str) -> str:
        """Keyed hash under which a card's number is found; hex."""
        text = f"{account_id}\n{normalise_number(number)}".encode()
        return hmac.new(self._number_key, text, hashlib.sha256).hexdigest()

    def secret_hash(self, secret: str) -> str:
        """Of an API client's secret: 256 random bits need no slow hash."""
        return hmac.new(self._secret_key, secret.encode(), hashlib.sha256).hexdigest()

    def source_hash(self, source: str) -> str:
        """A payer's address as the try budgets keep it: not readable back."""
        return hmac.new(self._secret_key, b"source\n" + source.encode(), hashlib.sha256).hexdigest()

    def phone_hash(self, account_id: str, number: str) -> str:
        """Keyed hash under which a payer who comes back is found by phone number (E.164); hex."""
        text = f"phone\n{account_id}\n{number}".encode()
        return hmac.new(self._number_key, text, hashlib.sha256).hexdigest()

    def code_hash(self, session_id: str, code: str) -> str:
        """Of a confirmation code sent for this session. Six digits: worth nothing without a key."""
        text = f"code\n{session_id}\n{code}".encode()
        return hmac.new(self._pin_key, text, hashlib.sha256).hexdigest()

    def sign(self, text: str) -> str:
        """`text` and what shows that it is ours. URL-safe where `text` is."""
        return f"{text}.{self._signature(text)}"

    def signed(self, value: str) -> str | None:
        """What `sign` was given; None where it was changed, or not ours."""
        text, _, given = value.rpartition(".")
        right = hmac.compare_digest(given.encode(), self._signature(text).encode())
        return text if text and right else None

    def _signature(self, text: str) -> str:
        return hmac.new(self._cookie_key, text.encode(), hashlib.sha256).hexdigest()

    def _peppered(self, pin: str) -> str:
        return hmac.new(self._pin_key, pin.encode(), hashlib.sha256).hexdigest()

    async def hash_pin(self, pin: str) -> str:
        return await asyncio.to_thread(self._hasher.hash, self._peppered(pin))

    async def pin_matches(self, pin: str, pin_hash: str | None) -> bool:
        """Takes the same time whether there is a hash or not: without one, a decoy is checked."""
        return await asyncio.to_thread(self._verify, pin, pin_hash)

    def _verify(self, pin: str, pin_hash: str | None) -> bool:
        try:
            matches = self._hasher.verify(pin_hash or self._decoy, self._peppered(pin))
        except (VerificationError, InvalidHashError):
            return False
        return bool(matches) and pin_hash is not None

    def seal(self, value: dict[str, Any]) -> str:
        """Encrypt a JSON object for the database."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def unseal(self, sealed: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        return value

    def opens(self, sealed: str) -> bool:
        """Whether `sealed` was made under this master secret."""
        try:
            self._fernet.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True


def normalise_number(number: str) -> str:
    """Without the blanks and, where only digits are left, the hyphens that people type."""
    bare = "".join(number.split())
    digits = bare.replace("-", "")
    return digits if digits.isdigit() else bare
