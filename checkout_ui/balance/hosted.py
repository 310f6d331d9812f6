"""The balance page as it is served: one prerendered file for every merchant, with a real status,
the first texts in the language, and the headers of the checkout's page."""

from __future__ import annotations

import html

from fastapi import FastAPI, Request, Response

from backend.payments.views.card_balance import ShopView
from checkout_ui import texts
from checkout_ui.balance.state import shop_of, title
from checkout_ui.components import crashed
from checkout_ui.hosting.build_plugin import BALANCE_ROUTE
from checkout_ui.hosting.hosted_page import (
    LANG,
    TITLE,
    replace_text,
    template_of,
    with_style,
    without_script,
)
from checkout_ui.hosting.served import content_security_policy, html_answer, language_of
from checkout_ui.presenters import theme


def create_page() -> FastAPI:
    """Return the routes of the page. What a form posts here before its script runs is never
    read."""
    pages = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for path in ("/balance/{account_id}", "/balance/{account_id}/"):
        pages.add_api_route(path, _serve, methods=["GET", "HEAD"], response_class=Response)
        pages.add_api_route(path, _posted, methods=["POST"], response_class=Response)
    return pages


async def _serve(request: Request) -> Response:
    language = language_of(request)
    shop = await shop_of(request.url.path, dict(request.query_params))
    template = template_of(BALANCE_ROUTE)
    ancestors = shop.allowed_frame_ancestors if shop is not None else ()
    style = theme.stylesheet(shop.theme) if shop is not None else ""
    policy = content_security_policy(template.script_hashes, ancestors, style=style)
    text = with_style(_with_first_texts(template.text, shop, language), style)
    back = shop.return_url or "" if shop is not None else ""
    text = crashed.served(text, language, back)
    return html_answer(request, text, 404 if shop is None else 200, language, policy)


async def _posted(request: Request) -> Response:
    return without_script(request, "balance.form_lead", "balance.form_back")


def _with_first_texts(text: str, shop: ShopView | None, language: str) -> str:
    """Put the first texts into the page. They only replace other texts, as on the checkout's
    page."""
    known = texts.catalogue(language)
    first = {
        "first-heading": known["balance.heading"] if shop else "\u00a0",
        "first-merchant": shop.merchant_name if shop else known["balance.heading"],
        "first-loading": known["balance.loading"],
        "first-no-script": known["balance.no_script"],
    }
    for element_id, written in first.items():
        text = replace_text(text, element_id, written)
    text = LANG.sub(rf'\g<1>{language}"', text, count=1)
    written = html.escape(title(shop, language))
    return TITLE.sub(lambda match: f"<title{match[1]}>{written}</title>", text, count=1)
