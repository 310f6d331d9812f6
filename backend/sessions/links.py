"""The addresses to which a session sends the payer. Source:
`docs/reference/dintero-api.md#return-address`."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


def with_query(url: str, added: dict[str, str]) -> str:
    """Return `url` with `added` after its own query."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True) + list(added.items())
    return urlunsplit(parts._replace(query=urlencode(query)))


def return_link(
    return_url: str, merchant_reference: str, transaction_id: str | None, error: str | None = None
) -> str:
    """Return the merchant's return_url. It always has `merchant_reference`, has `transaction_id` if
    there is one, and has `error` (`cancelled`, `authorization`, `failed`) if there was one."""
    added = {"merchant_reference": merchant_reference}
    if transaction_id is not None:
        added["transaction_id"] = transaction_id
    if error is not None:
        added["error"] = error
    return with_query(return_url, added)


def view_link(base_url: str, session_id: str) -> str:
    return f"{base_url}/v1/view/{session_id}"


def page_link(base_url: str, session_id: str, language: str, *, on_phone: bool = False) -> str:
    """Return the address of the page in a language. `on_phone`: a phone has taken the session over
    from a desktop. Once it is paid, the desktop continues to the shop, and the phone stays."""
    added = {"language": language} if language else {}
    if on_phone:
        added["on"] = "phone"
    return with_query(view_link(base_url, session_id), added)


def phone_link(base_url: str, token: str) -> str:
    return f"{base_url}/v1/phone/{token}"


# --- a payment in a window of its own (the Web SDK's pop-out) ----------------------------------

POP_OUT_COOKIE = "gavekort_pop_out"
"""The window's page sets this cookie for the way back from the provider. Its value is the
language."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2})?")


def pop_out_path(session_id: str) -> str:
    """Return the path to which the cookie is sent: this session's way back."""
    return f"/v1/sessions/{session_id}/redirect"


def pop_out_link(base_url: str, session_id: str, language: str) -> str:
    """Return the address of the window's page. That page tells the page that opened it how it
    ended, and closes."""
    query = {"ui": "fullscreen", "role": "pop_out_payment"}
    if _LANGUAGE.fullmatch(language):
        query["language"] = language
    return f"{view_link(base_url, session_id)}?{urlencode(query)}"
