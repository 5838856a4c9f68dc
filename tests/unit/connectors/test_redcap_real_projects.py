"""Projects that a real REDCap exported: served as they are, read by PyCap, by redcaplite and by the connector."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from redcap.project import Project
from redcaplite import RedcapClient  # type: ignore[import-untyped]  # it ships no types
from tests.landing_site import LandingSite
from tests.unit.connectors.redcap_odm import read_odm
from tests.unit.connectors.survey_bench import TOKEN, ZONE, redcap

from pacekeeper.stream import Window
from pacekeeper.testing.redcap_project import RedcapProject, read_project
from pacekeeper.testing.redcap_server import RedcapServer
from pacekeeper_connectors.redcap.dictionary import Dictionary, parse_dictionary

pytestmark = pytest.mark.testdata

#: Fields, forms, checkbox columns and rows of each project.
PROJECTS = {
    "arm-single-longitudinal": (4, 1, 0, 9),
    "file-repo": (5, 1, 0, 2),
    "longitudinal": (95, 9, 25, 18),
    "repeating-instruments": (11, 2, 0, 6),
    "simple": (16, 3, 6, 5),
    "single-column": (1, 1, 0, 0),
    "survey": (25, 4, 1, 2),
    "vignette-repeating": (9, 4, 0, 17),
}
ODM = {"doctest_project": (4, 1, 2, 3), "test_simple_project": (15, 1, 0, 3)}


def dictionary_of(project: RedcapProject) -> Dictionary:
    return parse_dictionary(project.fields)


def shape(project: RedcapProject) -> tuple[int, int, int, int]:
    found = dictionary_of(project)
    return len(found.fields), len(found.forms), len(found.checkbox_columns), len(project.rows)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_dictionary_explains_every_column_of_its_projects_data(testdata: Path, name: str) -> None:
    folder = testdata / "redcap-redcapr" / name
    project = read_project(folder)
    assert shape(project) == PROJECTS[name]
    found = dictionary_of(project)
    with (folder / "data.csv").open(newline="", encoding="utf-8") as file:
        header = next(iter(csv.reader(file)), [])
    own = {f"{form}_{ending}" for form in found.forms for ending in ("complete", "timestamp")}
    columns = {column for field in found.fields.values() for column in field.columns}
    unexplained = [c for c in header if c not in own | columns and not c.startswith("redcap_")]
    assert unexplained == []


@pytest.mark.parametrize("name", PROJECTS)
def test_both_clients_read_a_served_project_as_its_file_has_it(testdata: Path, name: str) -> None:
    folder = testdata / "redcap-redcapr" / name
    project = read_project(folder)
    with RedcapServer({TOKEN: project}) as server:
        cap = Project(server.api_url, TOKEN).export_records(
            export_survey_fields=True, export_blank_for_gray_form_status=True
        )
        lite = RedcapClient(server.api_url, TOKEN).export_records(
            format="json", exportSurveyFields=True, exportBlankForGrayFormStatus=True
        )
    assert [texts(row) for row in cap] == [texts(row) for row in project.rows]
    assert lite == cap


def texts(row: Any) -> dict[str, str]:
    return {name: str(value) for name, value in row.items()}


@pytest.mark.parametrize("name", ODM)
def test_an_odm_export_is_a_project_too(testdata: Path, name: str) -> None:
    project = read_odm(testdata / "redcap-pycap" / f"{name}.xml")
    assert shape(project) == ODM[name]
    with RedcapServer({TOKEN: project}) as server:
        found = Project(server.api_url, TOKEN).export_records(export_blank_for_gray_form_status=True)
    for read, stored in zip(found, project.rows, strict=True):
        given = {column: value for column, value in texts(read).items() if value}
        held = {column: value for column, value in stored.items() if value and column in read}
        assert given == held


BP = """
client = "record_id"
[measures.bp]
instrument = "phq9"
items = []
total = "bp_systolic"
date = "date_bp"
"""
WEIGHT = """
client = "study_id"
[measures.bmi]
instrument = "gad7"
form = "demographics"
items = []
total = "bmi"
date = "date_enrolled"
events = ["enrollment_arm_1", "enrollment_arm_2"]
"""
PRESSURE = """
client = "record_id"
[measures.blood_pressure]
instrument = "phq9"
items = []
total = "sbp"
"""
MORALE = """
[staff_survey]
form = "participant_morale_questionnaire"
team = "pmq3"
items = ["pmq1", "pmq2", "pmq4"]
[staff_survey.waves.spring]
opens_on = 2018-03-01
closes_on = 2018-03-31
invited = { 1 = 1 }
"""
SCREENING = """
[staff_survey]
form = "prescreening_survey"
team = "has_diabetes"
items = ["consent"]
[staff_survey.waves.spring]
opens_on = 2018-03-01
closes_on = 2018-03-31
invited = { 1 = 1, 0 = 1 }
"""


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("repeating-instruments", BP, {"response": (4, 4, 0), "answer": (0, 0, 0), "client": (2, 2, 0)}),
        ("longitudinal", WEIGHT, {"response": (3, 3, 0), "answer": (0, 0, 0), "client": (3, 3, 0)}),
        ("vignette-repeating", PRESSURE, {"response": (6, 6, 0), "answer": (0, 0, 0), "client": (2, 2, 0)}),
        # One sheet was never touched; the other is open still, and does not count.
        ("survey", MORALE, {"staff_sheet": (2, 0, 2), "staff_answer": (0, 0, 0), "staff_wave": (1, 1, 0)}),
        ("survey", SCREENING, {"staff_sheet": (2, 2, 0), "staff_answer": (2, 2, 0), "staff_wave": (2, 2, 0)}),
    ],
    ids=["repeating", "longitudinal", "vignette", "open-survey", "survey"],
)
def test_the_connector_lands_a_real_project_with_a_balanced_ledger_once(
    testdata: Path, tmp_path: Path, name: str, file: str, expected: dict[str, tuple[int, int, int]]
) -> None:
    with RedcapServer({TOKEN: read_project(testdata / "redcap-redcapr" / name)}) as server:
        connector = redcap(server, tmp_path, file).connector
        site = LandingSite(tmp_path, connector.streams, default_tz=ZONE)
        pages = list(connector.read(connector.streams, Window()))
        first = site.land(*pages)
        again = site.land(*connector.read(connector.streams, Window()))
    assert {s: (row.read, row.inserted, row.out_of_scope) for s, row in first.items()} == expected
    assert {s: row.unchanged for s, row in again.items()} == {s: kept for s, (_, kept, _) in expected.items()}
