"""Turnover, leave and pay, redone by hand. Pay and leave of one person stand in schema `restricted`."""

from __future__ import annotations

from datetime import date, timedelta
from statistics import stdev

import pytest
from tests.marts import Row, World
from tests.marts.billing import remit

from pacekeeper.bi import bi_contract
from pacekeeper.policy import load_policy
from pacekeeper_assets import MARTS

ONLY = ("workforce_month", "pto_low", "no_leave_90d", "turnover", "top_tier_over_cap")
JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def staffed(*jobs: tuple[date, date | None]) -> World:
    """Person `p0`, `p1` ... with one employment each. The record of the practice begins in December 2025."""
    made = World(only=ONLY, days=300)
    made.seat(date(2025, 12, 1), "09:00")
    for number, (start, end) in enumerate(jobs):
        made.clinician(f"p{number}")
        made.employ(start, end, key=f"p{number}")
    return made


def month(made: World, of: date = JANUARY, team: str = "practice") -> Row:
    (row,) = made.select(f"SELECT * FROM marts.workforce_month WHERE month_id = DATE '{of}' AND team_key = '{team}'")
    return row


def said(made: World, guardrail: str, of: date, subject: str = "practice") -> tuple[str, str | None] | None:
    rows = made.select(
        "SELECT state, reason FROM marts.guardrail_result WHERE is_current"
        f" AND guardrail_id = '{guardrail}' AND subject_key = '{subject}' AND period = '{of}'"
    )
    return (rows[0]["state"], rows[0]["reason"]) if rows else None


EIGHT = [(date(2024, 1, 1), None)] * 6 + [(date(2024, 1, 1), date(2025, 7, 31)), (date(2025, 8, 1), None)]


@pytest.fixture(scope="module")
def eight() -> World:
    """Six who stay, one who left at the end of July, one who came on 1 August; an intern and a rehire do not count."""
    made = staffed(*EIGHT)
    made.clinician("intern", role="intern")
    made.employ(date(2025, 1, 1), date(2025, 12, 31), key="intern")
    made.employ(date(2025, 3, 1), date(2025, 9, 30), key="p0", employment_type="student")
    made.rows["employment"][1]["end_date"] = date(2025, 5, 31)
    made.employ(date(2025, 6, 1), key="p1", employment_type="1099")
    made.run(weeks=5)
    return made


@pytest.mark.formula(28)
@pytest.mark.rule("H02", "H03")
def test_turnover_is_who_left_by_the_mean_of_thirteen_months_and_retention_is_of_a_cohort(eight: World) -> None:
    row = month(eight)
    # 7 people in each of 6 month ends to June, 6 in July, and 7 in each of the 6 since: 90 in 13
    assert (row["headcount_n"], row["headcount_avg"]) == (7, pytest.approx(90 / 13))
    assert (row["separations"], row["separations_12m"]) == (0, 1)
    assert row["turnover_12m"] == pytest.approx(13 / 90)
    assert (row["cohort_n"], row["retention_12m"]) == (7, pytest.approx(6 / 7))


@pytest.mark.rule("H03")
def test_tenure_counts_from_the_continuous_employment(eight: World) -> None:
    # six since January 2024, one since August 2025
    assert month(eight)["tenure_median"] == 25


@pytest.mark.rule("H02")
def test_turnover_between_goal_and_benchmark_warns(eight: World) -> None:
    assert said(eight, "turnover", JANUARY) == ("warn", "above_warning")


@pytest.mark.rule("H02")
@pytest.mark.parametrize(
    ("left", "stay", "expected"),
    [(0, 7, ("pass", None)), (4, 5, ("breach", "above_ceiling")), (1, 3, ("unknown", "low_denominator"))],
    ids=["nobody left", "four left", "four people"],
)
def test_turnover(left: int, stay: int, expected: tuple[str, str | None]) -> None:
    made = staffed(*[(date(2024, 1, 1), None)] * stay, *[(date(2024, 1, 1), date(2025, 10, 15))] * left)
    made.run(weeks=5)
    assert said(made, "turnover", JANUARY) == expected


@pytest.mark.rule("H02")
def test_turnover_of_a_young_practice_is_unknown() -> None:
    made = staffed(*[(date(2025, 6, 1), None)] * 9)
    made.run(weeks=5)
    assert month(made)["turnover_12m"] is None
    assert said(made, "turnover", JANUARY) == ("unknown", "no_source")


@pytest.mark.edge_case(36)
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((7, 6), ["practice", "t0", "t1"]), ((7, 7, 6, 3), ["practice", "t0", "t1"]), ((7, 6, 3), ["practice"])],
    ids=["large enough", "small one and its shield", "one team alone"],
)
def test_teams_under_five_and_those_that_give_them_away_are_not_shown(
    sizes: tuple[int, ...], expected: list[str]
) -> None:
    teams = [f"t{team}" for team, size in enumerate(sizes) for _ in range(size)]
    made = staffed(*[(date(2024, 1, 1), None)] * len(teams))
    for number, team in enumerate(teams):
        made.add(
            "supervision_link", clinician_key=f"p{number}", supervisor_key="c1", kind="clinical",
            valid_from=date(2024, 1, 1), team_key=team,
        )  # fmt: skip
    made.run(weeks=5)
    shown = made.select(f"SELECT team_key FROM marts.workforce_month WHERE month_id = DATE '{JANUARY}' ORDER BY 1")
    assert [row["team_key"] for row in shown] == expected


def resting(*taken: date, kind: str = "take") -> World:
    made = staffed((date(2024, 1, 1), None))
    made.leave(date(2026, 1, 1), 120.0, kind="grant", key="p0")
    for day in taken:
        made.leave(day, 8.0, key="p0", kind=kind)
    return made


def leave(made: World, of: date) -> Row:
    (row,) = made.select(f"SELECT * FROM restricted.leave_month WHERE clinician_key = 'p0' AND month_id = DATE '{of}'")
    return row


JUNE = date(2026, 6, 1)


@pytest.mark.formula(28)
@pytest.mark.rule("H01", "H12")
def test_leave_is_held_against_what_was_due_so_far() -> None:
    made = resting(date(2026, 2, 2), date(2026, 3, 2), date(2026, 4, 6))
    made.leave(date(2026, 4, 7), 8.0, key="p0", is_approved=False)
    made.leave(date(2026, 5, 7), 8.0, key="p0", kind="sick")
    made.run(weeks=26)
    row = leave(made, JUNE)
    # half of 120 h is due at the end of June; 24 h were taken
    assert (row["pto_due_h"], row["pto_taken_h"], row["pto_used_ratio"]) == (60.0, 24.0, 0.4)
    assert said(made, "pto_low", JUNE, "p0") == ("breach", "below_floor")
    assert said(made, "pto_low", date(2026, 5, 1), "p0") is None, "only from the middle of the year on"
    assert month(made, JUNE)["pto_used_ratio"] == 0.4
    assert (leave(made, date(2026, 5, 1))["sick_days"], row["sick_days_12m"]) == (1, 1)
    assert month(made, date(2026, 5, 1))["sick_days"] == 1
    assert month(made, JUNE)["sick_days_usual"] == pytest.approx(1 / 12)


@pytest.mark.rule("H01")
def test_half_of_what_was_due_is_enough_and_an_accrual_goes_before_a_grant() -> None:
    made = resting(date(2026, 2, 2), date(2026, 3, 2), date(2026, 4, 6))
    for number in range(1, 7):
        made.leave(date(2026, number, 28), 8.0, key="p0", kind="accrue")
    made.run(weeks=26)
    assert leave(made, JUNE)["pto_used_ratio"] == 0.5
    assert said(made, "pto_low", JUNE, "p0") == ("pass", None)


@pytest.mark.rule("H01")
def test_leave_of_a_person_whom_no_ledger_knows_is_unknown() -> None:
    made = staffed((date(2024, 1, 1), None))
    made.completeness[("hr", "pto_ledger")] = None
    made.run(weeks=26)
    assert said(made, "pto_low", JUNE, "p0") == ("unknown", "no_source")


@pytest.mark.rule("H01")
def test_ninety_one_days_without_leave_are_a_breach() -> None:
    last_day = date(2026, 6, 30)
    made = resting(last_day - timedelta(days=90))
    made.run(weeks=26)
    assert (leave(made, JUNE)["days_without_leave"], said(made, "no_leave_90d", JUNE, "p0")) == (90, ("pass", None))
    made = resting(last_day - timedelta(days=91))
    made.run(weeks=26)
    assert said(made, "no_leave_90d", JUNE, "p0") == ("breach", "above_ceiling")
    assert month(made, JUNE)["no_leave_90d_n"] == 1


@pytest.mark.rule("H01")
def test_who_was_there_long_before_the_ledger_is_judged_after_ninety_recorded_days() -> None:
    made = staffed((date(2015, 1, 1), None), (date(2015, 1, 1), None))
    made.leave(date(2015, 1, 1), 120.0, kind="grant", key="p0")
    made.leave(date(2026, 1, 30), 8.0, key="p1")  # the record begins, 90 days before the end of 29 April
    made.run(weeks=26)
    found = [(leave(made, date(2026, m, 1))["days_without_leave"], said(made, "no_leave_90d", date(2026, m, 1), "p0"))
             for m in (1, 3, 4)]  # fmt: skip
    nobody_knows = (None, ("unknown", "low_denominator"))
    assert found == [nobody_knows, nobody_knows, (91, ("breach", "above_ceiling"))]


@pytest.mark.rule("H01")
def test_leave_of_the_calendar_ends_with_its_last_local_day() -> None:
    made = resting()
    # one block for two weeks, to the end of 15 June in New York
    made.block(date(2026, 6, 2), "00:00", "24:00", kind="pto", key="p0", end_at=made.at(date(2026, 6, 16), "00:00"))
    made.run(weeks=26)
    assert leave(made, JUNE)["days_without_leave"] == 15


@pytest.mark.edge_case(8)
@pytest.mark.rule("H01")
def test_who_is_on_parental_leave_is_not_told_to_take_leave() -> None:
    made = resting(date(2026, 6, 15), kind="parental")
    made.run(weeks=26)
    assert said(made, "pto_low", JUNE, "p0") is None
    assert said(made, "no_leave_90d", JUNE, "p0") == ("pass", None)


@pytest.mark.rule("H01")
def test_days_without_leave_are_unknown_once_the_ledger_is_stale() -> None:
    made = resting(date(2026, 6, 1))
    made.completeness[("hr", "pto_ledger")] = made.at(date(2026, 6, 5), "00:00")
    made.run(weeks=26)
    assert said(made, "no_leave_90d", JUNE, "p0") == ("unknown", "stale")


def paid(*cents: int, basis: str = "sessions", share: float | None = 0.6, kind: str = "commission") -> World:
    """Pay of `p0` for two weeks each, from 5 January on."""
    made = staffed((date(2024, 1, 1), None))
    made.add("comp_plan", comp_plan_key="plan", kind=kind, basis=basis, share=share)
    for number, amount in enumerate(cents):
        made.add(
            "pay_period", pay_key=f"w{number}", clinician_key="p0", period_start=made.day(2 * number),
            period_end=made.day(2 * number, 13), pay_cents=amount, currency="USD", comp_plan_key="plan",
        )  # fmt: skip
    return made


def pay(made: World) -> list[Row]:
    return made.select("SELECT * FROM restricted.pay_stability ORDER BY period_start")


@pytest.mark.formula(30)
@pytest.mark.rule("F06")
def test_pay_swings_by_the_standard_deviation_of_six_periods() -> None:
    made = paid(100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 600_000)
    made.run(weeks=15)
    rows = pay(made)
    assert [row["cv_6p"] for row in rows[:5]] == [None] * 5
    # mean 3 500; squared distances 2500^2 + 1500^2 + 500^2, twice, by 5
    assert rows[5]["cv_6p"] == pytest.approx((17.5e6 / 5) ** 0.5 / 3_500)
    # the seventh leaves the first out: mean 26 / 6
    assert rows[6]["cv_6p"] == pytest.approx(stdev([2, 3, 4, 5, 6, 6]) / (26 / 6))


@pytest.mark.rule("F06")
@pytest.mark.parametrize(
    ("basis", "by_no_show", "by_denial"),
    [("sessions", 4_000, 0), ("collections", 4_000, 6_000), ("fixed", 0, 0), ("other", None, 6_000)],
    ids=str,
)
def test_what_missed_appointments_and_denials_took(basis: str, by_no_show: int | None, by_denial: int) -> None:
    made = paid(16_000, basis=basis)
    for number in range(4):
        made.seat(made.day(0, number), "09:00", key="p0")
    made.seat(made.day(1), "09:00", key="p0", status="no_show")
    made.seat(made.day(1), "11:00", key="p0", status="no_show", is_billable_cancel=True)
    remit(made, made.day(1), "A", 0, ("contractual", "197", 10_000, "authorisation"), clinician_key="p0")
    made.run(weeks=3)
    (row,) = pay(made)
    # 160 dollars for four kept seats are 40 each; 60 % of 100 dollars were denied
    assert (row["lost_to_no_show_cents"], row["lost_to_denial_cents"]) == (by_no_show, by_denial)


def tiered(sessions: int, minutes: int) -> World:
    made = paid(100_000, kind="tiered", basis="collections", share=None)
    for first, share in ((1, 0.55), (21, 0.60), (26, 0.65)):
        made.add("comp_plan_tier", comp_plan_key="plan", from_sessions=first, share=share)
    for number in range(sessions):
        made.session(made.day(0, number % 5), f"{8 + number // 5:02d}:00", minutes, key="p0")
    made.run(weeks=5)
    return made


@pytest.mark.rule("F08")
@pytest.mark.parametrize(
    ("sessions", "minutes", "tier", "expected"),
    [
        (26, 55, 26, ("breach", "above_ceiling")),
        (26, 45, 26, ("pass", None)),
        (25, 55, 21, ("pass", None)),
    ],
    ids=["top tier over 22 h", "top tier under 22 h", "second tier"],
)
def test_the_top_tier_above_the_ceiling_is_a_conflict(
    sessions: int, minutes: int, tier: int, expected: tuple[str, str | None]
) -> None:
    made = tiered(sessions, minutes)
    assert pay(made)[0]["tier"] == tier
    assert said(made, "top_tier_over_cap", JANUARY) == expected


@pytest.mark.rule("F08")
def test_where_tiers_are_known_and_nobody_is_paid_by_one_there_is_no_conflict() -> None:
    made = paid(100_000, basis="fixed", kind="salary")
    made.add("comp_plan_tier", comp_plan_key="plan of nobody", from_sessions=1, share=0.5)
    made.session(made.day(0), "09:00", 50, key="p0")
    made.run(weeks=5)
    assert pay(made)[0]["over_cap_in_top_tier"] is None
    assert month(made, JANUARY)["top_tier_over_cap_n"] == 0
    assert said(made, "top_tier_over_cap", JANUARY) == ("pass", None)


@pytest.mark.rule("F08")
def test_without_pay_periods_the_conflict_is_unknown() -> None:
    made = staffed((date(2024, 1, 1), None))
    made.completeness[("ehr", "pay_period")] = None
    made.run(weeks=5)
    assert said(made, "top_tier_over_cap", JANUARY) == ("unknown", "no_source")


@pytest.mark.rule("F06")
def test_pay_and_leave_of_a_person_are_in_no_copy_for_bi() -> None:
    assert {MARTS[name].schema for name in ("pay_stability", "leave_month")} == {"restricted"}
    shown = {view.name for view in bi_contract(MARTS.values()).views}
    assert {"pay_stability", "leave_month"}.isdisjoint(shown)
    assert "workforce_month" in shown


@pytest.mark.rule("F12")
def test_no_mart_has_a_column_that_sets_or_cuts_pay() -> None:
    names = {column.name for mart in MARTS.values() for column in mart.columns if "pay_" in column.name}
    assert {name for name in names if "cut" in name or "reduc" in name or "deduct" in name} == set()
    assert "cut" not in " ".join(load_policy().guardrail_ids)
