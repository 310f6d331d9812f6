"""`gavekort demo` as a user runs it: started, asked, stopped, started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.demo.providers import PROVIDERS
from backend.demo.supervisor import PortTaken, check_port
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


def free_block() -> int:
    """Return a free port with the demo's other ports free above it. They lie below the range from
    which the system gives ports to other tests."""
    for port in range(20000 + os.getpid() % 90 * 100, 30000, 100):
        with contextlib.suppress(PortTaken):
            for number in range(port, port + 100):
                check_port("127.0.0.1", number, "a test")
            return port
    raise RuntimeError("there is no block of free ports")


class Demo:
    """One start of the demo. `facts` is the content of `demo.json` once the file exists."""

    def __init__(self, repository: Path, directory: Path, port: int) -> None:
        self.directory = directory
        self._output = directory.with_name(f"output-{time.monotonic_ns()}")
        command = [sys.executable, "-m", "backend.cli.main", "demo"]
        with self._output.open("wb") as sink:
            self.process = subprocess.Popen(
                [*command, "--port", str(port), "--data-dir", str(directory)],
                cwd=repository,
                env={name: text for name, text in os.environ.items() if "GAVEKORT_" not in name},
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    @property
    def facts(self) -> dict[str, Any]:

        def started() -> bool:
            assert self.process.poll() is None, self.output
            return (self.directory / "demo.json").exists()

        until(started, "the demo starts", seconds=170)
        facts: dict[str, Any] = json.loads((self.directory / "demo.json").read_text())
        return facts

    def stop(self, number: signal.Signals) -> float:
        """Stop the demo and return the seconds that this took."""
        begin = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=120)
        return time.monotonic() - begin


@contextmanager
def _demo(repository: Path, directory: Path, port: int = 0) -> Iterator[Demo]:
    demo = Demo(repository, directory, port)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.stop(signal.SIGTERM)


def _token(facts: dict[str, Any]) -> str:
    path = f"/v1/accounts/{facts['account_id']}/auth/token"
    answer = httpx.post(
        facts["base_url"] + path,
        auth=(facts["client_id"], facts["client_secret"]),
        json={
            "grant_type": "client_credentials",
            "audience": f"{facts['base_url']}/v1/accounts/{facts['account_id']}",
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(number) for number in listed.split()]


def test_everything_answers_once_demo_json_is_there(repository: Path, tmp_path: Path) -> None:
    with _demo(repository, tmp_path / "data") as demo:
        facts = demo.facts
        assert set(facts) == {
            "base_url",
            "shop_url",
            "sms_url",
            "mail_url",
            "smtp_port",
            "account_id",
            "client_id",
            "client_secret",
            "profile_id",
            "gift_cards",
        }
        assert (facts["account_id"], facts["profile_id"]) == ("T12345678", "default")
        assert "Fjord" in httpx.get(facts["shop_url"]).text
        headers = {"Authorization": f"Bearer {_token(facts)}"}
        for card in facts["gift_cards"]:
            path = f"/v1/accounts/T12345678/wallets/cards/{card['card_id']}"
            kept = httpx.get(facts["base_url"] + path, headers=headers).json()
            assert (kept["amount_balance"], kept["currency"]) == (card["amount"], card["currency"])
        for name in (".", "secret.key", "demo.json", "seed.json", "shop.json", "gavekort.db"):
            assert (demo.directory / name).stat().st_mode & 0o077 == 0, name
        assert facts["gift_cards"][0]["pin"] in demo.output
        assert facts["client_secret"] not in demo.output


def test_no_secret_stands_in_a_command_line(repository: Path, tmp_path: Path) -> None:
    with _demo(repository, tmp_path / "data") as demo:
        facts = demo.facts
        files = [tmp_path / "data" / name for name in ("secret.key", "seed.json")]
        secrets = [files[0].read_text().strip(), facts["client_secret"]]
        seed = json.loads(files[1].read_text())
        secrets += [seed["gateway_key"], seed["webhook_secret"]]
        secrets += seed["provider_secrets"].values()
        pids = [demo.process.pid, *_children(demo.process.pid)]
        assert len(pids) == 4 + len(PROVIDERS)
        for pid in pids:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            assert not [secret for secret in secrets if secret in command]


def test_a_second_start_keeps_the_data_and_is_quick(repository: Path, tmp_path: Path) -> None:
    port = free_block()
    with _demo(repository, tmp_path / "data", port) as demo:
        first = demo.facts
        took = demo.stop(signal.SIGINT)
        # It takes a second on an idle machine and longer on a busy one.
        assert (demo.process.returncode, took < 20) == (0, True), demo.output
        assert not (tmp_path / "data" / "demo.json").exists()
    begin = time.monotonic()
    with _demo(repository, tmp_path / "data", port) as demo:
        assert demo.facts == first
        # We promise 5 s. This machine may have other work meanwhile.
        assert time.monotonic() - begin < 20
        assert _token(first)


def test_a_part_that_dies_stops_it_all_and_is_named(repository: Path, tmp_path: Path) -> None:
    with _demo(repository, tmp_path / "data") as demo:
        facts = demo.facts
        shop_port = facts["shop_url"].rpartition(":")[2]
        for pid in _children(demo.process.pid):
            if shop_port in Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0"):
                os.kill(pid, signal.SIGKILL)
        demo.process.wait(timeout=120)
        assert demo.process.returncode == 1
        assert "the demo shop ended by itself (signal SIGKILL)" in demo.output
        with pytest.raises(httpx.ConnectError):
            httpx.get(facts["base_url"])


def test_a_taken_port_and_a_taken_directory_are_said_so(repository: Path, tmp_path: Path) -> None:
    with _demo(repository, tmp_path / "data") as demo:
        port = int(demo.facts["base_url"].rpartition(":")[2])
        with _demo(repository, tmp_path / "other", port) as other:
            assert other.process.wait(timeout=120) == 2
            assert f"port {port}, wanted by the checkout" in other.output
            assert "--port" in other.output
        with _demo(repository, tmp_path / "data") as other:
            assert other.process.wait(timeout=120) == 2
            assert "another demo runs in" in other.output
        assert demo.facts
