"""What all our served pages share: language, policy, headers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

from fastapi import Request, Response

from backend.core import context
from backend.sessions.images import origin_of
from backend.sessions.view import CheckoutView
from checkout_ui.presenters import checkout_page

NO_STORE = "no-store"
_MAX_ORIGINS = 8
"""A header has a limited length. A shop's pictures have one origin or two."""


def language_of(request: Request, view: CheckoutView | None = None) -> str:
    """Return the language as `Checkout` chooses it, so that the page continues in the language in
    which it is served."""
    wanted, accepted = request.query_params.get("language"), request.headers.get("accept-language")
    return checkout_page.language(wanted, accepted, view)


def policy_hash(text: str) -> str:
    """Return the hash as a source of a policy (CSP 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def content_security_policy(
    script_hashes: str, ancestors: tuple[str, ...] = (), *, images: str = "", style: str = ""
) -> str:
    """Return the policy. `ancestors` are the origins that the profile names, see
    `_frame_ancestors`. `images` are more sources of pictures. `style` is the text of the style in
    the page's head."""
    styles = f" {policy_hash(style)}" if style else ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {script_hashes}".strip(),
            f"style-src 'self'{styles}",
            f"img-src 'self' data:{images}",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            f"frame-ancestors {_frame_ancestors(ancestors)}",
        )
    )


def images_of(view: CheckoutView | None) -> str:
    """Return the origins of the shop's own pictures on this page, and no other."""
    if view is None:
        return ""
    urls = [view.merchant_logo_url, *(line.thumbnail_url for line in view.lines)]
    origins = dict.fromkeys(origin_of(url) for url in urls if url)
    return "".join(f" {origin}" for origin in list(origins)[:_MAX_ORIGINS] if origin)


def _frame_ancestors(ancestors: tuple[str, ...]) -> str:
    """Return the profile's origins. If it names none, any shop may embed us, as the Web SDK does.
    Over plain http, as in development, this includes plain http."""
    if ancestors:
        return " ".join(filter(is_origin, ancestors)) or "'none'"
    secure = context.current().settings.base_url.startswith("https://")
    return "https:" if secure else "https: http:"


def is_origin(text: str) -> bool:
    """Return whether the text may be in a header as a source of a policy."""
    return re.fullmatch(r"https?://[A-Za-z0-9*.\-\[\]:]+", text) is not None


def html_answer(request: Request, text: str, status: int, language: str, policy: str) -> Response:
    body = text.encode()
    headers = {
        "Cache-Control": NO_STORE,
        "Content-Language": language,
        "Content-Security-Policy": policy,
        # This is for scanning a gift card. In a frame it works only if the shop allows it as well.
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
        "Vary": "Accept-Language, Accept-Encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers, media_type="text/html; charset=utf-8")
