"""What `utilization_trend` says was expected of a week, redone by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any  # a canonical value

import pytest
from tests.marts import Row, World

from pacekeeper.policy import load_policy

LONG_AGO = date(2025, 1, 6)


def week_of(start: date, *, leave_days: int = 0, policy: str = "", folder: Path | None = None, **job: Any) -> Row:
    """Week 0 of c1: 20 open hours less 4 for each day of leave, three sessions of an hour with three clients."""
    made = World(only=("utilization_trend",))
    made.employ(start, **job)
    made.open_week(0)
    for day in range(leave_days):
        made.leave(made.day(0, day), 8)
    for number in range(3):
        made.session(made.day(0, 4), f"{8 + number:02d}:00", 60, clients=(f"k{number}",))
    made.add("clinician_specialty", clinician_key="c1", specialty="trauma")
    if folder is None:
        made.run(weeks=1)
    else:
        file = folder / "policy.toml"
        file.write_text(f'extends = "default"\nprofile = "own"\ntitle = "Own"\n{policy}')
        made.run(weeks=1, policy=load_policy(file=file))
    return made.week_row("utilization_trend", 0)


def band(row: Row) -> tuple[object, ...]:
    names = ("ramp_band", "expected_min", "expected_max", "expected_unit", "expected_source", "expected_actual")
    return tuple(row[name] for name in names)


@pytest.mark.formula(6)
@pytest.mark.rule("U07", "U13", "U14")
def test_the_ramp_is_for_full_time_and_for_the_part_of_the_week_that_was_left() -> None:
    # Month 2: 14 to 18 clients; half-time, and four of five days: x 0.5 x 0.8.
    row = week_of(date(2025, 12, 1), fte=0.5, leave_days=1)
    assert band(row) == (2, pytest.approx(5.6), pytest.approx(7.2), "clients", "ramp", 3.0)


@pytest.mark.formula(6)
@pytest.mark.rule("U09", "U10")
def test_after_the_ramp_its_last_month_holds_in_direct_hours() -> None:
    assert band(week_of(LONG_AGO)) == (4, 18.0, 22.0, "hours", "practice", 3.0)
    assert band(week_of(LONG_AGO, fte=1.2))[1:3] == (18.0, 22.0), "never above full time"


@pytest.mark.formula(6)
@pytest.mark.rule("U10")
def test_a_target_agreed_for_the_person_stands_as_it_is_until_its_last_day() -> None:
    agreed: dict[str, Any] = {"target_override": 15.0, "target_override_unit": "sessions", "fte": 0.5}
    row = week_of(LONG_AGO, leave_days=1, target_override_until=date(2026, 1, 5), **agreed)
    assert band(row)[1:] == (pytest.approx(12.0), None, "sessions", "person", 3.0)
    over = week_of(LONG_AGO, target_override_until=date(2026, 1, 4), **agreed)
    assert band(over)[1:5] == (9.0, 11.0, "hours", "practice")


@pytest.mark.formula(6)
@pytest.mark.rule("U11")
def test_a_named_specialty_lowers_what_is_expected_by_the_practices_factor(tmp_path: Path) -> None:
    factor = '[expectation]\nspecialty_factor = { value = 0.8, unit = "ratio", provenance = "ours" }\n'
    row = week_of(LONG_AGO, policy=factor, folder=tmp_path)
    assert band(row)[1:3] == (pytest.approx(14.4), pytest.approx(17.6))


def test_nothing_is_expected_of_whoever_has_no_known_fte() -> None:
    assert band(week_of(LONG_AGO, fte=None))[1:3] == (None, None)
