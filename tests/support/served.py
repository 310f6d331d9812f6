"""Run `gavekort serve` over a new database with one merchant. A client writes bytes to its socket
as no well-behaved client would."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from backend.accounts.clients import SCOPES, create_account, create_client
from backend.accounts.profiles import save_profile
from backend.core import context
from backend.core.db import migrate
from backend.core.settings import Settings
from tests.support.card_gateway import free_port
from tests.support.checkout import ACCOUNT, profile, session_body
from tests.support.waiting import until

SECRET_KEY = "a master secret of the tests, long enough"
_NOBODY = "http://127.0.0.1:9"
_SECONDS_TO_START = 120
_PATIENCE = 60
"""How long a test waits before it says that nothing came, in seconds."""


@dataclass(frozen=True)
class Answer:
    """What arrived on a socket. `closed` tells whether the server then ended the connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool


@dataclass
class Served:
    port: int
    log: Path
    credentials: tuple[str, str]
    process: subprocess.Popen[bytes]
    http: httpx.Client = field(repr=False)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def session(self, **more: Any) -> str:
        """Create a session and return its id."""
        answer = self.http.post("/v1/sessions-profile", json=session_body(**more))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE)

    def send(self, raw: bytes) -> Answer:
        """Write `raw` at once and read one answer."""
        with self.connect() as client:
            client.sendall(raw)
            return read_answer(client)

    def is_well(self) -> bool:
        """Return whether the server still answers an honest client."""
        return httpx.get(f"{self.base_url}/ping", timeout=_PATIENCE).status_code == 200

    def told(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def read_answer(client: socket.socket) -> Answer:
    """Read until the connection ends, or until the body is whole."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = _receive(client)
        if not part:
            return Answer(0, {}, received, True)
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    wanted = int(headers.get("content-length", "0"))
    while len(body) < wanted:
        part = _receive(client)
        if not part:
            break
        body += part
    ended = headers.get("connection") == "close" and _receive(client) == b""
    return Answer(int(lines[0].split(" ")[1]), headers, body, ended)


def _receive(client: socket.socket) -> bytes:
    with contextlib.suppress(ConnectionResetError):
        return client.recv(65536)
    return b""


def ended(client: socket.socket) -> bool:
    """Wait until the server ends the connection."""
    with contextlib.suppress(ConnectionResetError):
        while client.recv(65536):
            pass
    return True


@contextlib.contextmanager
def serving(
    repository: Path, folder: Path, *, files: int | None = None, **environment: str
) -> Iterator[Served]:
    """`environment` holds settings without `GAVEKORT_`, in upper or lower case. `files` is the
    program's hard limit of file descriptors."""
    url = f"sqlite:///{folder / 'gavekort.db'}"
    port = free_port()
    migrate(url)
    credentials = asyncio.run(_create_merchant(url))
    settings = {
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": url,
        "BASE_URL": f"http://127.0.0.1:{port}",
        **{name.upper(): value for name, value in environment.items()},
    }
    clean = {name: text for name, text in os.environ.items() if "GAVEKORT_" not in name}
    log = folder / "served.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli.main", "serve", "--port", str(port)],
            cwd=repository,
            env=clean | {f"GAVEKORT_{name}": text for name, text in settings.items()},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    if files is not None:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (files, files))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE) as http:
            served = Served(port, log, credentials, process, http)
            _wait_until_it_answers(served)
            _sign_in(served)
            yield served
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


async def _create_merchant(url: str) -> tuple[str, str]:
    ctx = context.create(Settings(secret_key=SECRET_KEY, database_url=url))
    await create_account(ctx, ACCOUNT, "Fjord & Form")
    made = await create_client(ctx, ACCOUNT, SCOPES)
    await save_profile(ctx, profile(_NOBODY, "sk_test_nobody"))
    await ctx.close()
    return made.client_id, made.client_secret


def _wait_until_it_answers(served: Served) -> None:
    def answers() -> bool:
        assert served.process.poll() is None, served.told()
        with contextlib.suppress(httpx.TransportError):
            return served.http.get("/ping").status_code == 200
        return False

    until(answers, "the checkout answers", seconds=_SECONDS_TO_START)


def _sign_in(served: Served) -> None:
    answer = served.http.post(
        f"/v1/accounts/{ACCOUNT}/auth/token",
        auth=served.credentials,
        json={
            "grant_type": "client_credentials",
            "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
        },
    )
    assert answer.status_code == 200, answer.text
    served.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
