"""Searches of servers that do not do what the standard says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pacekeeper.errors import ConfigError, DataError, FatalError, RetryableError
from pacekeeper.fhir import FhirConnector
from pacekeeper.stream import Page
from pacekeeper.testing import Faults, FhirServer
from tests.integration.fhir_server.site import (
    BETWEEN,
    EARLY,
    LATE,
    appointment,
    connected,
    corpus,
    documents,
    ids,
    pages,
    patient,
)
from tests.raw_bench import RawBench, key


def lying(*parameters: str) -> Faults:
    """A server that names search parameters for Appointment, and answers nothing to them."""
    return Faults(lies={"Appointment": frozenset(parameters)})


def whole(found: list[Page]) -> set[bool | None]:
    return {page.is_whole for page in found}


@pytest.mark.parametrize(
    "parameters",
    [("_count",), ("_lastUpdated",), ("_count", "_lastUpdated"), ("_count", "_lastUpdated", "_sort")],
    ids=" ".join,
)
def test_an_empty_answer_is_not_believed_while_a_plain_search_finds_something(parameters: tuple[str, ...]) -> None:
    with FhirServer(corpus(), faults=lying(*parameters)) as server, connected(server) as connector:
        found = pages(connector, "appointment", since=BETWEEN)
        if "_lastUpdated" in parameters:
            assert len(ids(found)) == 6
            assert whole(found) == {True}
        else:
            assert ids(found) == {}
        assert len(ids(pages(connector, "appointment"))) == 6


def test_a_search_for_changes_that_finds_none_is_believed_once_it_is_seen_to_work() -> None:
    with FhirServer(corpus()) as server, connected(server) as connector:
        found = pages(connector, "appointment", since=BETWEEN)
        assert ids(found) == {}
        assert whole(found) == {None}
        assert server.calls["/fhir/Appointment"] == 2
        pages(connector, "appointment", since=BETWEEN)
        assert server.calls["/fhir/Appointment"] == 3, "what was seen to work is not tried again"


def test_a_type_that_is_empty_is_empty_whatever_is_asked() -> None:
    with FhirServer({**corpus(), "Appointment": []}) as server, connected(server) as connector:
        found = pages(connector, "appointment", since=BETWEEN)
        assert (ids(found), whole(found)) == ({}, {None})


def observation(code: str) -> dict[str, Any]:
    coding = {"system": "http://loinc.org", "code": code}
    return {"resourceType": "Observation", "id": code, "meta": {"lastUpdated": EARLY}, "code": {"coding": [coding]}}


def observed(connector: Any) -> str:
    return str(next(s.name for s in connector.streams if s.resource_type == "Observation" and s.child_of is None))


def test_a_filter_by_code_that_finds_nothing_is_tried_with_a_code_that_is_there() -> None:
    rows = {"Observation": [observation("8302-2"), observation("44261-6")]}
    with (
        FhirServer(rows, faults=Faults(lies={"Observation": frozenset({"code"})})) as server,
        connected(server) as connector,
    ):
        assert ids(pages(connector, observed(connector))) == {"8302-2": 1, "44261-6": 1}
    with FhirServer({"Observation": [observation("8302-2")]}) as server, connected(server) as connector:
        assert ids(pages(connector, observed(connector))) == {}, "the filter works, and nothing fits it"


def test_a_server_without_paging_is_read_whole() -> None:
    with (
        FhirServer(corpus(), page_size=2, faults=Faults(unpaged=frozenset({"Appointment"}))) as server,
        connected(server) as connector,
    ):
        (page,) = pages(connector, "appointment")
        assert len(page.rows) == 6


def answered(*bundles: dict[str, Any]) -> Any:
    """A connector whose server gives these answers to its searches, the last one for good."""
    import httpx
    from pydantic import SecretStr

    from pacekeeper.fhir import FhirSettings
    from pacekeeper.http import SourceClient
    from pacekeeper_connectors.fhir import Fhir
    from tests.raw_bench import context

    waiting = list(bundles)

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/metadata"):
            return httpx.Response(404)
        return httpx.Response(200, json=waiting.pop(0) if len(waiting) > 1 else waiting[0])

    settings = FhirSettings(base_url="https://ehr.example/fhir", token=SecretStr("t"))
    config = Fhir.http_config(settings)
    assert config is not None
    client = SourceClient(config, source="ehr", transport=httpx.MockTransport(respond), sleep=lambda _: None)
    return Fhir(settings, context(), client)


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources], **more}


def test_a_page_that_names_more_than_it_gives_is_asked_for_without_count() -> None:
    connector = answered(bundle(patient(1), total=2), bundle(patient(1), patient(2), total=2))
    assert ids(pages(connector, "patient")) == {"p1": 1, "p2": 1}


def test_a_page_that_names_more_than_it_ever_gives_is_no_success() -> None:
    with pytest.raises(DataError, match="names more matches than it gives"):
        pages(answered(bundle(patient(1), total=2)), "patient")


def test_stamps_that_are_the_time_of_the_answer_are_dropped_and_everything_is_read() -> None:
    waits: list[float] = []
    with (
        FhirServer(corpus(), faults=Faults(volatile=frozenset({"Appointment"}))) as server,
        connected(server, waits) as connector,
    ):
        found = pages(connector, "appointment", since=BETWEEN)
        assert len(ids(found)) == 6, "a filter by such stamps proves nothing"
        assert whole(found) == {True}
        assert all("lastUpdated" not in document["meta"] for document in documents(found))
        assert waits == [1.1]


def test_stamps_that_are_the_time_of_the_answer_make_no_new_versions() -> None:
    with (
        FhirServer(corpus(), faults=Faults(volatile=frozenset({"Appointment"}))) as server,
        connected(server) as connector,
    ):
        bench = RawBench(connector)
        bench.read(pages(connector))
        bench.read(pages(connector, since=BETWEEN))
        versions = bench._versions["appointment"]
        assert len(versions) == 6
        assert {len(of_one) for of_one in versions.values()} == {1}


def test_a_change_of_this_very_second_is_no_made_up_stamp() -> None:
    with FhirServer(corpus()) as server, connected(server) as connector:
        server.update("Appointment", appointment(2), at=datetime(2026, 2, 2, tzinfo=UTC))
        server.store.now = datetime(2026, 2, 1, 23, 59, 59, tzinfo=UTC)
        found = pages(connector, "appointment", since=BETWEEN)
        assert [document["meta"]["lastUpdated"] for document in documents(found)] == ["2026-02-02T00:00:00+00:00"]
        assert whole(found) == {None}


def test_a_page_with_refused_entries_is_asked_for_again() -> None:
    waits: list[float] = []
    with (
        FhirServer(corpus(), page_size=4, faults=Faults(entry_429_on=frozenset({1, 3}))) as server,
        connected(server, waits) as connector,
    ):
        assert set(ids(pages(connector, "appointment")).values()) == {1}
        assert len(ids(pages(connector, "appointment"))) == 6
        assert waits == [2.0, 2.0]


def test_entries_that_are_refused_again_and_again_are_no_success() -> None:
    with (
        FhirServer(corpus(), faults=Faults(entry_429_on=frozenset(range(1, 20)))) as server,
        connected(server) as connector,
        pytest.raises(RetryableError, match="single entries of it 429"),
    ):
        pages(connector, "appointment")


def test_a_search_that_expires_begins_anew_and_doubles_nothing() -> None:
    with (
        FhirServer(corpus(), page_size=2, faults=Faults(expired_on=frozenset({3}))) as server,
        connected(server) as connector,
    ):
        bench = RawBench(connector)
        counts = bench.read(pages(connector, "appointment"))["appointment"]
        assert (counts.kept, counts.duplicate) == (6, 4)


def test_a_search_that_always_expires_is_given_up() -> None:
    with (
        FhirServer(corpus(), page_size=2, faults=Faults(expired_on=frozenset(range(2, 40, 2)))) as server,
        connected(server) as connector,
        pytest.raises(RetryableError, match="expired 3 times"),
    ):
        pages(connector, "appointment")


def test_a_type_that_the_server_neither_names_nor_has_is_skipped() -> None:
    with FhirServer(corpus(), faults=Faults(forbid=frozenset({"Slot"}))) as server, connected(server) as connector:
        assert documents(pages(connector, "slot")) == []
        assert connector.skipped == {"type Slot is not offered": 1}


def test_a_type_that_is_there_but_refused_is_a_matter_of_settings() -> None:
    with FhirServer(corpus(), faults=Faults(forbid=frozenset({"Appointment"}))) as server:
        with (
            connected(server) as connector,
            pytest.raises(ConfigError, match=r"system/Appointment\.rs granted.*skip_types"),
        ):
            pages(connector)
        with connected(server, skip_types=["Appointment"]) as connector:
            assert len(ids(pages(connector))) == 7
            assert "Appointment" not in connector.resource_types


def test_a_stream_known_to_have_made_up_stamps_is_read_whole_without_a_second_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FhirConnector, "has_usable_cursor", lambda _, stream: stream.name != "appointment")
    waits: list[float] = []
    with FhirServer(corpus()) as server, connected(server, waits) as connector:
        found = pages(connector, "appointment", since=BETWEEN)
        assert (len(ids(found)), whole(found), waits) == (6, {True}, [])
        assert all("lastUpdated" not in document["meta"] for document in documents(found))


def test_a_type_that_the_server_names_must_answer() -> None:
    import httpx

    with FhirServer(corpus()) as server, connected(server) as connector:
        server.store.replace({})
        assert connector.reader.capability.offers("Appointment") is True, "a statement without types names none"
    statement = {"rest": [{"resource": [{"type": "Patient"}]}]}
    connector = answered(bundle())
    connector.http._client = httpx.Client(
        transport=httpx.MockTransport(
            lambda r: httpx.Response(200, json=statement) if r.url.path.endswith("metadata") else httpx.Response(404)
        )
    )
    with pytest.raises(FatalError, match="answered 404"):
        pages(connector, "patient")


def test_references_of_every_kind_are_landed() -> None:
    forms = {
        "relative": ("Patient/p1", "p1"),
        "own server": ("https://ehr.example/fhir/Patient/p1", "p1"),
        "of a version": ("Patient/p1/_history/3", "p1"),
        "urn": ("urn:uuid:11111111-1111-4111-8111-111111111111", "11111111-1111-4111-8111-111111111111"),
        "dangling": ("Patient/nobody", "nobody"),
        "conditional": ("Patient?identifier=urn:mrn|7", None),
        "contained": ("#p1", None),
    }
    encounters = [
        {"resourceType": "Encounter", "id": name.replace(" ", "-"), "meta": {}, "subject": {"reference": reference}}
        for name, (reference, _) in forms.items()
    ]
    connector = answered(bundle(*encounters))
    bench = RawBench(connector)
    bench.read(pages(connector, "encounter"))
    for name, (_, expected) in forms.items():
        (version,) = bench._versions["encounter"][key("session", name.replace(" ", "-"))]
        assert version["row"]["subject"] == (key("client", expected) if expected else None), name


def test_a_quota_that_is_used_up_is_waited_for() -> None:
    waits: list[float] = []
    with (
        FhirServer(corpus(), faults=Faults(rate_limit='"requests";r=90;t=59, "fhirInteractions";r=0;t=2')) as server,
        connected(server, waits) as connector,
    ):
        pages(connector, "appointment")
        assert waits == [2.0]


def test_the_latest_of_a_record_that_changed_while_it_was_read_counts() -> None:
    with FhirServer(corpus(), page_size=2) as server, connected(server) as connector:
        bench = RawBench(connector)
        first = pages(connector, "patient")
        server.update("Patient", patient(1, LATE), at=datetime(2026, 2, 3, tzinfo=UTC))
        bench.read([*first, *pages(connector, "patient", since=BETWEEN)])
        assert len(bench._versions["patient"]) == 6
