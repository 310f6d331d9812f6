"""The description is true. Schemathesis sends requests that it allows and others that it
forbids."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.api.app import create_api
from tests.support.card_gateway import free_port
from tests.support.waiting import until

EXAMPLES = os.environ.get("GAVEKORT_FUZZ_EXAMPLES", "200")
SETTINGS = """
[checks.positive_data_acceptance]
# A request can have the right form and still be refused: an unknown profile, amounts that do not
# fit, a closed session. The contract's answer to that is 400, and 412 for a stale one.
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "412", "413", "503"]
[generation]
allow-x00 = true
"""


@pytest.fixture(scope="session")
def api_server(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Run the API over SQLite, and return its address and a token."""
    directory = tmp_path_factory.mktemp("api")
    port, token_file = free_port(), directory / "token"
    command = [
        sys.executable,
        "-m",
        "tests.support.api_server",
        f"sqlite:///{directory / 'api.db'}",
        str(port),
        str(token_file),
    ]
    process = subprocess.Popen(command, cwd=repository)
    base_url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{base_url}/openapi.json").status_code == 200
        return False

    until(answers, "the API answers")
    yield base_url, token_file.read_text(encoding="utf-8")
    process.terminate()
    process.wait(10)


@pytest.mark.timeout(1500)
def test_schemathesis_finds_nothing(api_server: tuple[str, str], tmp_path: Path) -> None:
    base_url, token = api_server
    (tmp_path / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        f"{base_url}/openapi.json",
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        "all",
        "--max-examples",
        EXAMPLES,
        "--continue-on-failure",
        "--seed",
        "20261123",
        "--warnings",
        "off",
        "--no-color",
        "--generation-database",
        "none",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    assert "Stateful" in done.stdout


def test_every_route_says_how_it_fails() -> None:
    description: dict[str, Any] = create_api().openapi()
    assert "/v1/sessions-profile" in description["paths"]
    text = str(description)
    assert "HTTPValidationError" not in text
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            assert "422" not in answers, (method, path)
            for status in ("400", "500"):
                schema = answers[status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, (method, path)
            if operation.get("security"):
                assert "401" in answers, (method, path)


def test_the_description_for_people_needs_no_other_host(api_server: tuple[str, str]) -> None:
    base_url, _ = api_server
    page = httpx.get(f"{base_url}/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert httpx.get(f"{base_url}/docs/{name}").status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/v1/sessions", "GET, POST"), ("/v1/sessions/x", "GET, PUT")],
)
def test_a_wrong_method_is_told_all_the_right_ones(
    api_server: tuple[str, str], path: str, allowed: str
) -> None:
    answer = httpx.request("PATCH", api_server[0] + path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
