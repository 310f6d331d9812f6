"""Every file and heading that the code and the docs cite exists."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

_CODE = (".py", ".js", ".css", ".html", ".toml", ".json", ".yml", "Makefile")

# `docs/x.md#a`, `#b` (a note) and `#c`: the bare anchors are of the file named last.
_NEXT = r"(?:\s*\([^()]*\))?(?:,|;|\s+and)[\s#]+`#[\w.-]+`"
_CITATION = re.compile(rf"(?<![\w./-])(docs/[\w./-]*[\w/])(?:#([\w.-]*\w))?`?((?:{_NEXT})*)")
_BARE = re.compile(r"`#([\w.-]+)`")

# Not `docs/reference/…`: names that only a few of us can resolve, and sections by number.
_UNRESOLVABLE = re.compile(
    r"(?<![\w/\[])(?<!\]\()reference/(?:psp/)?[\w*-]+\.md"
    r"|shared\s+design|\bdesign,?\s+sections?\s+\d"
    r"|docs/[\w./-]+\.md`?,?[\s#]+(?:sections?|parts?)\s+[A-Z]?\d"
)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    fenced = False
    for line in page.read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        heading = _HEADING.match(line)
        if fenced or heading is None:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        again = sum(1 for one in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", one))
        found.add(f"{slug}-{again}" if again else slug)
    return frozenset(found)


def missing(root: Path, path: str, anchor: str | None) -> bool:
    target = root / path
    if path.endswith("/"):
        return not target.is_dir()
    if anchor is None:
        return not target.exists()
    return not target.is_file() or anchor not in anchors(target)


def unresolved(root: Path, text: str) -> list[str]:
    """Return the citations in a file of code that lead nowhere."""
    found = [match[0] for match in _UNRESOLVABLE.finditer(text)]
    for match in _CITATION.finditer(text):
        path, anchor, more = match.groups()
        # A word of ours like `docs/x.md.` ends a sentence; other `docs/…` are no papers of ours.
        if not path.endswith((".md", "/")):
            continue
        for one in [anchor, *_BARE.findall(more)]:
            if missing(root, path, one):
                found.append(f"{path}#{one}" if one else path)
    return found


def dead_links(root: Path, page: Path, text: str) -> list[str]:
    """Return the links of a page to other pages of ours that lead nowhere."""
    found = []
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            found.append(target)
    return found


def _files(root: Path) -> Iterator[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        path = root / name
        if path.is_file() and path != Path(__file__).resolve():
            yield path


def test_every_citation_in_the_code_resolves(repository: Path) -> None:
    texts = {
        str(path.relative_to(repository)): path.read_text(encoding="utf-8")
        for path in _files(repository)
        if path.name.endswith(_CODE)
    }
    cited = sum(len(re.findall(r"docs/reference/", text)) for text in texts.values())
    assert cited > 150
    assert {
        name: bad for name, text in texts.items() if (bad := unresolved(repository, text))
    } == {}


def test_every_link_and_citation_in_the_docs_resolves(repository: Path) -> None:
    bad = {}
    for page in _files(repository):
        if page.suffix == ".md":
            text = page.read_text(encoding="utf-8")
            if found := dead_links(repository, page, text) + unresolved(repository, text):
                bad[str(page.relative_to(repository))] = found
    assert bad == {}


def reached(root: Path, start: Path) -> set[Path]:
    """Return the pages that links reach from `start`, directly or over other pages."""
    found, left = {start}, [start]
    while left:
        page = left.pop()
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            goal = (page.parent / target.partition("#")[0]).resolve()
            if goal.suffix == ".md" and goal.is_file() and goal not in found:
                found.add(goal)
                left.append(goal)
    return found


def test_every_page_is_found_from_the_index(repository: Path) -> None:
    pages = {path for path in _files(repository) if path.suffix == ".md"}
    ours = {page for page in pages if (repository / "docs") in page.parents}
    assert len(ours) > 40
    lost = ours - reached(repository, repository / "docs" / "README.md")
    assert sorted(str(page.relative_to(repository)) for page in lost) == []


@pytest.fixture
def a_root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    page = (
        "# A page\n\n## Same\n\n## Same\n\n```\n# no heading\n```\n\n### The payer's `x_y`, once\n"
    )
    (tmp_path / "docs" / "a.md").write_text(page, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Source: `docs/a.md`.", []),
        ("Source: `docs/a.md#same`, `#same-1` (why) and `#the-payers-x_y-once`.", []),
        ("# See docs/a.md#same, and `docs/`.", []),
        ("`docs/b.md`", ["docs/b.md"]),
        ("`docs/a.md#other`", ["docs/a.md#other"]),
        ("`docs/a.md#no-heading`", ["docs/a.md#no-heading"]),
        ("`docs/a.md#same`, `#gone` (why) and `#same-2`.", ["docs/a.md#gone", "docs/a.md#same-2"]),
        ("# `docs/a.md#same`,\n# `#gone`.", ["docs/a.md#gone"]),
        ("`docs/c/`", ["docs/c/"]),
        ("`reference/x-api.md#1-auth`", ["reference/x-api.md"]),
        ("Source: shared\ndesign section 4.", ["shared\ndesign"]),
        ("`docs/a.md` sections 2, 3.", ["docs/a.md` sections 2"]),
        ("reference/psp/*.md", ["reference/psp/*.md"]),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(
    a_root: Path, text: str, expected: list[str]
) -> None:
    assert unresolved(a_root, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[x](a.md) [y](a.md#same) [z](#a-page) [w](https://example.com/b.md#c)", []),
        ("[x](b.md) [y](a.md#gone) [z](#gone)", ["b.md", "a.md#gone", "#gone"]),
    ],
)
def test_a_dead_link_is_found(a_root: Path, text: str, expected: list[str]) -> None:
    assert dead_links(a_root, a_root / "docs" / "a.md", text) == expected


def test_a_page_without_a_link_is_found(a_root: Path) -> None:
    docs = a_root / "docs"
    (docs / "README.md").write_text("[a](a.md) [self](README.md) [b](https://x.example/b.md)\n")
    (docs / "b.md").write_text("# Nobody links here\n")
    assert reached(a_root, docs / "README.md") == {docs / "README.md", docs / "a.md"}
