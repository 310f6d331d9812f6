"""The shop's own books: orders, the last action on each, and the callbacks that arrived.

They are in one SQLite file, with a short connection for each piece of work. Times are ISO 8601 in
UTC.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    reference TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    product TEXT NOT NULL,
    preset_card_id TEXT,
    with_shipping INTEGER NOT NULL,
    language TEXT NOT NULL,
    embedded INTEGER NOT NULL,
    session_id TEXT,
    checkout_url TEXT,
    transaction_id TEXT,
    last_action TEXT
);
CREATE TABLE IF NOT EXISTS callbacks (
    key TEXT PRIMARY KEY,
    merchant_reference TEXT NOT NULL,
    method TEXT NOT NULL,
    parameters TEXT NOT NULL,
    first_at TEXT NOT NULL,
    times INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS callbacks_reference ON callbacks (merchant_reference);
CREATE TABLE IF NOT EXISTS forms (
    form_id TEXT PRIMARY KEY,
    used_at TEXT NOT NULL
);
"""


DISPLAYS = ("page", "here", "window")
"""On a page of its own, in a frame on the shop's page, or in a window that the frame opens. The
books store the position in this tuple."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the visitor chose on the product's page."""

    product: str
    preset_card_id: str | None
    with_shipping: bool
    language: str
    display: str
    """How the checkout is shown: one of DISPLAYS."""


@dataclass(frozen=True, slots=True)
class Action:
    """The last action on an order. `error` is empty if it worked. `amount` is in minor units."""

    name: str
    amount: int | None
    error: str
    details: tuple[str, ...]
    at: str


@dataclass(frozen=True, slots=True)
class Order:
    reference: str
    created_at: str
    choices: Choices
    session_id: str | None
    checkout_url: str | None
    transaction_id: str | None
    last_action: Action | None


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback. `parameters` are in the order in which they came, including repeated ones.
    `times` above 1 means that it was repeated."""

    merchant_reference: str
    method: str
    parameters: tuple[tuple[str, str], ...]
    first_at: str
    times: int

    @property
    def event(self) -> str:
        return dict(self.parameters).get("event", "")


class Orders:
    """The books in `data_dir/shop.db`."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = data_dir / "shop.db"
        with self._work() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA)

    def open(self, choices: Choices) -> Order:
        """Open a new order, under a reference that cannot be guessed, because its page has no other
        lock."""
        reference = f"FF-{secrets.token_hex(6).upper()}"
        with self._work() as db:
            db.execute(
                "INSERT INTO orders (reference, created_at, product, preset_card_id,"
                " with_shipping, language, embedded) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    reference,
                    _now(),
                    choices.product,
                    choices.preset_card_id,
                    choices.with_shipping,
                    choices.language,
                    DISPLAYS.index(choices.display),
                ),
            )
        order = self.find(reference)
        assert order is not None
        return order

    def find(self, reference: str) -> Order | None:
        with self._work() as db:
            row = db.execute("SELECT * FROM orders WHERE reference = ?", (reference,)).fetchone()
        return None if row is None else _order(row)

    def latest(self, limit: int) -> list[Order]:
        with self._work() as db:
            rows = db.execute(
                "SELECT * FROM orders ORDER BY created_at DESC, rowid DESC LIMIT ?", (limit,)
            ).fetchall()
        return [_order(row) for row in rows]

    def keep_session(self, reference: str, session_id: str, checkout_url: str) -> None:
        with self._work() as db:
            db.execute(
                "UPDATE orders SET session_id = ?, checkout_url = ? WHERE reference = ?",
                (session_id, checkout_url, reference),
            )

    def keep_display(self, reference: str, display: str) -> None:
        with self._work() as db:
            db.execute(
                "UPDATE orders SET embedded = ? WHERE reference = ?",
                (DISPLAYS.index(display), reference),
            )

    def keep_transaction(self, reference: str, transaction_id: str) -> None:
        with self._work() as db:
            db.execute(
                "UPDATE orders SET transaction_id = ? WHERE reference = ?",
                (transaction_id, reference),
            )

    def keep_action(
        self,
        reference: str,
        name: str,
        amount: int | None = None,
        error: str = "",
        details: Sequence[str] = (),
    ) -> None:
        action = {
            "name": name,
            "amount": amount,
            "error": error,
            "details": list(details),
            "at": _now(),
        }
        with self._work() as db:
            db.execute(
                "UPDATE orders SET last_action = ? WHERE reference = ?",
                (json.dumps(action), reference),
            )

    def use_form(self, form_id: str) -> bool:
        """Return True the first time that a form's id comes. A double click must not capture
        twice."""
        with self._work() as db:
            cursor = db.execute(
                "INSERT INTO forms (form_id, used_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (form_id, _now()),
            )
            return cursor.rowcount == 1

    def keep_callback(self, method: str, parameters: Sequence[tuple[str, str]]) -> None:
        """Keep a callback. A repeated one is only counted."""
        with self._work() as db:
            db.execute(
                "INSERT INTO callbacks (key, merchant_reference, method, parameters, first_at,"
                " times) VALUES (?, ?, ?, ?, ?, 1)"
                " ON CONFLICT (key) DO UPDATE SET times = times + 1",
                (
                    _callback_key(parameters),
                    dict(parameters).get("merchant_reference", ""),
                    method,
                    json.dumps(list(parameters)),
                    _now(),
                ),
            )

    def callbacks(self, merchant_reference: str) -> list[Callback]:
        """List the callbacks, oldest first."""
        with self._work() as db:
            rows = db.execute(
                "SELECT * FROM callbacks WHERE merchant_reference = ? ORDER BY first_at, rowid",
                (merchant_reference,),
            ).fetchall()
        return [
            Callback(
                merchant_reference=row["merchant_reference"],
                method=row["method"],
                parameters=tuple((name, value) for name, value in json.loads(row["parameters"])),
                first_at=row["first_at"],
                times=row["times"],
            )
            for row in rows
        ]

    @contextmanager
    def _work(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=10)
        db.row_factory = sqlite3.Row
        try:
            with db:
                yield db
        finally:
            db.close()


def _callback_key(parameters: Sequence[tuple[str, str]]) -> str:
    """Return what identifies a callback. `time` tells events apart only if they have no id, because
    a repeat may have another time."""
    given = dict(parameters)
    names = ["transaction_id", "session_id", "sid", "merchant_reference", "error", "event"]
    names.append("event_id" if "event_id" in given or "event" not in given else "time")
    text = json.dumps([given.get(name, "") for name in names])
    return hashlib.sha256(text.encode()).hexdigest()


def _order(row: sqlite3.Row) -> Order:
    last: dict[str, Any] | None = json.loads(row["last_action"]) if row["last_action"] else None
    return Order(
        reference=row["reference"],
        created_at=row["created_at"],
        choices=Choices(
            product=row["product"],
            preset_card_id=row["preset_card_id"],
            with_shipping=bool(row["with_shipping"]),
            language=row["language"],
            display=DISPLAYS[row["embedded"]],
        ),
        session_id=row["session_id"],
        checkout_url=row["checkout_url"],
        transaction_id=row["transaction_id"],
        last_action=None if last is None else Action(**{**last, "details": tuple(last["details"])}),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
