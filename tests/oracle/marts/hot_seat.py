"""Turns on the hot seat, by week and by quarter (decision 8, W16)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction

from tests.oracle.intervals import union, without
from tests.oracle.marts.completeness import ended_months, next_month
from tests.oracle.marts.hours import CLOSED, LEAVE, blocks_in, closed_by_practice, within
from tests.oracle.marts.practice import MartRows, Practice, Row, day_of, ratio
from tests.oracle.weeks import Week, day_stretch, fte_of


def turns(practice: Practice) -> MartRows:
    """hot_seat_days and hot_seat_expected_days by clinician and week."""
    teams: dict[tuple[date, str | None], list[tuple[str, Week]]] = defaultdict(list)
    for person, weeks in practice.weeks.items():
        for week in weeks:
            teams[week.monday, _team(practice, person, week.monday)].append((person, week))
    found: MartRows = {}
    for members in teams.values():
        held = {person: _days(practice, person, week) for person, week in members}
        shares = {
            person: fte_of(practice.employments.get(person, []), week) or Fraction(1)
            for person, week in members
            if sees_clients(practice, person) and not practice.is_outside(person, week)
        }
        for person, week in members:
            share = shares.get(person, Fraction(0)) / sum(shares.values()) if shares else Fraction(0)
            is_known = practice.knows(person, "schedule_block")
            found[person, week.monday] = {
                "hot_seat_days": held[person] if is_known else None,
                "hot_seat_expected_days": sum(held.values()) * share if is_known else None,
            }
    return found


def sees_clients(practice: Practice, person: str) -> bool:
    facing = {r["is_client_facing"] for r in practice.by_person("clinician").get(person, [])}
    return True in facing or False not in facing


def _team(practice: Practice, person: str, day: date) -> str | None:
    links = [
        r
        for r in practice.by_person("supervision_link").get(person, [])
        if r["kind"] == "clinical" and r["valid_from"] <= day and (r["valid_to"] is None or r["valid_to"] >= day)
    ]
    return max(links, key=lambda r: r["valid_from"])["team_key"] if links else None


def _days(practice: Practice, person: str, week: Week) -> int:
    blocks = blocks_in(practice, person, week)
    gone = within(week, [b for b in blocks if b["kind"] in LEAVE | CLOSED])
    held = without(
        within(week, [b for b in blocks if b["kind"] == "hot_seat"]),
        union([*gone, *closed_by_practice(practice, person, week)]),
    )
    return sum(bool(day_of(held, day, week.zone)) for day in week.days)


def hot_seat_quarter(practice: Practice) -> MartRows:
    by_quarter: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for (person, monday), row in turns(practice).items():
        by_quarter[person, monday.replace(month=(monday.month - 1) // 3 * 3 + 1, day=1)].append(row)
    months = set(ended_months(practice))
    found: MartRows = {}
    for (person, quarter), rows in by_quarter.items():
        last = next_month(next_month(quarter))
        if not {quarter, last} <= months:
            continue
        days = [r["hot_seat_days"] for r in rows if r["hot_seat_days"] is not None]
        expected = [r["hot_seat_expected_days"] for r in rows if r["hot_seat_expected_days"] is not None]
        fairness = ratio(Fraction(sum(days)), sum(expected)) if days and expected else None
        found[person, quarter] = {
            "quarter_start_at": day_stretch(quarter, practice.home_tz)[0],
            "quarter_end_at": day_stretch(next_month(last), practice.home_tz)[0],
            "hot_seat_days": sum(days) if days else None,
            "expected_days": sum(expected) if expected else None,
            "fairness_ratio": fairness,
            "imbalance_ratio": None if fairness is None else abs(fairness - 1),
            "has_turns": bool(expected) and sum(expected) > 0,
        }
    return found
