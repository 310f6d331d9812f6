"""`/embedResult/`: the page that the Web SDK puts into the frame when the host has taken over.

The host's page makes the address, so we do not trust it: the session decides. The page shows only a
text, and nothing of the order. Source: `docs/reference/dintero-api.md#sdk-addresses`.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cache

from fastapi import Request, Response

from backend.core import context
from backend.core.errors import SessionNotFound
from backend.sessions import read
from backend.sessions.view import CheckoutView, PageState
from checkout_ui import texts
from checkout_ui.embed.messages import error_of
from checkout_ui.hosting.locations import SESSION_ID
from checkout_ui.hosting.served import content_security_policy, html_answer, language_of
from checkout_ui.hosting.versions import versioned


@dataclass(frozen=True)
class _Shown:
    """Keys of the catalogue, and a mark: the class of its badge, and its path."""

    heading: str
    lead: str
    kind: str
    mark: str


_ALERT = "M12 4l9 16H3zM12 10v4.5M12 17v.5"
_SHOWN = {
    "paid": _Shown("hosted.embed_paid", "hosted.embed_paid_lead", "good", "M5 12.5l4.5 4.5L19 7.5"),
    "on_hold": _Shown(
        "hosted.embed_on_hold",
        "hosted.embed_on_hold_lead",
        "",
        "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2",
    ),
    "cancelled": _Shown(
        "hosted.embed_cancelled", "hosted.embed_cancelled_lead", "", "M6 6l12 12M18 6L6 18"
    ),
    "error": _Shown("hosted.embed_error", "hosted.embed_error_lead", "", _ALERT),
    "missing": _Shown("hosted.embed_missing", "hosted.embed_missing_lead", "", _ALERT),
}


async def serve(request: Request) -> Response:
    """Answer 200 with how it ended, or 404 if there is no such session."""
    language = language_of(request)
    session_id = request.query_params.get("sid", "")
    view: CheckoutView | None = None
    if SESSION_ID.fullmatch(session_id):
        try:
            view = await read.read_view(context.current(), session_id)
        except SessionNotFound:
            view = None
    ended = how_it_ended(view, request.query_params.get("error", ""))
    policy = content_security_policy("", view.allowed_frame_ancestors if view else ())
    status = 404 if view is None else 200
    return html_answer(request, _page(ended, language), status, language, policy)


def how_it_ended(view: CheckoutView | None, error: str) -> str:
    """Return paid, on_hold, cancelled, error or missing. A payment is complete only if the session
    says so. For a session that is not paid, the address may say that it was cancelled or failed."""
    if view is None:
        return "missing"
    if view.state is PageState.PAID:
        return "paid"
    if view.state is PageState.CANCELLED:
        error = error_of(view)
    if error == "cancelled":
        return "cancelled"
    if error or view.state is PageState.EXPIRED:
        return "error"
    return "on_hold"


@cache
def _script() -> str:
    return versioned("embed.js")


def _page(ended: str, language: str) -> str:
    known = texts.catalogue(language)
    shown = _SHOWN[ended]
    heading, lead = html.escape(known[shown.heading]), html.escape(known[shown.lead])
    return (
        f'<!DOCTYPE html><html lang="{language}" class="embedded" data-page="result">'
        '<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="robots" content="noindex, nofollow">'
        f"<title>{heading}</title>"
        '<link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/checkout.css">'
        f'<script src="{_script()}" defer></script></head>'
        f'<body><div class="page"><main><section class="panel ended ended-{ended}" role="status">'
        f'<span class="badge {shown.kind}">'
        '<svg viewBox="0 0 24 24" class="icon" aria-hidden="true">'
        f'<path pathLength="1" d="{shown.mark}"></path></svg></span>'
        f'<h1>{heading}</h1><p class="muted">{lead}</p></section></main></div></body></html>'
    )
