"""Direct and available hours of a clinician in a week, and what can be said about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.oracle.intervals import Stretches, common, hours, tick, union, without
from tests.oracle.rows import LEAVE_KINDS, Block, LedgerEntry, Practice, Session, TemplateHours
from tests.oracle.weeks import (
    Week,
    by_person,
    day_stretch,
    exact,
    fte_of,
    is_outside_employment,
    judged_weeks,
    local_day,
    monday_of,
    tenure_month,
)

PARTIAL_FROM = Fraction(40, 100)
FULL_FROM = Fraction(99, 100)


@dataclass(frozen=True)
class ClinicianWeek:
    """Grain: clinician x judged practice week. Hours are exact fractions.

    available_h: null without any calendar or template; includes unblocked_h (direct time outside of it).
    template_h: the same before leave, holidays and protected time are taken off. leave_h: what leave took.
    evaluability: full, partial, not_evaluated; not_evaluated_because: no_source, leave, low_denominator,
    outside (employment); null otherwise. unknown_sessions_n: sessions whose status nobody could read.
    """

    npi: str
    week_id: date
    direct_h: Fraction
    available_h: Fraction | None
    template_h: Fraction | None
    unblocked_h: Fraction | None
    leave_h: Fraction
    utilization: Fraction | None
    evaluability: str
    not_evaluated_because: str | None
    fte: Fraction | None
    tenure_month: int | None
    sessions_n: int
    unknown_sessions_n: int


@dataclass(frozen=True)
class _Availability:
    template: Stretches
    remaining: Stretches
    ledger_h: Fraction
    leave_h: Fraction


def clinician_weeks(practice: Practice, as_of: datetime, policy: dict[str, dict[str, float]]) -> list[ClinicianWeek]:
    """Every judged week of every clinician, by clinician and then by week."""
    sessions: dict[tuple[str, date], list[Session]] = defaultdict(list)
    for session in practice.sessions:
        for person in session.persons:
            sessions[person, monday_of(local_day(session.start, practice.zone_of(person)))].append(session)
    employments = by_person(practice.employments)
    blocks = by_person(practice.blocks)
    template = by_person(practice.template)
    ledger = by_person(practice.ledger)
    rows = []
    for person, weeks in judged_weeks(practice, as_of).items():
        contracts = employments.get(person, [])
        for week in weeks:
            availability = _availability(
                week,
                _touching(blocks.get(person, []), week),
                template.get(person, []),
                [entry for entry in ledger.get(person, []) if monday_of(entry.day) == week.monday],
            )
            mine = sessions.get((person, week.monday), [])
            rows.append(
                _row(
                    person,
                    week,
                    mine,
                    availability,
                    min_available_h=exact(policy["utilization"]["min_available_h"]),
                    is_outside=is_outside_employment(contracts, week),
                    fte=fte_of(contracts, week),
                    tenure=tenure_month(contracts, week),
                )
            )
    return rows


def _touching(blocks: Sequence[Block], week: Week) -> list[Block]:
    start, end = week.stretch
    return [b for b in blocks if tick(b.start) < end and tick(b.end) > start]


def _availability(
    week: Week, blocks: Sequence[Block], template: Sequence[TemplateHours], ledger: Sequence[LedgerEntry]
) -> _Availability | None:
    """None where neither the calendar nor the weekly template says when clients can come."""

    def within(wanted: Sequence[Block]) -> Stretches:
        return common(union((tick(b.start), tick(b.end)) for b in wanted), [week.stretch])

    offered = within([b for b in blocks if b.kind == "client_available"])
    if not offered:
        offered = _template_stretches(week, template)
    if not offered:
        return None
    leave = within([b for b in blocks if b.kind in LEAVE_KINDS])
    remaining = without(offered, within([b for b in blocks if b.takes_away]))
    ledger_h = Fraction(0)
    for day in week.days:
        today = [day_stretch(day, week.zone)]
        if common(leave, today):
            continue
        asked = sum((exact(entry.hours) for entry in ledger if entry.day == day), Fraction(0))
        ledger_h += min(asked, hours(common(remaining, today)))
    return _Availability(offered, remaining, ledger_h, hours(common(offered, leave)) + ledger_h)


def _template_stretches(week: Week, template: Sequence[TemplateHours]) -> Stretches:
    zone = ZoneInfo(week.zone)

    def at(day: date, minute: int) -> int:
        midnight = datetime.combine(day, time())
        return tick((midnight + timedelta(minutes=minute)).replace(tzinfo=zone))

    return union(
        (at(day, row.start_minute), at(day, row.end_minute))
        for day in week.days
        for row in template
        if row.weekday == day.isoweekday()
    )


def _row(
    person: str,
    week: Week,
    sessions: Sequence[Session],
    availability: _Availability | None,
    *,
    min_available_h: Fraction,
    is_outside: bool,
    fte: Fraction | None,
    tenure: int | None,
) -> ClinicianWeek:
    held = [s for s in sessions if s.took_place]
    direct = union((tick(s.start), tick(s.end)) for s in held)
    available_h = template_h = unblocked_h = utilization = None
    leave_h = Fraction(0)
    evaluability, because = "not_evaluated", "no_source"
    if availability is not None:
        from_blocks_h = hours(availability.remaining) - availability.ledger_h
        unblocked_h = hours(without(direct, availability.remaining))
        available_h = from_blocks_h + unblocked_h
        template_h = hours(availability.template)
        leave_h = availability.leave_h
        utilization = hours(direct) / available_h if available_h else None
        share = from_blocks_h / template_h
        if share < PARTIAL_FROM or available_h < min_available_h:
            because = "leave" if leave_h else "low_denominator"
        else:
            evaluability, because = ("full" if share >= FULL_FROM else "partial"), ""
    if is_outside:
        evaluability, because = "not_evaluated", "outside"
    return ClinicianWeek(
        npi=person,
        week_id=week.monday,
        direct_h=hours(direct),
        available_h=available_h,
        template_h=template_h,
        unblocked_h=unblocked_h,
        leave_h=leave_h,
        utilization=utilization,
        evaluability=evaluability,
        not_evaluated_because=because or None,
        fte=fte,
        tenure_month=tenure,
        sessions_n=len(held),
        unknown_sessions_n=sum(s.status == "unknown" for s in sessions),
    )
