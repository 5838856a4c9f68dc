"""Nights of sources known to lack something: what rests on it is unknown, with what to do, until it is mended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.ops import StreamReason
from pacekeeper.settings import load_settings
from pacekeeper.testing import FhirServer, build_practice
from pacekeeper.testing.fhir_server import ExportFaults, Faults
from pacekeeper_connectors.tabular.profiles import profile_file
from tests.integration.practice_run import night_without_dagster, said_by, write_small_home

pytestmark = pytest.mark.timeout(300)
Said = tuple[str, str | None]

SETTINGS = """
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"

[sources.sp]
connector = "tabular"
folder = "appointments"
mapping = "simplepractice.toml"
default_tz = "America/New_York"

[sources.hr]
connector = "tabular"
folder = "hr"
mapping = "hr.toml"
default_tz = "America/New_York"
"""
PERIOD = r"""
[streams.appointment.period]
file_name = '(?P<month>\d{4}-\d{2})'
format = "%Y-%m"

[streams.appointment.columns]"""
HR = """
[streams.employee]
files = "employees.csv"
[streams.employee.columns]
id = { type = "key", entity = "clinician" }
npi = { type = "match", domain = "npi" }
start = { type = "date" }

[[map]]
entity = "clinician"
of = "employee"
columns = { clinician_key = "id", role = { value = "therapist" }, license_level = { value = "licensed" } }

[[map]]
entity = "clinician_identifier"
of = "employee"
columns = { clinician_key = "id", domain = { value = "npi" }, match_key = "npi" }

[[map]]
entity = "employment"
of = "employee"
[map.columns]
employment_key = "id"
clinician_key = "id"
start_date = "start"
employment_type = { value = "w2" }
"""
HEADERS = (
    "Client ID,Clinician ID,Clinician NPI,Date of Service,Start Time,End Time,Appointment Status,Attendance Reviewed,"
    "Progress Note Status,Billing Code,Location\n"
)
#: Monday to Monday: the weeks of January to March 2026.
WEEKS = [date(2025, 12, 29) + timedelta(days=7 * n) for n in range(13)]
AS_OF = datetime(2026, 3, 30, 5, tzinfo=UTC)


def month_of(year: int, month: int, *, unreviewed: date | None = None) -> str:
    """An hour with each of two clients every Tuesday, reviewed but for one day."""
    day, rows = date(year, month, 1), []
    while day.month == month:
        if day.weekday() == 1:
            seen = "" if day == unreviewed else "Yes"
            rows += [f"C{n},E1,1234567893,{day:%m/%d/%Y},{n}:00 PM,{n}:50 PM,Show,{seen},,90834,Office" for n in (1, 2)]
        day += timedelta(days=1)
    return HEADERS + "\n".join(rows) + "\n"


def says(home: PracticeHome, guardrail: str) -> dict[date, Said]:
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT period, state, reason FROM marts.guardrail_result WHERE is_current AND guardrail_id = ?",
            [guardrail],
        ).fetchall()
    return {date.fromisoformat(week): (state, reason) for week, state, reason in rows}


def versions(home: PracticeHome) -> int:
    with home.published.connect(read_only=True) as connection:
        return connection.count("SELECT count(*) FROM marts.guardrail_result")


@dataclass
class Nights:
    """What two nights without February and with an unreviewed Tuesday said, and one on which both were mended."""

    home: PracticeHome
    lacking: dict[str, dict[date, Said]] = field(default_factory=dict)
    mended: dict[str, dict[date, Said]] = field(default_factory=dict)
    versions: list[int] = field(default_factory=list)
    status: str = ""
    explained: str = ""
    notes: set[str] = field(default_factory=set)
    after: str = ""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    folder = tmp_path_factory.mktemp("files")
    (folder / "appointments").mkdir()
    (folder / "hr").mkdir()
    profile = profile_file("simplepractice_appointments").read_text(encoding="utf-8")
    (folder / "simplepractice.toml").write_text(profile.replace("\n[streams.appointment.columns]", PERIOD))
    (folder / "hr.toml").write_text(HR)
    (folder / "hr" / "employees.csv").write_text("id,npi,start\nS1,1234567893,2025-01-01\n")
    config = folder / "pacekeeper.toml"
    config.write_text(SETTINGS)

    def write(name: str, text: str) -> None:
        (folder / "appointments" / f"{name} appointments.csv").write_text(text)

    write("2026-01", month_of(2026, 1))
    write("2026-01 copy of", month_of(2026, 1))
    write("2026-03", month_of(2026, 3, unreviewed=date(2026, 3, 17)))
    home = PracticeHome(load_settings(config))
    found = Nights(home)
    for night in ("one", "two"):
        night_without_dagster(home, AS_OF, run_id=night)
        found.lacking = {name: says(home, name) for name in ("direct_hours", "no_show")}
        found.versions.append(versions(home))
    found.status = said_by("status", config=config)
    found.explained = said_by("verdicts", "--week", "all", "--guardrail", "direct_hours", config=config)
    found.notes = {row.reason for row in home.ops.rows(StreamReason, run_id="two", kind="note")}
    write("2026-02", month_of(2026, 2))
    write("2026-03", month_of(2026, 3))
    night_without_dagster(home, AS_OF, run_id="three")
    found.mended = {name: says(home, name) for name in ("direct_hours", "no_show")}
    found.after = said_by("status", config=config)
    return found


def test_the_weeks_of_a_month_without_a_file_are_partial_and_no_other(files: Nights) -> None:
    hours = files.lacking["direct_hours"]
    # 1 February 2026 is a Sunday, so its month touches the weeks of 26 January to 23 February.
    february = {week for week in hours if date(2026, 1, 26) <= week <= date(2026, 2, 23)}
    assert len(february) == 5
    assert {week for week, said in hours.items() if said == ("unknown", "partial")} == february
    assert {said for week, said in hours.items() if week not in february and week != date(2026, 3, 16)} == {
        ("pass", None)
    }
    rates = files.lacking["no_show"]
    partial = {week for week, said in rates.items() if said == ("unknown", "partial")}
    assert partial == {week for week in WEEKS if date(2026, 1, 26) <= week <= date(2026, 3, 16)}


def test_the_week_of_an_unreviewed_appointment_is_defaulted(files: Nights) -> None:
    assert files.lacking["direct_hours"][date(2026, 3, 16)] == ("unknown", "defaulted")
    assert files.lacking["no_show"][date(2026, 3, 23)] == ("unknown", "defaulted")


def test_the_second_night_changes_nothing_and_mending_gives_every_verdict_back(files: Nights) -> None:
    assert files.versions[0] == files.versions[1]
    assert set(files.mended["direct_hours"]) == set(files.lacking["direct_hours"])
    assert set(files.mended["direct_hours"].values()) == {("pass", None)}
    assert set(files.mended["no_show"].values()) == {("unknown", "low_denominator")}, "8 seats in four weeks"


def test_status_and_verdicts_name_source_stream_days_and_what_to_do(files: Nights) -> None:
    for text in (files.status, files.explained):
        flat = " ".join(text.split())
        assert "sp" in flat
        assert "appointment" in flat
        assert "2026-02-01 to 2026-02-28" in flat
        assert "export them and put the file beside the others" in flat
    assert "2026-02-01" not in files.after


def test_a_file_that_is_there_twice_is_noted_in_the_ledger(files: Nights) -> None:
    assert files.notes == {"stream appointment, file 2 of 3 holds the same as stream appointment, file 1 of 3"}


def test_an_export_that_failed_in_part_makes_no_week_known_and_takes_none_away(tmp_path: Path) -> None:
    practice = build_practice(clinicians=2, weeks=6)
    broken = Faults(export=ExportFaults(failed=frozenset({"Encounter"})))
    with FhirServer(practice.resources, page_size=500, faults=broken) as server:
        home = write_small_home(tmp_path, practice, server)
        config = tmp_path / "pacekeeper.toml"
        how = 'connector = "fhir"\nread_by = "export"\npartial_export = "keep"\n'
        config.write_text(config.read_text().replace('connector = "fhir"\n', how))
        home = PracticeHome(load_settings(config))
        assert night_without_dagster(home, practice.as_of, run_id="one")["ehr"].state == "ok"
        assert set(says(home, "direct_hours").values()) == {("unknown", "stale")}
        flat = " ".join(said_by("status", config=config).split())
        assert "partial_export" in flat
        assert "ask whoever runs the EHR why" in flat
        server.reset()
        night_without_dagster(home, practice.as_of, run_id="two")
        known = says(home, "direct_hours")
        assert ("pass", None) in known.values()
        assert ("unknown", "stale") not in known.values()
        assert "partial_export" not in said_by("status", config=config)
        server.reset(broken)
        night_without_dagster(home, practice.as_of + timedelta(hours=2), run_id="three")
        assert says(home, "direct_hours") == known
        night_without_dagster(home, practice.as_of + timedelta(days=8), run_id="four")
        later = says(home, "direct_hours")
        assert {week: later[week] for week in known} == known, "what was known stays so"
        assert {said for week, said in later.items() if week not in known} == {("unknown", "stale")}
