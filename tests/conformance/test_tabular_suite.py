"""The connector of files passes the conformance suite: US dates, local times in two columns, codes in words, hours."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pacekeeper.testing import ConnectorSuite, NoRow, Row, local
from pacekeeper.testing.conformance import Folder
from pacekeeper.testing.conformance.declared import Corpus
from pacekeeper_connectors.tabular import Tabular

DENVER = "America/Denver"
MAPPING = Path(__file__).with_name("tabular_mapping.toml")
#: What stands between the parts of a key of several columns.
PARTS = "\x1f"


def staff(number: str, since: str, role: str) -> dict[str, str]:
    """A row for each employment; `record_id` is what number and day of hiring are together."""
    month, day, year = since.split("/")
    identity = f"{number}{PARTS}{year}-{month}-{day}"
    return {"record_id": identity, "number": number, "since": since, "npi": "1000000004", "role": role, "fte": "0.8"}


def visit(number: int, state: str) -> dict[str, str]:
    """A visit on the n-th of January at two o'clock in Denver."""
    return {
        "visit": f"v{number}",
        "client": f"c{number % 2}",
        "clinician": "s1",
        "day": f"01/0{number}/2026",
        "at": "02:00 PM",
        "minutes": "50",
        "state": state,
        "born": "1984",
        "area": "80201",
        "remark": "a sentence in confidence",
    }


def entry(number: int, hours: str, work: str) -> dict[str, str]:
    return {"entry": f"t{number}", "clinician": "s1", "day": "2026-01-05", "hours": hours, "work": work, "paid": "yes"}


class TestTabular(ConnectorSuite):
    """Three files in a folder, and a mapping file beside it."""

    connector = Tabular
    corpus = {
        "staff": [staff("s1", "03/01/2024", "TH"), staff("s2", "04/01/2024", "SU"), staff("s3", "05/01/2024", "TH")],
        "visit": [visit(1, "Attended"), visit(2, "Late Canceled"), visit(3, "Missed"), visit(4, "Upcoming")],
        "sheet": [entry(1, "1.5", "DOC"), entry(2, "0.25", "TRN"), entry(3, "2", "DOC")],
    }
    bad_settings = [{"url": "s3://bucket/folder"}, {"profile": "no-such-profile"}, {"timeout_seconds": 0}]
    expected = [
        Row("appointment", "v1", proves="local_time", start_at=local("2026-01-01 14:00", DENVER), status="kept"),
        Row("appointment", "v2", proves="late_cancel", status="cancelled", client_key="c0"),
        Row("session", "v1", proves="minutes", minutes=50),
        Row("time_entry", "t1", proves="minutes", minutes=90, kind="documentation", is_paid=True),
        NoRow("session", "v2", proves="cancelled_session"),
        Row("clinician", "s2", role="supervisor", first_seen="2024-04-01"),
        Row("client", "c0", birth_year=1984, area_code="802"),
    ]

    def write_files(self, corpus: Corpus, folder: Path) -> None:
        for name, records in corpus.items():
            rows = [self._cells(record) for record in (*self.corpus[name], *records)]
            headers = list(dict.fromkeys(header for row in rows for header in row))
            with (folder / f"{name}s.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, headers)
                writer.writeheader()
                writer.writerows(rows[len(self.corpus[name]) :])

    def settings(self, server: Folder) -> Mapping[str, Any]:  # type: ignore[override]  # it reads files
        return {"folder": str(server.path), "mapping": str(MAPPING)}

    @staticmethod
    def _cells(record: Mapping[str, Any]) -> dict[str, Any]:
        """A record as its row. A record with an identity of its own, as the suite makes them, is another employee."""
        cells = {name: value for name, value in record.items() if name != "record_id"}
        if "record_id" in record and PARTS not in record["record_id"]:
            cells["number"] = record["record_id"]
        return cells
