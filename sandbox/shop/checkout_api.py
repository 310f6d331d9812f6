"""The checkout's public API as a merchant calls it: a token, sessions, transactions.

Source: `docs/reference/dintero-api.md`. Success is exactly 200.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from sandbox.shop.config import ShopConfig

_TIMEOUT_SECONDS = 20.0
_TOKEN_REFUSED = 401


@dataclass(eq=False)
class ApiError(Exception):
    """The API refused, or could not be reached (`status` 0). `details` are the nested errors'
    descriptions, for a person to read."""

    status: int
    message: str
    details: tuple[str, ...] = ()
    code: str | None = None


class CheckoutApi:
    """One merchant's client. Safe to use from several threads."""

    def __init__(self, config: ShopConfig) -> None:
        self._config = config
        self._http = httpx.Client(
            base_url=config.base_url,
            timeout=_TIMEOUT_SECONDS,
            headers={
                "Dintero-System-Name": "gavekort-demo-shop",
                "Dintero-System-Version": "1",
            },
        )
        self._lock = threading.Lock()
        self._token = ""
        self._refresh_at = 0.0

    def close(self) -> None:
        self._http.close()

    def create_session(self, body: dict[str, Any]) -> dict[str, Any]:
        """POST /v1/sessions-profile → `{id, url}`. Raises ApiError."""
        answer = self._call("POST", "/v1/sessions-profile", body)
        if not isinstance(answer.get("id"), str) or not isinstance(answer.get("url"), str):
            raise ApiError(200, "The checkout's answer has no session id and address")
        return answer

    def session(self, session_id: str) -> dict[str, Any]:
        """GET /v1/sessions/{id}. Raises ApiError."""
        return self._call("GET", f"/v1/sessions/{_segment(session_id)}")

    def transaction(self, transaction_id: str) -> dict[str, Any]:
        """GET /v1/transactions/{id}. Raises ApiError."""
        return self._call("GET", f"/v1/transactions/{_segment(transaction_id)}")

    def operate(self, transaction_id: str, verb: str, body: dict[str, Any] | None) -> None:
        """POST /v1/transactions/{id}/`capture` | `refund` | `void`. Raises ApiError."""
        self._call("POST", f"/v1/transactions/{_segment(transaction_id)}/{verb}", body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._send(method, path, body, self._bearer())
        if response.status_code == _TOKEN_REFUSED:
            # The checkout may have new keys, so we try once with a fresh token. Nothing took
            # effect, so the call may be made again.
            response = self._send(method, path, body, self._bearer(fresh=True))
        return _answer_of(response)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, bearer: str
    ) -> httpx.Response:
        try:
            return self._http.request(
                method, path, json=body, headers={"Authorization": f"Bearer {bearer}"}
            )
        except httpx.TimeoutException as error:
            raise ApiError(0, "The checkout did not answer in time") from error
        except httpx.HTTPError as error:
            raise ApiError(0, f"The checkout cannot be reached ({type(error).__name__})") from error

    def _bearer(self, *, fresh: bool = False) -> str:
        with self._lock:
            if fresh or time.monotonic() >= self._refresh_at:
                self._fetch_token()
            return self._token

    def _fetch_token(self) -> None:
        config = self._config
        path = f"/v1/accounts/{_segment(config.account_id)}/auth/token"
        try:
            response = self._http.post(
                path,
                auth=(config.client_id, config.client_secret),
                json={
                    "grant_type": "client_credentials",
                    "audience": f"{config.base_url}/v1/accounts/{config.account_id}",
                },
            )
        except httpx.HTTPError as error:
            raise ApiError(0, f"The checkout cannot be reached ({type(error).__name__})") from error
        answer = _answer_of(response)
        token, lifetime = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime, int | float):
            raise ApiError(200, "The checkout's answer has no access token")
        # The token is renewed at half its life, as Dintero's own clients do.
        self._token, self._refresh_at = token, time.monotonic() + lifetime / 2


def _answer_of(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.status_code == httpx.codes.OK and isinstance(answer, dict):
        return answer
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        raise ApiError(response.status_code, f"The checkout answered {response.status_code}")
    nested = error.get("errors")
    message = str(error.get("message", "")) or f"The checkout answered {response.status_code}"
    details = [_description(entry) for entry in nested] if isinstance(nested, list) else []
    raise ApiError(
        response.status_code,
        message,
        # One error is often told twice.
        tuple(text for text in details if not text.endswith(message)),
        error.get("code") if isinstance(error.get("code"), str) else None,
    )


def _description(entry: object) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    text = str(entry.get("description", "")) or "no description"
    return f"{entry['field']}: {text}" if entry.get("field") else text


def _segment(value: str) -> str:
    return quote(value, safe="")
