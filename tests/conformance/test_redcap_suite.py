"""The REDCap connector passes the conformance suite, on a loopback REDCap."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pacekeeper.testing import ConnectorSuite, Row, local
from pacekeeper.testing.conformance import Server
from pacekeeper.testing.conformance.declared import Corpus
from pacekeeper.testing.redcap_project import RedcapProject, dictionary_row
from pacekeeper.testing.redcap_server import RedcapServer
from pacekeeper_connectors.redcap import Redcap

TOKEN = "0123456789abcdef0123456789ABCDEF"
DENVER = "America/Denver"
FILE = """
client = "mrn"
[measures.gad7]
total = "gad7_total"
respondent = "self"
"""
#: What the connector makes of a record's id: event (none), form, instance (none) and measure come behind it.
_FORM = "\x1f\x1fgad7\x1f\x1fgad7"
_NAMES = [f"r{n}" for n in range(1, 6)]


def record(identity: str, code: str, **more: str) -> dict[str, str]:
    items = {f"gad7_{n}": code for n in range(1, 8)}
    stamp = {"gad7_timestamp": "2026-01-10 09:30:00", "gad7_total": str(7 * int(code)), "gad7_complete": "2"}
    return {
        "id": f"{identity}{_FORM}",
        "mrn": f"MRN-{identity}",
        "note": "a sentence in confidence",
        **items,
        **stamp,
        **more,
    }


class TestRedcap(ConnectorSuite):
    """A project of clients, read whole."""

    connector = Redcap
    corpus = {
        "record": [record(name, str(n % 4)) for n, name in enumerate(_NAMES, 1)],
        "client": [{"id": f"MRN-{name}"} for name in _NAMES],
    }
    records = {"response": "record"}
    default_tz = DENVER
    bad_settings = [{"batch_size": 0}, {"server_tz": "Mars/Base"}, {"incremental": "perhaps"}]
    expected = [
        Row(
            "measure_response",
            f"r3{_FORM}",
            proves="local_time",
            administered_at=local("2026-01-10 09:30", DENVER),
            total=21,
            status="complete",
            client_key="MRN-r3",
        ),
    ]

    def serve(self, corpus: Corpus) -> RedcapServer:
        fields = [dictionary_row("record_id", "base"), dictionary_row("mrn", "base"), dictionary_row("note", "base")]
        fields += [
            dictionary_row(f"gad7_{n}", "gad7", "radio", choices="0, a | 1, b | 2, c | 3, d") for n in range(1, 8)
        ]
        fields.append(dictionary_row("gad7_total", "gad7", "calc"))
        rows = [{**row, "record_id": str(row["id"]).partition("\x1f")[0]} for row in corpus["record"]]
        return RedcapServer({TOKEN: RedcapProject(fields, rows, surveys=frozenset({"gad7"}))})

    def settings(self, server: Server) -> Mapping[str, Any]:
        file = Path(tempfile.mkdtemp()) / "redcap.toml"
        file.write_text(FILE)
        return {"url": f"{server.url}/api/", "token": TOKEN, "mapping": str(file), "batch_size": 2}
