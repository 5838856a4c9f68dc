"""One row of a mart by a key that a person types, and the period it is about."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pacekeeper.errors import ConfigError
from pacekeeper.measures.mart import SQL_TYPES
from pacekeeper.sql_text import sql_name
from pacekeeper_app.subject_rows import Period
from pacekeeper_assets import MARTS

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.measures.mart import Mart, MartColumn

#: The mart of verdicts. A key of three parts means the version that holds.
VERDICTS = "guardrail_result"
_VERDICT_KEY = ("subject_key", "guardrail_id", "period")
_WEEK = timedelta(days=7)
_MONTHS = {"month_id": 1, "quarter_id": 3}


@dataclass(frozen=True)
class MartRow:
    """A row as it was published; values by column."""

    mart: Mart
    values: Mapping[str, Any]  # Any: column values of several types

    @property
    def key(self) -> dict[str, Any]:  # Any: as above
        return {name: self.values[name] for name in self.mart.primary_key}


def named_mart(name: str) -> Mart:
    """A mart. Raises ConfigError that lists them."""
    return MARTS[_known(name, MARTS, "mart")]


def named_column(mart: Mart, name: str) -> MartColumn:
    """A column of a mart. Raises ConfigError that lists them."""
    columns = {column.name: column for column in mart.columns}
    return columns[_known(name, columns, f"column of {mart.name}")]


def _known(name: str, names: Collection[str], kind: str) -> str:
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(f"{name!r} is no {kind}: {hint}There are {', '.join(names)}")


def row_by_key(connection: Connection, mart: Mart, key: str) -> MartRow:
    """The row whose primary key is written with `/` between its parts; of a hashed part a beginning is enough.

    Raises ConfigError where the parts do not fit, and where no row or more than one begins like that.
    """
    parts = [part.strip() for part in key.split("/")]
    names: Sequence[str] = mart.primary_key
    also = ""
    if mart.name == VERDICTS and len(parts) < len(names):
        if len(parts) > len(_VERDICT_KEY) and parts[-1].isdecimal():
            also = f" AND version = {int(parts.pop()):d}"
        else:
            also = " AND is_current AND NOT is_retracted"
        parts, names = parts[-len(_VERDICT_KEY) :], _VERDICT_KEY
    if len(parts) != len(names):
        raise ConfigError(f"the key of {mart.name} is {'/'.join(names)}: {len(names)} parts, not {len(parts)}")
    kinds = {column.name: column.type for column in mart.columns}
    conditions = [_condition(name, kinds[name], part) for name, part in zip(names, parts, strict=True)]
    rows = _rows(connection, mart, " AND ".join(conditions) + also, parts)
    if len(rows) == 1:
        return rows[0]
    if rows:
        differing = [name for name in names if len({row.values[name] for row in rows}) > 1]
        raise ConfigError(
            f"{key} is the beginning of {len(rows)} rows of {mart.name}, which differ in "
            f"{', '.join(differing) or 'version'}: write more of it"
        )
    raise ConfigError(f"{mart.name} has no row with the key {key}. {_extent(connection, mart)}")


def rows_like(connection: Connection, mart: Mart, values: Mapping[str, object]) -> list[MartRow]:
    """The rows with these values."""
    where = " AND ".join(f"{sql_name(name)} = ?" for name in values)
    return _rows(connection, mart, where or "true", list(values.values()))


def _condition(name: str, kind: str, part: str) -> str:
    if kind == "date":
        try:
            date.fromisoformat(part)
        except ValueError:
            raise ConfigError(f"{name} {part!r} is no date; write 2026-03-23") from None
    if name.endswith("_key") and part:
        return f"starts_with({sql_name(name)}, ?)"
    return f"{sql_name(name)} = TRY_CAST(? AS {SQL_TYPES[kind]})"


def _rows(connection: Connection, mart: Mart, where: str, values: Sequence[object]) -> list[MartRow]:
    names = [column.name for column in mart.columns]
    found = connection.raw.execute(
        f"SELECT {', '.join(map(sql_name, names))} FROM {mart.table} WHERE {where} "
        f"ORDER BY {', '.join(map(sql_name, mart.primary_key))}",
        list(values),
    ).fetchall()
    return [MartRow(mart, dict(zip(names, row, strict=True))) for row in found]


def _extent(connection: Connection, mart: Mart) -> str:
    count = connection.count(f"SELECT count(*) FROM {mart.table}")
    dates = [column.name for column in mart.columns if column.type == "date" and column.name in mart.primary_key]
    told = f"It has {count:,} rows"
    if count and dates:
        first, last = connection.raw.execute(f"SELECT min({dates[0]}), max({dates[0]}) FROM {mart.table}").fetchall()[0]
        told += f", {dates[0]} {first} to {last}"
    return f"{told}; the key is {'/'.join(mart.primary_key)}"


def period_of(connection: Connection, row: MartRow, home_tz: str) -> Period | None:
    """The local days a row is about; null where its key holds no date."""
    kinds = {column.name: column.type for column in row.mart.columns}
    name = next((name for name in row.mart.primary_key if kinds[name] == "date"), None)
    if name is None:
        return None
    first = row.values[name]
    if name == "week_id":
        after = first + _WEEK
    elif name in _MONTHS:
        month = first.month - 1 + _MONTHS[name]
        after = first.replace(year=first.year + month // 12, month=month % 12 + 1)
    else:
        after = first + timedelta(days=1)
    return Period(first, after - timedelta(days=1), row.values.get("zone") or _zone(connection, row) or home_tz)


def _zone(connection: Connection, row: MartRow) -> str | None:
    """Zone of the clinician the row is about."""
    found = connection.raw.execute(
        "SELECT max(zone) FROM marts.clinician_week WHERE clinician_key = ?", [row.values.get("clinician_key")]
    ).fetchall()
    return None if found[0][0] is None else str(found[0][0])
