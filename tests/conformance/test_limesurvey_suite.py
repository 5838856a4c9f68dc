"""The LimeSurvey connector passes the conformance suite, on a loopback RemoteControl."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pacekeeper.testing import ConnectorSuite, Row, local
from pacekeeper.testing.conformance import Server
from pacekeeper.testing.conformance.declared import Corpus
from pacekeeper.testing.limesurvey_server import LimeSurveyServer
from pacekeeper.testing.limesurvey_survey import Question, Survey
from pacekeeper_connectors.limesurvey import LimeSurvey

DENVER = "America/Denver"
FILE = """
[surveys.17]
client = "MRN"
[surveys.17.measures.gad7]
total = "SUM"
respondent = "self"
"""
ITEMS = [f"GAD7[SQ{n:03d}]" for n in range(1, 8)]


def response(number: int, code: str) -> dict[str, str]:
    answers = dict.fromkeys(ITEMS, code)
    stamp = {"submitdate": "2026-01-10 09:30:00", "SUM": str(7 * int(code)), "NOTE": "a sentence in confidence"}
    return {"id": f"17\x1f{number}\x1fgad7", "MRN": f"MRN-{number}", **answers, **stamp}


class TestLimeSurvey(ConnectorSuite):
    """One survey, by ranges of ids."""

    connector = LimeSurvey
    corpus = {
        "response": [response(n, str(n % 4)) for n in range(1, 6)],
        "client": [{"id": f"MRN-{n}"} for n in range(1, 6)],
    }
    default_tz = DENVER
    bad_settings = [{"batch_size": 0}, {"server_tz": "Mars/Base"}]
    expected = [
        Row(
            "measure_response",
            "17\x1f3\x1fgad7",
            proves="local_time",
            administered_at=local("2026-01-10 09:30", DENVER),
            total=21,
            status="complete",
            client_key="MRN-3",
        ),
    ]

    def serve(self, corpus: Corpus) -> LimeSurveyServer:
        parts = {f"SQ{n:03d}": f"item {n}" for n in range(1, 8)}
        plain = [Question(code, kind="S") for code in ("MRN", "SUM", "NOTE")]
        survey = Survey([*plain, Question("GAD7", parts=parts)])
        for row in corpus["response"]:
            survey.add(**{**row, "id": int(str(row["id"]).split("\x1f")[1])})
        return LimeSurveyServer({17: survey})

    def settings(self, server: Server) -> Mapping[str, Any]:
        file = Path(tempfile.mkdtemp()) / "limesurvey.toml"
        file.write_text(FILE)
        url = f"{server.url}/index.php/admin/remotecontrol"
        return {"url": url, "user": "api", "password": "let-me-in", "mapping": str(file), "batch_size": 2}
