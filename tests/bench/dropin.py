"""Adyen's Drop-in with card, gift card and a redirect method, for the same eyes as our page.

Built from the npm package as its guide says (`adyen/`), served by a server like ours: brotli, and
assets kept for good. Their back end is played here and answers at once; of the card fields, which
come in frames from their own servers, a frame stands in that says only that it is configured, so
that whatever those weigh is not counted against them. "Works" is the card's own `onConfigSuccess`:
before it a spinner covers the form.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from tests.bench.running import REPOSITORY

_HERE = Path(__file__).parent / "adyen"
_DIST = _HERE / "dist"
_BIN = Path(sys.executable).parent
WORKS = "document.body?.dataset.ready"

_METHODS = {
    "paymentMethods": [
        {"type": "scheme", "name": "Cards", "brands": ["visa", "mc"]},
        {"type": "giftcard", "name": "Gift card", "brand": "giftcard"},
        {"type": "klarna", "name": "Klarna"},
    ]
}
# The frame reports that it is configured, as theirs do, and is otherwise empty.
_FIELD = """<!doctype html><title>field</title><script>
addEventListener('message', (event) => {
  const { numKey, fieldType } = JSON.parse(event.data);
  const answer = JSON.stringify({ action: 'config', numKey, fieldType });
  parent.postMessage(answer, location.origin);
});
</script>"""
_COMPRESS = """
const fs = require('node:fs'), zlib = require('node:zlib');
for (const file of process.argv.slice(1)) {
  fs.writeFileSync(file + '.br', zlib.brotliCompressSync(fs.readFileSync(file)));
}
"""


def build() -> None:
    """Install what the lock file names, and build it; once, until it changes."""
    done = _DIST / ".done"
    sources = [_HERE / name for name in ("package-lock.json", "index.html", "main.js")]
    if done.exists() and all(s.stat().st_mtime < done.stat().st_mtime for s in sources):
        return
    shutil.rmtree(_DIST, ignore_errors=True)
    npmrc = str(REPOSITORY / ".npmrc")
    _run("npm", "ci", "--userconfig", npmrc, "--ignore-scripts", "--silent")
    _run("node", "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn")
    _run("node", "-e", _COMPRESS, "--", *(str(file) for file in _DIST.rglob("*.*")))
    done.touch()


def _run(program: str, *arguments: str) -> None:
    subprocess.run([str(_BIN / program), *arguments], cwd=_HERE, check=True)


def _file(request: Request) -> Response:
    path = request.path_params.get("path") or "index.html"
    file = (_DIST / path).resolve()
    if not file.is_relative_to(_DIST) or not file.is_file():
        return Response(status_code=404)
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8"}
    kept = "no-store" if file.suffix == ".html" else "public, max-age=31536000, immutable"
    return FileResponse(
        f"{file}.br",
        media_type=kinds[file.suffix],
        headers={"content-encoding": "br", "cache-control": kept},
    )


def _stub(request: Request) -> Response:
    """Their back end: payment methods and translations; a card field's frame that stays empty."""
    path = request.url.path
    if path == "/api/paymentMethods":
        return JSONResponse(_METHODS)
    if path.endswith(".json"):
        return Response(json.dumps({}), media_type="application/json")
    if path.endswith(".html"):
        return Response(_FIELD, media_type="text/html")
    if path.endswith(".svg"):
        drawn = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="26"/>'
        return Response(drawn, media_type="image/svg+xml")
    return JSONResponse({})


@contextmanager
def serving() -> Iterator[str]:
    """Serve the built page and yield its address."""
    app = Starlette(
        routes=[
            Route("/api/{path:path}", _stub, methods=["GET", "POST"]),
            Route("/checkoutshopper/{path:path}", _stub, methods=["GET", "POST"]),
            Route("/{path:path}", _file),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
