"""Keys and what is done with them: look-up hashes, MACs of PINs, encryption of stored data.

Every key is derived from the one master secret by HKDF, with a purpose of its own. Source:
`docs/architecture.md#strangers`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.rules.card_number import canonical

PIN_KEYS = ("1",)
"""The ids of the PIN keys, each derived from the master secret. The last one makes new MACs. To
rotate, add one: a PIN under an older key gets a MAC under the newest key when it is next used."""
OLD_PINS_AT_ONCE = 2
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class PinMac:
    """What we store of a PIN: the id of the key, and `<salt>:<MAC>`, both in hex."""

    key_id: str
    text: str


class Vault:
    """Holds the derived keys of one installation."""

    def __init__(self, master: str) -> None:
        self._master = master.encode()
        self._number_key = self._derive("gift card number")
        self._pin_key = self._derive("gift card pin")
        """For codes by SMS, and for PINs that are still stored as Argon2 hashes."""
        self._pin_keys = {key_id: self._derive(f"pin:{key_id}") for key_id in PIN_KEYS}
        self._secret_key = self._derive("client secret")
        self.token_key = self._derive("access token")
        self.address_secret = self._derive("notification address").hex()
        """For addresses given to providers that have no secret in common with us."""
        self.limit_key = self._derive("limits")
        """For hashes of what is counted: phone numbers, addresses."""
        self._cookie_key = self._derive("cookie")
        self._fernet = Fernet(urlsafe_b64encode(self._derive("encryption at rest")))
        # These are the parameters of the old hashes: 64 MiB, three passes. No new hashes are made.
        self._hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
        self._old_pins_at_once = asyncio.Semaphore(OLD_PINS_AT_ONCE)
        self._decoy = PinMac(PIN_KEYS[-1], f"{'0' * 2 * _SALT_BYTES}:{'0' * 64}")

    def _derive(self, purpose: str) -> bytes:
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"gavekort:" + purpose.encode())
        return kdf.derive(self._master)

    def number_hash(self, account_id: str, number: str) -> str:
        """Return the keyed hash under which a card's number is found, in hex."""
        text = f"{account_id}\n{canonical(number)}".encode()
        return hmac.new(self._number_key, text, hashlib.sha256).hexdigest()

    def secret_hash(self, secret: str) -> str:
        """Return the hash of an API client's secret. 256 random bits need no slow hash."""
        return hmac.new(self._secret_key, secret.encode(), hashlib.sha256).hexdigest()

    def source_hash(self, source: str) -> str:
        """Return the keyed hash of a payer's address, for the attempt budgets. The address cannot
        be read from it."""
        return hmac.new(self._secret_key, b"source\n" + source.encode(), hashlib.sha256).hexdigest()

    def phone_hash(self, account_id: str, number: str) -> str:
        """Return the keyed hash under which a returning payer is found by phone number (E.164), in
        hex."""
        text = f"phone\n{account_id}\n{number}".encode()
        return hmac.new(self._number_key, text, hashlib.sha256).hexdigest()

    def code_hash(self, session_id: str, code: str) -> str:
        """Return the keyed hash of a confirmation code that was sent for this session. Six digits
        without a key would be easy to guess."""
        text = f"code\n{session_id}\n{code}".encode()
        return hmac.new(self._pin_key, text, hashlib.sha256).hexdigest()

    def sign(self, text: str) -> str:
        """Return `text` with a proof that it is ours. It is safe in a URL if `text` is."""
        return f"{text}.{self._signature(text)}"

    def signed(self, value: str) -> str | None:
        """Return what `sign` was given, or None if it was changed or is not ours."""
        text, _, given = value.rpartition(".")
        right = hmac.compare_digest(given.encode(), self._signature(text).encode())
        return text if text and right else None

    def _signature(self, text: str) -> str:
        return hmac.new(self._cookie_key, text.encode(), hashlib.sha256).hexdigest()

    @property
    def newest_pin_key(self) -> str:
        return PIN_KEYS[-1]

    def pin_mac(self, card: str, pin: str) -> PinMac:
        """Return what is kept of a new PIN of this card (its primary key)."""
        key_id, salt = PIN_KEYS[-1], secrets.token_hex(_SALT_BYTES)
        return PinMac(key_id, f"{salt}:{self._mac_of(key_id, salt, card, pin)}")

    def pin_fits(self, card: str, pin: str, kept: PinMac | None) -> bool:
        """Return whether this is the card's PIN. It takes the same time if there is none."""
        checked = kept if kept is not None and kept.key_id in self._pin_keys else self._decoy
        salt, _, mac = checked.text.partition(":")
        made = self._mac_of(checked.key_id, salt, card, pin)
        return hmac.compare_digest(made.encode(), mac.encode()) and checked is kept

    def _mac_of(self, key_id: str, salt: str, card: str, pin: str) -> str:
        # The card is in it, so that nobody who can write to the database can give one card the PIN
        # of another. The PIN is the last part, and no other part can hold a line break.
        text = f"{salt}\n{card}\n{pin}".encode("utf-8", "surrogatepass")
        return hmac.new(self._pin_keys[key_id], text, hashlib.sha256).hexdigest()

    async def old_pin_fits(self, pin: str, pin_hash: str) -> bool:
        """Check a PIN that is still stored as an Argon2 hash. Each check takes 64 MiB and a core
        for a tenth of a second. So only a few run at once, and the others wait."""
        async with self._old_pins_at_once:
            return await asyncio.to_thread(self._verify, pin, pin_hash)

    def _verify(self, pin: str, pin_hash: str) -> bool:
        peppered = hmac.new(
            self._pin_key, pin.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()
        try:
            return bool(self._hasher.verify(pin_hash, peppered))
        except (VerificationError, InvalidHashError):
            return False

    def seal(self, value: dict[str, Any]) -> str:
        """Encrypt a JSON object for the database."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def unseal(self, sealed: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        return value

    def opens(self, sealed: str) -> bool:
        """Return whether `sealed` was made under this master secret."""
        try:
            self._fernet.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True
