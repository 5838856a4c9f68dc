"""`pacekeeper explain`: a number is redone by hand from the rows that are printed behind it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.contract import ENTITIES
from pacekeeper.home import PracticeHome
from pacekeeper.settings import load_settings
from pacekeeper.testing.canary_scan import has_mark
from pacekeeper_app.evidence import ANONYMOUS, evidence
from pacekeeper_app.subject_rows import Period, Subject
from tests.integration.practice_run import night_without_dagster, said_by

SETTINGS = """\
[practice]
name = "Elm"
home_tz = "America/New_York"
data_dir = "data"
[sources.ehr]
connector = "fhir"
folder = "export"
[sources.staff]
connector = "tabular"
folder = "files"
"""
WEEK = "2026-01-12"
HEADER = "employee_id,npi,hire_date,termination_date,fte,weekly_hours,employment_type,role,license\n"
#: So many keyed hashes cannot all begin with another of the 16 letters.
EMPLOYEES = 17


def _write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> None:  # Any: JSON
    lines = [json.dumps({"resourceType": kind, **row}) + "\n" for row in rows]
    (folder / f"{kind}.ndjson").write_text("".join(lines))


def _met(name: str, start: str, end: str, *, status: str = "finished", who: str = "d1") -> dict[str, Any]:  # Any: JSON
    return {
        "id": f"CANARY{name}",
        "status": status,
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/CANARY{who}"},
        "participant": [{"individual": {"reference": f"Practitioner/{who}"}}],
        "period": {"start": f"2026-01-{start}:00Z", "end": f"2026-01-{end}:00Z"},
        "reasonCode": [{"text": "CANARYreason"}],
    }


def _booked(day: int, status: str) -> dict[str, Any]:  # Any: JSON
    actors = [
        {"actor": {"reference": f"{who}"}, "status": "accepted"} for who in ("Practitioner/d1", "Patient/CANARYd1")
    ]
    start = f"2026-01-{day:02}T15:00:00Z"
    return {"id": f"a{day}", "status": status, "start": start, "participant": actors}


def _export(folder: Path, *, first_ends: str) -> None:
    """Two clinicians; the first holds 50 (or fewer) and 90 minutes in the week, and what is voided or of other weeks.

    In New York the week ends on Monday at 05:00 UTC: the session of 04:30 is still in it.
    """
    _write(folder, "Practitioner", [{"id": "d1"}, {"id": "d2"}])
    _write(folder, "Patient", [{"id": "CANARYd1", "name": [{"family": "CANARYname"}]}, {"id": "CANARYd2"}])
    met = [
        _met("e1", "13T15:00", first_ends),
        _met("e2", "19T04:30", "19T06:00"),
        _met("e3", "15T16:00", "15T17:00", status="cancelled"),
        _met("e4", "19T15:00", "19T16:00"),
        _met("e5", "13T15:00", "13T17:00", who="d2"),
    ]
    _write(folder, "Encounter", met)
    _write(folder, "Appointment", [_booked(2, "noshow"), _booked(13, "fulfilled"), _booked(20, "noshow")])


@dataclass(frozen=True)
class Ran:
    """A practice after two nights, between which one session was corrected. d1: key of the first clinician."""

    config: Path
    home: PracticeHome
    d1: str

    def explained(self, *arguments: str) -> dict[str, Any]:  # Any: JSON
        found: dict[str, Any] = json.loads(said_by("explain", *arguments, "--json", config=self.config))
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:  # Any: column values of several types
        with self.home.published.connect(read_only=True) as connection:
            return connection.raw.execute(sql).fetchall()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("practice")
    export, files, config = folder / "export", folder / "files", folder / "pacekeeper.toml"
    export.mkdir()
    files.mkdir()
    config.write_text(SETTINGS)
    shipped = resources.files("pacekeeper_connectors.tabular") / "example_mapping.toml"
    (files / "mapping.toml").write_text(shipped.read_text())
    staff = "".join(f"e{n},,2025-06-01,,1.0,40,W2,Therapist,LCSW\n" for n in range(EMPLOYEES))
    (files / "employees.csv").write_text(HEADER + staff)
    home = PracticeHome(load_settings(config))
    for number, first_ends in enumerate(("13T15:20", "13T15:50")):
        _export(export, first_ends=first_ends)
        night_without_dagster(home, datetime(2026, 2, 9 + number, 12, tzinfo=UTC), run_id=f"night-{number}")
    found = Ran(config, home, "")
    ((d1,),) = found.rows("SELECT clinician_key FROM canonical.session GROUP BY 1 HAVING count(*) > 1")
    return Ran(config, home, d1)


def _of(document: dict[str, Any], entity: str) -> dict[str, Any]:  # Any: JSON
    (found,) = [one for one in document["behind"]["entities"] if one["entity"] == entity]
    return dict(found)


def _minutes(row: dict[str, Any]) -> float:  # Any: JSON
    ends, starts = (datetime.fromisoformat(row[name]) for name in ("ended_at", "started_at"))
    return (ends - starts).total_seconds() / 60


def test_direct_hours_are_redone_from_the_sessions_behind_them(ran: Ran) -> None:
    document = ran.explained("clinician_week", f"{ran.d1}/{WEEK}", "direct_h")
    sessions = _of(document, "session")["rows"]
    assert sorted((row["status"], _minutes(row)) for row in sessions) == [
        ("completed", 50), ("completed", 90), ("voided", 60)
    ]  # fmt: skip
    assert document["value"] == pytest.approx((50 + 90) / 60)
    assert document["unit"] == "hours"
    assert {"id": "U06", "title": "Billable hours never stand alone", "article": "S0"} in document["rules"]
    assert {row["session_key"] for row in sessions} <= {
        key for (key,) in ran.rows("SELECT session_key FROM canonical.session")
    }
    assert (document["behind"]["from"], document["behind"]["to"]) == ("2026-01-12", "2026-01-18")


def test_a_row_leads_to_its_raw_versions(ran: Ran) -> None:
    sessions = _of(ran.explained("clinician_week", f"{ran.d1}/{WEEK}", "direct_h"), "session")["rows"]
    (corrected,) = [row["raw"][0] for row in sessions if _minutes(row) == 50]
    ((version_id,),) = ran.rows("SELECT version_id FROM raw_ehr.encounter WHERE version_no = 2")
    assert (corrected["stream"], corrected["versions"], corrected["batch_id"]) == ("encounter", 2, "night-1")
    assert corrected["version_id"] == version_id
    assert datetime.fromisoformat(corrected["observed_at"]) == datetime(2026, 2, 10, 12, tzinfo=UTC)
    assert all(row["raw"][0]["versions"] == 1 for row in sessions if _minutes(row) != 50)


def test_the_formula_is_shown_with_the_numbers_it_names_and_its_policy(ran: Ran) -> None:
    document = ran.explained("attendance_week", f"{ran.d1}/{WEEK}", "no_show_ratio_4w")
    beside = {name: found["value"] for name, found in document["beside"].items()}
    assert (document["value"], beside) == (0.5, {"no_show_4w": 1, "kept_4w": 1})
    assert document["policy"]["note"] == "practice policy, not evidence"
    values = {one["key"]: (one["value"], one["unit"], one["layer"]) for one in document["policy"]["values"]}
    assert values["breach"] == (0.1, "ratio", "practice")
    (verdict,) = document["verdicts"]
    assert (verdict["state"], verdict["policy_version"]) == ("unknown", document["policy"]["version"])
    # Of the four weeks: the missed one of 2 January and the kept one, not what lies after the week.
    assert [row["start_at"][:10] for row in _of(document, "appointment")["rows"]] == ["2026-01-02", "2026-01-13"]


def test_a_verdict_leads_to_the_number_it_compared(ran: Ran) -> None:
    document = ran.explained("guardrail_result", f"{ran.d1[:10]}/direct_hours/{WEEK}", "value")
    assert document["key"]["subject_kind"] == "clinician"
    compared = document["compared"]
    assert (compared["mart"], compared["column"]) == ("clinician_week", "direct_h")
    assert compared["key"] == {"clinician_key": ran.d1, "week_id": WEEK}
    assert compared["value"] == pytest.approx(140 / 60)
    assert document["value"] == pytest.approx(140 / 60)
    assert _of(compared, "session")["count"] == 3
    by_version = ran.explained("guardrail_result", f"clinician/{ran.d1}/direct_hours/{WEEK}/1", "value")
    assert by_version["key"]["version"] == 1


def test_a_beginning_that_several_keys_have_is_refused_and_a_longer_one_is_taken(ran: Ran) -> None:
    keys = [key for (key,) in ran.rows(f"SELECT clinician_key FROM marts.clinician_week WHERE week_id = '{WEEK}'")]
    letter, count = Counter(key[0] for key in keys).most_common(1)[0]
    assert count > 1
    said = said_by("explain", "clinician_week", f"{letter}/{WEEK}", "direct_h", config=ran.config)
    assert f"the beginning of {count} rows of clinician_week, which differ in clinician_key" in said
    whole = next(key for key in keys if key.startswith(letter))
    assert ran.explained("clinician_week", f"{whole[:12]}/{WEEK}", "direct_h")["key"]["clinician_key"] == whole


@pytest.mark.parametrize(
    ("mart", "key", "column", "expected"),
    [
        ("clinician_weak", "a/2026-01-12", "direct_h", "did you mean clinician_week?"),
        ("clinician_week", "a/2026-01-12", "directh", "did you mean direct_h?"),
        ("clinician_week", "a", "direct_h", "the key of clinician_week is clinician_key/week_id: 2 parts, not 1"),
        ("clinician_week", "a/last", "direct_h", "'last' is no date"),
        ("clinician_week", "xyz/2026-01-12", "direct_h", "no row with the key xyz/2026-01-12"),
    ],
    ids=["mart", "column", "parts", "date", "row"],
)
def test_what_does_not_exist_is_named(ran: Ran, mart: str, key: str, column: str, expected: str) -> None:
    assert expected in said_by("explain", mart, key, column, config=ran.config)


def test_a_null_says_what_it_means_and_which_input_has_no_source(ran: Ran) -> None:
    document = ran.explained("clinician_week", f"{ran.d1}/{WEEK}", "supervision_n")
    assert document["value"] is None
    assert document["null_means"] == "no source of time entries knows the person."
    lacking = [one["input"] for one in document["needs"] if not one["sources"]]
    assert lacking
    assert all(text.startswith("time_entry") for text in lacking)
    said = " ".join(
        said_by("explain", "clinician_week", f"{ran.d1}/{WEEK}", "supervision_n", config=ran.config).split()
    )
    assert "null means no source of time entries" in said
    assert "no source maps it" in said


def test_what_is_said_holds_keys_and_no_identifier(ran: Ran) -> None:
    for arguments in (
        ("clinician_week", f"{ran.d1}/{WEEK}", "direct_h"),
        ("caseload_snapshot", f"{ran.d1}/{WEEK}", "active_clients"),
        ("guardrail_result", f"{ran.d1}/no_show/{WEEK}", "value"),
    ):
        for said in (
            said_by("explain", *arguments, config=ran.config),
            said_by("explain", *arguments, "--json", config=ran.config),
        ):
            assert "session_key" in said or "appointment_key" in said
            assert "practice policy, not evidence" in said
            assert not has_mark(said.encode())


def test_every_entity_can_be_looked_through_for_a_person_a_client_or_everybody(ran: Ran) -> None:
    ((client,),) = ran.rows(
        "SELECT p.client_key FROM canonical.session_participant p JOIN canonical.session USING (session_key) "
        f"WHERE clinician_key <> '{ran.d1}'"
    )
    week, found = Period(date(2026, 1, 12), date(2026, 1, 18), "America/New_York"), {}
    subjects = {
        "clinician": Subject({"clinician_key": (ran.d1,)}, {}),
        "client": Subject({"client_key": (client,)}, {}),
        "everybody": Subject({}, {}),
    }
    with ran.home.published.connect(read_only=True) as connection:
        for entity in ENTITIES:
            for name, subject in subjects.items():
                found[entity, name] = evidence(connection, entity, (), subject, week, limit=5).count
    # Sessions e1, e2, e3 of d1 and e5 of d2 lie in the week, each with its one client.
    for entity in ("session", "session_participant"):
        assert [found[entity, name] for name in subjects] == [3, 1, 4]
    assert found["employment", "everybody"] == EMPLOYEES
    assert all(found[entity, name] == 0 for entity in ANONYMOUS for name in subjects)


def test_answers_of_a_staff_survey_are_never_listed(ran: Ran) -> None:
    with ran.home.published.connect(read_only=True) as connection:
        for entity in ANONYMOUS:
            found = evidence(connection, entity, (), Subject({}, {}), None, limit=5)
            assert (found.rows, found.count) == ((), 0)
            assert "anonymous by construction" in found.note
