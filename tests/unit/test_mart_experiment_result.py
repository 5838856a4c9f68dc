"""`experiment_result` and `routine_month`: effects and months that a reader can redo by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any  # a canonical value

import pytest
from tests.marts import Row, World

RAILS = ("own_data_report", "monthly_experiment")
LONG_AGO = date(2025, 1, 6)


def tried(made: World, *, before: int, after: int, mart_column: str | None, key: str = "x", **over: Any) -> None:
    """Weeks 0 to before - 1 against the `after` weeks that follow."""
    values: Row = {
        "metric": "pace",
        "mart_column": mart_column,
        "before_from": made.day(0),
        "before_to": made.day(before - 1, 6),
        "after_from": made.day(before),
        "after_to": made.day(before + after - 1, 6),
        "declared_on": made.day(before - 1),
        **over,
    }
    made.add("experiment", experiment_key=key, **values)


def worked(hours: Sequence[float], **experiment: Any) -> Row:
    made = World(only=("experiment_result",))
    made.employ(LONG_AGO)
    before = experiment.pop("before")
    for week, each in enumerate(hours):
        made.hold(week, each, clients=("k1", "k2") if week < before else ("k1",))
    tried(made, before=before, after=len(hours) - before, **experiment)
    made.run(weeks=len(hours))
    (row,) = made.select("SELECT * FROM marts.experiment_result")
    return row


@pytest.mark.rule("H17", "W16")
def test_an_effect_beyond_the_limits_of_twelve_weeks_before_is_a_signal() -> None:
    # Ten and twelve hours in turn: mean 11, moving ranges 2, limits 11 +- 5.32.
    row = worked([10, 12] * 6 + [16, 17, 17], before=12, mart_column="clinician_week.direct_h")
    assert (row["weeks_before_n"], row["mean_before"], row["weeks_after_n"]) == (12, 11, 3)
    assert row["effect"] == pytest.approx(50 / 3 - 11, abs=1e-6)
    assert (row["chart_signal"], row["chart_side"]) == ("beyond_limits", "above")
    assert (row["clients_seen_before"], row["clients_seen_after"]) == (2, 1), "paired: fewer clients were seen"


@pytest.mark.edge_case(26)
@pytest.mark.rule("H17")
def test_weeks_that_go_back_to_the_usual_after_high_ones_are_an_effect_and_no_signal() -> None:
    row = worked([10, 18] * 5 + [18, 18] + [11, 11, 11], before=12, mart_column="clinician_week.direct_h")
    assert row["effect"] == pytest.approx(11 - 176 / 12, abs=1e-6)
    assert (row["chart_signal"], row["chart_side"]) == (None, None)


@pytest.mark.rule("H17")
def test_fewer_than_twelve_weeks_before_tell_nothing_from_chance() -> None:
    row = worked([2, 1, 1, 2, 2, 4], before=3, mart_column="clinician_week.direct_h")
    assert (row["mean_before"], row["mean_after"]) == (pytest.approx(4 / 3), pytest.approx(8 / 3))
    assert row["effect_share"] == 1, "of the means as they are, not as they are rounded"
    assert row["chart_signal"] == "insufficient"


def test_a_ratio_is_sum_over_sum_of_the_clinicians() -> None:
    made = World(only=("experiment_result",))
    for key, open_h, hours in (("c1", 4, 10), ("c2", 2, 9)):  # 10 of 20 and 9 of 10 hours
        if key != "c1":
            made.clinician(key)
        made.employ(LONG_AGO, key=key)
        for week in range(2):
            made.open_week(week, open_h, key=key)
            for weekday in range(5):
                made.session(made.day(week, weekday), "08:00", hours * 12, key=key)
    tried(made, before=1, after=1, mart_column="clinician_week.utilization_ratio")
    tried(made, before=1, after=1, mart_column="attendance_week.combined_ratio", key="unsummed")
    tried(made, before=1, after=1, mart_column="nowhere.at_all", key="unnamed")
    tried(made, before=1, after=1, mart_column=None, key="outside", declared_on=made.day(1))
    made.run(weeks=2)
    rows = {row["experiment_key"]: row for row in made.select("SELECT * FROM marts.experiment_result")}
    assert rows["x"]["mean_before"] == pytest.approx(19 / 30), "not the mean of 0.5 and 0.9"
    assert rows["x"]["effect"] == 0
    reasons = {key: row["reason"] for key, row in rows.items()}
    assert reasons == {"x": None, "unsummed": "no_weeks", "unnamed": "not_by_week", "outside": "in_no_mart"}
    assert [rows[key]["is_declared_before"] for key in ("x", "outside")] == [True, False]


def says(made: World, guardrail: str, month: int) -> tuple[str, str | None]:
    rows = made.select(
        "SELECT state, reason FROM marts.guardrail_result WHERE is_current AND NOT is_retracted"
        f" AND guardrail_id = '{guardrail}' AND period = '2026-{month:02d}-01'"
    )
    assert len(rows) == 1
    return rows[0]["state"], rows[0]["reason"]


@pytest.fixture(scope="module")
def routine() -> World:
    made = World(only=("routine_month", *RAILS))
    made.clinician("c2")
    made.clinician("desk", is_client_facing=False)
    for key in ("c1", "c2", "desk"):
        made.employ(LONG_AGO, key=key)
        made.seat(made.day(0), "09:00", key=key)
    deliveries: list[tuple[str | None, date, str]] = [
        ("c1", date(2026, 1, 15), "own_data"),
        ("c1", date(2026, 1, 16), "own_data"),
        ("c2", date(2026, 1, 31), "own_data"),
        ("c1", date(2026, 2, 1), "own_data"),
        ("c2", date(2026, 2, 3), "outcomes"),
        (None, date(2026, 2, 4), "own_data"),
        (None, date(2026, 2, 4), "finance"),
        (None, date(2026, 2, 5), "finance"),
        (None, date(2026, 3, 31), "caseload"),
    ]
    for number, (reader, day, kind) in enumerate(deliveries):
        made.add(
            "report_delivery",
            delivery_key=f"d{number}",
            clinician_key=reader,
            kind=kind,
            period_month=day.replace(day=1),
            delivered_at=made.at(day, "20:00"),
        )
    for number, (of_month, kind, minutes, paid) in enumerate(
        [(5, "training", 60, True), (6, "ce", 30, True), (7, "training", 60, False), (8, "admin", 60, True)]
    ):
        made.add(
            "time_entry",
            entry_key=f"e{number}",
            clinician_key="c1",
            entry_date=date(2026, 2, of_month),
            minutes=float(minutes),
            kind=kind,
            is_paid=paid,
        )
    tried(made, before=3, after=2, mart_column=None)  # after: 26 January to 8 February
    made.run(weeks=13)
    return made


@pytest.mark.rule("U19")
def test_every_clinician_who_sees_clients_gets_own_numbers_every_month(routine: World) -> None:
    rows = routine.select("SELECT clinicians_n, own_reports_n FROM marts.routine_month ORDER BY month_id")
    assert [(row["clinicians_n"], row["own_reports_n"]) for row in rows] == [(2, 2), (2, 1), (2, 0)]
    said = [says(routine, "own_data_report", month) for month in (1, 2)]
    assert said == [("pass", None), ("breach", "below_floor")]


@pytest.mark.rule("O11")
def test_the_parts_of_the_quarterly_review_are_counted_since_the_quarter_began(routine: World) -> None:
    rows = routine.select("SELECT review_packs_n FROM marts.routine_month ORDER BY month_id")
    assert [row["review_packs_n"] for row in rows] == [0, 2, 3], "outcomes and finance, then caseload as well"


@pytest.mark.rule("H10")
def test_paid_training_is_counted_and_what_nobody_pays_is_not(routine: World) -> None:
    rows = routine.select("SELECT training_paid_h FROM marts.routine_month ORDER BY month_id")
    assert [row["training_paid_h"] for row in rows] == [0.0, 1.5, 0.0]


@pytest.mark.rule("H17")
def test_a_month_in_which_nothing_was_tried_is_a_breach(routine: World) -> None:
    rows = routine.select("SELECT experiments_n, undecided_n FROM marts.routine_month ORDER BY month_id")
    assert [(row["experiments_n"], row["undecided_n"]) for row in rows] == [(1, 0), (1, 0), (0, 1)]
    said = [says(routine, "monthly_experiment", month) for month in (1, 2, 3)]
    assert said == [("pass", None), ("pass", None), ("breach", "below_floor")]


@pytest.mark.rule("U19", "H17")
def test_without_a_file_of_reports_and_experiments_nothing_is_known() -> None:
    made = World(only=RAILS)
    made.employ(LONG_AGO)
    made.seat(made.day(0), "09:00")
    made.completeness["ehr", "report_delivery"] = made.completeness["ehr", "experiment"] = None
    made.run(weeks=5)
    assert {says(made, guardrail, 1) for guardrail in RAILS} == {("unknown", "no_source")}
