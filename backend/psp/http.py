"""One HTTP call to a provider: whether it was sent and answered, and what of the answer may be
kept.

All connectors share this classification. A call that was never sent is REFUSED `unreachable`. A
call without a readable answer is UNKNOWN. Each connector decides what an answer means.

Source: `backend/psp/protocol.py`; `docs/reference/psp/`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from backend.core.address import AddressRefused
from backend.psp.protocol import Outcome, Result
from backend.psp.tools import Tools

# These are raised before a byte of the request has left us. Any other error may come after an
# effect.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_NO_GOOD_CERTIFICATE = (
    "ACCESS_DENIED",
    "BAD_CERTIFICATE",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REQUIRED",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "HANDSHAKE_FAILURE",
    "UNKNOWN_CA",
    "UNSUPPORTED_CERTIFICATE",
)
"""The endings of TLS alerts that concern the caller's certificate."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One classified answer. `body` is set if `outcome` is DONE, `code` and `message` otherwise."""

    outcome: Outcome
    body: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    code: str | None = None
    message: str | None = None
    kind: str | None = None
    """The provider's own name for the error."""
    replayed: bool = False
    """True if the provider kept this answer for the key, and did not carry the call out again."""
    raw: Mapping[str, Any] = field(default_factory=dict)

    def as_result(self, reference: str | None = None) -> Result:
        """Return this answer as the end of a write."""
        return Result(
            self.outcome,
            reference=reference,
            code=self.code,
            message=self.message,
            raw=self.raw,
        )


class Transport:
    """Calls to one provider, below one base URL. Safe for concurrent use.

    ValueError for a base URL that would send the credentials unencrypted over a network.
    """

    def __init__(self, base_url: str, tools: Tools) -> None:
        self.base_url = checked_base_url(base_url)
        self._http = tools.http
        connecting, reading = tools.connect_timeout, tools.read_timeout
        self._timeout = httpx.Timeout(reading, connect=connecting, pool=connecting)
        # A server that sends a byte now and then would never reach the read timeout.
        self._deadline = connecting + 2 * reading

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response | Answer:
        """Return the response, or an Answer if there is none. Redirects are not followed. If the
        guard refuses the address, the `configuration` is wrong, and nothing was sent."""
        try:
            async with asyncio.timeout(self._deadline):
                return await self._http.request(
                    method,
                    self.base_url + path,
                    params=dict(params) if params else None,
                    data=dict(form) if form is not None else None,
                    content=content,
                    headers=dict(headers),
                    timeout=self._timeout,
                    follow_redirects=False,
                )
        except AddressRefused as error:
            return Answer(Outcome.REFUSED, code="configuration", message=str(error))
        except _NEVER_SENT as error:
            if alert := _turned_away(error):
                return Answer(Outcome.REFUSED, code="configuration", message=alert)
            return Answer(Outcome.REFUSED, code="unreachable", message=type(error).__name__)
        except (httpx.HTTPError, TimeoutError) as error:
            return Answer(Outcome.UNKNOWN, message=type(error).__name__)


def _turned_away(error: BaseException) -> str | None:
    """Return how a provider refused our client certificate in the handshake. It sends an alert or,
    like many servers, closes the connection."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            reason = str(seen.reason or "")
            alert = "ALERT" in reason and reason.endswith(_NO_GOOD_CERTIFICATE)
            return reason if alert or isinstance(seen, ssl.SSLEOFError) else None
        seen = seen.__cause__ or seen.__context__
    return None


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Removes from an answer what may not be kept: some fields by name, and secrets wherever they
    are."""

    secrets: Collection[str] = field(repr=False)
    dropped: Collection[str]

    def cleaned(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._clean(inner) for key, inner in value.items() if key not in self.dropped}

    def masked(self, text: str) -> str:
        for secret in self.secrets:
            if secret:
                text = text.replace(secret, "***")
        return text

    def _clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.cleaned(value)
        if isinstance(value, list):
            return [self._clean(inner) for inner in value]
        return self.masked(value) if isinstance(value, str) else value


def checked_base_url(base_url: str) -> str:
    """Return the URL without its last slash. ValueError if it is not https, or http on this
    machine."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if not host or parts.username or parts.query or parts.fragment:
        raise ValueError("the provider's base URL must be scheme, host and port")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local(host)):
        raise ValueError("the provider's base URL must be https, or http on this machine")
    return base_url.rstrip("/")


def is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def json_object(response: httpx.Response) -> dict[str, Any] | None:
    """Return the body if it is a JSON object."""
    try:
        body = response.json()
    except (ValueError, UnicodeDecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def number(value: Any) -> int:
    """Return the integer, or -1. No provider sends a negative amount."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
