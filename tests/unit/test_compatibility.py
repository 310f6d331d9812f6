"""`docs/compatibility.md` says the truth: its tests exist, and nothing of the API is left out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from backend.api.app import create_api
from tests.support import every_field

_TEST = re.compile(r"`(?:\w+/)*(test_\w+)(?:::(\w+))?`")
_WORD = re.compile(r"`([^`]+)`")
_KEY = re.compile(r"[A-Za-z][\w.:-]*")


@pytest.fixture(scope="module")
def pages(request: pytest.FixtureRequest) -> dict[str, str]:
    root = Path(request.config.rootpath) / "docs"
    found = [root / "compatibility.md", *sorted((root / "compatibility").glob("*.md"))]
    return {path.name: path.read_text(encoding="utf-8") for path in found}


@pytest.fixture(scope="module")
def named(pages: dict[str, str]) -> set[str]:
    """Return every word between backticks."""
    spans = [span for text in pages.values() for span in _WORD.findall(text)]
    words = {word for span in spans for word in _KEY.findall(span)}
    return words | {part for word in words for part in word.split(".")}


@cache
def functions(root: Path) -> dict[str, set[str]]:
    """Return the tests of each test file by its name."""
    found: dict[str, set[str]] = {}
    for path in (root / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        made = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
        found.setdefault(path.stem, set()).update(made)
    return found


def test_every_test_that_is_named_exists(
    pages: dict[str, str], request: pytest.FixtureRequest
) -> None:
    known = functions(Path(request.config.rootpath))
    wrong = [
        (page, file, function)
        for page, text in pages.items()
        for file, function in _TEST.findall(text)
        if file not in known or (function and function not in known[file])
    ]
    assert wrong == []


def test_every_row_has_its_cells(pages: dict[str, str]) -> None:
    """And every row of a table with tests names one, unless it says that there is nothing."""
    wrong = []
    for page, text in pages.items():
        columns, tests = 0, False
        for line in text.splitlines():
            if not line.startswith("|"):
                columns = 0
                continue
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns, tests = len(cells), cells[-1] == "test"
            elif len(cells) != columns:
                wrong.append((page, line))
            elif tests and set(line) - set("|- ") and not cells[-1]:
                said = ("not here", "see below", "kept out", "no `status`")
                if not any(word in line for word in said):
                    wrong.append((page, line))
    assert wrong == []


def test_every_route_stands_in_it(pages: dict[str, str]) -> None:
    text = "\n".join(pages.values())
    paths: dict[str, Any] = create_api().openapi()["paths"]
    routes = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert len(routes) > 50
    assert [f"{m} {p}" for m, p in routes if f"| {m} `{p}`" not in text] == []


def test_every_field_of_ours_is_named(named: set[str]) -> None:
    schema = create_api().openapi()
    fields = {
        name
        for component in schema["components"]["schemas"].values()
        for name in component.get("properties", {})
    }
    fields |= {
        parameter["name"]
        for methods in schema["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
    }
    assert len(fields) > 150
    assert sorted(fields - named) == []


def test_every_documented_field_is_named(named: set[str]) -> None:
    fields = {*every_field.names(every_field.SESSION), *every_field.names(every_field.CARD)}
    for answer in (
        every_field.CARD_ANSWER,
        every_field.WALLET_ANSWER,
        every_field.SESSION_ANSWER,
        every_field.TRANSACTION_ANSWER,
        every_field.EVENT_ANSWER,
    ):
        fields |= set(answer)
    assert sorted(fields - named) == []
