"""Single steps of an export that go wrong, and where its files may lie."""

from __future__ import annotations

import httpx
import pytest

from pacekeeper.errors import DataError, PacekeeperError, RetryableError
from pacekeeper.fhir.export_files import FileReader
from pacekeeper.fhir.export_job import ExportJob
from pacekeeper.fhir.manifest import ExportFile, Manifest
from pacekeeper.http import HttpConfig, SourceClient
from pacekeeper.http_address import signed_address
from pacekeeper.testing import FhirServer
from tests.integration.fhir_server.site import connected, corpus


def test_a_file_on_another_host_gets_no_token() -> None:
    with FhirServer(corpus()) as server, connected(server) as connector:
        away = ExportFile("Patient", "https://elsewhere.example/canary.ndjson")
        reading = FileReader(connector.http, "ehr").blocks(away, needs_token=True, renew=lambda: None)
        with pytest.raises(DataError, match="leads away") as raised:
            next(reading)
        assert "canary" not in str(raised.value)
        assert server.requests == []


@pytest.mark.parametrize(
    "link",
    ["http://elsewhere.example/f", "https://user:secret@elsewhere.example/f", "file:///etc/passwd", "f", ""],
    ids=["in the clear", "with a user", "a local file", "no host", "nothing"],
)
def test_a_signed_address_is_as_safe_as_the_server_or_is_not_followed(link: str) -> None:
    with pytest.raises(DataError, match="signed link"):
        signed_address(httpx.URL("https://ehr.example/fhir"), link, source="ehr")


def test_a_pause_may_be_asked_for_by_date() -> None:
    waits: list[float] = []
    headers = {"Date": "Sun, 01 Mar 2026 12:00:00 GMT", "Retry-After": "Sun, 01 Mar 2026 12:00:42 GMT"}
    answers = [
        httpx.Response(202, headers={"Content-Location": "status"}),
        httpx.Response(202, headers=headers),
        httpx.Response(200, json={"transactionTime": "2026-03-01T12:00:00Z", "output": []}),
    ]
    transport = httpx.MockTransport(lambda _: answers.pop(0))
    with SourceClient(
        HttpConfig("https://ehr.example/fhir"), source="ehr", transport=transport, sleep=waits.append
    ) as http:
        *_, manifest = ExportJob(http, "ehr", 600).manifests("$export", ["Patient"], None)
    assert isinstance(manifest, Manifest)
    assert waits == [42.0]


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([httpx.Response(200, json={})], DataError, "without Content-Location"),
        ([httpx.Response(202, headers={"Content-Location": "https://elsewhere.example/s"})], DataError, "leads away"),
        (
            [httpx.Response(202, headers={"Content-Location": "s"}), httpx.Response(200, text="<html>")],
            DataError,
            "no manifest",
        ),
        ([httpx.Response(202, headers={"Content-Location": "s"}), httpx.Response(404)], RetryableError, "forgotten"),
        (
            [
                httpx.Response(202, headers={"Content-Location": "s"}),
                httpx.Response(200, json={"output": [], "link": [{"relation": "next", "url": "s"}]}),
            ],
            DataError,
            "in a circle",
        ),
    ],
    ids=["no address", "another host", "no JSON", "job gone", "circle"],
)
def test_a_server_that_breaks_the_protocol_is_told_as_such(
    answers: list[httpx.Response], error: type[PacekeeperError], words: str
) -> None:
    waiting = list(answers)
    transport = httpx.MockTransport(lambda _: waiting.pop(0) if waiting else httpx.Response(404))
    with (
        SourceClient(HttpConfig("https://ehr.example/fhir"), source="ehr", transport=transport) as http,
        pytest.raises(error, match=words),
    ):
        list(ExportJob(http, "ehr", 600).manifests("$export", ["Patient"], None))
