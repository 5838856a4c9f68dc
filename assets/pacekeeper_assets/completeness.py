"""Whether the sources behind a guardrail know the person and were read far enough (decision 1.11)."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper_assets.people import crosswalk
from pacekeeper_assets.suspect import with_suspicion

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


def person_source(tables: CanonicalTables) -> Table:
    """One row per person and source that counts for that person (decision 1.11).

    A source counts that has a row about the person, and so does one that was never read: it may know anyone.
    """
    links = crosswalk(tables).select("clinician_key", "person_key")
    known = [tables[name].select("clinician_key", "source").distinct() for name in _ABOUT_A_CLINICIAN]
    told = ibis.union(*known).inner_join(links, "clinician_key").select("person_key", "source")
    reads = tables.source_completeness
    never = reads.group_by("source").aggregate(
        reads_n=reads.count(where=reads.ever_read & reads.complete_through.notnull())
    )
    never = never.filter(never.reads_n == 0).select("source")
    return ibis.union(told, links.select("person_key").cross_join(never), distinct=True)


def with_known(rows: Table, tables: CanonicalTables, *entities: str) -> Table:
    """The rows (`person_key`) with `knows_<entity>`: whether a source that maps the entity counts for the person."""
    reads = tables.source_completeness
    joined = tables.person_source.inner_join(reads, "source")
    known = joined.group_by("person_key").aggregate(
        **{f"knows_{entity}": ifelse(joined.entity == entity, 1, 0).max() for entity in entities}
    )
    found = rows.left_join(known, "person_key").drop("person_key_right")
    return found.mutate(**{f"knows_{entity}": found[f"knows_{entity}"].fill_null(0) > 0 for entity in entities})


def with_input_state(rows: Table, tables: CanonicalTables, rail: Guardrail) -> Table:
    """The rows (`subject_key` of a person, `period_end`) with `lacks_source` and `is_stale` for a guardrail's inputs.

    `is_partial` becomes true where they rest on a suspect record (decision 3) or on days that a source lacks.
    Where no appointment and no session is known at all, every row lacks its source (decision 1.1).
    """
    needs = rail.needs
    rows = with_suspicion(rows, tables, rail)
    ends = _complete_until(tables, needs.entities)
    joined = rows.left_join(ends, rows.subject_key == ends.person_key).drop("person_key")
    asked = dict.fromkeys(name for group in needs.required_entities for name in group)
    joined = with_known(joined.rename(person_key="subject_key"), tables, *asked)
    joined = joined.cross_join(_activity(tables))
    # An EHR that answers, and shows neither an appointment nor a session of anybody, may not have been allowed to.
    lacks_source: Value = joined.activity_n == 0
    for group in needs.required_entities:
        is_known: Value = literal(value=False)
        for entity in group:
            is_known = is_known | joined[f"knows_{entity}"]
        lacks_source = lacks_source | ~is_known
    return joined.mutate(
        lacks_source=lacks_source,
        is_stale=ibis.coalesce(joined.complete_until_s < seconds(joined.period_end), literal(value=False)),
    ).rename(subject_key="person_key")


def with_practice_input_state(rows: Table, tables: CanonicalTables, rail: Guardrail) -> Table:
    """The same for periods of a practice, a team, a client or an alert: every source that maps an input counts.

    A source that lacks days of the period makes it partial.
    """
    needs, reads = rail.needs, tables.source_completeness
    wanted = reads.filter(reads.entity.isin(needs.entities))
    groups = {
        f"has_{number}": wanted.count(where=wanted.entity.isin(group) & wanted.complete_through.notnull())
        for number, group in enumerate(needs.required_entities)
    }
    ends = ifelse(wanted.complete_through.isnull(), 0, seconds(wanted.complete_through))
    state = wanted.aggregate(complete_until_s=ends.min(), **groups)
    joined = _with_lacking_periods(rows, tables, rail).cross_join(state)
    lacks_source: Value = literal(value=False)
    for name in groups:
        lacks_source = lacks_source | (joined[name] == 0)
    is_stale = ibis.coalesce(joined.complete_until_s < seconds(joined.period_end), literal(value=False))
    return joined.mutate(lacks_source=lacks_source, is_stale=is_stale)


def _with_lacking_periods(rows: Table, tables: CanonicalTables, rail: Guardrail) -> Table:
    gaps = tables.source_gap
    is_dated = gaps.first_day.notnull() | gaps.last_day.notnull()
    gaps = gaps.filter(is_dated & gaps.entity.isin(rail.needs.entities))
    gaps = gaps.select(begins_no=day_number(gaps.first_day), ends_no=day_number(gaps.last_day))
    periods = rows.select(hit_day="period_day", hit_last="last_no").distinct()
    met = periods.cross_join(gaps)
    hit = met.filter(
        (met.begins_no.isnull() | (met.begins_no <= met.hit_last))
        & (met.ends_no.isnull() | (met.ends_no >= day_number(met.hit_day) - literal(rail.reach_days, "int64")))
    )
    hit = hit.select("hit_day", "hit_last").distinct()
    joined = rows.left_join(hit, (rows.period_day == hit.hit_day) & (rows.last_no == hit.hit_last))
    is_partial = ibis.coalesce(joined.is_partial, literal(value=False)) | joined.hit_day.notnull()
    return joined.mutate(is_partial=is_partial).drop("hit_day", "hit_last")


def _activity(tables: CanonicalTables) -> Table:
    """One row: `activity_n`, how many appointments and sessions of anybody are known."""
    both = ibis.union(tables.appointment.select("source"), tables.session.select("source"))
    return both.aggregate(activity_n=both.count())


def _complete_until(tables: CanonicalTables, entities: tuple[str, ...]) -> Table:
    """Per person: the earliest end of complete reading among the sources that count; 0 where one never was read."""
    reads = tables.source_completeness
    ends = reads.filter(reads.entity.isin(entities)).select(
        "source", complete_s=ifelse(reads.complete_through.isnull(), 0, seconds(reads.complete_through))
    )
    joined = tables.person_source.inner_join(ends, "source")
    return joined.group_by("person_key").aggregate(complete_until_s=joined.complete_s.min())
