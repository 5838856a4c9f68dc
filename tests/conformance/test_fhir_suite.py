"""The FHIR connector passes the conformance suite, on a loopback FHIR server."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pacekeeper.testing import ConnectorSuite, FhirServer, Row, local
from pacekeeper.testing.conformance import Server
from pacekeeper.testing.conformance.declared import Corpus
from pacekeeper_connectors.fhir import Fhir
from tests.conformance.fhir_corpus import corpus

DENVER = "America/Denver"
RESOURCES = corpus()
#: What the one form of the corpus fills.
FORM = {f"questionnaire_response.{name}" for name in ("id", "status", "subject", "last_updated")}
#: Types the corpus has no resource of; the tests of their own mappings fill them.
EMPTY: dict[str, list[dict[str, Any]]] = {
    stream.resource_type: []
    for stream in Fhir.streams
    if stream.resource_type and stream.resource_type not in RESOURCES
}


def resource_type(name: str) -> str:
    """Type of the resources a stream, or the stream it is a child of, is read from."""
    stream = next(stream for stream in Fhir.streams if stream.name == name.removesuffix("@versions"))
    return resource_type(stream.child_of) if stream.child_of else stream.resource_type or ""


def unfilled() -> dict[str, str]:
    """Columns and entities of types without a resource, and the many shapes of a form."""
    found = {
        f"{stream.name}.{column}": "filled in the tests of this resource's own mapping"
        for stream in Fhir.streams
        for column in stream.columns
        if resource_type(stream.name) in EMPTY
        or (stream.name.startswith("questionnaire_") and f"{stream.name}.{column}" not in FORM)
    }
    filled = {mapping.entity for mapping in Fhir.mappings if resource_type(mapping.of) not in EMPTY}
    rest = {mapping.entity for mapping in Fhir.mappings} - filled
    return {**found, **dict.fromkeys(rest, "filled in the tests of this resource's own mapping")}


class TestFhir(ConnectorSuite):
    """Paged searches with a bearer token."""

    connector = Fhir
    corpus = {**EMPTY, **RESOURCES}
    bad_settings = [{"base_url": "not an address"}, {"page_size": 0}, {"folder": "here as well"}]
    unfilled = unfilled()
    inferred = {"session_clinician.role": "whoever is named first holds the session, whatever the code of his part"}
    expected = [
        Row("appointment", "a1", proves="local_time", start_at=local("2026-01-01 14:00", DENVER), status="kept"),
        Row("appointment", "a2", proves="late_cancel", status="cancelled", cancelled_by="client"),
        Row("session", "s1", proves="minutes", minutes=50, clinician_key="d1"),
        Row("session", "s2", proves="cancelled_session", status="voided"),
        Row("clinician", "d1", role="therapist"),
    ]

    def serve(self, corpus: Corpus) -> FhirServer:
        return FhirServer(corpus, page_size=2)

    def settings(self, server: Server) -> Mapping[str, Any]:
        return {"base_url": server.url, "token": "demo-token", "page_size": 2}
