"""`note_timeliness` and `note_week`: how soon notes are signed, and how they are made."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import number
from pacekeeper.measures.instant import hours, seconds
from pacekeeper.measures.mart import Mart
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.ehr_sweep import EHR_LOG_DAY
from pacekeeper_assets.judging import band
from pacekeeper_assets.note_clock import NOTE_CLOCK, OPEN, SIGNED, UNKNOWN
from pacekeeper_assets.note_columns import NEEDS, NOTE_COLUMNS, WEEK_COLUMNS
from pacekeeper_assets.productivity import HELD, PERSON_SESSION, PERSON_SOURCE, PERSON_WEEK

# Bands as published: same day, then 24, 48 and 72 hours.
_BANDS_H = (24, 48, 72)
_AI_MODES = ("ai_assist", "ai_ambient")
_KEYS = ("person_key", "week_id")
_HOURS_PER_DAY = 24.0
# How long before a week's end a note that is suspect or lacking may have been due, and still bear on the verdict.
_LONGEST_OPEN_DAYS = 28
_COUNTED = (
    "due_n",
    "same_day_n",
    "within_24h_n",
    "within_48h_n",
    "within_72h_n",
    "over_72h_n",
    "undated_n",
    "prewritten_n",
    "signed_n",
    "bulk_signed_n",
    "open_n",
    "overdue_open_n",
)


def note_timeliness(tables: CanonicalTables, policy: Policy) -> Table:
    notes = tables.note_clock
    limit_h = number(policy, tables.as_of.date(), lambda rev: rev.section("notes").number("overdue_after"))
    is_same_day = _is_same_day(notes)
    bands = [
        (notes.state == OPEN, literal("open")),
        (notes.lag_h.isnull(), literal("unknown")),
        (notes.lag_h < 0, literal("before_end")),
        (ibis.coalesce(is_same_day, literal(value=False)), literal("same_day")),
        *[(notes.lag_h <= limit, literal(f"le_{limit}h")) for limit in _BANDS_H],
    ]
    return notes.mutate(
        clinician_key=notes.person_key,
        band=ibis.cases(*bands, else_=literal(f"gt_{_BANDS_H[-1]}h")),
        is_same_day=is_same_day,
        is_prewritten=notes.lag_h < 0,
        is_overdue=ibis.cases(
            (notes.state == UNKNOWN, ibis.null("boolean")),
            (notes.state == OPEN, notes.open_h > limit_h),
            else_=literal(value=False),
        ),
        cosign_lag_h=hours(seconds(notes.cosigned_at) - notes.signed_s),
    )


def note_week(tables: CanonicalTables, policy: Policy) -> Table:
    weeks = tables.person_week.select(*_KEYS, "week_end_s")
    rows = weeks
    parts = [
        _due(tables.note_clock),
        _waiting(tables.note_clock),
        _signed(tables),
        _open_at_end(tables.note_clock, weeks, policy),
        _without_note(tables),
        tables.ehr_time_week.select("week_id", "note_min", person_key="clinician_key"),
    ]
    for part in parts:
        rows = rows.left_join(part, _KEYS).drop("person_key_right", "week_id_right")
    return _measured(with_known(rows, tables, "note", "session"))


def _is_same_day(notes: Table) -> Value:
    """Null where the note is not signed, or its service lies outside the judged weeks."""
    is_same = ibis.coalesce(notes.signed_day_no == notes.service_end_day_no, literal(value=False))
    is_told = notes.signed_s.notnull() & notes.service_end_day_no.notnull()
    return ifelse(is_told, is_same, ibis.null("boolean"))


def _due(notes: Table) -> Table:
    """Counts per week in which the service ended."""
    notes = notes.filter(notes.service_end_week.notnull()).mutate(is_same_day=_is_same_day(notes))
    lag_h = notes.lag_h
    return notes.group_by("person_key", week_id="service_end_week").aggregate(
        due_n=notes.count(),
        same_day_n=notes.count(where=notes.is_same_day & (lag_h >= 0)),
        within_24h_n=notes.count(where=lag_h <= _BANDS_H[0]),
        within_48h_n=notes.count(where=lag_h <= _BANDS_H[1]),
        within_72h_n=notes.count(where=lag_h <= _BANDS_H[2]),
        over_72h_n=notes.count(where=lag_h > _BANDS_H[2]),
        undated_n=notes.count(where=notes.state.notin((SIGNED, OPEN))),
        prewritten_n=notes.count(where=lag_h < 0),
    )


def _waiting(notes: Table) -> Table:
    """Median and 90th percentile of the lag per week of service; an open note waits longer than every signed one."""
    told = notes.filter(notes.service_end_week.notnull() & notes.state.isin((SIGNED, OPEN)))
    told = told.select(
        "person_key", "note_key", "lag_h", week_id="service_end_week", is_open=ifelse(told.lag_h.isnull(), 1, 0)
    )
    in_order = ibis.window(group_by=list(_KEYS), order_by=["is_open", "lag_h", "note_key"])
    told = told.mutate(
        place=ibis.row_number().over(in_order) + 1, notes_n=told.count().over(ibis.window(group_by=list(_KEYS)))
    )
    return told.group_by(*_KEYS).aggregate(
        lag_p50_h=told.lag_h.min(where=told.place * 2 >= told.notes_n),
        lag_p90_h=told.lag_h.min(where=told.place * 10 >= told.notes_n * 9),
    )


def _signed(tables: CanonicalTables) -> Table:
    """Counts per week of signature."""
    notes = tables.note_clock
    notes = notes.filter(notes.signed_week.notnull())
    logged = tables.ehr_log_day.filter(tables.ehr_log_day.note_actions_n > 0)
    logged = logged.select("person_key", "note_actions_n", signed_day_no="day_no")
    notes = notes.left_join(logged, ["person_key", "signed_day_no"])
    notes = notes.mutate(cosign_h=hours(seconds(notes.cosigned_at) - notes.signed_s))
    return notes.group_by("person_key", week_id="signed_week").aggregate(
        signed_n=notes.count(),
        amended_n=notes.count(where=notes.amended_count > 0),
        amendments_told_n=notes.amended_count.count(),
        bulk_signed_n=notes.count(where=notes.is_bulk),
        ai_n=notes.count(where=notes.authoring_mode.isin(_AI_MODES)),
        modes_told_n=notes.count(where=notes.authoring_mode.notnull() & (notes.authoring_mode != "unknown")),
        unlogged_n=notes.count(where=notes.note_actions_n.isnull()),
        actions_per_note=notes.actions_n.mean(),
        cosign_lag_p50_h=notes.cosign_h.quantile(0.5),
    )


def _open_at_end(notes: Table, weeks: Table, policy: Policy) -> Table:
    """What was not signed when a week ended, of services that had ended by then."""
    waited = notes.filter(
        (notes.state.isin((SIGNED, OPEN)) | (notes.state == UNKNOWN))
        & notes.service_end_s.notnull()
        & ~ibis.coalesce(notes.signed_week == notes.service_end_week, literal(value=False))
    )
    waited = waited.select("person_key", "service_end_s", "signed_s", "state")
    met = weeks.inner_join(waited, "person_key")
    met = met.filter((met.service_end_s < met.week_end_s) & (met.signed_s.isnull() | (met.signed_s >= met.week_end_s)))
    met = met.mutate(age_h=hours(met.week_end_s - met.service_end_s), is_known=met.state != UNKNOWN)
    limit_h = number(policy, met.week_id, lambda rev: rev.section("notes").number("overdue_after"))
    met = met.mutate(is_overdue=met.is_known & (met.age_h > limit_h))
    return met.group_by(*_KEYS).aggregate(
        open_n=met.count(where=met.is_known),
        overdue_open_n=met.count(where=met.is_overdue),
        oldest_h=met.age_h.max(where=met.is_known),
        unknown_open_n=met.count(where=~met.is_known),
    )


def _without_note(tables: CanonicalTables) -> Table:
    """Held sessions that no note names; null for all where no note names what it is about."""
    notes = tables.note.filter(tables.note.status != "entered_in_error")
    links = notes.aggregate(links_n=notes.session_key.count() + notes.appointment_key.count())
    seats = tables.session.select("session_key", "appointment_key")
    held = tables.person_session.filter(tables.person_session.status.isin(HELD))
    held = held.select(*_KEYS, "session_key").inner_join(seats, "session_key")
    bare = held.anti_join(notes.filter(notes.session_key.notnull()), "session_key")
    bare = bare.anti_join(notes.filter(notes.appointment_key.notnull()), "appointment_key")
    counted = bare.group_by(*_KEYS).aggregate(bare_n=bare.session_key.nunique())
    weeks = tables.person_week.select(*_KEYS).cross_join(links)
    joined = weeks.left_join(counted, _KEYS)
    return joined.select(*_KEYS, bare_n=ifelse(joined.links_n > 0, joined.bare_n.fill_null(0), ibis.null("int64")))


def _measured(rows: Table) -> Table:
    no_number, no_count = ibis.null("float64"), ibis.null("int64")
    rows = rows.mutate(
        **{name: ifelse(rows.knows_note, rows[name].fill_null(0), no_count) for name in _COUNTED},
        oldest_open_h=ifelse(rows.knows_note, rows.oldest_h.fill_null(0.0), no_number),
        has_unknown_notes=ibis.coalesce(rows.unknown_open_n > 0, literal(value=False)),
    )
    is_unlogged_told = rows.knows_note & rows.note_min.notnull()
    return rows.mutate(
        clinician_key=rows.person_key,
        same_day_ratio=rows.same_day_n / rows.due_n.nullif(0),
        oldest_open_d=rows.oldest_open_h / _HOURS_PER_DAY,
        amended_n=ifelse((rows.signed_n == 0) | (rows.amendments_told_n > 0), rows.amended_n.fill_null(0), no_count),
        ai_note_share=rows.ai_n / rows.modes_told_n.nullif(0),
        doc_min_per_note=rows.note_min / rows.signed_n.nullif(0),
        unlogged_n=ifelse(is_unlogged_told, rows.unlogged_n.fill_null(0), no_count),
        sessions_without_note_n=ifelse(rows.knows_note & rows.knows_session, rows.bare_n, no_count),
    )


NOTE_TIMELINESS = Mart(
    name="note_timeliness",
    description="How long after the session each note was signed, or for how long it has been open.",
    grain="one row per note of a known author, begun by the run's instant and not entered in error",
    primary_key=("note_key",),
    inputs=(
        "note",
        "session",
        "appointment",
        "ehr_event",
        "clinician",
        "person_match",
        "client_match",
        "calendar_day",
    ),
    steps=(NOTE_CLOCK,),
    columns=NOTE_COLUMNS,
    build=note_timeliness,
)
NOTE_WEEK = Mart(
    name="note_week",
    description="Notes of every clinician and practice week: signed how soon, open at its end, made how.",
    grain="one row per clinician (a person, across sources) and ended practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=("clinician_week", "ehr_time_week", "note", "session", "person_match"),
    steps=(PERSON_SOURCE, PERSON_WEEK, PERSON_SESSION, NOTE_CLOCK, EHR_LOG_DAY),
    columns=WEEK_COLUMNS,
    build=note_week,
)

MARTS: tuple[Mart, ...] = (NOTE_TIMELINESS, NOTE_WEEK)
GUARDRAILS: tuple[Guardrail, ...] = (
    band(
        "overdue_notes",
        mart="note_week",
        value="oldest_open_h",
        needs=NEEDS["overdue_notes"],
        partial="has_unknown_notes",
        reach_days=_LONGEST_OPEN_DAYS,
    ),
)
