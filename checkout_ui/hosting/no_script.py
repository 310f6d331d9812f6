"""What a payer without JavaScript gets: the state of the session, the order, and the way back."""

from __future__ import annotations

from html import escape

from backend.sessions.view import CheckoutView, PageState
from checkout_ui import texts
from checkout_ui.presenters import checkout_page

_KEYS = {
    PageState.ON_HOLD: "hold",
    PageState.PAID: "paid",
    PageState.CANCELLED: "cancelled",
    PageState.EXPIRED: "expired",
}
"""The beginning of the text keys for a session in which a payer can do nothing more."""


def content(view: CheckoutView | None, language: str) -> str:
    """Return the HTML inside `<noscript>`. A browser that runs scripts takes it for text, and React
    leaves it alone."""
    if view is None:
        return _panel(
            _written(language, "missing.heading"), f"<p>{_written(language, 'missing.lead')}</p>"
        )
    if view.state in _KEYS:
        return _panel(*_closed(view, language))
    lead = (
        f'<p class="notice bad">{_written(language, "head.no_script")}</p>'
        f"<p>{_written(language, 'page.told.no_script_lead')}</p>"
    )
    back = _link(view, language, "end.back", "secondary")
    return f'<main id="without-script" class="plain">{lead}{_order(view, language)}{back}</main>'


def _closed(view: CheckoutView, language: str) -> tuple[str, str]:
    key = _KEYS[view.state]
    paid = view.state is PageState.PAID
    lead = (
        escape(checkout_page.paid_lead(view, language))
        if paid
        else _written(language, f"{key}.lead")
    )
    back = "paid.back" if paid else "end.back"
    return (
        _written(language, f"{key}.heading"),
        f"<p>{lead}</p>{_link(view, language, back, 'primary')}",
    )


def _panel(heading: str, rest: str) -> str:
    return (
        f'<main id="without-script" class="plain"><section class="panel"><h2>{heading}</h2>'
        f"{rest}</section></main>"
    )


def _order(view: CheckoutView, language: str) -> str:
    lines = "".join(
        f'<li><span translate="no">{escape(line.description)}'
        f"{f' × {escape(line.quantity)}' if line.quantity else ''}</span>"
        f'<span class="amount" translate="no">{escape(line.amount)}</span></li>'
        for line in checkout_page.lines(view, language)
    )
    total = escape(checkout_page.sums(view, language).order)
    return (
        f'<section class="order"><h2>{_written(language, "order.heading")}</h2>'
        f'<ul class="lines">{lines}</ul><dl class="sums"><div class="grand">'
        f"<dt>{_written(language, 'order.total')}</dt>"
        f'<dd class="amount" translate="no">{total}</dd></div></dl></section>'
    )


def _link(view: CheckoutView, language: str, key: str, kind: str) -> str:
    href = escape(view.leave_url, quote=True)
    return (
        f'<a class="button {kind}" href="{href}" target="_top">{_written(language, key)}</a>'
        if view.leave_url.startswith(("https://", "http://"))
        else ""
    )


def _written(language: str, key: str) -> str:
    return escape(texts.catalogue(language)[key])
