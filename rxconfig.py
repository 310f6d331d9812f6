"""Reflex's configuration, read at build time and by every serving process."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import reflex as rx
from reflex.constants import StateManagerMode

from checkout_ui.hosting.build_plugin import HostedPage

# Nothing here phones home.
os.environ.setdefault("REFLEX_CHECK_LATEST_VERSION", "false")

REDIS_URL = os.environ.get("GAVEKORT_REDIS_URL") or None
if REDIS_URL:
    # Measured three times the events per second of Reflex's default Redis locking.
    os.environ.setdefault("REFLEX_OPLOCK_ENABLED", "true")
# Reflex accepts messages of a megabyte; ours are a form's fields.
os.environ.setdefault("REFLEX_SOCKET_MAX_HTTP_BUFFER_SIZE", "100000")


def own_origins() -> list[str]:
    """The origins whose pages may open the event socket: ours, and nobody else's.

    On the loopback address both of its names are meant.
    """
    base = urlsplit(os.environ.get("GAVEKORT_BASE_URL") or "http://127.0.0.1:8000")
    origins = [f"{base.scheme}://{base.netloc}"]
    names = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}
    if other := names.get(base.hostname or ""):
        port = f":{base.port}" if base.port else ""
        origins.append(f"{base.scheme}://{other}{port}")
    return origins


config = rx.Config(
    app_name="checkout_ui",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    disable_plugins=[rx.plugins.SitemapPlugin],
    plugins=[HostedPage()],
    frontend_compression_formats=["brotli", "gzip"],
    cors_allowed_origins=own_origins(),
    state_manager_mode=StateManagerMode.REDIS if REDIS_URL else StateManagerMode.MEMORY,
    redis_url=REDIS_URL,
    # Whose tries with a gift card are counted: X-Forwarded-For is believed this far, else not.
    trusted_proxy_hops=int(os.environ.get("GAVEKORT_TRUSTED_PROXY_HOPS") or 0),
    # Seconds; every state manager, the one in memory too, forgets a page's state after this.
    redis_token_expiration=3600,
)
