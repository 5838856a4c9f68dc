"""`utilization_trend`: means over weeks and own limits that a reader can redo by hand. All times are local."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marts import Row, World

from pacekeeper.policy import Policy, load_policy

RAILS = ("own_limit_spike", "own_limit_drop", "sustained_low_trend")
LONG_AGO = date(2025, 1, 6)


def world(only: tuple[str, ...] = ("utilization_trend",)) -> World:
    made = World(only=only)
    made.employ(LONG_AGO)
    return made


def worked(made: World, week: int, minutes_a_day: int, *, open_h: int = 4, key: str = "c1") -> None:
    """Direct minutes on each of five days, within as many open hours a day."""
    made.open_week(week, open_h, key=key)
    for weekday in range(5):
        made.session(made.day(week, weekday), "08:00", minutes_a_day, key=key)


def trend(made: World, week: int) -> Row:
    return made.week_row("utilization_trend", week)


def low_trend_on(folder: Path) -> Policy:
    file = folder / "policy.toml"
    file.write_text(
        'extends = "default"\nprofile = "own"\ntitle = "Own"\n[guardrails.sustained_low_trend]\nenabled = true\n'
    )
    return load_policy(file=file)


@pytest.mark.formula(5)
@pytest.mark.rule("U15")
def test_a_trend_is_sum_over_sum_of_the_last_evaluated_weeks_and_needs_four_of_them() -> None:
    made = world()
    for week, minutes in enumerate((120, 144, 168, 192)):  # 10, 12, 14 and 16 of 20 hours
        worked(made, week, minutes)
    worked(made, 4, 108, open_h=2)  # 9 of 10 hours
    made.run(weeks=5)
    assert (trend(made, 2)["mean_4w"], trend(made, 2)["label"]) == (None, "insufficient")
    assert trend(made, 3)["mean_4w"] == pytest.approx(52 / 80)
    last = trend(made, 4)
    assert last["mean_4w"] == pytest.approx(51 / 70), "not the mean of the four ratios, 0.75"
    assert last["mean_6w"] == last["mean_8w"] == pytest.approx(61 / 90)
    assert (last["trend_weeks_n"], last["direct_h_mean_6w"]) == (5, pytest.approx(61 / 5))


@pytest.mark.formula(4)
@pytest.mark.rule("U03", "U20")
def test_a_week_of_leave_neither_ends_nor_extends_the_low_weeks_in_a_row() -> None:
    made = world()
    for week in (0, 1, 3):
        worked(made, week, 120)
    made.open_week(2)
    for weekday in range(5):
        made.leave(made.day(2, weekday), 8)
    worked(made, 4, 168)
    made.run(weeks=5)
    assert [trend(made, week)["low_streak"] for week in range(5)] == [1, 2, 2, 3, 0]
    assert [trend(made, week)["label"] for week in (1, 2, 3)] == ["insufficient", "insufficient", "check_in_due"]


def test_a_session_of_unknown_status_leaves_the_week_out_of_the_trend() -> None:
    made = world()
    for week in range(5):
        worked(made, week, 180)
    made.session(made.day(4), "13:00", 50, status="unknown")
    made.run(weeks=5)
    assert (trend(made, 3)["mean_4w"], trend(made, 3)["label"]) == (0.75, "on_target")
    assert (trend(made, 4)["is_evaluated"], trend(made, 4)["mean_4w"]) == (False, None)


def test_weeks_above_the_warning_are_high() -> None:
    made = world()
    for week in range(4):
        worked(made, week, 216)  # 18 of 20 hours
    made.run(weeks=4)
    assert trend(made, 3)["label"] == "high"


@pytest.fixture(scope="module")
def own_weeks(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Twelve weeks of 0.74 and 0.76 in turn, then 0.82, 0.75 and 0.68 of 25 hours; c2 on leave in the last.

    That week holds 13 of c2's 25 hours: whatever the three of leave take from the 25, it is below 0.6968.
    """
    made = world((*RAILS, "utilization_trend"))
    made.clinician("c2")
    made.employ(LONG_AGO, key="c2")
    made.leave(made.day(14, 4), 3, key="c2")
    for key in ("c1", "c2"):
        for week in range(12):
            worked(made, week, 222 if week % 2 == 0 else 228, open_h=5, key=key)
        for week, minutes in ((12, 246), (13, 225), (14, 204)):
            worked(made, week, 156 if (key, week) == ("c2", 14) else minutes, open_h=5, key=key)
    made.run(weeks=15, policy=low_trend_on(tmp_path_factory.mktemp("policy")))
    return made


@pytest.mark.rule("U17", "U18")
def test_own_limits_are_the_mean_and_2_66_moving_ranges_of_the_first_twelve_weeks(own_weeks: World) -> None:
    row = trend(own_weeks, 12)
    # mean 0.75, every moving range 0.02
    assert row["own_centre"] == pytest.approx(0.75)
    assert (row["own_lo"], row["own_hi"]) == (pytest.approx(0.75 - 0.0532), pytest.approx(0.75 + 0.0532))
    assert row["own_sigma"] == pytest.approx(0.07 / (0.0532 / 3))
    assert (row["xmr_signal"], row["xmr_side"]) == ("beyond_limits", "above")
    assert trend(own_weeks, 10)["xmr_signal"] == "insufficient"


@pytest.mark.rule("U17")
def test_a_spike_is_a_week_above_the_own_upper_limit(own_weeks: World) -> None:
    said = [own_weeks.says("own_limit_spike", week) for week in (5, 12, 13, 14)]
    assert said == [("unknown", "low_denominator"), ("breach", "above_ceiling"), ("pass", None), ("pass", None)]


@pytest.mark.rule("U18")
def test_a_drop_is_a_week_below_the_own_lower_limit(own_weeks: World) -> None:
    said = [own_weeks.says("own_limit_drop", week) for week in (5, 12, 14)]
    assert said == [("unknown", "low_denominator"), ("pass", None), ("breach", "above_ceiling")]


@pytest.mark.rule("U18")
def test_a_drop_in_a_week_with_leave_is_exempt(own_weeks: World) -> None:
    assert own_weeks.says("own_limit_drop", 14, key="c2") == ("exempt", "leave")
    assert own_weeks.says("own_limit_drop", 5, key="c2") == ("unknown", "low_denominator")


@pytest.mark.rule("U17")
def test_weeks_of_the_ramp_are_no_baseline() -> None:
    made = World(only=("utilization_trend",))
    made.employ(date(2025, 12, 1))
    for week in range(14):
        worked(made, week, 100 if week % 2 else 110)
    made.run(weeks=14)
    # Tenure month 4 begins with the week of 2026-03-02.
    assert {trend(made, week)["xmr_signal"] for week in range(8)} == {"not_evaluated"}
    assert trend(made, 8)["xmr_signal"] == "insufficient"


@pytest.mark.rule("U03", "U15", "U20")
def test_six_weeks_under_the_floor_warn_where_the_practice_asks_for_it(tmp_path: Path) -> None:
    made = world(RAILS)
    for week in range(4):
        worked(made, week, 156)  # 13 of 20 hours
    worked(made, 4, 240)
    made.run(weeks=5, policy=low_trend_on(tmp_path))
    said = [made.says("sustained_low_trend", week) for week in (2, 3, 4)]
    assert said == [("unknown", "low_denominator"), ("warn", "below_warning"), ("pass", None)]


@pytest.mark.rule("U15", "U17", "U18")
@pytest.mark.parametrize("guardrail", RAILS)
def test_without_sessions_or_with_stale_ones_nothing_is_said_of_a_trend(guardrail: str, tmp_path: Path) -> None:
    policy = low_trend_on(tmp_path)
    made = world(RAILS)
    worked(made, 0, 120)
    made.completeness["ehr", "session"] = None
    made.run(weeks=1, policy=policy)
    assert made.says(guardrail, 0) == ("unknown", "no_source")
    made.completeness["ehr", "session"] = made.at(made.day(0, 3), "00:00")
    made.run(weeks=1, policy=policy)
    assert made.says(guardrail, 0) == ("unknown", "stale")


@pytest.mark.formula(5)
@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 240), min_size=4, max_size=9))
def test_a_trend_lies_between_the_lowest_and_the_highest_of_its_weeks(minutes: list[int]) -> None:
    made = world()
    for week, each in enumerate(minutes):
        worked(made, week, max(each, 1))
    made.run(weeks=len(minutes))
    row = trend(made, len(minutes) - 1)
    for weeks in (4, 6, 8):
        ratios = [max(each, 1) / 240 for each in minutes[-weeks:]]
        assert min(ratios) - 1e-9 <= row[f"mean_{weeks}w"] <= max(ratios) + 1e-9
