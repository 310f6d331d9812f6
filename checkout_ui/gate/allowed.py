"""Which events our pages send: read from the pages themselves, once, when the server starts.

A client cannot call a handler that no page sends an event to. So it cannot call handlers that only
other handlers return (`watch`), handlers that run when a page loads (`load`), or any handler of
Reflex's own except the three that its script in the browser needs.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import reflex as rx
from reflex.compiler import compiler
from reflex.istate.storage import ClientStorageBase
from reflex.state import OnLoadInternalState, State, UpdateVarsInternalState
from reflex_base.components.component import BaseComponent, Component
from reflex_base.constants import CompileVars
from reflex_base.constants.state import FIELD_MARKER
from reflex_base.event import EventChain, EventHandler, EventSpec
from reflex_base.registry import RegistrationContext
from reflex_base.utils.format import format_event_handler
from reflex_base.vars.base import LiteralVar, Var
from reflex_base.vars.sequence import ConcatVarOperation, LiteralStringVar
from reflex_components_core.el.elements.forms import Form as FormElement

from checkout_ui.gate.arguments import (
    LONGEST_TEXT,
    Flag,
    Form,
    Kind,
    Number,
    Rule,
    Text,
    declared,
)

LONGEST_STORED = 300
"""Characters of a value that the browser keeps for a state."""
_IN_SCRIPT = re.compile(r"ReflexEvent\(\s*\\*[\"']([^\"'\\]+)")
_FRAMEWORK = ("reflex.", "reflex_base.", "reflex_components")


@dataclass(frozen=True, slots=True)
class Allowed:
    """`events` has the rules by full name. `connects` is the event that comes only with a
    connection. `stores` carries what the browser keeps; `storage` has the longest value of each
    such variable."""

    events: Mapping[str, Rule]
    connects: str
    stores: str
    storage: Mapping[str, int]
    loads: frozenset[str] = frozenset()
    """The page asks for all that it shows."""
    reports: frozenset[str] = frozenset()
    """With these events Reflex's script reports errors. We only count them."""


@dataclass
class _Sent:
    """How the pages send one event: the values of each argument, and the forms that send it."""

    values: dict[str, list[Var[Any]]] = field(default_factory=lambda: defaultdict(list))
    forms: list[Component] = field(default_factory=list)
    plain: bool = True
    """Every place where it is sent was read as an element's trigger."""


def allowed_of(app: rx.App) -> Allowed:
    """Read all pages of the application. RuntimeError for a handler with an argument for which
    there is no rule."""
    registered = RegistrationContext.get().event_handlers
    sent: dict[str, _Sent] = defaultdict(_Sent)
    # Two routes often show the same page, which has to be made only once.
    pages = {page.component: (route, page) for route, page in app._unevaluated_pages.items()}
    for route, page in pages.values():
        read_page(compiler.compile_unevaluated_page(route, page, app.style, app.theme), sent)
    events = {
        name: _rule(name, registered[name].handler, how)
        for name, how in sent.items()
        if name in registered and not _is_framework(registered[name].handler)
    }
    loads = _name(OnLoadInternalState, "on_load_internal")
    return Allowed(
        events={**events, loads: Rule()},
        connects=_name(State, CompileVars.HYDRATE_AND_LOAD),
        stores=_name(UpdateVarsInternalState, "update_vars_internal"),
        storage=_storage(),
        loads=frozenset({loads}),
        reports=frozenset(n for n in registered if n.endswith(".handle_frontend_exception")),
    )


def read_page(page: BaseComponent, sent: dict[str, _Sent]) -> None:
    """Add to `sent` what the elements of the page send."""
    for element in _elements(page):
        for trigger in element.event_triggers.values():
            for spec in _specs(trigger):
                how = sent[format_event_handler(spec.handler)]
                for argument, value in spec.args:
                    how.values[argument._js_expr].append(value)
                if isinstance(element, FormElement):
                    how.forms.append(element)
    # Some events are written in a script and not in a trigger, for example in a condition.
    written = f"{page.render()} {' '.join(page._get_all_hooks())}"
    for name in _IN_SCRIPT.findall(written):
        if name not in sent:
            sent[name].plain = False


def _elements(component: BaseComponent) -> Iterator[Component]:
    if not isinstance(component, Component):
        return
    yield component
    for inner in (*component.children, *component._get_components_in_props()):
        yield from _elements(inner)


def _specs(trigger: object) -> Iterator[EventSpec]:
    for event in trigger.events if isinstance(trigger, EventChain) else ():
        if isinstance(event, EventSpec):
            yield event
        elif isinstance(event, EventHandler):
            yield event()


def _is_framework(handler: EventHandler) -> bool:
    module: str = handler.fn.__module__
    return module.startswith(_FRAMEWORK)


def _name(state: type[rx.State], handler: str) -> str:
    return format_event_handler(state.event_handlers[handler])


def _storage() -> dict[str, int]:
    """Return every variable that a state of ours declares as kept by the browser."""
    known = {}
    for state in RegistrationContext.get().base_states.values():
        for name, declared_field in state.get_fields().items():
            if name in state.base_vars and isinstance(declared_field.default, ClientStorageBase):
                known[f"{state.get_full_name()}.{name}{FIELD_MARKER}"] = LONGEST_STORED
    return known


# --- what one event carries ----------------------------------------------------------------------


def _rule(name: str, handler: EventHandler, how: _Sent) -> Rule:
    kinds, optional = {}, set()
    hints = typing.get_type_hints(handler.fn)
    parameters = list(inspect.signature(handler.fn).parameters.values())[1:]
    for parameter in parameters:
        kinds[parameter.name] = _kind(name, handler, parameter.name, hints, how)
        if parameter.default is not parameter.empty:
            optional.add(parameter.name)
    return Rule(kinds, frozenset(optional))


def _kind(
    name: str, handler: EventHandler, argument: str, hints: Mapping[str, Any], how: _Sent
) -> Kind:
    hint, limits = hints.get(argument), declared(handler.fn)
    if hint is str:
        only = _constants(how.values[argument]) if how.plain else None
        return Text(limits.get(argument, LONGEST_TEXT), only)
    if hint is bool:
        return Flag()
    if hint in (int, float):
        return Number(whole=hint is int)
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type) and issubclass(origin, Mapping) and how.forms:
        names, starts = _fields(how.forms)
        return Form(names, starts, limits)
    raise RuntimeError(
        f"{name} takes {argument}, for which there is no rule: annotate it as str, bool, int or"
        " float, or take the data of a form that stands on a page"
    )


def _constants(values: list[Var[Any]]) -> frozenset[str] | None:
    """Return what the pages always send as this argument; None if the state or payer decides."""
    known = [value._var_value for value in values if isinstance(value, LiteralStringVar)]
    return frozenset(known) if known and len(known) == len(values) else None


def _fields(forms: list[Component]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the names of the forms' fields. Of a name whose end a state decides, return its
    start."""
    names, starts = set(), set()
    for form in forms:
        for element in _elements(form):
            name = getattr(element, "name", None)
            whole, start = _written(name)
            if whole is not None:
                names.add(whole)
            elif start:
                starts.add(start)
            elif name is not None:
                raise RuntimeError("a field's name must begin with a constant text")
    return frozenset(names), tuple(sorted(starts))


def _written(name: object) -> tuple[str | None, str]:
    """Return a constant name, or the constant text with which a name begins."""
    if isinstance(name, str):
        return name, ""
    if isinstance(name, ConcatVarOperation):
        first = name._var_value[0] if name._var_value else None
        return None, first._var_value if isinstance(first, LiteralStringVar) else ""
    if isinstance(name, LiteralVar):
        return str(name._var_value), ""
    return None, ""
