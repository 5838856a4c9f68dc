"""Reading a FHIR server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from tests.raw_bench import context

from pacekeeper.connector import SourceContext
from pacekeeper.errors import ConfigError, DataError, FatalError
from pacekeeper.fhir import FhirSettings
from pacekeeper.http import SourceClient
from pacekeeper.stream import JsonLines, Page, Stream, Window
from pacekeeper.testing import Faults, FhirServer
from pacekeeper_connectors.fhir import Fhir

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
RESOURCES: dict[str, list[dict[str, Any]]] = {
    "Patient": [
        {"resourceType": "Patient", "id": f"p{n}", "meta": {"lastUpdated": LATE if n == 4 else EARLY}} for n in range(5)
    ],
    "Observation": [
        {
            "resourceType": "Observation",
            "id": code,
            "meta": {"lastUpdated": EARLY},
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        }
        for code in ("44261-6", "8302-2")
    ],
}


@contextmanager
def connected(server: FhirServer, *, token: str | None = "demo-token", **more: Any) -> Iterator[Fhir]:  # noqa: S107
    secret = SecretStr(token) if token else None
    settings = FhirSettings.model_validate({"base_url": server.url, "token": secret, **more})
    config = Fhir.http_config(settings)
    assert config is not None
    with SourceClient(config, source="ehr", sleep=lambda _: None) as client:
        yield Fhir(settings, context(), client)


def stream(connector: Fhir, name: str) -> Stream:
    return next(s for s in connector.streams if s.name == name)


def read(connector: Fhir, name: str = "patient", since: datetime | None = None) -> list[Page]:
    window = Window(since=since, per_stream={} if since is None else {name: since})
    return list(connector.read([stream(connector, name)], window))


def documents(pages: list[Page]) -> list[str]:
    return [str(text) for page in pages if isinstance(page.rows, JsonLines) for text in page.rows.documents.to_pylist()]


def test_every_page_is_followed_to_the_last() -> None:
    with FhirServer(RESOURCES, page_size=2) as server, connected(server) as connector:
        pages = read(connector)
        assert [len(page.rows) for page in pages] == [2, 2, 1]


def test_resources_are_numbered_through_all_pages() -> None:
    with FhirServer(RESOURCES, page_size=2) as server, connected(server) as connector:
        rows = [page.rows for page in read(connector)]
        assert [(r.origin, r.first_line) for r in rows if isinstance(r, JsonLines)] == [
            ("Patient", 1),
            ("Patient", 3),
            ("Patient", 5),
        ]


def test_a_backfill_asks_for_what_changed_in_its_window_alone() -> None:
    with FhirServer(RESOURCES) as server, connected(server) as connector:
        assert connector.reach() == "window"
        begin, end = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2))
        window = Window(since=begin, per_stream={"patient": begin}, before=end)
        pages = list(connector.read([stream(connector, "patient")], window))
        assert len(documents(pages)) == 4, "p4 was changed at the end, which is not part of the window"
        assert not [request for request in server.requests if "_history" in request]


def test_a_read_of_changes_asks_for_those_since() -> None:
    with FhirServer(RESOURCES) as server, connected(server) as connector:
        (text,) = documents(read(connector, since=datetime(2026, 1, 15, tzinfo=UTC)))
        assert '"p4"' in text
        assert any("_lastUpdated=ge2026-01-15" in request.replace("%3A", ":") for request in server.requests)


def test_the_first_page_carries_the_servers_time() -> None:
    with FhirServer(RESOURCES, page_size=2) as server, connected(server) as connector:
        first, *others = read(connector)
        assert first.watermark is not None
        assert first.watermark.tzinfo is not None
        assert [page.watermark for page in others] == [None, None]


def test_observations_are_asked_for_by_code() -> None:
    with FhirServer(RESOURCES) as server, connected(server) as connector:
        (text,) = documents(read(connector, "measure_observation"))
        assert '"44261-6"' in text


@pytest.mark.parametrize("parameter", ["_count", "_lastUpdated"])
def test_a_server_that_answers_nothing_to_a_parameter_it_does_not_know_is_still_read(parameter: str) -> None:
    with (
        FhirServer(RESOURCES, faults=Faults(unsupported=frozenset({parameter}))) as server,
        connected(server) as connector,
    ):
        assert len(documents(read(connector, since=datetime(2025, 1, 1, tzinfo=UTC)))) == 5


def test_an_empty_source_is_read_to_its_end_without_error() -> None:
    with FhirServer({}) as server, connected(server) as connector:
        assert documents(read(connector)) == []


def test_a_wrong_token_is_a_matter_of_settings() -> None:
    with (
        FhirServer(RESOURCES) as server,
        connected(server, token="wrong") as connector,
        pytest.raises(ConfigError, match="access refused"),
    ):
        read(connector)


def test_pages_that_lead_in_a_circle_are_refused() -> None:
    with (
        FhirServer(RESOURCES, page_size=2, faults=Faults(repeat_next=frozenset({"Patient"}))) as server,
        connected(server) as connector,
        pytest.raises(DataError),
    ):
        read(connector)


def test_check_tells_a_good_server_from_a_refusal() -> None:
    with FhirServer(RESOURCES) as server:
        with connected(server) as connector:
            assert connector.check().ok
        assert server.url is not None
    gone = FhirSettings(base_url="http://127.0.0.1:9/fhir")
    config = Fhir.http_config(gone)
    assert config is not None
    with SourceClient(config, source="ehr", sleep=lambda _: None) as client:
        health = Fhir(gone, context(), client).check()
    assert not health.ok
    assert "cannot be read" in health.message


def answering(answer: dict[str, Any]) -> Fhir:
    """A connector whose server gives one answer to every search, for what the loopback server never says."""

    def respond(request: httpx.Request) -> httpx.Response:
        is_metadata = request.url.path.endswith("/metadata")
        return httpx.Response(200, json={"resourceType": "CapabilityStatement"} if is_metadata else answer)

    settings = FhirSettings(base_url="https://ehr.example/fhir")
    config = Fhir.http_config(settings)
    assert config is not None
    client = SourceClient(config, source="ehr", transport=httpx.MockTransport(respond))
    return Fhir(settings, SourceContext("ehr", None, lambda: datetime(2026, 1, 1, tzinfo=UTC)), client)


OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "processing", "diagnostics": "Canary Person is locked"}],
}


@pytest.mark.parametrize(
    "answer",
    [OUTCOME, {"resourceType": "Bundle", "entry": [{"resource": OUTCOME, "search": {"mode": "outcome"}}]}],
    ids=["instead of the matches", "beside the matches"],
)
def test_an_operation_outcome_stops_the_source_and_quotes_only_its_codes(answer: dict[str, Any]) -> None:
    with pytest.raises(FatalError, match=r"error \(processing\)") as raised:
        read(answering(answer))
    assert "Canary" not in str(raised.value)


def test_json_that_is_no_bundle_is_a_fault_of_the_data() -> None:
    with pytest.raises(DataError, match="no FHIR Bundle"):
        read(answering({"hello": "world"}))


def test_what_a_search_includes_beside_its_matches_is_left_to_its_own_search() -> None:
    entries = [
        {"resource": {"resourceType": "Patient", "id": "p1"}, "search": {"mode": "match"}},
        {"resource": {"resourceType": "Patient", "id": "p2"}, "search": {"mode": "include"}},
    ]
    (text,) = documents(read(answering({"resourceType": "Bundle", "entry": entries})))
    assert '"p1"' in text
