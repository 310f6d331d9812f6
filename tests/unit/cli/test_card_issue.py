"""`gavekort card issue` makes many cards and writes their matching numbers and PINs to the file."""

from __future__ import annotations

import asyncio
import csv
import stat
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from backend.accounts.clients import create_account
from backend.cards.lookup import find_number
from backend.cli.issue import AT_ONCE
from backend.cli.main import main
from backend.core import context
from backend.core.context import Backend
from backend.core.db import sync_url
from backend.core.settings import Settings
from backend.core.vault import PinMac
from backend.payments.views.audit import audit_everything

ACCOUNT = "T12345678"
COUNT = AT_ONCE + 20
"""More than one unit of work."""


@pytest.fixture(autouse=True)
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAVEKORT_DATABASE_URL", database_url)
    monkeypatch.setenv("GAVEKORT_SECRET_KEY", "a master secret of the tests, long enough")

    async def make(ctx: Backend) -> None:
        await create_account(ctx, ACCOUNT, "Fjord & Form")

    with_backend(make)


def with_backend(act: object) -> None:
    async def run() -> None:
        ctx = context.create(Settings())
        try:
            await act(ctx)  # type: ignore[operator]
        finally:
            await ctx.close()

    asyncio.run(run())


def issue(file: Path, count: int = COUNT, *more: str) -> int:
    arguments = ["card", "issue", ACCOUNT, "--count", str(count), "--amount", "25000"]
    arguments += ["--currency", "NOK", "--prefix", "spring-", "--file", str(file), *more]
    return main(arguments)


def rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.reader(opened))


def value(url: str, query: str) -> int:
    engine = create_engine(sync_url(url))
    with engine.connect() as connection:
        found = int(connection.execute(text(query)).scalar_one())
    engine.dispose()
    return found


async def _all_fit(ctx: Backend, file: Path) -> None:
    """Assert that every line of the file is a card with 250.00 NOK, that number and that PIN."""
    header, *lines = rows(file)
    assert header == ["card_id", "number", "pin"]
    assert len({number for _, number, _ in lines}) == len(lines)
    async with ctx.db.reading() as db:
        for card_id, number, pin in lines:
            assert (len(number), len(pin)) == (16, 4)
            match = await find_number(ctx, db, ACCOUNT, number)
            assert match is not None
            card = match.card
            assert (card.card_id, card.available, card.funds) == (card_id, 25000, 25000)
            kept = PinMac(card.pin_key or "", card.pin_hash or "")
            assert ctx.vault.pin_fits(card.id, pin, kept)
    assert await audit_everything(ctx.db) == []


def fits(file: Path, url: str, count: int) -> None:
    async def check(ctx: Backend) -> None:
        await _all_fit(ctx, file)

    assert len(rows(file)) == 1 + count
    with_backend(check)
    for table in ("card", "card_token", "wallet_transaction", "ledger_entry"):
        assert value(url, f"SELECT count(*) FROM {table}") == count  # noqa: S608


def test_every_card_of_the_file_exists_with_its_money(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cards.csv"
    assert issue(file) == 0
    assert capsys.readouterr().out == (
        f"{COUNT} cards are issued, 0 were before; numbers and PINs are in {file}\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    fits(file, database_url, COUNT)
    before = file.read_bytes()
    # The same command again does nothing. A larger count continues.
    assert issue(file) == 0
    assert file.read_bytes() == before
    assert issue(file, COUNT + 3) == 0
    assert file.read_bytes().startswith(before)
    fits(file, database_url, COUNT + 3)


@pytest.mark.parametrize("cut", [0, 7], ids=["whole lines", "a line cut off"])
def test_after_a_crash_lines_without_a_card_are_made_anew(
    tmp_path: Path, database_url: str, cut: int
) -> None:
    """The file is written before the cards. A crash in between leaves lines without a card."""
    file = tmp_path / "cards.csv"
    assert issue(file, 10) == 0
    before = file.read_bytes()
    lost = b"spring-00000011,1111222233334444,1234\r\nspring-00000012,5555666677778888,4321\r\n"
    file.write_bytes(before + lost[: len(lost) - cut])
    assert issue(file, 12) == 0
    assert file.read_bytes().startswith(before)
    assert b"1111222233334444" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    fits(file, database_url, 12)


def test_another_file_issues_no_card_twice(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert issue(tmp_path / "one.csv", 5) == 0
    assert issue(tmp_path / "two.csv", 5) == 2
    assert "card_id 'spring-00000001' exists already" in capsys.readouterr().err
    assert rows(tmp_path / "two.csv") == [["card_id", "number", "pin"]]
    fits(tmp_path / "one.csv", database_url, 5)


def test_a_file_of_something_else_stays_as_it_is(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Kari,\n")
    assert issue(file, 5) == 2
    assert "is not a file of this command" in capsys.readouterr().err
    assert file.read_text() == "Dear Kari,\n"
    assert value(database_url, "SELECT count(*) FROM card") == 0


def test_short_numbers_are_all_different(tmp_path: Path, database_url: str) -> None:
    file = tmp_path / "cards.csv"
    assert issue(file, 300, "--number-length", "8", "--pin-length", "6") == 0
    numbers = [number for _, number, _ in rows(file)[1:]]
    assert len(set(numbers)) == 300
    assert {len(number) for number in numbers} == {8}
    assert {len(pin) for *_, pin in rows(file)[1:]} == {6}
