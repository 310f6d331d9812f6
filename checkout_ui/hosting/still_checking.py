"""A page for every failure, at every address that a browser opens.

A payer may come back from the provider with money reserved while our database cannot be read or
written, or while something else of ours fails. They get a page that says that we are still
checking. It asks again automatically, with growing waits, and continues as soon as there is an
answer. It needs no database. Asking again does no harm: each of these addresses only reads, or asks
the provider and does what the provider says.

An API client, which asks for JSON, gets the API's own errors.
"""

from __future__ import annotations

import asyncio
import html
import logging
import re
from functools import cache
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from checkout_ui import texts
from checkout_ui.hosting.served import (
    NO_STORE,
    content_security_policy,
    html_answer,
    language_of,
)
from checkout_ui.hosting.versions import versioned

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds after which a payer sees that it takes longer. The request continues."""
TRY = "still_checking"
"""The parameter that counts the attempts of a browser without scripts. We take it off before
anything else reads the request, since a provider may have signed all of its own parameters."""

_PAGES = re.compile(r"/|/embedResult/?|/v1/(?:view|phone)/[^/]+/?|/balance/[^/]+/?")
_RETURN = re.compile(r"/v1/sessions/([^/]+)/redirect/[^/]+/?")
_ABANDON = re.compile(r"/v1/view/([^/]+)/session/abandon/?")
_COUNTED = re.compile(rb"(?:^|&)still_checking=([0-9]{1,3})(?=&|$)")
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_FIRST_WAIT, _GROWTH, _LONGEST_WAIT = 2.0, 1.6, 30.0
"""Seconds, and the growth from one wait to the next, as in assets/checking.js."""

_late: set[asyncio.Task[None]] = set()
"""Requests that continue after their payer was answered. Python may drop a task that nobody
holds."""


class StillChecking:
    """Wraps everything that answers requests."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_for_a_browser(scope):
            await self._inner(scope, receive, send)
            return
        counted = _COUNTED.search(scope["query_string"])
        query = _COUNTED.sub(b"", scope["query_string"]).removeprefix(b"&")
        scope = {**scope, "query_string": query}
        held = _Held(send)
        failure = await self._within_patience(scope, receive, held)
        if held.passed_on:
            if failure is not None:
                raise failure
            return
        if failure is not None and _PAGES.fullmatch(scope["path"]):
            # The API logs its own errors. The address is a payer's key, so it is not logged.
            log.error("a page could not be served", exc_info=failure)
        answer = _instead(Request(scope), held, int(counted[1]) if counted else 0)
        if answer is None:
            await held.replay()
        else:
            await answer(scope, receive, send)

    async def _within_patience(
        self, scope: Scope, receive: Receive, held: _Held
    ) -> Exception | None:
        """Return why it failed; None if it did not fail, or is not done yet."""
        task = asyncio.create_task(self._run(scope, receive, held))
        _late.add(task)
        task.add_done_callback(_late.discard)
        try:
            await asyncio.wait({task}, timeout=PATIENCE)
            if not task.done() and held.passed_on:
                await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.done():
            held.give_up()
            return None
        return task.exception() if not task.cancelled() else None  # type: ignore[return-value]

    async def _run(self, scope: Scope, receive: Receive, held: _Held) -> None:
        await self._inner(scope, receive, held.send)


class _Held:
    """Passes an answer on as it comes, but keeps back an answer that is an error."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept: list[Message] = []
        self._given_up = False
        self.passed_on = False

    @property
    def status(self) -> int:
        """Return the status. It is 503 if there was no answer at all."""
        return int(self._kept[0]["status"]) if self._kept else HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def is_page(self) -> bool:
        headers: dict[bytes, bytes] = dict(self._kept[0].get("headers", [])) if self._kept else {}
        return headers.get(b"content-type", b"").startswith(b"text/html")

    @property
    def retry_after(self) -> int:
        headers: dict[bytes, bytes] = dict(self._kept[0].get("headers", [])) if self._kept else {}
        given = headers.get(b"retry-after", b"")
        return int(given) if given.isdigit() else 0

    def give_up(self) -> None:
        """Ignore whatever comes from now on, because it comes too late."""
        self._given_up = True

    async def send(self, message: Message) -> None:
        if self._given_up:
            return
        if message["type"] == "http.response.start" and message["status"] < 400:
            self.passed_on = True
        if self.passed_on:
            await self._send(message)
        else:
            self._kept.append(message)

    async def replay(self) -> None:
        for message in self._kept:
            await self._send(message)


def _is_for_a_browser(scope: Scope) -> bool:
    """Return whether a browser has opened the address, by the address and the Accept header."""
    path, method = scope["path"], scope["method"]
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept").lower()
    if _ABANDON.fullmatch(path):
        return method == "POST" and b"text/html" in accepted
    if b"text/html" not in accepted and b"application/json" in accepted:
        return False
    if _RETURN.fullmatch(path):
        return method in ("GET", "HEAD")
    return method in ("GET", "HEAD", "POST") and _PAGES.fullmatch(path) is not None


def _instead(request: Request, held: _Held, tries: int) -> Response | None:
    """Return what the browser gets in place of the error that was kept back; None if it gets the
    error itself, because that is a page already."""
    status = held.status
    if status >= 500:
        return _page(request, HTTPStatus.SERVICE_UNAVAILABLE, tries, held.retry_after)
    if held.is_page:
        return None
    session = _RETURN.fullmatch(request.url.path) or _ABANDON.fullmatch(request.url.path)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        # A page says itself when to try again. A payer on the way back has paid, and only waits.
        return _page(request, status, tries, held.retry_after) if session else None
    if status in _GONE:
        return _missing(request, status)
    if session is None:
        return None
    # After a conflict the session's page shows the present state.
    headers = {"Cache-Control": NO_STORE, "Referrer-Policy": "no-referrer"}
    return RedirectResponse(f"/v1/view/{session[1]}", HTTPStatus.SEE_OTHER, headers)


def _page(request: Request, status: int, tries: int, at_least: int) -> Response:
    language = language_of(request)
    wait = max(round(min(_FIRST_WAIT * _GROWTH**tries, _LONGEST_WAIT)), at_least)
    address = _again(request)
    counted = f"{address}{'&' if '?' in address else '?'}{TRY}={min(tries + 1, 99)}"
    refresh = html.escape(f"{wait};url={counted}", quote=True)
    link = (
        '<span class="spinner big" aria-hidden="true"></span>',
        f'<a class="button secondary" id="again" href="{html.escape(address, quote=True)}">'
        f"{_text(language, 'hosted.checking_now')}</a>",
    )
    body = _document(
        language,
        _text(language, "hosted.checking_heading"),
        _text(language, "hosted.checking_lead"),
        link,
        f'<noscript><meta http-equiv="refresh" content="{refresh}"></noscript>',
        f'<script src="{_script()}" defer></script>',
    )
    policy = content_security_policy("")
    answer = html_answer(request, body, status, language, policy)
    answer.headers["Retry-After"] = str(wait)
    return answer


def _missing(request: Request, status: int) -> Response:
    language = language_of(request)
    heading, lead = (_text(language, key) for key in ("missing.heading", "missing.lead"))
    body = _document(language, heading, lead, ("", ""), "", "")
    return html_answer(request, body, status, language, content_security_policy(""))


def _again(request: Request) -> str:
    """Return the address to ask next: this one, or after a form its session's page."""
    abandoned = _ABANDON.fullmatch(request.url.path)
    if abandoned is not None:
        return f"/v1/view/{abandoned[1]}"
    # This is as the browser sent it. A part that is decoded and encoded again may become another
    # one.
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    return raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")


def _text(language: str, key: str) -> str:
    return html.escape(texts.catalogue(language)[key])


def _document(
    language: str, heading: str, lead: str, around: tuple[str, str], head: str, script: str
) -> str:
    """Return the page. All arguments are HTML; `around` stands before and after the words."""
    before, after = around
    return (
        f'<!DOCTYPE html><html lang="{language}" data-page="result"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="robots" content="noindex, nofollow">'
        f'{head}<title>{heading}</title><link rel="icon" href="/favicon.svg">'
        f'<link rel="stylesheet" href="/checkout.css"><script src="{_embed()}" defer></script>'
        '</head><body><div class="page"><main><section class="panel" role="status">'
        f'{before}<h1>{heading}</h1><p class="muted">{lead}</p>{after}'
        f"</section></main></div>{script}</body></html>"
    )


@cache
def _embed() -> str:
    """Return the script that tells the shop's page how high this page is, if it is in a frame."""
    return versioned("embed.js")


@cache
def _script() -> str:
    return versioned("checking.js")
