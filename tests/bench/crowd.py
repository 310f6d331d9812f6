"""Clients that only hold connections open: half requests, and event sockets that say nothing.

`python -m tests.bench.crowd PORT HALF_REQUESTS SOCKETS`: prints a line once each has been opened,
goes on until its standard input ends, then prints how many were open at last. What the server
closes is opened again a second later.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import websockets

_HALF = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Never-Ends: "
_AGAIN_SECONDS = 1.0
_REPOSITORY = Path(__file__).resolve().parent.parent.parent


@contextlib.contextmanager
def crowd(port: int, half_requests: int, sockets: int) -> Iterator[list[dict[str, int]]]:
    """The crowd in a process of its own, so that it does not slow the measuring one down. What it
    yields has one entry afterwards: how many were open at last."""
    command = [sys.executable, "-m", "tests.bench.crowd", str(port), str(half_requests)]
    process = subprocess.Popen(
        [*command, str(sockets)], cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    counted: list[dict[str, int]] = []
    try:
        if not process.stdout.readline():
            raise RuntimeError("the crowd did not come")
        yield counted
        process.stdin.close()
        counted.append(json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait(10)


class _Crowd:
    def __init__(self, port: int, wanted: int) -> None:
        self._port = port
        self._wanted = wanted
        self._tried = 0
        self.all_came = asyncio.Event()
        self.requests = 0
        self.sockets = 0

    def _came(self) -> None:
        self._tried += 1
        if self._tried >= self._wanted:
            self.all_came.set()

    async def half_request(self) -> None:
        first = True
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(_HALF)
                self.requests += 1
                if first:
                    self._came()
                    first = False
                try:
                    while await reader.read(1000):
                        pass
                finally:
                    self.requests -= 1
                    writer.close()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def socket(self) -> None:
        address = f"ws://127.0.0.1:{self._port}/_event/?EIO=4&transport=websocket"
        first = True
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                async with websockets.connect(address, max_size=None) as socket:
                    await socket.send("40/_event,")
                    self.sockets += 1
                    if first:
                        self._came()
                        first = False
                    try:
                        async for message in socket:
                            # It answers as a browser does, so that it may stay.
                            if message == "2":
                                await socket.send("3")
                    finally:
                        self.sockets -= 1
            if first:
                self._came()
                first = False
            await asyncio.sleep(_AGAIN_SECONDS)


async def _come(port: int, half_requests: int, sockets: int) -> None:
    held = _Crowd(port, half_requests + sockets)
    waiting = [asyncio.create_task(held.half_request()) for _ in range(half_requests)]
    waiting += [asyncio.create_task(held.socket()) for _ in range(sockets)]
    await held.all_came.wait()
    print("all have been opened", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    told = {"half_requests": held.requests, "sockets": held.sockets}
    print(json.dumps(told), flush=True)
    for task in waiting:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(_come(*(int(text) for text in sys.argv[1:])))
