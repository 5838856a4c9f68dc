"""`intake_funnel`: waits and slots that a reader can redo by hand. All times are local."""

from __future__ import annotations

from datetime import date
from typing import Any  # a canonical value

import pytest
from tests.marts import Row, World

RAILS = ("time_to_first_appointment", "referral_drought", "referral_out_response")
MARCH = date(2026, 3, 1)


def world(only: tuple[str, ...] = ("intake_funnel", *RAILS)) -> World:
    made = World(only=only, days=260)
    made.employ(date(2025, 1, 6))
    made.seat(made.day(0), "09:00", status="kept")
    return made


def ask(made: World, asked: date | None, **over: Any) -> None:
    number = len(made.rows["referral"])
    for event in ("attended", "offered", "responded", "closed", "screened"):
        on = over.pop(event, None)
        name = {"attended": "first_attended_at", "offered": "first_offered_at"}.get(event, f"{event}_at")
        over[name] = None if on is None else made.at(on, "15:00")
    values: Row = {"direction": "in", "channel": "phone", "outcome": "open", **over}
    at = None if asked is None else made.at(asked, "17:00")
    made.add("referral", referral_key=f"f{number}", inquiry_at=at, **values)


def funnel(made: World, channel: str = "all", service: str = "all") -> Row:
    rows = made.select(
        f"SELECT * FROM marts.intake_funnel WHERE month_id = DATE '{MARCH}'"
        f" AND channel = '{channel}' AND service_line = '{service}'"
    )
    assert len(rows) == 1
    return rows[0]


def says(made: World, guardrail: str) -> tuple[str, str | None]:
    rows = made.select(
        "SELECT state, reason FROM marts.guardrail_result WHERE is_current AND NOT is_retracted"
        f" AND guardrail_id = '{guardrail}' AND period = '{MARCH}'"
    )
    assert len(rows) == 1
    return rows[0]["state"], rows[0]["reason"]


@pytest.mark.formula(27)
@pytest.mark.rule("T12")
def test_days_to_first_leave_out_weekends_and_holidays_of_the_whole_practice() -> None:
    made = world(("intake_funnel",))
    # Friday the 6th to Thursday the 12th: 6 days, of which the 9th, 10th, 11th and 12th are business days.
    ask(made, date(2026, 3, 6), attended=date(2026, 3, 12))
    closures: list[Row] = [{"kind": "holiday"}, {"kind": "closure"}, {"kind": "holiday", "location_key": "elsewhere"}]
    for number, closure in enumerate(closures):
        day = date(2026, 3, 9 + number)
        made.add("practice_closure", closure_key=f"x{number}", from_date=day, to_date=day, **closure)
    made.run(weeks=13)
    row = funnel(made)
    assert (row["days_to_attend_p50"], row["business_days_to_attend_p50"]) == (6, 3)


@pytest.mark.formula(27)
@pytest.mark.rule("T12")
def test_who_still_waits_is_censored_and_no_short_wait() -> None:
    made = world(("intake_funnel",))
    # Seen after 1, 2 and 3 days; one left unseen after 1, one waits since the 2nd of March. At risk are 5, 3 and 2.
    for number in (1, 2, 3):
        ask(made, date(2026, 3, 2), attended=date(2026, 3, 2 + number))
    ask(made, date(2026, 3, 2), closed=date(2026, 3, 3), outcome="unreachable")
    ask(made, date(2026, 3, 2))
    made.run(weeks=13)
    row = funnel(made)
    # Still waiting after 1 day: 4/5, after 2: 4/5 x 2/3 = 8/15, after 3: 8/15 x 1/2 = 4/15.
    assert (row["days_to_attend_p50"], row["days_to_attend_p90"]) == (3, None)
    assert row["business_days_to_attend_p90_min"] == 25, "from Monday 2 March to Monday 6 April"
    assert (row["inquiries_n"], row["attended_n"], row["unreachable_n"], row["waiting_now"]) == (5, 3, 1, 1)


def test_a_request_without_a_day_of_asking_is_in_no_wait_and_one_in_error_nowhere() -> None:
    made = world(("intake_funnel",))
    ask(made, None, attended=date(2026, 3, 5))
    ask(made, date(2026, 3, 2), outcome="entered_in_error")
    made.run(weeks=13)
    row = funnel(made)
    assert (row["inquiries_n"], row["days_to_attend_p50"], row["waiting_now"]) == (0, None, 0)


@pytest.mark.rule("T12", "T13")
def test_the_first_session_of_the_client_tells_where_the_request_does_not() -> None:
    made = world(("intake_funnel",))
    made.session(date(2026, 2, 20), "09:00", 50, clients=("new",))
    made.session(date(2026, 3, 10), "09:00", 50, clients=("new",))
    ask(made, date(2026, 3, 2), client_key="new", screened=date(2026, 3, 3), screen_result="fit")
    ask(made, date(2026, 3, 2), attended=date(2026, 3, 4), channel="website", service_line="couples")
    made.run(weeks=13)
    assert funnel(made, "phone", "not_said")["days_to_attend_p50"] == 8
    assert funnel(made, "website", "couples")["days_to_attend_p50"] == 2
    assert (funnel(made)["attended_n"], funnel(made)["screened_ratio"]) == (2, 0.5)


@pytest.mark.rule("T11")
def test_inquiries_are_held_against_the_slots_that_stood_open() -> None:
    made = world(("intake_funnel", "referral_drought"))
    for week in range(8, 13):  # weeks that begin on 2 to 30 March
        made.open_week(week)  # 20 hours
        for weekday in range(4):  # 16 of them booked
            for hour in range(8, 12):
                start = made.at(made.day(week, weekday), f"{hour:02d}:00")
                made.seat(
                    made.day(week, weekday), f"{hour:02d}:00", end_at=start.replace(minute=59, second=59), status="kept"
                )
    for _ in range(3):
        ask(made, date(2026, 3, 2))
    made.run(weeks=13)
    row = funnel(made)
    assert row["open_slots_week"] == pytest.approx(4, abs=0.01)
    assert row["referral_per_slot"] == pytest.approx(0.75, abs=0.01)
    assert says(made, "referral_drought") == ("breach", "below_floor")
    for _ in range(2):
        ask(made, date(2026, 3, 2))
    made.run(weeks=13)
    assert says(made, "referral_drought") == ("pass", None)


@pytest.mark.rule("T11")
def test_without_offered_hours_nobody_knows_of_a_drought() -> None:
    made = world(("referral_drought",))
    ask(made, date(2026, 3, 2))
    made.completeness["ehr", "schedule_block"] = made.completeness["ehr", "availability_template"] = None
    made.run(weeks=13)
    assert says(made, "referral_drought") == ("unknown", "no_source")


@pytest.mark.rule("T12")
@pytest.mark.parametrize(
    ("last_seen", "expected"),
    [(date(2026, 3, 16), ("pass", None)), (date(2026, 3, 17), ("breach", "above_ceiling"))],
    ids=["ten business days", "eleven"],
)
def test_nine_of_ten_are_seen_within_ten_business_days(last_seen: date, expected: tuple[str, str | None]) -> None:
    made = world(("time_to_first_appointment",))
    for _ in range(8):
        ask(made, date(2026, 3, 2), attended=date(2026, 3, 4))
    ask(made, date(2026, 3, 2), attended=last_seen)
    ask(made, date(2026, 3, 2), attended=date(2026, 4, 3))
    made.run(weeks=13)
    assert says(made, "time_to_first_appointment") == expected


@pytest.mark.rule("T12")
def test_too_many_who_still_wait_are_unknown_until_they_have_waited_too_long() -> None:
    made = world(("time_to_first_appointment",))
    for number in range(10):
        ask(made, date(2026, 3, 30), attended=date(2026, 3, 31) if number < 8 else None)
    made.run(weeks=13)  # to Monday 6 April: five business days
    assert says(made, "time_to_first_appointment") == ("unknown", "partial")
    made.run(weeks=14)  # ten
    assert says(made, "time_to_first_appointment") == ("unknown", "partial")
    made.run(weeks=15)  # fifteen
    assert says(made, "time_to_first_appointment") == ("breach", "above_ceiling")


@pytest.mark.rule("T12")
def test_few_inquiries_or_none_that_were_read_are_unknown() -> None:
    made = world(("time_to_first_appointment",))
    ask(made, date(2026, 3, 2), attended=date(2026, 3, 4))
    made.run(weeks=13)
    assert says(made, "time_to_first_appointment") == ("unknown", "low_denominator")
    made.completeness["ehr", "referral"] = None
    made.run(weeks=13)
    assert says(made, "time_to_first_appointment") == ("unknown", "no_source")


@pytest.mark.rule("W22")
def test_a_request_sent_out_is_answered_within_a_business_day() -> None:
    made = world(("intake_funnel", "referral_out_response"))
    out = {"direction": "out", "outcome": "refer_out"}
    made.run(weeks=13)
    assert says(made, "referral_out_response") == ("unknown", "no_source"), "nobody has a row of referrals"
    ask(made, date(2026, 3, 6), responded=date(2026, 3, 9), **out)
    made.run(weeks=13)
    assert says(made, "referral_out_response") == ("pass", None)
    assert (funnel(made)["inquiries_n"], funnel(made)["referrals_out_n"]) == (0, 1)
    ask(made, date(2026, 3, 6), responded=date(2026, 3, 10), **out)
    made.run(weeks=13)
    assert says(made, "referral_out_response") == ("breach", "above_ceiling")
