"""Staff surveys of both systems: what answers mean, and that nothing in them leads to a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.raw_bench import RawBench, key
from tests.unit.connectors.survey_bench import STAFF_FILE, TOKEN, landed, limesurvey, redcap, staff_project

from pacekeeper.columns import Date, Instant, MatchKey, Ref
from pacekeeper.errors import ConfigError
from pacekeeper.stream import Window
from pacekeeper.testing.limesurvey_server import LimeSurveyServer
from pacekeeper.testing.limesurvey_survey import Question, Survey
from pacekeeper.testing.redcap_server import RedcapServer

SHEET = {
    "record_id": "1",
    "redcap_survey_identifier": "jo@clinic.example",
    "pulse_timestamp": "2026-02-12 17:45:10",
    "team": "east",
    "exhausted": "3",
    "hours": "41,5",
    "barrier___1": "1",
    "barrier___2": "0",
    "barrier____9": "0",
    "staff_email": "jo@clinic.example",
    "remark": "it was me, Jo",
    "pulse_complete": "2",
}
LIME_FILE = """
[surveys.7.staff_survey]
instrument = "pulse"
team = "TEAM"
items = ["EX[1]", "EX[2]"]
answers = { A1 = 1, A5 = 5 }
[surveys.7.staff_survey.waves.winter]
opens_on = 2026-02-02
closes_on = 2026-02-22
invited = { east = 9 }
"""


@pytest.fixture
def server() -> Iterator[RedcapServer]:
    with RedcapServer({TOKEN: staff_project(SHEET)}) as running:
        yield running


@pytest.fixture
def lime() -> Iterator[LimeSurveyServer]:
    survey = Survey(
        [Question("TEAM", kind="L"), Question("EX", parts={"1": "a", "2": "b"})], is_anonymous=True, title="Pulse"
    )
    with LimeSurveyServer({7: survey}) as running:
        yield running


def test_a_sheet_lands_with_its_week_its_team_and_its_answers(server: RedcapServer, tmp_path: Path) -> None:
    made = redcap(server, tmp_path, STAFF_FILE)
    made.read()
    (sheet,) = made.wanted("staff_survey_response")
    assert sheet == {
        "response_token": key("staff_sheet", "1\x1f\x1fpulse\x1f"),
        "wave_key": key("survey_wave", "staff\x1fwinter"),
        "team_key": key("survey_team", "east"),
        "instrument": "pulse",
        "submitted_week": date(2026, 2, 9),
    }
    assert {item["item"]: item["value"] for item in made.wanted("staff_survey_item")} == {
        "exhausted": 3.0, "hours": 41.5, "barrier___1": 1.0, "barrier___2": 0.0, "barrier____9": 0.0,
    }  # fmt: skip
    waves = {wave["team_key"]: wave["invited_n"] for wave in made.wanted("survey_wave")}
    assert waves == {key("survey_team", "east"): 9, key("survey_team", "west"): 7}


def test_the_items_of_a_published_instrument_have_its_numbers(server: RedcapServer, tmp_path: Path) -> None:
    numbered = STAFF_FILE.replace('team = "team"', 'team = "team"\nitem_codes = { exhausted = "1" }')
    made = redcap(server, tmp_path, numbered)
    made.read()
    assert {item["item"] for item in made.wanted("staff_survey_item")} >= {"1", "hours", "barrier___1"}


def test_nothing_that_names_or_times_a_person_reaches_the_boundary_or_lands(
    server: RedcapServer, tmp_path: Path
) -> None:
    made = redcap(server, tmp_path, STAFF_FILE)
    connector = made.connector
    for stream in connector.streams:
        assert not any(isinstance(column, Instant | MatchKey) for column in stream.columns.values())
        entities = {column.entity for column in stream.columns.values() if isinstance(column, Ref)}
        assert entities <= {"survey_wave", "survey_team"}
        dates = {name for name, column in stream.columns.items() if isinstance(column, Date)}
        assert dates <= {"week", "opens_on", "closes_on"}
    handed_over = repr([page.rows for page in connector.read(connector.streams, Window())])
    for secret in ("jo@clinic", "it was me", "17:45", "2026-02-12"):
        assert secret not in handed_over
    export = [call.form for call in server.requests if call.form.get("content") == "record"][-1]
    fields = {value for name, value in export.items() if name.startswith("fields[")}
    assert fields == {"record_id", "team", "exhausted", "hours", "barrier", "pulse_complete"}


@pytest.mark.parametrize(
    ("until", "kept"),
    [
        # The sheet is of Thursday 12 February; its week ends on Sunday 15, in New York.
        (datetime(2026, 2, 13, 3, tzinfo=UTC), 0),
        (datetime(2026, 2, 16, 4, 59, tzinfo=UTC), 0),
        (datetime(2026, 2, 16, 5, 1, tzinfo=UTC), 1),
    ],
)
def test_a_sheet_lands_when_its_week_is_over_so_that_the_night_does_not_tell_the_day(
    server: RedcapServer, tmp_path: Path, until: datetime, kept: int
) -> None:
    made = redcap(server, tmp_path, STAFF_FILE)
    pages = made.connector.read(made.connector.streams, Window(until=until))
    counts = made.read(pages)["staff_sheet"]
    assert (counts.read, counts.kept) == (1, kept)
    assert dict(counts.out_of_scope) == ({} if kept else {"week_not_over_or_not_filled": 1})


def test_a_wave_follows_from_its_field_its_event_or_the_day(tmp_path: Path) -> None:
    def wave(file: str, **values: Any) -> str | None:
        events = [{"event_name": "e", "arm_num": "1", "unique_event_name": "w_arm_1", "event_id": "1"}]
        project = staff_project({**SHEET, **values}, events=events)
        with RedcapServer({TOKEN: project}) as server:
            made = redcap(server, tmp_path, file)
            made.read()
        return made.wanted("staff_survey_response")[0].get("wave_key")

    winter = key("survey_wave", "staff\x1fwinter")
    assert wave(STAFF_FILE) == winter
    assert wave(STAFF_FILE, pulse_timestamp="2026-01-20 10:00:00") is None
    by_event = STAFF_FILE.replace("opens_on", 'event = "w_arm_1"\nopens_on')
    assert wave(by_event, pulse_timestamp="2026-01-20 10:00:00", redcap_event_name="w_arm_1") == winter
    by_field = STAFF_FILE.replace('team = "team"', 'team = "team"\nwave = "exhausted"')
    assert wave(by_field, exhausted="winter") == winter


def test_limesurvey_sheets_come_the_same_way(lime: LimeSurveyServer, tmp_path: Path) -> None:
    survey = lime.surveys[7]
    survey.add(submitdate="2026-02-12 17:45:10", TEAM="east", **{"EX[1]": "A5", "EX[2]": "A1"})
    survey.add(submitdate="", TEAM="east", **{"EX[1]": "A5"})
    survey.add(submitdate="2026-02-13 08:00:00", TEAM="east", **{"EX[1]": "A9"})
    made = limesurvey(lime, tmp_path, LIME_FILE)
    counts = made.read()
    assert (counts["staff_sheet"].kept, counts["staff_sheet"].out_of_scope.total()) == (2, 1)
    sheets = made.wanted("staff_survey_response")
    assert {s["submitted_week"] for s in sheets} == {date(2026, 2, 9)}
    assert {s["wave_key"] for s in sheets} == {key("survey_wave", "s7_staff\x1fwinter")}
    assert sorted((i["item"], i["value"]) for i in made.wanted("staff_survey_item")) == [("EX[1]", 5.0), ("EX[2]", 1.0)]
    assert made.reasons("staff_survey_item") == ["answer_not_mapped"]


def test_a_survey_without_times_counts_for_the_last_week_of_its_wave(lime: LimeSurveyServer, tmp_path: Path) -> None:
    lime.surveys[7].add(submitdate="1980-01-01 00:00:00", TEAM="east", **{"EX[1]": "A5"})
    made = limesurvey(lime, tmp_path, LIME_FILE)
    made.read()
    assert [row["week"] for row in landed(made, "staff_sheet")] == [date(2026, 2, 16)]


def test_a_staff_survey_that_is_not_anonymised_is_refused(lime: LimeSurveyServer, tmp_path: Path) -> None:
    lime.surveys[7].is_anonymous = False
    made: RawBench = limesurvey(lime, tmp_path, LIME_FILE)
    with pytest.raises(ConfigError, match="survey 7 is a staff survey, and its responses are not anonymised"):
        made.read()
    assert lime.open_sessions == 0
    assert "export_responses" not in lime.methods
