"""Whether the head of a request (its first line and its headers) is one that we take.

The parser behind this (h11) repairs some of what it reads: it joins folded lines, takes a single
line feed as the end of a line, and prefers one of two lengths. A proxy in front of us may repair it
in another way, and then one request can hide another (request smuggling). So we refuse what can be
read in two ways. Source: RFC 9112, sections 2.2, 3.2, 5.2, 6.1 and 6.3. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from backend.http_server.refusals import (
    BODY_TOO_LARGE,
    ENCODED_BODY,
    HEADERS_TOO_LARGE,
    MALFORMED,
    UNKNOWN_HOST,
    URI_TOO_LONG,
    Refusal,
)

MAX_HEAD = 16 * 1024
MAX_TARGET = 8 * 1024
MAX_HEADERS = 100
MAX_PARAMETERS = 256
MAX_BODY = 512 * 1024
"""MAX_HEADERS and MAX_PARAMETERS are counts; the others are bytes."""

_END = re.compile(rb"\r?\n\r?\n")
_FIRST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S+) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::([0-9]{1,5}))?")
_TARGET = re.compile(rb"/[!-~]*")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_DIGITS = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names that requests may be addressed to. Lower case, without a port."""

    names: frozenset[str]

    def allow(self, name: str) -> bool:
        """Return whether requests may be addressed to the name. A numeric address is always
        allowed, because health checks use it, and no stranger can make a browser believe that it is
        theirs. So is this machine's own name."""
        name = name.lower().removesuffix(".")
        if "*" in self.names or name in self.names:
            return True
        if name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def end_of_head(data: bytes) -> int | None:
    """Return where the body begins; None while the head is not complete."""
    found = _END.search(data)
    return found.end() if found else None


def refusal_of(head: bytes, hosts: Hosts) -> Refusal | None:
    """Return why we refuse a complete head, or None if we take it. `head` ends with its empty
    line."""
    if not head.endswith(b"\r\n\r\n"):
        return MALFORMED
    lines = head[:-4].split(b"\r\n")
    if len(lines) > MAX_HEADERS + 1:
        return HEADERS_TOO_LARGE
    first = _FIRST.fullmatch(lines[0])
    if first is None:
        return URI_TOO_LONG if len(lines[0]) > MAX_TARGET else MALFORMED
    fields: list[tuple[bytes, bytes]] = []
    for line in lines[1:]:
        # A folded line begins with a blank, and a name has none before its colon: both fail here.
        field = _FIELD.fullmatch(line)
        if field is None:
            return MALFORMED
        fields.append((field[1].lower(), field[2].rstrip(b" \t")))
    return (
        _target(first[2])
        or _lengths(fields, old=first[3] == b"0")
        or _host(_all(fields, b"host"), hosts, old=first[3] == b"0")
    )


def is_handshake(method: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request that asks for a web socket is one that the socket's server can read
    (RFC 6455, section 4.2.1). Names in lower case.

    One with a body is none: the socket's server would wait for the body for ever.
    """
    known = list(headers)
    lengths = {value.strip(b"0") for value in _all(known, b"content-length")}
    if lengths - {b""} or _all(known, b"transfer-encoding"):
        return False
    keys, versions = _all(known, b"sec-websocket-key"), _all(known, b"sec-websocket-version")
    whole = len(keys) == 1 and _KEY.fullmatch(keys[0]) is not None
    return method == b"GET" and whole and versions == [b"13"]


def _target(target: bytes) -> Refusal | None:
    if len(target) > MAX_TARGET:
        return URI_TOO_LONG
    path, _, query = target.partition(b"?")
    # A whole address, `*` and `host:port` are for proxies, and we are not a proxy.
    if not _TARGET.fullmatch(target) or _CONTROL.search(unquote_to_bytes(path)):
        return MALFORMED
    return URI_TOO_LONG if query.count(b"&") >= MAX_PARAMETERS else None


def _lengths(fields: list[tuple[bytes, bytes]], *, old: bool) -> Refusal | None:
    """Refuse a body whose length is given twice, or in a form that we do not read."""
    lengths, encodings = _all(fields, b"content-length"), _all(fields, b"transfer-encoding")
    if len(lengths) + len(encodings) > 1:
        return MALFORMED
    if encodings and (old or encodings[0].lower() != b"chunked"):
        return MALFORMED
    if lengths and not _DIGITS.fullmatch(lengths[0]):
        return MALFORMED
    if lengths and int(lengths[0]) > MAX_BODY:
        return BODY_TOO_LARGE
    compressed = [
        v for v in _all(fields, b"content-encoding") if v.lower() not in (b"", b"identity")
    ]
    return ENCODED_BODY if compressed else None


def _host(given: list[bytes], hosts: Hosts, *, old: bool) -> Refusal | None:
    """Check the Host header. HTTP/1.0 has none, and an old kind of health check sends none."""
    if not given and old:
        return None
    match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
    if match is None or (match[2] is not None and int(match[2]) > 65535):
        return MALFORMED
    return None if hosts.allow(match[1].decode("ascii")) else UNKNOWN_HOST


def _all(fields: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in fields if key == name]
