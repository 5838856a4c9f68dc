"""An export that was interrupted is taken up by the next read: the server does not begin anew."""

from __future__ import annotations

import stat
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pacekeeper.errors import FatalError, PluginError, RetryableError
from pacekeeper.fhir.kept_job import KeptJob, asked_for
from pacekeeper.landing.checkpoint import read_checkpoint, write_checkpoint
from pacekeeper.stream import Page, Window
from pacekeeper.testing.fhir_server import ExportFaults, Faults, FhirServer
from tests.integration.fhir_server.site import BETWEEN, connected, corpus, ids, patient
from tests.integration.fhir_server.test_nights import Nights, changed

EXPORT: dict[str, Any] = {"read_by": "export"}
CHANGED_LATER = datetime(2026, 2, 20, tzinfo=UTC)
BASE = httpx.URL("https://ehr.example/fhir")


def exported(faults: ExportFaults | None = None) -> FhirServer:
    return FhirServer(corpus(), faults=Faults(export=faults or ExportFaults(rows_per_file=2)))


class Dying(httpx.BaseTransport):
    """After so many calls the server cannot be reached any more."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls -= 1
        if self.calls < 0:
            raise httpx.ConnectError("nobody is there", request=request)
        return self.inner.handle_request(request)


def interrupted(server: FhirServer, calls: int) -> dict[str, str]:
    """The checkpoint of a read that is cut off after so many calls: statement, kick-off, two statuses, files."""
    found: list[Page] = []
    with pytest.raises(RetryableError):
        read(server, {}, into=found, transport=Dying(calls))
    assert not server.exports.jobs[0].is_cancelled
    return checkpoint(found)


def checkpoint(found: list[Page]) -> dict[str, str]:
    """What is kept after these pages."""
    return dict([page.checkpoint for page in found if page.checkpoint is not None][-1])


def read(
    server: FhirServer,
    resume: dict[str, str],
    *,
    since: datetime | None = None,
    into: list[Page] | None = None,
    transport: httpx.BaseTransport | None = None,
    **how: Any,
) -> list[Page]:
    found = [] if into is None else into
    with connected(server, transport=transport, **{**EXPORT, **how}) as connector:
        per_stream = {} if since is None else {stream.name: since for stream in connector.streams}
        window = Window(since=since, per_stream=per_stream, resume=resume)
        for page in connector.read(connector.streams, window):
            found.append(page)
    return found


def kick_offs(server: FhirServer) -> list[str]:
    return [request for request in server.requests if "$export?" in request]


@pytest.mark.parametrize("calls", [2, 3, 4, 6], ids=["at once", "while it waits", "before the files", "in the files"])
def test_the_next_read_takes_up_the_job_and_loses_and_doubles_nothing(calls: int) -> None:
    with exported() as server:
        kept = interrupted(server, calls)
        assert set(kept) == {"job", "asked", "started_at"}
        found = read(server, kept)
        assert set(ids(found).values()) == {1}
        assert len(ids(found)) == 13
        first, later = kick_offs(server)
        assert "_since" not in first
        assert "_since=2026-02-01T00%3A00%3A01Z" in later, "only for what has changed since the first began"
        assert found[-1].checkpoint == {}
        assert all(job.is_cancelled for job in server.exports.jobs)


def test_what_changed_while_nobody_read_comes_in_the_same_read() -> None:
    with exported() as server:
        kept = interrupted(server, 3)
        server.update("Patient", patient(7), at=CHANGED_LATER)
        found = read(server, kept)
        assert ids(found, "patient") == Counter(f"p{n}" for n in (*range(6), 7))
        marks = {page.watermark for page in found if page.watermark is not None}
        assert marks == {datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC)}, "the first export's: nothing is asked for too late"
        assert {page.is_whole for page in found if page.watermark is not None} == {True}


@pytest.mark.parametrize("calls", [3, 6], ids=["while it waits", "in the files"])
def test_a_job_the_server_has_forgotten_is_asked_for_anew(calls: int) -> None:
    with exported() as server:
        kept = interrupted(server, calls)
        server.exports.cancel(0)
        assert len(ids(read(server, kept))) == 13
        assert [("_since" in request) for request in kick_offs(server)] == [False, False]


def test_searches_come_first_so_that_none_of_them_can_cost_an_export() -> None:
    with exported() as server:
        read(server, {}, search_types=["Slot", "Practitioner"])
        asked = [
            request for request in server.requests if request.startswith(("/fhir/$export?", "/fhir/Practitioner?"))
        ]
        assert [request.partition("?")[0] for request in asked] == ["/fhir/Practitioner", "/fhir/$export"]


def test_a_job_is_cancelled_when_nobody_wants_the_rest() -> None:
    with exported() as server, connected(server, **EXPORT) as connector:
        reading = connector.read(connector.streams, Window())
        next(reading)
        reading.close()  # type: ignore[attr-defined]  # it is a generator
        assert [job.is_cancelled for job in server.exports.jobs] == [True]


def test_a_job_that_was_asked_for_something_else_is_left_alone() -> None:
    with exported() as server:
        kept = interrupted(server, 3)
        assert ids(read(server, kept, since=BETWEEN)) == {"p5": 1}
        assert len(ids(read(server, kept, skip_types=["Practitioner"]))) == 12
        assert server.exports.jobs[0].polls == 1, "nobody asked for it again"


def test_an_export_that_is_not_ready_in_time_is_taken_up_when_it_is() -> None:
    faults = ExportFaults(polls=20, retry_after=60)
    with exported(faults) as server:
        found: list[Page] = []
        with pytest.raises(RetryableError, match=r"not ready after 5 minutes; the next run asks for it again"):
            read(server, {}, into=found, export_wait_minutes=5)
        assert not server.exports.jobs[0].is_cancelled
        assert len(ids(read(server, checkpoint(found)))) == 13


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (ExportFaults(fails=True), FatalError),
        (ExportFaults(gone=frozenset({"Patient"})), RetryableError),
        (ExportFaults(short=frozenset({"Patient"})), RetryableError),
        (ExportFaults(failed=frozenset({"Patient"})), RetryableError),
    ],
    ids=["failed", "file gone", "file too short", "partly failed"],
)
def test_a_job_that_is_of_no_use_is_cancelled_and_forgotten(faults: ExportFaults, error: type[Exception]) -> None:
    found: list[Page] = []
    with exported(faults) as server:
        with pytest.raises(error) as raised:
            read(server, {}, into=found)
        assert raised.type is error
        assert checkpoint(found) == {}
        assert [job.is_cancelled for job in server.exports.jobs] == [True]


@pytest.mark.parametrize(
    ("address", "is_kept"),
    [
        ("/fhir/bulkstatus/6f1a", True),
        ("/fhir/$export-poll-status?_jobId=6f1a-77", True),
        ("/apis/default/fhir/$bulkdata-status?job=6f1a", True),
        ("/fhir/status/6f1a?sig=canary", False),
        ("/fhir/status?_jobId=6f1a&token=canary", False),
        ("/fhir/status?_jobId=Canary%20Person", False),
    ],
)
def test_only_an_address_that_names_a_job_and_nothing_else_is_kept(address: str, *, is_kept: bool) -> None:
    asked = asked_for(BASE, "$export", ["Patient"], None)
    job = KeptJob(BASE.join(address), BETWEEN)
    kept = job.checkpoint(asked)
    assert KeptJob.of(kept, base=BASE, asked=asked) == (job if is_kept else None)
    assert "canary" not in str(kept).lower()


@pytest.mark.parametrize("target", ["//elsewhere.example/job", "https://elsewhere.example/job", "job", ""])
def test_a_checkpoint_that_leads_elsewhere_is_not_followed(target: str) -> None:
    with exported() as server:
        kept = interrupted(server, 3) | {"job": target}
        assert len(ids(read(server, kept))) == 13
        assert len(kick_offs(server)) == 2


def test_a_checkpoint_is_kept_for_its_owner_only_and_removed_by_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints" / "ehr.json"
    assert read_checkpoint(file) == {}
    write_checkpoint(file, {"job": "/j/1"}, connector="fhir")
    assert (read_checkpoint(file), stat.S_IMODE(file.stat().st_mode)) == ({"job": "/j/1"}, 0o600)
    write_checkpoint(file, {}, connector="fhir")
    assert list(file.parent.iterdir()) == []
    for broken in ("", "[]", '{"job": 1}', "\x00"):
        file.write_text(broken)
        assert read_checkpoint(file) == {}
    with pytest.raises(PluginError, match="no mapping of short texts"):
        write_checkpoint(file, {"rows": "x" * 5000}, connector="fhir")


def test_a_night_killed_between_two_files_is_taken_up_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def started(*arguments: Any, **how: Any) -> Any:
        workers.append(start(*arguments, **how))
        return workers[-1]

    monkeypatch.setattr("pacekeeper.landing.extract.subprocess.Popen", started)
    with exported(ExportFaults(rows_per_file=2, retry_after=0)) as server:
        nights = Nights(tmp_path, server, read_by="export")
        hand_over = server.exports.file

        def kill_at_the_third(number: int, place: int) -> Any:
            if place == 3 and len(workers) == 1:
                workers[0].kill()
            return hand_over(number, place)

        monkeypatch.setattr(server.exports, "file", kill_at_the_third)
        assert "ended with code -9" in nights.fail()
        kept = nights.home.checkpoint_path("ehr")
        assert set(read_checkpoint(kept)) == {"job", "asked", "started_at"}
        assert changed(nights.land())["patient"] == (6, 0, 0)
        assert not kept.exists()
        assert [("_since" in request) for request in kick_offs(server)] == [False, True]
        assert changed(nights.land()) == {}
