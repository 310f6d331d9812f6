"""`make mutants` notices a change that a test must notice, and nothing can hang it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutations import MESSAGE, mutants_of, mutated

SOURCE = '''
"""A docstring stays as it is."""

LIMITS = {"one": 1, "two": 2}


def takes(amount: int, limit: int = 5) -> bool:
    """So does this one."""
    if amount > limit:
        raise ValueError("this is too much")
    return 0 < amount <= limit
'''


def changes(source: str) -> dict[str, str]:
    """Return the kind of each change."""
    return {f"{one.before} -> {one.after}": one.kind for one in mutants_of("m", source)}


def test_every_likely_mistake_is_made_once() -> None:
    assert changes(SOURCE) == {
        "'one' -> 'one~'": "constant",
        "'one' -> (nothing)": "entry",
        "'two' -> 'two~'": "constant",
        "'two' -> (nothing)": "entry",
        "1 -> 2": "constant",
        "2 -> 3": "constant",
        "5 -> 6": "constant",
        "if amount > limit: -> if True:": "condition",
        "if amount > limit: -> if False:": "condition",
        "amount > limit -> amount >= limit": "comparison",
        "raise ValueError('this is too much') -> pass": "statement",
        "'this is too much' -> 'this is too much~'": MESSAGE,
        "return 0 < amount <= limit -> return None": "return",
        "0 < amount <= limit -> 0 < amount": "condition",
        "0 < amount <= limit -> amount <= limit": "condition",
        "0 < amount <= limit -> 0 <= amount <= limit": "comparison",
        "0 < amount <= limit -> 0 < amount < limit": "comparison",
        "0 -> 1": "constant",
    }


def test_a_change_changes_one_place() -> None:
    whole = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutants_of("m", SOURCE):
        changed = ast.unparse(mutated(SOURCE, mutant)).splitlines()
        different = [(a, b) for a, b in zip(whole, changed, strict=True) if a != b]
        assert len(different) == 1, mutant.name


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("a += b", "a += b -> a = b"),
        ("a += b", "a += b -> a -= b"),
        ("f(a, key=1)", "key=1 -> (nothing)"),
        ("x = query.order_by(a)", "query.order_by(a) -> query"),
        ("x = q(ROUND_HALF_UP)", "ROUND_HALF_UP -> 'ROUND_HALF_EVEN'"),
        ("x = frozenset({A, B})", "A -> (nothing)"),
        ("x = not a", "not a -> a"),
        ("x = a or b", "a or b -> a and b"),
        ("x = a or b", "a or b -> b"),
        ("x = 1 if a else 2", "1 if a else 2 -> 2"),
        ("x = min(a, b)", "min -> max"),
        ("x = [a for a in b if c]", "c -> (nothing)"),
    ],
)
def test_these_mistakes_are_made(source: str, change: str) -> None:
    assert change in changes(source)


_RUN = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from hypothesis import settings
from tests.mutants.mutations import mutants_of, mutated
from tests.mutants.running import Trial, run_all
settings.register_profile("mutants")
folder = Path({folder!r})
source = (folder / "counting.py").read_text()
trials = []
for mutant in mutants_of("counting", source):
    trial = Trial("counting", folder / "counting.py", mutated(source, mutant), (({test!r},),), 20)
    trials.append((trial, lambda outcome, name=mutant.name: print(f"{{name}}: {{outcome}}")))
run_all(trials, at_once=2, directory=folder)
"""


def test_what_hangs_is_stopped_and_what_survives_is_named(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "counting.py").write_text(
        "def count(amount):\n    while amount > 0:\n        amount -= 1\n    return amount\n"
    )
    test = tmp_path / "test_counting.py"
    test.write_text("from counting import count\n\ndef test_it():\n    assert count(3) == 0\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    code = _RUN.format(folder=str(tmp_path), test=str(test))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.splitlines()) == [
        "counting:count: 0 -> 1: killed",
        "counting:count: 1 -> 2: killed",
        "counting:count: amount -= 1 -> amount += 1: timed out",
        "counting:count: amount -= 1 -> amount = 1: timed out",
        "counting:count: amount -= 1 -> pass: timed out",
        "counting:count: amount > 0 -> amount >= 0: killed",
        "counting:count: return amount -> return None: killed",
    ]


def test_the_command_prints_a_score(repository: Path) -> None:
    """The command makes one change of the real rules that a test must notice."""
    command = [sys.executable, "-m", "tests.mutants", "--quick", "--workers", "1"]
    change = "transaction:status_of: position.released.total > 0 -> position.released.total >= 0"
    done = subprocess.run(
        [*command, "--only", change], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of     1   100.0 %" in done.stdout


def test_no_change_is_no_score(repository: Path) -> None:
    command = [sys.executable, "-m", "tests.mutants", "--only", "no such change"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 1


def test_what_is_said_to_change_nothing_exists(repository: Path) -> None:
    """A reason for a change that nobody makes any more would hide the next one of its name."""
    import tomllib

    text = (repository / "tests" / "mutants" / "equivalent.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)["equivalent"]
    files = [
        *(repository / "backend" / "rules").glob("*.py"),
        *(repository / "backend" / "cards").glob("ledger*.py"),
    ]
    names = {
        mutant.name
        for file in files
        for mutant in mutants_of(file.stem, file.read_text(encoding="utf-8"))
    }
    listed = [name for group in groups for name in group["mutants"]]
    assert sorted(set(listed) - names) == []
    assert len(listed) == len(set(listed))
    assert all(group["reason"] for group in groups)
