"""Every part of `make bench` runs, and prints its figures. The figures are not judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import PARTS

PRINTS = {
    "page": ("first paint", "form works", "JavaScript"),
    "slow-clients": ("usable, alone", "usable, beside them", "ratio"),
    "sessions": ("1 at once", "32 at once"),
    "payments": ("32 at once", "  whole payment", "  statements a payment"),
    "page-events": ("1 at once", "8 at once"),
    "batch": ("cards a second",),
    "hot-card": (
        "plain transfers",
        "drawdowns",
        "drawdowns / plain transfers",
        "drawdowns by API",
        "answers by API",
    ),
    "growth": (
        "sessions?limit=100",
        "the payer's page",
        "slowest p95",
        "seconds per million entries",
        "memory at most",
    ),
    "idle": ("at rest", "3 open pages", "  until a change is shown"),
    "card-check": ("alone", "beside the flood", "beside the flood / alone, p50"),
}


def test_every_part_is_tried() -> None:
    assert set(PRINTS) == set(PARTS)


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", PARTS)
def test_it_runs(repository: Path, built_frontend: Path, chromium_path: str, part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--only", part, "--smoke"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for figure in PRINTS[part]:
        assert re.search(rf"^  {re.escape(figure)} +\S*\d", done.stdout, re.MULTILINE), done.stdout


def test_the_ways_are_followed(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.ways", "--list"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for request in ("gift card added", "Pay", "return from the provider", "capture"):
        assert re.search(rf"^\| {request} \| \d+ \| \d+ \|$", done.stdout, re.MULTILINE)
    # Pay holds the card's share and asks the provider.
    pay = done.stdout.partition("| Pay |")[2].partition("\n| ")[0]
    assert "backend/cards/ledger.py" in pay
    assert "backend/psp/registry.py" in pay
