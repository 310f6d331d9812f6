"""Every answer carries the headers that protect a browser's user: pages, files, redirects, errors,
the framework's own addresses and the server's own answers."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.support.checkout import ACCOUNT
from tests.support.served import Answer, Served

_ALL = (
    "content-security-policy", "cross-origin-opener-policy", "cross-origin-resource-policy",
    "x-content-type-options", "referrer-policy", "permissions-policy", "cache-control",
)  # fmt: skip
_SID = "{session}"

# Method, path, status.
ANSWERS = [
    ("GET", "/", 404),
    ("GET", f"/?sid={_SID}", 200),
    ("HEAD", f"/?sid={_SID}", 200),
    ("POST", f"/?sid={_SID}", 200),
    ("GET", f"/v1/view/{_SID}", 200),
    ("POST", f"/v1/view/{_SID}", 200),
    ("GET", "/v1/view/nobody", 404),
    ("GET", "/v1/phone/nobody", 410),
    ("GET", f"/embedResult/?sid={_SID}", 200),
    ("GET", f"/embedResult?sid={_SID}", 200),
    ("GET", f"/v1/view/{_SID}/", 200),
    ("GET", f"/balance/{ACCOUNT}/", 200),
    ("GET", "/v1/phone/nobody/", 410),
    ("GET", "/ping/", 404),
    ("GET", f"/balance/{ACCOUNT}", 200),
    ("POST", f"/balance/{ACCOUNT}", 200),
    ("GET", "/balance/T99999999", 404),
    ("GET", "/docs", 200),
    ("GET", "/docs/start.js", 200),
    ("GET", "/docs/nothing.js", 404),
    ("GET", "/openapi.json", 200),
    ("GET", "/checkout.css", 200),
    ("GET", "/favicon.svg", 200),
    ("GET", "/assets/nothing.js", 404),
    ("GET", "/assets/..%2f..%2fetc%2fpasswd", 404),
    ("GET", "/nothing", 404),
    ("GET", "/404.html", 404),
    ("GET", "/index.html", 404),
    ("PUT", "/nothing", 404),
    ("GET", "/ping", 200),
    ("POST", "/ping", 405),
    ("GET", "/_health", 200),
    ("GET", "/_event", 400),
    ("GET", "/_event/?EIO=4&transport=polling", 400),
    ("POST", "/_upload", 404),
    ("GET", f"/v1/view/{_SID}/session", 200),
    ("GET", "/v1/view/nobody/session", 404),
    ("PUT", f"/v1/view/{_SID}/session/order/gift_card", 400),
    ("PATCH", f"/v1/view/{_SID}/session", 405),
    ("GET", "/v1/sessions/nobody/redirect/x", 404),
    ("GET", "/v1/transactions", 401),
    ("DELETE", "/v1/nothing", 404),
    ("OPTIONS", "/v1/sessions", 405),
]


@pytest.fixture(scope="module")
def session_id(served: Served) -> str:
    return served.session()


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_has_its_headers(
    served: Served, session_id: str, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, served.base_url + path.replace(_SID, session_id))
    assert answer.status_code == status, answer.text
    for name in _ALL:
        assert len(answer.headers.get_list(name)) == 1, name
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'"), policy
    assert "frame-ancestors" in policy and "'unsafe-eval'" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status >= 400:
        assert answer.headers["cache-control"] == "no-store"
    if "json" in answer.headers.get("content-type", ""):
        assert "frame-ancestors 'none'" in policy


def _has_all(answer: Answer) -> None:
    for name in _ALL:
        assert name in answer.headers, name


def test_what_the_server_says_by_itself_has_them_too(served: Served) -> None:
    for raw, status in (
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414),
        (b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n", 408),
        (b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999\r\n\r\n", 413),
    ):
        answer = served.send(raw)
        assert answer.status == status
        _has_all(answer)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


_SOCKET = (
    b"Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"
)


@pytest.mark.parametrize(
    ("first", "more", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n", b"", 403),
        (b"GET /v1/sessions HTTP/1.1\r\n", b"", 403),
        (b"GET /_event/?EIO=4&transport=websocket HTTP/1.1\r\n",
         b"Origin: https://evil.example\r\n", 400),
        (b"POST /_event/?EIO=4&transport=websocket HTTP/1.1\r\n", b"", 400),
    ],
)  # fmt: skip
def test_a_socket_that_is_refused_has_them_too(
    served: Served, first: bytes, more: bytes, status: int
) -> None:
    answer = served.send(first + _SOCKET + more + b"\r\n")
    assert answer.status in (status, 403), answer
    _has_all(answer)


def test_the_payment_page_may_talk_with_the_window_that_opened_it(
    served: Served, session_id: str
) -> None:
    """Another policy on any answer on the way would separate the two windows permanently."""
    for path in (
        f"/?sid={session_id}",
        f"/v1/view/{session_id}",
        "/embedResult/",
        "/v1/sessions/nobody/redirect/x",
    ):
        answer = httpx.get(served.base_url + path)
        assert answer.headers["cross-origin-opener-policy"] == "unsafe-none", path
    for path in (
        f"/balance/{ACCOUNT}",
        "/docs",
        "/v1/phone/nobody",
        "/ping",
        "/nothing",
        f"/v1/view/{session_id}/session",
        "/v1/transactions",
    ):
        answer = httpx.get(served.base_url + path)
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", path


# --- caching -------------------------------------------------------------------------------------

_FOR_GOOD = "public, max-age=31536000, immutable"


def _kept(served: Served, path: str) -> tuple[int, str]:
    answer = httpx.get(served.base_url + path)
    return answer.status_code, answer.headers["cache-control"]


def test_only_the_version_that_is_served_is_kept_for_good(served: Served) -> None:
    page = httpx.get(served.base_url + "/").text
    own = re.search(r'src="(/checkout\.js)\?v=([0-9a-f]+)"', page)
    built = re.search(r'href="(/assets/[^"]+\.js)"', page)
    assert own is not None and built is not None
    assert _kept(served, f"{own[1]}?v={own[2]}") == (200, _FOR_GOOD)
    assert _kept(served, built[1]) == (200, _FOR_GOOD)
    for wrong in (
        f"?v={own[2][:-1]}",
        f"?v={own[2]}0",
        "?v=",
        "?x=1",
        f"?v={own[2]}&x=1",
        f"?v={own[2].upper()}x",
    ):
        assert _kept(served, own[1] + wrong) == (200, "no-store"), wrong
    assert _kept(served, built[1].replace(".js", "0.js")) == (404, "no-store")


def test_a_file_is_told_apart_by_its_encoding_and_by_its_tag(served: Served) -> None:
    plain = httpx.get(served.base_url + "/checkout.css", headers={"accept-encoding": "identity"})
    packed = httpx.get(served.base_url + "/checkout.css", headers={"accept-encoding": "br"})
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "br"
    assert (
        "Accept-Encoding" in plain.headers["vary"] and "Accept-Encoding" in packed.headers["vary"]
    )
    assert plain.headers["etag"] != packed.headers["etag"]
    again = httpx.get(
        served.base_url + "/checkout.css",
        headers={"accept-encoding": "identity", "if-none-match": plain.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")
    head = httpx.head(served.base_url + "/checkout.css", headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(plain.content))


def test_a_page_is_told_apart_by_its_language(served: Served, session_id: str) -> None:
    answer = httpx.get(f"{served.base_url}/?sid={session_id}")
    assert {"Accept-Language", "Accept-Encoding"} <= {
        part.strip() for part in answer.headers["vary"].split(",")
    }


# --- files ---------------------------------------------------------------------------------------


def _get(served: Served, target: str, more: str = "") -> Answer:
    head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{more}\r\n"
    return served.send(head.encode())


@pytest.mark.parametrize(
    "target",
    [
        "/../pyproject.toml", "/assets/../../../../pyproject.toml", "/%2e%2e/%2e%2e/pyproject.toml",
        "/assets/%2e%2e%2f%2e%2e%2f%2e%2e%2fpyproject.toml", "/assets/..%5c..%5cpyproject.toml",
        "//etc/passwd", "/assets//etc/passwd", "/docs/../../pyproject.toml",
        "/docs/%2e%2e/%2e%2e/pyproject.toml", "/./checkout.css", "/assets/./../checkout.css",
        "/checkout.css/", "/checkout.css/.", "/assets/", "/assets", "/balance/../pyproject.toml",
        "/%252e%252e/pyproject.toml", "/.env", "/.git/config", "/.web/reflex.json",
    ],
)  # fmt: skip
def test_nothing_but_our_files_is_served(served: Served, target: str) -> None:
    answer = _get(served, target)
    assert answer.status == 404
    for secret in (b"[project]", b"root:", b"[core]", b"background"):
        assert secret not in answer.body


def test_one_range_is_served_and_a_thousand_are_not(served: Served) -> None:
    whole = _get(served, "/checkout.css")
    one = _get(served, "/checkout.css", "Range: bytes=0-9\r\n")
    assert (one.status, one.body) == (206, whole.body[:10])
    many = ",".join(f"{n}-{n}" for n in range(0, 2000, 2))
    for ranges in (many, "0-0,2-2", ",".join(["0-"] * 1000)):
        answer = _get(served, "/checkout.css", f"Range: bytes={ranges}\r\n")
        assert (answer.status, answer.body) == (200, whole.body)
    past = _get(served, "/checkout.css", "Range: bytes=99999999-\r\n")
    assert past.status == 416
    for nonsense in ("bytes=9-1", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-" + "9" * 50):
        assert _get(served, "/checkout.css", f"Range: {nonsense}\r\n").status in (
            200,
            206,
            400,
            416,
        )
    assert served.is_well()


# --- the Host header -----------------------------------------------------------------------------


def test_no_address_is_made_of_the_host_header(served: Served, session_id: str) -> None:
    """`localhost` is allowed although the settings name another host."""
    paths = (
        f"/?sid={session_id}",
        f"/v1/view/{session_id}",
        f"/v1/view/{session_id}/session",
        "/embedResult",
        "/balance/T12345678",
        "/balance/T12345678/",
        "/v1/phone/x/",
        "/v1/sessions/",
        "/v1/view/nobody/session/",
        "/ping/",
        "/_event",
        "/openapi.json",
        "/docs",
    )
    for path in paths:
        head = (
            f"GET {path} HTTP/1.1\r\nHost: localhost:4242\r\nX-Forwarded-Host: evil.example\r\n"
            "X-Forwarded-Proto: https\r\nForwarded: host=evil.example\r\nConnection: close\r\n\r\n"
        )
        answer = served.send(head.encode())
        told = answer.body + repr(answer.headers).encode()
        assert b"localhost:4242" not in told and b"evil.example" not in told, path
