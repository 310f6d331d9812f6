"""Read the gift card's number by camera: a button if the browser can do it, and its dialog.

assets/checkout.js shows the button, and fetches assets/scan.js when it is pressed. Without the
scripts nothing is shown. No picture leaves the browser.
"""

from __future__ import annotations

import reflex as rx

from checkout_ui.components.elements import icon, words
from checkout_ui.hosting.versions import versioned

_TOLD = {
    "data-starting": "page.scan_starting",
    "data-looking": "page.scan_looking",
    "data-denied": "page.scan_denied",
    "data-none": "page.scan_none",
    "data-failed": "page.scan_failed",
    "data-wrong": "page.scan_wrong",
}


def scan() -> rx.Component:
    return rx.el.div(
        rx.el.button(
            icon("scan"),
            rx.el.span(words("page.scan")),
            type="button",
            id="scan",
            class_name="quiet",
            custom_attrs={"data-script": versioned("scan.js"), "aria-haspopup": "dialog"},
        ),
        _dialog(),
        rx.el.p(
            id="scan-said",
            class_name="sr-only",
            role="status",
            custom_attrs={"data-found": words("page.scan_found")},
        ),
        class_name="scan",
    )


def _dialog() -> rx.Component:
    """Return the browser's own dialog: it is modal, Escape closes it, and the focus returns
    automatically. The script puts its messages into `#scan-told`, from the texts in the dialog's
    attributes."""
    return rx.el.dialog(
        rx.el.h2(words("page.scan_heading"), id="scan-heading"),
        rx.el.p(words("page.scan_lead"), id="scan-lead", class_name="muted"),
        rx.el.video(
            id="scan-picture",
            auto_play=True,
            muted=True,
            plays_inline=True,
            custom_attrs={"aria-label": words("page.scan_picture")},
        ),
        rx.el.p(
            id="scan-told",
            class_name="strong",
            role="status",
            custom_attrs={name: words(key) for name, key in _TOLD.items()},
        ),
        rx.el.button(
            words("page.scan_cancel"), type="button", id="scan-cancel", class_name="secondary"
        ),
        id="scan-dialog",
        class_name="dialog",
        custom_attrs={"aria-labelledby": "scan-heading", "aria-describedby": "scan-lead"},
    )
