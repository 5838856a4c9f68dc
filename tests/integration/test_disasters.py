"""A full disk, a server that vanishes, a file that is locked, a broken spool: a clear word, yesterday's tables, and a
next night that leaves what a night without them leaves.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import create_engine, text

from pacekeeper.errors import FatalError, PacekeeperError, RetryableError
from pacekeeper.home import PracticeHome
from pacekeeper.landing.extract import Extraction, Extractor, Request, extract
from pacekeeper.landing.night import land_sources
from pacekeeper.landing.spool import read_manifest
from pacekeeper.landing.worker import run_job
from pacekeeper.ops import Run, SourceRun, StreamState
from pacekeeper.privacy import describe
from pacekeeper.settings import load_settings
from pacekeeper.testing import FhirServer
from pacekeeper_assets.practice_resource import asset_border
from tests.integration.warehouse_content import content_hashes

FIRST_NIGHT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SETTINGS = """\
[practice]
name = "P"
home_tz = "UTC"
data_dir = "{data}"

[sources.ehr]
connector = "fhir"
base_url = "{url}"
token = "demo-token"
use_history = false
page_size = 2
"""
HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def patient(number: int, born: int = 1980) -> dict[str, Any]:
    at = f"2026-01-{number % 28 + 1:02d}T00:00:00Z"
    identity = f"p{number}"
    return {"resourceType": "Patient", "id": identity, "birthDate": f"{born}-01-01", "meta": {"lastUpdated": at}}


@dataclass
class Site:
    """A practice after one night, and the server that it reads; the server has changed since."""

    home: PracticeHome
    server: FhirServer

    def land(self, run_id: str, extractor: Extractor | None = None) -> SourceRun:
        as_of = FIRST_NIGHT + timedelta(days=1)
        self.home.ops.add([Run(run_id=run_id, as_of=as_of, started_at=as_of)])
        (result,) = land_sources(self.home, run_id=run_id, as_of=as_of, extractor=extractor or extracted_here)
        return result

    def fails(self, extractor: Extractor | None = None) -> str:
        """What is said of a landing that fails; nothing has landed or moved."""
        states, before = list(self.home.ops.rows(StreamState)), self.content()
        try:
            with asset_border("landing"):
                said = self.land("failing", extractor).message or ""
        except PacekeeperError as error:
            said = str(error)
        assert self.home.ops.rows(StreamState) == states
        assert self.content() == before
        return said

    def content(self) -> dict[str, str]:
        return content_hashes(self.home)

    def recovers(self) -> None:
        """The next landing ends like one that nothing befell, and leaves nothing in the folders it works in."""
        assert self.land("next").state == "ok"
        assert not self.home.spool_dir.exists()
        assert not self.home.work_dir.exists()
        (state,) = self.home.ops.rows(StreamState, stream="patient")
        assert state.complete_through == FIRST_NIGHT + timedelta(days=1)
        with self.home.warehouse.connect() as connection:
            rows = connection.raw.execute(
                "SELECT version_no, count(*) FROM raw_ehr.patient__current GROUP BY 1 ORDER BY 1"
            ).fetchall()
        assert rows == [(1, 7), (2, 1)], "one is new, one was changed, six are as they were"


def extracted_here(requests: Sequence[Request], *, on_progress: object = None) -> Generator[Extraction, None, None]:
    """What the extraction processes do, in this one."""
    yield from read_here(requests, lambda *_: None)


def read_here(requests: Sequence[Request], on_page: Callable[[str, int], None]) -> Iterator[Extraction]:
    for request in requests:
        folder = Path(request.job.folder)
        folder.mkdir(parents=True)
        try:
            run_job(request.job, on_page)
        except PacekeeperError as error:
            yield Extraction(request.job.source, folder, 1.0, error_class=type(error).__name__, message=str(error))
            continue
        yield Extraction(request.job.source, folder, 1.0, manifest=read_manifest(folder))


def made_site(folder: Path, server: FhirServer) -> Site:
    file = folder / "pacekeeper.toml"
    file.write_text(SETTINGS.format(url=server.url, data=folder / "data"))
    home = PracticeHome(load_settings(file))
    home.create()
    home.ops.add([Run(run_id="first", as_of=FIRST_NIGHT, started_at=FIRST_NIGHT, state="success")])
    land_sources(home, run_id="first", as_of=FIRST_NIGHT, extractor=extracted_here)
    home.publish()
    server.update("Patient", patient(3, born=1990), at=FIRST_NIGHT)
    server.update("Patient", patient(7), at=FIRST_NIGHT)
    return Site(home, server)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with FhirServer({"Patient": [patient(n) for n in range(7)]}, port=port) as server:
        yield made_site(tmp_path, server)


def test_a_disk_that_is_full_while_a_source_is_read(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that reads may write files of one kibibyte; nobody else is short of room."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nulimit -f 1\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(program))
        said = site.fails(extract)
    assert "the disk is full or fails, or a file may not grow; make room and run again" in said
    site.recovers()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB; the test is skipped where nobody may mount one."""
    disk = tmp_path / "data"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_while_what_was_read_is_loaded_and_published(small_disk: Path) -> None:
    with FhirServer({"Patient": [patient(n) for n in range(7)]}) as server:
        site = made_site(small_disk.parent, server)
        copy = site.home.read_copy.read_bytes()
        ballast = small_disk / "ballast"

        def full_when_read(
            requests: Sequence[Request], *, on_progress: object = None
        ) -> Generator[Extraction, None, None]:
            for extraction in extracted_here(requests):
                with ballast.open("wb") as file:
                    file.write(b"x" * shutil.disk_usage(small_disk).free)
                yield extraction

        try:
            with asset_border("landing"):
                said = site.land("failing", full_when_read).message or ""
        except FatalError as error:
            said = str(error)
        assert "disk is full" in said
        assert site.home.read_copy.read_bytes() == copy
        (small_disk / "warehouse.duckdb").touch()
        with pytest.raises(FatalError, match="disk is full"), asset_border("publication"):
            site.home.publish()
        assert site.home.read_copy.read_bytes() == copy
        ballast.unlink()
        site.recovers()
        site.home.publish()
        left = sorted(path.name for path in site.home.published_dir.iterdir())
        assert left == [".copied", "pacekeeper_bi.duckdb", "warehouse_read.duckdb"]


def test_a_server_that_vanishes_in_the_middle(site: Site) -> None:
    seen: list[int] = []

    def vanishing(requests: Sequence[Request], *, on_progress: object = None) -> Generator[Extraction, None, None]:
        def vanish(stream: str, rows: int) -> None:
            if stream == "patient":
                seen.append(rows)
                site.server.stop()

        yield from read_here(requests, vanish)

    site.home.ops.read_whole_next("ehr")
    said = site.fails(vanishing)
    assert seen == [2], "after the first page of four"
    assert "cannot connect to http://127.0.0.1" in said
    assert [run.error_class for run in site.home.ops.rows(SourceRun, run_id="failing")] == ["RetryableError"]
    site.server.start()
    site.recovers()


@pytest.mark.parametrize("what", ["rows", "manifest"])
def test_a_spool_that_is_broken(site: Site, what: str) -> None:
    """Cut off in the middle: what a machine leaves that lost its power before the file was on disk."""

    def broken(requests: Sequence[Request], *, on_progress: object = None) -> Generator[Extraction, None, None]:
        for extraction in extract(requests):
            name = "patient/rows-000001.parquet" if what == "rows" else "manifest.json"
            file = extraction.folder / name
            os.truncate(file, file.stat().st_size // 2)
            manifest = read_manifest(extraction.folder)
            how = {} if manifest is not None else {"error_class": "FatalError", "message": "left neither a read"}
            yield Extraction(extraction.source, extraction.folder, 1.0, manifest=manifest, **how)

    said = site.fails(broken)
    expected = "what was read of it lies damaged in the spool" if what == "rows" else "left neither a read"
    assert expected in said
    site.recovers()


def test_a_warehouse_that_another_process_has_open(site: Site) -> None:
    path = str(site.home.warehouse.path)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(RetryableError, match=f"in use by process {holder.pid}"):
        site.land("failing")
    with site.home.published.connect(read_only=True) as connection:
        assert connection.count("SELECT count(*) FROM raw_ehr.patient__current") == 7
    holder.communicate(b"")
    site.recovers()


def test_a_database_that_is_locked_or_full_is_named_and_nothing_it_says_is_quoted(tmp_path: Path) -> None:
    file = tmp_path / "ops.sqlite"
    with sqlite3.connect(file) as held:
        held.execute("CREATE TABLE t (canary TEXT)")
        held.commit()
        held.execute("BEGIN EXCLUSIVE")
        engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 0})
        with pytest.raises(Exception, match="locked") as locked, engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES ('canary')"))
    said = describe(locked.value)
    assert said.endswith(": another process holds the database; end it and run again")
    assert "canary" not in said
    full = duckdb.IOException("IO Error: could not write canary: No space left on device")
    assert describe(full) == "IOException: the disk is full or fails, or a file may not grow; make room and run again"
    assert describe(OSError(2, "canary")) == "FileNotFoundError"
