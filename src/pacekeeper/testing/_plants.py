"""What is planted: weeks of a given shape, and the verdict each must lead to.

Expectations follow from the shape by hand arithmetic, with room to the nearest threshold; no measure of Pacekeeper
is asked. Weeks are counted back from the last one (0 = the last week).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["pass", "warn", "breach", "unknown", "exempt"]
#: What somebody does, or goes without, in some weeks; those that hold for good name the last week alone.
Habit = Literal[
    "amends_notes",
    "at_capacity",
    "busy_inbox",
    "closing",
    "evenings",
    "extra_work",
    "few_forms",
    "heavy_ehr",
    "hot_seat",
    "late_notes",
    "new_cases",
    "night",
    "no_admin",
    "no_leave",
    "no_morning_admin",
    "no_supervision",
    "undebriefed",
]


@dataclass(frozen=True)
class Shape:
    """One clinician's week: hours offered to clients, kept sessions of equal length, no-shows, late cancellations."""

    hours: int
    sessions: int
    minutes: int
    no_shows: int = 1
    late_cancels: int = 0


@dataclass(frozen=True)
class Expect:
    """The verdict a week must get. margin: distance to the nearest threshold, in the guardrail's unit.

    least_weeks: of a window in which it follows at all.
    """

    guardrail: str
    state: State
    why: str
    margin: float | None = None
    least_weeks: int = 0


@dataclass(frozen=True)
class Plant:
    """shapes and expects by weeks before the last.

    usual: shape of every other week; always: expected in every week from the sixth of the window on.
    sick_days: weekdays of sick leave. habits: weeks of each.
    """

    usual: Shape | None = None
    shapes: Mapping[int, Shape] = field(default_factory=dict)
    expects: Mapping[int, tuple[Expect, ...]] = field(default_factory=dict)
    leave_weeks: Mapping[int, str] = field(default_factory=dict)
    always: tuple[Expect, ...] = ()
    sick_days: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    habits: Mapping[Habit, tuple[int, ...]] = field(default_factory=dict)

    def weeks_of(self, habit: Habit) -> tuple[int, ...]:
        """Weeks of a habit, before the last."""
        return self.habits.get(habit, ())

    @property
    def touched(self) -> frozenset[int]:
        """Weeks in which nothing else may happen, in weeks before the last."""
        of_habits = (week for weeks in self.habits.values() for week in weeks)
        return frozenset((*self.shapes, *self.expects, *self.leave_weeks, *self.sick_days, *of_habits))

    @property
    def reach(self) -> int:
        """The earliest week it touches, in weeks before the last; a window that is too short has none of it."""
        return max(self.touched, default=0)


def _direct(state: State, why: str, margin: float) -> tuple[Expect, ...]:
    return (Expect("direct_hours", state, why, margin),)


def _utilization(state: State, why: str, margin: float | None) -> tuple[Expect, ...]:
    return (Expect("utilization", state, why, margin),)


_OVER_30 = Shape(43, 33, 60)
_OVER_35 = Shape(48, 38, 60)
_LOW = Shape(27, 16, 58)
_FULL = Shape(20, 20, 58, no_shows=0)
_WARN_33 = _direct("warn", "33 h in the week, over 30 in fewer than three of the last four weeks", 2.0)
_BREACH_33 = _direct("breach", "33 h, the third week of the last four above 30 h", 3.0)
_BREACH_38 = _direct("breach", "38 h in one week, above 35", 3.0)
_LOW_PASS = _utilization("pass", "15.5 of 27 h (0.57), first or second low week", 0.12)
_LOW_BREACH = _utilization("breach", "15.5 of 27 h (0.57), third or later low week in a row", 0.12)
_LEAVE = _utilization("exempt", "the whole week on leave", None)
_HALF_WARN = _direct("warn", "16 h at half time (limits 11, 15 and 17.5), not yet three of four", 1.5)
_NO_SHOW_ALL = (Expect("no_show", "breach", "5 no-shows of 25 in each of the four weeks (0.20)", 0.09),)
_NO_SHOW_MOST = (Expect("no_show", "breach", "5 no-shows of 25 in three of the four weeks (0.16)", 0.05),)
_NO_SHOW_HALF = (Expect("no_show", "breach", "5 no-shows of 25 in two of the four weeks (0.12)", 0.015),)
_PARTIAL = (Expect("no_show", "unknown", "an appointment of unknown status in the four weeks"),)
_UNKNOWN_SESSION = (
    Expect("direct_hours", "unknown", "a session of unknown status in the week"),
    Expect("utilization", "unknown", "a session of unknown status in the week"),
)

HOUR_PLANTS: Mapping[str, Plant] = {
    "": Plant(),
    "direct_four": Plant(
        shapes=dict.fromkeys((9, 8, 7, 6), _OVER_30),
        expects={9: _WARN_33, 8: _WARN_33, 7: _BREACH_33, 6: _BREACH_33},
    ),
    "direct_three_of_four": Plant(
        shapes=dict.fromkeys((9, 8, 6), _OVER_30),
        expects={9: _WARN_33, 8: _WARN_33, 6: _BREACH_33},
    ),
    "direct_single": Plant(shapes={5: _OVER_35}, expects={5: _BREACH_38}),
    "direct_half_time": Plant(
        shapes={**dict.fromkeys((9, 8, 7), Shape(21, 16, 60)), 4: Shape(25, 19, 60)},
        expects={
            9: _HALF_WARN,
            8: _HALF_WARN,
            7: _direct("breach", "16 h at half time, the third of four weeks above 15 h", 1.0),
            4: _direct("breach", "19 h in one week at half time, above 17.5 h", 1.5),
        },
    ),
    "direct_warn": Plant(
        shapes=dict.fromkeys((6, 5), Shape(32, 25, 60)),
        expects=dict.fromkeys((6, 5), _direct("warn", "25 h in the week, above 22", 3.0)),
    ),
    "utilization_high": Plant(
        shapes=dict.fromkeys((8, 7, 6), _FULL),
        expects=dict.fromkeys((8, 7, 6), _utilization("breach", "19.3 of 20 h (0.967), above 0.90", 0.06)),
    ),
    "utilization_warn": Plant(
        shapes=dict.fromkeys((7, 6, 5, 4), Shape(24, 21, 60)),
        expects=dict.fromkeys((7, 6, 5, 4), _utilization("warn", "21 of 24 h (0.875), between 0.85 and 0.90", 0.025)),
    ),
    "utilization_low": Plant(
        shapes=dict.fromkeys((8, 7, 6, 5, 4), _LOW),
        expects={8: _LOW_PASS, 7: _LOW_PASS, 6: _LOW_BREACH, 5: _LOW_BREACH, 4: _LOW_BREACH},
    ),
    "utilization_low_around_leave": Plant(
        shapes=dict.fromkeys((8, 7, 5), _LOW),
        expects={8: _LOW_PASS, 7: _LOW_PASS, 6: _LEAVE, 5: _LOW_BREACH},
        leave_weeks={6: "pto"},
    ),
    "caseload_over": Plant(
        always=(Expect("active_caseload", "breach", "68 open cases, all seen within three to four weeks", 8.0),)
    ),
    "caseload_warn": Plant(
        always=(Expect("active_caseload", "warn", "55 open cases, all seen within three weeks", 5.0),)
    ),
    "no_show_high": Plant(
        shapes=dict.fromkeys(range(2, 10), Shape(27, 20, 60, no_shows=5)),
        expects={
            8: _NO_SHOW_HALF,
            7: _NO_SHOW_MOST,
            **dict.fromkeys((6, 5, 4, 3, 2), _NO_SHOW_ALL),
            1: _NO_SHOW_MOST,
            0: _NO_SHOW_HALF,
        },
    ),
    "parental": Plant(expects=dict.fromkeys(range(5, 13), _LEAVE), leave_weeks=dict.fromkeys(range(5, 13), "parental")),
    "no_availability": Plant(
        always=(Expect("utilization", "unknown", "no source says when this clinician is available"),)
    ),
    "tiny": Plant(
        usual=Shape(6, 4, 55, no_shows=0),
        always=(
            Expect("utilization", "unknown", "6 available hours, fewer than the minimum"),
            Expect("no_show", "unknown", "4 appointments a week, fewer than 20 in four weeks"),
        ),
    ),
    "dirty": Plant(expects={5: _PARTIAL, 4: (*_PARTIAL, *_UNKNOWN_SESSION), 3: _PARTIAL, 2: _PARTIAL}),
}
