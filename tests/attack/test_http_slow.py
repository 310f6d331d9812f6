"""The server cuts off clients that are slow on purpose. Hundreds of them keep out no honest one."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.served import Served, ended, read_answer, serving

_HALF = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Never-Ends: "
_TOKEN = b"POST /v1/accounts/T12345678/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_MAX_STEPS = 600


@contextlib.contextmanager
def _clients(served: Served, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    clients = []
    try:
        for _ in range(count):
            client = served.connect()
            clients.append(client)
            with contextlib.suppress(ConnectionError):
                client.sendall(first)
        yield clients
    finally:
        for client in clients:
            client.close()


def _drip(client: socket.socket, part: bytes) -> None:
    """Send a few bytes every tenth of a second until the server answers."""
    for _ in range(_MAX_STEPS):
        readable, _, _ = select.select([client], [], [], 0.1)
        if readable:
            return
        client.sendall(part)
    raise AssertionError("the server lets a slow client go on")


def _is_ended(client: socket.socket) -> bool:
    """Return without waiting whether the server has ended the connection."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_head_that_drips_is_cut_off(served: Served) -> None:
    with served.connect() as client:
        client.sendall(_HALF)
        _drip(client, b"a")
        answer = read_answer(client)
    assert (answer.status, answer.closed) == (408, True)
    assert json.loads(answer.body)["error"]["code"] == "TOO_SLOW"


def test_a_connection_that_says_nothing_is_closed(served: Served) -> None:
    with served.connect() as client:
        assert client.recv(1) == b""


def test_the_second_request_of_a_connection_must_be_as_quick(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert read_answer(client).status == 200
        client.sendall(_HALF)
        _drip(client, b"a")
        assert read_answer(client).status == 408


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"Content-Length: 100000\r\n\r\n", b" "),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
        (b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", b""),
    ],
)
def test_a_body_that_drips_is_cut_off(served: Served, head: bytes, part: bytes) -> None:
    with served.connect() as client:
        client.sendall(_TOKEN + head)
        if b"Expect" in head:
            assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        _drip(client, part)
        answer = read_answer(client)
    assert (answer.status, answer.closed) == (408, True)


def test_a_body_that_drips_after_its_answer_is_cut_off(served: Served) -> None:
    """The route does not exist, so the answer does not wait for the body."""
    with served.connect() as client:
        client.sendall(b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n")
        assert read_answer(client).status == 404
        _drip(client, b" ")
        assert ended(client)


def test_a_client_that_takes_no_answers_is_cut_off(served: Served) -> None:
    request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", served.port))
        client.settimeout(60)
        # It requests more than all buffers on the way hold, and reads nothing.
        client.sendall(request * 50)
        broken = select.poll()
        broken.register(client, select.POLLERR | select.POLLHUP)
        assert broken.poll(60_000), "the server waits for ever until its answer is taken"
    assert served.is_well()


def test_half_requests_give_way_to_an_honest_one(served: Served) -> None:
    with _clients(served, 500, _HALF) as clients:
        assert served.is_well()
        # The server has closed the first ones to make room for later ones.
        assert all(ended(client) for client in clients[:250])
    assert served.is_well()


def test_idle_connections_give_way_to_an_honest_one(served: Served) -> None:
    whole = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with _clients(served, 400, whole) as clients:
        assert served.is_well()
        assert ended(clients[0])


def test_half_bodies_give_way_to_an_honest_request(served: Served) -> None:
    half = _TOKEN + b"Content-Length: 400\r\n\r\n{"
    with _clients(served, 400, half) as clients:
        assert served.is_well()
        assert ended(clients[0])


@pytest.mark.parametrize("hops", ["0", "1"])
def test_with_few_files_the_newest_connection_is_served(
    repository: Path, tmp_path: Path, hops: str
) -> None:
    """Behind a proxy all connections come from one address. The oldest of all is closed there, and
    only if there are too many in total."""
    settings = {"header_timeout": "60", "body_timeout": "60", "trusted_proxy_hops": hops}
    with (
        serving(repository, tmp_path, files=512, **settings) as few,
        _clients(few, 600, _HALF) as clients,
    ):
        for _ in range(20):
            assert few.is_well()
        assert all(ended(client) for client in clients[:200])
        assert not _is_ended(clients[-1])
        assert "Too many open files" not in few.told()


_UPGRADE = (
    b"GET /_event/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@pytest.mark.parametrize(
    "body", [b"Content-Length: 60000", b"Content-Length: 1", b"Transfer-Encoding: chunked"]
)
def test_an_upgrade_that_promises_a_body_is_refused(served: Served, body: bytes) -> None:
    """The server would wait for it without an end and count it in no limit of connections."""
    with served.connect() as client:
        client.sendall(_UPGRADE + body + b"\r\n\r\n")
        answer = read_answer(client)
        assert (answer.status, answer.closed) == (400, True)
