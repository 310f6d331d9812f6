"""Run `gavekort serve` in its own process, with a client of its event socket that sends good
frames, bad frames or none."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.checkout import ACCOUNT, close_merchant, open_merchant, session_body
from tests.support.waiting import until as wait_until
from tests.support.waiting import until_async

SECRET = "a master secret of the tests, long enough"
NOBODY = "http://127.0.0.1:9"
"""Where no provider listens."""
ROOT = "reflex___state____state"
CHECKOUT = f"{ROOT}.checkout_ui___state___checkout____checkout"
_HEAD = "42/_event,"
_SECONDS_TO_START = 120


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    base_url: str
    log: Path

    @property
    def socket_url(self) -> str:
        return self.base_url.replace("http", "ws", 1) + "/_event/"

    def log_lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()

    def busy(self) -> float:
        """Return the seconds of processor time that the event loop's thread has used so far."""
        pid = self.process.pid
        spent = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text(encoding="ascii")
        return int(spent.split()[0]) / 1e9

    def spent(self) -> float:
        """Return the seconds that the whole process has computed so far."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class ProviderHarness:
    """A merchant of a server, over HTTP."""

    def __init__(self, served: Served, client: tuple[str, str]) -> None:
        self.http = httpx.Client(base_url=served.base_url, timeout=60)
        answer = self.http.post(
            f"/v1/accounts/{ACCOUNT}/auth/token",
            auth=client,
            json={
                "grant_type": "client_credentials",
                "audience": f"{served.base_url}/v1/accounts/{ACCOUNT}",
            },
        )
        assert answer.status_code == 200, answer.text
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    def session(self) -> str:
        """Create a session and return its id."""
        answer = self.http.post("/v1/sessions-profile", json=session_body())
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def read(self, session_id: str) -> dict[str, Any]:
        """Return the session as the merchant sees it."""
        answer = self.http.get(f"/v1/sessions/{session_id}")
        assert answer.status_code == 200, answer.text
        session: dict[str, Any] = answer.json()
        return session

    def names(self, session_id: str) -> list[str]:
        """Of its events."""
        return [event["name"] for event in self.read(session_id)["events"]]


@dataclass(frozen=True)
class Place:
    served: Served
    till: ProviderHarness

    def counted(self) -> Callable[[str], bool]:
        """Tells whether the server has counted a reason since this object was made."""
        begins = len(self.served.log_lines())

        def has(reason: str) -> bool:
            lines = self.served.log_lines()[begins:]
            return any(re.search(rf"[:,] {re.escape(reason)} \d", line) for line in lines)

        return has


async def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for an effect of another process."""

    async def look() -> bool:
        return holds()

    await until_async(look, "what another process does", seconds=seconds)


async def new_client(database_url: str) -> tuple[str, str]:
    """Create an account with a profile in the database and return its client's credentials."""
    merchant = await open_merchant(database_url, NOBODY, "sk_test_nobody")
    await close_merchant(merchant)
    return merchant.client_id, merchant.client_secret


@contextmanager
def serve(repository: Path, database_url: str, log: Path, **settings: Any) -> Iterator[Served]:
    """`settings` uses the names of `Settings`. The process ends with the block, however the block
    ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "GAVEKORT_SECRET_KEY": SECRET,
        "GAVEKORT_DATABASE_URL": database_url,
        "GAVEKORT_BASE_URL": base_url,
        **{f"GAVEKORT_{name.upper()}": str(value) for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "backend.cli.main", "serve", "--port", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=repository, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(process, base_url, log)
        yield Served(process, base_url, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], base_url: str, log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        with suppress(httpx.HTTPError):
            return httpx.get(f"{base_url}/ping").status_code == 200
        return False

    wait_until(answers, f"the server answers, see {log}", seconds=_SECONDS_TO_START)


def address(path: str, **query: str) -> dict[str, Any]:
    """Return the location of a page, which the page repeats in each message."""
    return {"pathname": path, "asPath": path, "query": query}


class Client:
    """One socket. `state` maps each variable to the value that a session's page would show."""

    def __init__(self, socket: ClientConnection, path: str) -> None:
        self.socket = socket
        self.path = path
        self.state: dict[str, Any] = {}

    async def hello(self, **payload: Any) -> None:
        """Connect as a page does, and send the event that asks for its state."""
        event = self.event(f"{ROOT}.hydrate_and_load", payload)
        await self.socket.send(f"40/_event,{json.dumps({'event': event})}")

    def event(self, name: str, payload: object, **more: Any) -> dict[str, Any]:
        return {"name": name, "payload": payload, "router_data": address(self.path), **more}

    async def send(self, name: str, payload: object, **more: Any) -> None:
        event = self.event(name, payload, **more)
        await self.socket.send(_HEAD + json.dumps(["event", event]))

    async def until(self, name: str, value: object = None, seconds: float = 30) -> None:
        """Read until the state has `value` under `name`, or any value if `value` is None."""
        deadline = time.monotonic() + seconds
        while name not in self.state or value not in (None, self.state[name]):
            await self.read_one(deadline - time.monotonic())

    async def read_one(self, seconds: float) -> str:
        message = str(await asyncio.wait_for(self.socket.recv(), max(0.01, seconds)))
        if message == "2":
            await self.socket.send("3")
        elif message.startswith(_HEAD):
            packet = json.loads(message[len(_HEAD) :])
            if packet[0] == "event":
                delta = packet[1].get("delta") or {}
                for variables in (delta[name] for name in delta if name.startswith(CHECKOUT)):
                    for key, value in variables.items():
                        self.state[key.removesuffix("_rx_state_")] = value
        return message

    async def closed(self, seconds: float = 30) -> str:
        """Read until the server closes, and return all that arrived."""
        heard = ""
        deadline = time.monotonic() + seconds
        try:
            while True:
                heard += await self.read_one(deadline - time.monotonic())
        except ConnectionClosed:
            return heard


@asynccontextmanager
async def client(
    served: Served, path: str = "/v1/view/nobody", *, query: str | None = None, **more: Any
) -> AsyncIterator[Client]:
    """Open a socket on which only Engine.IO's greeting has been sent."""
    asked = query or f"token={uuid.uuid4()}&EIO=4&transport=websocket"
    options: dict[str, Any] = {"max_size": 2**22, "open_timeout": 30} | more
    async with connect(f"{served.socket_url}?{asked}", **options) as socket:
        greeting = str(await socket.recv())
        assert greeting.startswith("0{")
        yield Client(socket, path)
