"""Run the tests against one mutant: in a process of its own, which can neither hang nor do harm.

A warm process that has imported all packages forks a child for each mutant. The child imports the
changed module in place of the real one and runs pytest until the first failure. The child and
whatever it starts end with their time.
"""

from __future__ import annotations

import ast
import contextlib
import os
import resource
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest


class Outcome(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"
    """The change made the tests run for too long, and a developer would have noticed that."""
    BROKEN = "broken"
    """No test ran at all."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`module` is imported with `tree` as its code; None is the module as it stands. The groups of
    `tests` (arguments of pytest) run one after the other, until one fails. `seconds` is how long
    the child may take."""

    module: str
    path: Path
    tree: ast.Module | None
    tests: tuple[tuple[str, ...], ...]
    seconds: float


class _Changed(MetaPathFinder, Loader):
    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self.trial.module or self.trial.tree is None:
            return None
        return spec_from_loader(fullname, self, origin=str(self.trial.path))

    def exec_module(self, module: ModuleType) -> None:
        assert self.trial.tree is not None
        module.__file__ = str(self.trial.path)
        exec(compile(self.trial.tree, str(self.trial.path), "exec"), module.__dict__)  # noqa: S102


@dataclass(slots=True)
class _Child:
    trial: Trial
    done: Callable[[Outcome], None]
    pid: int
    ended: int
    until: float


def run_all(
    trials: Sequence[tuple[Trial, Callable[[Outcome], None]]], *, at_once: int, directory: Path
) -> None:
    """Run the trials, so many at once, and tell each what became of it."""
    waiting = list(reversed(trials))
    children: dict[int, _Child] = {}
    while waiting or children:
        while waiting and len(children) < at_once:
            trial, done = waiting.pop()
            child = _start(trial, done, directory)
            children[child.ended] = child
        first = min(child.until for child in children.values())
        ready, _, _ = select.select(list(children), [], [], max(0.0, first - time.monotonic()))
        late = [c.ended for c in children.values() if c.until <= time.monotonic()]
        for ended in {*ready, *late}:
            child = children.pop(ended)
            child.done(_end(child))


def _start(trial: Trial, done: Callable[[Outcome], None], directory: Path) -> _Child:
    # Nobody writes to this pipe: it is at its end when the child is.
    ended, held_by_child = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ended)
        os.set_inheritable(held_by_child, False)
        _be_child(trial, directory)
    os.close(held_by_child)
    return _Child(trial, done, pid, ended, time.monotonic() + trial.seconds)


def _end(child: _Child) -> Outcome:
    late = child.until <= time.monotonic()
    # The child leads a group of its own, with whatever it has started.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)
    os.close(child.ended)
    _, status = os.waitpid(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return Outcome.SURVIVED
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        return Outcome.BROKEN
    # A failed test, a module that can not be imported any more, or a crash.
    return Outcome.TIMED_OUT if late or code == -signal.SIGXCPU else Outcome.KILLED


def _be_child(trial: Trial, directory: Path) -> None:
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        os.setsid()
        seconds = int(trial.seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        with tempfile.TemporaryFile() as output:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            _forget(trial.module)
            sys.meta_path.insert(0, _Changed(trial))
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            for group in trial.tests:
                code = int(pytest.main(_arguments(directory, group)))
                if code:
                    break
    finally:
        # Nothing of the parent's is cleaned up by its copy.
        os._exit(code)


PLUGINS = ("pytest_asyncio.plugin", "_hypothesis_pytestplugin", "pytest_timeout")
"""The only plugins that these tests need: each more costs a moment for every mutant."""


def _forget(module: str) -> None:
    """Forget a module that is imported already, and all of its package, which may have parts of
    it: they are imported anew."""
    if module not in sys.modules:
        return
    package = module.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def _arguments(directory: Path, group: tuple[str, ...]) -> list[str]:
    plugins = [part for name in PLUGINS for part in ("-p", name)]
    quiet = ["-x", "-q", "--no-header", "--no-summary", "--tb=no", "-p", "no:cacheprovider"]
    quiet += ["-p", "no:unraisableexception"]  # it collects all garbage, twice
    place = f"--basetemp={directory / str(os.getpid())}"
    return [*plugins, *quiet, "--assert=plain", "--hypothesis-profile=mutants", place, *group]
