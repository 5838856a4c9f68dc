"""Streaks, rules on the last known weeks and means pass over a week that is not evaluated."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.marts import World

#: Direct hours of a week that offers 20: low, in band, and over 30.
HOURS = st.sampled_from([13, 16, 31])
#: A person's weeks, how many of them come before the one that is not evaluated, and whether that is for leave.
COURSE = st.lists(HOURS, min_size=6, max_size=8).flatmap(
    lambda weeks: st.tuples(st.just(weeks), st.integers(1, len(weeks) - 1), st.booleans())
)
MEASURES = ("low_streak", "mean_4w", "mean_6w", "mean_8w", "trend_weeks_n", "xmr_signal", "label")
LONG_AGO = date(2025, 1, 6)


def employed(made: World, key: str) -> None:
    made.clinician(key)
    made.employ(LONG_AGO, key=key)


def worked(made: World, key: str, week: int, hours: int) -> None:
    made.open_week(week, key=key)
    made.hold(week, hours, key=key)


def unevaluated(made: World, key: str, week: int, *, leave: bool) -> None:
    """On leave, or with a session of which nobody can say whether it was held."""
    made.open_week(week, key=key)
    if leave:
        for weekday in range(5):
            made.leave(made.day(week, weekday), 8, key=key)
    else:
        made.hold(week, 1, key=key, status="unknown")


def said(made: World, key: str, week: int, guardrails: tuple[str, ...]) -> tuple[Any, ...]:
    verdicts = [made.verdict(guardrail, week, key=key) for guardrail in guardrails]
    trend = made.week_row("utilization_trend", week, key=key)
    return (
        *((row["state"], row["reason"], row["value"], row["streak"]) for row in verdicts),
        {name: trend[name] for name in MEASURES},
    )


@pytest.mark.formula(4, 5)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(courses=st.lists(COURSE, min_size=6, max_size=6))
def test_a_week_that_is_not_known_changes_nothing_of_those_that_are(
    courses: list[tuple[list[int], int, bool]],
) -> None:
    """Direct hours are known of a week on leave: none."""
    made = World(only=("direct_hours", "utilization", "utilization_trend"))
    for number, (weeks, gap, leave) in enumerate(courses):
        whole, broken = f"whole{number}", f"broken{number}"
        employed(made, whole)
        employed(made, broken)
        unevaluated(made, broken, gap, leave=leave)
        for week, hours in enumerate(weeks):
            worked(made, whole, week, hours)
            worked(made, broken, week + (week >= gap), hours)
    made.run(weeks=9)
    for number, (weeks, gap, leave) in enumerate(courses):
        whole, broken = f"whole{number}", f"broken{number}"
        judged = ("utilization",) if leave else ("utilization", "direct_hours")
        there = {made.says(guardrail, gap, key=broken)[0] for guardrail in judged}
        assert there == ({"exempt"} if leave else {"unknown"})
        for week in range(len(weeks)):
            after = said(made, broken, week + (week >= gap), judged)
            assert after == said(made, whole, week, judged), f"{weeks}, a gap before week {gap}: week {week}"
