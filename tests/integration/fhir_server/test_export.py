"""Bulk Data exports of the loopback server, with everything that real servers have done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError, RetryableError
from pacekeeper.stream import JsonLines, Page, Window
from pacekeeper.testing.fhir_server import ExportFaults, Faults, FhirServer
from tests.integration.fhir_server.site import (
    BETWEEN,
    EARLY,
    appointment,
    connected,
    corpus,
    deleted,
    documents,
    ids,
    keys,
    pages,
    patient,
    signed,
)

EXPORT: dict[str, Any] = {"read_by": "export"}
NAMES = ("patient", "appointment", "practitioner")


def exported(faults: ExportFaults | None = None, **more: Any) -> FhirServer:
    return FhirServer(corpus(), faults=Faults(export=faults or ExportFaults()), **more)


def read(
    server: FhirServer, *, since: datetime | None = None, waits: list[float] | None = None, **how: Any
) -> list[Page]:
    with connected(server, waits, **{**EXPORT, **how}) as connector:
        return pages(connector, *NAMES, since=since)


def marks(found: list[Page]) -> dict[str, tuple[datetime | None, bool | None]]:
    """Watermark and completeness by stream, as landing takes them: the first mark, and no before yes."""
    result: dict[str, tuple[datetime | None, bool | None]] = {}
    for page in found:
        mark, is_whole = result.get(page.stream, (None, None))
        if page.is_whole is not None:
            is_whole = page.is_whole and is_whole is not False
        result[page.stream] = (mark or page.watermark, is_whole)
    return result


def test_one_export_serves_every_stream() -> None:
    with exported() as server:
        found = read(server)
        assert {name: len(documents(found, name)) for name in NAMES} == {
            "patient": 6,
            "appointment": 6,
            "practitioner": 1,
        }
        assert len(server.exports.jobs) == 1
        (asked,) = [request for request in server.requests if "$export?" in request]
        assert "_type=Appointment%2CPatient%2CPractitioner" in asked
        assert "_since" not in asked


def test_the_time_of_the_export_is_the_watermark_of_every_stream() -> None:
    with exported() as server:
        transaction_time = datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC)
        assert marks(read(server)) == dict.fromkeys(NAMES, (transaction_time, True))


def test_an_export_of_changes_asks_since_and_says_nothing_of_the_rest() -> None:
    with exported() as server:
        found = read(server, since=BETWEEN)
        assert ids(found) == {"p5": 1}
        assert any("_since=2026-01-15T00%3A00%3A00Z" in request for request in server.requests)
        assert {is_whole for _, is_whole in marks(found).values()} == {None}


def test_what_was_deleted_since_is_handed_over_as_deleted() -> None:
    with exported() as server:
        server.remove("Patient", "p3", at=datetime(2026, 2, 2, tzinfo=UTC))
        server.remove("Appointment", "a3", at=datetime(2026, 2, 2, tzinfo=UTC))
        found = read(server, since=BETWEEN)
        assert (deleted(found, "patient"), deleted(found, "appointment")) == (["p3"], ["a3"])


def test_a_patient_level_export_searches_for_what_no_patient_has() -> None:
    with exported() as server:
        found = read(server, export_level="patient")
        assert {name: len(documents(found, name)) for name in NAMES} == {
            "patient": 6,
            "appointment": 6,
            "practitioner": 1,
        }
        assert any(request.startswith("/fhir/Patient/$export?") for request in server.requests)
        assert server.calls["/fhir/Practitioner"] == 1


def test_a_group_level_export_holds_its_members_only() -> None:
    group = {
        "resourceType": "Group",
        "id": "g1",
        "meta": {"lastUpdated": EARLY},
        "member": [{"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Patient/p2"}}],
    }
    with FhirServer(corpus() | {"Group": [group]}) as server:
        found = read(server, export_level="group", export_group="g1")
        assert ids(found, "patient") == {"p1": 1, "p2": 1}
        assert ids(found, "appointment") == {"a1": 1, "a2": 1}
        with pytest.raises(ConfigError, match="export_group"):
            read(server, export_level="group", export_group="unknown")


def test_a_type_may_be_searched_all_the_same() -> None:
    with exported() as server:
        found = read(server, search_types=["Appointment"])
        assert len(documents(found, "appointment")) == 6
        assert server.calls["/fhir/Appointment"] == 1


def test_the_server_is_asked_again_as_often_as_it_wants() -> None:
    waits: list[float] = []
    with exported(ExportFaults(polls=3, retry_after=7)) as server:
        found = read(server, waits=waits)
        assert waits == [7, 7, 7]
        assert len([page for page in found if page == Page("practitioner")]) == 3


def test_without_retry_after_the_pauses_grow() -> None:
    waits: list[float] = []
    with exported(ExportFaults(polls=7, retry_after=None)) as server:
        read(server, waits=waits)
        assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_progress_is_logged_as_a_number_only(caplog: pytest.LogCaptureFixture) -> None:
    with exported(ExportFaults(progress="Canary Person, 62% done")) as server, caplog.at_level("INFO"):
        read(server)
    (record,) = [r for r in caplog.records if r.message == "export under way"]
    assert record.__dict__["percent"] == 62
    assert "Canary" not in str(record.__dict__)


@pytest.mark.parametrize("polls", [0, 1])
def test_the_job_is_cancelled_at_its_end(polls: int) -> None:
    with exported(ExportFaults(polls=polls)) as server:
        assert len(documents(read(server))) == 13, "the first status call may answer 200"
        assert [job.is_cancelled for job in server.exports.jobs] == [True]


def test_a_status_that_fails_once_is_asked_again() -> None:
    with exported(ExportFaults(poll_500_on=frozenset({1, 2}))) as server:
        assert len(documents(read(server))) == 13


def test_an_export_that_failed_on_the_server_stops_the_source() -> None:
    with exported(ExportFaults(fails=True)) as server, pytest.raises(FatalError, match=r"error \(exception\)"):
        read(server)


def test_a_status_that_stays_broken_may_work_later() -> None:
    with exported(ExportFaults(poll_500_on=frozenset(range(1, 100)))) as server, pytest.raises(RetryableError):
        read(server)


@pytest.mark.parametrize("how", ["refuse", "keep"])
@pytest.mark.parametrize("since", [None, BETWEEN], ids=["everything", "changes"])
def test_an_export_of_nothing_but_errors_is_no_success(how: str, since: datetime | None) -> None:
    with (
        exported(ExportFaults(only_errors=True)) as server,
        pytest.raises(RetryableError, match=r"nothing but error files \(1 error\)") as raised,
    ):
        read(server, since=since, partial_export=how)
    assert "Canary" not in str(raised.value)


def test_a_partly_failed_export_is_refused() -> None:
    with (
        exported(ExportFaults(failed=frozenset({"Appointment"}))) as server,
        pytest.raises(RetryableError, match=r"came with error files \(1 error\)"),
    ):
        read(server)


def test_a_partly_failed_export_that_is_kept_buries_nobody_and_is_asked_for_again() -> None:
    with exported(ExportFaults(failed=frozenset({"Appointment"}))) as server:
        found = read(server, partial_export="keep")
        assert len(documents(found, "patient")) == 6
        beginning = datetime(1970, 1, 1, tzinfo=UTC)
        assert marks(found) == dict.fromkeys(NAMES, (beginning, False))
        server.reset()
        again = read(server, since=beginning)
        assert len(documents(again)) == 13
        assert {is_whole for _, is_whole in marks(again).values()} == {True}
        assert not any("_since" in request for request in server.requests)


def test_changes_of_a_partly_failed_export_are_asked_for_again_from_the_same_time() -> None:
    with exported(ExportFaults(failed=frozenset({"Appointment"}))) as server:
        found = read(server, since=BETWEEN, partial_export="keep")
        assert marks(found) == dict.fromkeys(NAMES, (BETWEEN, False))


def test_a_warning_is_no_failure() -> None:
    with exported(ExportFaults(warnings=True)) as server, connected(server, **EXPORT) as connector:
        assert len(documents(pages(connector, *NAMES))) == 13
        assert connector.skipped["export warning"] == 1


def test_a_file_that_is_gone_is_told_as_such() -> None:
    with (
        exported(ExportFaults(gone=frozenset({"Patient"}))) as server,
        pytest.raises(RetryableError, match="dropped a file of Patient"),
    ):
        read(server)


def test_a_file_that_is_gone_is_asked_for_by_a_new_manifest() -> None:
    with exported(ExportFaults(gone_once=frozenset({"Patient"}))) as server:
        assert len(documents(read(server), "patient")) == 6


def test_a_file_that_breaks_off_is_taken_up_where_it_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacekeeper.fhir.export_files.BLOCK_BYTES", 64)
    faults = ExportFaults(cut=frozenset({"Patient"}))
    with FhirServer({"Patient": [patient(n) for n in range(400)]}, faults=Faults(export=faults)) as server:
        with connected(server, **EXPORT) as connector:
            found = pages(connector, "patient")
        assert set(ids(found).values()) == {1}
        assert len(ids(found)) == 400
        assert server.exports.jobs[0].files[0].asked == 2
        rows = [page.rows for page in found if isinstance(page.rows, JsonLines)]
        numbers = [part.first_line + n for part in rows for n in range(len(part))]
        assert numbers == list(range(1, 401))


def test_a_file_that_became_another_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacekeeper.fhir.export_files.BLOCK_BYTES", 64)
    faults = ExportFaults(cut=frozenset({"Patient"}))
    with (
        FhirServer({"Patient": [patient(n) for n in range(400)]}, faults=Faults(export=faults)) as server,
        connected(server, **EXPORT) as connector,
    ):
        reading = connector.read([s for s in connector.streams if s.name == "patient"], Window())
        while not len(next(reading).rows):
            pass
        file = server.exports.jobs[0].files[0]
        file.lines = [line.replace(b'"p', b'"q') for line in file.lines]
        with pytest.raises(DataError, match="changed between two attempts"):
            list(reading)


def test_a_file_shorter_than_the_manifest_says_is_not_believed() -> None:
    with (
        exported(ExportFaults(short=frozenset({"Patient"}))) as server,
        pytest.raises(RetryableError, match="holds 5 lines, the manifest says 6"),
    ):
        read(server)


def test_manifests_in_pages_are_followed_to_the_last() -> None:
    with exported(ExportFaults(manifest_pages=True, rows_per_file=2)) as server:
        found = read(server)
        assert len(ids(found)) == 13
        assert set(ids(found).values()) == {1}


def test_a_token_that_ends_in_the_middle_of_an_export_is_renewed() -> None:
    faults = Faults(token_calls=2, export=ExportFaults(polls=4, rows_per_file=2))
    with FhirServer(corpus(), faults=faults, jwks=[keys("rsa")[1]]) as server:
        assert len(ids(read(server, **signed()))) == 13
        assert server.tokens.requests >= 4


def test_signed_addresses_get_no_token() -> None:
    with exported(ExportFaults(signed=True)) as server:
        assert len(ids(read(server))) == 13


def test_a_file_that_wants_another_scope_is_a_matter_of_settings() -> None:
    with exported(ExportFaults(binary_scope=True), jwks=[keys("rsa")[1]]) as server:
        with pytest.raises(ConfigError, match=r"refused with 401.*scope system/Binary\.read"):
            read(server)
        scope = "system/*.rs system/Binary.read"
        assert len(ids(read(server, **signed(scope=scope)))) == 13


def test_the_time_of_the_export_may_be_an_object() -> None:
    with exported(ExportFaults(time_as_object=True, no_deleted=True)) as server:
        assert marks(read(server))["patient"][0] == datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC)


def test_files_of_types_nobody_asked_for_are_not_fetched() -> None:
    with exported(ExportFaults(all_types=True)) as server, connected(server, **EXPORT) as connector:
        assert len(documents(pages(connector, "patient"))) == 6
        assert connector.skipped["type Appointment"] == 1
        assert [file.kind for file in server.exports.jobs[0].files if file.asked] == ["Patient"]


def test_a_type_the_server_does_not_name_is_not_asked_for() -> None:
    with exported() as server, connected(server, **EXPORT) as connector:
        assert len(documents(pages(connector))) == 13
        assert connector.skipped["type Slot is not offered"] == 1


def test_a_type_the_server_does_not_export_is_a_matter_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacekeeper.fhir.capability.Capability.offers", lambda *_: True)
    with (
        exported() as server,
        connected(server, **EXPORT) as connector,
        pytest.raises(ConfigError, match=r"refuses the export with 400 .*error \(not-supported\).*search_types"),
    ):
        pages(connector)


def test_stamps_that_are_all_later_than_the_export_are_dropped() -> None:
    rows = [appointment(n, "2026-02-05T00:00:00+00:00") for n in range(3)]
    with exported() as server:
        server.replace(corpus() | {"Appointment": rows})
        server.store.now = datetime(2026, 2, 3, tzinfo=UTC)
        found = read(server)
        assert [document["meta"] for document in documents(found, "appointment")] == [{"versionId": "1"}] * 3
        assert all("lastUpdated" in document["meta"] for document in documents(found, "patient"))


def test_an_export_twice_is_the_same_twice() -> None:
    with exported(ExportFaults(rows_per_file=2)) as server:
        first, second = ids(read(server)), ids(read(server))
        assert first == second


def test_nothing_of_the_export_is_written_to_disk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with exported() as server:
        read(server)
    assert list(tmp_path.iterdir()) == []


def test_errors_name_no_address_of_a_file() -> None:
    with exported(ExportFaults(signed=True, gone=frozenset({"Patient"}))) as server:
        with pytest.raises(PacekeeperError) as raised:
            read(server)
        assert "canary-signature" not in str(raised.value)
        assert "/files/" not in str(raised.value)
