"""The mappings a mapping file declares, as functions from raw tables to an entity's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pacekeeper import expr
from pacekeeper.connector import EntityMapping
from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import ContractColumn, primary_key
from pacekeeper.contract.schema import columns as contract_columns
from pacekeeper.expr import RawTables, Table, Value, literal, nearest, null
from pacekeeper_connectors.tabular.mapping_file import EntitySpec, MappingFile, ValueSpec, slug

#: What a status is that had to be confirmed and was not, where the contract has a word for it.
_UNREVIEWED = "unreviewed"


def mappings_of(found: MappingFile) -> tuple[EntityMapping, ...]:
    """One mapping per `[[map]]`."""
    return tuple(EntityMapping(spec.entity, spec.of, _Build(found, spec)) for spec in found.map)


class _Build:
    """A mapping function; its name is what error messages call it."""

    def __init__(self, found: MappingFile, spec: EntitySpec) -> None:
        self._spec = spec
        self._unless_key = None
        if spec.unless_in is not None:
            self._unless_key = found.streams[spec.unless_in].record_column
        self.__name__ = f"{spec.entity}_of_{spec.of}"

    def __call__(self, raw: RawTables) -> Table:
        spec = self._spec
        entity = ENTITIES[spec.entity]
        known = {column.name: column for column in contract_columns(entity)}
        table = raw[spec.of]
        values: dict[str, Value] = {}
        for name, value in spec.columns.items():
            values[name] = _value(raw, table, value, known[name])
            code = f"{name}_source_code"
            if value.map is not None and code in known and code not in spec.columns:
                values[code] = _found(table, value)
        newest = {} if spec.newest_by is None else {"newest_by": table[spec.newest_by]}
        others = {f"other_{name}": ~_holds(table[name], codes) for name, codes in spec.only.items()}
        result = table.select("row_key", **newest, **others, **values)
        reasons = self._reasons(result)
        if spec.unless_in is not None and self._unless_key is not None:
            seen = raw[spec.unless_in].select(seen_key=self._unless_key).distinct()
            result = result.left_join(seen, result.clinician_key == seen.seen_key)
            reasons = [*self._reasons(result), (result.seen_key.notnull(), f"known_in_{spec.unless_in}")]
        if spec.once:
            key = [result[name] for name in primary_key(entity) if name in result.columns]
            wanted = expr.cases(*((condition, 1) for condition, _ in reasons), else_=0) if reasons else literal(0)
            first = [result.newest_by.desc(nulls_first=False)] if spec.newest_by is not None else []
            order = expr.window(group_by=key, order_by=[wanted, *first, result.row_key])
            reasons.append((expr.row_number().over(order) > 0, "repeated"))
            whole = expr.window(group_by=key)
            for name in (name for name, value in spec.columns.items() if value.earliest):
                values[name] = result[name].min().over(whole)
        scope = expr.cases(*reasons, else_=null("string")) if reasons else null("string")
        earliest = {name: values[name] for name, value in spec.columns.items() if value.earliest}
        return result.mutate(**earliest, out_of_scope=scope).select(*values, "out_of_scope")

    def _reasons(self, result: Table) -> list[tuple[Value, str]]:
        others = [f"other_{name}" for name in self._spec.only]
        unwanted = [(~_holds(result[name], values), f"not_by_{name}") for name, values in self._spec.wanted.items()]
        absent = [(result[name].isnull(), f"no_{name}") for name in self._spec.skip_without]
        return [*((result[name], name) for name in others), *unwanted, *absent]


def _value(raw: RawTables, table: Table, spec: ValueSpec, column: ContractColumn) -> Value:
    if spec.value is not None:
        return literal(spec.value)
    found = _found(table, spec)
    if spec.map is not None:
        doubtful = _UNREVIEWED if _UNREVIEWED in (column.vocabulary or ()) else "unknown"
        mapped = _confirmed(raw, table, spec, raw.value_map(spec.map, found), otherwise=doubtful)
        if pa.types.is_boolean(column.type):
            mapped = mapped == literal("true")
        if spec.default is not None:
            mapped = found.isnull().ifelse(literal(spec.default), mapped)
        # An empty cell of a column that may be null says nothing; elsewhere it is a value nobody knows.
        elif column.nullable:
            mapped = found.isnull().ifelse(null(mapped.type()), mapped)
        found = mapped
    if spec.times is not None:
        found = found * literal(spec.times)
    if spec.cents:
        found = nearest(found * 100)
    if spec.plus_minutes is not None:
        found = found + nearest(table[spec.plus_minutes]).as_interval("m")
    if spec.negate:
        found = expr.ifelse(_all_hold(table, spec.negate), -found.abs(), found)
    if spec.when:
        found = _all_hold(table, spec.when).ifelse(found, null(found.type()))
    return found if spec.default is None else found.coalesce(literal(spec.default))


def _confirmed(raw: RawTables, table: Table, spec: ValueSpec, mapped: Value, *, otherwise: str) -> Value:
    """The mapped value, unless it is one that has to be confirmed and is not."""
    for value, columns in spec.confirm.items():
        is_confirmed: Value = literal(False)  # noqa: FBT003  Ibis takes no name
        for name, codes in columns.items():
            is_confirmed = is_confirmed | _holds(table[name], codes)
        instead: Value = literal(otherwise)
        if spec.ahead is not None:
            is_ahead = (table[spec.ahead.of] > literal(raw.as_of)).fill_null(False)  # noqa: FBT003  Ibis takes no name
            instead = expr.ifelse(is_ahead, literal(spec.ahead.value), instead)
        mapped = expr.ifelse((mapped == literal(value)) & ~is_confirmed, instead, mapped)
    return mapped


def _all_hold(table: Table, wanted: Mapping[str, Sequence[str]]) -> Value:
    found: Value = literal(True)  # noqa: FBT003  Ibis takes no name
    for name, codes in wanted.items():
        found = found & _holds(table[name], codes)
    return found


def _holds(column: Value, codes: Sequence[str]) -> Value:
    """Whether a cell holds one of the codes, as the file writes them or in their short form; an empty one does not."""
    wanted = sorted({form for code in codes for form in (code, slug(code))})
    return column.isin(wanted).fill_null(False)  # noqa: FBT003  Ibis takes no name


def _found(table: Table, spec: ValueSpec) -> Value:
    if spec.joined:
        first, *others = (table[name].fill_null("") for name in spec.joined)
        for other in others:
            first = first + literal("+") + other
        return table[spec.joined[0]].isnull().ifelse(null("string"), first)
    return expr.coalesce(*(table[name] for name in spec.names)) if len(spec.names) > 1 else table[spec.names[0]]
