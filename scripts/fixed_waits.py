"""List where the tests wait for a time instead of a thing; exit with 1 if they do so anywhere.

`make lint` runs it. `tests/support/waiting.py` has the helpers that tests use instead.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAY_SLEEP = {
    "tests/support/waiting.py": "the helpers themselves",
    "tests/bench/": "measurements: what they measure needs its time",
}
"""Files and folders, each with the reason."""


def fixed_waits(source: str) -> Iterator[int]:
    """Return the lines that sleep. `sleep(0)` lets others run, and waits for no time."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        nothing = [isinstance(one, ast.Constant) and one.value == 0 for one in node.args]
        if name == "wait_for_timeout" or (name == "sleep" and nothing != [True]):
            yield node.lineno


def found() -> list[str]:
    """Return a line for each place."""
    return [
        f"{name}:{line}: waits for a time: use tests/support/waiting.py"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if not (name := path.relative_to(ROOT).as_posix()).startswith(tuple(MAY_SLEEP))
        for line in fixed_waits(path.read_text(encoding="utf-8"))
    ]


if __name__ == "__main__":
    places = found()
    print("\n".join(places) or "no fixed waits")
    sys.exit(bool(places))
