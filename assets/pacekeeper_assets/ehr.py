"""`ehr_time_week`: time in the EHR, in and outside working hours."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import number
from pacekeeper.measures.instant import SECONDS_PER_HOUR, hours
from pacekeeper.measures.mart import Mart
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.ehr_columns import COLUMNS, NEEDS
from pacekeeper_assets.ehr_sweep import EHR_COVERAGE, EHR_DAY, EHR_LOG_DAY
from pacekeeper_assets.judging import band
from pacekeeper_assets.people import with_person
from pacekeeper_assets.productivity import PERSON_SESSION, PERSON_SOURCE, PERSON_WEEK
from pacekeeper_assets.task_switch import TASK_RUN, switch_week
from pacekeeper_assets.working_time import PLANNED_WORK, SECONDS_PER_MINUTE, WORK_TIME

_KEYS = ("person_key", "week_id")
_HOURS_OF_CARE = 8.0
_MINUTES_OF_CARE = 15.0
_MINUTES_PER_HOUR = 60.0
_SUMMED = (
    "ehr_s",
    "after_hours_s",
    "after_hours_note_s",
    "wow_s",
    "note_s",
    "inbox_s",
    "orders_s",
    "patient_s",
    "session_s",
    "in_session_s",
    "inbox_in_session_s",
    "observed_s",
)


def ehr_time_week(tables: CanonicalTables, policy: Policy) -> Table:
    weeks = tables.clinician_week
    weeks = weeks.select(
        "week_id", "direct_h", "has_unclear_sessions", "has_unreviewed_sessions", person_key="clinician_key"
    )
    parts = [
        _totals(tables.ehr_day),
        _nights(tables.ehr_day, policy),
        tables.ehr_coverage,
        _note_actions(tables),
        switch_week(tables, policy),
        _window_source(tables),
    ]
    rows = weeks
    for part in parts:
        rows = rows.left_join(part, _KEYS).drop("person_key_right", "week_id_right")
    rows = with_known(rows, tables, "ehr_event", "appointment")
    prescribers = with_person(tables.clinician.filter(tables.clinician.role == "prescriber"), tables)
    prescribers = prescribers.select(prescriber_key="person_key").distinct()
    rows = rows.left_join(prescribers, rows.person_key == prescribers.prescriber_key)
    return _rates(_measured(rows, policy), policy)


def _totals(days: Table) -> Table:
    """The week's sums, and its longest day."""
    return days.group_by(*_KEYS).aggregate(
        **{name: days[name].sum() for name in _SUMMED}, day_max_s=days.ehr_s.nullif(0).max()
    )


def _nights(days: Table, policy: Policy) -> Table:
    """Per week: the longest night, and how many are as long as the policy's; a night bears its evening's date."""
    pieces = ibis.union(
        days.select(*_KEYS, night_no=days.day_no - 1, night_s=days.early_s),
        days.select(*_KEYS, night_no=days.day_no, night_s=days.late_s),
    )
    pieces = pieces.filter(pieces.night_s > 0)
    nights = pieces.group_by(*_KEYS, "night_no").aggregate(night_s=pieces.night_s.sum())
    limit_s = number(
        policy, nights.week_id, lambda rev: rev.section("ehr_time").number("long_night") * SECONDS_PER_MINUTE
    )
    return nights.group_by(*_KEYS).aggregate(
        night_max_s=nights.night_s.max(), long_nights_n=nights.count(where=nights.night_s >= limit_s)
    )


def _note_actions(tables: CanonicalTables) -> Table:
    days = tables.ehr_log_day
    return days.group_by(*_KEYS).aggregate(note_actions_n=days.note_actions_n.sum())


def _window_source(tables: CanonicalTables) -> Table:
    planned = tables.planned_work
    return planned.group_by(*_KEYS).aggregate(window_source=planned.source.max())


def _measured(rows: Table, policy: Policy) -> Table:
    """Seconds into minutes; null where no log knows the person, or where it lacks every day it should tell of."""
    rows = rows.mutate(coverage_ratio=rows.logged_days_n / rows.expected_days_n.nullif(0))
    is_told = rows.knows_ehr_event & ibis.coalesce(rows.coverage_ratio > 0, literal(value=True))

    def minutes(duration_s: Value) -> Value:
        return ifelse(is_told, duration_s.fill_null(0) / float(SECONDS_PER_MINUTE), ibis.null("float64"))

    def counted(count: Value) -> Value:
        return ifelse(is_told, count.fill_null(0), ibis.null("int64"))

    least = number(policy, rows.week_id, lambda rev: rev.section("ehr_time").number("min_coverage"))
    longest_s = number(
        policy, rows.week_id, lambda rev: rev.section("ehr_time").number("max_active_day") * SECONDS_PER_MINUTE
    )
    is_gap = rows.knows_ehr_event & ((rows.coverage_ratio < least) | (rows.day_max_s > longest_s))
    no_number = ibis.null("float64")
    return rows.mutate(
        clinician_key=rows.person_key,
        window_source=rows.window_source.fill_null("default"),
        is_log_doubtful=ibis.coalesce(is_gap, literal(value=False)),
        is_care_doubtful=ibis.coalesce(is_gap, literal(value=False)) | rows.has_unclear_sessions,
        coverage_ratio=ifelse(rows.knows_ehr_event, rows.coverage_ratio, no_number),
        **{
            f"{name}_min": minutes(rows[f"{name}_s"])
            for name in (
                "ehr",
                "after_hours",
                "after_hours_note",
                "wow",
                "note",
                "inbox",
                "orders",
                "night_max",
                "in_session",
                "inbox_in_session",
            )
        },
        nights_ge_180=counted(rows.long_nights_n),
        note_actions_n=counted(rows.note_actions_n),
        switches_n=counted(rows.switches_n),
        windows_ge5=counted(rows.windows_n),
        patient_scheduled_h=ifelse(rows.knows_appointment, hours(rows.patient_s.fill_null(0)), no_number),
        direct_min=rows.direct_h * _MINUTES_PER_HOUR,
    )


def _rates(rows: Table, policy: Policy) -> Table:
    least_h = number(policy, rows.week_id, lambda rev: rev.section("ehr_time").number("min_scheduled"))
    scheduled_h = ifelse(rows.patient_scheduled_h >= least_h, rows.patient_scheduled_h, ibis.null("float64"))

    def per_eight(minutes: Value) -> Value:
        return _HOURS_OF_CARE * minutes / _MINUTES_PER_HOUR / scheduled_h

    return rows.mutate(
        ehr_time_8=per_eight(rows.ehr_min),
        wow_8=per_eight(rows.wow_min),
        note_time_8=per_eight(rows.note_min),
        ib_time_8=per_eight(rows.inbox_min),
        script_time_8=ifelse(rows.prescriber_key.notnull(), per_eight(rows.orders_min), ibis.null("float64")),
        attention_ratio=1.0 - rows.in_session_min * SECONDS_PER_MINUTE / rows.session_s.nullif(0),
        ehr_per_15_care=_MINUTES_OF_CARE * rows.ehr_min / rows.direct_min.nullif(0.0),
        switches_per_h=rows.switches_n * float(SECONDS_PER_HOUR) / rows.observed_s.nullif(0),
    )


EHR_TIME_WEEK = Mart(
    name="ehr_time_week",
    description="Active time in the EHR of every clinician and practice week, by when, by task and beside care.",
    grain="one row per clinician (a person, across sources) and ended practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=(
        "clinician_week",
        "ehr_interval",
        "ehr_event",
        "schedule_block",
        "availability_template",
        "practice_closure",
        "pto_ledger",
        "appointment",
        "session",
        "clinician",
        "person_match",
        "calendar_day",
    ),
    steps=(
        PERSON_SOURCE,
        PERSON_WEEK,
        PERSON_SESSION,
        PLANNED_WORK,
        WORK_TIME,
        EHR_DAY,
        EHR_LOG_DAY,
        EHR_COVERAGE,
        TASK_RUN,
    ),
    columns=COLUMNS,
    build=ehr_time_week,
    weekly_reach=lambda policy: 0,
)

MARTS: tuple[Mart, ...] = (EHR_TIME_WEEK,)
GUARDRAILS: tuple[Guardrail, ...] = (
    band(
        "after_hours_ehr",
        mart="ehr_time_week",
        value="after_hours_min",
        needs=NEEDS["after_hours_ehr"],
        partial="is_log_doubtful",
    ),
    band(
        "night_ehr",
        mart="ehr_time_week",
        value="nights_ge_180",
        needs=NEEDS["night_ehr"],
        partial="is_log_doubtful",
    ),
    band(
        "ehr_overhead",
        mart="ehr_time_week",
        value="ehr_per_15_care",
        needs=NEEDS["ehr_overhead"],
        numerator="ehr_min",
        denominator="direct_min",
        partial="is_care_doubtful",
        defaulted="has_unreviewed_sessions",
    ),
    band(
        "context_switching",
        mart="ehr_time_week",
        value="windows_ge5",
        needs=NEEDS["context_switching"],
        partial="is_log_doubtful",
    ),
)
