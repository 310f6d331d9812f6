"""What the page shows of a session as it is: the variables of `state.Checkout`, by their names.

Pure, as all presenters are.
"""

from __future__ import annotations

from typing import Any

from backend.sessions.qr_code import qr_code
from backend.sessions.view import CheckoutView
from checkout_ui.presenters import card_view, payment_options
from checkout_ui.presenters import checkout_page as shown
from checkout_ui.presenters.remainder_view import rest

NO_LOGO = "data:,"
"""The logo's address in the prerendered page. `hosted_page` puts a shop's own in its place."""


def fields(view: CheckoutView, language: str) -> dict[str, Any]:
    """Return the variables that follow from the session and the payer's language alone."""
    return {**_outside(view, language), **_steps(view, language)}


def _outside(view: CheckoutView, language: str) -> dict[str, Any]:
    """Return what stands around the steps: the shop, the order, and how a payment went."""
    push_heading, push_lead = payment_options.push(view, language)
    return {
        "version": view.version,
        "stage": view.state.value,
        "page_title": shown.title(view.state, view.merchant_name, language),
        "merchant_name": view.merchant_name,
        "merchant_terms_url": view.merchant_terms_url or "",
        "test_mode": view.test_mode,
        "logo_url": view.merchant_logo_url or NO_LOGO,
        "leave_url": view.leave_url,
        "provider_url": view.redirect_url or "",
        "app_qr": qr_code(view.app_code) if view.app_code else "",
        "push_heading": push_heading,
        "push_lead": push_lead,
        "transaction_id": view.transaction_id or "",
        "lines": shown.lines(view, language),
        "items": shown.items(view, language),
        "sums": shown.sums(view, language),
        "paid_lead": shown.paid_lead(view, language),
        "receipt": shown.receipt(view, language),
    }


def _steps(view: CheckoutView, language: str) -> dict[str, Any]:
    """Return what the payer's steps show, from the details to Pay."""
    return {
        "asks_details": view.express,
        "asks_address": view.shipping_required,
        "billing_allowed": view.billing_allowed,
        "billing_differs": view.billing_address is not None,
        "details_done": view.details_done,
        "contact": shown.contact(view),
        "country_choices": shown.country_choices(view, language),
        "shipping_options": shown.shipping(view, language),
        "card_offered": view.gift_card_offered and (view.details_done or not view.express),
        "has_card": view.gift_card is not None,
        "card": card_view.card(view, language),
        "discounts_offered": view.discounts_offered,
        "discount_codes": list(view.discount_codes),
        "locked": view.locked,
        **payment_options.shown(view.options, language),
        "rest": rest(view, language),
        "consents": shown.consents(view),
        "payable": view.payable,
        "pay_label": shown.pay_label(view, language),
    }
