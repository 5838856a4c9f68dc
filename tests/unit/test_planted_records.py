"""What is planted beside hours and caseload is in the records, by plain counting over resources and files."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import pytest

from pacekeeper.policy import load_policy
from pacekeeper.testing import PlantedBreach, Practice, build_practice
from pacekeeper_app.demo_systems import build_systems

WEEK = timedelta(days=7)
_LEAVE = {"take", "parental"}
#: The number of the clinician of the plant `evenings`, who works in the east.
_OF_EVENINGS = 1


@pytest.fixture(scope="module")
def practice() -> Practice:
    return build_practice(clinicians=40, weeks=28)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def planted(practice: Practice, guardrail: str) -> list[PlantedBreach]:
    return [one for one in practice.answer_key if one.guardrail == guardrail and one.state in {"warn", "breach"}]


def npis(practice: Practice) -> dict[str, str]:
    return {p["id"]: p["identifier"][0]["value"] for p in practice.resources["Practitioner"]}


def employees(practice: Practice) -> dict[str, str]:
    return {row["employee_id"]: row["npi"] for row in rows(practice.files["employees.csv"])}


@pytest.mark.parametrize("seed", [7, 8])
def test_every_guardrail_that_is_on_has_something_planted_out_of_band(seed: int) -> None:
    key = build_systems(seed=seed).answer_key
    enabled = {name for name, rail in load_policy(None).latest.guardrails.items() if rail.enabled}
    assert enabled - {one.guardrail for one in key if one.state in {"warn", "breach"}} == set()
    assert len({(one.guardrail, one.subject, one.period) for one in key}) == len(key)
    assert all(one.margin is None or one.margin >= 0 for one in key)


def test_notes_are_signed_by_the_next_working_day_but_for_the_planted_ones(practice: Practice) -> None:
    names = npis(practice)
    late = {(one.subject, one.period) for one in planted(practice, "overdue_notes")}
    found: Counter[bool] = Counter()
    for note in practice.resources["Composition"]:
        ended = datetime.fromisoformat(note["event"][0]["period"]["end"])
        week = ended.date() - timedelta(days=ended.weekday())
        signed = datetime.fromisoformat(note["attester"][0]["time"])
        author = names[note["author"][0]["reference"].removeprefix("Practitioner/")]
        is_planted = (author, week) in late and ended.weekday() == 1
        found[is_planted] += 1
        assert signed > ended
        assert signed - ended >= timedelta(days=7) if is_planted else signed - ended < timedelta(hours=26)
        assert is_planted or signed.date() - timedelta(days=signed.weekday()) == week, "nothing open at a week's end"
    assert found[True] >= 9
    assert found[False] > 15_000


def test_only_the_planted_notes_were_changed_after_signing(practice: Practice) -> None:
    names = npis(practice)
    found: Counter[tuple[str, date]] = Counter()
    for note in practice.resources["Composition"]:
        if note["status"] == "amended":
            signed = datetime.fromisoformat(note["attester"][0]["time"])
            assert datetime.fromisoformat(note["meta"]["lastUpdated"]) > signed
            author = names[note["author"][0]["reference"].removeprefix("Practitioner/")]
            found[author, signed.date().replace(day=1)] += 1
    (one,) = planted(practice, "notes_amended_own_limit")
    assert found == {(one.subject, one.period): found[one.subject, one.period]}
    assert one.margin == found[one.subject, one.period] - 3


def test_the_log_of_a_planted_week_has_four_evenings_of_48_minutes(practice: Practice) -> None:
    names = npis(practice)
    evenings: dict[tuple[str, date], list[datetime]] = defaultdict(list)
    logged = 0
    for text in practice.activity.values():
        for row in rows(text):
            at = datetime.strptime(row["Date/Time"], "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007 - as it is written
            logged += 1
            if at.hour >= 18 and at.weekday() < 5 and int(row["User ID"][3:-1]) == _OF_EVENINGS:
                evenings[names[row["User ID"]], at.date() - timedelta(days=at.weekday())].append(at)
    assert logged <= 150_000
    expected = {
        (one.subject, one.period)
        for one in planted(practice, "after_hours_ehr")
        if one.subject == names[f"pr-{_OF_EVENINGS:04d}a"]
    }
    # Thirteen entries four minutes apart are 48 minutes.
    assert {week: len(found) for week, found in evenings.items()} == dict.fromkeys(expected, 4 * 13)


def test_everybody_is_supervised_each_week_at_work_but_for_the_planted_weeks(practice: Practice) -> None:
    of = employees(practice)
    held = {
        (of[row["Employee ID"]], (day := date.fromisoformat(row["Date"])) - timedelta(days=day.weekday()))
        for row in rows(practice.office["time_entries.csv"])
        if row["Task"] == "Supervision"
    }
    missed = planted(practice, "supervision_weekly")
    assert [(one.subject, one.period - WEEK) in held for one in sorted(missed, key=lambda one: one.period)] == [
        False,
        False,
    ]
    assert all((one.subject, one.period) not in held for one in missed)
    assert len(held) > 1_000


def test_nobody_goes_for_a_quarter_without_leave_but_who_is_planted(practice: Practice) -> None:
    of = employees(practice)
    taken: dict[str, list[date]] = defaultdict(list)
    for row in rows(practice.files["pto.csv"]):
        if row["type"] in _LEAVE and row["approved"] != "no":
            taken[of[row["employee_id"]]].append(date.fromisoformat(row["date"]))
    never = {one.subject for one in planted(practice, "no_leave_90d")}
    assert len(never) == 1
    assert not never & taken.keys()
    ends = [date(2025, 9, 30), date(2025, 10, 31), date(2025, 11, 30), date(2025, 12, 31), date(2026, 1, 31)]
    ends += [date(2026, 2, 28), date(2026, 3, 31)]
    for row in rows(practice.files["employees.csv"])[:-1]:
        if row["npi"] in never or row["employment_type"] == "1099":
            continue
        for end in ends:
            began = max((day for day in taken[row["npi"]] if day <= end), default=date.min)
            here = row["start_date"] <= (end - timedelta(days=90)).isoformat() and not row["end_date"]
            assert not here or (end - began).days <= 90, (row["employee_id"], end)


def test_what_the_practices_own_files_name_is_on_record(practice: Practice) -> None:
    known = {kind: {one["id"] for one in found} for kind, found in practice.resources.items()}
    people = set(employees(practice))
    columns = {
        "appointment_id": known["Appointment"],
        "client_id": known["Patient"],
        "episode_id": known["EpisodeOfCare"],
        "session_id": known["Encounter"],
        "location_id": known["Location"],
        "supervisor_id": people,
        "employee_id": people,
        "Employee ID": people,
    }
    for name, text in practice.office.items():
        if name == "employees_former.csv":
            continue
        for column, ids in columns.items():
            assert {row[column] for row in rows(text) if row.get(column)} <= ids, (name, column)
    clients = {row["Patient ID"] for text in practice.activity.values() for row in rows(text)} - {""}
    assert clients <= known["Patient"]


def test_reminders_are_missing_on_the_planted_day_alone(practice: Practice) -> None:
    (one,) = planted(practice, "reminders")
    lost = [row for row in rows(practice.office["reminders.csv"]) if row["delivered"] == "no"]
    starts = {a["id"]: a["start"][:10] for a in practice.resources["Appointment"]}
    assert {row["hours_before"] for row in lost} == {"2"}
    assert {date.fromisoformat(starts[row["appointment_id"]]).replace(day=1) for row in lost} == {one.period}
    assert len({starts[row["appointment_id"]] for row in lost}) == 1
    assert one.why.startswith(f"the service was down on one day: {len(lost)} ")
