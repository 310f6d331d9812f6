"""The addresses of our own files. They depend on the content, so that a browser may keep them for
good."""

from __future__ import annotations

import hashlib

from backend.core.paths import ROOT

ASSETS = ROOT / "assets"


def versioned(name: str) -> str:
    """Return for example `/checkout.js?v=0123456789ab` for a file in assets/."""
    digest = hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()
    return f"/{name}?v={digest[:12]}"
