"""The server refuses requests that two servers could read in two ways, and closes their connection.
It never reads what follows on it as a request."""

from __future__ import annotations

import json

import pytest

from tests.support.served import Served

_AFTER = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def _post(*headers: bytes, body: bytes = b"", first: bytes = b"POST /v1/x HTTP/1.1") -> bytes:
    return b"\r\n".join((first, b"Host: 127.0.0.1", *headers, b"", body))


def _get(*headers: bytes, first: bytes = b"GET /ping HTTP/1.1") -> bytes:
    return b"\r\n".join((first, *headers, b"", b""))


_HOST = b"Host: 127.0.0.1"
_CHUNKED = b"Transfer-Encoding: chunked"

SHAPES: dict[str, bytes] = {
    "both lengths": _post(b"Content-Length: 5", _CHUNKED, body=b"0\r\n\r\n"),
    "both lengths, the other way round": _post(_CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"),
    "two lengths": _post(b"Content-Length: 5", b"Content-Length: 6", body=b"abcdef"),
    "the same length twice": _post(b"Content-Length: 5", b"Content-Length: 5", body=b"abcde"),
    "a list of lengths": _post(b"Content-Length: 5, 5", body=b"abcde"),
    "a list of two lengths": _post(b"Content-Length: 5, 6", body=b"abcdef"),
    "a signed length": _post(b"Content-Length: +5", body=b"abcde"),
    "a negative length": _post(b"Content-Length: -1"),
    "a length in hexadecimal": _post(b"Content-Length: 0x5", body=b"abcde"),
    "a length in another script": _post("Content-Length: ٥".encode(), body=b"abcde"),
    "an empty length": _post(b"Content-Length:"),
    "a length of a thousand digits": _post(b"Content-Length: " + b"9" * 1000),
    "xchunked": _post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked twice": _post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "two encodings": _post(_CHUNKED, _CHUNKED, body=b"0\r\n\r\n"),
    "two encodings, one unknown": _post(_CHUNKED, b"Transfer-Encoding: x", body=b"0\r\n\r\n"),
    "gzip, chunked": _post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "identity": _post(b"Transfer-Encoding: identity", b"Content-Length: 0"),
    "an encoding with a control character": _post(b"Transfer-Encoding: \x0bchunked"),
    "an empty encoding": _post(b"Transfer-Encoding:", b"Content-Length: 0"),
    "an encoding in quotes": _post(b'Transfer-Encoding: "chunked"'),
    "an encoding with HTTP/1.0": _post(_CHUNKED, body=b"0\r\n\r\n", first=b"POST /x HTTP/1.0"),
    "a folded header": _post(b"X-One: a\r\n b", body=b""),
    "a folded encoding": _post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "a folded first header": b"GET /ping HTTP/1.1\r\n X: y\r\nHost: 127.0.0.1\r\n\r\n",
    "bare line feeds": b"GET /ping HTTP/1.1\nHost: 127.0.0.1\n\n",
    "one bare line feed": b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\nX: y\r\n\r\n",
    "a bare line feed at the end": b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\n",
    "a bare carriage return": b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\rX: y\r\n\r\n",
    "a bare carriage return in a value": _get(_HOST, b"X: a\rb"),
    "an empty line first": b"\r\n" + _get(_HOST),
    "a blank before the colon": _get(_HOST, b"X : y"),
    "a blank before the length's colon": _post(b"Content-Length : 5", body=b"abcde"),
    "a tab before the colon": _get(_HOST, b"X\t: y"),
    "a header without a name": _get(_HOST, b": y"),
    "a header without a colon": _get(_HOST, b"just words"),
    "NUL in a name": _get(_HOST, b"X\x00: y"),
    "NUL in a value": _get(_HOST, b"X: a\x00b"),
    "DEL in a value": _get(_HOST, b"X: a\x7fb"),
    "no host": _get(b"X: y"),
    "two hosts": _get(_HOST, b"Host: 127.0.0.2"),
    "the same host twice": _get(_HOST, _HOST),
    "an empty host": _get(b"Host:"),
    "a host with a path": _get(b"Host: 127.0.0.1/x"),
    "a host with a user": _get(b"Host: me@127.0.0.1"),
    "a list of hosts": _get(b"Host: 127.0.0.1, evil.example"),
    "a host with a wrong port": _get(b"Host: 127.0.0.1:99999"),
    "another's host": _get(b"Host: evil.example"),
    "another's host that ends like a number": _get(b"Host: 127.0.0.1.evil.example"),
    "a whole address": _get(_HOST, first=b"GET http://127.0.0.1/ping HTTP/1.1"),
    "another's whole address": _get(_HOST, first=b"GET http://evil.example/ping HTTP/1.1"),
    "a star": _get(_HOST, first=b"OPTIONS * HTTP/1.1"),
    "a tunnel": _get(_HOST, first=b"CONNECT evil.example:443 HTTP/1.1"),
    "no path": _get(_HOST, first=b"GET ping HTTP/1.1"),
    "NUL in the path": _get(_HOST, first=b"GET /a%00b HTTP/1.1"),
    "NUL in the path, raw": _get(_HOST, first=b"GET /a\x00b HTTP/1.1"),
    "a line feed in the path": _get(_HOST, first=b"GET /v1/a%0ab HTTP/1.1"),
    "a tab in the first line": _get(_HOST, first=b"GET\t/ping HTTP/1.1"),
    "two blanks in the first line": _get(_HOST, first=b"GET  /ping HTTP/1.1"),
    "a blank in the path": _get(_HOST, first=b"GET /a b HTTP/1.1"),
    "a path that is not ASCII": _get(_HOST, first="GET /ø HTTP/1.1".encode()),
    "HTTP/0.9": b"GET /ping\r\n\r\n",
    "HTTP/1.2": _get(_HOST, first=b"GET /ping HTTP/1.2"),
    "HTTP/2 without TLS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP in small letters": _get(_HOST, first=b"GET /ping http/1.1"),
    "a method that is none": _get(_HOST, first=b"G(T /ping HTTP/1.1"),
    "a greeting of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,
    "a chunk of letters": _post(_CHUNKED, body=b"zz\r\nabc\r\n0\r\n\r\n"),
    "a signed chunk": _post(_CHUNKED, body=b"+3\r\nabc\r\n0\r\n\r\n"),
    "a chunk in hexadecimal with 0x": _post(_CHUNKED, body=b"0x3\r\nabc\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": _post(_CHUNKED, body=b"3\r\nabcdef\r\n0\r\n\r\n"),
    "a chunk without its end": _post(_CHUNKED, body=b"3\r\nabcXX0\r\n\r\n"),
    "a chunk of 2^80 bytes": _post(_CHUNKED, body=b"1" + b"0" * 20 + b"\r\nabc\r\n"),
    "a chunk size with a bare line feed": _post(_CHUNKED, body=b"3\nabc\r\n0\r\n\r\n"),
    "a chunk extension with a line feed": _post(_CHUNKED, body=b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
    "a chunk extension without an end": _post(_CHUNKED, body=b"1;" + b"a" * 20000),
    "nothing but chunk extensions": _post(
        _CHUNKED, body=b"".join(b"1;" + b"a" * 4000 + b"\r\nx\r\n" for _ in range(20))
    ),
    "a trailer that is folded without a start": _post(_CHUNKED, body=b"0\r\n folded\r\n\r\n"),
    "a compressed upgrade": _get(_HOST, b"Upgrade: websocket", b"Connection: Upgrade"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_request_of_two_readings_is_refused_and_ends_its_connection(
    served: Served, shape: str
) -> None:
    with served.connect() as client:
        client.sendall(SHAPES[shape] + _AFTER)
        received = b""
        while part := client.recv(65536):
            received += part
    assert received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")), received[:200]
    assert received.count(b"HTTP/1.1") == 1, "what followed was taken for a request"
    assert b"pong" not in received
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (_get(_HOST, first=b"GET /" + b"a" * 9000 + b" HTTP/1.1"), 414, "URI_TOO_LONG"),
        (_get(_HOST, first=b"GET /ping?" + b"a&" * 300 + b" HTTP/1.1"), 414, "URI_TOO_LONG"),
        (_get(_HOST, first=b"GET /" + b"a" * 100_000), 431, "HEADERS_TOO_LARGE"),
        (_get(_HOST, *(b"X: y" for _ in range(200))), 431, "HEADERS_TOO_LARGE"),
        (_get(_HOST, b"Cookie: " + b"a" * 1_000_000), 431, "HEADERS_TOO_LARGE"),
        (_post(b"Content-Length: 524289"), 413, "TOO_LARGE"),
        (_post(b"Content-Length: 99999999999"), 413, "TOO_LARGE"),
        (_post(_CHUNKED, body=b"80000\r\n" + b"a" * 0x80000 + b"\r\n1\r\na\r\n",
               first=b"POST /v1/sessions-profile HTTP/1.1"), 413, "TOO_LARGE"),
        (_post(b"Content-Encoding: gzip", b"Content-Length: 3", body=b"abc"), 415,
         "UNSUPPORTED_ENCODING"),
        (_post(b"Content-Encoding: deflate", _CHUNKED, body=b"0\r\n\r\n"), 415,
         "UNSUPPORTED_ENCODING"),
    ],
)  # fmt: skip
def test_what_is_too_large_is_told_so_and_ends_its_connection(
    served: Served, raw: bytes, status: int, code: str
) -> None:
    answer = served.send(raw)
    assert (answer.status, answer.closed) == (status, True)
    assert json.loads(answer.body)["error"]["code"] == code
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "raw",
    [
        _get(_HOST),
        _get(b"host:127.0.0.1:8000  "),
        _get(b"Host: localhost"),
        _get(b"Host: [::1]:80"),
        _get(first=b"GET /ping HTTP/1.0"),
        _get(_HOST, b"X-Name: \xc3\xb8"),
        _get(_HOST, b"Range: bytes=0-1"),
        _get(_HOST, _CHUNKED) + b"3;a=b\r\nabc\r\n0\r\n\r\n",
    ],
)  # fmt: skip
def test_an_honest_request_is_answered(served: Served, raw: bytes) -> None:
    assert served.send(raw).status == 200


def test_two_honest_requests_at_once_are_both_answered(served: Served) -> None:
    with served.connect() as client:
        client.sendall(_AFTER + _AFTER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        received = b""
        while part := client.recv(65536):
            received += part
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_nothing_that_was_refused_stands_in_the_log(served: Served) -> None:
    before = served.told()
    for raw in SHAPES.values():
        served.send(raw)
    assert served.is_well()
    assert served.told() == before
