"""Each file and folder that a page of ours names exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_ROOMS = "backend|checkout_ui|sandbox|tests|assets|scripts|back_office"
_PATH = re.compile(rf"`((?:{_ROOMS})/[\w./-]*[\w/])`")


def named(text: str) -> list[str]:
    return _PATH.findall(text)


def test_every_path_in_the_docs_exists(repository: Path) -> None:
    command = ["git", "ls-files", "-z", "*.md"]
    listed = subprocess.run(command, cwd=repository, capture_output=True, check=True, text=True)
    texts = {
        name: (repository / name).read_text(encoding="utf-8")
        for name in filter(None, listed.stdout.split("\0"))
    }
    assert sum(len(named(text)) for text in texts.values()) > 50
    gone = {
        name: bad
        for name, text in texts.items()
        if (bad := [path for path in named(text) if not (repository / path).exists()])
    }
    assert gone == {}


def test_a_path_is_found() -> None:
    text = "`backend/x.py`, `tests/unit` and `checkout_ui/steps/`, but `GET /v1/x` and `backend`"
    assert named(text) == ["backend/x.py", "tests/unit", "checkout_ui/steps/"]
