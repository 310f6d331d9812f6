"""Run a PostgreSQL server for one test run, from the machine's own binaries.

pytest-postgresql's own process fixture cannot be used as root, which CI is: PostgreSQL refuses to
run as root. So the server is started here, as the user `postgres` where we are root, and
pytest-postgresql's janitor makes and drops the databases on it.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from pytest_postgresql.janitor import DatabaseJanitor

from tests.support.waiting import pause

SUPERUSER = "postgres"
START_SECONDS = 90
_PR_SET_PDEATHSIG = 1

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    # Each line says which database it is about: `asked_of_postgres` counts the statements of one.
    "log_line_prefix": "[%d] ",
}
# Durability is for data that outlives the test run.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server that trusts every connection from this machine."""

    host: str
    port: int
    version: int
    log: Path

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@{self.host}:{self.port}/{database}"

    @contextmanager
    def database(
        self, name: str, *, template: str | None = None, as_template: bool = False
    ) -> Iterator[str]:
        """Create a database and yield its URL. Drop it afterwards, even if somebody is still
        connected."""
        janitor = DatabaseJanitor(
            user=SUPERUSER,
            host=self.host,
            port=self.port,
            dbname=name,
            template_dbname=template,
            as_template=as_template,
        )
        with janitor:
            yield self.url(name)


def find_binaries() -> Path:
    """Return the directory of `initdb` and `postgres`, or the newest of several.

    Raises RuntimeError with the name of the missing package.
    """
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = sorted(debian, key=lambda path: float(path.parts[-3]), reverse=True)
    if versions:
        return versions[0].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise RuntimeError("no PostgreSQL server found; on Debian: apt-get install postgresql")


class StoppableServer:
    """A server that one test stops and starts again on the same port."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], port: int, log: Path) -> None:
        self._start, self._port, self._log = start, port, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> PostgresServer:
        self._process = self._start()
        version = _wait_until_up(self._process, self._port, self._log)
        return PostgresServer("127.0.0.1", self._port, version, self._log)

    def stop(self) -> None:
        if self._process is not None:
            _stop(self._process)
            self._process = None


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """If `durable`, committed data is on the disk, as in production."""
    with stoppable_server(durable=durable) as server:
        yield server.start()


@contextmanager
def stoppable_server(*, durable: bool = False) -> Iterator[StoppableServer]:
    """Not started yet."""
    settings = _SETTINGS if durable else _SETTINGS | _NOT_DURABLE
    binaries = find_binaries()
    account = _account()
    # The server's user may not enter pytest's own temporary directory.
    home = Path(tempfile.mkdtemp(prefix="gavekort-pg-", dir="/tmp" if account else None))
    log = home / "log"
    try:
        log.touch()
        if account:
            for path in (home, log):
                os.chown(path, account.pw_uid, account.pw_gid)
        data = home / "data"
        _initialize(binaries, data, account)
        port = _free_port()

        def start() -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                command = _command(binaries, data, port, settings)
                return _start(command, data.parent, account, output.fileno())

        server = StoppableServer(start, port, log)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    """Return the user that runs the server, or None for the present user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _initialize(binaries: Path, data: Path, account: pwd.struct_passwd | None) -> None:
    command = [str(binaries / "initdb"), "--pgdata", str(data), "--username", SUPERUSER]
    command += ["--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    done = subprocess.run(
        command,
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")


def _command(binaries: Path, data: Path, port: int, settings: dict[str, str]) -> list[str]:
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def _start(
    command: list[str], folder: Path, account: pwd.struct_passwd | None, output: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_end_with_parent(),
        # Ctrl-C must not end the server before the tests have cleaned up.
        process_group=0,
    )


def _end_with_parent() -> Callable[[], None] | None:
    """Let the server end with the test run, even if that is killed (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user=SUPERUSER, dbname="postgres", connect_timeout=2
            ) as connection:
                return connection.info.server_version
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            pause(0.05, "it is asked again")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # "fast": ends sessions, then itself
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
