"""The tests run each subcommand of `gavekort` as its own program."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli.main import main
from backend.core.settings import Settings
from backend.demo.seed import Connections, Gateway, Seed, seed_demo

_KEY = "k" * 40


def _run(
    repository: Path, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "GAVEKORT" not in name}
    return subprocess.run(
        [sys.executable, "-m", "backend.cli.main", *arguments],
        cwd=cwd or repository,
        env={**clean, "PYTHONPATH": str(repository), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
async def seeded_url(sqlite_url: str) -> str:
    """Return a database with the demo's cards in it."""
    settings = Settings(secret_key=_KEY, database_url=sqlite_url)
    gateway = Gateway("http://127.0.0.1:1", "sk_test_x", "whsec_x")
    await seed_demo(settings, Seed(), Connections(gateway), "http://127.0.0.1:2", lambda seed: None)
    return sqlite_url


def test_help_names_every_command(repository: Path) -> None:
    shown = _run(repository, "--help").stdout
    for name in ("demo", "serve", "sandbox", "shop", "migrate", "audit", "build"):
        assert f"\n    {name} " in shown


def test_migrate_needs_no_secret_and_may_run_again(
    repository: Path, bare_database_url: str
) -> None:
    for _ in range(2):
        done = _run(repository, "migrate", GAVEKORT_DATABASE_URL=bare_database_url)
        assert (done.returncode, done.stderr) == (0, "")


async def test_audit_is_quiet_where_nothing_was_lost(repository: Path, seeded_url: str) -> None:
    done = _run(repository, "audit", GAVEKORT_DATABASE_URL=seeded_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "every card and every transaction balances\n"


async def test_audit_names_a_card_whose_money_differs(repository: Path, seeded_url: str) -> None:
    path = seeded_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as database:
        # The row alone still balances. Only the entries show that nobody drew this amount.
        database.execute(
            "UPDATE card SET available = available - 1, drawn = drawn + 1"
            " WHERE card_id = 'demo-100'"
        )
        (card,) = database.execute("SELECT id FROM card WHERE card_id = 'demo-100'").fetchone()
    done = _run(repository, "audit", GAVEKORT_DATABASE_URL=seeded_url)
    assert done.returncode == 1
    assert f"{card}: available: expected 10000, found 9999" in done.stdout


def test_audit_of_no_database_does_not_make_one(repository: Path, tmp_path: Path) -> None:
    done = _run(repository, "audit", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert "there is no database" in done.stderr
    assert list(tmp_path.iterdir()) == []


NEEDS_A_DATABASE = (
    ("audit",), ("review",), ("parked",), ("serve",),
    ("account", "create", "T12345678", "Fjord & Form"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", NEEDS_A_DATABASE)
def test_a_database_that_will_not_do_is_told_from_one_that_is_wrong(
    repository: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Status 1 of `audit` means that money differs, and of `review` that something waits. A
    mistyped address or a forgotten `migrate` must not wake an operator with the same status."""
    url = f"sqlite:///{tmp_path / 'none' / 'x.db'}"
    done = _run(repository, *arguments, GAVEKORT_DATABASE_URL=url, GAVEKORT_SECRET_KEY=_KEY)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gavekort: there is no database ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("serve",), ("client", "create", "T12345678", "--scopes", "admin:checkout")]
)
async def test_another_installations_secret_is_refused(
    repository: Path, seeded_url: str, arguments: tuple[str, ...]
) -> None:
    """With a wrong secret we would find no gift card and ask no provider, and could not read new
    data after the correction."""
    done = _run(
        repository, *arguments, GAVEKORT_DATABASE_URL=seeded_url, GAVEKORT_SECRET_KEY="x" * 40
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "gavekort: GAVEKORT_SECRET_KEY is not the one this database was written with\n"
    )


def test_serve_without_a_secret_says_what_is_missing(repository: Path) -> None:
    done = _run(repository, "serve")
    assert done.returncode == 2
    assert "GAVEKORT_SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_short_secret_is_refused_and_not_shown(repository: Path) -> None:
    done = _run(repository, "serve", GAVEKORT_SECRET_KEY="hunter2")
    assert done.returncode == 2
    assert "at least 32 characters" in done.stderr
    assert "hunter2" not in done.stderr


def test_several_workers_need_redis(repository: Path) -> None:
    done = _run(repository, "serve", "--workers", "2", GAVEKORT_SECRET_KEY=_KEY)
    assert done.returncode == 2
    assert "GAVEKORT_REDIS_URL" in done.stderr


@pytest.mark.parametrize(("program", "option"), [("sandbox", "--data-dir"), ("shop", "--config")])
def test_the_other_programs_get_their_arguments_unread(
    repository: Path, program: str, option: str
) -> None:
    assert option in _run(repository, program, "--help").stdout
    assert _run(repository, program, "--no-such-option").returncode == 2


@pytest.mark.parametrize("hops", ["0", "1"])
def test_serve_warns_where_all_payers_look_like_one(
    repository: Path, built_frontend: Path, sqlite_url: str, hops: str
) -> None:
    """The warning is in the log at the start, before it listens. Here it cannot listen, and
    ends."""
    done = _run(
        repository,
        "serve",
        "--host",
        "203.0.113.1",
        "--port",
        "1",
        GAVEKORT_DATABASE_URL=sqlite_url,
        GAVEKORT_SECRET_KEY=_KEY,
        GAVEKORT_BASE_URL="https://checkout.example",
        GAVEKORT_TRUSTED_PROXY_HOPS=hops,
    )
    assert done.returncode != 0
    expected = 0 if hops == "1" else 2
    assert done.stderr.count("GAVEKORT_TRUSTED_PROXY_HOPS is 0") == expected
    assert done.stderr.count("gavekort: WARNING: ") == (1 if expected else 0)


def test_a_limit_that_cannot_be_is_refused(repository: Path, sqlite_url: str) -> None:
    done = _run(
        repository,
        "serve",
        GAVEKORT_DATABASE_URL=sqlite_url,
        GAVEKORT_SECRET_KEY=_KEY,
        GAVEKORT_LIMITS='{"sessions.clients": "5/60"}',
    )
    assert done.returncode == 2
    assert "GAVEKORT_LIMITS" in done.stderr
    assert "there is no limit 'sessions.clients'" in done.stderr


@pytest.mark.parametrize("command", ["demo", "sandbox", "shop"])
def test_where_the_sandbox_is_not_installed_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr("backend.cli.main.find_spec", lambda name: None)
    assert main([command]) == 2
    assert "the sandbox is not installed" in capsys.readouterr().err
