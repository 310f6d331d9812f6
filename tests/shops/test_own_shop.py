"""The pieces of docs/integrations/own-shop.md, run as they stand against the whole product."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.demo import Demo
from tests.support.host import SDK

PAGES = ("woocommerce", "magento", "opencart", "own-shop")


def piece(repository: Path, language: str, heading: str) -> str:
    """The first block of a language below a heading of the page."""
    text = (repository / "docs" / "integrations" / "own-shop.md").read_text(encoding="utf-8")
    below = text.split(f"\n## {heading}\n", 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", below, re.DOTALL)
    assert found is not None
    return found[1]


def run(demo: Demo, *command: str) -> str:
    facts = demo.facts
    environment = {
        **os.environ,
        "CHECKOUT": demo.base_url,
        "ACCOUNT": facts["account_id"],
        "CLIENT_ID": facts["client_id"],
        "CLIENT_SECRET": facts["client_secret"],
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("heading", "language", "command"),
    [
        ("Python", "python", (sys.executable, "-c")),
        ("Node", "js", ("node", "-e")),
        ("curl", "sh", ("sh", "-c")),
    ],
)
def test_the_piece_prints_the_payers_page(
    demo: Demo, repository: Path, heading: str, language: str, command: tuple[str, ...]
) -> None:
    printed = run(demo, *command, piece(repository, language, heading))
    account = demo.facts["account_id"]
    assert re.fullmatch(rf"{re.escape(demo.base_url)}/v1/view/{account}\.\w{{22}}", printed)


def test_the_sdk_is_given_our_address(browser: Browser, repository: Path) -> None:
    """A script that names no endpoint opens the frame here."""
    packages = repository / "sandbox" / "shop" / "npm" / "node_modules"
    page = browser.new_page()
    page.set_content('<div id="container"></div>')
    page.add_script_tag(content=(packages / SDK).read_text(encoding="utf-8"))
    page.add_script_tag(content=piece(repository, "js", "In the shop's own page"))
    page.evaluate("() => { dintero.embed({sid: 'T12345678.x', container: document.body}); }")
    source = page.locator("iframe").get_attribute("src")
    page.close()
    assert source is not None
    assert source.startswith("https://checkout.example/?")
    assert source.endswith("&sid=T12345678.x")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_files_that_there_are(repository: Path, name: str) -> None:
    folder = repository / "docs" / "integrations"
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    tests = set(re.findall(r"`((?:tests/shops/)?test_\w+\.py)`", text))
    assert tests
    for test in tests:
        assert (repository / "tests" / "shops" / Path(test).name).is_file(), test
    for other in re.findall(r"`(\.\./[\w-]+\.md|[\w-]+\.md)`", text):
        assert (folder / other).is_file(), other
    for section in ("What was tried", "What does not work"):
        assert f"\n## {section}\n" in text
