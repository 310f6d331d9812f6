"""Payers whose pages are open and who do nothing: event sockets in a process of their own.

`python -m tests.support.open_pages SOCKET_URL` reads a list of session ids (JSON) from its standard
input and opens the page of each. Once all of them show their session it prints a line. After that
it prints `SESSION_ID SECONDS STAGE LOCKED` for each change that a page shows. SECONDS are of the
monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from tests.support.event_socket import CHECKOUT, ROOT, address

_REPOSITORY = Path(__file__).resolve().parents[2]
_HEAD = "42/_event,"
_AT_ONCE = 20


@contextmanager
def open_pages(socket_url: str, sessions: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Open a page of each session in another process, so that the pages do not slow this one."""
    command = [sys.executable, "-m", "tests.support.open_pages", socket_url]
    process = subprocess.Popen(
        command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(list(sessions)) + "\n")
        process.stdin.flush()
        if process.stdout.readline().strip() != f"{len(sessions)} open":
            raise RuntimeError("the pages did not open")
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdin.close()
        process.stdout.close()


class _Page:
    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.shown: dict[str, Any] = {}

    async def stay(
        self, url: str, places: asyncio.Semaphore, opened: asyncio.Event, told: asyncio.Event
    ) -> None:
        path = f"/v1/view/{self.session_id}"
        boot = {
            "name": f"{ROOT}.hydrate_and_load",
            "payload": {},
            "router_data": address(path, session_id=self.session_id),
        }
        query = f"token={uuid.uuid4()}&EIO=4&transport=websocket"
        async with places:
            socket = await connect(
                f"{url}?{query}", compression=None, max_size=2**22, open_timeout=60, max_queue=4
            )
            await socket.recv()
            await socket.send(f"40/_event,{json.dumps({'event': boot})}")
            while self.shown.get("stage") in (None, "loading"):
                self._read(str(await socket.recv()))
        opened.set()
        async for message in socket:
            if message == "2":
                await socket.send("3")
            elif self._read(str(message)) and told.is_set():
                stage, locked = self.shown.get("stage"), self.shown.get("locked")
                print(self.session_id, time.monotonic(), stage, locked, flush=True)
        raise RuntimeError("the server has closed the page")

    def _read(self, message: str) -> bool:
        """Note what the page shows now; whether its version, stage or lock has changed."""
        if not message.startswith(_HEAD):
            return False
        kind, update = json.loads(message[len(_HEAD) :])
        before = dict(self.shown)
        if kind == "event":
            delta = update.get("delta") or {}
            for variables in (delta[name] for name in delta if name.startswith(CHECKOUT)):
                for key, value in variables.items():
                    name = key.removesuffix("_rx_state_")
                    if name in ("stage", "locked", "version"):
                        self.shown[name] = value
        return before != self.shown


async def _all(events: Sequence[asyncio.Event]) -> None:
    for one in events:
        await one.wait()


async def _run(url: str, sessions: list[str]) -> None:
    places, opened = asyncio.Semaphore(_AT_ONCE), [asyncio.Event() for _ in sessions]
    told = asyncio.Event()
    pages = [
        asyncio.create_task(_Page(session_id).stay(url, places, one, told))
        for session_id, one in zip(sessions, opened, strict=True)
    ]
    all_open = asyncio.ensure_future(_all(opened))
    await asyncio.wait([all_open, *pages], return_when=asyncio.FIRST_COMPLETED)
    if not all_open.done():
        await asyncio.gather(*pages)  # says why a page did not open
    print(f"{len(sessions)} open", flush=True)
    told.set()
    await asyncio.gather(*pages)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], json.loads(sys.stdin.readline())))
