"""Verdicts: every threshold at its edges, streaks, unknown input, policy changes and versions."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.marts import World

from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.policy import load_policy

EARLY = date(2025, 1, 6)


def employed(made: World, *keys: str, start: date = EARLY, fte: float | None = 1.0) -> None:
    for key in keys:
        made.clinician(key)
        made.employ(start, key=key, fte=fte)


@pytest.fixture(scope="module")
def hours() -> World:
    made = World()
    made.seat(made.day(0), "07:00", client=None)
    weeks: dict[str, list[float]] = {
        "at22": [22],
        "over22": [22.05],
        "at30": [30, 30, 30],
        "three": [31, 31, 31],
        "threeof4": [31, 31, 20, 31],
        "twoof4": [31, 20, 20, 31, 20, 31],
        "after": [31, 31, 31, 20],
        "at35": [35],
        "over35": [35.05],
        "none": [0],
        "overfte": [22.05],
    }
    employed(made, *weeks)
    employed(made, "half", start=EARLY, fte=0.5)
    employed(made, "seven", start=EARLY, fte=0.7)
    employed(made, "nofte", start=EARLY, fte=None)
    made.rows["employment"][list(weeks).index("overfte")]["fte"] = 1.2
    scaled: dict[str, list[float]] = {"half": [11, 11.05, 17.5, 17.55], "seven": [24.5], "nofte": [22.05]}
    for key, values in {**weeks, **scaled}.items():
        for week, value in enumerate(values):
            if value:
                made.hold(week, value, key=key)
    employed(made, "unclear")
    for week in (0, 1, 3, 4):
        made.hold(week, 31, key="unclear")
    made.session(made.day(2), "08:00", 60, key="unclear", status="unknown")
    made.run(weeks=6)
    return made


@pytest.mark.rule("U12")
def test_only_what_the_policy_counts_is_direct_time(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        'extends = "default"\nprofile = "own"\ntitle = "Own"\n[guardrails.direct_hours.settings]\n'
        'countable = { value = ["individual"], unit = "session_type", provenance = "ours" }\n'
    )
    made = World(only=("direct_hours",))
    made.employ(EARLY)
    made.hold(0, 20)
    made.hold(0, 16, weekday=1, session_type="group")
    made.run(weeks=1)
    assert made.verdict("direct_hours", 0)["value"] == 36
    assert made.says("direct_hours", 0) == ("breach", "single_week_above")
    made.run(weeks=1, policy=load_policy(file=file))
    assert made.verdict("direct_hours", 0)["value"] == 20
    assert made.says("direct_hours", 0) == ("pass", None)


@pytest.mark.formula(4)
@pytest.mark.rule("W01", "W02")
@pytest.mark.parametrize(
    ("key", "week", "says"),
    [
        pytest.param("none", 0, ("pass", None), id="zero hours from a complete source"),
        pytest.param("at22", 0, ("pass", None), id="22.00 h"),
        pytest.param("over22", 0, ("warn", "above_warning"), id="22.05 h"),
        pytest.param("overfte", 0, ("warn", "above_warning"), id="22.05 h at FTE 1.2, never scaled up"),
        pytest.param("nofte", 0, ("warn", "above_warning"), id="22.05 h at an FTE not known"),
        pytest.param("half", 0, ("pass", None), id="11.00 h at FTE 0.5"),
        pytest.param("half", 1, ("warn", "above_warning"), id="11.05 h at FTE 0.5"),
        pytest.param("half", 2, ("warn", "above_warning"), id="17.50 h at FTE 0.5"),
        pytest.param("half", 3, ("breach", "single_week_above"), id="17.55 h at FTE 0.5"),
        pytest.param("seven", 0, ("warn", "above_warning"), id="24.50 h at FTE 0.7, exactly 35 x 0.7"),
        pytest.param("at30", 2, ("warn", "above_warning"), id="30.00 h three times"),
        pytest.param("three", 1, ("warn", "above_warning"), id="31 h for the second time"),
        pytest.param("three", 2, ("breach", "consistently_above"), id="31 h for the third time"),
        pytest.param("threeof4", 3, ("breach", "consistently_above"), id="31 h in 3 of 4 weeks"),
        pytest.param("twoof4", 5, ("warn", "above_warning"), id="31 h in 2 of the last 4 weeks, 3 of 6"),
        pytest.param("after", 3, ("pass", None), id="20 h after three weeks of 31 h"),
        pytest.param("at35", 0, ("warn", "above_warning"), id="35.00 h"),
        pytest.param("over35", 0, ("breach", "single_week_above"), id="35.05 h"),
        pytest.param("unclear", 2, ("unknown", "partial"), id="a session of unknown status"),
        pytest.param("unclear", 3, ("breach", "consistently_above"), id="31 h for the third known time"),
    ],
)
def test_direct_hours(hours: World, key: str, week: int, says: tuple[str, str | None]) -> None:
    assert hours.says("direct_hours", week, key=key) == says


def test_verdict_states_value_scaled_thresholds_and_where_they_come_from(hours: World) -> None:
    row = hours.verdict("direct_hours", 3, key="half")
    assert (row["value"], row["threshold_warn"], row["threshold_breach"], row["scaled_by"]) == (17.55, 11.0, 17.5, 0.5)
    assert (row["unit"], row["evidence_mart"], row["policy_version"]) == (
        "hours",
        "clinician_week",
        load_policy().latest.version,
    )
    assert row["provenance"].startswith("warn: practice article: sustainable productivity guide (S0)")
    assert hours.verdict("direct_hours", 0, key="nofte")["scaled_by"] is None


def test_unknown_verdict_states_no_value(hours: World) -> None:
    assert hours.verdict("direct_hours", 2, key="unclear")["value"] is None


@pytest.fixture(scope="module")
def use() -> World:
    """20 h offered a week unless said otherwise."""
    made = World()
    made.seat(made.day(0), "07:00", client=None)
    ratios: dict[str, list[float]] = {
        "at70": [14, 14, 14],
        "low": [13, 13, 13, 13],
        "broken": [13, 13, 14, 13, 13, 13],
        "at85": [17],
        "over85": [17.05],
        "at90": [18],
        "over90": [18.05],
    }
    employed(made, *ratios)
    for key, values in ratios.items():
        for week, value in enumerate(values):
            made.open_week(week, 4, key=key)
            spread(made, key, week, value)
    employed(made, "holes")
    for week in (0, 1, 4):
        made.open_week(week, 4, key="holes")
        spread(made, "holes", week, 10)
    made.open_week(2, 1, key="holes")
    made.open_week(3, 4, key="holes")
    made.leave(made.day(3), 4, key="holes")
    spread(made, "holes", 3, 5)
    employed(made, "away", "awaybusy", "ledgeraway")
    for key in ("away", "awaybusy", "ledgeraway"):
        made.open_week(0, 4, key=key)
    for weekday in range(5):
        made.block(made.day(0, weekday), "08:00", "12:00", kind="pto", key="away")
        made.leave(made.day(0, weekday), 4, key="ledgeraway")
    made.block(made.day(0), "08:00", "12:00", kind="pto", key="awaybusy")
    for weekday in range(1, 5):
        made.session(made.day(0, weekday), "08:00", 225, key="awaybusy")
    employed(made, "ramp", start=made.day(0, 1))
    for week in range(5):
        made.open_week(week, 4, key="ramp")
        spread(made, "ramp", week, 10)
    employed(made, "rampbusy", start=made.day(0, 1))
    made.open_week(0, 4, key="rampbusy")
    spread(made, "rampbusy", 0, 19)
    employed(made, "nocalendar", "closed")
    made.open_week(0, 4, key="closed")
    for weekday in range(4):
        made.block(made.day(0, weekday), "08:00", "12:00", kind="closure", key="closed")
    made.clinician("gone")
    made.employ(EARLY, made.day(0), key="gone")
    made.employ(made.day(3), key="gone")
    made.run(weeks=6)
    return made


def spread(made: World, key: str, week: int, hours: float) -> None:
    """Direct hours inside the four offered hours of each day, Monday first."""
    for weekday in range(5):
        today = min(hours - 4 * weekday, 4)
        if today > 0:
            made.session(made.day(week, weekday), "08:00", round(today * 60), key=key)


@pytest.mark.formula(4)
@pytest.mark.rule("U01", "U02", "U03", "U04", "U13")
@pytest.mark.edge_case(8)
@pytest.mark.parametrize(
    ("key", "week", "says"),
    [
        pytest.param("at70", 2, ("pass", None), id="0.70 three times"),
        pytest.param("low", 0, ("pass", None), id="0.65 once"),
        pytest.param("low", 1, ("pass", None), id="0.65 twice"),
        pytest.param("low", 2, ("breach", "below_floor"), id="0.65 three times"),
        pytest.param("low", 3, ("breach", "below_floor"), id="0.65 four times"),
        pytest.param("broken", 3, ("pass", None), id="0.70 ended the run"),
        pytest.param("broken", 5, ("breach", "below_floor"), id="three low weeks after the run ended"),
        pytest.param("at85", 0, ("pass", None), id="0.85"),
        pytest.param("over85", 0, ("warn", "above_warning"), id="0.8525"),
        pytest.param("at90", 0, ("warn", "above_warning"), id="0.90"),
        pytest.param("over90", 0, ("breach", "above_ceiling"), id="0.9025"),
        pytest.param("holes", 2, ("unknown", "low_denominator"), id="5 h offered"),
        pytest.param("holes", 3, ("exempt", "leave"), id="low in a week with leave"),
        pytest.param("holes", 4, ("breach", "below_floor"), id="third low week, two others skipped"),
        pytest.param("away", 0, ("exempt", "leave"), id="away all week by the calendar"),
        pytest.param("ledgeraway", 0, ("exempt", "leave"), id="away all week by the ledger"),
        pytest.param("awaybusy", 0, ("breach", "above_ceiling"), id="15 of the 16 h that leave left"),
        pytest.param("ramp", 0, ("exempt", "ramp"), id="first month"),
        pytest.param("ramp", 4, ("exempt", "ramp"), id="last week that begins in the first month"),
        pytest.param("rampbusy", 0, ("breach", "above_ceiling"), id="above the ceiling in the first month"),
        pytest.param("nocalendar", 0, ("unknown", "no_source"), id="nothing offered by calendar or template"),
        pytest.param("closed", 0, ("unknown", "low_denominator"), id="closed without leave"),
    ],
)
def test_utilization(use: World, key: str, week: int, says: tuple[str, str | None]) -> None:
    assert use.says("utilization", week, key=key) == says


def test_streak_counts_low_weeks_and_the_floor_is_the_threshold(use: World) -> None:
    row = use.verdict("utilization", 4, key="holes")
    assert (row["streak"], row["threshold_breach"], row["threshold_warn"]) == (3, 0.70, None)
    assert (row["value"], row["numerator"], row["denominator"]) == (0.5, 10.0, 20.0)


def test_week_between_two_employments_has_no_utilization_verdict(use: World) -> None:
    found = use.select(
        "SELECT period FROM marts.guardrail_result"
        " WHERE subject_key = 'gone' AND guardrail_id = 'utilization' ORDER BY ALL"
    )
    assert [row["period"] for row in found] == [str(use.day(week)) for week in (0, 3, 4, 5)]


@pytest.fixture(scope="module")
def counts() -> World:
    """Caseloads and no-shows by number, each by a clinician of that name."""
    made = World(first=date(2025, 10, 1))
    made.seat(made.day(0), "07:00", client=None)
    made.hold(0, 1)
    for size, fte in ((50, 1.0), (51, 1.0), (60, 1.0), (61, 1.0), (25, 0.5), (26, 0.5), (31, 0.5)):
        key = f"load{size}-{fte}"
        employed(made, key, fte=fte)
        for number in range(size):
            made.assign(f"{key}-{number}", EARLY, key=key)
            made.seat(made.day(2), "09:00", key=key, client=f"{key}-{number}", status="booked")
    for kept, missed in ((18, 2), (17, 3), (16, 3), (19, 0)):
        key = f"seats{kept}-{missed}"
        employed(made, key)
        for number in range(kept + missed):
            made.seat(made.day(0), "09:00", key=key, status="kept" if number < kept else "no_show")
    employed(made, "vague")
    for _ in range(30):
        made.seat(made.day(0), "09:00", key="vague")
    made.seat(made.day(0), "09:00", key="vague", status="unknown")
    made.run(weeks=1)
    return made


@pytest.mark.rule("W04")
@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("load50-1.0", ("pass", None)),
        ("load51-1.0", ("warn", "above_warning")),
        ("load60-1.0", ("warn", "above_warning")),
        ("load61-1.0", ("breach", "above_ceiling")),
        ("load25-0.5", ("pass", None)),
        ("load26-0.5", ("warn", "above_warning")),
        ("load31-0.5", ("breach", "above_ceiling")),
    ],
)
def test_active_caseload(counts: World, key: str, says: tuple[str, str | None]) -> None:
    assert counts.says("active_caseload", 0, key=key) == says


@pytest.mark.rule("T01")
@pytest.mark.parametrize(
    ("key", "says"),
    [
        pytest.param("seats18-2", ("pass", None), id="0.10 of 20"),
        pytest.param("seats17-3", ("breach", "above_ceiling"), id="0.15 of 20"),
        pytest.param("seats16-3", ("unknown", "low_denominator"), id="3 of 19"),
        pytest.param("seats19-0", ("unknown", "low_denominator"), id="0 of 19 is no pass either"),
        pytest.param("vague", ("unknown", "partial"), id="one seat of unknown status"),
    ],
)
def test_no_show(counts: World, key: str, says: tuple[str, str | None]) -> None:
    assert counts.says("no_show", 0, key=key) == says


def quiet(*, week_hours: float = 20) -> World:
    made = World()
    made.employ(EARLY)
    for week in range(2):
        made.open_week(week, 6)
        made.hold(week, week_hours)
        made.seats(week, kept=20, missed=1)
        made.assign(f"k{week}", EARLY)
    return made


GUARDRAILS = ("direct_hours", "utilization", "active_caseload", "no_show")


def test_source_read_before_the_week_ended_makes_its_verdicts_unknown_and_leaves_the_week_before() -> None:
    made = quiet()
    made.completeness[("ehr", "session")] = made.at(made.day(2), "00:00") - timedelta(seconds=1)
    made.run(weeks=2)
    assert [made.says(name, 1) for name in GUARDRAILS] == [
        ("unknown", "stale"),
        ("unknown", "stale"),
        ("unknown", "stale"),
        ("pass", None),
    ]
    assert made.says("direct_hours", 0) == ("pass", None)


def test_stale_leave_and_employment_make_utilization_unknown() -> None:
    made = quiet()
    made.completeness[("hr", "pto_ledger")] = made.at(made.day(1), "00:00")
    made.run(weeks=2)
    assert [made.says(name, 1)[0] for name in GUARDRAILS] == ["pass", "unknown", "pass", "pass"]


def test_stale_source_that_knows_nothing_of_a_person_does_not_count_and_one_never_read_does() -> None:
    made = quiet()
    made.completeness[("north", "session")] = made.at(made.day(0), "00:00")
    made.run(weeks=2)
    assert made.says("direct_hours", 1) == ("pass", None)
    made.never_read.add("north")
    made.run(weeks=2)
    assert made.says("direct_hours", 1) == ("unknown", "stale")


def test_entity_that_no_source_maps_makes_its_verdicts_unknown() -> None:
    made = quiet()
    as_of = made.at(made.day(2), "00:00")
    reads = [SourceCompleteness("ehr", entity, as_of, True) for entity in ("clinician", "appointment")]
    made.run(weeks=2, reads=reads)
    assert [made.says(name, 1) for name in GUARDRAILS] == [
        ("unknown", "no_source"),
        ("unknown", "no_source"),
        ("unknown", "no_source"),
        ("pass", None),
    ]
    assert made.week_row("clinician_week", 1)["direct_h"] is None


def test_verdicts_are_given_when_nothing_but_employment_was_ever_read() -> None:
    made = World()
    made.employ(EARLY)
    as_of = made.at(made.day(2), "00:00")
    reads = [SourceCompleteness("hr", "employment", as_of, True)]
    reads += [SourceCompleteness("ehr", entity, None, False) for entity in ("session", "appointment")]
    made.run(weeks=2, reads=reads)
    found = made.select("SELECT DISTINCT state FROM marts.guardrail_result")
    assert found == [{"state": "unknown"}]
    assert {made.says(name, 1)[0] for name in GUARDRAILS} == {"unknown"}


def test_entity_of_which_nobody_has_a_row_tells_nothing() -> None:
    made = quiet()
    made.run(weeks=2)
    assert made.says("direct_hours", 1) == ("pass", None)
    for name in ("session", "session_clinician", "session_participant"):
        made.rows[name].clear()
    made.run(weeks=2)
    assert [made.says(name, 1) for name in GUARDRAILS] == [
        ("unknown", "no_source"),
        ("unknown", "no_source"),
        ("unknown", "no_source"),
        ("pass", None),
    ]


def test_person_whom_no_source_of_sessions_knows_is_unknown_and_never_a_pass_at_zero() -> None:
    made = quiet()
    made.clinician("desk", source="hr")
    made.employ(EARLY, key="desk")
    made.clinician("idle")
    made.employ(EARLY, key="idle")
    made.run(weeks=2)
    assert {made.says(name, 1, key="desk") for name in GUARDRAILS} == {("unknown", "no_source")}
    assert made.week_row("clinician_week", 1, key="desk")["direct_h"] is None
    assert made.week_row("attendance_week", 1, key="desk")["scheduled_n"] is None
    assert made.week_row("caseload_snapshot", 1, key="desk")["active_clients"] is None
    # The EHR was read and has this one as a clinician: nothing happened, and that is known.
    assert [made.says(name, 1, key="idle") for name in ("direct_hours", "active_caseload")] == [("pass", None)] * 2


def test_person_whose_records_meet_is_known_by_every_source_of_them() -> None:
    made = quiet()
    made.clinician("desk", source="hr", person="c1")
    made.run(weeks=2)
    assert made.says("direct_hours", 1) == ("pass", None)


def test_ehr_that_answers_empty_leaves_everybody_unknown() -> None:
    made = World()
    made.rows["clinician"][0]["source"] = "hr"
    made.employ(EARLY)
    made.run(weeks=2)
    assert {made.says(name, 1) for name in GUARDRAILS} == {("unknown", "no_source")}


def test_client_who_is_active_only_through_something_unclear_makes_the_caseload_unknown() -> None:
    made = World(first=date(2025, 10, 1))
    made.seat(made.day(0), "07:00", client=None)

    def case(key: str) -> None:
        employed(made, key)
        made.assign(key, EARLY, key=key)

    for key in ("ahead", "seen", "both", "group", "past", "later", "aheadgroup"):
        case(key)
    made.seat(made.day(2), "09:00", key="ahead", client="ahead", status="unknown")
    made.session(made.day(0), "09:00", 50, key="seen", clients=["seen"], status="unknown")
    made.session(made.day(0), "09:00", 50, key="both", clients=["both"])
    made.session(made.day(0, 1), "09:00", 50, key="both", clients=["both"], status="unknown")
    made.seat(made.day(2), "09:00", key="both", client="both", status="unknown")
    made.session(made.day(0), "09:00", 50, key="group", clients=["group"], status="unknown", session_type="group")
    made.seat(made.day(2), "09:00", key="aheadgroup", client="aheadgroup", status="unknown", group_key="g")
    made.seat(made.day(0), "09:00", key="past", client="past", status="unknown")
    made.session(made.day(0) - timedelta(days=60), "09:00", 50, key="past", clients=["past"], status="unknown")
    made.seat(
        made.day(2), "09:00", key="later", client="later", status="unknown", booked_at=made.at(made.day(1), "09:00")
    )
    made.run(weeks=1)
    for key in ("ahead", "seen"):
        assert made.says("active_caseload", 0, key=key) == ("unknown", "partial")
    for key in ("both", "group", "aheadgroup", "past", "later"):
        assert made.says("active_caseload", 0, key=key) == ("pass", None)
    rows = {key: made.week_row("caseload_snapshot", 0, key=key) for key in ("ahead", "both")}
    assert (rows["ahead"]["active_clients"], rows["ahead"]["uncertain_clients"]) == (0, 1)
    assert (rows["both"]["active_clients"], rows["both"]["uncertain_clients"]) == (1, 0)


def test_each_week_is_judged_by_the_policy_in_force_when_it_began(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        'extends = "default"\nprofile = "own"\ntitle = "Own"\n[[change]]\neffective_from = 2026-01-12\n'
        "acknowledge_conflict = true\n[change.guardrails.direct_hours.thresholds]\n"
        'warn = { value = 19, unit = "hours", provenance = "us" }\n'
        "[change.guardrails.no_show]\nenabled = false\n"
    )
    policy = load_policy(file=file)
    made = quiet()
    made.run(weeks=2)
    first = made.verdict("direct_hours", 0)
    made.run(weeks=2, policy=policy)
    assert (made.says("direct_hours", 0), made.says("direct_hours", 1)) == (("pass", None), ("warn", "above_warning"))
    assert made.verdict("direct_hours", 0) == first, "the week before the change keeps its version"
    later = made.verdict("direct_hours", 1)
    assert (later["version"], later["threshold_warn"], later["policy_version"]) == (2, 19.0, policy.latest.version)
    assert made.verdict("no_show", 0)["is_retracted"] is False
    assert made.verdict("no_show", 1)["is_retracted"] is True


def test_second_run_changes_nothing() -> None:
    made = quiet(week_hours=25)
    made.run(weeks=2)
    before = made.select("SELECT * FROM marts.guardrail_result")
    made.run(weeks=2)
    assert made.select("SELECT * FROM marts.guardrail_result") == before
    assert {row["version"] for row in before} == {1}


def test_late_data_makes_a_second_version_and_the_first_stays_on_record() -> None:
    made = quiet(week_hours=25)
    made.run(weeks=2)
    made.rows["session"][-1]["status"] = "voided"
    made.run(weeks=2, as_of=made.at(made.day(2, 1), "00:00"))
    found = made.select(
        "SELECT version, is_current, state, value, is_retracted FROM marts.guardrail_result"
        f" WHERE guardrail_id = 'direct_hours' AND period = '{made.day(1)}' ORDER BY version"
    )
    assert [tuple(row.values()) for row in found] == [(1, False, "warn", 25.0, False), (2, True, "pass", 0.0, False)]


def test_verdict_whose_subject_is_gone_is_retracted_and_comes_back_as_a_third_version() -> None:
    made = quiet()
    made.clinician("other")
    made.employ(EARLY, key="other")
    made.run(weeks=2)
    kept = {name: list(rows) for name, rows in made.rows.items()}
    made.rows["clinician"] = [row for row in kept["clinician"] if row["clinician_key"] != "other"]
    made.run(weeks=2)
    row = made.verdict("direct_hours", 1, key="other")
    assert (row["version"], row["is_retracted"], row["state"]) == (2, True, "pass")
    made.run(weeks=2)
    assert made.verdict("direct_hours", 1, key="other")["version"] == 2
    made.rows["clinician"] = kept["clinician"]
    made.run(weeks=2)
    row = made.verdict("direct_hours", 1, key="other")
    assert (row["version"], row["is_retracted"]) == (3, False)


def test_judging_by_an_earlier_moment_withdraws_nothing_later() -> None:
    made = quiet()
    made.run(weeks=2)
    before = made.select("SELECT * FROM marts.guardrail_result")
    made.run(weeks=1)
    assert made.select("SELECT * FROM marts.guardrail_result") == before
