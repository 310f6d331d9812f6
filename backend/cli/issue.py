"""`gavekort card issue`: many gift cards at once, with their numbers and PINs in a file.

The file is written before the cards are, so that no card exists whose number nobody knows. After a
crash, or with a larger count, the same command continues where it ended.
"""

from __future__ import annotations

import argparse
import csv
import getpass
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from backend.accounts.tables import Account
from backend.cards.formats import MAX_LENGTH, MIN_NUMBER_LENGTH, MIN_PIN_LENGTH, Format
from backend.cards.issue import CardOrder, DrawnCard, draw, write
from backend.cards.tokens import given_out
from backend.cli.accounts import run_with_backend
from backend.core.context import Backend
from backend.core.errors import InvalidRequest, NotFound

AT_ONCE = 500
"""How many cards one unit of work writes."""
_HEADER = ("card_id", "number", "pin")
_CURRENCIES = ("NOK", "SEK", "DKK", "EUR", "USD")
_MOST = 10**12


def register(verbs: Any) -> None:
    """Add the verb to `gavekort card`."""
    parser = verbs.add_parser(
        "issue",
        help="issue many cards; their numbers and PINs go to a file",
        description="The file gets one line for each card: its id, number and PIN. Only its owner "
        "can read it. The same command with the same file goes on after a crash.",
    )
    parser.add_argument("account")
    parser.add_argument("--count", type=_from(1, _MOST), required=True, help="how many in all")
    parser.add_argument("--amount", type=_from(1, _MOST), required=True, help="minor units on each")
    parser.add_argument("--currency", choices=_CURRENCIES, required=True)
    parser.add_argument("--prefix", required=True, help="the ids are this and a running number")
    parser.add_argument("--file", type=Path, required=True, help="where numbers and PINs go (CSV)")
    number, pin = _from(MIN_NUMBER_LENGTH, MAX_LENGTH), _from(MIN_PIN_LENGTH, MAX_LENGTH)
    parser.add_argument("--number-length", type=number, default=16, help="digits (16)")
    parser.add_argument("--pin-length", type=pin, default=4, help="digits (4)")
    parser.add_argument("--by", default=None, help="who; the user of this machine without it")
    parser.set_defaults(run=lambda options: run_with_backend(_issue, options))


def _from(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least} to {most}")
        return value

    return number


async def _issue(ctx: Backend, options: argparse.Namespace) -> list[str]:
    async with ctx.db.reading() as db:
        if await db.get(Account, options.account) is None:
            raise NotFound(f"there is no account {options.account}")
    path: Path = options.file
    before = await _keep_issued(ctx, options.account, path)
    missing = (order for order in _orders(options) if order.card_id not in before)
    issued = 0
    with _opened(path) as file:
        while portion := list(islice(missing, AT_ONCE)):
            drawn = await draw(ctx, portion)
            _append(file, drawn)
            await write(ctx, drawn)
            issued += len(drawn)
    return [f"{issued} cards are issued, {len(before)} were before; numbers and PINs are in {path}"]


def _orders(options: argparse.Namespace) -> Iterator[CardOrder]:
    by = options.by or f"command:{getpass.getuser()}"
    for number in range(1, options.count + 1):
        yield CardOrder(
            account_id=options.account,
            card_id=f"{options.prefix}{number:08}",
            amount=options.amount,
            currency=options.currency,
            created_by=by[:255],
            pin_format=Format(options.pin_length),
            number_format=Format(options.number_length),
        )


async def _keep_issued(ctx: Backend, account_id: str, path: Path) -> set[str]:
    """Return the ids in the file whose cards exist. Lines of cards that were never written are
    removed, because their numbers are of no use."""
    rows = _rows(path)
    whole = [row for row in rows[1:] if len(row) == len(_HEADER)]
    kept: list[list[str]] = []
    for start in range(0, len(whole), AT_ONCE):
        some = whole[start : start + AT_ONCE]
        known = await given_out(ctx, account_id, [number for _, number, _ in some])
        kept += [row for row in some if row[1] in known]
    if len(kept) < len(rows) - 1:
        _replace(path, kept)
    return {card_id for card_id, _, _ in kept}


def _rows(path: Path) -> list[list[str]]:
    """Return the lines of the file, including the header; none if there is no file. InvalidRequest
    for a file with other content."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if rows and tuple(rows[0]) != _HEADER:
        raise InvalidRequest(f"{path} is not a file of this command")
    return rows


def _replace(path: Path, rows: Sequence[Sequence[str]]) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with _opened(temporary) as file:
        csv.writer(file).writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _opened(path: Path) -> TextIO:
    """Open a file to write at its end, for its owner alone. A new file begins with the header."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    file = os.fdopen(descriptor, "a", encoding="utf-8", newline="")
    if os.fstat(descriptor).st_size == 0:
        csv.writer(file).writerow(_HEADER)
    return file


def _append(file: TextIO, drawn: Sequence[DrawnCard]) -> None:
    csv.writer(file).writerows((one.order.card_id, one.number, one.pin) for one in drawn)
    file.flush()
    os.fsync(file.fileno())
