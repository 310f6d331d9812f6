"""An API client that calls an address outside the API gets an error that it can read. A browser
gets a page."""

from __future__ import annotations

import json

import pytest

from tests.support.served import Served

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"), ("POST", "/nothing", 404, "NOT_FOUND"),
        ("PUT", "/sessions-profile", 404, "NOT_FOUND"), ("GET", "/v1", 404, "NOT_FOUND"),
        ("GET", "/v2/sessions", 404, "NOT_FOUND"), ("GET", "/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/docs/nothing.js", 404, "NOT_FOUND"),
        ("GET", "/assets/nothing.js", 404, "NOT_FOUND"),
        ("PUT", "/favicon.svg", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/", 404, "NOT_FOUND"),
    ],
)  # fmt: skip
def test_an_api_client_is_told_in_json(
    served: Served, method: str, path: str, status: int, code: str, accept: str | None
) -> None:
    headers = {"accept": accept} if accept else {}
    answer = served.http.request(method, path, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    error = answer.json()["error"]
    assert error["code"] == code
    assert [one["message"] for one in error["errors"]] == [error["message"]]
    assert len(answer.headers["request-id"]) == 36


def test_pages_of_ours_in_json_for_who_asks_so(served: Served) -> None:
    for path, status in (("/v1/view/nobody", 404), ("/?sid=nobody", 404), ("/v1/phone/x", 410)):
        told = served.http.get(path, headers={"accept": "application/json"})
        assert (told.status_code, json.loads(told.text)["error"]["errors"][0]["field"]) == (
            status,
            "",
        )
        page = served.http.get(path, headers={"accept": BROWSER})
        assert page.status_code == status
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["request-id"] != told.headers["request-id"]


def test_a_browser_gets_a_page(served: Served) -> None:
    answer = served.http.get("/nothing", headers={"accept": BROWSER})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_addresses_with_slashes_reach_the_api(served: Served) -> None:
    for path in ("//v1/sessions", "/v1/sessions/", "/v1//sessions//"):
        answer = served.http.get(f"{served.base_url}{path}", headers={"authorization": "none"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED"), path


def test_what_the_server_says_by_itself_has_an_id_too(served: Served) -> None:
    answer = served.http.get("/v1/sessions", headers={"x-large": "x" * 100_000})
    assert answer.status_code == 431
    assert len(answer.headers["request-id"]) == 36
    error = answer.json()["error"]
    assert error["errors"][0]["message"] == error["message"] != ""
