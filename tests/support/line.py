"""The line between a browser and the checkout, on a socket that tests can cut and mend."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

_CHUNK = 65536
_EVENTS = b"GET /_event"


class Line:
    """Passes bytes on to `target`. A line that is `down` breaks at once and accepts nothing.
    Without `sockets` it refuses only the page's event socket, and HTTP continues. A line that
    `loses_answers` carries the browser's bytes and returns none."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None and parts.port is not None
        self._target = (parts.hostname, parts.port)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._events: set[asyncio.StreamWriter] = set()
        self._down = False
        self._sockets = True
        self._loses_answers = False
        self.url = ""

    def cut(self) -> None:
        self._down = True
        self._loop.call_soon_threadsafe(self._break, self._open)

    def lose_answers(self) -> None:
        self._loses_answers = True

    def mend(self) -> None:
        self._down, self._sockets, self._loses_answers = False, True, False

    def cut_sockets(self) -> None:
        self._sockets = False
        self._loop.call_soon_threadsafe(self._break, self._events)

    def _break(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in list(writers):
            writer.transport.abort()

    def of(self, session: dict[str, str]) -> dict[str, str]:
        """Return the session's address by way of this line."""
        return {**session, "url": self.url + urlsplit(session["url"]).path}

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"" if self._down else await reader.read(_CHUNK)
        is_event = head.startswith(_EVENTS)
        if self._down or not head or (is_event and not self._sockets):
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self._target)
        ends = {writer, back}
        self._open |= ends
        if is_event:
            self._events |= ends
        back.write(head)
        with contextlib.suppress(OSError):
            await asyncio.gather(
                _pass_on(reader, back), _pass_on(there, writer, lost=lambda: self._loses_answers)
            )
        self._open -= ends
        self._events -= ends

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve_forever()

    def _run(self, task: asyncio.Task[None]) -> None:
        self._loop.run_until_complete(task)
        self._loop.run_until_complete(_end_others())
        self._loop.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[Line]:
        ready = threading.Event()
        task = self._loop.create_task(self._serve(ready))
        thread = threading.Thread(target=self._run, args=(task,), daemon=True)
        thread.start()
        assert ready.wait(5)
        try:
            yield self
        finally:
            self.cut()
            self._loop.call_soon_threadsafe(task.cancel)
            thread.join(5)


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    lost: Callable[[], bool] = lambda: False,
) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            if lost():
                continue
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()


async def _end_others() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
