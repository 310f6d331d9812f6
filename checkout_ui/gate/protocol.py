"""The server's WebSocket protocol, with limits on how much one client can make it keep.

uvicorn reads a quarter of a megabyte at once. That may be thousands of small messages, or a few
that are compressed a thousandfold. It answers pings into a buffer without a limit, and it waits for
ever for a client that never reads the end of what was sent.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_SLICE = 2048
"""Bytes that are unpacked at once. If they are compressed a thousandfold, that is two megabytes."""
_MAX_WAITING = 256 * 1024
"""Characters or bytes of the messages that wait. One message may be a quarter of this."""
_MAX_MESSAGES = 256
_MAX_PIECES = 64
"""The largest number of pieces of one message."""
_MAX_UNSENT = 1024 * 1024
"""Bytes that the client has not taken."""
_LAST_SECONDS = 3.0
"""How long the client may take to read the end of what was sent."""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._waiting = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # The whole head is here already. A client that has not begun by then would never begin.
        self.loop.call_later(_LAST_SECONDS, self._end_unless_begun)

    def _end_unless_begun(self) -> None:
        if not self.handshake_initiated:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + _SLICE])
            if self._is_too_much():
                self.transport.abort()
                return

    def send_receive_event_to_app(self) -> None:
        self._waiting += sum(len(piece) for piece in self.frames)
        super().send_receive_event_to_app()

    async def receive(self) -> Any:
        message = await super().receive()
        if message["type"] == "websocket.receive":
            written, data = message.get("text"), message.get("bytes")
            self._waiting -= len((written.encode() if written is not None else data) or b"")
        return message

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # Otherwise uvicorn logs an error of the application for each refusal.
            self.handshake_complete = True

    async def run_asgi(self) -> None:
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(_LAST_SECONDS, self.transport.abort)

    def _is_too_much(self) -> bool:
        return (
            self._waiting > _MAX_WAITING
            or self.queue.qsize() > _MAX_MESSAGES
            or len(self.frames) > _MAX_PIECES
            or self.transport.get_write_buffer_size() > _MAX_UNSENT
        )
