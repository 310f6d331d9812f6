"""Child programs that are started, awaited, watched and stopped together.

To stop them, each gets a SIGTERM and `GRACE_SECONDS` to end, then a SIGKILL.
"""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import httpx

GRACE_SECONDS = 3.5
_POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


class StopRequested(KeyboardInterrupt):
    """Ctrl-C or SIGTERM. It is a KeyboardInterrupt, because asyncio passes on no other
    exception."""


class ChildFailed(RuntimeError):
    """A child ended, or did not answer in time. The text says which, and how."""


class PortTaken(RuntimeError):
    """Another program listens on the port that a child needs."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run. `name` is for messages. `answers_at` is an address that answers once the
    program is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    answers_at: str


@contextmanager
def stop_signals() -> Iterator[None]:
    """Make SIGINT and SIGTERM raise StopRequested within this context, once, because the stop
    follows."""

    def request_stop(number: int, _: FrameType | None) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        raise StopRequested(signal.Signals(number).name)

    before = {name: signal.signal(name, request_stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def check_port(host: str, port: int, wanted_by: str) -> None:
    """Raise PortTaken if `wanted_by` could not listen there."""
    with socket.socket() as probe:
        # This does what the servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(f"port {port}, wanted by {wanted_by}: {error.strerror}") from error


def free_ports(host: str, count: int) -> list[int]:
    """Return ports on which nobody listened a moment ago."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((host, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Supervisor:
    """Use as a context: leaving it stops every child, whatever the reason."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, program: Program) -> None:
        """Start a program, in a session of its own: Ctrl-C in a terminal goes to all of a session
        at once, and we choose the order of the stop. Call it while this process has only one
        thread."""
        self._children[program.name] = subprocess.Popen(
            list(program.command),
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )

    def wait_ready(self, program: Program, seconds: float) -> None:
        """Wait until the program answers over HTTP without a server error. Raises ChildFailed."""
        deadline = time.monotonic() + seconds
        with httpx.Client(timeout=2.0) as http:
            while time.monotonic() < deadline:
                self.check()
                try:
                    if http.get(program.answers_at).status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                        return
                except httpx.HTTPError:
                    pass
                time.sleep(_POLL_SECONDS)
        raise ChildFailed(f"{program.name} did not answer within {seconds:.0f} s")

    def check(self) -> None:
        """Raise ChildFailed if one of them has ended."""
        for name, child in self._children.items():
            status = child.poll()
            if status is not None:
                raise ChildFailed(f"{name} ended by itself ({_ending(status)})")

    def watch(self) -> None:
        """Watch until one ends (ChildFailed), or a signal comes (StopRequested)."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self) -> None:
        running = [child for child in self._children.values() if child.poll() is None]
        for child in running:
            child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in running:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()


def _ending(status: int) -> str:
    return f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes a child end with this process, even if this one is killed, so that no child
    stays and keeps its port (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_kernel
