"""What a unit of work has written that others wait for.

A table whose rows somebody waits for is `Signalling`. Every unit of work collects the
signals of the rows that it writes, so that no service has to think of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.orm import Session as OrmSession
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

OPTION = "gavekort_signals"
"""Execution option of a statement that changes rows without loading them: its signals. Without the
option such a statement signals that any row of its table may have changed."""
_WRITTEN = "gavekort.written"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something was written. `topic` is the table or the kind of work.

    `key` tells which row has changed (`key_of` its id); None for any row. `due` is the moment from
    which on a row is due, in seconds since 1970; None where nothing is due."""

    topic: str
    key: str | None = None
    due: float | None = None


class Signalling:
    """A row for which somebody waits."""

    @classmethod
    def topic(cls) -> str:
        """Return the topic of its signals: the name of the table."""
        return str(getattr(cls, "__tablename__"))  # noqa: B009  # only tables have one

    def signals(self, *, new: bool) -> Iterable[Signal]:
        """Return what to tell after this row was written. `new`: it was inserted."""
        raise NotImplementedError


class NotingSession(Session):
    """A session that collects the signals of what it writes."""


def key_of(row_id: str) -> str:
    """Return what stands for a row in signals. The id of a session is its payer's key, so it stays
    out of what other programs can listen to."""
    return hashlib.blake2b(row_id.encode(), digest_size=9).hexdigest()


def due_signal(topic: str, due_at: datetime, claimed_until: datetime | None) -> Signal:
    """Return the signal of a row that is due at `due_at`, and not before its claim has ended."""
    moment = due_at if claimed_until is None else max(due_at, claimed_until)
    return Signal(topic, due=moment.timestamp())


def signals_of(session: AsyncSession) -> set[Signal]:
    """Take the signals of what the session has written so far."""
    found: set[Signal] = session.sync_session.info.pop(_WRITTEN, set())
    return found


def _note(session: OrmSession, signals: Iterable[Signal]) -> None:
    session.info.setdefault(_WRITTEN, set()).update(signals)


@event.listens_for(NotingSession, "after_flush")
def _flushed(session: OrmSession, _context: Any) -> None:
    for row in session.new:
        if isinstance(row, Signalling):
            _note(session, row.signals(new=True))
    for row in session.dirty:
        if isinstance(row, Signalling) and session.is_modified(row):
            _note(session, row.signals(new=False))


@event.listens_for(NotingSession, "do_orm_execute")
def _executed(state: ORMExecuteState) -> None:
    if not (state.is_update or state.is_insert or state.is_delete):
        return
    given = state.execution_options.get(OPTION)
    if given is not None:
        _note(state.session, given)
        return
    mapper = state.bind_mapper
    if mapper is not None and issubclass(mapper.class_, Signalling):
        _note(state.session, [Signal(mapper.class_.topic())])
