"""The page as it is served: one prerendered file for every session, with a real status, the
session's language and first texts, and the headers that keep it private.

Source: `docs/reference/reflex.md#prerendered-page` (what may be replaced in prerendered HTML),
`docs/architecture.md#the-page`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from reflex.utils import prerequisites

from backend.api.app import refuse_in_json
from backend.core import context
from backend.core.errors import NotFound, SessionNotFound, TooManyRequests
from backend.sessions import device_handoff, read
from backend.sessions.view import CheckoutView, PageState
from checkout_ui import texts
from checkout_ui.components import crashed
from checkout_ui.embed import framing, result
from checkout_ui.hosting import no_script
from checkout_ui.hosting.build_plugin import PLACEHOLDER_SESSION_ID
from checkout_ui.hosting.locations import session_id_of
from checkout_ui.hosting.served import (
    NO_STORE,
    content_security_policy,
    html_answer,
    images_of,
    language_of,
    policy_hash,
)
from checkout_ui.presenters import checkout_page, formats, theme

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)([^>]*)>(.*?)</script>", re.DOTALL)
_DATA_SCRIPT = re.compile(r"type=[\"']application/(?:ld\+)?json[\"']")
TITLE = re.compile(r"<title([^>]*)>[^<]*</title>")
_NO_SCRIPT = re.compile(r"<noscript><span>…</span>")
LANG = re.compile(r"(<html[^>]*?\blang=\")[^\"]*\"")
_LOGO = re.compile(r"<img\b[^>]*\bid=\"first-logo\"[^>]*>")
_BACK = re.compile(r"<a\b[^>]*\bid=\"first-back\"[^>]*>")
_HREF, _HIDDEN = re.compile(r' href="[^"]*"'), re.compile(r' hidden(="[^"]*")?')
_SRC, _ALT = (re.compile(rf' {name}="[^"]*"') for name in ("src", "alt"))
_BEGUN = (PageState.PAYING, PageState.ON_HOLD, PageState.PAID)
"""Money moves, or has moved, so nobody is told that nothing was paid."""


@dataclass(frozen=True)
class Template:
    """A prerendered file, and the CSP sources of the scripts in it."""

    text: str
    script_hashes: str


@cache
def template_of(route: str) -> Template:
    file = prerequisites.get_web_dir() / "build" / "client" / route.strip("/") / "index.html"
    text = Path(file).read_text(encoding="utf-8")
    hashes = []
    for match in _INLINE_SCRIPT.finditer(text):
        if not _DATA_SCRIPT.search(match[1]):
            hashes.append(policy_hash(match[2]))
    return Template(text, " ".join(dict.fromkeys(hashes)))


def create_pages() -> FastAPI:
    """Return the routes of the page. What a form posts here before its script runs is never
    read."""
    # A redirect to the same path with a slash would use the Host header.
    pages = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for path in ("/embedResult/", "/embedResult"):
        pages.add_api_route(path, result.serve, methods=["GET", "HEAD"], response_class=Response)
    session = "/v1/view/{session_id}"
    for path, route in (("/", "/"), (session, None), (f"{session}/", None)):
        where = route or f"/v1/view/{PLACEHOLDER_SESSION_ID}"
        pages.add_api_route(path, _handler(where), methods=["GET", "HEAD"], response_class=Response)
        pages.add_api_route(path, _posted, methods=["POST"], response_class=Response)
    for path in ("/v1/phone/{token}", "/v1/phone/{token}/"):
        pages.add_api_route(path, _phone, methods=["GET", "HEAD"], response_class=Response)
    return pages


def _handler(route: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        return await _serve(request, route)

    return serve


async def _serve(request: Request, route: str) -> Response:
    session_id = session_id_of(request.url.path, dict(request.query_params))
    try:
        view = await read.read_view(context.current(), session_id)
    except SessionNotFound:
        view = None
    language = language_of(request, view)
    template = template_of(route)
    style = theme.stylesheet(view.theme) if view is not None else ""
    text = _with_first_texts(template.text, view, language)
    text = _with_looks(text, view, style)
    back = _way_back(view)
    text = crashed.served(_with_way_back(text, back), language, back)
    text = framing.mark(text, request.query_params)
    ancestors = view.allowed_frame_ancestors if view is not None else ()
    policy = content_security_policy(
        template.script_hashes, ancestors, images=images_of(view), style=style
    )
    answer = html_answer(request, text, _status(view), language, policy)
    framing.prepare(request, answer, template.text, view)
    return answer


async def _posted(request: Request) -> Response:
    return without_script(request, "hosted.form_lead", "hosted.form_back")


def without_script(request: Request, lead: str, back_key: str) -> Response:
    """Answer a form that was sent without our script. Nothing of it is read or repeated."""
    back = request.url.path + (f"?{query}" if (query := request.url.query) else "")
    language, address = language_of(request), html.escape(back, quote=True)
    known = html.escape(texts.text(language, back_key))
    link = f'<a class="button primary" href="{address}">{known}</a>'
    return message(request, 200, "hosted.form_heading", lead, link)


async def _phone(request: Request) -> Response:
    """Follow the link by which a payer continues on a phone. It leads to the session's page while
    it is valid."""
    try:
        page = await device_handoff.open_link(context.current(), request.path_params["token"][:200])
    except NotFound:
        return message(request, 410, "hosted.phone_heading", "hosted.phone_lead")
    # The site to which the payer goes from there must not learn the link.
    headers = {"Cache-Control": NO_STORE, "Referrer-Policy": "no-referrer"}
    return RedirectResponse(page, 303, headers)


def message(request: Request, status: int, heading: str, lead: str, link: str = "") -> Response:
    """Return a page of its own, without any script: two texts, and the HTML of a link."""
    language = language_of(request)
    said, why = (texts.text(language, key) for key in (heading, lead))
    return _message(request, status, said, why, link)


def _message(request: Request, status: int, said: str, why: str, link: str = "") -> Response:
    language = language_of(request)
    said, why = html.escape(said), html.escape(why)
    text = (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{said}</title><link rel="icon" href="/favicon.svg">'
        '<link rel="stylesheet" href="/checkout.css"></head><body><div class="page">'
        f'<main><section class="panel"><h1>{said}</h1><p>{why}</p>{link}</section></main>'
        "</div></body></html>"
    )
    return html_answer(request, text, status, language, content_security_policy(""))


def too_many(request: Request, error: TooManyRequests) -> Response:
    """Return a page if a browser has opened the address. It says when to try again."""
    if "text/html" not in request.headers.get("accept", ""):
        return refuse_in_json(request, error)
    language = language_of(request)
    said = texts.text(language, "hosted.wait_heading")
    answer = _message(request, error.status, said, texts.wait(language, error.retry_after))
    answer.headers["retry-after"] = str(error.retry_after)
    return answer


def _status(view: CheckoutView | None) -> int:
    """Return 410 for a session that can no longer be paid. A paid session's page is a good
    answer."""
    if view is None:
        return 404
    return 410 if view.state in (PageState.CANCELLED, PageState.EXPIRED) else 200


def _with_first_texts(text: str, view: CheckoutView | None, language: str) -> str:
    """Put the first texts into the page. They only replace other texts: with another element, or
    with a text where there was none, React would discard the prerendered page."""
    known = texts.catalogue(language)
    first = {
        "first-heading": known["head.checkout"] if view else "\u00a0",
        "first-merchant": view.merchant_name if view else known["title.loading"],
        "first-order": known["order.heading"],
        "first-loading": known["head.loading"],
        "first-slow": known["page.slow"],
        "first-back": known["end.back"],
    }
    title = known["title.missing"]
    if view is not None:
        first["first-total"] = formats.money(view.order_amount, view.currency, language)
        if view.state in _BEGUN:
            first["first-slow"] = known["page.slow_begun"]
        title = checkout_page.title(view.state, view.merchant_name, language)
    for element_id, written in first.items():
        text = replace_text(text, element_id, written)
    unscripted = no_script.content(view, language)
    text = _NO_SCRIPT.sub(lambda _: f"<noscript>{unscripted}", text, count=1)
    text = LANG.sub(rf'\g<1>{language}"', text, count=1)
    return TITLE.sub(lambda match: f"<title{match[1]}>{html.escape(title)}</title>", text, count=1)


def replace_text(text: str, element_id: str, written: str) -> str:
    pattern = rf'(<[a-z0-9]+\b[^>]*\bid="{element_id}"[^>]*>)[^<]+'
    escaped = html.escape(written) or "…"
    return re.sub(pattern, lambda match: match[1] + escaped, text, count=1)


def with_style(text: str, style: str) -> str:
    return text.replace("</head>", f"<style>{style}</style></head>", 1) if style else text


def _with_looks(text: str, view: CheckoutView | None, style: str) -> str:
    """Put the shop's colours and logo into the HTML itself, so that they show at the first paint
    without another request. React keeps a style at the end of the head, and an attribute that
    differs, as they are served."""
    text = with_style(text, style)
    if view is not None and view.merchant_logo_url:
        logo = _attribute("src", view.merchant_logo_url)
        name = _attribute("alt", view.merchant_name)
        text = _LOGO.sub(lambda tag: _SRC.sub(logo, _ALT.sub(name, tag[0])), text, count=1)
    return text


def _way_back(view: CheckoutView | None) -> str:
    """Return the address of the shop. It is empty if there is no session to leave, or if a payment
    is under way, because that address says that it was cancelled."""
    if view is None or view.state is PageState.PAYING:
        return ""
    return view.leave_url if view.leave_url.startswith(("https://", "http://")) else ""


def _with_way_back(text: str, back: str) -> str:
    """Put the way to the shop into what is shown if no script comes."""
    if not back:
        return text
    href = _attribute("href", back)
    return _BACK.sub(lambda tag: _HREF.sub(href, _HIDDEN.sub("", tag[0])), text, count=1)


def _attribute(name: str, value: str) -> Callable[[re.Match[str]], str]:
    return lambda _: f' {name}="{html.escape(value, quote=True)}"'
