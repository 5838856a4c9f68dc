"""What the tests of survey connectors share: small projects, and a connector that reads them over loopback."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.raw_bench import RawBench

from pacekeeper.connector import Connector, SourceContext
from pacekeeper.http import SourceClient
from pacekeeper.testing import Faults
from pacekeeper.testing.limesurvey_server import LimeSurveyServer
from pacekeeper.testing.redcap_project import RedcapProject, dictionary_row
from pacekeeper.testing.redcap_server import RedcapServer
from pacekeeper_connectors.limesurvey import LimeSurvey, LimeSurveySettings
from pacekeeper_connectors.redcap import Redcap, RedcapSettings

TOKEN = "0123456789abcdef0123456789ABCDEF"
NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
ZONE = "America/New_York"
PHQ9 = tuple(f"phq9_{n}" for n in range(1, 10))
FOUR = "0, Not at all | 1, Several days | 2, More than half | 3, Nearly every day"
CLIENT_FILE = """
client = "mrn"

[measures.phq9]
date = "phq9_date"
total = "phq9_total"
respondent = "self"
"""
#: Faults that pass: a read survives each of them.
PASSING_FAULTS = {
    "429": Faults(too_many_on=frozenset({2})),
    "500": Faults(error_500_on=frozenset({1, 4})),
    "503": Faults(error_503_on=frozenset({3})),
    "reset": Faults(reset_on=frozenset({4})),
    "truncated": Faults(truncate_on=frozenset({5})),
}
STAFF_FILE = """
[staff_survey]
instrument = "pulse"
team = "team"
items = ["exhausted", "hours", "barrier"]

[staff_survey.waves.winter]
opens_on = 2026-02-02
closes_on = 2026-03-15
invited = { east = 9, west = 7 }
"""


def client_project(*rows: Mapping[str, str], **more: Any) -> RedcapProject:
    """Records with an MRN on one form and a PHQ-9, a survey, on another."""
    fields = [dictionary_row("record_id", "intake"), dictionary_row("mrn", "intake", identifier="y")]
    fields.append(dictionary_row("comment", "intake", "notes"))
    fields += [dictionary_row(name, "phq9", "radio", choices=FOUR) for name in PHQ9]
    fields.append(dictionary_row("phq9_total", "phq9", "calc"))
    fields.append(dictionary_row("phq9_date", "phq9", validation="date_dmy"))
    return RedcapProject(fields, [dict(row) for row in rows], surveys=frozenset({"phq9"}), **more)


def phq9(answers: str, **more: str) -> dict[str, str]:
    """Values of a form; answers: nine digits, `-` where there is none."""
    given = {name: "" if code == "-" else code for name, code in zip(PHQ9, answers, strict=True)}
    return given | {"phq9_date": "2026-02-10", "phq9_complete": "2"} | more


def staff_project(*rows: Mapping[str, str], **more: Any) -> RedcapProject:
    """An anonymous survey of staff."""
    fields = [
        dictionary_row("record_id", "pulse"),
        dictionary_row("team", "pulse", "dropdown", choices="east, East | west, West"),
        dictionary_row("exhausted", "pulse", "radio", choices=FOUR),
        dictionary_row("hours", "pulse", validation="number_comma_decimal"),
        dictionary_row("barrier", "pulse", "checkbox", choices="1, Notes | 2, Calls | -9, Other"),
        dictionary_row("staff_email", "pulse", validation="email", identifier="y"),
        dictionary_row("remark", "pulse", "notes"),
    ]
    return RedcapProject(fields, [dict(row) for row in rows], surveys=frozenset({"pulse"}), **more)


def redcap(server: RedcapServer, folder: Path, file: str, *, zone: str | None = ZONE, **settings: Any) -> RawBench:
    """A connector to the server's project TOKEN, with `file` as its site file."""
    (folder / "redcap.toml").write_text(file, encoding="utf-8")
    own = RedcapSettings(**{"url": server.api_url, "token": TOKEN, **settings})
    http = SourceClient(Redcap.http_config(own), source="ehr", sleep=_no_pause)
    return RawBench(Redcap(own, _context(folder, zone), http))


def limesurvey(
    server: LimeSurveyServer, folder: Path, file: str, *, zone: str | None = ZONE, **settings: Any
) -> RawBench:
    """A connector to the server, with `file` as its site file."""
    (folder / "limesurvey.toml").write_text(file, encoding="utf-8")
    given = {"url": server.remote_control_url, "user": server.user, "password": server.password, **settings}
    own = LimeSurveySettings(**given)
    http = SourceClient(LimeSurvey.http_config(own), source="ehr", sleep=_no_pause)
    return RawBench(LimeSurvey(own, _context(folder, zone), http))


def _context(folder: Path, zone: str | None) -> SourceContext:
    return SourceContext("ehr", zone, lambda: NOW, folder)


def landed(bench: RawBench, stream: str) -> list[dict[str, Any]]:
    """Newest version of each row of a stream, as it landed."""
    connector: Connector[Any] = bench.connector
    assert stream in {s.name for s in connector.streams}
    return [versions[-1]["row"] for versions in bench._versions[stream].values()]


def _no_pause(seconds: float) -> None:
    del seconds
