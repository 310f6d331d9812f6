"""Find a page's session by its address."""

from __future__ import annotations

import re

SESSION_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")


def session_id_of(path: str, query: dict[str, str]) -> str:
    """Return the session of `/v1/view/{sid}` or `/?sid={sid}`; empty if there is none."""
    if path.startswith("/v1/view/"):
        wanted = path.removeprefix("/v1/view/").strip("/")
    else:
        wanted = query.get("sid", "")
    return wanted if SESSION_ID.fullmatch(wanted) else ""
