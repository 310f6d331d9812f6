"""The log of every command: one line a record, with the time (UTC) and the process, and without
what a stranger or a payer sent.

- Ids that are somebody's key (a session's, a token, a number) are written as a short keyed hash:
  the same id has the same hash in all lines and in all processes with one secret key.
- We do not repeat a library's own message, because nobody knows what it contains. The line names
  the place in the library instead. For an exception we write its type and the places in the
  program, and its text only if the text comes from the database or the operating system.
- If one place in the program logs again and again, further lines are only counted.
- A line that belongs to a request names it: by the id that the answer carries as `request-id`, so
  that whoever was refused can quote it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import re
import secrets
import sys
import time
import traceback
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from backend.core.paths import ROOT

_LONGEST = 600
_LONGEST_TEXT = 300
_MAX_FRAMES = 12
_WINDOW = 60.0
_PER_PLACE, _IN_ALL = 20, 300
"""Lines in a window, from one place in the program and from all together."""

_OURS = ("backend", "checkout_ui", "back_office", "gavekort", "tests", "__main__")
_ABOUT_ITSELF = (
    "uvicorn/server.py", "uvicorn/config.py", "uvicorn/main.py", "/warnings.py",
    "uvicorn/supervisors/multiprocess.py", "uvicorn/supervisors/basereload.py",
)  # fmt: skip
"""Files of libraries that log only their own start and end, and nothing about requests."""
_LOGGED = "__gavekort_logged__"
_KEY_FROM = "GAVEKORT_SECRET_KEY"
_LABEL = b"gavekort log ids"

_QUERY = re.compile(r"\?[^\s'\"<>)]+")
_ID = re.compile(
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"  # an e-mail address
    r"|\b[PT]\d{8}\.[A-Za-z0-9._-]{5,}[A-Za-z0-9]"  # a session, a transaction
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|(?<![A-Za-z0-9])(?!\d{4}-\d\d-\d\d(?!\d))\+?\d(?:[ -]?\d){6,}"  # a card's number, a phone's
    r"|\b(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{16,}"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


_request: ContextVar[str | None] = ContextVar("request", default=None)


@contextlib.contextmanager
def one_request() -> Iterator[str]:
    """Give the request an id, which all log lines and events within carry. A request that has one
    already keeps it."""
    known = _request.get()
    if known is not None:
        yield known
        return
    made = str(uuid.uuid4())
    token = _request.set(made)
    try:
        yield made
    finally:
        _request.reset(token)


def request_id() -> str | None:
    """Return the id of the request that is answered now; None outside of one."""
    return _request.get()


def _key() -> bytes:
    """Return the key of the hashes. It is made of the master secret, so that all processes write
    the same hash; without a secret it is random."""
    secret = os.environ.get(_KEY_FROM) or secrets.token_hex(32)
    return hmac.digest(secret.encode(), _LABEL, "sha256")


_hash_key = _key()


def short(key: str) -> str:
    """Return an id as the log writes it: `#` and ten hexadecimal digits."""
    return (
        "#" + hmac.new(_hash_key, key.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:10]
    )


def clean(text: str) -> str:
    """Return `text` as one line, with short hashes for ids and without queries and control
    characters."""
    line = _CONTROL.sub(" ", text[: 4 * _LONGEST])
    line = _QUERY.sub("?…", line)
    line = _ID.sub(lambda found: short(found[0]), line)
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


class LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = _said(record)
        if record.exc_info and record.exc_info[1] is not None:
            said = f"{said} | {_told(record.exc_info[1])}"
        moment = when.replace("+00:00", "Z")
        about = f" [{known}]" if (known := _request.get()) else ""
        return f"{moment} {record.process} {record.levelname} {record.name}{about}: {said}"


def _said(record: logging.LogRecord) -> str:
    if record.name.split(".")[0] in _OURS or record.pathname.endswith(_ABOUT_ITSELF):
        return clean(record.getMessage())
    return f"{record.module}.{record.funcName}, line {record.lineno}"


def _told(error: BaseException) -> str:
    """Return the types and places of an exception and of its causes, the innermost place first."""
    told = []
    for one in _chain(error):
        kind = f"{type(one).__module__}.{type(one).__qualname__}".removeprefix("builtins.")
        text = clean(_text_of(one))[:_LONGEST_TEXT]
        told.append(f"{kind}{f': {text}' if text else ''} at {_places(one.__traceback__)}")
    return " | because of ".join(told)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen and len(seen) < 5:
        seen.append(one)
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _text_of(error: BaseException) -> str:
    """Return what the database or the operating system says; nothing if it may repeat a value."""
    if isinstance(error, OSError):
        return error.strerror or ""
    kind, statement = type(error).__name__, getattr(error, "statement", None)
    original = getattr(error, "orig", error)
    diagnosis = getattr(original, "diag", None)
    if kind in ("OperationalError", "InternalError", "InterfaceError", "IntegrityError"):
        lines = (getattr(diagnosis, "message_primary", None) or str(original)).splitlines()
        first = lines[0] if lines else ""
        return f"{first} in {statement}" if statement else first
    state = getattr(original, "sqlstate", None)
    return f"SQLSTATE {state}" if state else str(getattr(error, "code", "") or "")


def _places(frames: TracebackType | None) -> str:
    found = [
        f"{_file(frame.filename)}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(frames, limit=-_MAX_FRAMES))
    ]
    return " < ".join(found) or "no place"


def _file(name: str) -> str:
    path = Path(name)
    if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
        return path.relative_to(ROOT).as_posix()
    return "/".join(path.parts[-2:])


_ABOUT_CLIENTS = {
    ("engineio.server", "_log_error_once"),
    ("engineio.server", "send_packet"),
    ("reflex.app", "on_connect"),
    ("reflex.app", "on_event"),
    ("reflex.app", "emit_update"),
}
"""Places in libraries that only log what a client did, or that it has gone. The gate in front of
the event socket counts what matters of that."""


class _Seldom(logging.Filter):
    """A filter that lets a place, and all places together, log so many lines in a window. The next
    line that passes says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._lines: dict[tuple[str, int], int] = {}
        self._all = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if (record.name, record.funcName) in _ABOUT_CLIENTS and not record.exc_info:
            return False
        if _was_logged(record):
            return False
        now = time.monotonic()
        if now - self._began >= _WINDOW:
            self._began, self._all = now, 0
            self._lines.clear()
            record.left_out = self._left_out
            self._left_out = 0
        place = (record.pathname, record.lineno)
        if self._lines.get(place, 0) >= _PER_PLACE or self._all >= _IN_ALL:
            self._left_out += 1
            return False
        self._lines[place] = self._lines.get(place, 0) + 1
        self._all += 1
        return True


def _was_logged(record: logging.LogRecord) -> bool:
    """Return whether this exception has a line already. The server logs what our own handler has
    told, because the framework raises it once more after the answer."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return False
    if record.name == "uvicorn.error":
        return bool(getattr(error, _LOGGED, False))
    with contextlib.suppress(AttributeError, TypeError):
        setattr(error, _LOGGED, True)
    return False


class _Handler(logging.StreamHandler[TextIO]):
    """The only handler. It writes to standard error."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._follows = True
        self.setFormatter(LineFormatter())
        self.addFilter(_Seldom())

    def setStream(self, stream: TextIO) -> TextIO | None:  # noqa: N802
        self._follows = False
        return super().setStream(stream)

    def emit(self, record: logging.LogRecord) -> None:
        if self._follows:
            # Standard error may have been replaced by now, and the earlier one closed.
            self.stream = sys.stderr
        if left_out := getattr(record, "left_out", 0):
            self.emit(_note(f"{left_out} lines like earlier ones were left out"))
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Report the failure without the record, which logging would print in full."""
        self.stream.write(f"a log line of {record.name} could not be written\n")


def _note(text: str) -> logging.LogRecord:
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (), None)


_TALKATIVE = {"httpx": logging.WARNING, "httpcore": logging.WARNING, "alembic": logging.WARNING}
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "reflex")
_SOCKETS = ("engineio", "socketio", "engineio.server", "socketio.server")


def install(level: int = logging.INFO) -> None:
    """Make the whole process log in this way, by one handler. It may be called again."""
    global _hash_key
    _hash_key = _key() if os.environ.get(_KEY_FROM) else _hash_key
    root = logging.getLogger()
    if not any(isinstance(known, _Handler) for known in root.handlers):
        root.addHandler(_Handler())
    for known in list(root.handlers):
        if type(known) is logging.StreamHandler:
            root.removeHandler(known)
    root.setLevel(level)
    for name, minimum in _TALKATIVE.items():
        logging.getLogger(name).setLevel(minimum)
    for name in (*_OWN_HANDLERS, *_SOCKETS):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("uvicorn", "uvicorn.error", "reflex", *_SOCKETS):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.unraisablehook = _unraisable


def _unraisable(what: Any) -> None:
    if what.exc_value is not None:
        logging.getLogger(__name__).error("an error came too late", exc_info=what.exc_value)
