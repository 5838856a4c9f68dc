"""From the raw tables of one source to its slices of the canonical tables: stage, validate, swap, account."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pacekeeper.connector import Connector, EntityMapping
from pacekeeper.contract import DERIVED, ENTITIES, SETTINGS, Entity
from pacekeeper.contract.schema import columns, primary_key
from pacekeeper.contract.validation import KEY_PATTERN
from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.errors import DataError, PacekeeperError, PluginError
from pacekeeper.mapping.kept import KeptSlices, forget, forget_others, made_by
from pacekeeper.mapping.practice import practice_key
from pacekeeper.mapping.quarantine import drop_raw_quarantine
from pacekeeper.mapping.raw_tables import WatchedTables, raw_tables
from pacekeeper.mapping.result import MappingResult, MappingState
from pacekeeper.mapping.stage import Compiler, Slice, drop_stage_tables, stage_slice
from pacekeeper.mapping.validate import FAULTS, find_faults
from pacekeeper.privacy import plugin_border
from pacekeeper.settings import PracticeSettings
from pacekeeper.value_maps import merged_value_maps

DEFAULT_QUARANTINE_LIMIT = 0.05
#: Unmapped codes listed by column, the most frequent; a column that has more of them holds something else than codes.
MOST_CODES = 50
OTHER_CODES = "(other codes)"


@dataclass(frozen=True)
class _Run:
    connection: Connection
    connector: str
    practice_key: str
    as_of: datetime
    run_id: str
    quarantine_limit: float
    compiler: Compiler | None
    kept: KeptSlices


def map_source(
    connection: Connection,
    *,
    source: str,
    connector: Connector[Any],
    practice: PracticeSettings,
    as_of: datetime,
    run_id: str,
    value_maps: Mapping[str, Mapping[str, str]] | None = None,
    quarantine_limit: float = DEFAULT_QUARANTINE_LIMIT,
    only: str | None = None,
    anew: bool = False,
    compiler: Compiler | None = None,
) -> list[MappingResult]:
    """Bring one source's slices up to date with its raw tables; one result per entity it maps to.

    A slice is kept as it is while nothing changes that it is made from: raw versions, mapping, settings.

    A mapping that fails leaves its entity's last good slice, and does not stop the others. A slice of which more than
    `quarantine_limit` of the rows break the contract is not swapped either; the faults are on record all the same.
    Slices of entities the source no longer maps to are removed. value_maps: the site's overrides. only: one entity;
    the slices of all others stay. anew: make also what has not changed. compiler: what makes a mapping SQL; null =
    `stage.compiled`.
    Raises ConfigError or PluginError where nothing of the source can be mapped.
    """
    with plugin_border(source, connector.name):
        mappings = _by_entity(connector)
        value_maps = merged_value_maps(source, connector.site_value_maps(), value_maps or {})
        raw = raw_tables(
            connection,
            connector.streams,
            context=connector.context,
            home_tz=practice.home_tz,
            as_of=as_of,
            value_maps=value_maps,
        )
        wanted = {entity: found for entity, found in mappings.items() if only in {None, entity}}
        if anew:
            forget(connection, source=source, entities=wanted)
        kept = KeptSlices(
            connection,
            raw,
            made_by=made_by(connector, value_maps, practice.name, practice.home_tz, quarantine_limit),
        )
    drop_stage_tables(connection, source)
    key = practice_key(practice.name)
    run = _Run(connection, connector.name, key, as_of, run_id, quarantine_limit, compiler, kept)
    results = [_map_entity(run, entity, found, raw) for entity, found in wanted.items()]
    _remove_slices(connection, source, entities=set(ENTITIES) - set(mappings))
    return results


def remove_unconfigured(connection: Connection, *, configured: Collection[str]) -> None:
    """Remove slices and quarantine of sources that are not in the settings; their raw schemas stay until dropped.

    configured: every source in the settings. One that is switched off keeps all it has.
    """
    kept = [*configured, DERIVED, SETTINGS]
    for entity in ENTITIES:
        for schema in ("canonical", "quarantine"):
            connection.raw.execute(f"DELETE FROM {schema}.{entity} WHERE NOT list_contains(?, source)", [kept])
    drop_raw_quarantine(connection, kept=configured)
    forget_others(connection, kept=configured)


def _by_entity(connector: Connector[Any]) -> dict[str, list[EntityMapping]]:
    found: dict[str, list[EntityMapping]] = {}
    for mapping in connector.entity_mappings():
        entity = ENTITIES.get(mapping.entity)
        if entity is None or entity.derived:
            raise PluginError(
                connector=connector.name,
                reason=f"it maps to {mapping.entity!r}, which is no entity a source can fill",
                fix=f"map to one of {', '.join(name for name, e in ENTITIES.items() if not e.derived)}",
            )
        found.setdefault(mapping.entity, []).append(mapping)
    return found


def _map_entity(run: _Run, entity: str, mappings: Sequence[EntityMapping], raw: WatchedTables) -> MappingResult:
    if (unchanged := run.kept.unchanged(entity)) is not None:
        return unchanged
    began = time.monotonic()
    raw.asked.clear()
    try:
        # Everything in here may raise an error that quotes values: DuckDB, Pandera and plugin code all do.
        with plugin_border(raw.source, run.connector):
            return _stage_validate_swap(run, ENTITIES[entity], mappings, raw, began)
    except PacekeeperError as exc:
        return MappingResult(
            entity=entity,
            source=raw.source,
            state="failed",
            message=str(exc),
            seconds=time.monotonic() - began,
        )


def _stage_validate_swap(
    run: _Run, entity: type[Entity], mappings: Sequence[EntityMapping], raw: WatchedTables, began: float
) -> MappingResult:
    connection = run.connection
    staged = stage_slice(
        connection,
        entity,
        mappings,
        raw,
        connector=run.connector,
        practice_key=run.practice_key,
        compiler=run.compiler,
    )
    find_faults(connection, staged)
    bad = connection.count(f"SELECT count(DISTINCT row_no) FROM {FAULTS}")
    is_over = staged.rows > 0 and bad / staged.rows > run.quarantine_limit
    state: MappingState = "over_limit" if is_over else "swapped"
    result = MappingResult(
        entity=str(entity.__tablename__),
        source=raw.source,
        state=state,
        in_scope=staged.in_scope,
        mapped=staged.rows - bad,
        quarantined_rows=bad,
        quarantined=_fault_counts(connection),
        out_of_scope=staged.out_of_scope,
        unmapped=_unmapped(connection, staged),
        message=_limit_message(bad, staged, run.quarantine_limit) if is_over else None,
        seconds=time.monotonic() - began,
    )
    if not result.balances:
        return replace(result, state="failed", message=_imbalance(result))
    faultpoint("stage.done")
    faultpoint(f"stage.done.{result.entity}")
    with connection.transaction():
        _replace_quarantine(run, staged)
        if not is_over:
            swapped = connection.swap_slice(entity, raw.source, _good_rows(staged))
            if swapped != result.mapped:
                raise DataError(f"{raw.source}: {result.entity}: swapped {swapped} rows, expected {result.mapped}")
        run.kept.keep(result)
    faultpoint("swap.done")
    faultpoint(f"swap.done.{result.entity}")
    connection.raw.execute(f"DROP TABLE {staged.table}")
    return result


def _imbalance(result: MappingResult) -> str:
    return (
        f"{result.source}: {result.entity}: the mapping ledger does not balance ({result.in_scope} in scope, "
        f"{result.mapped} mapped, {result.quarantined_rows} quarantined, {sum(result.out_of_scope.values())} out of "
        "scope); the last good rows stay. This is a fault in Pacekeeper: please report it with this line"
    )


def _limit_message(bad: int, staged: Slice, limit: float) -> str:
    return (
        f"{bad} of {staged.rows} rows break the contract, more than the limit of {limit:.1%}; the last good rows stay. "
        f"See `pacekeeper quarantine show {staged.entity.__tablename__}`, then correct the source, its value maps or "
        f"quarantine_limit in [sources.{staged.source}]"
    )


def _good_rows(staged: Slice) -> str:
    return f"(SELECT * FROM {staged.table} WHERE rowid NOT IN (SELECT row_no FROM {FAULTS}))"


def _fault_counts(connection: Connection) -> dict[str, int]:
    rows = connection.raw.execute(f"SELECT reason, count(*) FROM {FAULTS} GROUP BY 1 ORDER BY 1").fetchall()
    return {str(reason): int(count) for reason, count in rows}


def _unmapped(connection: Connection, staged: Slice) -> tuple[tuple[str, str, int], ...]:
    names = {c.name for c in columns(staged.entity)}
    coded = sorted(name for name in names if f"{name}_source_code" in names)
    found: list[tuple[str, str, int]] = []
    for name in coded:
        rows = connection.raw.execute(
            f'SELECT "{name}_source_code", count(*) FROM {_good_rows(staged)} WHERE "{name}" = \'unknown\''
            f' AND "{name}_source_code" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1'
        ).fetchall()
        found += [(name, str(code), int(count)) for code, count in rows[:MOST_CODES]]
        if others := sum(int(count) for _, count in rows[MOST_CODES:]):
            found.append((name, OTHER_CODES, others))
    return tuple(found)


def _replace_quarantine(run: _Run, staged: Slice) -> None:
    name = str(staged.entity.__tablename__)
    key = primary_key(staged.entity)[0]
    run.connection.raw.execute(f"DELETE FROM quarantine.{name} WHERE source = ?", [staged.source])
    run.connection.raw.execute(
        "INSERT INTO quarantine." + name + " (source, row_key, column_name, reason, run_id, as_of) "
        f'SELECT ?, CASE WHEN regexp_full_match(rows."{key}", \'{KEY_PATTERN}\') THEN rows."{key}" END, '
        f"faults.column_name, faults.reason, ?, ? FROM {FAULTS} AS faults "
        f"JOIN {staged.table} AS rows ON rows.rowid = faults.row_no",
        [staged.source, run.run_id, run.as_of],
    )


def _remove_slices(connection: Connection, source: str, *, entities: Collection[str]) -> None:
    for entity in entities:
        for schema in ("canonical", "quarantine"):
            connection.raw.execute(f"DELETE FROM {schema}.{entity} WHERE source = ?", [source])
    forget(connection, source=source, entities=entities)
