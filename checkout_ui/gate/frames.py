"""Read one message of a page by a grammar of what our pages send, and write it again. Pure.

The framework gets only what we have written, and never a stranger's own bytes. We know as much of
Engine.IO and Socket.IO as Reflex's page uses, and only over WebSocket.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from checkout_ui.gate.allowed import Allowed
from checkout_ui.gate.arguments import Refused, check_storage, text

LONGEST = 65_536
"""Characters of one message. The longest ones carry what a page that embeds ours tells it."""
LONGEST_ADDRESS = 8_000
"""Characters of the page's address, its query included."""
LONGEST_PATH = 400
_LONGEST_KEY = 200
_MAX_IN_QUERY = 100
_DEEPEST = 8
_HASHES, _HASH = 200, re.compile(r"[0-9a-zA-Z_-]{1,100}")

_NAMESPACE = "/_event"
_CONNECT, _LEAVE, _EVENT = (f"4{kind}{_NAMESPACE}," for kind in "012")
PONG, CLOSE = "3", "1"


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to the server's own ping."""

    frame: str = PONG


@dataclass(frozen=True, slots=True)
class Leave:
    """The page leaves the namespace, or closes the connection."""

    frame: str


@dataclass(frozen=True, slots=True)
class Connect:
    frame: str


@dataclass(frozen=True, slots=True)
class Event:
    frame: str
    loads: bool = False
    """The page asks for all that it shows."""


@dataclass(frozen=True, slots=True)
class Report:
    """Reflex's script says that something in the browser failed. What it says is not kept."""


Frame = Pong | Leave | Connect | Event | Report


def read(frame: str, allowed: Allowed) -> Frame:
    """Return the message as the framework gets it. Refused for what no page of ours sends."""
    if len(frame) > LONGEST:
        raise Refused("size")
    if frame == PONG:
        return Pong()
    if frame in (CLOSE, _LEAVE):
        return Leave(frame)
    if frame.startswith(_CONNECT):
        return Connect(_CONNECT + _written(_connection(_parsed(frame[len(_CONNECT) :]), allowed)))
    if frame.startswith(_EVENT):
        return _event(_parsed(frame[len(_EVENT) :]), allowed)
    raise Refused("frame")


def _parsed(written: str) -> Any:
    try:
        value = json.loads(written, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused("json") from error
    if _is_deeper(value, _DEEPEST):
        raise Refused("json")
    return value


def _no_constant(_name: str) -> Any:
    raise Refused("json")


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(_is_deeper(one, levels - 1) for one in inner)


def _written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _connection(auth: object, allowed: Allowed) -> dict[str, Any]:
    """Check a connection. It carries the event that asks for the page's state, as our pages send
    it."""
    event = auth.get("event") if isinstance(auth, dict) else None
    if not isinstance(auth, dict) or not isinstance(event, dict):
        raise Refused("connect")
    if event.get("name") != allowed.connects:
        raise Refused("connect")
    given = event.get("payload") or {}
    if not isinstance(given, dict) or set(given) - {"vars", "hashes"}:
        raise Refused("connect")
    payload: dict[str, Any] = {}
    if "vars" in given:
        payload["vars"] = check_storage(given["vars"], allowed.storage)
    if "hashes" in given:
        payload["hashes"] = _hashes(given["hashes"])
    checked: dict[str, Any] = {"event": _rewritten(allowed.connects, payload, event)}
    if auth.get("state_schema") is not None:
        checked["state_schema"] = _hash(auth["state_schema"])
    return checked


def _hashes(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > _HASHES:
        raise Refused("connect")
    return [_hash(one) for one in value]


def _hash(value: object) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise Refused("connect")
    return value


def _event(packet: object, allowed: Allowed) -> Event | Report:
    if not isinstance(packet, list) or not packet:
        raise Refused("event")
    if packet[0] == "client_error":
        return Report()
    if len(packet) != 2 or packet[0] != "event" or not isinstance(packet[1], dict):
        raise Refused("event")
    event = packet[1]
    name = event.get("name")
    if not isinstance(name, str):
        raise Refused("event")
    if name in allowed.reports:
        return Report()
    given = event.get("payload") or {}
    if name == allowed.stores:
        if not isinstance(given, dict) or set(given) != {"vars"}:
            raise Refused("storage")
        payload: dict[str, Any] = {"vars": check_storage(given["vars"], allowed.storage)}
    elif (rule := allowed.events.get(name)) is not None:
        payload = rule.check(given)
    else:
        raise Refused("event")
    checked = _rewritten(name, payload, event)
    return Event(f"{_EVENT}{_written(['event', checked])}", loads=name in allowed.loads)


def _rewritten(name: str, payload: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "payload": payload, "router_data": _address(event.get("router_data"))}


def _address(given: object) -> dict[str, Any]:
    """Return where the page is. Refused where no browser shows such an address."""
    if not isinstance(given, dict):
        raise Refused("address")
    query = given.get("query") or {}
    if not isinstance(query, dict) or len(query) > _MAX_IN_QUERY:
        raise Refused("address")
    checked = {
        text(name, _LONGEST_KEY, "address"): text(value, LONGEST_ADDRESS, "address")
        for name, value in query.items()
        if value is not None
    }
    return {
        "pathname": _path(given.get("pathname"), LONGEST_PATH),
        "asPath": _path(given.get("asPath"), LONGEST_ADDRESS),
        "query": checked,
    }


def _path(value: object, longest: int) -> str:
    path = text(value, longest, "address")
    if not path.startswith("/") or path.startswith("//") or "%00" in path:
        raise Refused("address")
    if "\\" in path or any(sign <= " " or sign == "\x7f" for sign in path):
        raise Refused("address")
    try:
        urlsplit("http://page" + path)
    except ValueError as error:
        raise Refused("address") from error
    return path
