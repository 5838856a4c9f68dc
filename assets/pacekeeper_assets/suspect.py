"""Which weeks of whom rest on records that were last rejected (decision 3) or are known to be lacking (decision 5)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import ibis

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.instant import SECONDS_PER_DAY, day_number, seconds
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper_assets.people import with_person

#: How many days before the week a record may lie and still bear on its verdict (decisions 1.9 and 1.10).
_REACH_DAYS: Mapping[str, int] = MappingProxyType(
    {"direct_hours": 0, "utilization": 0, "no_show": 21, "active_caseload": 60}
)
#: Guardrails that also look at what is booked and lies ahead.
_LOOKS_AHEAD = frozenset({"active_caseload"})
_DAYS_TO_LAST = 6
_WEEK = ("clinician_key", "week_id", "week_start_at", "week_end_at")


def with_suspicion(rows: Table, tables: CanonicalTables, guardrail_id: str, entities: tuple[str, ...]) -> Table:
    """The rows (`clinician_key` of a person, `week_id`, week ends), with what is suspect or lacking in `is_partial`."""
    weeks = rows.select(*_WEEK).distinct()
    found = (
        _suspect_weeks(weeks, tables, guardrail_id, entities),
        _lacking_weeks(weeks, tables, guardrail_id, entities),
    )
    hit = ibis.union(*found, distinct=True)
    joined = rows.left_join(hit, [rows.clinician_key == hit.hit_person, rows.week_id == hit.hit_week])
    is_partial = ibis.coalesce(joined.is_partial, literal(value=False)) | joined.hit_person.notnull()
    return joined.mutate(is_partial=is_partial).drop("hit_person", "hit_week")


def _suspect_weeks(weeks: Table, tables: CanonicalTables, guardrail_id: str, entities: tuple[str, ...]) -> Table:
    """Weeks of persons whom a suspect record of one of the entities names, at the time its older version speaks of.

    Where that time is not known, every week.
    """
    suspects = tables.suspect_record
    suspects = with_person(suspects.filter(suspects.entity.isin(entities)), tables)
    begins: Value = seconds(suspects.from_at)
    if guardrail_id in _LOOKS_AHEAD:
        # A booking bears on every week's end from when it was made until it is held.
        begins = ibis.ifelse(suspects.entity == "appointment", seconds(suspects.noted_at), begins)
    spans = suspects.select("person_key", begins_s=begins, ends_s=seconds(suspects.to_at)).distinct()
    reach = literal(_REACH_DAYS.get(guardrail_id, 0) * SECONDS_PER_DAY, "int64")
    met = weeks.inner_join(spans, weeks.clinician_key == spans.person_key)
    hit = met.filter(
        (met.begins_s.isnull() | (met.begins_s < seconds(met.week_end_at)))
        & (met.ends_s.isnull() | (met.ends_s >= seconds(met.week_start_at) - reach))
    )
    return hit.select(hit_person="clinician_key", hit_week="week_id").distinct()


def _lacking_weeks(weeks: Table, tables: CanonicalTables, guardrail_id: str, entities: tuple[str, ...]) -> Table:
    """Weeks that touch days of which records of one of the entities are lacking, of persons to whom that may matter.

    To whoever the source has a row about; and to whoever no other source can tell the entity of.
    """
    gaps = tables.source_gap
    is_dated = gaps.first_day.notnull() | gaps.last_day.notnull()
    begins: Value = day_number(gaps.first_day)
    if guardrail_id in _LOOKS_AHEAD:
        # When it was booked is not known of an appointment that is lacking.
        begins = ibis.ifelse(gaps.entity == "appointment", ibis.null("int64"), begins)
    gaps = gaps.mutate(begins_no=begins, ends_no=day_number(gaps.last_day))
    gaps = gaps.filter(is_dated & gaps.entity.isin(entities)).select("source", "entity", "begins_no", "ends_no")
    known = tables.person_source.select("person_key", "source")
    told = known.inner_join(tables.source_completeness, "source").select("person_key", "entity").distinct()
    everybody = weeks.select(person_key="clinician_key").distinct().cross_join(gaps)
    anybody = everybody.anti_join(told, ["person_key", "entity"])
    spans = ibis.union(
        gaps.inner_join(known, "source").select("person_key", "begins_no", "ends_no"),
        anybody.select("person_key", "begins_no", "ends_no"),
        distinct=True,
    )
    met = weeks.inner_join(spans, weeks.clinician_key == spans.person_key)
    first_no = day_number(met.week_id)
    reach = literal(_REACH_DAYS.get(guardrail_id, 0), "int64")
    hit = met.filter(
        (met.begins_no.isnull() | (met.begins_no <= first_no + _DAYS_TO_LAST))
        & (met.ends_no.isnull() | (met.ends_no >= first_no - reach))
    )
    return hit.select(hit_person="clinician_key", hit_week="week_id").distinct()
