"""The canonical rows behind a number of a mart, and the raw versions that they were mapped from.

Listed is what a measure is computed from: every row of its subject in its period. Which of them count is for the
measure's formula to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import columns, primary_key
from pacekeeper.landing.versions import schema_of
from pacekeeper.sql_text import sql_literal, sql_name
from pacekeeper_app.subject_rows import PEOPLE, Period, Subject, among, chosen

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection

#: Entities of which no row is ever listed, because nothing may lead from them to a person.
ANONYMOUS = frozenset({"staff_survey_response", "staff_survey_item"})
WHY_ANONYMOUS = "a staff survey is anonymous by construction: no answer sheet is listed, not even by key"
_MATCH = MappingProxyType({"clinician_key": "person_match", "client_key": "client_match"})
#: How landing names the view of a stream's current versions.
_CURRENT_SUFFIX = "__current"


@dataclass(frozen=True)
class RawRecord:
    """A record as it landed. versions: how many were ever seen; the rest is of the latest."""

    row_key: str
    stream: str
    versions: int
    version_id: str
    observed_at: datetime
    batch_id: str


@dataclass(frozen=True)
class Evidence:
    """Rows of one entity. chosen: by what they were found. count: how many there are; rows: the first of them.

    key: column by which `raw` is found. note: what the raw records are not, or why nothing is listed; may be empty.
    """

    entity: str
    chosen: str
    count: int = 0
    rows: Sequence[Mapping[str, Any]] = ()  # Any: column values of several types
    key: str = ""
    raw: Mapping[str, Sequence[RawRecord]] = field(default_factory=dict)
    note: str = ""


def subject_of(connection: Connection, row: Mapping[str, Any], key: Collection[str]) -> Subject:  # Any: column values
    """The subject of a mart's row. key: columns of the mart's primary key."""
    keys: dict[str, tuple[str, ...]] = {
        name: (str(value),) for name, value in row.items() if name.endswith("_key") and value is not None
    }
    for name in PEOPLE:
        if name in keys:
            found = connection.raw.execute(
                f"SELECT {name} FROM canonical.{_MATCH[name]} WHERE person_key = ? ORDER BY 1", list(keys[name])
            ).fetchall()
            keys[name] = tuple(dict.fromkeys([*keys[name], *(str(one[0]) for one in found)]))
    return Subject(
        {name: values for name, values in keys.items() if name in key},
        {name: values for name, values in keys.items() if name not in key},
    )


def evidence(
    connection: Connection,
    entity: str,
    needed: Collection[str],
    subject: Subject,
    period: Period | None,
    *,
    limit: int,
) -> Evidence:
    """The rows of an entity that are about the subject, in the period. needed: columns that the measure reads."""
    if entity in ANONYMOUS:
        return Evidence(entity, "not listed", note=WHY_ANONYMOUS)
    choice = chosen(entity, subject, period)
    own = primary_key(ENTITIES[entity])
    known = {column.name: column for column in columns(ENTITIES[entity])}
    shown = [name for name in known if name in {*own, "source", *choice.times, *needed}]
    order = ", ".join(map(sql_name, [*choice.times[:1], *own]))
    table = f"FROM canonical.{entity} WHERE {choice.where}"
    rows = connection.raw.execute(
        f"SELECT {', '.join(map(sql_name, shown))} {table} ORDER BY {order} LIMIT {limit:d}"
    ).fetchall()
    listed = [dict(zip(shown, row, strict=True)) for row in rows]
    key = next((name for name in own if known[name].is_key), "")
    return Evidence(
        entity,
        choice.told,
        connection.count(f"SELECT count(*) {table}"),
        listed,
        key,
        _raw(connection, key, listed),
        "made by Pacekeeper: it has no raw record of its own" if ENTITIES[entity].derived else _composite(own, key),
    )


def _composite(own: Sequence[str], key: str) -> str:
    if len(own) == 1:
        return ""
    return f"its key has several parts ({', '.join(own)}): the raw record is the one that {key} names"


def _raw(
    connection: Connection,
    key: str,
    rows: Sequence[Mapping[str, Any]],  # Any: column values of several types
) -> dict[str, tuple[RawRecord, ...]]:
    """The raw records of which a key names one, by key; a key that a mapping made names none."""
    by_source: dict[str, set[str]] = {}
    for row in rows if key else ():
        by_source.setdefault(str(row["source"]), set()).add(str(row[key]))
    found: dict[str, tuple[RawRecord, ...]] = {}
    for source, keys in by_source.items():
        for record in _records(connection, schema_of(source), keys):
            found[record.row_key] = (*found.get(record.row_key, ()), record)
    return found


def _records(connection: Connection, schema: str, keys: Iterable[str]) -> list[RawRecord]:
    selects = [
        f"SELECT row_key, {sql_literal(stream)}, count(*), arg_max(version_id, version_no), "
        f"arg_max(observed_at, version_no), arg_max(batch_id, version_no) FROM {schema}.{sql_name(stream)} "
        f"WHERE {among('row_key', sorted(keys))} GROUP BY row_key"
        for stream, kinds in connection.column_types(schema).items()
        if "row_key" in kinds and not stream.endswith(_CURRENT_SUFFIX)
    ]
    if not selects:
        return []
    rows = connection.raw.execute(" UNION ALL ".join(selects) + " ORDER BY 1, 2").fetchall()
    return [RawRecord(*row) for row in rows]
