"""A checkout of the bench's own over a database of its own, and a provider that costs little."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from backend.accounts.clients import SCOPES, create_account, create_client
from backend.accounts.profiles import save_profile
from backend.core import context
from backend.core.db import migrate
from backend.core.settings import Settings
from tests.bench.running import REPOSITORY
from tests.support.card_gateway import free_port
from tests.support.checkout import ACCOUNT, profile
from tests.support.postgres import running_server
from tests.support.wide import WIDE

_SECRET_KEY = "a master secret of the bench, long enough"
_SECONDS_TO_START = 120
DATABASES = ("SQLite", "PostgreSQL")


@dataclass(frozen=True)
class Counts:
    """What the server has done since its start. `cpu`: seconds of its process."""

    statements: int
    begins: int
    commits: int
    cpu: float

    def since(self, before: Counts) -> Counts:
        return Counts(
            self.statements - before.statements,
            self.begins - before.begins,
            self.commits - before.commits,
            self.cpu - before.cpu,
        )


@dataclass(frozen=True)
class Counted:
    """A running checkout. `credentials`: identifier and secret of a client of `ACCOUNT`."""

    base_url: str
    counts_url: str
    credentials: tuple[str, str]

    def counts(self) -> Counts:
        answer = httpx.get(self.counts_url, timeout=30.0)
        answer.raise_for_status()
        return Counts(**answer.json())


@contextmanager
def counted_checkout(database: str) -> Iterator[Counted]:
    """Serve on `database`, one of `DATABASES`, until the end of the block."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gavekort-bench-")))
        url = f"sqlite:///{folder / 'gavekort.db'}"
        if database == "PostgreSQL":
            server = stack.enter_context(running_server(durable=True))
            url = stack.enter_context(server.database("bench"))
        gateway = free_port()
        stack.enter_context(_program(folder, "gateway", str(gateway)))
        migrate(url)
        credentials = asyncio.run(_create_merchant(url, f"http://127.0.0.1:{gateway}"))
        port, counts = free_port(), free_port()
        settings = {
            "SECRET_KEY": _SECRET_KEY,
            "DATABASE_URL": url,
            "BASE_URL": f"http://127.0.0.1:{port}",
            "ALLOW_INSECURE_ADDRESSES": "true",
            "LIMITS": json.dumps(WIDE),
        }
        log = stack.enter_context(
            _program(folder, "counted_server", str(port), str(counts), **settings)
        )
        base_url = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(base_url, log)
        yield Counted(base_url, f"http://127.0.0.1:{counts}", credentials)


@contextmanager
def _program(folder: Path, name: str, *arguments: str, **settings: str) -> Iterator[Path]:
    """Run `tests.bench.<name>`; its output goes to the file that is returned."""
    clean = {name: text for name, text in os.environ.items() if "GAVEKORT_" not in name}
    log = folder / f"{name}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.{name}", *arguments],
            cwd=REPOSITORY,
            env=clean | {f"GAVEKORT_{key}": text for key, text in settings.items()},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


async def _create_merchant(url: str, gateway_url: str) -> tuple[str, str]:
    settings = Settings.model_validate(
        {"secret_key": _SECRET_KEY, "database_url": url, "allow_insecure_addresses": True}
    )
    ctx = context.create(settings)
    try:
        await create_account(ctx, ACCOUNT, "Fjord & Form")
        made = await create_client(ctx, ACCOUNT, SCOPES)
        await save_profile(ctx, profile(gateway_url, "sk_test_bench"))
    finally:
        await ctx.close()
    return made.client_id, made.client_secret


def _wait_until_it_answers(base_url: str, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{base_url}/ping", timeout=5.0).status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the checkout did not start:\n{log.read_text(errors='replace')}")
