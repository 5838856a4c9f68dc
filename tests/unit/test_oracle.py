"""The oracle on practices small enough to judge by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.oracle import (
    Caseload,
    ClinicianWeek,
    Verdict,
    attendance_weeks,
    caseloads,
    clinician_weeks,
    full_policy,
    judge,
    read_practice,
)
from tests.oracle.intervals import common, union, without
from tests.oracle.people import People
from tests.oracle.source_values import UnreadableError, on_wall_clock

from pacekeeper.testing.practice import build_practice

EAST = "America/New_York"
WEST = "America/Denver"
MONDAY = date(2026, 1, 5)
HEADER = "employee_id,npi,email,start_date,end_date,fte,weekly_hours,employment_type,role,license\n"


class Corpus:
    """Builds a practice of one clinician, NPI 1, account p1, employee e1; times are local to the zone."""

    def __init__(self, *, zone: str = EAST, fte: str = "1.0", started: str = "2025-06-01", ended: str = "") -> None:
        self.zone = zone
        self.resources: dict[str, list[dict[str, Any]]] = {
            "Practitioner": [self.practitioner("p1", "1")],
            "PractitionerRole": [self.role("r1", "p1")],
            "Location": [
                {
                    "id": "place",
                    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": zone}],
                }
            ],
            "Schedule": [{"id": "s1", "actor": [{"reference": "Practitioner/p1"}]}],
        }
        self.employees = [f"e1,1,,{started},{ended},{fte},40,w2,therapist,licensed"]
        self.pto: list[str] = []
        self.blocks: list[str] = []

    def practitioner(self, key: str, npi: str) -> dict[str, Any]:
        return {"id": key, "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}]}

    def role(self, key: str, practitioner: str, **more: object) -> dict[str, Any]:
        who = {"reference": f"Practitioner/{practitioner}"}
        return {"id": key, "practitioner": who, "location": [{"reference": "Location/place"}], **more}

    def at(self, week: int, weekday: int, hour: float) -> str:
        day = datetime.combine(MONDAY + timedelta(weeks=week, days=weekday), datetime.min.time())
        return (day + timedelta(hours=hour)).replace(tzinfo=ZoneInfo(self.zone)).isoformat()

    def add(self, kind: str, **resource: object) -> dict[str, Any]:
        rows = self.resources.setdefault(kind, [])
        rows.append({"id": f"{kind}-{len(rows)}", **resource})
        return rows[-1]

    def offer(self, week: int, hours: float, *, day: int = 0, start: float = 0, status: str = "free") -> None:
        """Available hours, all in one long slot from the first midnight of the day on."""
        self.add(
            "Slot",
            schedule={"reference": "Schedule/s1"},
            status=status,
            start=self.at(week, day, start),
            end=self.at(week, day, start + hours),
        )

    def meet(
        self,
        week: int,
        minutes: float,
        *,
        day: int = 0,
        hour: float = 0,
        client: str | None = None,
        status: str = "finished",
        session_type: str = "individual",
        who: tuple[str, ...] = ("p1",),
    ) -> dict[str, Any]:
        roles = [{"coding": [{"code": code}]} for code in ("PPRF", "SPRF")]
        subject = {"subject": {"reference": f"Patient/{client}"}} if client else {}
        return self.add(
            "Encounter",
            status=status,
            type=[{"coding": [{"code": session_type}]}],
            participant=[
                {"type": [role], "individual": {"reference": f"Practitioner/{practitioner}"}}
                for role, practitioner in zip(roles, who, strict=False)
            ],
            period={"start": self.at(week, day, hour), "end": self.at(week, day, hour + minutes / 60)},
            **subject,
        )

    def open_data(self) -> None:
        """An appointment that counts for nothing, in week 0: judged weeks begin where the data begins."""
        self.seat(0, "cancelled", client="of the first day")

    def work(self, week: int, hours: float) -> None:
        """Direct hours in a row from the first midnight of the week on, in sessions of at most 8 hours."""
        hour = 0.0
        while hours > 0:
            self.meet(week, min(hours, 8) * 60, hour=hour)
            hour, hours = hour + 8, hours - 8

    def seat(
        self,
        week: int,
        status: str,
        *,
        client: str = "c",
        created: str | None = None,
        group: bool = False,
        **more: object,
    ) -> dict[str, Any]:
        return self.add(
            "Appointment",
            status=status,
            start=self.at(week, 0, 9),
            end=self.at(week, 0, 10),
            created=created,
            serviceType=[{"coding": [{"code": "group" if group else "individual"}]}],
            participant=[
                {"actor": {"reference": f"Patient/{client}"}},
                {"actor": {"reference": "Practitioner/p1"}},
            ],
            **more,
        )

    def entrust(self, client: str, start: str = "2025-06-01", end: str | None = None) -> None:
        self.add(
            "EpisodeOfCare",
            status="active",
            patient={"reference": f"Patient/{client}"},
            careManager={"reference": "Practitioner/p1"},
            period={"start": start, "end": end},
        )

    @property
    def files(self) -> dict[str, str]:
        pto = "entry_id,employee_id,date,type,hours,approved\n"
        blocks = "block_id,employee_id,start,end,tz,type,protected\n"
        return {
            "employees.csv": HEADER + "\n".join(self.employees),
            "pto.csv": pto + "\n".join(self.pto),
            "schedule_blocks.csv": blocks + "\n".join(self.blocks),
        }

    def as_of(self, weeks: int) -> datetime:
        return datetime.fromisoformat(self.at(weeks, 0, 0)).astimezone(UTC)

    def verdicts(self, guardrail: str, weeks: int) -> list[Verdict]:
        """Those of the weeks from 5 January 2026 on."""
        found = judge(self.resources, self.files, as_of=self.as_of(weeks), home_tz=EAST)
        return [v for v in found if v.guardrail_id == guardrail and v.npi == "1" and v.week_id >= MONDAY]

    def states(self, guardrail: str, weeks: int) -> list[str]:
        return [v.state + (f" {v.reason}" if v.reason else "") for v in self.verdicts(guardrail, weeks)]

    def weeks(self, weeks: int) -> list[ClinicianWeek]:
        practice = read_practice(self.resources, self.files, home_tz=EAST)
        rows = clinician_weeks(practice, self.as_of(weeks), full_policy())
        return [row for row in rows if row.npi == "1" and row.week_id >= MONDAY]

    def caseload(self) -> Caseload:
        """At the end of the week of 5 January."""
        practice = read_practice(self.resources, self.files, home_tz=EAST)
        return next(c for c in caseloads(practice, self.as_of(1), full_policy()) if c.week_id == MONDAY)


def test_stretches_join_cut_and_meet() -> None:
    assert union([(5, 7), (0, 3), (2, 4), (4, 5), (9, 9)]) == [(0, 7)]
    assert without([(0, 10)], [(2, 3), (5, 20)]) == [(0, 2), (3, 5)]
    assert common([(0, 4), (6, 9)], [(3, 7)]) == [(3, 4), (6, 7)]


def test_overlapping_and_double_documented_sessions_count_once() -> None:
    corpus = Corpus()
    corpus.meet(0, 60, hour=9)
    corpus.meet(0, 60, hour=9)
    corpus.meet(0, 60, hour=9.5)
    (week,) = corpus.weeks(1)
    assert [week.direct_h, week.sessions_n] == [1.5, 3]


def test_group_counts_once_for_each_clinician_and_once_per_client() -> None:
    corpus = Corpus()
    corpus.open_data()
    corpus.resources["Practitioner"].append(corpus.practitioner("p2", "2"))
    parent = corpus.meet(0, 90, hour=9, session_type="group", who=("p1", "p2"))
    for client in ("a", "b", "c"):
        child = corpus.meet(0, 90, hour=9, client=client, who=())
        child["partOf"] = {"reference": f"Encounter/{parent['id']}"}
        corpus.entrust(client)
    (week,) = corpus.weeks(1)
    assert [week.direct_h, week.sessions_n] == [1.5, 1]
    assert corpus.caseload() == Caseload("1", MONDAY, active_clients=0, group_only_clients=3)
    corpus.seat(1, "booked", client="b")
    assert corpus.caseload() == Caseload("1", MONDAY, active_clients=1, group_only_clients=2)


def test_session_over_the_spring_clock_change_has_its_true_length() -> None:
    corpus = Corpus()
    encounter = corpus.meet(8, 60, day=6)
    encounter["period"] = {"start": "2026-03-08T01:30:00-05:00", "end": "2026-03-08T03:30:00-04:00"}
    assert [w.direct_h for w in corpus.weeks(10)][8:] == [1, 0]


def test_session_belongs_to_the_local_week_in_which_it_starts() -> None:
    corpus = Corpus(zone=WEST)
    encounter = corpus.meet(0, 60)
    encounter["period"] = {"start": "2026-01-12T06:30:00Z", "end": "2026-01-12T07:30:00Z"}
    assert [w.direct_h for w in corpus.weeks(2)] == [1, 0]


@pytest.mark.parametrize("minutes", [0, -10, 481], ids=["empty", "backwards", "over eight hours"])
def test_session_of_impossible_length_counts_for_nothing(minutes: int) -> None:
    corpus = Corpus()
    corpus.meet(0, minutes, hour=9)
    (week,) = corpus.weeks(1)
    assert [week.direct_h, week.sessions_n] == [0, 0]


def test_one_resource_sent_on_two_pages_is_one() -> None:
    corpus = Corpus()
    first = corpus.seat(0, "fulfilled", meta={"lastUpdated": "2026-01-05T20:00:00Z"})
    older = {**first, "status": "booked", "meta": {"lastUpdated": "2026-01-01T20:00:00Z"}}
    corpus.resources["Appointment"] += [dict(first), older]
    practice = read_practice(corpus.resources, corpus.files, home_tz=EAST)
    (week,) = [w for w in attendance_weeks(practice, corpus.as_of(1), full_policy()) if w.week_id == MONDAY]
    assert (week.kept_n, week.no_show_n, week.other_n) == (1, 0, 0)


def test_broken_dates_reject_the_row_and_only_it() -> None:
    corpus = Corpus()
    corpus.meet(0, 60)["period"]["start"] = "2026-02-30T09:00:00Z"
    corpus.meet(0, 60, hour=9)
    practice = read_practice(corpus.resources, corpus.files, home_tz=EAST)
    assert practice.rejected == {("Encounter", "bad_instant"): 1}
    assert len(practice.sessions) == 1


def test_three_of_the_last_four_weeks_above_30_hours_is_a_breach() -> None:
    corpus = Corpus()
    for week, hours in enumerate((31, 31, 22, 31, 23, 31)):
        corpus.work(week, hours)
    # Week 5: of weeks 2 to 5 only two are above 30.
    assert corpus.states("direct_hours", 6) == ["warn", "warn", "pass", "breach", "warn", "warn"]


def test_an_easy_week_after_three_long_ones_is_no_breach() -> None:
    corpus = Corpus()
    for week, hours in enumerate((31, 31, 31, 22)):
        corpus.work(week, hours)
    assert corpus.states("direct_hours", 4) == ["warn", "warn", "breach", "pass"]


def test_a_week_of_unknown_sessions_is_no_part_of_the_four() -> None:
    corpus = Corpus()
    for week in (0, 1, 4):
        corpus.work(week, 31)
    corpus.meet(2, 50, status="mystery")
    expected = ["warn", "warn", "unknown partial", "pass", "breach"]
    assert corpus.states("direct_hours", 5) == expected


def test_a_single_week_breaches_above_35_hours_not_at_35() -> None:
    corpus = Corpus()
    corpus.work(0, 35)
    corpus.work(1, 35.5)
    assert corpus.states("direct_hours", 2) == ["warn", "breach"]


@pytest.mark.parametrize(
    ("fte", "state"), [("0.5", "warn"), ("1.2", "pass"), ("", "pass")], ids=["half", "more", "null"]
)
def test_hour_limits_shrink_with_fte_and_never_grow(fte: str, state: str) -> None:
    corpus = Corpus(fte=fte)
    corpus.work(0, 12)
    corpus.work(1, 22.5)
    assert corpus.states("direct_hours", 2) == [state, "breach" if fte == "0.5" else "warn"]


def test_fte_changed_on_thursday_is_weighted_by_days() -> None:
    corpus = Corpus(fte="1.0", ended="2026-01-07")
    corpus.employees.append("e1b,1,,2026-01-08,,0.3,12,w2,therapist,licensed")
    (week,) = corpus.weeks(1)
    assert week.fte == Fraction(3 * 10 + 4 * 3, 70)


def test_third_low_week_in_a_row_is_a_breach_and_leave_does_not_end_the_run() -> None:
    corpus = Corpus()
    for week, hours in enumerate((15, 15, 0, 15, 15, 21, 15)):
        corpus.offer(week, 30)
        if hours:
            corpus.work(week, hours)
    # Week 2: leave over all thirty hours (Monday 00:00 to Tuesday 06:00).
    corpus.blocks.append(f"b,e1,2026-01-19 00:00,2026-01-20 06:00,{EAST},pto,false")
    expected = ["pass", "pass", "exempt leave", "breach", "breach", "pass", "pass"]
    assert corpus.states("utilization", 7) == expected


def test_exactly_70_percent_is_not_low_and_exactly_85_and_90_are_not_high() -> None:
    corpus = Corpus()
    for week, hours in enumerate((22.4, 27.2, 28.8)):
        corpus.offer(week, 32)
        corpus.work(week, hours)
    verdicts = corpus.verdicts("utilization", 3)
    assert [(v.state, v.value) for v in verdicts] == [("pass", 0.7), ("pass", 0.85), ("warn", 0.9)]


def test_first_month_has_no_floor_but_a_ceiling() -> None:
    corpus = Corpus(started="2026-01-07")
    for week, hours in enumerate((10, 29, 10, 10, 10, 10, 10)):
        corpus.offer(week, 30)
        corpus.work(week, hours)
    # Month 2 begins on 7 February: first judged in the week of Monday the 9th, week 5.
    expected = ["exempt ramp", "breach", "exempt ramp", "exempt ramp", "exempt ramp", "pass", "pass"]
    assert corpus.states("utilization", 7) == expected


def test_low_week_with_some_leave_is_exempt_and_a_high_one_is_not() -> None:
    corpus = Corpus()
    for week, hours in enumerate((12, 26)):
        corpus.offer(week, 36)
        corpus.work(week, hours)
    # Eight hours of a Monday in each week: 12 of 28 h, and 26 of 28 h.
    corpus.pto = ["1,e1,2026-01-05,take,8,yes", "2,e1,2026-01-12,take,8,yes"]
    assert [w.evaluability for w in corpus.weeks(2)] == ["partial", "partial"]
    assert corpus.states("utilization", 2) == ["exempt leave", "breach"]


def test_few_hours_are_unknown_and_none_are_no_source() -> None:
    corpus = Corpus()
    corpus.offer(0, 7.5)
    corpus.work(0, 6)
    assert corpus.states("utilization", 2) == ["unknown low_denominator", "unknown no_source"]


def test_weekly_template_stands_in_only_where_the_calendar_is_empty() -> None:
    corpus = Corpus()
    corpus.resources["PractitionerRole"][0]["availableTime"] = [
        {
            "daysOfWeek": ["mon", "tue", "wed", "thu"],
            "availableStartTime": "09:00:00",
            "availableEndTime": "17:00:00",
        }
    ]
    corpus.offer(1, 20)
    assert [w.available_h for w in corpus.weeks(2)] == [32, 20]


def test_time_outside_the_blocks_counts_in_both_terms() -> None:
    corpus = Corpus()
    corpus.offer(0, 10)
    corpus.meet(0, 60, hour=9)
    corpus.meet(0, 90, hour=9.5, day=2)
    (week,) = corpus.weeks(1)
    assert (week.direct_h, week.available_h, week.unblocked_h) == (Fraction(5, 2), Fraction(23, 2), Fraction(3, 2))


def test_protected_and_closed_time_is_taken_off_and_admin_without_protection_is_not() -> None:
    corpus = Corpus()
    corpus.offer(0, 20)
    corpus.blocks = [
        f"a,e1,2026-01-05 08:00,2026-01-05 09:00,{EAST},admin,true",
        f"b,e1,2026-01-05 08:30,2026-01-05 10:00,{EAST},holiday,false",
        f"c,e1,2026-01-05 12:00,2026-01-05 14:00,{EAST},admin,false",
    ]
    (week,) = corpus.weeks(1)
    assert [week.available_h, week.template_h, week.leave_h, week.evaluability] == [18, 20, 0, "partial"]


def test_ledger_takes_its_hours_unless_refused_or_already_blocked() -> None:
    corpus = Corpus()
    for day in range(4):
        corpus.offer(0, 8, day=day, start=9)
    corpus.pto = [
        "1,e1,2026-01-05,take,5,yes",
        "2,e1,2026-01-06,sick,9,",
        "3,e1,2026-01-07,take,8,no",
        "4,e1,2026-01-08,take,8,yes",
        "5,e1,2026-01-07,accrue,8,yes",
    ]
    corpus.blocks = [f"a,e1,2026-01-08 09:00,2026-01-08 13:00,{EAST},pto,false"]
    (week,) = corpus.weeks(1)
    assert [week.available_h, week.leave_h] == [32 - 5 - 8 - 4, 5 + 8 + 4]


def test_nothing_is_judged_before_the_week_has_ended_where_the_clinician_works() -> None:
    corpus = Corpus(zone=WEST)
    eastern_midnight = datetime(2026, 1, 12, 5, tzinfo=UTC)
    ended = [
        {v.week_id for v in judge(corpus.resources, corpus.files, as_of=at, home_tz=EAST)}
        for at in (eastern_midnight, eastern_midnight + timedelta(hours=2))
    ]
    assert [MONDAY in weeks for weeks in ended] == [False, True]


def test_spine_ends_with_employment_and_has_no_utilization_before_it() -> None:
    corpus = Corpus(started="2026-01-14", ended="2026-01-20")
    corpus.seat(0, "fulfilled")
    corpus.offer(0, 30)
    assert [v.week_id.day for v in corpus.verdicts("direct_hours", 6)] == [5, 12, 19]
    assert [v.week_id.day for v in corpus.verdicts("utilization", 6)] == [12, 19]


def test_caseload_is_entrusted_clients_seen_in_60_days_or_booked_ahead() -> None:
    corpus = Corpus()
    corpus.open_data()
    for client in ("seen", "long ago", "booked", "too late", "cancelled then", "cancelled later", "idle"):
        corpus.entrust(client)
    corpus.entrust("closed", end="2026-01-10")
    corpus.entrust("closes today", end="2026-01-11")
    for client in ("seen", "closed", "closes today", "entrusted to nobody"):
        corpus.meet(0, 50, client=client)
    # The sixty days up to Sunday 11 January begin on 13 November.
    corpus.meet(0, 50, client="long ago")["period"] = {
        "start": "2025-11-12T09:00:00-05:00",
        "end": "2025-11-12T10:00:00-05:00",
    }
    corpus.seat(2, "fulfilled", client="booked", created="2026-01-02T09:00:00Z")
    corpus.seat(2, "booked", client="too late", created="2026-01-12T06:00:00Z")
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.cancellationDate"
    corpus.seat(2, "cancelled", client="cancelled then")
    corpus.seat(
        2, "cancelled", client="cancelled later", extension=[{"url": url, "valueDateTime": "2026-01-13T09:00:00Z"}]
    )
    # seen, closes today, booked, cancelled later
    assert corpus.caseload().active_clients == 4


@pytest.mark.parametrize(
    ("fte", "clients", "state"),
    [("1.0", 50, "pass"), ("1.0", 51, "warn"), ("1.0", 61, "breach"), ("0.5", 26, "warn"), ("0.5", 31, "breach")],
    ids=["50", "51", "61", "26 at half time", "31 at half time"],
)
def test_caseload_limits(fte: str, clients: int, state: str) -> None:
    corpus = Corpus(fte=fte)
    corpus.open_data()
    for n in range(clients):
        corpus.entrust(f"c{n}")
        corpus.seat(3, "booked", client=f"c{n}")
    assert corpus.states("active_caseload", 1) == [state]


def test_client_known_only_through_something_unclear_makes_the_caseload_unknown() -> None:
    corpus = Corpus()
    corpus.open_data()
    for client in ("seen", "perhaps seen", "perhaps ahead", "in a group"):
        corpus.entrust(client)
    corpus.meet(0, 50, client="seen")
    corpus.seat(3, "mystery", client="seen")
    corpus.meet(0, 50, client="in a group", status="mystery", session_type="group")
    assert corpus.caseload() == Caseload("1", MONDAY, active_clients=1, group_only_clients=0)
    assert corpus.states("active_caseload", 1) == ["pass"]
    corpus.meet(0, 50, client="perhaps seen", status="mystery")
    corpus.seat(3, "mystery", client="perhaps ahead")
    assert corpus.caseload() == Caseload("1", MONDAY, 1, 0, uncertain_clients=2)
    assert corpus.states("active_caseload", 1) == ["unknown partial"]


def test_appointment_without_a_client_is_no_seat() -> None:
    corpus = Corpus()
    corpus.seat(0, "fulfilled")
    meeting = corpus.seat(0, "fulfilled")
    meeting["participant"] = [{"actor": {"reference": "Practitioner/p1"}}]
    practice = read_practice(corpus.resources, corpus.files, home_tz=EAST)
    (week,) = [w for w in attendance_weeks(practice, corpus.as_of(1), full_policy()) if w.week_id == MONDAY]
    assert week.kept_n == 1


def test_person_only_the_hr_file_knows_is_unknown_everywhere() -> None:
    corpus = Corpus()
    corpus.open_data()
    corpus.employees.append("e9,9,,2025-06-01,,1.0,40,w2,other,none")
    found = judge(corpus.resources, corpus.files, as_of=corpus.as_of(1), home_tz=EAST)
    assert {(v.state, v.reason) for v in found if v.npi == "9"} == {("unknown", "no_source")}
    assert corpus.states("direct_hours", 1) == ["pass"]


@pytest.mark.parametrize("year", ["1926", "2016", "2062"])
def test_mistyped_year_of_one_appointment_moves_no_first_week(year: str) -> None:
    corpus = Corpus()
    corpus.open_data()
    corpus.seat(0, "fulfilled")["start"] = f"{year}-03-04T09:00:00-05:00"
    found = judge(corpus.resources, corpus.files, as_of=corpus.as_of(2), home_tz=EAST)
    assert {v.week_id for v in found} == {MONDAY, MONDAY + timedelta(days=7)}


def test_no_show_sums_four_weeks_and_needs_twenty_seats() -> None:
    corpus = Corpus()
    for week, (kept, missed) in enumerate([(9, 1), (9, 0), (9, 1), (9, 2), (9, 1)]):
        for _ in range(kept):
            corpus.seat(week, "fulfilled")
        for _ in range(missed):
            corpus.seat(week, "noshow")
    verdicts = corpus.verdicts("no_show", 5)
    assert [(v.numerator, v.denominator) for v in verdicts] == [(1, 10), (1, 19), (2, 29), (4, 40), (4, 40)]
    expected = ["unknown low_denominator", "unknown low_denominator", "pass", "pass", "pass"]
    assert corpus.states("no_show", 5) == expected
    corpus.seat(4, "noshow")
    assert corpus.states("no_show", 5)[-1] == "breach"


def test_client_who_cancels_after_the_start_did_not_show() -> None:
    corpus = Corpus()
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.cancellationDate"
    by_client = {"coding": [{"code": "pat"}]}
    for instant in ("2026-01-05T14:00:00Z", "2026-01-05T13:59:00Z", "2026-01-04T14:00:00Z"):
        extension = [{"url": url, "valueDateTime": instant}]
        corpus.seat(0, "cancelled", cancelationReason=by_client, extension=extension)
    corpus.seat(0, "cancelled", cancelationReason=by_client)
    corpus.seat(0, "cancelled", cancelationReason={"coding": [{"code": "prov-pers"}]})
    practice = read_practice(corpus.resources, corpus.files, home_tz=EAST)
    (week,) = [w for w in attendance_weeks(practice, corpus.as_of(1), full_policy()) if w.week_id == MONDAY]
    assert (week.no_show_n, week.late_cancel_n, week.advance_cancel_n) == (1, 1, 1)
    assert (week.unknown_cancel_n, week.clinician_cancel_n, week.kept_n) == (1, 1, 0)


def test_unknown_status_spoils_the_four_weeks_that_hold_it() -> None:
    corpus = Corpus()
    for week in range(6):
        for _ in range(20):
            corpus.seat(week, "fulfilled")
    corpus.seat(1, "mystery")
    assert corpus.states("no_show", 6) == ["pass", *["unknown partial"] * 4, "pass"]


@pytest.mark.parametrize(
    ("first_end", "month"),
    [("2025-12-31", 8), ("2025-12-30", 8), ("2025-12-29", 1)],
    ids=["no gap", "one day", "two days"],
)
def test_tenure_restarts_after_a_gap_of_more_than_a_day(first_end: str, month: int) -> None:
    corpus = Corpus(started="2025-06-05", ended=first_end)
    corpus.employees.append("e1b,1,,2026-01-01,,1.0,40,w2,therapist,licensed")
    (week,) = corpus.weeks(1)
    assert week.tenure_month == month


def test_two_accounts_with_one_npi_are_one_person() -> None:
    corpus = Corpus()
    corpus.resources["Practitioner"].append(corpus.practitioner("p1-old", "1"))
    corpus.work(0, 8)
    corpus.meet(0, 60, day=3, who=("p1-old",))
    (week,) = corpus.weeks(1)
    assert week.direct_h == 9


def test_people_meet_by_npi_or_mail_and_keep_their_own_id_without_an_npi() -> None:
    people = People(
        [
            (("ehr", "p1"), None, "a@x"),
            (("hr", "e1"), "7", "a@x"),
            (("ehr", "p2"), "7", None),
            (("ehr", "p3"), None, None),
            (("hr", "e4"), None, "d@x"),
        ]
    )
    assert [people.name(("ehr", p)) for p in ("p1", "p2", "p3")] == ["7", "7", "p3"]
    assert people.all_names() == {"7", "p3", "e4"}


def test_wall_clock_time_that_the_spring_change_skips_is_refused() -> None:
    assert on_wall_clock(datetime(2026, 11, 1, 1, 30), EAST) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # noqa: DTZ001
    with pytest.raises(UnreadableError, match="no_such_local_time"):
        on_wall_clock(datetime(2026, 3, 8, 2, 30), EAST)  # noqa: DTZ001


def test_every_planted_verdict_of_the_synthetic_practice_is_found() -> None:
    practice = build_practice(clinicians=40, weeks=14)
    found = {
        (v.guardrail_id, v.npi, v.week_id): v.state
        for v in judge(practice.resources, practice.files, as_of=practice.as_of, home_tz=EAST)
    }
    judged = {guardrail for guardrail, _, _ in found}
    planted = {(p.guardrail, p.subject, p.period): p.state for p in practice.answer_key if p.guardrail in judged}
    assert judged == {"direct_hours", "utilization", "active_caseload", "no_show"}
    assert len(planted) > 100
    assert {key: found.get(key) for key in planted} == planted
