"""Whether the sources behind a guardrail know the person and were read far enough (decision 1.11)."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, ifelse
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper_assets.people import crosswalk

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
    "time_entry",
    "capacity_flag",
    "supervision_link",
    "referral",
    "charge",
    "note",
    "message",
    "ehr_event",
)


def person_source(tables: CanonicalTables) -> Table:
    """One row per person and source that counts for that person (decision 1.11).

    A source counts that has a row about the person, and so does one that was never read: it may know anyone. One that
    maps nothing about clinicians, such as a survey of clients, counts for everybody.
    """
    links = crosswalk(tables).select("clinician_key", "person_key")
    known = [tables[name].select("clinician_key", "source").distinct() for name in _ABOUT_A_CLINICIAN]
    told = ibis.union(*known, _rated_cases(tables)).inner_join(links, "clinician_key").select("person_key", "source")
    reads = tables.source_completeness
    never = reads.group_by("source").aggregate(
        reads_n=reads.count(where=reads.ever_read & reads.complete_through.notnull()),
        about_n=reads.count(where=reads.entity.isin(_ABOUT_A_CLINICIAN)),
        of_clients_n=reads.count(where=reads.entity == "measure_response"),
    )
    knows_anyone = (never.reads_n == 0) | ((never.about_n == 0) & (never.of_clients_n > 0))
    never = never.filter(knows_anyone).select("source")
    return ibis.union(told, links.select("person_key").cross_join(never), distinct=True)


def _rated_cases(tables: CanonicalTables) -> Table:
    """Clinicians whose cases a source rates; a rating names the episode, not always the clinician."""
    rated = tables.case_weight.select("episode_key", "source").distinct()
    cases = tables.case_assignment.select("episode_key", "clinician_key").distinct()
    return cases.inner_join(rated, "episode_key").select("clinician_key", "source").distinct()


def with_known(rows: Table, tables: CanonicalTables, *entities: str) -> Table:
    """The rows (`person_key`) with `knows_<entity>`: whether a source that maps the entity counts for the person."""
    reads = tables.source_completeness
    joined = tables.person_source.inner_join(reads, "source")
    known = joined.group_by("person_key").aggregate(
        **{f"knows_{entity}": ifelse(joined.entity == entity, 1, 0).max() for entity in entities}
    )
    found = rows.left_join(known, "person_key").drop("person_key_right")
    return found.mutate(**{f"knows_{entity}": found[f"knows_{entity}"].fill_null(0) > 0 for entity in entities})
