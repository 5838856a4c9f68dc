"""`pacekeeper doctor`, and what an unknown verdict says about the source it lacks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.settings import load_settings
from pacekeeper_assets import MEASURE_NEEDS, NEEDS
from pacekeeper_assets.needs import COLUMN_NEEDS
from pacekeeper_checks.guardrails import LastPeriod, measurable, missing_sources
from tests.integration.plugin_site import PluginSite
from tests.integration.practice_run import night_without_dagster, said_by

OF_AN_EHR = ("direct_hours", "utilization", "active_caseload", "no_show")
AS_OF = datetime(2026, 2, 9, 12, tzinfo=UTC)
PRACTICE = '[practice]\nname = "Elm"\nhome_tz = "UTC"\ndata_dir = "data"\n'
EHR = '[sources.ehr]\nconnector = "fhir"\nfolder = "export"\n'
STAFF = '[sources.staff]\nconnector = "tabular"\nfolder = "files"\n'


def _config(folder: Path, *sources: str) -> Path:
    """A practice with an export of an EHR that never says when an appointment ends, and an HR file."""
    export, files = folder / "export", folder / "files"
    for made in (export, files):
        made.mkdir(exist_ok=True)
    practitioner = {"resourceType": "Practitioner", "id": "d1"}
    booked = [
        {
            "resourceType": "Appointment",
            "id": f"a{number}",
            "status": "fulfilled",
            "start": f"2026-01-{number + 10:02}T15:00:00Z",
            "participant": [
                {"actor": {"reference": f"{kind}"}, "status": "accepted"} for kind in ("Practitioner/d1", "Patient/p1")
            ],
        }
        for number in range(5)
    ]
    (export / "Practitioner.ndjson").write_text(json.dumps(practitioner) + "\n")
    (export / "Appointment.ndjson").write_text("".join(json.dumps(row) + "\n" for row in booked))
    shipped = resources.files("pacekeeper_connectors.tabular") / "example_mapping.toml"
    (files / "mapping.toml").write_text(shipped.read_text())
    (files / "employees.csv").write_text(
        "employee_id,npi,hire_date,termination_date,fte,weekly_hours,employment_type,role,license\n"
        "e1,1234567893,2025-06-01,,1.0,40,W2,Therapist,LCSW\n"
    )
    config = folder / "pacekeeper.toml"
    config.write_text(PRACTICE + "".join(sources))
    return config


def _doctor(config: Path) -> dict[str, Any]:  # Any: JSON
    found: dict[str, Any] = json.loads(said_by("doctor", "--json", config=config))
    return found


def _states(found: dict[str, Any]) -> dict[str, str]:  # Any: JSON
    return {name: one["state"] for name, one in found["guardrails"].items()}


def test_before_anything_ran_an_ehr_alone_measures_the_guardrails(tmp_path: Path) -> None:
    config = _config(tmp_path, EHR)
    found = _doctor(config)
    assert {name: _states(found)[name] for name in OF_AN_EHR} == dict.fromkeys(OF_AN_EHR, "measurable")
    assert set(_states(found)) <= set(NEEDS)
    assert any("not scaled by FTE" in text for text in found["guardrails"]["direct_hours"]["without"])
    assert set(found["measures"]) == set(MEASURE_NEEDS)
    assert found["never_filled"] == []
    assert not (tmp_path / "data").exists()


def test_hr_files_alone_measure_nothing_and_the_missing_kind_of_source_is_named(tmp_path: Path) -> None:
    config = _config(tmp_path, STAFF)
    found = _doctor(config)
    assert {name: _states(found)[name] for name in OF_AN_EHR} == dict.fromkeys(OF_AN_EHR, "missing")
    assert _states(found)["turnover"] == "measurable"
    (no_show,) = found["guardrails"]["no_show"]["missing"]
    assert (no_show["entities"], no_show["kind_of_source"]) == (["appointment"], "EHR")
    assert found["measures"]["clinician_week.fte"]["state"] == "measurable"
    said = " ".join(said_by("doctor", config=config).split())
    assert "no source maps session" in said
    assert "kind of source: EHR" in said


def test_both_leave_nothing_to_do_without(tmp_path: Path) -> None:
    found = _doctor(_config(tmp_path, EHR, STAFF))
    assert {name for name in COLUMN_NEEDS if found["measures"][name]["state"] != "measurable"} == set()
    without = {name: found["guardrails"][name]["without"] for name in OF_AN_EHR}
    (closures,) = without.pop("utilization")
    assert closures.startswith("closures that stand in no calendar are not taken off available time")
    assert list(without.values()) == [[], [], []]


def test_a_source_that_cannot_be_set_up_is_told_and_the_others_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = PluginSite(tmp_path / "site")
    site.folder.mkdir()
    site.install("broken_doctor", "raise RuntimeError('canary')")
    monkeypatch.syspath_prepend(str(site.folder))
    config = _config(tmp_path, EHR, '[sources.other]\nconnector = "broken_doctor"\n')
    found = _doctor(config)
    assert {name: _states(found)[name] for name in OF_AN_EHR} == dict.fromkeys(OF_AN_EHR, "measurable")
    assert set(_states(found)) <= set(NEEDS)
    assert "importing pacekeeper_broken_doctor_plugin failed" in found["broken"]["other"]
    assert "canary" not in json.dumps(found)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of a practice after a night."""
    config = _config(tmp_path_factory.mktemp("ran"), EHR, STAFF)
    night_without_dagster(PracticeHome(load_settings(config)), AS_OF, run_id="one")
    return config


def test_after_a_run_what_is_declared_and_never_filled_is_named(ran: Path) -> None:
    found = _doctor(ran)
    named = {(one["source"], one["stream"], one["column"]): one["records"] for one in found["never_filled"]}
    assert named["ehr", "appointment", "end_at"] == 5
    assert ("ehr", "appointment", "start_at") not in named
    assert not any(stream == "encounter" for _, stream, _ in named), "no record proves nothing"
    scheduled = found["measures"]["clinician_week.scheduled_h"]
    assert scheduled["state"] == "unfilled"
    assert "ehr declares appointment and has never filled end_at" in scheduled["missing"][0]["text"]
    said = " ".join(said_by("doctor", config=ran).split())
    assert "Declared, and never filled by this server" in said
    assert "never filled" in said


def test_the_doctor_says_the_same_twice_and_changes_nothing(ran: Path) -> None:
    def held() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in ran.parent.rglob("*") if path.is_file()}

    before = held()
    assert ran.parent / "data" / "ops.sqlite" in before
    assert _doctor(ran) == _doctor(ran)
    assert held() == before


def test_an_unknown_verdict_says_what_is_missing(tmp_path: Path) -> None:
    config = _config(tmp_path, STAFF)
    night_without_dagster(PracticeHome(load_settings(config)), AS_OF, run_id="one")
    lines = said_by("verdicts", "--json", config=config).splitlines()
    verdicts = [json.loads(line) for line in lines]
    assert {one["state"] for one in verdicts} == {"unknown"}
    missing = {name: one["missing"] for name, one in _doctor(config)["guardrails"].items()}
    for one in verdicts:
        assert one["reason"] == "no_source"
        assert all(lack["text"] in one["explanation"] for lack in missing[one["guardrail_id"]])
    said = " ".join(said_by("verdicts", config=config).split())
    assert "no_show, no_source no source maps appointment" in said


def test_the_measurable_check_of_the_night_says_what_is_missing(tmp_path: Path) -> None:
    home = PracticeHome(load_settings(_config(tmp_path, STAFF)))
    missing = missing_sources(home, ["no_show"])
    assert set(missing) == {"no_show"}
    last = LastPeriod("2026-02-02", {"unknown": 1}, [], {"no_source": 1})
    told = measurable("no_show", last, missing=missing["no_show"])
    assert not told.passed
    assert "no source maps appointment" in str(told.metadata["missing"].value)
    assert missing_sources(home, []) == {}


def test_a_verdict_unknown_although_sources_map_everything_says_so(ran: Path) -> None:
    lines = said_by("verdicts", "--json", "--guardrail", "direct_hours", config=ran).splitlines()
    lacking = [one for one in map(json.loads, lines) if one["reason"] == "no_source"]
    assert lacking
    assert all("none of them has rows about this clinician" in one["explanation"] for one in lacking)
