"""The HL7 v2 connector passes the conformance suite, on a folder with a file per message."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pacekeeper.testing import ConnectorSuite, Row, local
from pacekeeper.testing.conformance import Folder
from pacekeeper.testing.conformance.declared import Corpus
from pacekeeper_connectors.hl7v2 import Hl7v2
from tests.conformance.hl7v2_corpus import corpus, written

DENVER = "America/Denver"


class TestHl7v2(ConnectorSuite):
    """Local times of a facility whose zone the site names."""

    connector = Hl7v2
    corpus = corpus()
    bad_settings = [{"facilities": {"RIVERBEND": "Mars/Base"}}, {"currency": "dollars"}]
    inferred = {"session_clinician.role": "where a message names somebody says it: PV1-7 attends, other AIP-3 share"}
    expected = [
        Row("appointment", "ap1", proves="local_time", start_at=local("2026-01-01 14:00", DENVER), status="booked"),
        Row(
            "appointment",
            "ap2",
            proves="late_cancel",
            status="cancelled",
            cancelled_by="client",
            cancelled_at=local("2026-01-02 10:30", DENVER),
        ),
        Row("appointment", "ap3", proves="minutes", status="kept", minutes=50, clinician_key="pr1"),
        Row("session", "vi1", proves="minutes", minutes=50, appointment_key="ap1"),
        Row("session", "vi2", proves="cancelled_session", status="voided"),
        Row("appointment", "ap4", status="no_show"),
        Row("client", "pt1", birth_year=1984, area_code="802", is_deceased=False),
        Row("charge", "tx1", charge_cents=15010, payer_class="commercial", session_key="vi1"),
        Row("payment", "tx2", amount_cents=15010, payment_source="payer"),
        Row("note", "nt1", status="amended", amended_count=1, signed_at=local("2026-01-02 08:00", DENVER)),
        Row("measure_response", "or1#phq9", source_total=7, items_missing=7, status="complete"),
    ]

    def write_files(self, corpus: Corpus, folder: Path) -> None:
        for name, records in corpus.items():
            for number, record in enumerate(records, 1):
                content = written(name, record)
                (folder / f"{name}-{number:03d}.hl7").write_text(content, encoding="utf-8", newline="")

    def settings(self, server: Folder) -> Mapping[str, Any]:  # type: ignore[override]  # it reads files
        return {"folder": str(server.path), "facilities": {"RIVERBEND": DENVER}}
