"""Gavekort: all that decides. The payer's page is in `checkout_ui`."""

from __future__ import annotations

__version__ = "0.1.0"
