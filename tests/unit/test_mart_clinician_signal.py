"""`systemic_signal` and `clinician_signal`: whom to ask first, redone by hand."""

from __future__ import annotations

from datetime import date

import pytest
from tests.marts import MONDAY, Row, World

LONG_AGO = date(2025, 1, 6)
SIGNALS = ("systemic_signal", "clinician_signal")
WEEKS = 14


def practice(clinicians: int, *rails: str, since: date = LONG_AGO) -> World:
    made = World(only=(*SIGNALS, *rails))
    for number in range(1, clinicians + 1):
        if number > 1:
            made.clinician(f"c{number}")
        made.employ(since, key=f"c{number}")
    return made


def worked(made: World, week: int, hours: int, *, key: str, open_h: int = 0) -> None:
    made.open_week(week, open_h, key=key, days=5 if open_h else 0)
    for weekday in range(5):
        made.session(made.day(week, weekday), "08:00", hours * 12, key=key)


def of_practice(made: World, guardrail: str, week: int) -> Row:
    rows = made.select(
        f"SELECT * FROM marts.systemic_signal WHERE guardrail_id = '{guardrail}' AND week_id = DATE '{made.day(week)}'"
    )
    assert len(rows) == 1
    return rows[0]


def of_person(made: World, guardrail: str, week: int, key: str = "c1") -> Row:
    rows = made.select(
        f"SELECT * FROM marts.clinician_signal WHERE guardrail_id = '{guardrail}' AND clinician_key = '{key}'"
        f" AND week_id = DATE '{made.day(week)}'"
    )
    assert len(rows) == 1
    return rows[0]


@pytest.mark.rule("U23")
def test_two_of_five_and_three_people_out_of_band_are_practice_wide() -> None:
    made = practice(5, "direct_hours")
    for number in range(1, 6):
        worked(made, 0, 25 if number <= 3 else 20, key=f"c{number}")
        worked(made, 1, 25 if number <= 2 else 20, key=f"c{number}")
    made.run(weeks=2)
    first, second = (of_practice(made, "direct_hours", week) for week in (0, 1))
    assert [first[name] for name in ("evaluable_n", "out_of_band_n", "share")] == [5, 3, 0.6]
    assert first["classification"] == "systemic"
    assert of_person(made, "direct_hours", 0)["classification"] == "systemic", "the practice before the person"
    assert (second["share"], second["classification"]) == (0.4, "insufficient_data"), "two people, two weeks"


def _one_above(clinicians: int) -> World:
    """c1 has 31 hours from the twelfth week on, everybody else 20 in all weeks."""
    made = practice(clinicians, "direct_hours")
    for week in range(WEEKS):
        for number in range(1, clinicians + 1):
            worked(made, week, 31 if number == 1 and week >= 11 else 20, key=f"c{number}")
    made.run(weeks=WEEKS)
    return made


@pytest.mark.rule("U23")
def test_one_who_is_above_for_long_while_peers_are_not_is_an_individual_pattern() -> None:
    made = _one_above(5)
    once, lasting = of_person(made, "direct_hours", 12), of_person(made, "direct_hours", 13)
    assert (once["state"], once["classification"]) == ("warn", "common_cause")
    assert (lasting["state"], lasting["weeks_out_n"]) == ("breach", 3)
    assert (lasting["peers_n"], lasting["peers_meeting_ratio"]) == (4, 1.0)
    assert lasting["classification"] == "individual_pattern"
    row = of_practice(made, "direct_hours", 13)
    assert (row["individual_n"], row["classification"]) == (1, "individual_pattern")


@pytest.mark.edge_case(36)
def test_with_fewer_than_five_clinicians_nobody_is_compared_with_peers() -> None:
    made = _one_above(4)
    row = of_person(made, "direct_hours", 13)
    assert (row["peers_meeting_ratio"], row["classification"]) == (None, "insufficient_data")
    assert of_practice(made, "direct_hours", 13)["classification"] == "common_cause", "the practice is still reported"


def _inquiries(made: World, count: int) -> None:
    asked = made.at(date(2026, 3, 10), "09:00")
    for number in range(count):
        made.add(
            "referral", referral_key=f"f{number}", direction="in", channel="phone", outcome="open", inquiry_at=asked
        )


@pytest.mark.rule("T11", "T12")
@pytest.mark.parametrize(
    ("inquiries", "expected"),
    [(120, "individual_pattern"), (10, "systemic"), (None, "common_cause")],
    ids=["inquiries for every slot", "too few inquiries", "inquiries not known"],
)
def test_low_hours_are_nobodys_pattern_while_inquiries_do_not_meet_the_slots(
    inquiries: int | None, expected: str
) -> None:
    made = practice(5, "utilization", "referral_drought")
    for week in range(WEEKS):
        for number in range(1, 6):
            worked(made, week, 10 if number == 1 and week >= 11 else 15, key=f"c{number}", open_h=4)
    made.seat(made.day(0), "12:00")
    _inquiries(made, inquiries or 0)
    if inquiries is None:
        made.completeness["ehr", "referral"] = None
    made.run(weeks=WEEKS)
    row = of_person(made, "utilization", 13)
    assert (row["reason"], row["peers_meeting_ratio"], row["classification"]) == ("below_floor", 1.0, expected)
    fired = "referral_drought" if inquiries == 10 else None
    whole = of_practice(made, "utilization", 13)
    assert (whole["systemic_inputs"], whole["inputs_n"]) == (fired, 1 if fired else 0)


def test_one_week_under_a_floor_without_a_streak_is_nobodys_pattern() -> None:
    made = practice(5, "protected_admin", "referral_drought")
    for week in range(WEEKS):
        for number in range(1, 6):
            worked(made, week, 15, key=f"c{number}", open_h=4)
            for weekday in range(1 if (number, week) == (1, 13) else 5):
                made.block(made.day(week, weekday), "14:00", "16:00", kind="admin", key=f"c{number}", is_protected=True)
    made.seat(made.day(0), "12:00")
    _inquiries(made, 120)
    made.run(weeks=WEEKS)
    row = of_person(made, "protected_admin", 13)
    assert (row["state"], row["reason"], row["value"]) == ("breach", "below_floor", 2), "2 of the 8 hours, once"
    assert (row["weeks_out_n"], row["peers_meeting_ratio"], row["classification"]) == (1, 1.0, "common_cause")
    whole = of_practice(made, "protected_admin", 13)
    assert (whole["individual_n"], whole["classification"]) == (0, "common_cause")


def test_a_rate_far_outside_the_funnel_is_an_individual_pattern() -> None:
    made = practice(5, "no_show")
    for week in range(16):
        for number in range(1, 6):
            for _ in range(5):
                status = "no_show" if number == 1 and week >= 14 else "kept"
                made.seat(made.day(week), "09:00", key=f"c{number}", status=status)
    made.run(weeks=16)
    row = of_person(made, "no_show", 15)
    # 10 of 20 against 10 of 100 in the practice: the 99.8 % limits of 20 end at 7.
    assert (row["funnel_zone"], row["classification"]) == ("alarm_high", "individual_pattern")


@pytest.mark.edge_case(42)
def test_what_got_worse_stands_beside_what_got_better() -> None:
    made = practice(3, "utilization", "direct_hours")
    for week, hours in enumerate((15, 24)):
        for number in range(1, 4):
            worked(made, week, hours, key=f"c{number}", open_h=6)
    made.run(weeks=2)
    rows = [of_practice(made, "utilization", week) for week in (0, 1)]
    assert [row["out_of_band_n"] for row in rows] == [0, 0], "24 of 30 hours are in the band"
    assert [(row["others_out_n"], row["others_known_n"]) for row in rows] == [(0, 3), (3, 3)]
    assert of_person(made, "direct_hours", 1)["others_out_n"] == 0


def test_the_practices_chart_signals_when_the_share_stays_above_its_own_weeks() -> None:
    made = practice(10, "direct_hours", since=MONDAY)
    for week in range(14):
        out = 1 if week < 12 else 3
        for number in range(1, 11):
            worked(made, week, 24 if number <= out else 20, key=f"c{number}")
    made.run(weeks=14)
    # 10 % of ten people: sigma 9.5 %, so that 30 % is within three of them and beyond two.
    once, twice = (of_practice(made, "direct_hours", week) for week in (12, 13))
    assert (once["practice_chart_signal"], once["classification"]) == (None, "common_cause")
    assert (twice["practice_chart_signal"], twice["classification"]) == ("two_of_three", "systemic")
    assert of_practice(made, "direct_hours", 10)["practice_chart_signal"] == "insufficient"
