"""Signatures of what is sent, made again for every attempt.

Source: `docs/reference/dintero-api.md#callback-signature`, `#webhooks`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit


def callback_signature(secret: str, account_id: str, method: str, url: str, moment: int) -> str:
    """Return the value of `Dintero-Signature`. `moment` is in seconds since 1970. The body is not
    signed."""
    parts = urlsplit(url)
    text = "\n".join(
        (
            str(moment),
            account_id,
            method,
            parts.hostname or "",
            parts.path or "/",
            _sorted_query(parts.query),
        )
    )
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"t={moment},v0-hmac-sha256={digest}"


def _sorted_query(query: str) -> str:
    """Return the query as the documentation's verifier (a browser's `URLSearchParams`) writes it:
    sorted by name alone, with equal names in their order."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True), key=lambda pair: pair[0])
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def _quoted(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


def hook_signature(secret: str, body: bytes) -> str:
    """Return the value of `event-signature`: the hex HMAC-SHA1 of the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def as_json(body: dict[str, Any]) -> bytes:
    """Return the body's bytes as JavaScript's `JSON.stringify` would write them: the
    documentation's verifier signs what it gets by parsing and writing it again."""
    text = json.dumps(_plain(body), separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
