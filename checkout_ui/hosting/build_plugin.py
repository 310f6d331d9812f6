"""What our build does in addition to Reflex's: prerendered pages, and one bundle for every host.

It uses Reflex 0.10.1's public hooks, but depends on unpublished details of its output
(`docs/reference/reflex.md#build`), which `tests/unit/test_reflex_internals.py` checks.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import reflex as rx

PLACEHOLDER_SESSION_ID = "_"
"""It stands for the session id, or the account's, in a prerendered page. No real id is like it."""

CHECKOUT_ROUTES = ("/", f"/v1/view/{PLACEHOLDER_SESSION_ID}")
BALANCE_ROUTE = f"/balance/{PLACEHOLDER_SESSION_ID}"
PRERENDERED_ROUTES = (*CHECKOUT_ROUTES, BALANCE_ROUTE)

_ROUTER_CONFIG = "react-router.config.js"
_BUNDLER_CONFIG = "vite.config.js"
_ROOT = "app/root.jsx"
_LAST_RESORT = Path(__file__).parent / "last_resort.js"
_GROUPS = "          groups: [\n"
_REACT_DOM = '            { test: /node_modules.react-dom/, name: "react-dom" },\n'
_PRELOADED = re.compile(r'<link rel="modulepreload" href="(/assets/(?!manifest-|entry\.)[^"]+)"/>')
_ENV_CHUNKS = "assets/reflex-env-*.js"
_BAKED_ADDRESS = re.compile(r"""[`"'](ws|http)s?://localhost:\d+(/[^`"']*)?[`"']""")


class HostedPage(rx.plugins.Plugin):
    """Prerenders the dynamic routes once each, makes the bundle talk to its own origin, and keeps
    the browser's tasks short."""

    def pre_compile(self, **context: Any) -> None:
        """Name the dynamic routes too, because React Router would prerender only static routes."""
        context["add_modify_task"](_ROUTER_CONFIG, add_prerendered_routes)
        context["add_modify_task"](_BUNDLER_CONFIG, react_dom_apart)
        context["add_modify_task"](_ROOT, with_last_resort)

    def post_build(self, **context: Any) -> None:
        """Replace the back-end address that is fixed in the built chunk, before it is compressed,
        and make the browser evaluate each chunk on its own.

        Raises RuntimeError if Reflex's output is not as expected, because a page that talks to
        localhost must never be served.
        """
        chunks = list(Path(context["static_dir"]).glob(_ENV_CHUNKS))
        patched = [chunk for chunk in chunks if _patch(chunk)]
        if len(patched) != 1:
            raise RuntimeError(f"expected one environment chunk to patch, found {len(patched)}")
        for route in PRERENDERED_ROUTES:
            file = Path(context["static_dir"], route.strip("/"), "index.html")
            file.write_text(one_task_each(file.read_text(encoding="utf-8")), encoding="utf-8")


def add_prerendered_routes(source: str) -> str:
    """Return the router's configuration (`export default {…};`) with our routes to prerender."""
    head = "export default "
    config = json.loads(source.strip().removeprefix(head).rstrip(";"))
    if config.get("prerender"):
        config["prerender"] = list(PRERENDERED_ROUTES)
    return f"{head}{json.dumps(config)};"


def react_dom_apart(source: str) -> str:
    """Return the bundler's configuration with React's largest part in a chunk of its own: together
    with what starts the page it would be one long task. RuntimeError if there is no such
    place."""
    if _REACT_DOM in source:
        return source
    if source.count(_GROUPS) != 1:
        raise RuntimeError(f"{_BUNDLER_CONFIG} does not split the code as it did")
    return source.replace(_GROUPS, _GROUPS + _REACT_DOM)


def with_last_resort(source: str) -> str:
    """Return the page's root with an error page of ours in the place of React Router's, which shows
    a stack trace. RuntimeError if the root has one already."""
    last = _LAST_RESORT.read_text(encoding="utf-8")
    if last in source:
        return source
    if "ErrorBoundary()" in source or "Layout({" not in source:
        raise RuntimeError(f"{_ROOT} is not what it was")
    return source + last


def one_task_each(page: str) -> str:
    """Return a prerendered page whose chunks are scripts of their own. Otherwise the browser would
    evaluate all of them at once, as imports of the page's own script. That script still starts
    React."""
    scripts = "".join(
        f'<script type="module" async="" src="{chunk}"></script>'
        for chunk in dict.fromkeys(_PRELOADED.findall(page))
    )
    if not scripts:
        raise RuntimeError("the page preloads no chunks as it did")
    return page.replace("</head>", f"{scripts}</head>", 1)


def to_own_origin(source: str) -> str:
    """Make `"ws://localhost:8000/_event"` an expression on the page's own `location`."""

    def expression(match: re.Match[str]) -> str:
        scheme, path = match[1], match[2] or ""
        return f'(location.protocol==="https:"?"{scheme}s":"{scheme}")+"://"+location.host+"{path}"'

    return _BAKED_ADDRESS.sub(expression, source)


def _patch(chunk: Path) -> bool:
    before = chunk.read_text(encoding="utf-8")
    after = to_own_origin(before)
    chunk.write_text(after, encoding="utf-8")
    return after != before
