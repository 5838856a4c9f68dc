"""`ehr_time_week`: minutes in the EHR that a reader can redo by hand. All times are local."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marts import EAST, World
from tests.marts.ehr import with_text, work

from pacekeeper.contract.vocabulary import WeekStart
from pacekeeper.mapping.calendar import calendar_days
from pacekeeper.policy import load_policy

MART = "ehr_time_week"
RAILS = ("after_hours_ehr", "night_ehr", "ehr_overhead")
SINCE = date(2025, 1, 6)


def practice(*, first: date = date(2025, 12, 1)) -> World:
    """One clinician, employed long ago."""
    made = World(only=(MART, *RAILS), first=first, days=400)
    made.employ(SINCE)
    return made


def nine_to_five(made: World, week: int = 0, *, days: int = 5) -> None:
    for weekday in range(days):
        made.block(made.day(week, weekday), "09:00", "12:00")
        made.block(made.day(week, weekday), "13:00", "17:00", kind="documentation")


@pytest.mark.formula(14)
@pytest.mark.rule("D12")
def test_after_hours_is_what_lies_before_the_first_and_after_the_last_working_block() -> None:
    made = practice()
    nine_to_five(made)
    work(made, made.day(0), "08:30", 45)  # 30 before nine
    work(made, made.day(0), "12:10", 30)  # between blocks: none
    work(made, made.day(0), "16:50", 30, task="inbox")  # 20 after five
    work(made, made.day(0, 5), "10:00", 15)  # Saturday: all
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["ehr_min"], row["after_hours_min"], row["window_source"]) == (120, 30 + 20 + 15, "schedule")
    assert (row["after_hours_note_min"], row["note_min"], row["inbox_min"]) == (45, 90, 30)


@pytest.mark.formula(14)
def test_without_a_schedule_the_policys_hours_hold_and_the_grace_widens_them(tmp_path: Path) -> None:
    made = practice()
    work(made, made.day(0), "07:30", 60)
    work(made, made.day(0, 4), "17:50", 40)
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["after_hours_min"], row["window_source"]) == (30 + 30, "default")
    grace = with_text(tmp_path, '[working_time]\ngrace = { value = 15, unit = "minutes", provenance = "us" }\n')
    made.run(weeks=1, policy=grace)
    assert made.week_row(MART, 0)["after_hours_min"] == 15 + 15


@pytest.mark.formula(14)
def test_on_call_and_self_chosen_blocks_are_working_time_and_stretch_no_day() -> None:
    made = practice()
    nine_to_five(made)
    made.block(made.day(0), "20:00", "22:00", kind="on_call")
    made.block(made.day(0, 1), "19:00", "20:00", kind="other")
    work(made, made.day(0), "18:00", 30)
    work(made, made.day(0), "20:30", 60)
    work(made, made.day(0, 1), "19:15", 20)
    made.run(weeks=1)
    assert made.week_row(MART, 0)["after_hours_min"] == 30


@pytest.mark.formula(14)
def test_work_on_a_day_of_leave_or_closure_is_after_hours() -> None:
    made = practice()
    nine_to_five(made)
    made.block(made.day(0, 1), "00:00", "24:00", kind="pto")
    made.leave(made.day(0, 2), 7)
    made.leave(made.day(0, 3), 3)
    friday = made.day(0, 4)
    made.add("practice_closure", closure_key="storm", from_date=friday, to_date=friday, kind="closure")
    for weekday in range(5):
        work(made, made.day(0, weekday), "10:00", 20)
    made.run(weeks=1)
    # Tuesday is blocked, Wednesday's seven hours are all taken by the ledger, Thursday's are not, Friday is closed
    assert made.week_row(MART, 0)["after_hours_min"] == 60


@pytest.mark.formula(13)
def test_time_of_two_accounts_of_one_person_counts_once() -> None:
    made = practice()
    made.clinician("c1b", person="c1")
    work(made, made.day(0), "10:00", 30)
    work(made, made.day(0), "10:20", 30, key="c1b", task="inbox")
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["ehr_min"], row["note_min"], row["inbox_min"]) == (50, 30, 30)


@pytest.mark.formula(13)
def test_coverage_is_the_share_of_session_days_with_a_log_entry() -> None:
    made = practice()
    for weekday in range(5):
        made.hold(0, 1, weekday=weekday)
    made.hold(0, 1, weekday=5, status="voided")
    for weekday in range(4):
        work(made, made.day(0, weekday), "10:00", 5)
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["coverage_ratio"], row["is_log_doubtful"]) == (0.8, False)


@pytest.mark.edge_case(7)
def test_a_gap_in_the_log_is_unknown_and_not_zero() -> None:
    made = practice()
    made.clinician("quiet")
    made.employ(SINCE, key="quiet")
    for weekday in range(5):
        made.hold(0, 1, weekday=weekday)
        made.hold(1, 1, weekday=weekday)
        made.hold(2, 1, weekday=weekday)
        work(made, made.day(2, weekday), "10:00", 5)
    for weekday in range(3):
        work(made, made.day(1, weekday), "10:00", 5)
    made.run(weeks=3)
    dead, part = made.week_row(MART, 0), made.week_row(MART, 1)
    assert (dead["coverage_ratio"], dead["ehr_min"], dead["nights_ge_180"]) == (0, None, None)
    assert (part["coverage_ratio"], part["ehr_min"], part["is_log_doubtful"]) == (0.6, 15, True)
    assert [made.says("after_hours_ehr", week) for week in range(3)] == [
        ("unknown", "no_source"),
        ("unknown", "partial"),
        ("pass", None),
    ]
    # Who held no session is in no log either, when nobody is; and is known to have done nothing when others are.
    assert made.says("after_hours_ehr", 0, key="quiet") == ("unknown", "no_source")
    assert made.says("after_hours_ehr", 2, key="quiet") == ("pass", None)
    assert made.week_row(MART, 2, key="quiet")["ehr_min"] == 0


@pytest.mark.edge_case(4)
def test_hours_are_those_of_the_clinicians_own_zone() -> None:
    made = practice()
    made.calendar = calendar_days(
        [EAST, "America/Chicago"], date(2025, 12, 1), date(2026, 3, 1), week_start=WeekStart.MONDAY
    )
    made.add(
        "location", location_key="west", practice_key="p", tz="America/Chicago", tz_source="record", kind="telehealth"
    )
    made.clinician("far", home_location_key="west")
    made.employ(SINCE, key="far")
    work(made, made.day(0), "08:30", 45, key="far")  # 07:30 to 08:15 in Chicago
    work(made, made.day(0), "18:10", 30, key="far")  # 17:10 to 17:40 in Chicago
    work(made, made.day(0), "18:10", 30)
    made.run(weeks=2)
    assert made.week_row(MART, 0, key="far")["after_hours_min"] == 30
    assert made.week_row(MART, 0)["after_hours_min"] == 30


@pytest.mark.edge_case(5)
@pytest.mark.parametrize(
    ("saturday", "length"),
    [pytest.param(date(2026, 3, 7), 240, id="spring"), pytest.param(date(2026, 10, 31), 360, id="autumn")],
)
def test_a_night_in_which_clocks_change_has_its_true_length(saturday: date, length: int) -> None:
    made = practice()
    week = (saturday - made.day(0)).days // 7
    made.hold(week, 1)
    work(made, made.day(week), "10:00", 5)
    # eleven at night to four in the morning by the clock
    real = (made.at(saturday + timedelta(days=1), "04:00") - made.at(saturday, "23:00")).seconds / 60
    work(made, saturday, "23:00", real)
    made.run(weeks=week + 1)
    row = made.week_row(MART, week)
    assert (row["after_hours_min"], row["night_max_min"], row["nights_ge_180"]) == (length, length, 1)
    assert made.says("night_ehr", week) == ("breach", "above_ceiling")


@pytest.mark.rule("D06")
def test_a_night_goes_on_after_midnight_and_ends_with_the_week() -> None:
    made = practice()
    made.hold(0, 1)
    work(made, made.day(0), "22:30", 180)  # Monday until 01:30
    work(made, made.day(0, 2), "12:00", 5)
    work(made, made.day(0, 6), "22:00", 240)  # Sunday until 02:00 on Monday
    made.run(weeks=2)
    first, second = made.week_row(MART, 0), made.week_row(MART, 1)
    assert (first["night_max_min"], first["nights_ge_180"]) == (180, 1)
    assert (second["night_max_min"], second["nights_ge_180"]) == (120, 0)
    assert made.says("night_ehr", 0) == ("breach", "above_ceiling")


@pytest.mark.rule("D06")
def test_night_work_that_is_on_call_or_short_is_no_breach() -> None:
    made = practice()
    made.hold(0, 1)
    nine_to_five(made)
    work(made, made.day(0), "10:00", 5)
    work(made, made.day(0), "19:00", 179)
    made.block(made.day(0, 1), "18:00", "24:00", kind="on_call")
    work(made, made.day(0, 1), "18:30", 240)
    made.run(weeks=1)
    assert made.week_row(MART, 0)["night_max_min"] == 179
    assert made.says("night_ehr", 0) == ("pass", None)


@pytest.mark.edge_case(31)
def test_an_open_tab_makes_the_week_unknown() -> None:
    made = practice()
    made.hold(0, 1)
    work(made, made.day(0), "06:00", 17 * 60)
    made.run(weeks=1)
    assert made.week_row(MART, 0)["is_log_doubtful"]
    assert made.says("after_hours_ehr", 0) == ("unknown", "partial")
    assert made.says("night_ehr", 0) == ("unknown", "partial")


@pytest.mark.edge_case(31)
def test_entries_stamped_in_one_batch_are_no_time() -> None:
    made = practice()
    made.hold(0, 1)
    for task in ("note", "inbox", "orders"):
        work(made, made.day(0), "23:00", 0, task=task)
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["ehr_min"], row["coverage_ratio"]) == (0, 1)


@pytest.mark.rule("D01")
@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        pytest.param(60, ("pass", None), id="at the warning"),
        pytest.param(61, ("warn", "above_warning"), id="above it"),
        pytest.param(68, ("warn", "above_warning"), id="at the ceiling"),
        pytest.param(69, ("breach", "above_ceiling"), id="above it too"),
    ],
)
def test_after_hours_is_judged_by_the_minute(minutes: int, said: tuple[str, str | None]) -> None:
    made = practice()
    made.hold(0, 1)
    work(made, made.day(0), "18:00", minutes)
    made.run(weeks=1)
    assert made.says("after_hours_ehr", 0) == said


@pytest.mark.rule("D01")
def test_without_a_log_or_with_a_late_one_nothing_is_said() -> None:
    made = practice()
    made.hold(0, 1)
    made.completeness[("ehr", "ehr_event")] = None
    made.run(weeks=1)
    assert made.week_row(MART, 0)["ehr_min"] is None
    for rail in RAILS:
        assert made.says(rail, 0) == ("unknown", "no_source")
    work(made, made.day(0), "10:00", 5)
    made.completeness[("ehr", "ehr_event")] = made.at(made.day(0, 3), "00:00")
    made.run(weeks=1)
    assert made.says("after_hours_ehr", 0) == ("unknown", "stale")
    assert made.says("night_ehr", 0) == ("unknown", "stale")


@pytest.mark.rule("D02")
@pytest.mark.edge_case(44)
def test_time_in_the_log_goes_to_the_clinician_first_and_comes_with_remedies() -> None:
    policy = load_policy()
    for rail in ("after_hours_ehr", "night_ehr"):
        assert policy.guardrail(rail).owner.startswith("clinician first")
    remedies = policy.guardrail("after_hours_ehr").settings.words("remedies")
    assert remedies == ("fewer_clients", "training", "better_ehr", "support_staff")


@pytest.mark.formula(15)
def test_work_outside_work_is_outside_clients_appointments_per_eight_scheduled_hours() -> None:
    made = practice()
    for clock in ("09:00", "10:00", "11:00", "13:00"):
        made.seat(made.day(0), clock, end_at=made.at(made.day(0), clock) + timedelta(hours=1))
    made.seat(made.day(0), "14:00", client=None)
    made.seat(made.day(0), "15:00", status="cancelled")
    work(made, made.day(0), "09:40", 20)
    work(made, made.day(0), "14:00", 30, task="inbox")
    work(made, made.day(0), "19:00", 10, task="orders")
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["patient_scheduled_h"], row["ehr_min"], row["wow_min"]) == (4, 60, 40)
    assert (row["ehr_time_8"], row["wow_8"]) == (2, pytest.approx(4 / 3))
    assert (row["note_time_8"], row["ib_time_8"], row["script_time_8"]) == (pytest.approx(2 / 3), 1, None)


@pytest.mark.formula(15)
def test_less_than_four_scheduled_hours_give_no_measure_per_eight() -> None:
    made = practice()
    made.clinician("doc", role="prescriber")
    made.employ(SINCE, key="doc")
    for hour in range(9, 13):
        start = made.at(made.day(0), f"{hour:02d}:00")
        made.seat(made.day(0), f"{hour:02d}:00", end_at=start + timedelta(minutes=59))
        made.seat(made.day(0), f"{hour:02d}:00", end_at=start + timedelta(minutes=60), key="doc")
    for key in ("c1", "doc"):
        work(made, made.day(0), "09:00", 30, key=key, task="orders")
    made.run(weeks=1)
    assert made.week_row(MART, 0)["ehr_time_8"] is None
    assert made.week_row(MART, 0, key="doc")["script_time_8"] == 1


@pytest.mark.formula(15)
@pytest.mark.rule("W14")
def test_attention_is_what_of_a_session_is_not_in_the_ehr() -> None:
    made = practice()
    made.session(made.day(0), "09:00", 50)
    made.session(made.day(0), "10:00", 50)
    work(made, made.day(0), "09:40", 30, task="inbox")  # 10 in the first, 10 between, 10 in the second
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["in_session_min"], row["inbox_in_session_min"], row["attention_ratio"]) == (20, 20, 0.8)


@pytest.mark.formula(16)
@pytest.mark.rule("D04")
@pytest.mark.parametrize(
    ("ehr", "care", "ratio", "said"),
    [
        pytest.param(180, 300, 9, ("pass", None), id="nine per fifteen"),
        pytest.param(190, 300, 9.5, ("warn", "above_warning"), id="more"),
        pytest.param(190, 200, 14.25, ("unknown", "low_denominator"), id="little care"),
    ],
)
def test_overhead_is_minutes_per_fifteen_of_care(
    ehr: int, care: int, ratio: float, said: tuple[str, str | None]
) -> None:
    made = practice()
    made.session(made.day(0), "08:00", care)
    work(made, made.day(0), "13:00", ehr)
    made.run(weeks=1)
    assert made.week_row(MART, 0)["ehr_per_15_care"] == ratio
    assert made.says("ehr_overhead", 0) == said


@pytest.mark.rule("D04")
def test_overhead_with_a_session_nobody_can_tell_of_is_unknown() -> None:
    made = practice()
    made.session(made.day(0), "08:00", 300)
    made.session(made.day(0), "14:00", 50, status="unknown")
    work(made, made.day(0), "13:00", 60)
    made.run(weeks=1)
    assert made.says("ehr_overhead", 0) == ("unknown", "partial")
    assert made.says("after_hours_ehr", 0) == ("pass", None)
    made.rows["session"][-1]["status"] = "unreviewed"
    made.run(weeks=1)
    assert made.says("ehr_overhead", 0) == ("unknown", "defaulted")


def _five_kinds(made: World, gap: int) -> None:
    """A session of 50 minutes, then four kinds of task, `gap` minutes from one begin to the next."""
    made.session(made.day(0), "09:00", 50)
    for number, task in enumerate(("note", "inbox", "billing", "scheduling")):
        minute = 50 + number * gap
        work(made, made.day(0), f"{9 + minute // 60:02d}:{minute % 60:02d}", 5, task=task)


@pytest.mark.formula(18)
def test_changes_of_task_count_a_session_as_a_kind_and_leave_short_looks_out() -> None:
    made = practice()
    _five_kinds(made, 10)
    work(made, made.day(0), "09:20", 10, task="note")  # within the session: no change
    work(made, made.day(0), "09:55", 0.4, task="measures")  # 24 seconds
    work(made, made.day(0, 1), "09:00", 10, task="note")  # another day: no change
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    # session, note, inbox, billing, scheduling; 50 + 4 x 5 + 10 minutes and 24 seconds
    assert (row["switches_n"], row["windows_ge5"]) == (4, 1)
    assert row["switches_per_h"] == pytest.approx(4 / ((80 + 0.4) / 60))


@pytest.mark.formula(18)
@pytest.mark.rule("D16")
def test_a_window_of_90_minutes_with_five_kinds_is_told_once_switched_on(tmp_path: Path) -> None:
    on = with_text(
        tmp_path,
        "[guardrails.context_switching]\nenabled = true\n[guardrails.context_switching.thresholds]\n"
        'warn = { value = 0, unit = "times", provenance = "us" }\n',
    )
    assert not load_policy().guardrail("context_switching").enabled
    found = {}
    for gap in (13, 14):
        made = practice()
        made.only = (MART, "context_switching")
        _five_kinds(made, gap)
        made.run(weeks=1, policy=on)
        found[gap] = (made.week_row(MART, 0)["windows_ge5"], made.says("context_switching", 0))
    # the last kind begins 50 + 3 x 13 = 89 minutes after the session, or 92
    assert found == {13: (1, ("warn", "above_warning")), 14: (0, ("pass", None))}
    made.rows["ehr_event"] = []
    made.run(weeks=1, policy=on)
    assert made.says("context_switching", 0) == ("unknown", "no_source")


MINUTES = st.lists(st.tuples(st.integers(0, 1380), st.integers(0, 59)), max_size=6)


@pytest.mark.formula(14)
@settings(max_examples=10, deadline=None)
@given(days=st.lists(MINUTES, min_size=4, max_size=4))
def test_active_and_after_hours_minutes_are_those_of_a_count_by_minutes(days: list[list[tuple[int, int]]]) -> None:
    made = practice()
    active: set[tuple[int, int]] = set()
    for weekday, pieces in enumerate(days):
        for at, length in pieces:
            work(made, made.day(0, weekday), f"{at // 60:02d}:{at % 60:02d}", length)
            active |= {(weekday, minute) for minute in range(at, at + length)}
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert row["ehr_min"] == pytest.approx(len(active))
    assert row["after_hours_min"] == pytest.approx(sum(not 480 <= minute < 1080 for _, minute in active))
