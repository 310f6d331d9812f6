"""Guesses reach two processes over one database at the same time. Together they have one budget."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.checkout import Merchant, close_merchant, open_merchant
from tests.support.pins import counters


@pytest.fixture
async def merchant(database_url: str) -> AsyncIterator[Merchant]:
    merchant = await open_merchant(database_url, "http://127.0.0.1:1", "sk_test_x")
    yield merchant
    await close_merchant(merchant)


def _start(repository: Path, command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=repository, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@pytest.mark.parametrize(
    ("sources", "looked_at"),
    [
        (lambda process, place: f"203.0.{process}.{place}", 50),
        (lambda _process, _place: "203.0.113.7", 10),
    ],
    ids=["each from its own address", "all from one address"],
)
async def test_two_processes_have_one_budget(
    merchant: Merchant,
    database_url: str,
    repository: Path,
    sources: Callable[[int, int], str],
    looked_at: int,
) -> None:
    card = await merchant.card()
    first = (int(card["pin"]) + 1) % 10000
    programs = []
    for process in range(2):
        addresses = [sources(process, place) for place in range(40)]
        command = [
            sys.executable,
            "-m",
            "tests.support.pin_guesser",
            database_url,
            card["number"],
            str(first + 40 * process),
            *addresses,
        ]
        programs.append(_start(repository, command))
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    answers: Counter[str] = Counter()
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()
    for program in programs:
        text, _ = program.communicate(timeout=120)
        assert program.returncode == 0
        answers.update(json.loads(text))
    assert answers == {"not_matched": looked_at, "too_many_tries": 80 - looked_at}
    rows = await counters(merchant)
    assert next(row.life for scope, row in rows.items() if scope.startswith("card:")) == looked_at
