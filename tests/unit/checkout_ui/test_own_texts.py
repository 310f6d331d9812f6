"""No text of a page shares an element, so a translating browser does no harm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import reflex as rx
from reflex_base.components.component import BaseComponent
from reflex_components_core.base.bare import Bare

from checkout_ui.balance import page as balance_page
from checkout_ui.components.own_texts import SharedText, in_own_elements
from checkout_ui.page import page

PAGES = {"checkout": page, "balance": balance_page.page}


class Shown(rx.State):
    name: str = ""
    names: list[str] = []
    many: bool = False


def beside_an_icon() -> rx.Component:
    return rx.el.p(rx.el.span(class_name="icon"), Shown.name)


def two_texts() -> rx.Component:
    return rx.el.p("Total: ", Shown.name)


def a_conditional_text_beside_another() -> rx.Component:
    return rx.el.p(rx.el.span(Shown.name), rx.cond(Shown.many, rx.fragment(" · ", Shown.name)))


def in_a_fragment() -> rx.Component:
    return rx.el.p(rx.fragment(Shown.name))


def in_a_list() -> rx.Component:
    return rx.el.ul(rx.foreach(Shown.names, lambda name: rx.el.li("- ", name, key=name)))


def text_as_a_case() -> rx.Component:
    return rx.el.p(rx.cond(Shown.many, rx.el.span("many"), Shown.name))


def a_fixed_text_before_what_comes_and_goes() -> rx.Component:
    return rx.el.p(rx.cond(Shown.many, rx.el.b(Shown.name)), "always")


@pytest.mark.parametrize(
    "wrong",
    [
        beside_an_icon,
        two_texts,
        a_conditional_text_beside_another,
        in_a_fragment,
        in_a_list,
        text_as_a_case,
        a_fixed_text_before_what_comes_and_goes,
    ],
)
def test_a_text_beside_others_is_refused(wrong: Callable[[], rx.Component]) -> None:
    with pytest.raises(SharedText, match="a text shares <"):
        in_own_elements(wrong)()


def test_a_text_alone_is_compiled_with_its_element() -> None:
    made = in_own_elements(lambda: rx.el.p(rx.el.span(Shown.name), rx.el.b("kr")))()
    modes = [child._memoization_mode for child in made.children if isinstance(child, rx.Component)]
    assert [mode.recursive for mode in modes] == [False, False]
    assert made._memoization_mode.recursive


def test_numbers_are_not_translated_and_words_are() -> None:
    made = in_own_elements(
        lambda: rx.el.p(rx.el.b(Shown.name, class_name="amount strong"), rx.el.i(Shown.name))
    )()
    children = [child for child in made.children if isinstance(child, rx.Component)]
    assert [child.custom_attrs for child in children] == [{"translate": "no"}, {}]


@pytest.mark.parametrize("name", PAGES)
def test_every_text_of_our_pages(name: str) -> None:
    """The texts are counted, so that a walk that finds nothing is noticed."""
    texts = [parent for parent, child in _below(PAGES[name]()) if isinstance(child, Bare)]
    assert len(texts) > {"checkout": 150, "balance": 25}[name]
    assert {len(parent.children) for parent in texts} == {1}


def test_nothing_that_is_compiled_is_a_text_by_itself(
    repository: Path, built_frontend: Path
) -> None:
    """Reflex makes a component `Bare_…` of a text that it keeps apart from its element."""
    assert built_frontend.is_dir()
    folders = [repository / ".web" / name for name in ("app", "app_components", "utils/components")]
    files = [file for folder in folders for file in folder.rglob("*.jsx")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    assert re.findall(r"\bBare_comp_\w+", text) == []
    # A text is the only child of its element.
    assert re.search(r'jsx\("h2",\{[^{}]*\(\{ [^{}]*\}\)\)\},[^,()]*t_rx_state_\?\.', text)


def _below(component: BaseComponent) -> Iterator[tuple[BaseComponent, BaseComponent]]:
    for child in component.children:
        yield component, child
        yield from _below(child)
