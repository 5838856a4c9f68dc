"""Rows of two engines side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import isclose
from typing import Any

from pacekeeper.engine.session import Session
from pacekeeper.measures.mart import Mart

Key = tuple[Any, ...]


def rows_of(session: Session, mart: Mart, *, schema: str | None = None) -> dict[Key, tuple[Any, ...]]:
    """Rows of a mart by its primary key; fails where two have the same. Instants are in UTC."""
    names = [column.name for column in mart.columns]
    listed = ", ".join(f'"{name}"' for name in names)
    table = f"{schema or mart.schema}.{mart.name}"
    found = [tuple(map(_in_utc, row)) for row in session.rows(f"SELECT {listed} FROM {table}")]
    places = [names.index(name) for name in mart.primary_key]
    by_key = {tuple(row[place] for place in places): row for row in found}
    assert len(by_key) == len(found), f"{table}: {len(found) - len(by_key)} rows have the key of another"
    return by_key


def differences(one: Session, other: Session, marts: Iterable[Mart]) -> list[str]:
    """A line per mart whose keys, or column whose values, are not the same on both; the first example of each.

    Numbers may differ by 1e-9 of their size, everything else by nothing.
    """
    found = []
    for mart in marts:
        ours, theirs = rows_of(one, mart), rows_of(other, mart)
        if ours.keys() != theirs.keys():
            example = sorted(ours.keys() ^ theirs.keys(), key=str)[0]
            found.append(f"{mart.name}: {len(ours)} rows and {len(theirs)}; only one side has {example}")
        for place, column in enumerate(mart.columns):
            differ = [
                key
                for key in sorted(ours.keys() & theirs.keys(), key=str)
                if not _same(ours[key][place], theirs[key][place], is_number=column.type == "number")
            ]
            if differ:
                pair = ours[differ[0]][place], theirs[differ[0]][place]
                found.append(
                    f"{mart.name}.{column.name}: {len(differ)} rows, as {differ[0]}: {pair[0]!r} and {pair[1]!r}"
                )
    return found


def all_rows(session: Session, tables: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of each table, sorted, by name of the table."""
    return {
        table: sorted((tuple(map(_in_utc, row)) for row in session.rows(f"SELECT * FROM {table}")), key=repr)
        for table in tables
    }


def _same(one: Any, other: Any, *, is_number: bool) -> bool:
    if one is None or other is None or not is_number:
        return bool(one == other)
    return isclose(one, other, rel_tol=1e-9, abs_tol=0.0)


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
