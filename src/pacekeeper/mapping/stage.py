"""Stage: a mapping's result as a table that has the contract's columns and types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import ibis

from pacekeeper.connector import EntityMapping
from pacekeeper.contract import ENTITIES, Entity
from pacekeeper.contract.schema import columns, ibis_schema
from pacekeeper.engine.duckdb import Connection
from pacekeeper.errors import DataError, PluginError
from pacekeeper.expr import RawTables, Table, Value

if TYPE_CHECKING:
    from ibis.expr.datatypes import DataType

OUT_OF_SCOPE = "out_of_scope"
_VERSIONS = "@versions"
_REASON = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MOST_REASONS = 50
#: Makes a mapping SQL; called as `compiled` is.
Compiler: TypeAlias = "Callable[..., tuple[str, frozenset[str]]]"


@dataclass(frozen=True)
class Slice:
    """One source's staged rows of one entity, wanted ones only.

    table: `stage.<entity>__<source>`. fractional: whole-number columns that hold doubles until they are checked.
    """

    entity: type[Entity]
    source: str
    table: str
    rows: int
    in_scope: int
    out_of_scope: Mapping[str, int]
    fractional: frozenset[str]


@dataclass(frozen=True)
class _Staged:
    table: str
    in_scope: int
    out_of_scope: Mapping[str, int]
    fractional: frozenset[str]


def stage_slice(
    connection: Connection,
    entity: type[Entity],
    mappings: Sequence[EntityMapping],
    raw: RawTables,
    *,
    connector: str,
    practice_key: str,
    compiler: Compiler | None = None,
) -> Slice:
    """Run the mappings of one source to one entity and put their wanted rows together.

    A mapping of a stream without rows gives none, and is not run: many a server fills few of its declared streams.
    compiler: null = `compiled`.
    Raises PluginError where a mapping does not fit the contract, DataError where it loses or multiplies rows.
    """
    name = str(entity.__tablename__)
    table = f'stage."{name}__{raw.source}"'
    counted = [(mapping, _rows_of(connection, raw, mapping.of)) for mapping in mappings]
    naming = {"connector": connector, "practice_key": practice_key}
    parts = [
        _stage(connection, entity, mapping, raw, number, rows, compiler=compiler or compiled, **naming)
        for number, (mapping, rows) in enumerate(counted, start=1)
        if rows
    ]
    fractional = frozenset[str]().union(*(part.fractional for part in parts))
    selected = ", ".join(
        f'CAST("{c.name}" AS {"DOUBLE" if c.name in fractional else c.duckdb_type}) AS "{c.name}"'
        for c in columns(entity)
    )
    union = " UNION ALL ".join(f"SELECT {selected} FROM {p.table} WHERE {OUT_OF_SCOPE} IS NULL" for p in parts)
    nothing = ", ".join(f'CAST(NULL AS {c.duckdb_type}) AS "{c.name}"' for c in columns(entity))
    connection.raw.execute(f"CREATE OR REPLACE TABLE {table} AS {union or f'SELECT {nothing} WHERE false'}")
    out_of_scope: dict[str, int] = {}
    for part in parts:
        connection.raw.execute(f"DROP TABLE {part.table}")
        for reason, rows in part.out_of_scope.items():
            out_of_scope[reason] = out_of_scope.get(reason, 0) + rows
    return Slice(
        entity=entity,
        source=raw.source,
        table=table,
        rows=connection.count(f"SELECT count(*) FROM {table}"),
        in_scope=sum(part.in_scope for part in parts),
        out_of_scope=out_of_scope,
        fractional=fractional,
    )


def drop_stage_tables(connection: Connection, source: str) -> None:
    """Remove what a run that was killed left behind for this source."""
    ours = re.compile(rf"(?:{'|'.join(ENTITIES)})__{re.escape(source)}(?:__\d+)?")
    found = connection.raw.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'stage'"
    ).fetchall()
    for (name,) in found:
        if ours.fullmatch(name):
            connection.raw.execute(f'DROP TABLE stage."{name}"')


def _stage(
    connection: Connection,
    entity: type[Entity],
    mapping: EntityMapping,
    raw: RawTables,
    number: int,
    in_scope: int,
    *,
    compiler: Compiler,
    connector: str,
    practice_key: str,
) -> _Staged:
    label = f"mapping {getattr(mapping.build, '__name__', number)} of {mapping.of} to {mapping.entity}"
    sql, fractional = compiler(
        connection, entity, mapping, raw, label=label, connector=connector, practice_key=practice_key
    )
    table = f'stage."{mapping.entity}__{raw.source}__{number}"'
    connection.raw.execute(f"CREATE OR REPLACE TABLE {table} AS {sql}")

    produced = connection.count(f"SELECT count(*) FROM {table}")
    if produced != in_scope:
        raise DataError(
            f"{raw.source}: {label} gives {produced} rows for {in_scope}: it must give one row for each, and name a "
            "reason in the column out_of_scope for those it does not want"
        )
    return _Staged(table, in_scope, _reasons(connection, table, connector=connector, label=label), fractional)


def compiled(
    connection: Connection,
    entity: type[Entity],
    mapping: EntityMapping,
    raw: RawTables,
    *,
    label: str,
    connector: str,
    practice_key: str,
) -> tuple[str, frozenset[str]]:
    """The mapping as SQL, and its columns that hold doubles in place of whole numbers. Nothing is run."""
    result = mapping.build(raw)
    if not isinstance(result, ibis.Table):
        raise PluginError(
            connector=connector, reason=f"{label} returns {type(result).__name__}", fix="return a table expression"
        )
    fixed = {"source": raw.source, "practice_key": practice_key}
    conformed, fractional = _conformed(result, entity, fixed=fixed, connector=connector, label=label)
    return str(connection.ibis.compile(conformed)), fractional


def _conformed(
    result: Table, entity: type[Entity], *, fixed: Mapping[str, str], connector: str, label: str
) -> tuple[Table, frozenset[str]]:
    """The mapping's table with the contract's columns, in its order and types, and `out_of_scope`."""
    wanted = ibis_schema(entity)
    strange = [c for c in result.columns if c not in wanted and c != OUT_OF_SCOPE]
    faults = [f"column {c} is not in the contract" for c in strange]
    chosen: dict[str, Value] = {}
    fractional = set()
    for column in columns(entity):
        name, target = column.name, wanted[column.name].copy(nullable=True)
        if name == "source" or (name in fixed and name not in result.columns):
            chosen[name] = ibis.literal(fixed[name], type=target)
        elif name not in result.columns:
            chosen[name] = ibis.null(target)
            if not column.nullable:
                faults.append(f"required column {name} is missing")
        else:
            value = result[name]
            if not _is_lossless(value, target):
                faults.append(f"column {name} is {value.type()}, the contract has {target}")
            elif target.is_integer() and (value.type().is_floating() or value.type().is_decimal()):
                chosen[name] = value.cast("float64")
                fractional.add(name)
            else:
                chosen[name] = value.cast(target)
    scope = result[OUT_OF_SCOPE] if OUT_OF_SCOPE in result.columns else ibis.null("string")
    if not (scope.type().is_string() or scope.type().is_null()):
        faults.append(f"column {OUT_OF_SCOPE} is {scope.type()}, not text")
    if faults:
        raise PluginError(connector=connector, reason=f"{label}: {'; '.join(faults)}", fix="correct the mapping")
    return result.select(**chosen, **{OUT_OF_SCOPE: scope.cast("string")}), frozenset(fractional)


def _is_lossless(value: Value, target: DataType) -> bool:
    found = value.type()
    if found.is_null():
        return True
    if target.is_string():
        return bool(found.is_string())
    if target.is_integer():
        return bool(found.is_integer() or found.is_floating() or found.is_decimal())
    if target.is_floating():
        return bool(found.is_numeric() and not found.is_boolean())
    if target.is_timestamp():
        return bool(found.is_timestamp() and found.timezone is not None)
    return bool(type(found) is type(target))


def _rows_of(connection: Connection, raw: RawTables, of: str) -> int:
    table = raw.versions(of.removesuffix(_VERSIONS)) if of.endswith(_VERSIONS) else raw[of]
    return connection.count(connection.ibis.compile(table.aggregate(rows=table.count())))


def _reasons(connection: Connection, table: str, *, connector: str, label: str) -> dict[str, int]:
    rows = connection.raw.execute(
        f"SELECT {OUT_OF_SCOPE}, count(*) FROM {table} WHERE {OUT_OF_SCOPE} IS NOT NULL GROUP BY 1 ORDER BY 1"
        f" LIMIT {_MOST_REASONS + 1}"
    ).fetchall()
    # A reason made from data would carry it into ledgers and messages.
    if len(rows) > _MOST_REASONS or not all(_REASON.fullmatch(reason) for reason, _ in rows):
        raise PluginError(
            connector=connector,
            reason=f"{label}: {OUT_OF_SCOPE} holds something other than a few lower_snake_case reason codes",
            fix="use literal codes as reasons",
        )
    return {str(reason): int(count) for reason, count in rows}
