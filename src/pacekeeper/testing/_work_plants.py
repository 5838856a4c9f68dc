"""What is planted beside hours and caseload: in the EHR, in calendar and time sheets, in notes and messages."""

from __future__ import annotations

from collections.abc import Mapping

from pacekeeper.testing._plants import HOUR_PLANTS, Expect, Plant, Shape, State

_SPIKE = Expect(
    "own_limit_spike", "breach", "0.967 where the twelve first weeks lie between 0.72 and 0.83", 0.05, least_weeks=23
)


def _one(guardrail: str, state: State, why: str, margin: float | None) -> tuple[Expect, ...]:
    return (Expect(guardrail, state, why, margin),)


_EVENINGS = _one("after_hours_ehr", "breach", "48 minutes in the EHR on each of four evenings: 192 minutes", 124.0)
_NIGHT = (
    Expect("night_ehr", "breach", "one evening of four hours in the EHR, 18:32 to 22:32", 1.0),
    Expect("after_hours_ehr", "breach", "one evening of four hours in the EHR: 240 minutes", 172.0),
)
_HEAVY = (
    Expect(
        "ehr_overhead", "warn", "at least 376 minutes a day in the EHR on four days, beside at most 23 h of care", 7
    ),
    Expect("documentation_load", "warn", "196 minutes a day in the EHR outside sessions on four days: 13 h", 3.0),
)
_LATE = _one("overdue_notes", "breach", "the notes of Tuesday open on Sunday night: at least 125 h old", 53.0)
_INBOX = _one("message_reply_episodes", "warn", "answers at five times of each day, hours apart", 3.0)
_MISSED = _one("supervision_weekly", "breach", "the second or a later week in a row without supervision", 1.0)
_HALF = _one(
    "admin_block_halfday", "breach", "no admin block before noon, the fourth week in a row: half of the half-days", 0.5
)
_NO_ADMIN = _one("protected_admin", "breach", "no admin block in the week, where 0.8 FTE asks for 6.4 h", 6.4)
_EXTRA = _one("total_work_hours", "breach", "9 h of training on five days beside at least 9 h of sessions: 54 h", 4.0)
_DOUBLE = _one("overbooking", "breach", "25 h booked of 21 h, the third week of the last four or a later one", 0.19)
_DOUBLE_PASS = _one("overbooking", "pass", "25 h booked of 21 h, in fewer than three of the last four weeks", None)
_MANY = _one("clients_week", "breach", "40 sessions with 40 clients", 6.0)
_CRISIS = _one("debrief", "breach", "no huddle in the week after a crisis session", 1.0)
_FULL = _one("capacity_flag", "breach", "a new case in a week in which a flag holds", 1.0)
_FULL_PASS = _one("capacity_flag", "pass", "no new case in a week in which a flag holds", 0.0)
_OVERBOOKED = Shape(21, 16, 58, no_shows=1, late_cancels=8)

WORK_PLANTS: Mapping[str, Plant] = {
    "late_notes": Plant(expects=dict.fromkeys((6, 5, 4), _LATE), habits={"late_notes": (6, 5, 4)}),
    "evenings": Plant(expects=dict.fromkeys((7, 6, 5), _EVENINGS), habits={"evenings": (7, 6, 5)}),
    "night": Plant(
        expects={6: _NIGHT},
        habits={"night": (6,)},
        sick_days={4: (0, 1, 2), 3: (0, 1, 2)},
    ),
    "busy_inbox": Plant(expects=dict.fromkeys((7, 6, 5), _INBOX), habits={"busy_inbox": (7, 6, 5)}),
    "heavy_ehr": Plant(expects=dict.fromkeys((8, 7, 6, 5), _HEAVY), habits={"heavy_ehr": (8, 7, 6, 5)}),
    "no_supervision": Plant(expects=dict.fromkeys((6, 5), _MISSED), habits={"no_supervision": (7, 6, 5)}),
    "few_forms": Plant(habits={"few_forms": (0,)}),
    "no_leave": Plant(habits={"no_leave": (0,), "amends_notes": (3, 2)}),
    "no_morning_admin": Plant(expects=dict.fromkeys((5, 4, 3), _HALF), habits={"no_morning_admin": (8, 7, 6, 5, 4, 3)}),
    "no_admin": Plant(expects=dict.fromkeys((7, 6, 5), _NO_ADMIN), habits={"no_admin": (7, 6, 5)}),
    "extra_work": Plant(expects={6: _EXTRA}, habits={"extra_work": (6,)}),
    "overbooked": Plant(
        shapes=dict.fromkeys((9, 8, 7, 6), _OVERBOOKED),
        expects={9: _DOUBLE_PASS, 8: _DOUBLE_PASS, 7: _DOUBLE, 6: _DOUBLE},
    ),
    "clients_many": Plant(shapes={4: Shape(22, 40, 25)}, expects={4: _MANY}),
    "undebriefed": Plant(expects={3: _CRISIS}, habits={"undebriefed": (3,)}),
    "closing": Plant(habits={"closing": tuple(range(5, 13))}),
}

_MORE: Mapping[str, Plant] = {
    "caseload_over": Plant(expects=dict.fromkeys((7, 6), _FULL), habits={"at_capacity": (8,), "new_cases": (7, 6)}),
    "caseload_warn": Plant(expects=dict.fromkeys((7, 6), _FULL_PASS), habits={"at_capacity": (8,)}),
    "utilization_high": Plant(expects=dict.fromkeys((8, 7, 6), (_SPIKE,))),
    "utilization_low": Plant(
        expects=dict.fromkeys(
            (8, 7, 6, 5, 4),
            (
                Expect(
                    "own_limit_drop",
                    "breach",
                    "0.57 where the twelve first weeks lie between 0.72 and 0.83",
                    0.03,
                    least_weeks=23,
                ),
            ),
        )
    ),
    "direct_warn": Plant(habits={"hot_seat": (0,)}),
}


def _both(first: Plant, second: Plant) -> Plant:
    weeks = {*first.expects, *second.expects}
    return Plant(
        usual=first.usual,
        shapes=first.shapes,
        expects={week: (*first.expects.get(week, ()), *second.expects.get(week, ())) for week in sorted(weeks)},
        leave_weeks=first.leave_weeks,
        always=first.always,
        habits=second.habits,
    )


PLANTS: Mapping[str, Plant] = {
    **HOUR_PLANTS,
    **WORK_PLANTS,
    **{name: _both(HOUR_PLANTS[name], more) for name, more in _MORE.items()},
}
