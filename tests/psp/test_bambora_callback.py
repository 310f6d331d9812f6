"""Bambora's callback is an address with a hash that proves little. The tests check what we believe
of it."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

import httpx
import pytest

from backend.psp.bambora.client import Account
from backend.psp.bambora.connector import Bambora
from backend.psp.protocol import NotificationRefused
from backend.psp.tools import Tools
from tests.psp.provider import now

HOST = "https://provider.example"
_KEY = "md5-key"
_SAID = [
    ("transaction", "T12345678.abc"),
    ("txnid", "206123456789012345"),
    ("orderid", "ABCDEFGHIJKLMNOPQRST"),
    ("reference", "1234 æ+"),
    ("amount", "30000"),
    ("walletname", ""),
]


def _receiver(md5_key: str = _KEY) -> Bambora:
    account = Account(HOST, HOST, HOST, "T1", "a", "s", md5_key)
    return Bambora("creditcard", account, Tools(httpx.AsyncClient(), now))


def _signed(said: list[tuple[str, str]], key: str = _KEY) -> str:
    text = "".join(value for _, value in said) + key
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _path(said: list[tuple[str, str]], digest: str | None, *more: tuple[str, str]) -> str:
    pairs = [*said, *([("hash", digest)] if digest is not None else []), *more]
    return f"/v1/psp/T1/default/bambora.creditcard/notifications?{urlencode(pairs)}"


def test_a_callback() -> None:
    for more in ((), (("ui", "fullscreen"),)):  # what stands after the hash is not part of it
        path = _path(_SAID, _signed(_SAID), *more)
        notification = _receiver().parse_notification({":path": path}, b"")
        assert notification.event_id == "206123456789012345"
        assert (notification.reference, notification.transaction_id) == (None, "T12345678.abc")
        assert notification.told == {"txnid": "206123456789012345"}


def test_the_hash_by_hand() -> None:
    """The vector follows the reference's rule: the values in order, the key, lower-case hex."""
    said = [("transaction", "T1"), ("txnid", "42"), ("orderid", "7"), ("amount", "100")]
    digest = "ae232aa622942df9ffef0b4c232cb980"  # printf T1427100secret | md5sum
    assert (
        _receiver("secret").parse_notification({":path": _path(said, digest)}, b"").event_id == "42"
    )


@pytest.mark.parametrize(
    "path",
    [
        _path(_SAID, None),
        _path(_SAID, ""),
        _path(_SAID, "0" * 32),
        _path(_SAID, "æ"),
        _path(_SAID, _signed(_SAID, "another key")),
        _path([*_SAID[:4], ("amount", "1"), _SAID[5]], _signed(_SAID)),
        _path([("transaction", "T12345678.xyz"), *_SAID[1:]], _signed(_SAID)),
        # Our parameter is moved behind the hash, where anybody could write it.
        _path(_SAID[1:], _signed(_SAID[1:]), ("transaction", "T12345678.abc")),
        _path([*_SAID, ("txnid", "1")], _signed([*_SAID, ("txnid", "1")])),
        _path([_SAID[0], *_SAID[2:]], _signed([_SAID[0], *_SAID[2:]])),
        _path([("transaction", ""), *_SAID[1:]], _signed([("transaction", ""), *_SAID[1:]])),
        "/notifications",
        "",
    ],
)
def test_a_callback_that_is_refused(path: str) -> None:
    with pytest.raises(NotificationRefused):
        _receiver().parse_notification({":path": path}, b"")


def test_without_a_key_no_callback_is_believed() -> None:
    with pytest.raises(NotificationRefused):
        _receiver("").parse_notification({":path": _path(_SAID, _signed(_SAID, ""))}, b"")
