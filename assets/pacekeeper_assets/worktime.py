"""What somebody works in a week besides sessions, each hour counted once: blocks, time entries, work in the EHR."""

from __future__ import annotations

from collections.abc import Callable

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal, nearest
from pacekeeper.measures.in_force import holds, in_force, number, whole
from pacekeeper.measures.instant import SECONDS_PER_HOUR, day_number, hours, seconds
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy, PolicyRevision
from pacekeeper.policy.schema import WEEKDAYS
from pacekeeper_assets.availability import (
    ADMIN_BLOCKS,
    CLOSED_BLOCKS,
    LEAVE_BLOCKS,
    MEETING,
    OPEN,
    SUPERVISION,
    closed_pieces,
    cut_at_midnight,
    open_pieces,
    template_pieces,
    wall_clock,
)
from pacekeeper_assets.coverage import segments
from pacekeeper_assets.people import on_local_day, with_person

#: Kinds of blocks in which somebody works without clients.
WORK_BLOCKS = (*ADMIN_BLOCKS, SUPERVISION, MEETING, "training", "hot_seat", "reply_block", "huddle")
SUPERVISION_ENTRIES = ("supervision_ind", "supervision_grp")
DOCUMENTATION_ENTRIES = ("admin", "documentation")
_LAYERS = (
    "direct",
    "off",
    "open",
    "protected",
    "work",
    "admin",
    "meeting",
    "entry",
    "documentation",
    "supervision",
    "ehr",
    "core",
)
_KEYS = ("person_key", "week_id")
_SECONDS_PER_MINUTE = 60
# Day 0 of the epoch was a Thursday.
_EPOCH_WEEKDAY = 3
#: Halves of a local day per `mark` of the sweep: before noon and after.
HALVES = 2


def entry_pieces(tables: CanonicalTables, days: Table) -> Table:
    """Time entries of which the start is known and that took place, cut at local midnight, with `kind`."""
    entries = _entries(tables)
    entries = entries.filter(entries.started_at.notnull() & (entries.minutes > 0))
    from_s = seconds(entries.started_at)
    intervals = entries.select(
        "person_key",
        "kind",
        piece_key=entries.entry_key,
        from_s=from_s,
        to_s=from_s + nearest(entries.minutes * _SECONDS_PER_MINUTE),
    )
    return cut_at_midnight(intervals, days)


def loose_day(tables: CanonicalTables, days: Table) -> Table:
    """Seconds per person and local day of which only the day is known: `entry_s`, `documentation_s`, `supervision_s`.

    Time entries without a start, and the minutes that messages took, on the day they were answered or sent.
    """
    entries = _entries(tables)
    entries = entries.filter(entries.started_at.isnull()).select(
        "person_key",
        "kind",
        day_no=day_number(entries.entry_date),
        length_s=nearest(entries.minutes * _SECONDS_PER_MINUTE),
    )
    entries = entries.inner_join(days.select(*_KEYS, "day_no"), ["person_key", "day_no"])
    messages = with_person(tables.message, tables)
    # An incoming message takes its minutes when it is answered; when somebody answers an outgoing one is their time.
    at = ifelse(
        messages.direction == "in",
        ibis.coalesce(messages.replied_at, messages.read_at, messages.received_at, messages.sent_at),
        ibis.coalesce(messages.sent_at, messages.received_at),
    )
    messages = messages.filter((messages.status != "entered_in_error") & (messages.minutes > 0) & at.notnull())
    timed = messages.select(
        "person_key",
        kind=literal("message"),
        at_s=seconds(at),
        length_s=nearest(messages.minutes * _SECONDS_PER_MINUTE),
    )
    timed = on_local_day(timed, days, at="at_s")
    columns = [*_KEYS, "day_no", "kind", "length_s"]
    both = ibis.union(entries.select(columns), timed.select(columns))
    return both.group_by(*_KEYS, "day_no").aggregate(
        entry_s=both.length_s.sum(),
        documentation_s=both.length_s.sum(where=both.kind.isin(DOCUMENTATION_ENTRIES)).fill_null(0),
        supervision_s=both.length_s.sum(where=both.kind.isin(SUPERVISION_ENTRIES)).fill_null(0),
    )


def work_sweep(tables: CanonicalTables, policy: Policy) -> Table:
    """One sweep per person and week over work of all kinds; `mark` // 2 is the local day, odd after noon."""
    days, blocks, sessions = tables.person_day, tables.person_block, tables.person_session
    entries = tables.person_entry
    is_doc, is_sup = entries.kind.isin(DOCUMENTATION_ENTRIES), entries.kind.isin(SUPERVISION_ENTRIES)
    protected = blocks.filter(blocks.is_protected & (blocks.kind != OPEN))
    layers = [
        _layer(sessions.filter(sessions.is_direct), "direct"),
        _layer(blocks.filter(blocks.kind.isin([*LEAVE_BLOCKS, *CLOSED_BLOCKS])), "off"),
        _layer(closed_pieces(tables, days), "off"),
        _layer(open_pieces(blocks, template_pieces(tables, days)), "open"),
        _layer(protected, "protected"),
        _layer(blocks.filter(blocks.kind.isin(WORK_BLOCKS)), "work"),
        _layer(protected.filter(protected.kind.isin(ADMIN_BLOCKS)), "admin"),
        _layer(blocks.filter(blocks.kind == MEETING), "meeting"),
        _layer(entries, "entry"),
        _layer(entries.filter(is_doc), "documentation"),
        _layer(blocks.filter(blocks.kind == SUPERVISION), "supervision"),
        _layer(entries.filter(is_sup), "supervision"),
        _layer(_ehr_pieces(tables, days), "ehr"),
        _layer(_core_pieces(days, policy), "core"),
    ]
    noon = in_force(
        policy, days.week_id, lambda rev: _minute(rev.guardrail("admin_block_halfday").settings.word("noon"))
    )
    spans = days.mutate(noon=noon).rename(day_from_s="from_s", day_to_s="to_s")
    halves = [
        spans.select(*_KEYS, at_s=spans.day_from_s, mark=spans.day_no * HALVES),
        spans.select(*_KEYS, at_s=wall_clock(spans, spans.noon), mark=spans.day_no * HALVES + 1),
    ]
    swept = segments(ibis.union(*layers), by=_KEYS, layers=_LAYERS, marks=ibis.union(*halves))
    return swept.mutate(
        length_s=swept.to_s - swept.from_s,
        day_no=(swept.mark // HALVES).cast("int64"),
        is_working=(swept.direct_n > 0)
        | (swept.entry_n > 0)
        | ((swept.off_n == 0) & ((swept.work_n > 0) | (swept.open_n > 0))),
    )


def work_day(tables: CanonicalTables) -> Table:
    """Seconds per person and local day: direct and other work, documentation, supervision, planned and closed time."""
    swept = tables.work_sweep
    is_direct = swept.direct_n > 0
    is_block = (swept.work_n > 0) & (swept.off_n == 0)
    is_recorded = (swept.entry_n > 0) | (swept.ehr_n > 0)
    is_planned = (swept.open_n > 0) | (swept.work_n > 0)

    def total(condition: Value) -> Value:
        return ifelse(condition, swept.length_s, 0).sum()

    timed = swept.group_by(*_KEYS, "day_no").aggregate(
        direct_s=total(is_direct),
        other_s=total((is_recorded | is_block) & ~is_direct),
        documentation_s=total(((swept.documentation_n > 0) | (swept.ehr_n > 0)) & ~is_direct),
        supervision_s=total(swept.supervision_n > 0),
        block_s=total(is_block & ~is_direct),
        entry_s=total((swept.entry_n > 0) & ~is_direct),
        planned_s=total(is_planned),
        off_s=total(is_planned & (swept.off_n > 0)),
        core_s=total(swept.core_n > 0),
        core_bookable_s=total((swept.core_n > 0) & (swept.open_n > 0) & (swept.off_n == 0) & (swept.protected_n == 0)),
    )
    loose = loose_day(tables, tables.person_day).rename(
        loose_s="entry_s", loose_documentation_s="documentation_s", loose_supervision_s="supervision_s"
    )
    days = tables.person_day.select(*_KEYS, "day_no")
    for part in (timed, loose):
        keys = [*_KEYS, "day_no"]
        days = days.left_join(part, keys).drop(*[f"{name}_right" for name in keys])
    return days.mutate(
        **{name: days[name].fill_null(0) for name in days.columns if name.endswith("_s")},
    )


def work_week(tables: CanonicalTables) -> Table:
    """Seconds per person and week. What is known by the day alone adds only what exceeds the timed hours of its day."""
    days = tables.work_day
    sums: dict[str, Callable[[Table], Value]] = {
        "total_work_s": lambda d: d.direct_s + ibis.greatest(d.other_s, d.loose_s),
        "documentation_s": lambda d: ibis.greatest(d.documentation_s, d.loose_documentation_s),
        "supervision_s": lambda d: ibis.greatest(d.supervision_s, d.loose_supervision_s),
        "planned_s": lambda d: d.planned_s,
        "off_s": lambda d: d.off_s,
    }
    is_worked = (days.direct_s > 0) | (days.block_s > 0) | (days.entry_s > 0) | (days.loose_s > 0)
    return days.group_by(*_KEYS).aggregate(
        days_worked_n=ifelse(is_worked, 1, 0).sum(), **{name: value(days).sum() for name, value in sums.items()}
    )


def supervision_week(tables: CanonicalTables, policy: Policy) -> Table:
    """Supervision entries per person and week, dated by their day."""
    entries = with_person(tables.time_entry, tables)
    entries = entries.filter(entries.kind.isin(SUPERVISION_ENTRIES))
    entries = entries.select(
        "person_key", "kind", "minutes", "is_paid", "cancelled_by", day_no=day_number(entries.entry_date)
    )
    dated = entries.inner_join(tables.person_day.select(*_KEYS, "day_no"), ["person_key", "day_no"])
    least = number(
        policy, dated.week_id, lambda rev: rev.guardrail("supervision_weekly").settings.number("min_minutes")
    )
    held = dated.cancelled_by.isnull()
    counts = held & (dated.minutes >= least)
    return dated.group_by(*_KEYS).aggregate(
        supervision_n=dated.count(where=counts & ibis.coalesce(dated.is_paid, literal(value=False))),
        supervision_unclear_n=dated.count(where=counts & dated.is_paid.isnull()),
        supervision_cancelled_n=dated.count(where=~held),
        supervision_cancelled_by_supervisor_n=dated.count(where=dated.cancelled_by == "counterpart"),
        supervision_individual_min=dated.minutes.sum(where=held & (dated.kind == "supervision_ind")),
        supervision_group_min=dated.minutes.sum(where=held & (dated.kind == "supervision_grp")),
    )


def debrief_days(policy: Policy) -> int:
    """How many days after its week a debriefing may count at most."""
    return max(rev.guardrail("debrief").settings.whole("within_days") for rev in policy.revisions)


def debrief_week(tables: CanonicalTables, policy: Policy) -> Table:
    """Sessions of high acuity per person and week of which the time to debrief is over, and those debriefed in it.

    A huddle, by time entry or calendar, on the session's day at or after its end, or on one of the next days.
    """
    acute = tables.person_session.filter(tables.person_session.is_direct & tables.person_session.is_acuity_event)
    entries = _entries(tables)
    entries = entries.filter(entries.kind == "huddle")
    told = entries.select(
        "person_key",
        huddle_no=day_number(entries.entry_date),
        huddle_s=ifelse(entries.started_at.isnull(), ibis.null("int64"), seconds(entries.started_at)),
    )
    blocks = tables.person_block.filter(tables.person_block.kind == "huddle")
    huddles = ibis.union(told, blocks.select("person_key", huddle_no="day_no", huddle_s="from_s"))
    acute = acute.mutate(
        within=whole(policy, acute.week_id, lambda rev: rev.guardrail("debrief").settings.whole("within_days"))
    )
    joined = acute.left_join(
        huddles,
        [
            acute.person_key == huddles.person_key,
            huddles.huddle_no >= acute.day_no,
            huddles.huddle_no <= acute.day_no + acute.within,
            huddles.huddle_s.isnull() | (huddles.huddle_s >= acute.to_s),
        ],
    ).drop("person_key_right")
    each = joined.group_by(*_KEYS, "session_key", "day_no", "within").aggregate(huddles_n=joined.huddle_no.count())
    ends = tables.person_day.select("person_key", end_no="day_no", end_s="to_s")
    last = ends.group_by("person_key").aggregate(last_no=ends.end_no.max(where=ends.end_s <= seconds(tables.as_of)))
    each = each.inner_join(last, "person_key")
    is_due = each.day_no + each.within <= each.last_no
    return each.group_by(*_KEYS).aggregate(
        acuity_sessions_n=each.count(),
        debrief_due_n=each.count(where=is_due | (each.huddles_n > 0)),
        debriefed_n=each.count(where=each.huddles_n > 0),
    )


def _entries(tables: CanonicalTables) -> Table:
    """Time entries that took place and are no sessions; those are known as sessions."""
    entries = with_person(tables.time_entry, tables)
    return entries.filter(entries.cancelled_by.isnull() & (entries.kind != "direct"))


def _ehr_pieces(tables: CanonicalTables, days: Table) -> Table:
    work = with_person(tables.ehr_interval, tables)
    work = work.filter(work.ended_at > work.started_at)
    from_s = seconds(work.started_at)
    return cut_at_midnight(
        work.select(
            "person_key",
            piece_key=work.clinician_key.concat("@", from_s.cast("string"), "@", work.task_type),
            from_s=from_s,
            to_s=seconds(work.ended_at),
        ),
        days,
    )


def _core_pieces(days: Table, policy: Policy) -> Table:
    """Core hours of each local day; none where the policy states none."""
    spans = days.mutate(
        core_from=in_force(policy, days.week_id, lambda rev: _core_minute(rev, "from")),
        core_to=in_force(policy, days.week_id, lambda rev: _core_minute(rev, "to")),
    ).rename(day_from_s="from_s", day_to_s="to_s")
    weekday = (spans.day_no + _EPOCH_WEEKDAY) % len(WEEKDAYS)
    is_core = holds(
        policy,
        spans.week_id,
        lambda rev: weekday.isin(
            [WEEKDAYS.index(day) for day in rev.guardrail("core_hours").settings.words("weekdays")]
        ),
    )
    spans = spans.filter(is_core & spans.core_from.notnull() & (spans.core_to > spans.core_from))
    return spans.select(*_KEYS, from_s=wall_clock(spans, spans.core_from), to_s=wall_clock(spans, spans.core_to))


def _core_minute(rev: PolicyRevision, key: str) -> object:
    settings = rev.guardrail("core_hours").settings
    return ibis.null("int64") if settings.entry(key).value is None else _minute(settings.word(key))


def _minute(clock: str) -> Value:
    hour, minute = clock.split(":")
    return literal(int(hour) * (SECONDS_PER_HOUR // _SECONDS_PER_MINUTE) + int(minute), "int64")


def _layer(pieces: Table, layer: str) -> Table:
    return pieces.select(*_KEYS, "from_s", "to_s", layer=literal(layer))


def work_measures(rows: Table) -> Table:
    """Seconds and counts into measures; null where no source that could tell knows the person."""
    no_number, no_count = ibis.null("float64"), ibis.null("int64")

    def timed(is_known: Value, duration_s: Value) -> Value:
        return ifelse(is_known, hours(duration_s.fill_null(0)), no_number)

    def counted(is_known: Value, count: Value) -> Value:
        return ifelse(is_known, count.fill_null(0), no_count)

    entries = rows.knows_time_entry
    is_told = rows.knows_session & ((rows.sessions_n == 0) | (rows.acuity_told_n > 0))
    can_tell = is_told & (entries | rows.knows_schedule_block)
    rows = rows.mutate(
        total_work_h=timed(rows.knows_session & (entries | rows.knows_ehr_event), rows.total_work_s),
        days_worked_n=counted(rows.knows_session, rows.days_worked_n),
        documentation_h=timed(entries | rows.knows_ehr_event, rows.documentation_s),
        supervision_h=timed(entries | rows.knows_schedule_block, rows.supervision_s),
        supervision_individual_h=_of_minutes(entries, rows.supervision_individual_min),
        supervision_group_h=_of_minutes(entries, rows.supervision_group_min),
        supervision_n=counted(entries, rows.supervision_n),
        supervision_cancelled_n=counted(entries, rows.supervision_cancelled_n),
        supervision_cancelled_by_supervisor_n=counted(entries, rows.supervision_cancelled_by_supervisor_n),
        is_supervision_unclear=(rows.supervision_n.fill_null(0) == 0) & (rows.supervision_unclear_n.fill_null(0) > 0),
        acuity_sessions_n=counted(is_told, rows.acuity_sessions_n),
        has_acuity=~is_told | (rows.debrief_due_n.fill_null(0) > 0),
        debrief_due_n=counted(can_tell, rows.debrief_due_n),
        debriefed_n=counted(can_tell, rows.debriefed_n),
        admin_protected_ratio=rows.admin_protected_h / rows.contract_h.nullif(0.0),
        worked_ratio=1.0 - hours(rows.off_s) / hours(rows.planned_s.nullif(0)),
    )
    return rows.mutate(
        intensity_h_per_day=rows.direct_h / rows.days_worked_n.nullif(0),
        debrief_ratio=rows.debriefed_n / rows.debrief_due_n.nullif(0),
    )


def _of_minutes(is_known: Value, minutes: Value) -> Value:
    return ifelse(
        is_known, minutes.fill_null(0.0) / float(SECONDS_PER_HOUR // _SECONDS_PER_MINUTE), ibis.null("float64")
    )
