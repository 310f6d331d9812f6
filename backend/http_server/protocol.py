"""uvicorn's HTTP protocol with deadlines, so that a client that sends a byte a second is cut off.

uvicorn itself only limits how long a connection may be idle between two requests.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.http_server.connection import Refused, StrictConnection
from backend.http_server.crowd import Crowd, source_key
from backend.http_server.heads import is_handshake
from backend.http_server.refusals import MALFORMED, NO_ROOM, TOO_SLOW, Refusal, answer_bytes
from backend.http_server.rules import LONGEST_LINGER_SECONDS, rules

CROWD = Crowd()
"""The connections of this process, which has one event loop."""
_MAX_DISCARDED = 1024 * 1024
_RESET = struct.pack("ii", 1, 0)


class Phase(Enum):
    HEAD = auto()  # for the first byte of a request, or the rest of its head
    BODY = auto()
    IDLE = auto()  # between two requests; uvicorn ends this one
    OURS = auto()  # the client waits for our answer
    CLOSED = auto()


class GuardedProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._rules = rules()
        self.conn = self._strict = StrictConnection(self._rules.hosts)
        self._phase = Phase.HEAD
        self._began = self.loop.time()
        self._deadline: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._lingering = False
        self._discarded = 0

    # --- what asyncio and uvicorn call -------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        source = source_key(self.client[0]) if self.client else ""
        total = len(self.connections)
        if CROWD.enter(self, source, self._rules.room, total):
            self._deadline = self._later(self._rules.head, self._head_is_late)
        else:
            self._refuse(NO_ROOM)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._lingering:
            super().data_received(data)
            return
        self._discarded += len(data)
        if self._discarded > _MAX_DISCARDED:
            self.transport.abort()

    def handle_events(self) -> None:
        try:
            super().handle_events()
        except Refused as refused:
            self._refuse(refused.refusal)
        self._look()

    def on_response_complete(self) -> None:
        if self._taking is None and self.transport.get_write_buffer_size():
            self._await_taking()
        super().on_response_complete()
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        if not is_handshake(event.method, self.headers):
            self._refuse(MALFORMED)
            return
        self._leave()
        super().handle_websocket_upgrade(event)

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing, since a stranger could fill the log with these lines."""

    def pause_writing(self) -> None:
        """Note that the client does not take our answer as fast as we send it."""
        super().pause_writing()
        _cancel(self._taking)
        self._taking = None
        self._await_taking()
        CROWD.waits(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._taking)
        self._taking = None
        if self._phase is Phase.OURS:
            CROWD.works(self)

    def shutdown(self) -> None:
        if self._lingering:
            self.transport.close()
        else:
            super().shutdown()

    def give_way(self) -> None:
        """Close at once, and let the kernel forget what the client has not taken. Otherwise it
        would keep that, and try to send it, for as long as the client likes."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    # --- deadlines ---------------------------------------------------------------------------

    def _look(self) -> None:
        """Find out what this connection waits for now, and set its deadline."""
        now = self._phase_now()
        if now is self._phase and now is not Phase.OURS:
            return
        self._phase, self._began = now, self.loop.time()
        _cancel(self._deadline)
        self._deadline = None
        if now is Phase.CLOSED:
            return
        if now is Phase.OURS:
            CROWD.works(self)
            return
        CROWD.waits(self)
        if now is Phase.HEAD:
            self._deadline = self._later(self._rules.head, self._head_is_late)
        elif now is Phase.BODY:
            self._deadline = self._later(self._rules.grace, self._look_at_body)

    def _phase_now(self) -> Phase:
        if self._phase is Phase.CLOSED or self.transport.is_closing():
            return Phase.CLOSED
        theirs = self._strict.their_state
        if theirs is h11.SEND_BODY:
            return Phase.BODY
        if theirs is not h11.IDLE:
            return Phase.OURS
        first = self.cycle is None
        return Phase.HEAD if first or self._strict.trailing_data[0] else Phase.IDLE

    def _head_is_late(self) -> None:
        if self._strict.trailing_data[0]:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def _look_at_body(self) -> None:
        """Cut off a body that arrives more slowly than the slowest rate after the grace."""
        now = self.loop.time()
        if self.flow.read_paused:
            # We ourselves have stopped reading.
            self._began = now
        due = self._began + self._rules.grace + self._strict.carried / self._rules.rate
        if due <= now:
            self._refuse(TOO_SLOW)
        else:
            self._deadline = self._later(due - now, self._look_at_body)

    def _await_taking(self) -> None:
        """Give the client a limited time to take what is written now. A connection that is being
        closed stays open until then, and without this it could stay open for ever."""
        left = self.transport.get_write_buffer_size()
        self._taking = self._later(self._rules.grace + left / self._rules.rate, self._not_taken)

    def _not_taken(self) -> None:
        self._taking = None
        if self.transport.get_write_buffer_size():
            self.give_way()

    # --- endings -----------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> None:
        """Send the refusal, tell the application that the client is gone, and close."""
        self._leave()
        self._unset_keepalive_if_required()
        cycle = self.cycle
        begun = False
        if cycle is not None:  # uvicorn begins with None
            begun = cycle.response_started and not cycle.response_complete
            cycle.disconnected = True
            cycle.message_event.set()
        if begun or self.transport.is_closing():
            self.transport.abort()
            return
        self.transport.write(answer_bytes(refusal, https=self._rules.https))
        self._linger()

    def _linger(self) -> None:
        """End our side, and read for a moment without using what comes. If we closed with unread
        bytes, the kernel would throw our answer away."""
        self._lingering = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self._later(LONGEST_LINGER_SECONDS, self.transport.abort)

    def _leave(self) -> None:
        CROWD.leave(self)
        self._phase = Phase.CLOSED
        _cancel(self._deadline)
        self._deadline = None
        _cancel(self._taking)
        self._taking = None

    def _later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, call)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
