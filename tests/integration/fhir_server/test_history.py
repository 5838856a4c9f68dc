"""What only the history of a server's resources tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pacekeeper.fhir.history import CANCELLATION_DATE, HistoryReader
from pacekeeper.stream import JsonLines
from pacekeeper.testing import Faults, FhirServer
from tests.integration.fhir_server.site import BETWEEN, appointment, connected, corpus, deleted, documents, pages
from tests.raw_bench import RawBench, key

BOTH = Faults(history=frozenset({"type", "instance"}))


def at(day: int) -> datetime:
    return datetime(2026, 2, day, 9, tzinfo=UTC)


def dates(found: list[dict[str, Any]]) -> dict[str, str]:
    return {
        document["id"]: extension["valueDateTime"]
        for document in found
        for extension in document.get("extension", ())
        if extension["url"] == CANCELLATION_DATE
    }


def test_the_time_of_a_cancellation_comes_from_the_version_that_cancelled() -> None:
    with FhirServer(corpus(), faults=BOTH) as server, connected(server) as connector:
        server.update("Appointment", appointment(1, status="cancelled"), at=at(3))
        server.update("Appointment", appointment(1, status="cancelled") | {"minutesDuration": 45}, at=at(9))
        for day, status in ((4, "cancelled"), (5, "booked"), (6, "cancelled")):
            server.update("Appointment", appointment(2, status=status), at=at(day))
        assert dates(documents(pages(connector, "appointment"))) == {
            "a1": "2026-02-03T09:00:00+00:00",
            "a2": "2026-02-06T09:00:00+00:00",
        }


def test_a_cancellation_time_from_the_history_is_landed() -> None:
    with FhirServer(corpus(), faults=BOTH) as server, connected(server) as connector:
        server.update("Appointment", appointment(1, status="cancelled"), at=at(3))
        bench = RawBench(connector)
        bench.read(pages(connector, "appointment"))
        bench.read(pages(connector, "appointment"))
        (version,) = bench._versions["appointment"][key("appointment", "a1")]
        assert version["row"]["cancelled_at"] == at(3)


def test_a_cancellation_time_the_server_states_itself_is_kept() -> None:
    stated = {"extension": [{"url": CANCELLATION_DATE, "valueDateTime": "2026-01-02T03:04:05Z"}]}
    with FhirServer(corpus(), faults=BOTH) as server, connected(server) as connector:
        server.update("Appointment", appointment(1, status="cancelled") | stated, at=at(3))
        assert dates(documents(pages(connector, "appointment"))) == {"a1": "2026-01-02T03:04:05Z"}


@pytest.mark.parametrize("use_history", ["not offered", "not wanted"])
def test_without_a_history_the_time_of_a_cancellation_is_unknown(use_history: str) -> None:
    with FhirServer(corpus(), faults=Faults() if use_history == "not offered" else BOTH) as server:
        server.update("Appointment", appointment(1, status="cancelled"), at=at(3))
        with connected(server, use_history=use_history == "not offered") as connector:
            assert dates(documents(pages(connector, "appointment", since=BETWEEN))) == {}
        assert not any("_history" in request for request in server.requests)


def test_what_was_deleted_since_is_handed_over_as_deleted() -> None:
    with FhirServer(corpus(), faults=BOTH) as server, connected(server) as connector:
        server.remove("Patient", "p1", at=at(3))
        server.remove("Patient", "p2", at=at(3))
        server.update("Patient", corpus()["Patient"][2], at=at(4))
        found = pages(connector, "patient", since=BETWEEN)
        assert deleted(found, "patient") == ["p1"]
        assert deleted(pages(connector, "patient"), "patient") == [], "a read of everything shows it by itself"


def test_a_history_that_is_offered_but_not_there_changes_nothing() -> None:
    with FhirServer(corpus(), faults=BOTH) as server, connected(server) as connector:
        assert connector.reader.capability.has_history("Appointment", "type")
        server.update("Appointment", appointment(1, status="cancelled"), at=at(3))
        server.reset()
        found = pages(connector, "appointment", since=BETWEEN)
        assert (dates(documents(found)), deleted(found, "appointment")) == ({}, [])


def test_more_histories_than_allowed_are_counted_not_read() -> None:
    with FhirServer(corpus(), faults=BOTH) as server, connected(server) as connector:
        for n in range(3):
            server.update("Appointment", appointment(n, status="cancelled"), at=at(3))
        history = HistoryReader(connector.http, "ehr", most_calls=2)
        for page in connector.reader.pages(
            next(s for s in connector.streams if s.name == "appointment"), since=None, parameters={}
        ):
            assert isinstance(page.rows, JsonLines)
            told = [history.told("Appointment", str(t), with_past=False)[0] for t in page.rows.documents.to_pylist()]
        assert sum(CANCELLATION_DATE in text for text in told) == 2
        assert history.skipped == {"history not read": 1}
