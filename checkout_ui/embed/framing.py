"""How a page is served that is in another page's frame, or that another page has opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from fastapi import Request, Response

from backend.core import context
from backend.sessions.links import POP_OUT_COOKIE, pop_out_path
from backend.sessions.view import CheckoutView
from checkout_ui.hosting.versions import versioned

LAUNCHER = "pop_out_launcher"
POP_OUT = "pop_out_payment"

_HTML = re.compile(r"<html\b")
_EMBED = re.compile(r"data-embed=\"(/embed\.js\?v=[0-9a-f]+)\"")
_POP_OUT_SECONDS = 3600


@cache
def _launcher() -> str:
    """The script that the frame needs which launches the payment in a window of its own."""
    return versioned("pop_out.js")


def mark(text: str, query: Mapping[str, str]) -> str:
    """Write on `<html>` what the address asks for, so that it shows from the first paint. React
    keeps an attribute that it does not know."""
    marks = []
    if query.get("role") in (LAUNCHER, POP_OUT):
        marks.append(f'data-role="{query["role"]}"')
    if query.get("role") == LAUNCHER:
        marks.append(f'data-launcher="{_launcher()}"')
    if query.get("role") == POP_OUT and query.get("loader") == "true":
        marks.append('data-loader="true"')
    if query.get("hide_test_message") == "true":
        marks.append('data-hide-test="true"')
    return _HTML.sub(" ".join(["<html", *marks]), text, count=1) if marks else text


def prepare(request: Request, answer: Response, text: str, view: CheckoutView | None) -> None:
    """Set the headers of such a page: early hints for its scripts, and the cookie for the pop-out's
    way back."""
    query = request.query_params
    script = _EMBED.search(text)
    wanted = request.headers.get("sec-fetch-dest") == "iframe" or query.get("role") == POP_OUT
    if wanted and script:
        early = [script[1], *([_launcher()] if query.get("role") == LAUNCHER else [])]
        answer.headers["Link"] = ", ".join(f"<{one}>; rel=preload; as=script" for one in early)
    if view is not None and query.get("role") == POP_OUT:
        answer.set_cookie(
            POP_OUT_COOKIE,
            query.get("language", "")[:10] or "-",
            max_age=_POP_OUT_SECONDS,
            path=pop_out_path(view.session_id),
            secure=urlsplit(context.current().settings.base_url).scheme == "https",
            httponly=True,
            samesite="lax",
        )
