"""What may go wrong with any call goes wrong with each call of a read, once: the read takes its time and is whole."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from pacekeeper.errors import DataError
from pacekeeper.fhir import FhirSettings
from pacekeeper.http import SourceClient
from pacekeeper.testing.fhir_server import ExportFaults, Faults, FhirServer
from pacekeeper_connectors.fhir import Fhir
from tests.integration.fhir_server.site import BETWEEN, bundle_of, connected, corpus, ids, pages, patient
from tests.raw_bench import context

NAMES = ("patient", "appointment", "practitioner")
#: Calls of the reads below: the statement, then a search each; or kick-off, statuses, files and the job's end.
CALLS = range(1, 9)
TRANSIENT = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "transient"}]}


class Faulty(httpx.BaseTransport):
    """Shows one fault on one call, counted from 1."""

    def __init__(self, fault: str, call: int) -> None:
        self.fault, self.call, self.calls = fault, call, 0
        self.inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.calls != self.call:
            return self.inner.handle_request(request)
        match self.fault:
            case "429":
                return httpx.Response(429, headers={"Retry-After": "7"}, json=TRANSIENT)
            case "500" | "503":
                return httpx.Response(int(self.fault), json=TRANSIENT)
            case "killed":
                raise httpx.RemoteProtocolError("the connection was closed", request=request)
        answer = self.inner.handle_request(request)
        answer.read()
        if not answer.content:
            return answer
        cut = httpx.Response(answer.status_code, headers=_without_length(answer), stream=_Cut(answer.content))
        cut.request = request
        return cut


class _Cut(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.RemoteProtocolError("the body was cut")


def _without_length(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}


@pytest.mark.parametrize("read_by", ["search", "export"])
@pytest.mark.parametrize("fault", ["429", "500", "503", "killed", "cut"])
@pytest.mark.parametrize("call", CALLS)
def test_a_fault_that_passes_costs_time_and_nothing_else(call: int, fault: str, read_by: str) -> None:
    transport, waits = Faulty(fault, call), list[float]()
    with (
        FhirServer(corpus(), page_size=2, faults=Faults(export=ExportFaults(rows_per_file=3, polls=2))) as server,
        connected(server, waits, transport=transport, read_by=read_by) as connector,
    ):
        found = pages(connector, *NAMES)
        assert ids(found) == {**{f"p{n}": 1 for n in range(6)}, **{f"a{n}": 1 for n in range(6)}, "c1": 1}
        assert len(server.exports.jobs) <= 1
        assert transport.calls > call, "the fault was not met"
        assert fault != "429" or max(waits) >= 7


def test_a_server_that_refuses_a_parameter_is_asked_without_it() -> None:
    """Medplum 5.0.10 answers 400 to what it does not know, and a statement may name it all the same."""

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/metadata"):
            return httpx.Response(404)
        if "_lastUpdated" in request.url.params:
            return httpx.Response(400, json=TRANSIENT)
        return httpx.Response(200, json=bundle_of(patient(1), patient(2)))

    settings = FhirSettings(base_url="https://ehr.example/fhir", token=SecretStr("t"))
    config = Fhir.http_config(settings)
    assert config is not None
    with SourceClient(config, source="ehr", transport=httpx.MockTransport(respond)) as client:
        found = pages(Fhir(settings, context(), client), "patient", since=BETWEEN)
    assert ids(found) == {"p1": 1, "p2": 1}
    assert {page.is_whole for page in found} == {True}


def test_a_next_link_to_another_host_is_not_followed() -> None:
    """A proxy may stand in front of an EHR that writes its own name into its links: the token goes nowhere else."""
    elsewhere = [{"relation": "next", "url": "https://canary.example/fhir/Patient?page=2"}]
    bundle = bundle_of(patient(1)) | {"link": elsewhere}
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(404) if request.url.path.endswith("/metadata") else httpx.Response(200, json=bundle)

    settings = FhirSettings(base_url="https://ehr.example/fhir", token=SecretStr("t"))
    config = Fhir.http_config(settings)
    assert config is not None
    with (
        SourceClient(config, source="ehr", transport=httpx.MockTransport(respond)) as client,
        pytest.raises(DataError, match="leads away") as raised,
    ):
        pages(Fhir(settings, context(), client), "patient")
    assert "canary" not in str(raised.value)
    assert set(asked) == {"ehr.example"}
