"""h11's connection. It refuses what `heads` refuses, and chunked bodies with little content."""

from __future__ import annotations

from typing import Any

import h11

from backend.http_server.heads import MAX_BODY, MAX_HEAD, Hosts, end_of_head, refusal_of
from backend.http_server.refusals import BODY_TOO_LARGE, HEADERS_TOO_LARGE, MALFORMED, Refusal

_MAX_PACKING = 8
_PACKING_ALLOWED = 16 * 1024
"""Bytes of chunk sizes, extensions and trailers that any body may have. More of them are allowed
only up to `_MAX_PACKING` times the body's content."""


class Refused(Exception):
    """We do not take the client's request; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class StrictConnection(h11.Connection):
    """`next_event` raises Refused instead of h11's own errors."""

    def __init__(self, hosts: Hosts) -> None:
        super().__init__(h11.SERVER, MAX_HEAD)
        self._hosts = hosts
        self.carried = 0
        """Bytes of the present request's body that have been read."""
        self._received = 0
        self._chunked = False

    def receive_data(self, data: bytes) -> None:
        self._received += len(data)
        super().receive_data(data)

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            self._check_head()
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            refusal = HEADERS_TOO_LARGE if error.error_status_hint == 431 else MALFORMED
            raise Refused(refusal) from error
        if isinstance(event, h11.Request):
            self.carried = 0
            self._chunked = any(name == b"transfer-encoding" for name, _ in event.headers)
            self._received = len(self.trailing_data[0])
        elif isinstance(event, h11.Data):
            self._check_body(event)
        elif self.their_state is h11.SEND_BODY:
            self._check_packing()
        return event

    def _check_head(self) -> None:
        data, _ = self.trailing_data
        end = end_of_head(data)
        if (len(data) if end is None else end) > MAX_HEAD:
            raise Refused(HEADERS_TOO_LARGE)
        refusal = refusal_of(data[:end], self._hosts) if end is not None else None
        if refusal is not None:
            raise Refused(refusal)

    def _check_body(self, event: h11.Data) -> None:
        self.carried += len(event.data)
        if self.carried > MAX_BODY:
            raise Refused(BODY_TOO_LARGE)
        self._check_packing()

    def _check_packing(self) -> None:
        packing = self._received - self.carried
        if self._chunked and packing > _PACKING_ALLOWED + _MAX_PACKING * self.carried:
            raise Refused(MALFORMED)
