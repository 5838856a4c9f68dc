"""schedule_design_week: how a week is laid out (decision 8, W14 and W15)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import pairwise

from tests.oracle.intervals import Stretches, hours, tick, union, without
from tests.oracle.marts.hot_seat import turns
from tests.oracle.marts.hours import (
    CLOSED,
    LEAVE,
    blocks_in,
    closed_by_practice,
    template_stretches,
    tick_instant,
    within,
)
from tests.oracle.marts.practice import MartRows, Practice, Row, at_clock, clip, day_of, ratio, stretches
from tests.oracle.marts.work import DOCUMENTATION, WORK, entries_in, message_hours, timed, untimed
from tests.oracle.weeks import Week, day_stretch, exact

MINUTE = 60_000_000
OF_SESSIONS = ("client_days", "longest_run_back_to_back", "days_without_lunch_n")
OF_BOTH = (
    "half_days",
    "half_days_with_block",
    "halfday_block_ratio",
    "encroached_blocks_n",
    "admin_blocks_on_client_days_n",
    "admin_blocks_per_client_day",
    "full_admin_days",
)


def schedule_design_week(practice: Practice) -> MartRows:
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        sessions = practice.by_week(person, practice.sessions.get(person, []), "started_at")
        for week in weeks:
            row = _week(practice, person, week, sessions.get(week.monday, []))
            if not practice.knows(person, "session"):
                row |= dict.fromkeys((*OF_SESSIONS, *OF_BOTH))
            if not practice.knows(person, "schedule_block"):
                row |= dict.fromkeys(OF_BOTH)
            row["follows_half_day_blocks"] &= row["half_days"] != 0
            found[person, week.monday] = row
    for key, row in turns(practice).items():
        found[key] |= row
    return found


def away(practice: Practice, person: str, week: Week) -> Stretches:
    blocks = blocks_in(practice, person, week)
    leave = within(week, [b for b in blocks if b["kind"] in LEAVE | CLOSED])
    return union([*leave, *closed_by_practice(practice, person, week)])


def _week(practice: Practice, person: str, week: Week, sessions: list[Row]) -> Row:
    held = [s for s in sessions if practice.counts(s)]
    template = _template(practice, person, week)
    day = _Day(practice, person, week, held)
    halves = [half for local in week.days for half in day.halves(local)]
    worked = [half for half in halves if day.is_worked(half)]
    with_block = sum(day.has_block(half) for half in worked)
    client_days = {d for d in week.days if day_of(day.own, d, week.zone)}
    on_client_days = sum(practice.day(person, b["start_at"]) in client_days for b in day.admin)
    full_admin = [d for d in week.days if d not in client_days and day.is_full_admin(d)]
    unknown_status = sum(s["status"] == "unknown" for s in sessions)
    return {
        "week_start_at": tick_instant(week, 0),
        "week_end_at": tick_instant(week, 1),
        "has_unclear_sessions": unknown_status > 0,
        "has_unreviewed_sessions": any(s["status"] == "unreviewed" for s in sessions),
        "template": template,
        "half_days": len(worked),
        "half_days_with_block": with_block,
        "halfday_block_ratio": ratio(Fraction(with_block), len(worked)),
        "encroached_blocks_n": sum(day.is_encroached(b) for b in day.admin),
        "admin_blocks_on_client_days_n": on_client_days,
        "admin_blocks_per_client_day": ratio(Fraction(on_client_days), len(client_days)),
        "client_days": len(client_days),
        "full_admin_days": len(full_admin),
        "longest_run_back_to_back": max((day.longest_run(d) for d in week.days), default=0),
        "days_without_lunch_n": sum(day.is_without_lunch(d) for d in week.days),
        "core_hours_ratio": None,
        **{
            f"follows_{name}": (template or "unknown") in practice.rule(guardrail, "schedule_template")
            for name, guardrail in (
                ("half_day_blocks", "admin_block_halfday"),
                ("focus_days", "focus_days"),
                ("full_admin_day", "full_admin_day"),
            )
        },
    }


def _template(practice: Practice, person: str, week: Week) -> str | None:
    jobs = [
        r
        for r in practice.by_person("employment").get(person, [])
        if r["schedule_template"] is not None
        and r["start_date"] <= week.last_day
        and (r["end_date"] is None or r["end_date"] >= week.monday)
    ]
    return max(jobs, key=lambda r: r["start_date"])["schedule_template"] if jobs else None


class _Day:
    """A person's week, asked by local day."""

    def __init__(self, practice: Practice, person: str, week: Week, held: list[Row]) -> None:
        self.practice, self.person, self.week, self.held = practice, person, week, held
        everything = [s for s in practice.sessions.get(person, []) if practice.counts(s)]
        self.direct = clip(stretches(everything, "started_at", "ended_at"), week.stretch)
        #: Of the sessions that start in the week, to which they belong as a whole.
        self.own = stretches(held, "started_at", "ended_at")
        blocks, gone = blocks_in(practice, person, week), away(practice, person, week)
        entries = entries_in(practice, person, week)
        offered = within(week, [b for b in blocks if b["kind"] == "client_available"])
        offered = offered or template_stretches(practice, person, week)
        self.planned = without(within(week, [b for b in blocks if b["kind"] in WORK]), gone)
        self.timed, self.untimed = timed(entries), untimed(entries)
        self.messages = message_hours(practice, person, week)
        self.working = union([*self.own, *self.timed, *without(union([*offered, *self.planned]), gone)])
        self.admin = [b for b in blocks if b["kind"] in DOCUMENTATION and b["is_protected"]]
        self.busy = union([*self.direct, *within(week, [b for b in blocks if b["kind"] == "team_meeting"])])
        self.free = without(within(week, self.admin), self.busy)

    def halves(self, day: date) -> list[tuple[int, int]]:
        hour, minute = map(int, self.practice.rule("admin_block_halfday", "noon").split(":"))
        noon = at_clock(day, hour * 60 + minute, self.week.zone)
        start, end = day_stretch(day, self.week.zone)
        return [(start, noon), (noon, end)]

    def is_worked(self, half: tuple[int, int]) -> bool:
        least: int = self.practice.rule("admin_block_halfday", "min_worked_min")
        return hours(clip(self.working, half)) * 60 >= least

    def has_block(self, half: tuple[int, int]) -> bool:
        least: int = self.practice.rule("admin_block_halfday", "min_block_min") * MINUTE
        return any(end - start >= least for start, end in clip(self.free, half))

    def is_encroached(self, block: Row) -> bool:
        whole = within(self.week, [block])
        part = 1 - hours(without(whole, self.busy)) / hours(whole)
        return part >= exact(self.practice.setting("protected_admin", "encroached_from"))

    def is_full_admin(self, day: date) -> bool:
        least: int = self.practice.rule("full_admin_day", "min_hours")
        timed, planned = (hours(day_of(found, day, self.week.zone)) for found in (self.timed, self.planned))
        by_day = self.untimed.get(day, Fraction(0)) + self.messages.get(day, Fraction(0))
        return max(timed, planned, by_day) >= least

    def sessions_on(self, day: date) -> list[tuple[int, int]]:
        mine = [s for s in self.held if self.practice.day(self.person, s["started_at"]) == day]
        return sorted((tick(s["started_at"]), tick(s["ended_at"])) for s in mine)

    def longest_run(self, day: date) -> int:
        gap = self.practice.rule("back_to_back", "gap_min") * MINUTE
        longest = run = 0
        before = ended = None
        for start, end in self.sessions_on(day):
            if start != before:
                run = run + 1 if ended is not None and start - ended < gap else 1
            before, ended = start, max(ended or end, end)
            longest = max(longest, run)
        return longest

    def is_without_lunch(self, day: date) -> bool:
        busy = union(self.sessions_on(day))
        if not busy or busy[-1][1] - busy[0][0] < self.practice.rule("back_to_back", "lunch_from_hours") * 60 * MINUTE:
            return False
        lunch: int = self.practice.rule("back_to_back", "lunch_min") * MINUTE
        return all(later[0] - earlier[1] < lunch for earlier, later in pairwise(busy))
