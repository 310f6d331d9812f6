"""A browser lets nobody type more than the server accepts, so every payer gets an answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pydantic import TypeAdapter

from backend.sessions.request import Checkbox
from checkout_ui.gate.arguments import LONGEST_TEXT, Form

_LIST = """
import json, sys
from checkout_ui.checkout_ui import app
from checkout_ui.gate.allowed import _elements
from reflex.compiler import compiler
found = []
pages = {page.component: (route, page) for route, page in app._unevaluated_pages.items()}
for route, page in pages.values():
    made = compiler.compile_unevaluated_page(route, page, app.style, app.theme)
    for one in _elements(made):
        if type(one).__name__ in ("Input", "Textarea", "BaseInput") and one.read_only is None:
            found.append([str(getattr(one, name)) for name in ("type", "name", "max_length")])
json.dump(found, sys.stdout)
"""
_NOT_TYPED = {"hidden", "checkbox", "radio"}


def test_every_field_has_an_end(repository: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-c", _LIST], cwd=repository, capture_output=True, text=True, check=True
    )
    typed = [
        (name, longest)
        for kind, name, longest in json.loads(listed.stdout.splitlines()[-1])
        if kind.strip('"') not in _NOT_TYPED
    ]
    assert {'"email"', '"gift_card_number"', '"gift_card_pin"', '"discount_code"'} <= {
        name for name, _ in typed
    }
    assert [one for one in typed if not one[1].isdigit() or int(one[1]) > LONGEST_TEXT] == []


def test_every_checkbox_that_a_shop_can_ask_for_can_be_ticked() -> None:
    box = TypeAdapter(Checkbox).validate_python({"id": "\u00f8" * 255, "label": "Terms"})
    name = f"consent.{box.id}"
    assert Form(starts=("consent.",)).check({name: "on"}) == {name: "on"}
