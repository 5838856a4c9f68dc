"""What an appointment was between two nights becomes events, where the server offers a history."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.fhir.history import HistoryReader
from pacekeeper.privacy import keyed_hash
from pacekeeper.testing import Faults, FhirServer
from pacekeeper.testing.conformance.site import Site
from pacekeeper.testing.fhir_server import ExportFaults
from pacekeeper_connectors.fhir import Fhir
from tests.integration.fhir_server.site import appointment, connected, corpus, documents, pages
from tests.integration.fhir_server.test_history import dates

FIRST_NIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def at(day: int) -> datetime:
    return datetime(2026, 2, day, 9, tzinfo=UTC)


def practice(folder: Path, server: FhirServer, **how: Any) -> Site:
    options = {"base_url": server.url, "token": "demo-token", **how}
    return Site(
        folder / "practice",
        Fhir,
        options,
        default_tz=None,
        home_tz="America/Denver",
        as_of=FIRST_NIGHT,
    )


def flip(server: FhirServer, *statuses: str, first_day: int) -> None:
    """Appointment a1 takes one status after the other, one a day."""
    for day, status in enumerate(statuses, first_day):
        server.update("Appointment", appointment(1, status=status), at=at(day))


def events(site: Site, identity: str = "a1") -> list[tuple[int, str, str | None, str | None]]:
    """Day, change, status before and after of an appointment's events."""
    site.map()
    rows = site.query(
        'SELECT "at", change, from_status, to_status FROM canonical.appointment_event '
        f"WHERE appointment_key = '{key_of(site, identity)}' ORDER BY seq"
    )
    return [(row["at"].day, row["change"], row["from_status"], row["to_status"]) for row in rows]


def key_of(site: Site, identity: str) -> str:
    return keyed_hash(site.key, "suite", "appointment", identity)


def faults(*levels: str) -> Faults:
    return Faults(history=frozenset(levels), export=ExportFaults(retry_after=0))


OFFERS = pytest.mark.parametrize("offered", [("type",), ("instance",), ("type", "instance")], ids="+".join)


@OFFERS
@pytest.mark.parametrize("read_by", ["search", "export"])
def test_cancelled_and_booked_again_between_two_nights_gives_both_events(
    offered: tuple[str, ...], read_by: str, tmp_path: Path
) -> None:
    with FhirServer(corpus(), faults=faults(*offered)) as server:
        site = practice(tmp_path, server, read_by=read_by)
        assert site.land().is_ok
        flip(server, "cancelled", "booked", first_day=3)
        assert site.land().is_ok
        assert events(site) == [
            (1, "created", None, "booked"),
            (3, "status", "booked", "cancelled"),
            (4, "status", "cancelled", "booked"),
        ]
        before = site.content("raw_suite", "canonical")
        assert site.land().is_ok
        site.map()
        assert site.content("raw_suite", "canonical") == before


def test_what_an_appointment_was_before_the_first_night_comes_from_its_history(tmp_path: Path) -> None:
    with FhirServer(corpus(), faults=faults("instance")) as server:
        flip(server, "cancelled", "booked", "cancelled", first_day=3)
        site = practice(tmp_path, server)
        assert site.land().is_ok
        assert [(day, to) for day, _, _, to in events(site)] == [
            (1, "booked"),
            (3, "cancelled"),
            (4, "booked"),
            (5, "cancelled"),
        ]
        assert [(day, to) for day, _, _, to in events(site, "a2")] == [(1, "booked")]
        asked = [request for request in server.requests if "_history" in request]
        assert asked == ["/fhir/Appointment/a1/_history"], "what was never edited has no history to ask for"


def test_without_a_history_only_what_each_night_sees_is_an_event(tmp_path: Path) -> None:
    with FhirServer(corpus(), faults=faults()) as server:
        site = practice(tmp_path, server)
        assert site.land().is_ok
        flip(server, "cancelled", "booked", "cancelled", first_day=3)
        assert site.land().is_ok
        assert events(site) == [(1, "created", None, "booked"), (5, "status", "booked", "cancelled")]


def test_an_export_gets_the_time_of_a_cancellation_from_the_history_too() -> None:
    with FhirServer(corpus(), faults=faults("instance")) as server:
        flip(server, "cancelled", first_day=3)
        server.update("Appointment", appointment(1, status="cancelled") | {"minutesDuration": 45}, at=at(9))
        with connected(server, read_by="export") as connector:
            assert dates(documents(pages(connector, "appointment"))) == {"a1": "2026-02-03T09:00:00+00:00"}


def test_a_deletion_that_an_export_does_not_tell_comes_from_the_history(tmp_path: Path) -> None:
    silent = Faults(history=frozenset({"type"}), export=ExportFaults(retry_after=0, no_deleted=True))
    with FhirServer(corpus(), faults=silent) as server:
        site = practice(tmp_path, server, read_by="export")
        assert site.land().is_ok
        server.remove("Patient", "p1", at=at(10))
        server.update("Patient", corpus()["Patient"][2], at=at(11))
        assert site.land().is_ok
        assert len(site.query("FROM raw_suite.patient__current")) == 5


def test_calls_for_past_versions_take_none_from_those_for_cancellations() -> None:
    with FhirServer(corpus(), faults=faults("instance")) as server, connected(server) as connector:
        for n in range(4):
            server.update("Appointment", appointment(n, status="cancelled" if n == 3 else "booked"), at=at(3))
        history = HistoryReader(connector.http, "ehr", most_calls=2)
        told = []
        for n in range(4):
            _, body = server.store.read("Appointment", f"a{n}")
            told.append(history.told("Appointment", (body or b"").decode(), with_past=True))
        assert [len(past) for _, past in told] == [2, 2, 0, 2]
        assert "extension" in told[3][0]
        assert history.skipped == {"history not read": 1}


def test_more_histories_than_a_read_may_ask_for_are_noted() -> None:
    with FhirServer(corpus(), faults=faults("instance")) as server, connected(server) as connector:
        flip(server, "cancelled", first_day=3)
        connector.history.most_calls = 0
        found = pages(connector)
        assert [(page.stream, len(page.notes)) for page in found if page.notes] == [("appointment", 1)]
