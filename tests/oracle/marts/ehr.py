"""ehr_time_week: work in the EHR, by when, by task and beside care (decision 8, E1 to E6)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

from tests.oracle.intervals import Stretches, common, hours, union, without
from tests.oracle.marts.hours import (
    CLOSED,
    LEAVE,
    blocks_in,
    closed_by_practice,
    leave_entries,
    template_stretches,
    within,
)
from tests.oracle.marts.practice import MartRows, Practice, Row, at_clock, clip, day_of, ratio, stretches
from tests.oracle.marts.work import WORK
from tests.oracle.weeks import Week, day_stretch

AS_IT_STANDS = {"on_call", "other"}
NOT_SCHEDULED = {"cancelled", "rescheduled", "entered_in_error"}
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MINUTE = 60_000_000
#: Kinds of work, in the contract's order: on two devices at once, the earlier one is what is done.
KINDS = ["note", "chart_review", "inbox", "orders", "billing", "scheduling", "measures", "other"]


def minutes(found: Stretches) -> Fraction:
    return hours(found) * 60


@dataclass
class Log:
    """A person's log, and what it is held against. kinds: work by task. days: local days with an entry. cared: time of
    held sessions. scheduled: planned time of clients. sessions, events: by week.
    """

    everything: Stretches
    kinds: dict[str, Stretches]
    days: set[date]
    cared: Stretches
    held_days: set[date]
    scheduled: Stretches
    sessions: dict[date, list[Row]]
    events: dict[date, list[Row]]


def ehr_time_week(practice: Practice) -> MartRows:
    logs = {person: _log(practice, person) for person in practice.people}
    held = {day for log in logs.values() for day in log.held_days}
    silent = held - {day for log in logs.values() for day in log.days}
    return {
        (person, week.monday): _week(practice, person, week, logs[person], silent)
        for person, weeks in practice.weeks.items()
        for week in weeks
    }


def _log(practice: Practice, person: str) -> Log:
    rows = practice.by_person("ehr_interval").get(person, [])
    events = practice.by_person("ehr_event").get(person, [])
    kinds: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[row["task_type"]].append(row)
    sessions = practice.sessions.get(person, [])
    held = [s for s in sessions if practice.counts(s)]
    seats = [
        a
        for a in practice.by_person("appointment").get(person, [])
        if a["client_key"] is not None and a["status"] not in NOT_SCHEDULED
    ]
    return Log(
        everything=stretches(rows, "started_at", "ended_at"),
        kinds={kind: stretches(mine, "started_at", "ended_at") for kind, mine in kinds.items()},
        days={practice.day(person, e["at"]) for e in events},
        cared=stretches(held, "started_at", "ended_at"),
        held_days={practice.day(person, s["started_at"]) for s in held},
        scheduled=stretches(seats, "start_at", "end_at"),
        sessions=practice.by_week(person, sessions, "started_at"),
        events=practice.by_week(person, events, "at"),
    )


def _away(practice: Practice, person: str, week: Week) -> Stretches:
    blocks = [b for b in blocks_in(practice, person, week) if b["kind"] in LEAVE | CLOSED]
    return union([*within(week, blocks), *closed_by_practice(practice, person, week)])


def clock_minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def office_hours(practice: Practice, week: Week) -> Stretches:
    """The policy's window, for weeks without a schedule."""
    start, end = (clock_minutes(practice.setting("working_time", name)) for name in ("from", "to"))
    days = [d for d in week.days if WEEKDAYS[d.weekday()] in practice.setting("working_time", "weekdays")]
    return union((at_clock(d, start, week.zone), at_clock(d, end, week.zone)) for d in days)


def working_time(practice: Practice, person: str, week: Week) -> tuple[Stretches, str]:
    """Working time of the week, and where it comes from (E1, E2)."""
    blocks = blocks_in(practice, person, week)
    offered = within(week, [b for b in blocks if b["kind"] == "client_available"])
    offered = offered or template_stretches(practice, person, week)
    regular = union([*offered, *within(week, [b for b in blocks if b["kind"] in WORK])])
    source = "schedule" if regular else "default"
    away = _away(practice, person, week)
    as_it_stands = within(week, [b for b in blocks if b["kind"] in AS_IT_STANDS])
    ledger = leave_entries(practice, person, practice.setting("leave", "kinds"))
    grace = practice.setting("working_time", "grace") * MINUTE
    spans: Stretches = []
    for day in week.days:
        today = day_of(without(regular or office_hours(practice, week), away), day, week.zone)
        if not today or ledger.get(day, Fraction(0)) >= hours(today):
            continue
        spans.append((today[0][0] - grace, today[-1][1] + grace))
    return union([*spans, *as_it_stands]), source


def _nights(practice: Practice, week: Week, outside: Stretches) -> list[Fraction]:
    """Minutes of every night that lies in the week at least in part, cut where it ends."""
    start = clock_minutes(practice.setting("working_time", "night_from"))
    end = clock_minutes(practice.setting("working_time", "night_to"))
    evenings = [week.monday - timedelta(days=1), *week.days]
    nights = [(at_clock(d, start, week.zone), at_clock(d + timedelta(days=1), end, week.zone)) for d in evenings]
    return [minutes(clip(outside, night)) for night in nights]


def _week(practice: Practice, person: str, week: Week, log: Log, silent: set[date]) -> Row:
    in_week = partial(clip, span=week.stretch)
    ehr = in_week(log.everything)
    kinds = {kind: in_week(found) for kind, found in log.kinds.items()}
    working, source = working_time(practice, person, week)
    outside = without(ehr, working)
    nights = _nights(practice, week, outside)
    cared, scheduled = in_week(log.cared), in_week(log.scheduled)
    events = log.events.get(week.monday, [])
    row: Row = {
        "ehr_min": minutes(ehr),
        "after_hours_min": minutes(outside),
        "after_hours_note_min": minutes(common(outside, kinds.get("note", []))),
        "night_max_min": max(nights),
        "nights_ge_180": sum(n >= practice.setting("ehr_time", "long_night") for n in nights),
        "wow_min": minutes(without(ehr, scheduled)),
        "note_min": minutes(kinds.get("note", [])),
        "inbox_min": minutes(kinds.get("inbox", [])),
        "orders_min": minutes(kinds.get("orders", [])),
        "in_session_min": minutes(common(ehr, cared)),
        "inbox_in_session_min": minutes(common(kinds.get("inbox", []), cared)),
        "note_actions_n": sum(e["action_count"] for e in events if e["task_type"] == "note"),
        **_switches(practice, week, log, cared),
    }
    row |= _coverage(practice, person, week, log, silent | log.held_days, ehr)
    lacks_all = row.pop("lacks_all")
    if lacks_all or not practice.knows(person, "ehr_event"):
        row |= dict.fromkeys(set(row) - {"coverage_ratio", "is_log_doubtful"})
    if not practice.knows(person, "ehr_event"):
        row |= {"coverage_ratio": None, "is_log_doubtful": False}
    row["window_source"] = source
    row["patient_scheduled_h"] = hours(scheduled) if practice.knows(person, "appointment") else None
    return row | _beside_care(practice, person, week, log, row, cared)


def _coverage(practice: Practice, person: str, week: Week, log: Log, expected: set[date], ehr: Stretches) -> Row:
    due = [d for d in week.days if d in expected]
    told = [d for d in due if d in log.days]
    found = ratio(Fraction(len(told)), len(due))
    most = practice.setting("ehr_time", "max_active_day")
    is_long = any(minutes(day_of(ehr, d, week.zone)) > most for d in week.days)
    least = practice.setting("ehr_time", "min_coverage")
    return {
        "coverage_ratio": found,
        "is_log_doubtful": is_long or (found is not None and float(found) < least),
        "lacks_all": bool(due) and not told,
    }


def _beside_care(practice: Practice, person: str, week: Week, log: Log, row: Row, cared: Stretches) -> Row:
    knows_sessions = practice.knows(person, "session")
    started = log.sessions.get(week.monday, [])
    direct = stretches([s for s in started if practice.counts(s)], "started_at", "ended_at")
    is_type_counted = "unknown" in practice.countable
    unclear = any(s["status"] == "unknown" for s in started) or any(
        s["status"] in {"completed", "partial"} and s["session_type"] == "unknown" and not is_type_counted
        for s in started
    )
    scheduled = row["patient_scheduled_h"]
    is_enough = scheduled is not None and scheduled >= practice.setting("ehr_time", "min_scheduled")

    def per_8(found: Any) -> Any:
        return 8 * found / 60 / scheduled if is_enough and found is not None else None

    roles = {r["role"] for r in practice.by_person("clinician").get(person, [])}
    direct_min = minutes(direct) if knows_sessions else None
    in_session = ratio(row["in_session_min"], minutes(cared)) if knows_sessions else None
    per_15 = ratio(row["ehr_min"], direct_min)
    return {
        "ehr_time_8": per_8(row["ehr_min"]),
        "wow_8": per_8(row["wow_min"]),
        "note_time_8": per_8(row["note_min"]),
        "ib_time_8": per_8(row["inbox_min"]),
        "script_time_8": per_8(row["orders_min"]) if "prescriber" in roles else None,
        "attention_ratio": None if in_session is None else 1 - in_session,
        "direct_min": direct_min,
        "ehr_per_15_care": None if per_15 is None else 15 * per_15,
        "is_care_doubtful": row["is_log_doubtful"] or unclear,
        "has_unreviewed_sessions": any(s["status"] == "unreviewed" for s in started),
    }


def _switches(practice: Practice, week: Week, log: Log, cared: Stretches) -> Row:
    """Changes of kind of work within a local day; a session outranks what is open on the screen (E6)."""
    dwell = practice.setting("ehr_time", "least_dwell") * 1_000_000
    window = practice.setting("ehr_time", "switch_window") * MINUTE
    enough = practice.setting("ehr_time", "switch_types")
    changes = wide = 0
    active = union([*clip(log.everything, week.stretch), *cared])
    for day in week.days:
        today = day_stretch(day, week.zone)
        busy, work = clip(cared, today), [(start, end, "session") for start, end in clip(cared, today)]
        for kind in KINDS:
            mine = clip(log.kinds.get(kind, []), today)
            work += [(start, end, kind) for start, end in without(mine, busy)]
            busy = union([*busy, *mine])
        work = sorted(w for w in work if w[1] - w[0] >= dwell)
        changes += sum(before[2] != after[2] for before, after in pairwise(work))
        wide += sum(
            len({kind for begun, _, kind in work if start <= begun < start + window}) >= enough for start, _, _ in work
        )
    return {
        "switches_n": changes,
        "switches_per_h": ratio(Fraction(changes), hours(active)),
        "windows_ge5": wide,
    }
