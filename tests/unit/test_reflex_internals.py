"""What we rely on in Reflex 0.10.1 that it does not promise. Each test names one such thing;
when Reflex is upgraded, these say what to look at (`docs/reference/reflex.md`)."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import reflex as rx
from reflex_base.environment import environment

from backend.core import logs
from checkout_ui.hosting.build_plugin import (
    PLACEHOLDER_SESSION_ID,
    PRERENDERED_ROUTES,
    HostedPage,
    add_prerendered_routes,
    one_task_each,
    react_dom_apart,
    to_own_origin,
    with_last_resort,
)

SERVE = """
import json, sys
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from checkout_ui.checkout_ui import app

asset, token = sys.argv[1], "0b0c6ad0-7a4c-4e0a-9e3e-6d1c2f4c8a11"
socket = f"/_event/?EIO=4&transport=websocket&token={token}"
own, foreign = "http://127.0.0.1:8000", "https://elsewhere.example"


def greeting(client, origin):
    headers = {"Origin": origin, "Host": "127.0.0.1:8000", "Upgrade": "websocket"}
    try:
        with client.websocket_connect(socket, headers=headers) as opened:
            return opened.receive_text()[:2]
    except WebSocketDisconnect as refused:
        return refused.reason


with TestClient(app(), base_url=own) as client:
    served = client.get(asset, headers={"Origin": foreign})
    said = [greeting(client, origin) for origin in (own, foreign)]
allowed = served.headers.get("access-control-allow-origin")
json.dump([served.status_code, served.text, allowed, *said], sys.stdout)
"""


def test_reflex_is_the_version_all_this_was_seen_on() -> None:
    assert version("reflex") == "0.10.1"


def test_names_of_the_two_internal_variables() -> None:
    """`gavekort serve` sets them by name, double underscore included."""
    assert environment.REFLEX_SKIP_COMPILE.name == "__REFLEX_SKIP_COMPILE"
    mount = environment.REFLEX_MOUNT_FRONTEND_COMPILED_APP.name
    assert mount == "__REFLEX_MOUNT_FRONTEND_COMPILED_APP"


def test_the_built_page_is_served_without_compiling(
    repository: Path, built_frontend: Path, sqlite_url: str
) -> None:
    """The two variables together: no node at run time, files served by the app itself.

    And Reflex's socket, whose origin check we set ourselves, refuses a foreign page.
    """
    chunk = _environment_chunk(built_frontend)
    compiled_at = (repository / ".web" / "app").stat().st_mtime_ns
    done = subprocess.run(
        [sys.executable, "-c", SERVE, f"/assets/{chunk.name}"],
        cwd=repository,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(repository),
            "REFLEX_ENV_MODE": "prod",
            "__REFLEX_SKIP_COMPILE": "1",
            "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "1",
            "GAVEKORT_SECRET_KEY": "only-for-this-test-only-for-this-test",
            "GAVEKORT_DATABASE_URL": sqlite_url,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    status, text, allowed, said_to_own, said_to_foreign = json.loads(done.stdout)
    assert (status, text) == (200, chunk.read_text(encoding="utf-8"))
    assert (repository / ".web" / "app").stat().st_mtime_ns == compiled_at
    assert allowed is None
    assert said_to_foreign == '"https://elsewhere.example is not an accepted origin."'
    assert said_to_own == "0{"


def test_the_places_that_tell_of_clients_are_there() -> None:
    """`backend.core.logs` leaves their lines out by these names."""
    for name, place in logs._ABOUT_CLIENTS:
        own = ("engineio.base_server", "engineio.async_server")
        sources = [
            Path(importlib.import_module(module).__file__ or "").read_text(encoding="utf-8")
            for module in (own if name == "engineio.server" else (name,))
        ]
        assert any(f"def {place}(" in source for source in sources), (name, place)


def test_the_wraps_that_we_take_out_or_replace_have_these_keys() -> None:
    assert {(5, "Overlay"), (55, "ErrorBoundary")} <= set(rx.App().app_wraps)


def test_router_configuration_is_json_after_export_default(built_frontend: Path) -> None:
    source = (built_frontend.parents[1] / "react-router.config.js").read_text(encoding="utf-8")
    head = "export default "
    assert source.startswith(head)
    compiled = json.loads(source.strip().removeprefix(head).rstrip(";"))
    assert compiled["prerender"] == list(PRERENDERED_ROUTES)
    # And so it stays when the hook meets its own output.
    assert json.loads(add_prerendered_routes(source)[len(head) : -1]) == compiled


def test_both_routes_are_prerendered_with_their_content(built_frontend: Path) -> None:
    for page in ("index.html", f"v1/view/{PLACEHOLDER_SESSION_ID}/index.html"):
        html = (built_frontend / page).read_text(encoding="utf-8")
        assert "<main" in html, f"{page} is an empty shell"
        assert 'id="first-total"' in html, f"{page} has no place for the total"


def test_the_bundle_talks_to_its_own_origin(built_frontend: Path) -> None:
    chunk = _environment_chunk(built_frontend)
    source = chunk.read_text(encoding="utf-8")
    assert '"://"+location.host+"/_event"' in source
    for file in built_frontend.rglob("*.js"):
        assert not re.search(r"//localhost:\d", file.read_text(encoding="utf-8")), file.name
    # Patched before the compressed neighbours were written, so they say the same.
    packed = chunk.with_name(chunk.name + ".gz").read_bytes()
    assert gzip.decompress(packed).decode("utf-8") == source
    assert chunk.with_name(chunk.name + ".br").is_file()


def test_the_patch_keeps_scheme_and_path() -> None:
    before = 'E={EVENT:"ws://localhost:8000/_event",PING:`http://localhost:8000/ping`}'
    secure = 'location.protocol==="https:"'
    assert to_own_origin(before) == (
        f'E={{EVENT:({secure}?"wss":"ws")+"://"+location.host+"/_event",'
        f'PING:({secure}?"https":"http")+"://"+location.host+"/ping"}}'
    )


@pytest.mark.parametrize("route", PRERENDERED_ROUTES)
def test_each_chunk_is_a_script_of_its_own(built_frontend: Path, route: str) -> None:
    page = (built_frontend / route.strip("/") / "index.html").read_text(encoding="utf-8")
    preloaded = set(re.findall(r'<link rel="modulepreload" href="([^"]+)"', page))
    scripts = re.findall(r'<script type="module" async="" src="([^"]+)">', page)
    # The page's own script starts React once it has told it of the routes.
    left = {chunk.rpartition("/")[2].partition("-")[0] for chunk in preloaded - set(scripts)}
    assert left == {"manifest", "entry.client"}
    assert len(scripts) == len(preloaded) - 2
    assert one_task_each(page).count("</head>") == 1
    with pytest.raises(RuntimeError, match="preloads no chunks"):
        one_task_each("<html><head></head></html>")


def test_react_dom_is_a_chunk_of_its_own(built_frontend: Path) -> None:
    (chunk,) = (built_frontend / "assets").glob("react-dom-*.js")
    assert chunk.stat().st_size > 100_000
    with pytest.raises(RuntimeError, match="does not split the code"):
        react_dom_apart("export default {}")


def test_the_pages_root_has_our_error_page(repository: Path, built_frontend: Path) -> None:
    """React Router looks for this export; without it, it shows a stack trace."""
    assert built_frontend.is_dir()
    root = (repository / ".web" / "app" / "root.jsx").read_text(encoding="utf-8")
    assert root.count("export function ErrorBoundary()") == 1
    assert with_last_resort(root) == root
    chunks = [file.read_text(encoding="utf-8") for file in built_frontend.rglob("*.js")]
    assert sum("crash.heading" in chunk and "if-it-fails" in chunk for chunk in chunks) == 1
    # Reflex's own error page is not there at all.
    reflexs = "An error occurred while rendering this page"
    assert [chunk for chunk in chunks if reflexs in chunk] == []
    for other in ("export function Layout({children}) {} function ErrorBoundary() {}", "nothing"):
        with pytest.raises(RuntimeError, match="is not what it was"):
            with_last_resort(other)


def test_a_build_without_anything_to_patch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "reflex-env-abc.js").write_text('var e="https://example.com"')
    with pytest.raises(RuntimeError, match="expected one environment chunk to patch, found 0"):
        HostedPage().post_build(static_dir=tmp_path)


def test_the_build_leaves_the_lock_as_it_was_committed(
    repository: Path, built_frontend: Path
) -> None:
    assert built_frontend.is_dir()
    command = ["git", "status", "--porcelain", "--", "reflex.lock"]
    changed = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert changed.stdout == ""
    for name in ("package.json", "package-lock.json"):
        used = (repository / ".web" / name).read_bytes()
        assert (repository / "reflex.lock" / name).read_bytes() == used


def test_the_lock_pins_every_package_by_integrity_and_names_no_place(repository: Path) -> None:
    lock = json.loads((repository / "reflex.lock" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 50
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def _environment_chunk(built: Path) -> Path:
    chunks = list((built / "assets").glob("reflex-env-*.js"))
    assert len(chunks) == 1
    return chunks[0]
