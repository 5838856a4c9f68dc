"""One source read once more for a window: what it brings, what it leaves alone, and how it goes on after a kill.

Patient n of the server was changed on January 1 + 3n days; a week holds two or three.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import pytest

from pacekeeper.columns import Code, Instant, Key
from pacekeeper.connector import Connector, ConnectorSettings, SourceContext
from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper.landing.backfill import Backfill, estimate, forget_slices, land_backfill, left_to_do, reach_of, slices
from pacekeeper.landing.extract import Extraction, Request
from pacekeeper.landing.night import land_sources
from pacekeeper.landing.spool import read_manifest
from pacekeeper.landing.worker import Job, run_job
from pacekeeper.ops import BackfillSlice, Run, SourceRun, StreamRun, StreamState
from pacekeeper.settings import load_settings
from pacekeeper.stream import Page, Stream, Window
from pacekeeper.testing import FhirServer
from pacekeeper_app.cli.backfill import parse_backfill, told
from tests.integration.practice_run import pacekeeper

START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_NIGHT = datetime(2026, 3, 2, 9, tzinfo=UTC)
JANUARY = Backfill("ehr", START, START + timedelta(days=28))
SETTINGS = """\
[practice]
name = "P"
home_tz = "America/Denver"
data_dir = "data"

[sources.ehr]
connector = "fhir"
base_url = "{url}"
token = "demo-token"
use_history = false

[sources.files]
connector = "fhir"
folder = "files"
"""


def patient(number: int, *, born: str = "1980-01-01", day: int | None = None) -> dict[str, Any]:
    at = START + timedelta(days=3 * number if day is None else day)
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "birthDate": born,
        "meta": {"lastUpdated": at.isoformat().replace("+00:00", "Z")},
    }


@dataclass
class Site:
    """A practice and its server."""

    home: PracticeHome
    server: FhirServer

    def states(self) -> list[StreamState]:
        return sorted(self.home.ops.rows(StreamState, source="ehr"), key=lambda state: state.stream)

    def versions(self) -> dict[str, int]:
        """Current patients by the number of their version."""
        with self.home.warehouse.connect() as connection:
            rows = connection.raw.execute(
                "SELECT version_no, count(*) FROM raw_ehr.patient__current GROUP BY 1"
            ).fetchall()
        return {str(number): count for number, count in rows}


def extracted_here(requests: Sequence[Request], *, on_progress: object = None) -> Generator[Extraction, None, None]:
    """What the extraction processes do, in this one."""
    del on_progress
    for request in requests:
        folder = Path(request.job.folder)
        folder.mkdir(parents=True)
        run_job(request.job)
        yield Extraction(request.job.source, folder, 60.0, manifest=read_manifest(folder))


class Killed(BaseException):
    """Stands for a signal."""


def killed_after(parts: int) -> Any:  # Any: an Extractor
    left = [parts]

    def extractor(requests: Sequence[Request], *, on_progress: object = None) -> Generator[Extraction, None, None]:
        if not left[0]:
            raise Killed
        left[0] -= 1
        yield from extracted_here(requests)

    return extractor


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """After one night, with server and tables alike."""
    with FhirServer({"Patient": [patient(n) for n in range(10)]}, page_size=100) as server:
        (tmp_path / "files").mkdir()
        file = tmp_path / "pacekeeper.toml"
        file.write_text(SETTINGS.format(url=server.url))
        home = PracticeHome(load_settings(file))
        home.create()
        night(home, "n1", FIRST_NIGHT)
        yield Site(home, server)


def night(home: PracticeHome, run_id: str, as_of: datetime) -> None:
    home.ops.add([Run(run_id=run_id, as_of=as_of, started_at=as_of, state="success", ended_at=as_of)])
    land_sources(home, run_id=run_id, as_of=as_of, extractor=extracted_here)


def backfill(site: Site, wanted: Backfill, run_id: str = "b1", **how: Any) -> SourceRun:
    at = FIRST_NIGHT + timedelta(hours=5)
    site.home.ops.add([Run(run_id=run_id, as_of=at, started_at=at, kind="backfill")])
    return land_backfill(site.home, wanted, run_id=run_id, as_of=at, **{"extractor": extracted_here, **how})


def test_it_brings_what_changed_in_the_window_and_leaves_cursors_and_completeness(site: Site) -> None:
    """Three patients are corrected without another time of change; p9 is after the window, and stays as it was."""
    for number in (1, 4, 9):
        site.server.update("Patient", patient(number, born="1990-01-01"), at=START + timedelta(days=3 * number))
    before = site.states()
    result = backfill(site, Backfill("ehr", START, START + timedelta(days=27)))
    assert (result.state, result.seconds) == ("ok", 240.0)
    assert site.versions() == {"1": 8, "2": 2}
    assert site.states() == before
    (row,) = site.home.ops.rows(StreamRun, run_id="b1", stream="patient")
    assert (row.read, row.updated, row.unchanged, row.tombstones) == (9, 2, 7, 0)
    assert row.is_balanced


def test_what_a_window_lacks_was_not_deleted(site: Site) -> None:
    """Deleted on the server, whose patients are deleted by comparison: only a whole read may conclude that."""
    site.server.remove("Patient", "p2")
    backfill(site, JANUARY)
    assert sum(site.versions().values()) == 10
    site.home.ops.read_whole_next("ehr")
    night(site.home, "n2", FIRST_NIGHT + timedelta(days=1))
    assert sum(site.versions().values()) == 9


def test_a_source_never_read_is_not_complete_after_a_backfill(site: Site) -> None:
    site.home.ops.remove(site.home.ops.rows(StreamState, source="ehr"))
    backfill(site, JANUARY)
    assert site.states() == []


def test_it_goes_on_where_it_was_killed_and_begins_anew_when_it_was_published(site: Site) -> None:
    assert [part.since for part in slices(site.home, JANUARY)] == [START + timedelta(days=7 * n) for n in range(4)]
    told_of: list[tuple[int, int]] = []
    with pytest.raises(Killed):
        backfill(site, JANUARY, extractor=killed_after(3), on_slice=lambda *part: told_of.append(part))
    assert told_of == [(1, 4), (2, 4), (3, 4)]
    assert [part.since for part in left_to_do(site.home, JANUARY)] == [START + timedelta(days=21)]
    site.server.reset()
    backfill(site, JANUARY, "b2", on_slice=lambda *part: told_of.append(part))
    assert told_of[3:] == [(4, 4)]
    patients = [unquote(request) for request in site.server.requests if "/Patient?" in request]
    assert [request for request in patients if "ge2026-01-22" in request and "lt2026-01-29" in request] != []
    assert [request for request in patients if "ge2026-01-15" in request] == []
    assert left_to_do(site.home, JANUARY) == []
    forget_slices(site.home, JANUARY)
    assert len(left_to_do(site.home, JANUARY)) == 4


def test_the_estimate_is_what_days_of_changes_have_cost(site: Site) -> None:
    site.home.ops.remove(site.home.ops.rows(SourceRun))
    assert estimate(site.home, JANUARY, now=FIRST_NIGHT).calls is None
    assert told(estimate(site.home, JANUARY, now=FIRST_NIGHT)).endswith("nobody knows: no read of it is on record.")
    reads = [("n1", 0, 900, 5000), ("n2", 1, 30, 40), ("n3", 2, 30, 60)]
    for run_id, day, seconds, calls in reads:
        at = FIRST_NIGHT + timedelta(days=day)
        row = SourceRun(run_id=run_id, source="ehr", connector="fhir", state="ok", seconds=seconds, calls=calls)
        site.home.ops.add([Run(run_id=run_id, as_of=at, started_at=at, state="success"), row])
    found = estimate(site.home, JANUARY, now=FIRST_NIGHT)
    assert (found.calls, found.seconds) == (1400, 840), "28 days of 50 calls and 30 seconds"
    year = Backfill("ehr", START, START + timedelta(days=365))
    assert estimate(site.home, year, now=FIRST_NIGHT).calls == 5000, "never more than everything"
    assert told(found) == "About 1,400 calls and 14 min of reading, by its last 2 nights, which read 2 days of changes."


class Mixed(Connector[ConnectorSettings]):
    """Notes whose parts come with them and that can be asked for, and rooms that cannot."""

    name = "mixed"
    streams = (
        Stream("note", {"id": Key("note"), "at": Instant()}, cursor="at"),
        Stream("part", {"kind": Code()}, child_of="note", explode="parts"),
        Stream("room", {"id": Key("location")}),
    )
    asked: ClassVar[list[str]] = []

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        self.asked[:] = [stream.name for stream in streams]
        assert window.since_of("note") == START
        yield Page("note", [{"id": "n1", "at": "2026-01-02T00:00:00Z"}])


@pytest.mark.parametrize("before", [FIRST_NIGHT.isoformat(), None], ids=["backfill", "night"])
def test_what_cannot_be_asked_for_changes_is_left_to_the_nights(site: Site, tmp_path: Path, before: str | None) -> None:
    job = Job(
        config=str(site.home.settings.file),
        run_id="b1",
        source="ehr",
        folder=str(tmp_path / "mixed"),
        key_path=str(site.home.key_path),
        as_of=FIRST_NIGHT.isoformat(),
        since={"note": START.isoformat()},
        before=before,
    )
    context = SourceContext("ehr", None, lambda: FIRST_NIGHT)
    run_job(job, build=lambda *_: Mixed(ConnectorSettings(), context))
    assert Mixed.asked == (["note", "part"] if before else ["note", "part", "room"])
    manifest = read_manifest(tmp_path / "mixed")
    assert manifest is not None
    assert manifest.streams["room"].was_full is (before is None)


def test_a_source_that_cannot_be_asked_for_a_window_is_read_whole_in_one_part(site: Site) -> None:
    assert reach_of(site.home, "ehr") == "window"
    assert reach_of(site.home, "files") == "all"
    assert len(slices(site.home, Backfill("files", START, FIRST_NIGHT))) == 1


def test_days_are_whole_local_days_of_the_practice(site: Site) -> None:
    found = parse_backfill(site.home, "ehr", "2026-01-01", "2026-01-02")
    assert (found.since, found.before) == (START + timedelta(hours=7), START + timedelta(days=2, hours=7))
    for wrong in (("2026-01-02", "2026-01-01"), ("tomorrow", None), (None, None)):
        with pytest.raises(ConfigError):
            parse_backfill(site.home, "ehr", *wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--source", "ehr", "--from", "2026-01-01"), "nobody is there to confirm it: give --yes"),
        (("--from", "2026-01-01"), "--from and --to need --source"),
        (("--source", "nowhere", "--from", "2026-01-01"), "there is no source 'nowhere'"),
        (("--source", "ehr", "--from", "2026-01-01", "--full"), "--full do not go with it"),
    ],
    ids=["unconfirmed", "no source", "unknown source", "with full"],
)
def test_what_is_wrong_with_a_backfill_is_said_before_anything_is_read(
    site: Site, options: tuple[str, ...], said: str
) -> None:
    config = site.home.settings.file
    assert config is not None
    ended = pacekeeper("run", *options, config=config)
    assert ended.returncode == 1
    assert said in " ".join(ended.stderr.split())


def test_the_command_reads_one_source_and_publishes(site: Site) -> None:
    config = site.home.settings.file
    assert config is not None
    site.server.update("Patient", patient(1, born="1990-01-01"), at=START + timedelta(days=3))
    files = site.home.ops.rows(StreamState, source="files")
    ended = pacekeeper("run", "--source", "ehr", "--from", "2025-12-30", "--to", "2026-01-12", "--yes", config=config)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "what was made or changed in it is read, in 2 parts." in ended.stdout
    assert "1 of 2 parts landed, about" in ended.stdout
    assert site.versions() == {"1": 9, "2": 1}
    (run,) = site.home.ops.rows(Run, kind="backfill")
    assert run.state == "success"
    assert [row.source for row in site.home.ops.rows(SourceRun, run_id=run.run_id)] == ["ehr"]
    assert site.home.ops.rows(StreamState, source="files") == files
    assert site.home.ops.rows(BackfillSlice) == []
