"""`POST /messages` takes a message, `GET /` shows them all, and `GET /messages` returns them as
JSON.

A message is `{"to": "+47…", "from", "text", "reference"}`. With the same header `Idempotency-Key` a
repeat is the same message. A number that ends in 000 is refused with 422, like one that nobody has.
"""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

MAX_TEXT = 1600
NOBODY = "000"
_NUMBER = re.compile(r"^\+[1-9]\d{6,14}$")
_LINK = re.compile(r"https?://\S+")


class Messages:
    """Messages, each a line in a file, so that a restart loses none."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._file = data_dir / "messages.jsonl"
        self._lock = threading.Lock()

    def all(self) -> list[dict[str, Any]]:
        """List messages, newest first."""
        if not self._file.exists():
            return []
        lines = self._file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in reversed(lines)]

    def keep(self, message: dict[str, Any], key: str) -> dict[str, Any]:
        """Store the message, and return it. If one with the same key exists, that one is
        returned."""
        with self._lock:
            known = [m for m in self.all() if key and m["key"] == key]
            if known:
                return known[0]
            kept = {**message, "key": key, "taken_at": datetime.now(UTC).isoformat("T", "seconds")}
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(kept, ensure_ascii=False) + "\n")
            return kept


def create_app(data_dir: Path) -> Starlette:
    """Return the gateway as one ASGI app, to be mounted or served by itself."""
    messages = Messages(data_dir)
    templates = Jinja2Templates(Path(__file__).parent / "templates")
    templates.env.filters["with_links"] = with_links

    async def take(request: Request) -> Response:
        try:
            message = _checked(await request.json())
        except ValueError as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        if message["to"].endswith(NOBODY):
            return JSONResponse({"error": "nobody has this number"}, 422)
        kept = messages.keep(message, request.headers.get("idempotency-key", ""))
        return JSONResponse({"taken_at": kept["taken_at"]}, 202)

    def listed(_: Request) -> Response:
        return JSONResponse({"messages": messages.all()})

    def page(request: Request) -> Response:
        shown = templates.TemplateResponse(request, "outbox.html", {"messages": messages.all()})
        shown.headers["Cache-Control"] = "no-store"
        return shown

    return Starlette(
        routes=[
            Route("/messages", take, methods=["POST"]),
            Route("/messages", listed, methods=["GET"]),
            Route("/", page, methods=["GET"]),
        ]
    )


def _checked(message: object) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    to, text = message.get("to"), message.get("text")
    if not isinstance(to, str) or not _NUMBER.match(to):
        raise ValueError("`to` is no number in the form +4799887766")
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
        raise ValueError(f"`text` has 1 to {MAX_TEXT} characters")
    return {
        "to": to,
        "text": text,
        "from": str(message.get("from") or ""),
        "reference": str(message.get("reference") or ""),
    }


def with_links(text: str) -> Markup:
    """Return the text with its addresses as links, as a phone shows them."""
    parts, end = [], 0
    for link in _LINK.finditer(text):
        parts += [escape(text[end : link.start()]), Markup('<a href="{0}">{0}</a>').format(link[0])]
        end = link.end()
    return Markup("").join([*parts, escape(text[end:])])
