"""The mappings a mapping file declares, as functions from raw tables to an entity's rows."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.connector import EntityMapping
from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import ContractColumn, primary_key
from pacekeeper.contract.schema import columns as contract_columns
from pacekeeper.expr import RawTables, Table, Value, literal, null
from pacekeeper_connectors.tabular.mapping_file import EntitySpec, MappingFile, ValueSpec


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
                values[code] = _first(table, value)
        newest = {} if spec.newest_by is None else {"newest_by": table[spec.newest_by]}
        result = table.select("row_key", **newest, **values)
        reasons: list[tuple[Value, str]] = [(result[c].isnull(), f"no_{c}") for c in spec.skip_without]
        if spec.unless_in is not None and self._unless_key is not None:
            seen = raw[spec.unless_in].select(seen_key=self._unless_key).distinct()
            result = result.left_join(seen, result.clinician_key == seen.seen_key)
            reasons = [(result[c].isnull(), f"no_{c}") for c in spec.skip_without]
            reasons.append((result.seen_key.notnull(), f"known_in_{spec.unless_in}"))
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


def _value(raw: RawTables, table: Table, spec: ValueSpec, column: ContractColumn) -> Value:
    if spec.value is not None:
        return literal(spec.value)
    found = _first(table, spec)
    if spec.map is not None:
        mapped = raw.value_map(spec.map, found)
        # An empty cell of a column that may be null says nothing; elsewhere it is a value nobody knows.
        found = found.isnull().ifelse(null("string"), mapped) if column.nullable else mapped
    return found if spec.default is None else found.coalesce(literal(spec.default))


def _first(table: Table, spec: ValueSpec) -> Value:
    return expr.coalesce(*(table[name] for name in spec.names)) if len(spec.names) > 1 else table[spec.names[0]]
