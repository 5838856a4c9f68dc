"""What a LimeSurvey mapping file may say, and what a person reads when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.site_files import assert_told
from tests.unit.connectors.survey_bench import limesurvey

from pacekeeper.testing.limesurvey_server import LimeSurveyServer
from pacekeeper.testing.limesurvey_survey import Question, Survey
from pacekeeper_connectors.limesurvey.connector import _split
from pacekeeper_connectors.limesurvey.site import load_site

FILE = """
[surveys.17]
client = { participant = "attribute_1" }
[surveys.17.measures.phq9]
question = "MOOD"
answers = { A0 = 0, A1 = 1, A2 = 2, A3 = 3 }
[surveys.18.staff_survey]
team = "TEAM"
items = ["EX"]
[surveys.18.staff_survey.waves.spring]
opens_on = 2026-03-01
closes_on = 2026-03-14
invited = { east = 4 }
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "limesurvey.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_is_accepted_with_its_defaults(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, FILE))
    (measure,) = site.known_measures
    assert (measure.label, measure.items[0], measure.items[8]) == ("s17_phq9", "MOOD[SQ001]", "MOOD[SQ009]")
    assert [staff.label for staff in site.known_staff] == ["s18_staff"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('client = { participant = "attribute_1" }', "", r"\[surveys.17\]: client is missing: say where it stands"),
        ('participant = "attribute_1"', 'participant = "a", field = "b"', "should have exactly one of field and part"),
        ('participant = "attribute_1"', 'particpant = "a"', r"particpant in \[surveys.17.client\] is not a known key"),
        ("[surveys.17.measures.phq9]", "[surveys.17.measures.mood]", "instrument is missing, and 'mood' is none of"),
        ('question = "MOOD"', 'questions = "MOOD"', r"questions in \[surveys.17.measures.phq9\] .*'question'"),
        ("A3 = 3", "A3 = 4", "answers gives 'A3' a score outside 0 to 3"),
        ("surveys.18", "surveys.staff", r"\[surveys.staff\]: a survey is named by its number"),
        ("[surveys.18.staff_survey]", '[surveys.18]\nclient = "MRN"\n[surveys.18.staff_survey]', "knows nobody"),
        ("invited = { east = 4 }", "", r"invited in \[surveys.18.staff_survey.waves.spring\] is missing"),
    ],
)  # fmt: skip
def test_a_fault_names_file_table_key_and_what_is_allowed(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    assert_told(load_site, tmp_path / "limesurvey.toml", FILE, before=before, after=after, expected=expected)


def test_questions_and_surveys_that_are_not_there_are_told_with_the_nearest(tmp_path: Path) -> None:
    survey = Survey([Question("MODE", parts={f"SQ{n:03d}": "x" for n in range(1, 10)})])
    staff = Survey([Question("TEAM", kind="L"), Question("EX", kind="L")], is_anonymous=True)
    with LimeSurveyServer({17: survey, 18: staff}) as server:
        health = limesurvey(server, tmp_path, FILE).connector.check()
        assert "items in [surveys.17.measures.phq9] names 'MOOD[SQ001]'; it should be 'MODE[SQ001]'" in health.message
        del server.surveys[17]
        health = limesurvey(server, tmp_path, FILE).connector.check()
        assert "the user sees no survey 17" in health.message
    assert not health.ok


@pytest.mark.parametrize(
    ("url", "base", "path"),
    [
        ("https://ls.example/index.php/admin/remotecontrol", "https://ls.example/index.php/admin", "remotecontrol"),
        ("https://ls.example/a/index.php?r=admin/remotecontrol", "https://ls.example/a",
         "index.php?r=admin/remotecontrol"),
    ],
)  # fmt: skip
def test_both_ways_to_write_the_address_are_kept_as_they_are(url: str, base: str, path: str) -> None:
    assert _split(url) == (base, path)
