"""What LimeSurvey does when it does not do as it should: survived, or a named error that holds no value."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.unit.connectors.survey_bench import PASSING_FAULTS, limesurvey

from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError, RetryableError
from pacekeeper.testing import Faults
from pacekeeper.testing.limesurvey_server import LimeSurveyFaults, LimeSurveyServer
from pacekeeper.testing.limesurvey_survey import Question, Survey
from pacekeeper_connectors.limesurvey.remote_control import decoded_responses

SECRET = "MRN-4711-SECRET"
FILE = """
[surveys.1]
client = "MRN"
[surveys.1.measures.phq9]
question = "Q"
respondent = { field = "WHO", values = { P = "caregiver" } }
[surveys.2]
client = { participant = "token" }
[surveys.2.measures.total_only]
instrument = "gad7"
items = []
total = "SUM"
date = "DAY"
"""
PARTS = {f"SQ{n:03d}": f"item {n}" for n in range(1, 10)}


@pytest.fixture
def server() -> Iterator[LimeSurveyServer]:
    first = Survey([Question("MRN", kind="S"), Question("WHO", kind="L"), Question("Q", parts=PARTS)])
    answers = {f"Q[{part}]": "1" for part in PARTS}
    for number in range(1, 6):
        first.add(submitdate=f"2026-02-0{number} 10:00:00", MRN=f"{SECRET}{number}", WHO="P", **answers)
    second = Survey([Question("SUM", kind="N"), Question("DAY", kind="D")])
    second.add(submitdate="1980-01-01 00:00:00", token="tok", SUM="12", DAY="2026-02-03 00:00:00")
    with LimeSurveyServer({1: first, 2: second}) as running:
        yield running


def read(server: LimeSurveyServer, tmp_path: Path, **how: Any) -> Any:
    return limesurvey(server, tmp_path, FILE, batch_size=2, **how).read()


def test_several_surveys_are_read_in_one_session_that_is_given_back(server: LimeSurveyServer, tmp_path: Path) -> None:
    made = limesurvey(server, tmp_path, FILE, batch_size=2)
    counts = made.read()
    assert (counts["response"].kept, counts["answer"].kept, counts["client"].kept) == (6, 45, 6)
    assert (server.logins, server.open_sessions) == (1, 0)
    rows = made.wanted("measure_response")
    assert {(row["instrument"], row["respondent"], row["total"], row["status"]) for row in rows} == {
        ("phq9", "caregiver", 9.0, "complete"),
        ("gad7", "unknown", 12.0, "complete"),
    }
    made.read()
    assert made.wanted("measure_response") == rows


def test_a_session_that_expires_in_the_middle_is_replaced(server: LimeSurveyServer, tmp_path: Path) -> None:
    server.reset(own_faults=LimeSurveyFaults(session_calls=2))
    counts = read(server, tmp_path)
    assert (counts["response"].kept, counts["response"].duplicate) == (6, 0)
    assert server.logins > 2


def test_a_server_whose_sessions_never_hold_ends_in_an_error(server: LimeSurveyServer, tmp_path: Path) -> None:
    server.reset(own_faults=LimeSurveyFaults(session_calls=0))
    with pytest.raises(PacekeeperError, match="method get_fieldmap for survey 1"):
        read(server, tmp_path)
    assert server.logins == 2


@pytest.mark.parametrize("faults", PASSING_FAULTS.values(), ids=PASSING_FAULTS)
def test_a_passing_fault_is_survived_and_nothing_is_lost_or_doubled(
    server: LimeSurveyServer, tmp_path: Path, faults: Faults
) -> None:
    server.reset(faults)
    counts = read(server, tmp_path)
    assert (counts["response"].kept, counts["response"].duplicate) == (6, 0)


@pytest.mark.parametrize(
    ("own", "error", "text"),
    [
        (LimeSurveyFaults(switched_off=True), ConfigError, "switch the RPC interface to JSON-RPC"),
        (LimeSurveyFaults(html_on=frozenset({2})), DataError, "bytes that are no JSON-RPC: a page for browsers"),
        (LimeSurveyFaults(error_on=frozenset({2})), FatalError, "answered with an error: the call was not understood"),
        (LimeSurveyFaults(damage=True), DataError, "the export of survey 1 is damaged: no base64"),
        (LimeSurveyFaults(rows={"a": 1}), DataError, "the export of survey 1 is damaged"),
        (LimeSurveyFaults(rows=[]), DataError, "survey 1 counts 5 responses, and gives 0"),
        (LimeSurveyFaults(statuses=(("export_responses", "No permission"),)), ConfigError, "1 is refused: give"),
        (LimeSurveyFaults(statuses=(("get_fieldmap", f"{SECRET} is odd"),)), FatalError, "a status that is not known"),
    ],
)  # fmt: skip
def test_a_lasting_fault_ends_in_an_error_that_says_what_to_do(
    server: LimeSurveyServer, tmp_path: Path, own: LimeSurveyFaults, error: type[PacekeeperError], text: str
) -> None:
    server.reset(own_faults=own)
    with pytest.raises(error) as raised:
        read(server, tmp_path)
    assert text in str(raised.value)
    assert SECRET not in str(raised.value)
    assert server.password not in str(raised.value)


def test_a_wrong_password_is_a_fault_of_the_settings(server: LimeSurveyServer, tmp_path: Path) -> None:
    health = limesurvey(server, tmp_path, FILE, password="wrong-one").connector.check()
    assert not health.ok
    assert "check `user` and the password" in health.message
    assert "wrong-one" not in health.message


def test_a_method_the_server_does_not_know_is_told_apart_from_a_page_that_is_missing(
    server: LimeSurveyServer, tmp_path: Path
) -> None:
    from pacekeeper_connectors.limesurvey.remote_control import RemoteControl

    connector = limesurvey(server, tmp_path, FILE).connector
    remote = RemoteControl(connector.http, "remotecontrol", source="ehr", user=server.user, password=server.password)
    with pytest.raises(RetryableError, match="does not know the method with these parameters"):
        remote.call("no_such_method")
    elsewhere = limesurvey(server, tmp_path, FILE, url=f"{server.url}/admin/remotecontrol")
    with pytest.raises(FatalError, match="404: the server does not accept this call; is the base address right"):
        elsewhere.read()


def test_an_empty_survey_is_neither_an_error_nor_a_row(server: LimeSurveyServer, tmp_path: Path) -> None:
    for survey in server.surveys.values():
        survey.responses.clear()
    assert read(server, tmp_path) == {}


def test_rows_that_are_no_responses_are_rejected_by_name_and_place(server: LimeSurveyServer, tmp_path: Path) -> None:
    server.surveys[2].responses.clear()
    rows = [{"id": 1, "MRN": "M1", "submitdate": "2026-02-01 10:00:00", "Q[SQ001]": "2"}, "text", {"MRN": "M2"}]
    server.surveys[1].responses = server.surveys[1].responses[:3]
    server.reset(own_faults=LimeSurveyFaults(rows=rows))
    counts = limesurvey(server, tmp_path, FILE).read()["response"]
    assert (counts.read, counts.kept, counts.rejected_rows) == (3, 1, 2)
    assert {reason for _, reason in counts.rejected} == {"not_an_object", "response_without_id"}


def test_exports_of_older_versions_and_with_a_byte_order_mark_are_read() -> None:
    def encoded(content: Any) -> str:
        return base64.b64encode(b"\xef\xbb\xbf" + orjson.dumps(content)).decode()

    rows = [{"id": 1, "Q": "A1"}, {"id": 2, "Q": ""}]
    assert decoded_responses(encoded({"responses": rows}), source="s", survey=1) == rows
    wrapped = {"responses": [{"1": rows[0]}, {"2": rows[1]}]}
    assert decoded_responses(encoded(wrapped), source="s", survey=1) == rows
