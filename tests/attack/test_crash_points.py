"""No variable of the environment lets a stranger, or a mistake, kill an installed product."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.core import crash_points

PROGRAM = """
import os
from backend.core import crash_points
from backend.core.settings import Settings
for name in crash_points.POINTS:
    os.environ["GAVEKORT_CRASH_AT"] = name
    Settings(secret_key="x" * 32)
    crash_points.point(name)
print("alive")
"""


@pytest.mark.parametrize("name", ["GAVEKORT_CRASH_AT", "GAVEKORT_FAULTS", "CRASH_AT"])
def test_the_environment_switches_no_crash_point_on(repository: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, name: crash_points.POINTS[0]},
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr


def test_what_kills_stands_outside_the_product(repository: Path) -> None:
    source = (repository / "backend" / "core" / "crash_points.py").read_text()
    assert "import os" not in source
    assert "signal" not in source
    users = [
        path.name
        for path in (repository / "backend").rglob("*.py")
        if "build_in(" in path.read_text() and path.name != "crash_points.py"
    ]
    assert users == []
