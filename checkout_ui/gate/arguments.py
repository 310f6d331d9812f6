"""Check what an event may carry: types, lengths, numbers of fields. Pure.

A kind's `check` returns the value as the handler gets it. It raises Refused for every other value,
and Refused never says what came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

LONGEST_TEXT = 500
"""Characters of an argument, and of a form's field, that declares nothing else."""
MAX_FIELDS = 100
_LONGEST_NAME = 300
"""A checkbox's name ends with the id that the shop gives it, of up to 255 characters."""
_LARGEST = 2**53
"""A whole number that a browser still counts exactly."""
_ENTRIES = "__reflex_form_data__"
"""Under this key Reflex's page sends a form's fields as a list of pairs."""
_DECLARED = "_gavekort_longest"

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Refused(Exception):
    """No page of ours sends this message. `reason` is one of our own words, under which we count
    it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def longest(**characters: int) -> Callable[[Handler], Handler]:
    """Declare beside a handler how long its arguments may be, or the fields of its form, where that
    is not LONGEST_TEXT. The names are those of the arguments or of the fields."""

    def declare(handler: Handler) -> Handler:
        setattr(handler, _DECLARED, characters)
        return handler

    return declare


def declared(handler: Callable[..., Any]) -> Mapping[str, int]:
    """Return what `longest` has declared for the handler."""
    return getattr(handler, _DECLARED, {})


def text(value: object, characters: int, reason: str = "argument") -> str:
    """Return `value` if it is a text of at most so many characters that every database can keep.
    Refused otherwise."""
    if not isinstance(value, str) or len(value) > characters or "\0" in value:
        raise Refused(reason)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # JSON can carry half of a pair of surrogates, which is no text anywhere else.
        raise Refused(reason) from error
    return value


@dataclass(frozen=True, slots=True)
class Text:
    characters: int = LONGEST_TEXT
    only: frozenset[str] | None = None
    """The values of which the page always sends one. None if it may send any text."""

    def check(self, value: object) -> str:
        checked = text(value, self.characters)
        if self.only is not None and checked not in self.only:
            raise Refused("argument")
        return checked


@dataclass(frozen=True, slots=True)
class Flag:
    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise Refused("argument")
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, or any finite one if `whole` is false."""

    whole: bool = True

    def check(self, value: object) -> int | float:
        right = isinstance(value, int) if self.whole else isinstance(value, int | float)
        if not right or isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused("argument")
        if not -_LARGEST <= value <= _LARGEST:
            raise Refused("argument")
        return value


@dataclass(frozen=True, slots=True)
class Form:
    """A form's fields. `names` are the names that the page gives. `starts` are the beginnings of
    names whose end a state decides. A field that the form does not have is left out."""

    names: frozenset[str] = frozenset()
    starts: tuple[str, ...] = ()
    characters: Mapping[str, int] = field(default_factory=dict)

    def check(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused("form")
        if set(value) == {_ENTRIES}:
            return {_ENTRIES: self._entries(value[_ENTRIES])}
        return dict(self._fields(list(value.items())))

    def _entries(self, entries: object) -> list[list[str | bool]]:
        if not isinstance(entries, list):
            raise Refused("form")
        pairs: list[tuple[object, object]] = []
        for entry in entries:
            if not isinstance(entry, list) or len(entry) != 2:
                raise Refused("form")
            pairs.append((entry[0], entry[1]))
        return [[name, kept] for name, kept in self._fields(pairs)]

    def _fields(self, pairs: list[tuple[object, object]]) -> list[tuple[str, str | bool]]:
        """Check the fields. For a checkbox with an id Reflex's script sends a bool too."""
        if len(pairs) > MAX_FIELDS:
            raise Refused("form")
        kept: list[tuple[str, str | bool]] = []
        for name, value in pairs:
            checked = text(name, _LONGEST_NAME, "form")
            if value is None or not (checked in self.names or checked.startswith(self.starts)):
                continue
            if isinstance(value, bool):
                kept.append((checked, value))
                continue
            characters = self.characters.get(checked, LONGEST_TEXT)
            kept.append((checked, text(value, characters, "form")))
        return kept


Kind = Text | Flag | Number | Form


@dataclass(frozen=True, slots=True)
class Rule:
    """The arguments that one event must have. It may have no others."""

    arguments: Mapping[str, Kind] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    def check(self, payload: object) -> dict[str, Any]:
        """Return the payload that the handler gets. Refused."""
        if not isinstance(payload, dict):
            raise Refused("argument")
        names = set(payload)
        if names - set(self.arguments) or set(self.arguments) - names - self.optional:
            raise Refused("argument")
        return {name: self.arguments[name].check(value) for name, value in payload.items()}


def check_storage(value: object, known: Mapping[str, int]) -> dict[str, str]:
    """Check what the browser keeps for us: only variables that our states declare. `known` has the
    longest value of each. Refused."""
    if not isinstance(value, dict) or len(value) > len(known):
        raise Refused("storage")
    checked = {}
    for name, kept in value.items():
        if name not in known:
            raise Refused("storage")
        checked[name] = text(kept, known[name], "storage")
    return checked
