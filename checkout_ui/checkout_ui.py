"""The one ASGI app: the payer's page on Reflex, with the merchant API mounted beside it.

`served` makes what a server runs (`--factory checkout_ui.checkout_ui:served`).
"""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import reflex as rx
from starlette.types import ASGIApp

from backend import worker
from backend.core import context, logs
from backend.limits.proxies import proxy_warning
from checkout_ui.balance import hosted as hosted_balance
from checkout_ui.balance import page as balance_page
from checkout_ui.balance.state import Balance, BalanceFirst
from checkout_ui.components import crashed
from checkout_ui.gate import install
from checkout_ui.hosting import rooms
from checkout_ui.hosting.every_answer import EveryAnswer
from checkout_ui.hosting.versions import ASSETS, versioned
from checkout_ui.page import DESCRIPTION, page
from checkout_ui.state.checkout import Checkout
from checkout_ui.state.limited_events import LimitedEvents
from checkout_ui.state.rebuild import RebuildFirst
from checkout_ui.steps.returning import ReturningState

log = logging.getLogger(__name__)


def _log_only(exception: Exception) -> None:
    """Only log the error. Reflex's own handler sends a toast, which needs `eval` and tells a payer
    nothing useful."""
    log.error("a page event failed", exc_info=exception)


def _may_connect(origin: str | None, environ: dict[str, Any]) -> bool:
    """Return whether a page may open the event socket. Its origin must be the host that was called,
    with any port, or the one that merchants know us by. A request without an origin comes from no
    browser."""
    if not origin:
        return True
    if urlsplit(origin).netloc == environ.get("HTTP_HOST"):
        return True
    own = urlsplit(context.current().settings.base_url)
    return origin == f"{own.scheme}://{own.netloc}"


@asynccontextmanager
async def _backend() -> AsyncIterator[None]:
    running = context.start()
    wrong = proxy_warning(running.settings.base_url, running.settings.trusted_proxy_hops)
    if wrong is not None:
        log.warning(wrong)
    # The objects that exist at the start stay for good. If the garbage collector looked through
    # them again and again, everything would wait for a fifth of a second each time.
    gc.collect()
    gc.freeze()
    at_work = worker.start(running)
    try:
        yield
    finally:
        install.counts().tell()
        await at_work.stop()
        await context.stop()


def _beside_the_pages(reflex_app: ASGIApp) -> ASGIApp:
    """Return the application with our pages before Reflex's. This is Reflex's `api_transformer`: it
    is called when the server starts, and all pages are known."""
    guarded = install.guard(app, reflex_app)
    return rooms.beside_the_api(guarded, hosted_balance.create_page())


def _make() -> rx.App:
    logs.install()
    made = rx.App(
        toaster=None,
        reset_style=False,
        html_lang="en",
        stylesheets=["/checkout.css"],
        head_components=[
            rx.el.link(rel="icon", type="image/svg+xml", href="/favicon.svg"),
            rx.el.meta(name="robots", content="noindex, nofollow"),
            rx.el.meta(name="color-scheme", content="light dark"),
            rx.el.meta(name="format-detection", content="telephone=no"),
            # It is inline, because it has to run before the scripts of Reflex. The policy has its
            # hash.
            rx.el.script((ASSETS / "first.js").read_text(encoding="utf-8")),
            rx.el.script(
                src=versioned("checkout.js"),
                defer=True,
                custom_attrs={"data-embed": versioned("embed.js")},
            ),
            # This style sheet is only for paper, so that nothing waits for it.
            rx.el.link(rel="stylesheet", href=versioned("print.css"), media="print"),
        ],
        backend_exception_handler=_log_only,
        frontend_exception_handler=install.count_report,
        api_transformer=_beside_the_pages,
    )
    # This removes Reflex's connection overlay, which shows addresses to the payer and breaks a
    # strict CSP.
    made.app_wraps.pop((5, "Overlay"), None)
    # It also removes Reflex's page for a component that fails, which shows a stack trace.
    made.app_wraps[(55, "ErrorBoundary")] = lambda _stateful: crashed.boundary()
    if made.sio is not None:
        made.sio.eio.cors_allowed_origins = _may_connect
    # This comes first, so that an event beyond a limit costs nothing more.
    made.add_middleware(LimitedEvents())
    made.add_middleware(RebuildFirst())
    made.add_middleware(BalanceFirst())
    made.register_lifespan_task(_backend)
    for route in ("/", "/v1/view/[session_id]"):
        made.add_page(
            page,
            route=route,
            title=Checkout.page_title,
            description=DESCRIPTION,
            on_load=[Checkout.load, ReturningState.arrive],
        )
    made.add_page(
        balance_page.page,
        route="/balance/[account_id]",
        title=Balance.page_title,
        description=balance_page.DESCRIPTION,
    )
    return made


app = _make()


def served() -> ASGIApp:
    """Return the application with the headers of every answer, including the framework's own
    answers."""
    return EveryAnswer(app())
