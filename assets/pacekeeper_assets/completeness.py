"""Whether the sources behind a guardrail were read far enough (decision 1.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import seconds
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper_assets.people import crosswalk, maps

# Rows of these say that a source knows a person.
_ABOUT_A_CLINICIAN = (
    "clinician",
    "employment",
    "pto_ledger",
    "availability_template",
    "schedule_block",
    "case_assignment",
    "appointment",
    "session",
    "session_clinician",
)


@dataclass(frozen=True)
class Needs:
    """Entities behind a guardrail.

    required: groups, of each of which some source must map one entity, or the verdict is unknown, `no_source`.
    supporting: entities that change the verdict where a source maps them (FTE, leave); a stale one makes it unknown.
    """

    required: tuple[tuple[str, ...], ...]
    supporting: tuple[str, ...]

    @property
    def entities(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*(name for group in self.required for name in group), *self.supporting]))


NEEDS: Mapping[str, Needs] = MappingProxyType(
    {
        "direct_hours": Needs(required=(("session",),), supporting=("session_clinician", "employment")),
        "utilization": Needs(
            required=(("session",), ("schedule_block", "availability_template")),
            supporting=("session_clinician", "employment", "pto_ledger"),
        ),
        "active_caseload": Needs(
            required=(("case_assignment",), ("session",), ("session_participant",), ("appointment",)),
            supporting=("session_clinician", "employment"),
        ),
        "no_show": Needs(required=(("appointment",),), supporting=()),
    }
)


def person_source(tables: CanonicalTables) -> Table:
    """One row per person and source that has a row about that person."""
    links = crosswalk(tables).select("clinician_key", "person_key")
    known = [tables[name].select("clinician_key", "source").distinct() for name in _ABOUT_A_CLINICIAN]
    return ibis.union(*known).inner_join(links, "clinician_key").select("person_key", "source").distinct()


def with_input_state(rows: Table, tables: CanonicalTables, guardrail_id: str) -> Table:
    """The rows (`clinician_key`, `week_end_at`) with `is_unmapped` and `is_stale` for a guardrail's inputs."""
    needs = NEEDS[guardrail_id]
    joined = rows.left_join(_complete_until(tables, needs.entities), "clinician_key").drop("clinician_key_right")
    joined = joined.cross_join(maps(tables, *needs.entities))
    unmapped: Value = literal(value=False)
    for group in needs.required:
        mapped: Value = literal(value=False)
        for entity in group:
            mapped = mapped | joined[f"maps_{entity}"]
        unmapped = unmapped | ~mapped
    return joined.mutate(
        is_unmapped=unmapped,
        is_stale=ibis.coalesce(joined.complete_until_s < seconds(joined.week_end_at), literal(value=False)),
    )


def _complete_until(tables: CanonicalTables, entities: tuple[str, ...]) -> Table:
    """Per person: the earliest end of complete reading among the sources that count; 0 where one never was read.

    A source that was never read successfully counts for everybody: it may know anyone.
    """
    known = tables.source_completeness
    never = known.group_by("source").aggregate(
        reads=known.count(where=known.ever_read & known.complete_through.notnull())
    )
    never = never.filter(never.reads == 0).select("source")
    everybody = crosswalk(tables).select("person_key").distinct()
    counting = ibis.union(person_source(tables), everybody.cross_join(never), distinct=True)
    ends = known.filter(known.entity.isin(entities)).select(
        "source", complete_s=ifelse(known.complete_through.isnull(), 0, seconds(known.complete_through))
    )
    joined = counting.inner_join(ends, "source")
    return joined.group_by(clinician_key=joined.person_key).aggregate(complete_until_s=joined.complete_s.min())
