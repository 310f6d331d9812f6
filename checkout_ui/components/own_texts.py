"""Every text of a page is alone in an element of its own.

A browser that translates takes each text node out of the page and puts elements in its place. React
does not know this. It still writes into the old node, which nobody sees any more, and it fails when
it has to remove that node or to insert something before it. Neither can happen to a text that is
the whole content of its element. React writes such a text with `textContent`, whatever the element
holds by then, and it moves and removes the whole element.

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
"""Elements with these classes are never translated: amounts, numbers, the shop's name."""

_WHOLE = MemoizationMode(recursive=False)
"""Reflex makes a separate component inside the element for every text that changes. For React that
text is then a node among others. With this mode the element and its text are one component."""


class SharedText(TypeError):
    """A text of a page is not alone in an element."""


def in_own_elements(page: Callable[[], rx.Component]) -> Callable[[], rx.Component]:
    """Decorate the function that makes a page, so that React knows each text as the content of its
    element.

    Making the page raises SharedText if a text has siblings, or is inside something that makes no
    element (`rx.fragment`, `rx.cond`). Put such a text into an `rx.el.span`.
    """

    @wraps(page)
    def make() -> rx.Component:
        made = page()
        _walk(made, whole=False)
        return made

    return make


def _walk(component: BaseComponent, *, whole: bool) -> None:
    """Check a component. `whole` says that an ancestor is compiled in one piece already, as inside
    `rx.foreach`."""
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
    """Return the classes that the element always has."""
    return set(class_name.split()) if isinstance(class_name, str) else set()
