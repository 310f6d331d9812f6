"""Know which sockets show something of ours. The pages' states say so; other sockets are closed
early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from checkout_ui.gate.door import CONNECTION
from checkout_ui.gate.doors import Connection

_by_id: WeakValueDictionary[str, Connection] = WeakValueDictionary()


def note(socket_id: str, environ: Mapping[str, Any]) -> None:
    """Remember which socket has this id of Socket.IO's."""
    connection = environ.get("asgi.scope", {}).get(CONNECTION)
    if connection is not None:
        _by_id[socket_id] = connection


def shows(socket_id: str) -> None:
    """Note that the page at this socket shows something that exists. The socket may stay open."""
    connection = _by_id.get(socket_id)
    if connection is not None:
        connection.shows = True
