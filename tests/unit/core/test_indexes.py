"""Every foreign key has its index, and no index is a mere prefix of another one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Index, Table, UniqueConstraint

from backend.tables import metadata

TABLES = sorted(metadata.tables.values(), key=lambda table: table.name)


def is_partial(index: Index) -> bool:
    return index.dialect_options["postgresql"]["where"] is not None


def serves_all(index: Index, column: Column[object]) -> bool:
    """Return whether the index has every row with a value in this column."""
    where = index.dialect_options["postgresql"]["where"]
    return where is None or str(where) == f"{column.name} IS NOT NULL"


def keys(table: Table) -> Iterator[tuple[str, ...]]:
    """Return the columns of the primary key and of unique constraints. The database has an index of
    each."""
    yield tuple(column.name for column in table.primary_key.columns)
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield tuple(column.name for column in constraint.columns)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_every_foreign_key_has_an_index(table: Table) -> None:
    for key in table.foreign_keys:
        column = key.parent
        starts = {columns[0] for columns in keys(table)}
        starts |= {index.columns[0].name for index in table.indexes if serves_all(index, column)}
        assert column.name in starts


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_no_index_is_the_beginning_of_another(table: Table) -> None:
    whole = {index: tuple(column.name for column in index.columns) for index in table.indexes
             if not is_partial(index)}  # fmt: skip
    others = [*whole.values(), *keys(table)]
    for index, columns in whole.items():
        others.remove(columns)
        if not index.unique:
            longer = [other for other in others if other[: len(columns)] == columns]
            assert longer == [], f"{index.name} is the beginning of {longer}"
        others.append(columns)
