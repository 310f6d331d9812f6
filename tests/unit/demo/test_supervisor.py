"""The supervisor starts real child processes, waits for them, stops them in time and leaves none
behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.demo.supervisor import (
    ChildFailed,
    PortTaken,
    Program,
    Supervisor,
    check_port,
    free_ports,
)
from tests.support.waiting import until

_SERVER = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)\\
    .serve_forever()
"""
_STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(60)
"""


def _program(name: str, code: str, *arguments: str, port: int = 9) -> Program:
    command = [sys.executable, "-c", code, *arguments]
    return Program(name, command, dict(os.environ), f"http://127.0.0.1:{port}/")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_child_is_waited_for_and_stopped() -> None:
    (port,) = free_ports("127.0.0.1", 1)
    program = _program("a server", _SERVER, str(port), port=port)
    with Supervisor() as children:
        children.start(program)
        children.wait_ready(program, 60)
        assert _listens(port)
    assert not _listens(port)


def test_a_child_that_does_not_listen_to_sigterm_is_killed_within_the_grace(
    tmp_path: Path,
) -> None:
    started = tmp_path / "started"
    with Supervisor() as children:
        children.start(_program("a stubborn one", _STUBBORN, str(started)))

        def has_started() -> bool:
            children.check()
            return started.exists()

        until(has_started, "the program starts")
        begin = time.monotonic()
    assert time.monotonic() - begin < 30  # it wanted to stay for 60


def test_a_child_that_ends_is_named_with_its_status() -> None:
    with Supervisor() as children:
        children.start(_program("the demo shop", "raise SystemExit(7)"))
        with pytest.raises(ChildFailed, match=r"the demo shop ended by itself \(status 7\)"):
            children.watch()


def test_a_child_that_dies_while_waited_for_is_not_waited_for_longer() -> None:
    program = _program("a short life", "raise SystemExit(1)")
    with Supervisor() as children, pytest.raises(ChildFailed, match="a short life"):
        children.start(program)
        children.wait_ready(program, 30)


def test_one_that_never_answers_is_said_so() -> None:
    (port,) = free_ports("127.0.0.1", 1)
    program = _program("a mute", "import time; time.sleep(60)", port=port)
    with Supervisor() as children, pytest.raises(ChildFailed, match="a mute did not answer"):
        children.start(program)
        children.wait_ready(program, 0.3)


def test_a_taken_port_is_named_with_who_wanted_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port}, wanted by the checkout"):
            check_port("127.0.0.1", port, "the checkout")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux' parent-death signal")
def test_children_die_with_a_parent_that_is_killed_outright(
    tmp_path: Path, repository: Path
) -> None:
    (port,) = free_ports("127.0.0.1", 1)
    parent_code = (
        "import sys, os\n"
        "from backend.demo.supervisor import Program, Supervisor\n"
        f"program = Program('a server', [sys.executable, '-c', {_SERVER!r}, '{port}'],"
        f" dict(os.environ), 'http://127.0.0.1:{port}/')\n"
        "with Supervisor() as children:\n"
        "    children.start(program)\n"
        "    children.wait_ready(program, 60)\n"
        "    print('ready', flush=True)\n"
        "    children.watch()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code], cwd=repository, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until(lambda: not _listens(port), "nobody listens any more")
