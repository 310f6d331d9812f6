"""`backend.frontend` builds once, and again only after a change, with one builder at a time."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from backend import frontend
from backend.frontend import (
    SHOP_PACKAGES,
    FrontendBuildFailed,
    ensure_frontend,
    ensure_shop_packages,
)


@pytest.fixture
def project(tmp_path: Path, repository: Path) -> Path:
    """Make a project like ours without its page."""
    (tmp_path / "checkout_ui").mkdir()
    (tmp_path / "checkout_ui" / "page.py").write_text("TITLE = 'one'\n")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "page.css").write_text("main { color: black }\n")
    shutil.copyfile(repository / "rxconfig.py", tmp_path / "rxconfig.py")
    shutil.copyfile(repository / ".npmrc", tmp_path / ".npmrc")
    return tmp_path


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Collect the builds. A stand-in for Reflex and npm leaves a file and a lock."""
    made: list[Path] = []

    def build(root: Path) -> None:
        made.append(root)
        (root / ".web" / "build" / "client").mkdir(parents=True, exist_ok=True)
        (root / ".web" / "build" / "client" / "index.html").write_text("<main>")
        (root / "reflex.lock").mkdir(exist_ok=True)
        (root / "reflex.lock" / "package.json").write_text("{}")

    monkeypatch.setattr(frontend, "_build", build)
    return made


def test_built_once(project: Path, builds: list[Path]) -> None:
    first = ensure_frontend(project)
    second = ensure_frontend(project)
    assert first == second == project / ".web" / "build" / "client"
    assert builds == [project]


@pytest.mark.parametrize(
    "changed",
    ["checkout_ui/page.py", "assets/page.css", "rxconfig.py", ".npmrc", "reflex.lock/package.json"],
)
def test_built_again_when_a_source_changes(project: Path, builds: list[Path], changed: str) -> None:
    ensure_frontend(project)
    (project / changed).write_text((project / changed).read_text() + "\n")
    ensure_frontend(project)
    assert builds == [project, project]


def test_built_again_when_a_source_comes_or_goes(project: Path, builds: list[Path]) -> None:
    ensure_frontend(project)
    (project / "assets" / "more.css").write_text("")
    ensure_frontend(project)
    (project / "assets" / "more.css").unlink()
    ensure_frontend(project)
    assert len(builds) == 3


def test_built_again_with_another_reflex(
    project: Path, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_frontend(project)
    monkeypatch.setattr(frontend, "version", lambda _: "0.10.2")
    ensure_frontend(project)
    assert len(builds) == 2


def test_bytecode_is_not_a_source(project: Path, builds: list[Path]) -> None:
    ensure_frontend(project)
    cache = project / "checkout_ui" / "__pycache__"
    cache.mkdir()
    (cache / "page.cpython-311.pyc").write_bytes(b"\0")
    ensure_frontend(project)
    assert builds == [project]


def test_a_source_saved_during_the_build_causes_another(
    project: Path, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = frontend._build

    def slow_build(root: Path) -> None:
        build(root)
        if len(builds) == 1:
            (root / "checkout_ui" / "page.py").write_text("TITLE = 'two'\n")

    monkeypatch.setattr(frontend, "_build", slow_build)
    ensure_frontend(project)
    ensure_frontend(project)
    ensure_frontend(project)
    assert len(builds) == 2


def test_several_at_once_build_once(project: Path, builds: list[Path]) -> None:
    together = threading.Barrier(4)
    answers: list[Path] = []

    def one() -> None:
        together.wait()
        answers.append(ensure_frontend(project))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert answers == [project / ".web" / "build" / "client"] * 4
    assert builds == [project]


def test_a_failed_build_says_why_and_is_tried_again(project: Path) -> None:
    """The real Reflex builds an app that does not compile."""
    (project / "checkout_ui" / "hosting").mkdir()
    shutil.copyfile(
        Path(__file__).parents[2] / "checkout_ui" / "hosting" / "build_plugin.py",
        project / "checkout_ui" / "hosting" / "build_plugin.py",
    )
    (project / "checkout_ui" / "__init__.py").write_text("")
    (project / "checkout_ui" / "checkout_ui.py").write_text("raise ValueError('no page today')\n")
    for _ in range(2):
        with pytest.raises(FrontendBuildFailed, match="no page today"):
            ensure_frontend(project)
    assert not (project / ".web" / "build" / "gavekort.sources").exists()


def test_the_shops_packages_are_those_of_the_lock(repository: Path) -> None:
    """Unmodified, and none of their scripts is run: npm itself compares the integrity hashes."""
    modules = ensure_shop_packages(repository)
    folder = repository / SHOP_PACKAGES
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    installed = json.loads((modules / ".package-lock.json").read_text())["packages"]
    assert {name for name in lock if name} == set(installed)
    for name, entry in installed.items():
        assert entry["integrity"] == lock[name]["integrity"]
        assert lock[name]["integrity"].startswith("sha512-")
        assert "resolved" not in lock[name], "the lock names no host"
    before = (modules / ".gavekort").stat().st_mtime_ns
    ensure_shop_packages(repository)
    assert (modules / ".gavekort").stat().st_mtime_ns == before
