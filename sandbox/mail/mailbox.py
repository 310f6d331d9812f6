"""Mail that has arrived. It is kept in a file, and shown as in a mail program, and as JSON."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

_SHOWN = ("From", "To", "Subject", "Date", "Message-ID", "Content-Language")
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""The policy of a message's own HTML: it runs nothing and fetches nothing."""


class Mailbox:
    """Messages, each a line of JSON in a file, so that a restart loses none."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._file = data_dir / "mail.jsonl"
        self._lock = threading.Lock()

    def keep(self, sender: str, recipients: list[str], message: bytes) -> None:
        kept = {
            "sender": sender,
            "recipients": recipients,
            "taken_at": datetime.now(UTC).isoformat("T", "seconds"),
            "message": message.decode("utf-8", "replace"),
        }
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(kept, ensure_ascii=False) + "\n")

    def all(self) -> list[dict[str, Any]]:
        """List messages, newest first. `number` is a message's permanent name."""
        if not self._file.exists():
            return []
        lines = self._file.read_text(encoding="utf-8").splitlines()
        return [_read(number, json.loads(line)) for number, line in enumerate(lines)][::-1]


def _read(number: int, kept: dict[str, Any]) -> dict[str, Any]:
    parsed = message_from_bytes(kept["message"].encode(), policy=default)
    assert isinstance(parsed, EmailMessage)
    return {
        "number": number,
        "sender": kept["sender"],
        "recipients": kept["recipients"],
        "taken_at": kept["taken_at"],
        "headers": {name.lower(): str(parsed[name] or "") for name in _SHOWN},
        "text": _part(parsed, "plain"),
        "html": _part(parsed, "html"),
    }


def _part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    return "" if found is None else str(found.get_content())


def create_app(mailbox: Mailbox) -> Starlette:
    """Return the mailbox's pages as one ASGI app, to be mounted or served by itself."""
    templates = Jinja2Templates(Path(__file__).parent / "templates")

    def page(request: Request) -> Response:
        shown = templates.TemplateResponse(request, "mailbox.html", {"messages": mailbox.all()})
        shown.headers["Cache-Control"] = "no-store"
        return shown

    def listed(_: Request) -> Response:
        return JSONResponse({"messages": mailbox.all()})

    def one(request: Request) -> Response:
        number = int(request.path_params["number"])
        found = next((m for m in mailbox.all() if m["number"] == number), None)
        if found is None or not found["html"]:
            raise HTTPException(404)
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return Response(found["html"], media_type="text/html; charset=utf-8", headers=headers)

    return Starlette(
        routes=[
            Route("/messages", listed),
            Route("/messages/{number:int}/html", one),
            Route("/", page),
        ]
    )
