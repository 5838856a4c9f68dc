"""`clinician_week`: hours that a reader can redo by hand. All times are local."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.marts import EAST, World

EARLY = date(2025, 1, 6)


@pytest.fixture(scope="module")
def world() -> World:
    """One clinician per claim; everybody is employed since 2025 unless said otherwise, week 0 is judged."""
    made = World()
    made.employ(EARLY)
    made.seat(made.day(0), "07:00", client=None)
    for key in (
        "overlap",
        "group",
        "co1",
        "co2",
        "night",
        "template",
        "leave",
        "ledger",
        "both",
        "protected",
        "admin",
        "unblocked",
        "thin",
        "partial",
        "almost",
        "modality",
        "void",
        "silent",
        "double",
        "oncall",
        "prescriber",
        "recurring",
        "stormy",
    ):
        made.clinician(key)
        made.employ(EARLY, key=key)
    made.clinician("freelance")
    made.employ(EARLY, key="freelance", fte=None, contract_h_week=None, employment_type="1099")
    made.open_week(0, 4, key="freelance")
    made.hold(0, 2, key="freelance")

    for number in range(12):
        clock = f"{9 + number // 3:02d}:{20 * (number % 3):02d}"
        made.session(made.day(0), clock, 20, key="prescriber", session_type="medication", clients=[f"m{number}"])

    for week in range(26):
        made.seat(made.day(week, 3), "09:00", key="recurring", status="booked", booked_via="recurring")

    made.add(
        "location", location_key="north", practice_key="p", name="North", tz=EAST, tz_source="record", kind="clinic"
    )
    made.rows["clinician"][-2]["home_location_key"] = "north"
    made.open_week(0, 6, key="stormy")
    made.add(
        "practice_closure",
        closure_key="storm",
        location_key="north",
        from_date=made.day(0, 1),
        to_date=made.day(0, 1),
        start_at=made.at(made.day(0, 1), "12:00"),
        end_at=made.at(made.day(0, 2), "09:00"),
        kind="closure",
    )

    made.session(made.day(0), "09:00", 60, key="overlap")
    made.session(made.day(0), "09:30", 60, key="overlap", clients=["k2"])
    made.session(made.day(0), "11:00", 30, key="overlap", clients=["k2"], duration_source="scheduled")

    eight = [f"g{number}" for number in range(8)]
    made.session(made.day(0, 1), "13:00", 90, key="group", clients=eight, session_type="group", group_key="grp")
    for client in eight:
        made.seat(
            made.day(0, 1),
            "13:00",
            key="group",
            client=client,
            group_key="grp",
            end_at=made.at(made.day(0, 1), "14:30"),
        )

    shared = made.session(made.day(0, 2), "10:00", 75, key="co1", session_type="couple")
    made.add("session_clinician", session_key=shared, clinician_key="co2", role="co_therapist", counts_direct=True)
    made.add("session_clinician", session_key=shared, clinician_key="silent", role="supervisor", counts_direct=False)

    made.session(made.day(0, 6), "23:30", 60, key="night")

    made.open_week(0, 4, key="oncall")
    made.block(made.day(0, 5), "00:00", "08:00", kind="on_call", key="oncall")
    made.session(made.day(0, 5), "02:00", 45, key="oncall", session_type="crisis")

    for weekday in (1, 2):
        made.add(
            "availability_template",
            template_key=f"t{weekday}",
            clinician_key="template",
            weekday=weekday,
            start_minute=9 * 60,
            end_minute=15 * 60,
        )
    made.block(made.day(0), "12:00", "13:00", kind="pto", key="template")

    made.open_week(0, 6, key="leave")
    made.block(made.day(0), "00:00", "24:00", kind="pto", key="leave")
    made.open_week(0, 6, key="ledger")
    made.leave(made.day(0), 8, key="ledger")
    made.leave(made.day(0, 1), 2, key="ledger")
    made.leave(made.day(0, 2), 5, key="ledger", is_approved=False)
    made.leave(made.day(0, 3), 40, kind="accrue", key="ledger")
    made.open_week(0, 6, key="both")
    made.block(made.day(0), "08:00", "11:00", kind="sick", key="both")
    made.leave(made.day(0), 6, kind="sick", key="both")

    made.open_week(0, 6, key="protected")
    made.block(made.day(0), "08:00", "10:00", kind="documentation", key="protected", is_protected=True)
    made.block(made.day(0, 1), "08:00", "10:00", kind="documentation", key="protected", is_protected=False)
    made.block(made.day(0, 2), "08:00", "14:00", kind="closure", key="protected")

    made.block(made.day(0), "08:00", "10:00", kind="admin", key="admin", is_protected=True)
    made.session(made.day(0), "09:30", 60, key="admin")
    made.block(made.day(0, 1), "08:00", "10:00", kind="admin", key="admin", is_protected=True)
    made.session(made.day(0, 1), "09:00", 60, key="admin")
    made.block(made.day(0, 2), "08:00", "09:00", kind="admin", key="admin", is_protected=False)
    made.block(made.day(0, 3), "15:00", "16:30", kind="supervision", key="admin")

    made.open_week(0, 4, key="unblocked")
    made.session(made.day(0), "11:00", 120, key="unblocked")

    made.open_week(0, 4, key="thin", days=1)
    made.open_week(0, 6, key="partial")
    for weekday in (0, 1, 2):
        made.block(made.day(0, weekday), "08:00", "14:00", kind="closure", key="partial")
    made.open_week(0, 10, key="almost")
    made.block(made.day(0), "08:00", "08:30", kind="closure", key="almost")

    for clock, modality in (("08:00", "video"), ("09:00", "audio"), ("10:00", "home"), ("11:00", "unknown")):
        made.session(made.day(0), clock, 30, key="modality", modality=modality)
    made.session(made.day(0), "09:00", 60, key="void", status="voided")
    made.session(made.day(0), "10:00", 45, key="void", status="partial")
    made.session(made.day(0), "12:00", 60, key="void", status="unknown")

    made.clinician("hr-double", person="double", source="hr")
    made.employ(EARLY + timedelta(days=1), key="hr-double", fte=0.4)
    made.run(weeks=1)
    return made


@pytest.mark.formula(1)
@pytest.mark.rule("U07")
def test_overlapping_sessions_count_once(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="overlap")
    # 09:00-10:30 and 11:00-11:30
    assert row["direct_h"] == 2.0
    assert (row["sessions_n"], row["distinct_clients_n"]) == (3, 2)
    assert row["share_fallback"] == pytest.approx(1 / 3)


@pytest.mark.formula(1)
@pytest.mark.edge_case(1)
def test_group_of_eight_counts_its_ninety_minutes_once(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="group")
    assert row["direct_h"] == 1.5
    assert row["scheduled_h"] == 1.5
    assert (row["sessions_n"], row["groups_n"], row["distinct_clients_n"]) == (1, 1, 8)


@pytest.mark.edge_case(1)
def test_both_co_therapists_get_the_whole_session_and_an_observer_gets_none(world: World) -> None:
    assert world.week_row("clinician_week", 0, key="co1")["direct_h"] == 1.25
    assert world.week_row("clinician_week", 0, key="co2")["direct_h"] == 1.25
    assert world.week_row("clinician_week", 0, key="silent")["direct_h"] == 0.0


@pytest.mark.edge_case(6)
def test_session_past_midnight_belongs_wholly_to_the_week_it_starts(world: World) -> None:
    assert world.week_row("clinician_week", 0, key="night")["direct_h"] == 1.0


def test_template_stands_in_where_the_calendar_offers_nothing(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="template")
    # Monday and Tuesday 09:00-15:00; one hour of PTO on Monday
    assert (row["template_h"], row["available_h"], row["leave_h"]) == (12.0, 11.0, 1.0)


def test_leave_block_takes_its_overlap(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="leave")
    assert (row["template_h"], row["available_h"], row["leave_h"]) == (30.0, 24.0, 6.0)
    assert row["evaluability"] == "partial"


def test_ledger_takes_what_is_left_of_the_day_and_no_more(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="ledger")
    # 8 h on a 6 h day take 6; 2 h take 2; what was refused or accrued takes nothing
    assert (row["available_h"], row["leave_h"], row["paid_leave_h"]) == (22.0, 8.0, 10.0)


def test_ledger_takes_nothing_on_a_day_that_has_a_leave_block(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="both")
    assert (row["available_h"], row["leave_h"]) == (27.0, 3.0)


@pytest.mark.formula(2)
@pytest.mark.edge_case(7)
def test_protected_and_closed_time_is_taken_off_and_unprotected_is_not(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="protected")
    assert (row["available_h"], row["leave_h"]) == (22.0, 0.0)


@pytest.mark.formula(19)
def test_admin_block_half_taken_counts_nothing(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="admin")
    # 2 h less 0.5 h; then 2 h of which 1 h is taken: half, so nothing; the last is not protected
    assert (row["admin_protected_h"], row["supervision_h"]) == (1.5, 1.5)


@pytest.mark.formula(2, 3)
@pytest.mark.rule("U01")
def test_direct_time_outside_blocks_adds_to_available_time(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="unblocked")
    # 20 h open until 12:00; the session runs 11:00-13:00
    assert (row["direct_h"], row["unblocked_h"], row["available_h"]) == (2.0, 1.0, 21.0)
    assert row["utilization_ratio"] == pytest.approx(2 / 21)


def test_week_below_the_least_available_hours_is_not_evaluated(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="thin")
    assert (row["available_h"], row["evaluability"], row["evaluability_reason"]) == (
        4.0,
        "not_evaluated",
        "low_denominator",
    )


@pytest.mark.rule("U16")
def test_week_with_forty_percent_left_is_partial(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="partial")
    assert (row["available_h"] / row["template_h"], row["evaluability"]) == (0.4, "partial")


def test_week_with_ninety_nine_percent_left_is_full(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="almost")
    assert (row["available_h"] / row["template_h"], row["evaluability"]) == (0.99, "full")


def test_hours_by_modality_add_up_where_nothing_overlaps(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="modality")
    parts = [row[f"direct_h_{name}"] for name in ("in_person", "video", "audio", "other")]
    assert parts == [0.0, 0.5, 0.5, 1.0]
    assert row["direct_h"] == 2.0


@pytest.mark.edge_case(17)
def test_partial_session_counts_its_minutes_and_a_voided_one_nothing(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="void")
    assert (row["direct_h"], row["sessions_n"], row["unknown_status_sessions_n"]) == (0.75, 1, 1)


def test_no_offered_time_is_null_and_not_zero(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="overlap")
    assert [row[name] for name in ("template_h", "available_h", "utilization_ratio", "leave_h")] == [None] * 4
    assert (row["evaluability"], row["evaluability_reason"]) == ("not_evaluated", "no_source")


@pytest.mark.edge_case(10)
def test_records_of_one_person_in_two_sources_are_one_clinician(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="double")
    # 1.0 and 0.4 on the same days add up to the cap
    assert row["fte"] == 1.2
    assert world.select("SELECT * FROM marts.clinician_week WHERE clinician_key = 'hr-double'") == []


@pytest.mark.edge_case(6)
def test_crisis_at_night_on_call_counts_as_direct_time(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="oncall")
    assert (row["direct_h"], row["unblocked_h"], row["available_h"]) == (0.75, 0.75, 20.75)


@pytest.mark.edge_case(7)
@pytest.mark.rule("U16")
def test_closure_of_a_location_takes_the_time_of_those_at_home_there(world: World) -> None:
    # Tuesday 12:00 to Wednesday 09:00, of 08:00-14:00 each day
    assert world.week_row("clinician_week", 0, key="stormy")["available_h"] == 30.0 - 2.0 - 1.0
    assert world.week_row("clinician_week", 0, key="oncall")["available_h"] == 20.75


@pytest.mark.edge_case(11)
def test_contractor_without_contract_hours_is_measured_by_available_time_only(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="freelance")
    assert (row["utilization_ratio"], row["paid_productivity_ratio"], row["fte"]) == (0.1, None, None)


@pytest.mark.edge_case(14)
def test_twenty_minute_visits_count_their_minutes(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="prescriber")
    assert (row["sessions_n"], row["direct_h"]) == (12, 4.0)


@pytest.mark.edge_case(15)
def test_of_a_series_booked_for_half_a_year_a_week_has_its_own_appointment_only(world: World) -> None:
    assert world.week_row("clinician_week", 0, key="recurring")["booked_h"] == pytest.approx(50 / 60)


@pytest.fixture(scope="module")
def changes() -> World:
    """The weeks around 8 March 2026, when clocks go forward in New York, and employments that begin and end."""
    made = World(first=date(2025, 12, 1), days=140)
    made.seat(made.day(0), "07:00", client=None)
    for key in ("starter", "leaver", "mid", "gap", "rehired", "month"):
        made.clinician(key)
    made.employ(EARLY)
    made.employ(date(2026, 1, 14), key="starter")
    made.employ(EARLY, made.day(1, 2), key="leaver")
    made.employ(EARLY, made.day(0, 3), key="mid", fte=1.0)
    made.employ(made.day(0, 4), key="mid", fte=0.5)
    made.employ(EARLY, made.day(0, 0), key="gap")
    made.employ(made.day(0, 2), key="gap")
    made.employ(EARLY, made.day(0, 0), key="rehired")
    made.employ(made.day(0, 3), key="rehired")
    made.employ(date(2025, 12, 12), key="month")
    night = date(2026, 3, 8)
    made.session(night, "01:30", 60)
    made.add(
        "availability_template",
        template_key="t7",
        clinician_key="c1",
        weekday=7,
        start_minute=9 * 60,
        end_minute=17 * 60,
    )
    made.add("availability_template", template_key="t0", clinician_key="c1", weekday=7, start_minute=0, end_minute=240)
    made.run(weeks=10)
    return made


@pytest.mark.edge_case(5)
def test_week_of_the_spring_change_has_167_hours(changes: World) -> None:
    row = changes.week_row("clinician_week", 8)
    assert (row["week_end_at"] - row["week_start_at"]) == timedelta(hours=167)


def test_session_over_the_spring_change_has_its_true_length(changes: World) -> None:
    # 01:30 to 03:30 on the clock
    assert changes.week_row("clinician_week", 8)["direct_h"] == 1.0


def test_template_follows_the_clock_on_the_day_it_changes(changes: World) -> None:
    # 00:00-04:00 lasts three hours that night, 09:00-17:00 eight
    assert changes.week_row("clinician_week", 8)["template_h"] == 11.0
    assert changes.week_row("clinician_week", 7)["template_h"] == 12.0


@pytest.mark.edge_case(9)
def test_spine_begins_and_ends_with_the_weeks_of_employment(changes: World) -> None:
    rows = changes.select(
        "SELECT clinician_key, min(week_id) AS first, max(week_id) AS last FROM marts.clinician_week"
        " WHERE clinician_key IN ('starter', 'leaver') GROUP BY ALL ORDER BY ALL"
    )
    assert [(row["first"], row["last"]) for row in rows] == [
        (changes.day(0), changes.day(1)),
        (changes.day(1), changes.day(9)),
    ]


def test_no_spine_begins_before_the_practices_first_appointment(changes: World) -> None:
    # employed since a year before
    assert changes.select("SELECT min(week_id) AS first FROM marts.clinician_week") == [{"first": changes.day(0)}]


def test_week_that_has_not_ended_has_no_row(changes: World) -> None:
    assert changes.select(f"SELECT * FROM marts.clinician_week WHERE week_id >= DATE '{changes.day(10)}'") == []


@pytest.mark.edge_case(11)
def test_fte_that_changes_in_the_week_is_weighted_by_days(changes: World) -> None:
    # four days at 1.0, three at 0.5
    assert changes.week_row("clinician_week", 0, key="mid")["fte"] == pytest.approx(5.5 / 7)


def test_tenure_counts_completed_months_at_the_start_of_the_week(changes: World) -> None:
    # started Friday 12 December: the week of 5 January is month 1, that of 12 January month 2
    assert [changes.week_row("clinician_week", week, key="month")["tenure_month"] for week in (0, 1)] == [1, 2]


def test_start_inside_the_week_is_month_one(changes: World) -> None:
    assert changes.week_row("clinician_week", 1, key="starter")["tenure_month"] == 1


@pytest.mark.edge_case(10)
def test_gap_of_one_day_keeps_tenure_and_one_of_two_days_ends_it(changes: World) -> None:
    assert changes.week_row("clinician_week", 1, key="gap")["tenure_month"] == 13
    assert changes.week_row("clinician_week", 1, key="rehired")["tenure_month"] == 1


def test_second_run_leaves_the_same_rows(changes: World) -> None:
    before = changes.select("SELECT * FROM marts.clinician_week")
    changes.run(weeks=10)
    assert changes.select("SELECT * FROM marts.clinician_week") == before


def weeks_of(made: World, key: str) -> list[date]:
    found = made.select(f"SELECT week_id FROM marts.clinician_week WHERE clinician_key = '{key}' ORDER BY 1")
    return [row["week_id"] for row in found]


@pytest.mark.parametrize("year", [1926, 2016, 2062])
def test_mistyped_year_of_one_appointment_moves_nobodys_first_week(year: int) -> None:
    made = World(first=date(2016, 1, 1), days=3700)
    made.employ(EARLY)
    made.clinician("other")
    for key in ("c1", "other"):
        made.seat(made.day(0), "09:00", key=key)
    made.seat(date(year, 3, 4), "09:00", key="other")
    made.run(weeks=2)
    assert weeks_of(made, "c1") == [made.day(0), made.day(1)]
    assert weeks_of(made, "other") == [made.day(0), made.day(1)]


def test_practice_whose_appointments_all_lie_ahead_has_no_week_to_judge() -> None:
    made = World()
    made.employ(EARLY)
    made.seat(made.day(5), "09:00", status="booked")
    made.run(weeks=2)
    assert weeks_of(made, "c1") == []


def test_quiet_year_does_not_end_the_practices_record() -> None:
    made = World(first=date(2024, 12, 1), days=450)
    made.employ(date(2024, 12, 2))
    made.seat(made.day(-52), "09:00")
    made.seat(made.day(0), "09:00")
    made.run(weeks=1)
    assert weeks_of(made, "c1")[0] == made.day(-52)
