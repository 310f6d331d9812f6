"""The storage of a sandbox provider: one SQLite file, objects as JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    merchant TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT,
    due_at INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, merchant, seq);
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (parent);
CREATE INDEX IF NOT EXISTS objects_due ON objects (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS idempotency (
    merchant TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (merchant, key)
);
CREATE TABLE IF NOT EXISTS sendings (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    event TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at REAL,
    last_status TEXT,
    forged INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS sendings_due ON sendings (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """A stored answer to an idempotency key."""

    fingerprint: str
    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint. With `forged` its signature is wrong on purpose."""

    seq: int
    endpoint: str
    event: str
    tries: int
    forged: bool = False


class Storage:
    """Storage that only the event loop's thread uses. Every call is short."""

    def __init__(self, data_dir: Path, name: str) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        path = data_dir / f"{name}.sqlite3"
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        # It is test money: a killed process loses nothing, but a power cut may lose the last
        # moments.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make a transaction. It is not nested, and never lasts across an await."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def put(
        self, merchant: str, body: Json, *, parent: str | None = None, due_at: int | None = None
    ) -> None:
        """Insert or replace an object. `due_at` (Unix seconds) is when the clock must look at
        it."""
        self._db.execute(
            "INSERT INTO objects (id, merchant, kind, parent, due_at, body)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " due_at = excluded.due_at, body = excluded.body,"
            " parent = COALESCE(excluded.parent, parent)",
            (body["id"], merchant, body["object"], parent, due_at, json.dumps(body)),
        )

    def get(self, merchant: str, kind: str, object_id: str) -> Json | None:
        row = self._db.execute(
            "SELECT body FROM objects WHERE id = ? AND merchant = ? AND kind = ?",
            (object_id, merchant, kind),
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def find(self, kind: str, object_id: str) -> tuple[str, Json] | None:
        """Return (merchant, object) of any merchant, for the hosted page, whose address is the
        key."""
        row = self._db.execute(
            "SELECT merchant, body FROM objects WHERE id = ? AND kind = ?", (object_id, kind)
        ).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def find_child(self, kind: str, parent: str) -> tuple[str, Json] | None:
        """Return the object with this parent, for a page whose address is another key than the
        object's id."""
        row = self._db.execute(
            "SELECT merchant, body FROM objects WHERE parent = ? AND kind = ? LIMIT 1",
            (parent, kind),
        ).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def delete(self, object_id: str) -> None:
        self._db.execute("DELETE FROM objects WHERE id = ?", (object_id,))

    def newest(
        self, merchant: str, kind: str, *, parent: str | None, after: str | None, limit: int
    ) -> list[Json]:
        """List objects, newest first, from the one after `after`."""
        rows = self._db.execute(
            "SELECT body FROM objects WHERE kind = ? AND merchant = ?"
            " AND (? IS NULL OR parent = ?)"
            " AND (? IS NULL OR seq < (SELECT seq FROM objects WHERE id = ?))"
            " ORDER BY seq DESC LIMIT ?",
            (kind, merchant, parent, parent, after, after, limit),
        ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def all(self, kind: str) -> list[tuple[str, Json]]:
        """List (merchant, object) of every merchant, oldest first."""
        rows = self._db.execute(
            "SELECT merchant, body FROM objects WHERE kind = ? ORDER BY seq", (kind,)
        ).fetchall()
        return [(row[0], json.loads(row[1])) for row in rows]

    def due(self, now: int) -> list[tuple[str, Json]]:
        rows = self._db.execute(
            "SELECT merchant, body FROM objects WHERE due_at IS NOT NULL AND due_at <= ?"
            " ORDER BY due_at",
            (now,),
        ).fetchall()
        return [(row[0], json.loads(row[1])) for row in rows]

    def replay(self, merchant: str, key: str, since: int) -> Replay | None:
        row = self._db.execute(
            "SELECT fingerprint, status, body FROM idempotency"
            " WHERE merchant = ? AND key = ? AND created >= ?",
            (merchant, key, since),
        ).fetchone()
        return None if row is None else Replay(*row)

    def remember(self, merchant: str, key: str, answer: Replay, now: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            (merchant, key, answer.fingerprint, answer.status, answer.body, now),
        )

    def schedule(
        self, endpoint: str, event: str, due_at: float, *, forged: bool = False, held: bool = False
    ) -> None:
        """Schedule a delivery. `held` waits until `due_at`, or until a later one has been tried."""
        self._db.execute(
            "INSERT INTO sendings (endpoint, event, due_at, forged, held) VALUES (?, ?, ?, ?, ?)",
            (endpoint, event, due_at, forged, held),
        )

    def due_deliveries(self, now: float) -> list[Delivery]:
        rows = self._db.execute(
            "SELECT seq, endpoint, event, tries, forged FROM sendings"
            " WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at, seq LIMIT 100",
            (now,),
        ).fetchall()
        return [Delivery(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]

    def has_failed_before(self, delivery: Delivery) -> bool:
        """Return whether an earlier event of the same parent was turned away by this endpoint, and
        has not arrived since."""
        row = self._db.execute(
            "SELECT 1 FROM sendings JOIN objects ON objects.id = sendings.event"
            " WHERE sendings.endpoint = ? AND sendings.seq < ? AND sendings.due_at IS NOT NULL"
            " AND sendings.tries > 0 AND sendings.event <> ?"
            " AND objects.parent = (SELECT parent FROM objects WHERE id = ?) LIMIT 1",
            (delivery.endpoint, delivery.seq, delivery.event, delivery.event),
        ).fetchone()
        return row is not None

    def postpone(self, delivery: Delivery, due_at: float) -> None:
        self._db.execute("UPDATE sendings SET due_at = ? WHERE seq = ?", (due_at, delivery.seq))

    def tried(self, delivery: Delivery, status: str, next_due_at: float | None) -> None:
        self._db.execute(
            "UPDATE sendings SET tries = tries + 1, last_status = ?, due_at = ?, held = 0"
            " WHERE seq = ?",
            (status, next_due_at, delivery.seq),
        )
        self._db.execute(
            "UPDATE sendings SET held = 0, due_at = 0"
            " WHERE held = 1 AND due_at IS NOT NULL AND seq < ?",
            (delivery.seq,),
        )

    def deliveries_of(self, event: str) -> list[Json]:
        rows = self._db.execute(
            "SELECT endpoint, tries, last_status, due_at IS NOT NULL FROM sendings"
            " WHERE event = ? ORDER BY seq",
            (event,),
        ).fetchall()
        names = ("endpoint", "tries", "last_status", "pending")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def setting(self, name: str) -> Any | None:
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_setting(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))
