"""Which weeks of whom rest on records that were last rejected (decision 3) or are known to be lacking (decision 5)."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import SECONDS_PER_DAY, day_number, seconds
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper_assets.people import with_person

_SPAN = ("subject_key", "period_day", "last_no", "period_start", "period_end")


def with_suspicion(rows: Table, tables: CanonicalTables, rail: Guardrail) -> Table:
    """The rows (`subject_key` of a person, and a period), with what is suspect or lacking in `is_partial`."""
    periods = rows.select(*_SPAN).distinct()
    hit = ibis.union(_suspect_periods(periods, tables, rail), _lacking_periods(periods, tables, rail), distinct=True)
    joined = rows.left_join(hit, [rows.subject_key == hit.hit_person, rows.period_day == hit.hit_day])
    is_partial = ibis.coalesce(joined.is_partial, literal(value=False)) | joined.hit_person.notnull()
    return joined.mutate(is_partial=is_partial).drop("hit_person", "hit_day")


def _suspect_periods(periods: Table, tables: CanonicalTables, rail: Guardrail) -> Table:
    """Periods of persons whom a suspect record of one of the entities names, at the time its older version speaks of.

    Where that time is not known, every period.
    """
    suspects = tables.suspect_record
    suspects = with_person(suspects.filter(suspects.entity.isin(rail.needs.entities)), tables)
    begins: Value = seconds(suspects.from_at)
    if rail.looks_ahead:
        # A booking bears on every week's end from when it was made until it is held.
        begins = ibis.ifelse(suspects.entity == "appointment", seconds(suspects.noted_at), begins)
    spans = suspects.select("person_key", begins_s=begins, ends_s=seconds(suspects.to_at)).distinct()
    reach = literal(rail.reach_days * SECONDS_PER_DAY, "int64")
    met = periods.inner_join(spans, periods.subject_key == spans.person_key)
    hit = met.filter(
        (met.begins_s.isnull() | (met.begins_s < seconds(met.period_end)))
        & (met.ends_s.isnull() | (met.ends_s >= seconds(met.period_start) - reach))
    )
    return hit.select(hit_person="subject_key", hit_day="period_day").distinct()


def _lacking_periods(periods: Table, tables: CanonicalTables, rail: Guardrail) -> Table:
    """Periods that touch days of which records of one of the entities are lacking, of persons to whom that may matter.

    To whoever the source has a row about; and to whoever no other source can tell the entity of.
    """
    gaps = tables.source_gap
    is_dated = gaps.first_day.notnull() | gaps.last_day.notnull()
    begins: Value = day_number(gaps.first_day)
    if rail.looks_ahead:
        # When it was booked is not known of an appointment that is lacking.
        begins = ibis.ifelse(gaps.entity == "appointment", ibis.null("int64"), begins)
    gaps = gaps.mutate(begins_no=begins, ends_no=day_number(gaps.last_day))
    gaps = gaps.filter(is_dated & gaps.entity.isin(rail.needs.entities)).select(
        "source", "entity", "begins_no", "ends_no"
    )
    known = tables.person_source.select("person_key", "source")
    told = known.inner_join(tables.source_completeness, "source").select("person_key", "entity").distinct()
    everybody = periods.select(person_key="subject_key").distinct().cross_join(gaps)
    anybody = everybody.anti_join(told, ["person_key", "entity"])
    spans = ibis.union(
        gaps.inner_join(known, "source").select("person_key", "begins_no", "ends_no"),
        anybody.select("person_key", "begins_no", "ends_no"),
        distinct=True,
    )
    met = periods.inner_join(spans, periods.subject_key == spans.person_key)
    first_no = day_number(met.period_day)
    reach = literal(rail.reach_days, "int64")
    hit = met.filter(
        (met.begins_no.isnull() | (met.begins_no <= met.last_no))
        & (met.ends_no.isnull() | (met.ends_no >= first_no - reach))
    )
    return hit.select(hit_person="subject_key", hit_day="period_day").distinct()
