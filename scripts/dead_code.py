"""List functions, methods and classes that nothing uses; exit with 1 if there are any.

`make lint` runs it. What only a framework calls by its name stands in `CALLED_BY_NAME`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parent.parent
PATHS = ("backend", "checkout_ui", "sandbox", "rxconfig.py")
KINDS = {"function", "method", "class", "property", "import", "unreachable_code"}
CALLED_BY_DECORATOR = [
    "@*.get", "@*.post", "@*.put", "@*.patch", "@*.delete", "@*.api_route", "@*.route", "@app.*",
    "@router.*", "@*.exception_handler", "@*_validator", "@field_validator", "@model_validator",
    "@event.listens_for", "@*.listens_for", "@*.middleware", "@rx.event", "@rx.var",
]  # fmt: skip
CALLED_BY_NAME = {
    # SQLAlchemy's column types, httpcore's connections, logging, uvicorn's protocols.
    "process_bind_param", "process_result_value", "connect_unix_socket", "handleError",
    "_unsupported_upgrade_warning", "BoundedWebSocket",
    # Reflex's middleware and build plugins.
    "preprocess", "pre_compile", "post_build",
    # The verbs of SMTP, looked up by their names.
    "_ehlo", "_helo", "_starttls", "_auth", "_mail", "_rcpt", "_data", "_rset", "_noop",
    # One round of a loop of the worker, and crash points: for tests.
    "deliver_due", "capture_due", "look_due", "reconcile_due", "build_in",
}  # fmt: skip


def unused() -> list[str]:
    """Return a line for each place that nothing uses."""
    finder = Vulture(ignore_names=sorted(CALLED_BY_NAME), ignore_decorators=CALLED_BY_DECORATOR)
    finder.scavenge([str(ROOT / path) for path in PATHS], exclude=["*/migrations/versions/*"])
    # Templates use what they are given by its name.
    templates = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in PATHS
        for path in (ROOT / folder).rglob("*.html")
    )
    return [
        f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: unused {item.typ} {item.name!r}"
        for item in finder.get_unused_code()
        if item.typ in KINDS and item.name not in templates
    ]


if __name__ == "__main__":
    found = unused()
    print("\n".join(found) or "no dead code")
    sys.exit(bool(found))
