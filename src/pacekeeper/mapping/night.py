"""One night's mapping: every source to its canonical slices, then what is derived from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pacekeeper.connector import EntityMapping
from pacekeeper.contract import DERIVED
from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.made import digest, made_from, making
from pacekeeper.engine.migration import entities_to_map
from pacekeeper.errors import PacekeeperError
from pacekeeper.home import PracticeHome
from pacekeeper.mapping.calendar import build_calendar
from pacekeeper.mapping.crosswalk_file import Crosswalk, read_crosswalk
from pacekeeper.mapping.ehr_interval import build_ehr_intervals
from pacekeeper.mapping.gaps import keep_gaps_of, list_gaps
from pacekeeper.mapping.identity import match_identities
from pacekeeper.mapping.kept import canonical_digest, forget, mapping_code
from pacekeeper.mapping.practice import write_practice
from pacekeeper.mapping.result import MappingResult
from pacekeeper.mapping.run import map_source, remove_unconfigured
from pacekeeper.mapping.suspect import SessionPart, list_suspects, session_parts
from pacekeeper.ops import EntityState, MappingReason, MappingRun, StreamGap, StreamState, UnmappedValue
from pacekeeper.privacy import describe, plugin_border
from pacekeeper.stream import Stream


def map_sources(
    home: PracticeHome,
    *,
    run_id: str,
    as_of: datetime,
    source: str | None = None,
    entity: str | None = None,
    anew: bool = False,
) -> list[MappingResult]:
    """Bring all canonical tables up to date; one result per source and entity, also on record.

    source, entity: map only these again, and leave the slices of all others as they are. anew: make also slices again
    that nothing has changed for.

    A source whose connector cannot be made, or whose mapping fails in any other way, keeps its last good slices, and
    the others go on. So does one that is switched off; one that is no longer in the settings loses them.
    Entities whose tables a migration emptied are mapped again for every source, whatever was asked for.
    Raises ConfigError, with nothing changed, where the crosswalk file cannot be used.
    """
    configured = home.settings.sources
    file = home.settings.crosswalk_file
    crosswalk = Crosswalk() if file is None else read_crosswalk(file, home.hash_key())
    results: list[MappingResult] = []
    parts: dict[str, list[SessionPart]] = {}
    with home.warehouse.connect() as connection:
        connection.create_schemas()
        remove_unconfigured(connection, configured=configured)
        keep_gaps_of(connection, configured=configured)
        home.ops.remove(state for state in home.ops.rows(EntityState) if state.source not in configured)
        emptied = entities_to_map(connection.raw)
        forget(connection, entities=emptied)
        # Nothing is known of an empty table, until it has been mapped.
        home.ops.add(
            EntityState(source=s.source, entity=s.entity) for s in home.ops.rows(EntityState) if s.entity in emptied
        )
        for name in home.sources:
            asked = (entity,) if source in {None, name} else ()
            for wanted in asked if None in asked else dict.fromkeys((*asked, *emptied)):
                results += _map_one(home, connection, name, parts, run_id=run_id, as_of=as_of, entity=wanted, anew=anew)
        connection.raw.execute("DELETE FROM contract.entity_to_map")
        _derive(home, connection, crosswalk, as_of=as_of)
        list_suspects(connection, parts, configured=configured)
    _record(home, results, run_id)
    return results


def _derive(home: PracticeHome, connection: Connection, crosswalk: Crosswalk, *, as_of: datetime) -> None:
    """What is made from the slices of all sources, where one of them has changed, or the day."""
    practice = home.settings.practice
    day = as_of.astimezone(UTC).date().isoformat()
    of = digest(mapping_code(), canonical_digest(connection), practice.model_dump(mode="json"), repr(crosswalk), day)
    if made_from(connection, DERIVED) == of:
        return
    with making(connection, DERIVED, of):
        write_practice(connection, practice)
        match_identities(connection, crosswalk)
        build_calendar(connection, practice=practice, as_of=as_of)
        build_ehr_intervals(connection, home_tz=practice.home_tz)


def _map_one(
    home: PracticeHome,
    connection: Connection,
    source: str,
    parts: dict[str, list[SessionPart]],
    *,
    run_id: str,
    as_of: datetime,
    entity: str | None,
    anew: bool,
) -> list[MappingResult]:
    """Map a source; parts: gets what of its records are parts of sessions."""
    settings = home.sources[source]
    results: list[MappingResult] = []
    try:
        connector = home.connector(source)
        results += map_source(
            connection,
            source=source,
            connector=connector,
            practice=home.settings.practice,
            as_of=as_of,
            run_id=run_id,
            value_maps=settings.value_maps,
            quarantine_limit=settings.quarantine_limit,
            only=entity,
            anew=anew,
        )
        with plugin_border(source, connector.name):
            streams, mappings = list(connector.streams), list(connector.entity_mappings())
        _move_completeness(home, connection, source, streams, mappings, results)
        parts[source] = session_parts(streams, mappings)
    except PacekeeperError as error:
        results.append(_failed(source, str(error)))
    except Exception as error:  # noqa: BLE001  one source's fault stops no other; the text may hold data
        results.append(_failed(source, f"mapping source {source} failed: {describe(error)}"))
    return results


def _failed(source: str, message: str) -> MappingResult:
    return MappingResult(entity="(all)", source=source, state="failed", message=message)


def _move_completeness(
    home: PracticeHome,
    connection: Connection,
    source: str,
    declared: Sequence[Stream],
    mappings: Sequence[EntityMapping],
    results: Sequence[MappingResult],
) -> None:
    """An entity is complete as far as the streams it is mapped from, once its slice has been swapped in.

    It lacks what these streams lack.
    """
    roots = {stream.name: stream.child_of for stream in declared}
    complete = {state.stream: state.complete_through for state in home.ops.rows(StreamState, source=source)}
    streams_of: dict[str, set[str]] = {}
    for mapping in mappings:
        name = mapping.of.removesuffix("@versions")
        while (parent := roots.get(name)) is not None:
            name = parent
        streams_of.setdefault(mapping.entity, set()).add(name)
    on_record = home.ops.rows(EntityState, source=source)
    before = {state.entity: state.complete_through for state in on_record}
    # What is no longer mapped would be stale for ever.
    home.ops.remove(state for state in on_record if state.entity not in streams_of)
    swapped = {result.entity for result in results if result.is_current}
    list_gaps(connection, source, home.ops.rows(StreamGap, source=source), streams_of=streams_of, swapped=swapped)
    states = []
    for entity, streams in streams_of.items():
        marks = [complete.get(stream) for stream in streams]
        through = None if None in marks else min(mark for mark in marks if mark is not None)
        states.append(
            EntityState(
                source=source, entity=entity, complete_through=through if entity in swapped else before.get(entity)
            )
        )
    home.ops.add(states)


def _record(home: PracticeHome, results: Sequence[MappingResult], run_id: str) -> None:
    home.ops.add(
        MappingRun(
            run_id=run_id,
            source=result.source,
            entity=result.entity,
            state=result.state,
            message=result.message,
            in_scope=result.in_scope,
            mapped=result.mapped,
            quarantined=result.quarantined_rows,
            out_of_scope=sum(result.out_of_scope.values()),
            seconds=result.seconds,
        )
        for result in results
    )
    home.ops.add(
        MappingReason(run_id=run_id, source=result.source, entity=result.entity, kind=kind, reason=reason, rows=rows)
        for result in results
        for kind, found in (("quarantined", result.quarantined), ("out_of_scope", result.out_of_scope))
        for reason, rows in found.items()
    )
    home.ops.add(
        UnmappedValue(run_id=run_id, source=result.source, entity=result.entity, column=column, code=code, rows=rows)
        for result in results
        for column, code, rows in result.unmapped
    )
