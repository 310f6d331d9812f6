"""What the repository's own files must not say."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from backend import __version__

# Where packages come from is the installing machine's business; only hashes are ours.
# (In pieces, so that this file does not name them either.)
_REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "npmmirror", "com"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
    )
]
_MACHINE_PATH = re.compile(
    r"(?<![\w.\-])/(?:root|work|Users/\w+|home/\w+|opt/(?:wheels|pypi[\w-]*))/\w"
)


def _texts(repository: Path) -> Iterator[tuple[str, str]]:
    """Return name and content of every text file that is or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=repository, capture_output=True, check=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        path = repository / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            yield name, content.decode("utf-8")


def test_no_file_names_a_registry_host(repository: Path) -> None:
    found = [
        (name, host) for name, text in _texts(repository) for host in _REGISTRIES if host in text
    ]
    assert found == []


def test_no_file_holds_a_path_of_some_machine(repository: Path) -> None:
    found = [
        (name, match[0])
        for name, text in _texts(repository)
        for match in _MACHINE_PATH.finditer(text)
    ]
    assert found == []


def test_the_python_lock_pins_everything_by_hash(repository: Path) -> None:
    lines = (repository / "requirements.lock").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert len(entries) > 80
    assert [line for line in entries if not re.match(r"[a-z0-9\-]+==[^ ]+( ; .+)? \\$", line)] == []
    assert not any(line.startswith("-") for line in entries)
    assert sum("--hash=sha256:" in line for line in lines) > len(entries)


def test_the_version_stands_in_one_place(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "backend.__version__"}
    assert version("gavekort") == __version__
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert released[0] == __version__
