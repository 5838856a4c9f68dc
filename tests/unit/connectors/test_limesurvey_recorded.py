"""A real LimeSurvey 6.4.2, recorded: our simulator answers alike, and the connector reads what was recorded."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from citric import Client
from tests.landing_site import LandingSite
from tests.raw_bench import key, match
from tests.unit.connectors.survey_bench import ZONE, limesurvey

from pacekeeper.stream import Window
from pacekeeper.testing.limesurvey_server import LimeSurveyServer
from pacekeeper.testing.limesurvey_survey import Question, Survey
from pacekeeper.testing.simulator_http import Call, Reply

pytestmark = pytest.mark.testdata

NUMBER = 900001
FILE = """
[surveys.900001]
client = { participant = "attribute_1" }
[surveys.900001.measures.phq9]
answers = { A0 = 0, A1 = 1, A2 = 2, A3 = 3 }
respondent = "self"
[surveys.900001.measures.gad7]
answers = { A0 = 0, A1 = 1, A2 = 2, A3 = 3 }
respondent = "self"
"""


@pytest.fixture
def recorded(testdata: Path) -> Path:
    return testdata / "limesurvey-recorded"


def survey_of(recorded: Path) -> Survey:
    """The recorded survey, from its definition, its participants and one export."""
    with (recorded / "phq9_gad7.survey.tsv").open(newline="", encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    questions: list[dict[str, Any]] = []
    for line in lines:
        if line["class"] == "Q":
            text, kind = line["text"], line["type/scale"]
            questions.append({"code": line["name"], "text": text, "kind": kind, "parts": {}, "answers": {}})
        elif line["class"] in {"SQ", "A"}:
            questions[-1]["parts" if line["class"] == "SQ" else "answers"][line["name"]] = line["text"]
    exported = json.loads((recorded / "export_json_all_code_short.json").read_text(encoding="utf-8"))
    people = json.loads((recorded / "list_participants.json").read_text())["response"]["result"]
    participants = [{**person.pop("participant_info"), **person} for person in people]
    made = [Question(**question) for question in questions]
    return Survey(made, exported["responses"], "PHQ-9 and GAD-7", participants)


@pytest.fixture
def server(recorded: Path) -> Iterator[LimeSurveyServer]:
    with LimeSurveyServer({NUMBER: survey_of(recorded)}) as running:
        yield running


@pytest.mark.parametrize("kind", ["short", "long"])
@pytest.mark.parametrize("heading", ["code", "full"])
@pytest.mark.parametrize("how", ["json", "csv"])
def test_the_simulator_exports_as_the_real_server_did(
    server: LimeSurveyServer, recorded: Path, how: str, heading: str, kind: str
) -> None:
    with Client(server.remote_control_url, server.user, server.password) as client:
        found = client.export_responses(NUMBER, file_format=how, heading_type=heading, response_type=kind)
    expected = (recorded / f"export_{how}_all_{heading}_{kind}.{how}").read_bytes()
    if how == "json":
        assert json.loads(found) == json.loads(expected)
    else:
        assert found == expected


@pytest.mark.parametrize(
    "name",
    [
        "error_login", "error_bad_session", "error_unknown_survey", "error_unknown_method", "error_bad_params",
        "export_responses_range_3_5", "export_responses_empty_range", "get_summary", "list_participants",
    ],
)  # fmt: skip
def test_the_simulator_answers_a_recorded_call_alike(server: LimeSurveyServer, recorded: Path, name: str) -> None:
    exchange = json.loads((recorded / f"{name}.json").read_text(encoding="utf-8"))
    with Client(server.remote_control_url, server.user, server.password) as client:
        session = "expired" if name == "error_bad_session" else client.session.key
        params = [session if param == "<session>" else param for param in exchange["request"]["params"]]
        status, answer = posted(server, {"method": exchange["request"]["method"], "params": params, "id": 1})
    assert status == exchange["status"]
    if status == 200:
        result, expected = answer["result"], exchange["response"]["result"]
        if isinstance(expected, dict) and isinstance(result, dict):
            expected = {field: expected[field] for field in result}
        assert decoded(result) == decoded(expected)


def posted(server: LimeSurveyServer, asked: dict[str, Any]) -> tuple[int, Any]:
    import httpx

    response = httpx.post(server.remote_control_url, json=asked)
    return response.status_code, response.json() if response.status_code == 200 else None


def decoded(result: Any) -> Any:
    try:
        return json.loads(base64.b64decode(result, validate=True))
    except (TypeError, ValueError):
        return result


def test_what_the_connector_reads_equals_what_citric_reads(server: LimeSurveyServer, tmp_path: Path) -> None:
    made = limesurvey(server, tmp_path, FILE, batch_size=7)
    connector = made.connector
    pages = list(connector.read(connector.streams, Window()))
    rows = [row for page in pages if page.stream == "response" for row in page.rows]  # type: ignore[union-attr]
    with Client(server.remote_control_url, server.user, server.password) as client:
        responses = client.export_responses_dict(NUMBER)
        people = client.list_participants(NUMBER, limit=100, attributes=["attribute_1"])
    mrns = {person["token"]: person.get("attribute_1") for person in people}
    expected = {}
    for response in responses:
        for name, code, items in (("phq9", "PHQ9", 9), ("gad7", "GAD7", 7)):
            given = {n: response[f"{code}[SQ{n:03d}]"] for n in range(1, items + 1)}
            answers = {n: answer for n, answer in given.items() if answer}
            expected[response["id"], name] = (mrns.get(response["token"]), response["submitdate"], answers)
    found = {
        (int(row["id"].split("\x1f")[1]), row["instrument"]): (
            row["client"],
            row["completed_at"],
            {answer["item_no"]: answer["answer"] for answer in row["answers"]},
        )
        for row in rows
    }
    assert found == expected


class Recording(LimeSurveyServer):
    """Plays the recorded answers, whatever the parameters; an export is the recorded one the first time, then empty."""

    def __init__(self, folder: Path) -> None:
        super().__init__({})
        self.folder = folder
        self.exports = 0

    def answer(self, call: Call) -> Reply:
        method = call.json["method"]
        self.methods.append(method)
        if method == "release_session_key":
            return Reply(content={"id": call.json["id"], "result": "OK", "error": None})
        if method == "export_responses":
            self.exports += 1
            name = "export_json_all_code_short.json" if self.exports % 2 else "export_json_incomplete_code_short.json"
            result: Any = base64.b64encode((self.folder / name).read_bytes()).decode()
        else:
            file = "get_session_key_ok" if method == "get_session_key" else method
            result = json.loads((self.folder / f"{file}.json").read_text(encoding="utf-8"))["response"]["result"]
        return Reply(content={"id": call.json["id"], "result": result, "error": None})


def test_the_recordings_are_read_with_a_balanced_ledger_once(recorded: Path, tmp_path: Path) -> None:
    with Recording(recorded) as server:
        made = limesurvey(server, tmp_path, FILE)
        site = LandingSite(tmp_path, made.connector.streams, default_tz=ZONE)
        first = site.land(*made.connector.read(made.connector.streams, Window()))
        server.exports = 0
        again = site.land(*made.connector.read(made.connector.streams, Window()))
    # 22 responses are whole (9 + 7 answers), 3 stopped after the fourth item of the PHQ-9: their GAD-7 is empty.
    assert {s: (row.read, row.inserted, row.out_of_scope, row.rejected) for s, row in first.items()} == {
        "response": (50, 47, 3, 0),
        "answer": (364, 364, 0, 0),
        "client": (25, 25, 0, 0),
    }
    assert {s: row.unchanged for s, row in again.items()} == {"response": 47, "answer": 364, "client": 25}


def test_the_recorded_responses_become_measures(recorded: Path, tmp_path: Path) -> None:
    with Recording(recorded) as server:
        made = limesurvey(server, tmp_path, FILE)
        made.read()
    rows = {(row["response_key"], row["instrument"]): row for row in made.wanted("measure_response")}
    first = rows[key("measure_response", f"{NUMBER}\x1f1\x1fphq9"), "phq9"]
    # 2+1+3+0+0+0+2+0+1, and 0+0+3+3+0+1+0 beside it.
    assert (first["total"], first["status"], first["client_key"]) == (9.0, "complete", key("client", "MRN1001"))
    assert rows[key("measure_response", f"{NUMBER}\x1f1\x1fgad7"), "gad7"]["total"] == 7.0
    fourth = rows[key("measure_response", f"{NUMBER}\x1f4\x1fphq9"), "phq9"]
    assert (fourth["status"], fourth["items_missing"]) == ("partial", 5)
    assert sum(row["status"] == "complete" for row in rows.values()) == 44
    identifiers = {row["match_key"] for row in made.wanted("client_identifier")}
    assert match("mrn", "mrn1001") in identifiers
