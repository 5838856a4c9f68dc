"""The FHIR connector passes the conformance suite, on a loopback FHIR server."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pacekeeper.testing import ConnectorSuite, FhirServer, NoRow, Row, local
from pacekeeper.testing.conformance import Server
from pacekeeper.testing.conformance.declared import Corpus
from pacekeeper_connectors.fhir import Fhir
from tests.conformance.fhir_corpus import corpus

DENVER = "America/Denver"


class TestFhir(ConnectorSuite):
    """Paged searches with a bearer token."""

    connector = Fhir
    corpus = corpus()
    bad_settings = [{"base_url": "not an address"}, {"page_size": 0}, {"folder": "here as well"}]
    # An explanation says what was paid, not as which payer: its outcome is kept beside a status that is never known.
    unmapped = {"claim_payment.status": frozenset({"complete", "partial"})}
    inferred = {
        "ehr_event.task_type": "the kind of record that was touched tells it",
        "referral.channel": "who asked for the referral tells it",
    }
    expected = [
        Row("appointment", "a1", proves="local_time", start_at=local("2026-01-01 14:00", DENVER), status="kept"),
        Row("appointment", "a2", proves="late_cancel", status="cancelled", cancelled_by="client"),
        Row("session", "s1", proves="minutes", minutes=50, clinician_key="d1"),
        Row("session", "s2", proves="cancelled_session", status="voided"),
        Row("clinician", "d1", role="therapist"),
        Row("session_clinician", ("s1", "d1"), role="primary", counts_direct=True),
        Row(
            "note", "n1", status="final", signed_at=local("2026-01-02 08:00", DENVER), client_key="p1", amended_count=1
        ),
        NoRow("note", "x1"),  # the same note as n1
        NoRow("note", "x2"),  # a psychotherapist's own
        NoRow("note", "n3"),  # an addendum to n1
        Row("message", "m1", direction="in", category="scheduling", clinician_key="d1"),
        Row("message", "m2", direction="out", in_reply_to_key="m1"),
        Row("task", "t2", status="in_progress", about_key="n1", clinician_key="d1"),
        Row("referral", "w1", direction="in", channel="self", clinician_key="d1"),
        Row("referral", "w2", direction="out", channel="provider"),
        Row("ehr_event", "g1", event_type="update", task_type="note", clinician_key="d1"),
        Row("coverage", "v2", payer_class="medicaid", priority=2),
        Row("claim", "k2", charge_cents=18010, frequency="replacement", original_claim_key="k1"),
        Row("claim_event", "y2", status="rejected", claim_key="k2"),
        Row("claim_payment", "b1", paid_cents=8750, patient_responsibility_cents=4500),
        Row("measure_response", items_missing=3, status="partial", instrument="gad7", respondent="self"),
    ]

    def serve(self, corpus: Corpus) -> FhirServer:
        return FhirServer(corpus, page_size=2)

    def settings(self, server: Server) -> Mapping[str, Any]:
        return {"base_url": server.url, "token": "demo-token", "page_size": 2}
