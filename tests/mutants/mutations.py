"""The small changes that are made to a file, one at a time.

Each is a likely mistake: a `<` for a `<=`, a forgotten entry of a table, a condition that is always
true, a call that is left out. A change of a text that only people read is no change of behaviour:
sentences (a text with a blank in it) and f-strings are left out, and only counted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

MESSAGE = "message"
"""The kind of a change that only people would notice. Such a change is never run."""

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "ceil": "floor", "floor": "ceil"}
_ROUNDINGS = {"ROUND_HALF_UP": "ROUND_HALF_EVEN", "ROUND_HALF_EVEN": "ROUND_HALF_UP"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `place` is the function or class that holds it, `before` and `after` are code.

    `parent` is the number of a node in the order of `ast.walk`, `field` and `at` say where in it
    `new` is put. `twin` counts changes of a place that read the same.
    """

    module: str
    place: str
    line: int
    kind: str
    before: str
    after: str
    parent: int
    field: str
    at: int | None
    new: ast.AST | None
    twin: int = 1

    @property
    def name(self) -> str:
        """A name that stays when lines are added above."""
        twin = f" #{self.twin}" if self.twin > 1 else ""
        return f"{self.module}:{self.place}: {self.before} -> {self.after}{twin}"


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return every change of a file, in the order of its lines."""
    tree = ast.parse(source)
    places = _places(tree)
    found: list[Mutant] = []
    for number, parent in enumerate(ast.walk(tree)):
        if parent not in places:
            continue
        for field, at, node in _children(parent):
            for kind, new in _replacements(parent, field, node):
                # The parser uses one object for every `<`, so that only its parent has a place.
                place = places[node if isinstance(node, ast.stmt | ast.expr) else parent]
                line = getattr(node, "lineno", getattr(parent, "lineno", 0))
                before, after = _code(node, parent), _code(new, parent)
                if isinstance(node, _SIGNS):
                    after = _with(parent, field, at, new)
                mutant = Mutant(module, place, line, kind, before, after, number, field, at, new)
                found.append(mutant)
    return _numbered(sorted(found, key=lambda mutant: mutant.line))


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """Return the file with the change in it."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        if number == mutant.parent:
            if mutant.at is None:
                setattr(node, mutant.field, mutant.new)
            elif mutant.new is None:
                del getattr(node, mutant.field)[mutant.at]
                if isinstance(node, ast.Dict):
                    del node.values[mutant.at]
            else:
                getattr(node, mutant.field)[mutant.at] = mutant.new
            return ast.fix_missing_locations(tree)
    raise ValueError(f"this file has no place for {mutant.name}")


def _numbered(mutants: list[Mutant]) -> list[Mutant]:
    seen: dict[str, int] = {}
    numbered = []
    for mutant in mutants:
        seen[mutant.name] = seen.get(mutant.name, 0) + 1
        numbered.append(replace(mutant, twin=seen[mutant.name]))
    return numbered


_SIGNS = (ast.cmpop, ast.operator, ast.boolop, ast.unaryop)


def _code(node: ast.AST | None, parent: ast.AST) -> str:
    """Return a node as code, at most one line of it. A sign alone says little: it is shown with
    what stands around it."""
    if node is None:
        return "(nothing)"
    shown = parent if isinstance(node, _SIGNS) else node
    return ast.unparse(ast.fix_missing_locations(shown)).partition("\n")[0][:120]


def _with(parent: ast.AST, field: str, at: int | None, new: ast.AST | None) -> str:
    """Return the code of `parent` with another sign in it."""
    old = getattr(parent, field)
    setattr(parent, field, new if at is None else [*old[:at], new, *old[at + 1 :]])
    try:
        return _code(parent, parent)
    finally:
        setattr(parent, field, old)


def _places(tree: ast.Module) -> dict[ast.AST, str]:
    """Return the nodes that may be changed, each with the name of the function or class around it.
    Annotations, decorators and docstrings stay as they are."""
    places: dict[ast.AST, str] = {}

    def visit(node: ast.AST, place: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            place = f"{place}.{node.name}" if place else node.name
        places[node] = place or "(module)"
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "bases", "ctx"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_left_alone(child):
                    visit(child, place)

    visit(tree, "")
    return places


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert) or _is_alias(node):
        return True
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_alias(node: ast.AST) -> bool:
    """Return whether this names a type, such as `Json = Mapping[str, Any]`."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Subscript):
        return False
    target, key = node.targets[0], node.value.slice
    named = isinstance(target, ast.Name) and target.id[:1].isupper() and not target.id.isupper()
    return named and not isinstance(key, ast.Constant)


def _children(parent: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns", "decorator_list", "bases", "ctx"):
            continue
        if isinstance(value, list):
            for at, child in enumerate(value):
                if isinstance(child, ast.AST) and not _is_left_alone(child):
                    yield field, at, child
        elif isinstance(value, ast.AST):
            yield field, None, value


Change = tuple[str, ast.AST | None]


def _replacements(parent: ast.AST, field: str, node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.stmt):
        yield from _of_statement(node)
    elif isinstance(node, ast.expr):
        if isinstance(parent, ast.JoinedStr | ast.FormattedValue):
            return
        yield from _of_expression(node)
        yield from _removals(parent, field)
    elif isinstance(node, ast.cmpop):
        yield "comparison", _COMPARISONS[type(node)]()
    elif isinstance(node, ast.operator) and type(node) in _OPERATORS:
        yield "operator", _OPERATORS[type(node)]()
    elif isinstance(node, ast.boolop):
        yield "operator", ast.Or() if isinstance(node, ast.And) else ast.And()
    elif isinstance(node, ast.keyword) and isinstance(parent, ast.Call) and node.arg is not None:
        yield "argument", None


def _removals(parent: ast.AST, field: str) -> Iterator[Change]:
    """Leave out an entry of a collection, or the condition of a comprehension."""
    entries = {
        ast.Tuple: "elts", ast.List: "elts", ast.Set: "elts", ast.Dict: "keys",
        ast.comprehension: "ifs",
    }  # fmt: skip
    if entries.get(type(parent)) != field:
        return
    if isinstance(getattr(parent, "ctx", None), ast.Store):
        return
    if isinstance(parent, ast.Set) and len(parent.elts) < 2:
        return
    yield "entry", None


def _of_statement(node: ast.stmt) -> Iterator[Change]:
    if isinstance(node, ast.Expr | ast.Raise | ast.Continue | ast.Break):
        yield "statement", ast.Pass()
    elif isinstance(node, ast.AugAssign):
        yield "assignment", ast.Assign([node.target], node.value)
        yield "statement", ast.Pass()
    elif isinstance(node, ast.Assign):
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            yield "statement", ast.Pass()
    elif isinstance(node, ast.Return):
        if node.value is not None and not _is_constant(node.value, None):
            yield "return", ast.Return(ast.Constant(None))
    elif isinstance(node, ast.If):
        for value in (True, False):
            yield "condition", ast.If(ast.Constant(value), node.body, node.orelse)


def _of_expression(node: ast.expr) -> Iterator[Change]:
    if isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.JoinedStr):
        yield MESSAGE, ast.Constant("")
    elif isinstance(node, ast.BoolOp):
        for at in range(len(node.values)):
            left = [*node.values[:at], *node.values[at + 1 :]]
            yield "condition", left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
    elif isinstance(node, ast.UnaryOp):
        yield "operator", node.operand
    elif isinstance(node, ast.IfExp):
        yield "condition", node.body
        yield "condition", node.orelse
    elif isinstance(node, ast.Compare) and len(node.ops) > 1:
        yield "condition", ast.Compare(node.left, node.ops[:-1], node.comparators[:-1])
        yield "condition", ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield "call", node.func.value
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id in _NAMES:
            yield "name", ast.Name(_NAMES[node.id], ast.Load())
        elif node.id in _ROUNDINGS:
            yield "name", ast.Constant(_ROUNDINGS[node.id])
    if isinstance(node, ast.Attribute) and node.attr in _NAMES:
        yield "name", ast.Attribute(node.value, _NAMES[node.attr], ast.Load())


def _of_constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, int | float):
        yield "constant", ast.Constant(value + 1)
    elif isinstance(value, str):
        kind = MESSAGE if " " in value.strip() else "constant"
        yield kind, ast.Constant(f"{value}~")


def _is_constant(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value
