"""Exchanges recorded from a real Medplum 5.0.10 and a real OpenEMR 7.0.2, read with pinned counts.

Counts were taken from the recordings by an independent reading (plain Python) before they were written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.fhir import FhirSettings, entries_of
from pacekeeper.fhir.manifest import Manifest
from pacekeeper.fhir.signing_key import SigningKey
from pacekeeper.fhir.smart import BackendServices, SmartConfiguration
from pacekeeper.http import ClientCredentials, SourceClient
from pacekeeper.testing.fhir_server import ExportFaults, Faults, FhirServer
from pacekeeper_connectors.fhir import Fhir
from tests.integration.fhir_server.recorded import RecordedServer
from tests.integration.fhir_server.site import BETWEEN, documents, ids, keys, pages
from tests.raw_bench import RawBench, context

pytestmark = pytest.mark.testdata
OPENEMR = "/apis/default/fhir"


class Medplum(RecordedServer):
    """Names what a search finds in three pages, whatever size is asked for: that is what was recorded."""

    def unrecorded(self, path: str, query: str) -> tuple[int, bytes]:
        if path == "/fhir/R4/Appointment" and "_offset" not in query:
            body = self._answers["GET /fhir/R4/Appointment?_count=15&_sort=_lastUpdated&_total=accurate"][2]
            return 200, body
        return 404, b""


class OpenEmr(RecordedServer):
    """Answers an empty Bundle to every parameter on Appointment and Patient, and holds no Practitioner."""

    def unrecorded(self, path: str, query: str) -> tuple[int, bytes]:
        kind = path.rpartition("/")[2]
        empty = self._answers[f"GET {OPENEMR}/Patient?_count=5"][2]
        is_known = kind in {"Patient", "Appointment", "Encounter", "Practitioner", "Location", "Observation"}
        if is_known and (query or kind in {"Practitioner", "Location", "Observation"}):
            return 200, empty
        return (200, b"") if "/Binary/" in path else (404, b"<html>")


@pytest.fixture
def medplum(testdata: Path) -> Iterator[Medplum]:
    with Medplum(testdata / "medplum-recorded", "http://127.0.0.1:8103") as server:
        yield server


@pytest.fixture
def openemr(testdata: Path) -> Iterator[OpenEmr]:
    folder = testdata / "openemr-recorded"
    with OpenEmr(folder, "http://127.0.0.1:8300", stamped=frozenset({f"{OPENEMR}/Appointment"})) as server:
        server.put(
            f"{OPENEMR}/metadata", orjson.dumps(orjson.loads((folder / "fhir_metadata_cut.json").read_bytes())["body"])
        )
        for number, kind in ((47, "Encounter"), (50, "Organization"), (51, "Patient")):
            server.put(f"{OPENEMR}/Binary/{number}", (folder / f"export_{kind}.ndjson").read_bytes())
        yield server


@contextmanager
def reading(base_url: str, **how: Any) -> Iterator[Fhir]:
    settings = FhirSettings.model_validate({"base_url": base_url, "token": SecretStr("t"), **how})
    config = Fhir.http_config(settings)
    assert config is not None
    with SourceClient(config, source="ehr", sleep=lambda _: None) as client:
        yield Fhir(settings, context(), client)


def test_medplums_pages_hold_each_appointment_once(medplum: Medplum) -> None:
    with reading(f"{medplum.root}/fhir/R4") as connector:
        found = pages(connector, "appointment")
        assert [len(page.rows) for page in found] == [15, 15, 9]
        assert len(ids(found)) == 39
        counts = RawBench(connector).read(found)["appointment"]
        assert (counts.read, counts.kept, counts.rejected_rows) == (39, 39, 0)


def test_medplum_offers_no_type_history_and_says_so(medplum: Medplum) -> None:
    with reading(f"{medplum.root}/fhir/R4") as connector:
        capability = connector.reader.capability
        assert capability.has_history("Appointment", "instance")
        assert not capability.has_history("Appointment", "type")
        assert capability.names("Appointment", "_sort")
        pages(connector, "appointment", since=BETWEEN)
        assert not any("/Appointment/_history" in request for request in medplum.requests)


def test_medplums_refusals_are_matters_of_settings(medplum: Medplum) -> None:
    medplum.put("/fhir/R4/Patient?_count=500&_sort=_lastUpdated", b"{}", status=401)
    with reading(f"{medplum.root}/fhir/R4") as connector, pytest.raises(ConfigError, match="401"):
        pages(connector, "patient")
    auth = ClientCredentials(f"{medplum.root}/oauth2/token", "c", SecretStr("wrong"))
    with httpx.Client(auth=auth) as client, pytest.raises(Exception, match=r"400 \(invalid_request\)") as raised:
        client.get(f"{medplum.root}/fhir/R4/Patient")
    assert "Invalid secret" not in str(raised.value)


def test_medplums_export_is_read_by_its_signed_addresses(medplum: Medplum) -> None:
    manifest = Manifest.of(
        _recorded(medplum, "GET /fhir/R4/bulkdata/export/a00ee9c3-9356-42b9-a473-c95c901293d8"), source="ehr"
    )
    assert not manifest.needs_token
    assert [file.kind for file in manifest.output] == ["Appointment", "Patient"]
    assert manifest.transaction_time is not None
    for file in manifest.output:
        medplum.put(file.url.removeprefix("http://127.0.0.1:8103"), b"", status=410)
    medplum._answers["GET /fhir/R4/$export?_type=Appointment%2CPatient"] = medplum._answers[
        "GET /fhir/R4/$export?_type=Appointment,Patient"
    ]
    with (
        reading(f"{medplum.root}/fhir/R4", read_by="export") as connector,
        pytest.raises(RetryableError, match="dropped a file of Appointment"),
    ):
        pages(connector, "appointment", "patient")
    assert medplum.requests[-1].startswith("DELETE /fhir/R4/bulkdata/export/")


def _recorded(server: RecordedServer, address: str) -> Any:
    return orjson.loads(server._answers[address][2])


def test_medplums_token_endpoint_is_found_at_the_root_of_its_host(medplum: Medplum) -> None:
    auth = BackendServices(f"{medplum.root}/fhir/R4", "c", SigningKey(SecretStr(orjson.dumps(keys("rsa")[0]).decode())))
    with httpx.Client(auth=auth) as client, pytest.raises(Exception, match="400"):
        client.get(f"{medplum.root}/fhir/R4/Patient")
    assert medplum.requests[:3] == [
        "GET /fhir/R4/.well-known/smart-configuration",
        "GET /.well-known/smart-configuration",
        "POST /oauth2/token",
    ]


def test_openemr_is_read_although_it_answers_nothing_to_parameters(openemr: OpenEmr) -> None:
    with reading(f"{openemr.root}{OPENEMR}") as connector:
        counts = RawBench(connector).read(pages(connector))
        expected = {
            "patient": (25, 25),
            "appointment": (50, 50),
            "appointment_participant": (150, 150),
            "encounter": (25, 25),
        }
        assert {name: (counts[name].read, counts[name].kept) for name in expected} == expected
        skipped = {"EpisodeOfCare", "PractitionerRole", "Schedule", "Slot"}
        assert skipped <= {reason.split()[1] for reason in connector.skipped}


def test_openemrs_appointments_are_read_whole_and_without_their_stamps(openemr: OpenEmr) -> None:
    with reading(f"{openemr.root}{OPENEMR}") as connector:
        bench = RawBench(connector)
        for since in (None, BETWEEN, BETWEEN):
            found = pages(connector, "appointment", since=since)
            assert len(ids(found)) == 50
            assert {page.is_whole for page in found} == {None if since is None else True}
            assert all("lastUpdated" not in document["meta"] for document in documents(found))
            bench.read(found)
        assert {len(versions) for versions in bench._versions["appointment"].values()} == {1}


def test_openemrs_references_dangle_and_land(openemr: OpenEmr) -> None:
    with reading(f"{openemr.root}{OPENEMR}") as connector:
        bench = RawBench(connector)
        bench.read(pages(connector))
        participants = [v[-1]["row"] for v in bench._versions["appointment_participant"].values()]
        assert bench._versions["location"] == {}
        assert sum(row["location"] is not None for row in participants) == 50
        assert sum(row["client"] is not None for row in participants) == 50
        assert all(row["practitioner"] is None for row in participants), "it names its clinicians as Person"


def test_openemrs_export_is_completed_by_search(openemr: OpenEmr) -> None:
    recorded = openemr._answers[f"GET {OPENEMR}/$export?_type=Patient,Encounter"]
    with reading(f"{openemr.root}{OPENEMR}", read_by="export") as connector:
        streams = ("patient", "encounter", "appointment")
        openemr._answers[f"GET {OPENEMR}/$export?_type=Appointment%2CEncounter%2CPatient"] = recorded
        found = pages(connector, *streams)
        assert {name: len(ids(found, name)) for name in streams} == {"patient": 25, "encounter": 25, "appointment": 50}
        marks = {
            page.watermark.isoformat() for page in found if page.watermark is not None and page.stream == "patient"
        }
        assert marks == {"2026-11-22T16:12:07+00:00"}
        assert connector.skipped["type Organization"] == 1, "it ignores _type"
        assert not any("/Binary/50" in request for request in openemr.requests)


def test_openemrs_scopes_are_asked_for_in_its_own_words(openemr: OpenEmr) -> None:
    configuration = SmartConfiguration.of(_recorded(openemr, f"GET {OPENEMR}/.well-known/smart-configuration"))
    scopes = configuration.scope_for(["Patient", "Appointment", "Slot"], with_export=True).split()
    assert {"system/Patient.read", "system/Appointment.read", "system/Binary.read", "system/*.$export"} <= set(scopes)
    assert not any("Slot" in scope for scope in scopes)


@pytest.mark.parametrize("how", [{"read_by": "export"}, {"page_size": 50}], ids=["export", "search"])
def test_the_patients_of_the_bulk_data_server_come_over_the_wire_as_from_their_files(
    how: dict[str, Any], testdata: Path
) -> None:
    held: dict[str, dict[str, dict[str, Any]]] = {}
    for file in sorted((testdata / "synthea-bulk-data-server").glob("*.json")):
        for entry in entries_of(orjson.loads(file.read_bytes())):
            resource = orjson.loads(entry.document or "{}")
            held.setdefault(entry.resource_type, {})[resource["id"]] = resource
    resources = {kind: list(found.values()) for kind, found in held.items()}
    faults = Faults(export=ExportFaults(rows_per_file=100, manifest_pages=True, retry_after=0))
    with FhirServer(resources, page_size=50, token="t", faults=faults) as server:
        with reading(server.url, **how) as connector:
            counts = RawBench(connector).read(pages(connector))
        expected = {"practitioner": 26, "patient": 12, "encounter": 126, "encounter_participant": 126}
        assert {name: counts[name].kept for name in expected} == expected
        assert all(found.rejected_rows == 0 for found in counts.values())
