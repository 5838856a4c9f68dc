"""`mbc_completeness`: which sessions have a questionnaire beside them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.marts import Row, World

ONLY = ("mbc_completeness", "measurement_completeness")
JANUARY = date(2026, 1, 1)


def practice(*, answered: int, held: int, key: str = "c1", made: World | None = None) -> World:
    """Sessions of different clients on the first Monday at nine, each of 50 minutes; some filled in the PHQ-9."""
    made = made or World(only=ONLY)
    made.employ(date(2025, 1, 6), key=key)
    for number in range(held):
        client = f"{key}-{number}"
        made.session(made.day(0), "09:00", 50, key=key, clients=(client,))
        if number < answered:
            made.answer(made.day(0), 10, client=client)
    return made


@pytest.fixture(scope="module")
def world() -> World:
    made = practice(answered=8, held=10)
    made.clinician("c2")
    practice(answered=7, held=10, key="c2", made=made)
    made.clinician("c3")
    practice(answered=0, held=9, key="c3", made=made)
    made.clinician("c4")
    made.employ(date(2025, 1, 6), key="c4")
    start, end = made.at(made.day(0), "09:00"), made.at(made.day(0), "09:50")
    for number, (at, over) in enumerate(
        [
            (start - timedelta(hours=72), {}),
            (start - timedelta(hours=72, minutes=1), {}),
            (end + timedelta(hours=24), {}),
            (end + timedelta(hours=24, minutes=1), {}),
            (start, {"status": "invalid", "missing_reason": "refused", "total": None}),
        ]
    ):
        client = f"edge{number}"
        made.session(made.day(0), "09:00", 50, key="c4", clients=(client,))
        values = {"total": 10, "status": "complete", "completion_sec": 40.0 + 20 * number, **over}
        made.add(
            "measure_response",
            response_key=f"edge{number}",
            client_key=client,
            instrument="phq9",
            respondent="self",
            scoring_version="phq9-1",
            administered_at=at,
            **values,
        )
    made.session(made.day(0), "11:00", 50, key="c4", clients=("g1", "g2"), session_type="group")
    made.session(made.day(0), "12:00", 50, key="c4", clients=("h",), session_type="crisis")
    made.session(made.day(0), "13:00", 50, key="c4", clients=("new",), session_type="intake", is_intake=True)
    made.answer(made.day(3), 390, client="elsewhere", instrument="srs")
    made.run(weeks=5)
    return made


def month(world: World, key: str, instrument: str) -> Row:
    (found,) = world.select(
        f"SELECT * FROM marts.mbc_completeness WHERE clinician_key = '{key}' AND instrument = '{instrument}'"
        f" AND month_id = DATE '{JANUARY}'"
    )
    return found


def says(world: World, key: str = "c1") -> tuple[str, str | None]:
    (found,) = world.select(
        f"SELECT state, reason FROM marts.guardrail_result WHERE subject_key = '{key}' AND period = '{JANUARY}'"
    )
    return found["state"], found["reason"]


@pytest.mark.formula(21)
@pytest.mark.rule("O01")
def test_a_response_counts_from_72_hours_before_to_24_after(world: World) -> None:
    found = month(world, "c4", "phq9")
    # Five of their own and the first assessment; neither the group nor the crisis.
    assert (found["eligible_sessions"], found["completed"], found["refused_n"], found["unexplained_n"]) == (6, 2, 1, 3)
    assert found["ratio"] == pytest.approx(2 / 6)
    # Of the two valid ones: 40 and 80 seconds.
    assert found["median_sec"] == 60.0


@pytest.mark.formula(21)
def test_a_first_assessment_is_not_rated_by_the_srs(world: World) -> None:
    assert (month(world, "c4", "srs")["eligible_sessions"], month(world, "c4", "any")["eligible_sessions"]) == (5, 6)


@pytest.mark.rule("O01")
def test_eight_of_ten_pass_seven_are_a_warning_and_nine_sessions_are_too_few(world: World) -> None:
    assert [says(world, key) for key in ("c1", "c2", "c3")] == [
        ("pass", None),
        ("warn", "below_warning"),
        ("unknown", "low_denominator"),
    ]


def test_a_survey_that_knows_clients_only_counts_for_everybody() -> None:
    made = practice(answered=10, held=10)
    made.completeness[("ehr", "measure_response")] = None
    made.completeness[("survey", "measure_response")] = made.at(made.day(5), "00:00")
    made.run(weeks=5)
    assert says(made) == ("pass", None)


@pytest.mark.parametrize(
    ("until", "reason"), [(None, "no_source"), (date(2026, 1, 20), "stale")], ids=["none", "stale"]
)
def test_without_responses_of_the_whole_month_completeness_is_unknown(until: date | None, reason: str) -> None:
    made = practice(answered=10, held=10)
    made.completeness[("ehr", "measure_response")] = None if until is None else made.at(until, "00:00")
    made.run(weeks=5)
    assert says(made) == ("unknown", reason)
