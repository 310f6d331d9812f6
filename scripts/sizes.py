"""List files and functions that are too long; exit with 1 if there are any.

`make lint` runs it. The house style says about 400 lines for a file and about 70 for a function.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES = 400, 75
SUFFIXES = (".js", ".py")
# A migration is one list of statements, and nobody changes it once it has been released.
LISTS = "backend/migrations/versions/"


def too_long(name: str, text: str) -> Iterator[str]:
    """Give a line for the file if it is too long, and for each of its functions that is."""
    lines = text.count("\n")
    if lines > FILE_LINES:
        yield f"{name}: {lines} lines, at most {FILE_LINES}"
    if not name.endswith(".py") or name.startswith(LISTS):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                place = f"{name}:{node.lineno}: {node.name}"
                yield f"{place} has {length} lines, at most {FUNCTION_LINES}"


def files() -> list[str]:
    """Return the names of the files that are, or would be, committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    names = (name for name in listed.stdout.split("\0") if name.endswith(SUFFIXES))
    return sorted({name for name in names if (ROOT / name).is_file()})


if __name__ == "__main__":
    found = [line for name in files() for line in too_long(name, (ROOT / name).read_text("utf-8"))]
    print("\n".join(found) or "nothing is too long")
    sys.exit(bool(found))
