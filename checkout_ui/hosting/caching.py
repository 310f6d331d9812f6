"""How long a browser may keep an answer."""

from __future__ import annotations

from functools import cache

from checkout_ui.hosting.versions import versioned

NO_STORE = "no-store"
FOR_GOOD = "public, max-age=31536000, immutable"
FOR_AN_HOUR = "public, max-age=3600"
_VERSIONED = (
    "checking.js",
    "checkout.js",
    "embed.js",
    "marks.svg",
    "pop_out.js",
    "print.css",
    "scan.js",
)
_GOOD = (200, 206, 304)


def how_long(path: str, query: bytes, status: int) -> str:
    """Return the `Cache-Control` of an answer. Browsers may keep only files. They may keep a file
    for good if its name is made of its content, or if they ask for the version that we have. Who
    asks for another version gets the one that we have and may not keep it: during a roll-out an old
    process answers for the files of the new version."""
    if status not in _GOOD or path.startswith("/v1/"):
        return NO_STORE
    if path.startswith("/assets/"):
        return FOR_GOOD
    if path.endswith((".css", ".svg", ".js")):
        if not query:
            return FOR_AN_HOUR
        if query == _present_versions().get(path):
            return FOR_GOOD
    return NO_STORE


@cache
def _present_versions() -> dict[str, bytes]:
    addresses = (versioned(name).partition("?") for name in _VERSIONED)
    return {path: query.encode() for path, _, query in addresses}
