"""Every text of a page is alone in an element of its own.

A browser that translates takes each text node out of the page and puts elements in its place. React
does not know of that: it goes on to write into the node that nobody sees any more, and it fails
where it has to take that node away or put something before it. Neither can happen to a text that is
all there is in its element, and that React knows as that element's content: React writes such a
text with `textContent`, whatever stands in the element by then, and moves and removes the element.

`in_own_elements` makes it so for a page, and refuses to build a page where it is not so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import reflex as rx
from reflex_base.components.component import BaseComponent
from reflex_base.constants import MemoizationMode
from reflex_components_core.base.bare import Bare
from reflex_components_core.core.foreach import Foreach
from reflex_components_core.el.element import Element

NUMBERS = frozenset({"amount", "digits", "merchant"})
"""Classes of what is never translated: an amount, a number, the shop's name."""

_WHOLE = MemoizationMode(recursive=False)
"""Reflex makes a component of its own of every text that changes, inside the element. React then
knows that text as a node beside others. With this the element and its text are one component."""


class SharedText(TypeError):
    """A text of a page is not alone in an element."""


def in_own_elements(page: Callable[[], rx.Component]) -> Callable[[], rx.Component]:
    """Decorate the function that makes a page: each text is known to React as the content of its
    element.

    The page raises SharedText where a text has siblings, or stands in what makes no element
    (`rx.fragment`, `rx.cond`): give it an `rx.el.span`.
    """

    @wraps(page)
    def make() -> rx.Component:
        made = page()
        _walk(made, whole=False)
        return made

    return make


def _walk(component: BaseComponent, *, whole: bool) -> None:
    """`whole`: an ancestor is compiled in one piece already, as what `rx.foreach` repeats is."""
    if isinstance(component, Element) and _words(component.class_name) & NUMBERS:
        component.custom_attrs = {"translate": "no", **component.custom_attrs}
    texts = [child for child in component.children if isinstance(child, Bare)]
    if texts:
        if len(component.children) > 1 or not isinstance(component, Element):
            raise SharedText(f"a text shares <{component.tag}> with others: {texts[0].contents!s}")
        if not whole:
            component._memoization_mode = _WHOLE
        return
    for child in component.children:
        _walk(child, whole=whole or isinstance(component, Foreach))


def _words(class_name: object) -> set[str]:
    """Of the classes those that are always there."""
    return set(class_name.split()) if isinstance(class_name, str) else set()
