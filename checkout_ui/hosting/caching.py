"""How long a browser may keep an answer."""

from __future__ import annotations

from functools import cache

from checkout_ui.versions import versioned

NO_STORE = "no-store"
FOR_GOOD = "public, max-age=31536000, immutable"
FOR_AN_HOUR = "public, max-age=3600"
_VERSIONED = ("checking.js", "checkout.js", "embed.js", "marks.svg", "print.css", "scan.js")
_GOOD = (200, 206, 304)


def how_long(path: str, query: bytes, status: int) -> str:
    """Only files may be kept. For good: those whose name is made of their content, and those that
    are asked for by the version that we have. Another version gets what we have, and nobody may
    keep it: while a new version is rolled out, an old process answers for the new one's files."""
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
