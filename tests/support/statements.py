"""Record the database statements of a piece of work, and the code that sends each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import greenlet
from sqlalchemy import event
from sqlalchemy.engine import Connection

from backend.core.db import NO_BEGIN, Database

_OURS = str(Path(__file__).resolve().parents[2] / "backend")
_CALLERS = 3
"""How many of our own lines are named for each statement, the innermost first."""


@dataclass
class Asked:
    """`begins` counts the transactions. Each ends in one of `commits` or `rollbacks`. A single read
    begins no transaction."""

    statements: list[tuple[str, str]] = field(default_factory=list)
    """The text and where it comes from."""
    begins: int = 0
    commits: int = 0
    rollbacks: int = 0

    @property
    def figures(self) -> tuple[int, int, int]:
        return len(self.statements), self.begins, self.commits

    def by_place(self) -> str:
        """Return one line for each statement and place, the most frequent first."""
        counted = Counter((place, " ".join(text.split())[:100]) for text, place in self.statements)
        return "\n".join(
            f"{times:3} x {text}\n      {place}" for (place, text), times in counted.most_common()
        )


def _frames() -> Iterator[FrameType]:
    """Return the frames, the innermost first. SQLAlchemy sends statements in its own greenlet, so
    the caller is among the frames of that greenlet's parent."""
    frame: FrameType | None = sys._getframe()
    current = greenlet.getcurrent()
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and current.parent is not None:
            current = current.parent
            frame = current.gr_frame


def _place() -> str:
    ours = [one for one in _frames() if one.f_code.co_filename.startswith(_OURS)]
    inner = [one for one in ours if not one.f_code.co_filename.endswith("core/db.py")] or ours
    return " < ".join(
        f"{Path(one.f_code.co_filename).relative_to(_OURS)}:{one.f_lineno}"
        for one in inner[:_CALLERS]
    )


@contextmanager
def counted(db: Database) -> Iterator[Asked]:
    """Count the database statements of every task of this process inside the block."""
    asked, engine = Asked(), db.engine.sync_engine

    def statement(_c: Any, _cursor: Any, text: str, *_more: Any) -> None:
        # SQLite's BEGIN arrives as a statement of its own, and counts as a begin.
        if not text.startswith("BEGIN"):
            asked.statements.append((text, _place()))

    def in_transaction(connection: Connection) -> bool:
        return connection.get_execution_options().get("gavekort_begin") != NO_BEGIN

    def begin(connection: Connection) -> None:
        asked.begins += in_transaction(connection)

    def commit(connection: Connection) -> None:
        asked.commits += in_transaction(connection)

    def rollback(connection: Connection) -> None:
        asked.rollbacks += in_transaction(connection)

    heard: dict[str, Callable[..., None]] = {
        "before_cursor_execute": statement,
        "begin": begin,
        "commit": commit,
        "rollback": rollback,
    }
    for name, hear in heard.items():
        event.listen(engine, name, hear)
    try:
        yield asked
    finally:
        for name, hear in heard.items():
            event.remove(engine, name, hear)
