"""A source whose files are as they were at its last good read is not read, and counts as complete."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.landing.extract import Extraction, Request
from pacekeeper.landing.night import land_sources
from pacekeeper.landing.spool import read_manifest
from pacekeeper.landing.worker import run_job
from pacekeeper.ops import SourceRun, StreamRun, StreamState
from pacekeeper.settings import load_settings

FIRST = datetime(2026, 3, 2, 6, tzinfo=UTC)
SETTINGS = """\
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"

[sources.pay]
connector = "tabular"
folder = "files"
mapping = "pay.toml"
quarantine_limit = 1.0
"""
MAPPING = """\
[streams.leave]
files = "leave-*.csv"
key = ["who", "day"]
[streams.leave.columns]
who = {type = "ref", entity = "clinician"}
day = {type = "date"}
hours = {type = "decimal"}
kind = {type = "code"}
"""
LEAVE = "who,day,hours,kind\nann,2026-02-02,8,take\n"


@pytest.fixture
def home(tmp_path: Path) -> PracticeHome:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "leave-1.csv").write_text(LEAVE)
    (tmp_path / "pay.toml").write_text(MAPPING)
    (tmp_path / "pacekeeper.toml").write_text(SETTINGS)
    made = PracticeHome(load_settings(tmp_path / "pacekeeper.toml"))
    made.create()
    return made


def extracted_here(requests: Sequence[Request], *, on_progress: object = None) -> Generator[Extraction, None, None]:
    """What the extraction processes do, in this one."""
    del on_progress
    for request in requests:
        folder = Path(request.job.folder)
        folder.mkdir(parents=True)
        run_job(request.job)
        yield Extraction(request.job.source, folder, 0.0, manifest=read_manifest(folder))


def night(home: PracticeHome, number: int) -> tuple[SourceRun, StreamRun]:
    """Land once, a day after the night before; the ledger's entries."""
    as_of = FIRST + timedelta(days=number)
    (source,) = land_sources(home, run_id=f"night-{number}", as_of=as_of, extractor=extracted_here)
    assert source.state == "ok", source.message
    (stream,) = home.ops.rows(StreamRun, run_id=f"night-{number}")
    assert stream.is_balanced
    return source, stream


def test_files_that_have_not_changed_are_not_read_and_are_complete_all_the_same(home: PracticeHome) -> None:
    first, landed = night(home, 1)
    assert (first.message, landed.read, landed.inserted) == (None, 1, 1)
    second, nothing = night(home, 2)
    assert (second.message, nothing.read) == ("its content is as it was at the last read", 0)
    (state,) = home.ops.rows(StreamState)
    assert state.complete_through == FIRST + timedelta(days=2)


def _more(home: PracticeHome, folder: Path) -> None:
    del home
    (folder / "files" / "leave-2.csv").write_text(LEAVE.replace("ann", "bob"))


def _other(home: PracticeHome, folder: Path) -> None:
    del home
    (folder / "files" / "leave-1.csv").write_text(LEAVE.replace("take", "sick"))


def _asked(home: PracticeHome, folder: Path) -> None:
    del folder
    home.ops.read_whole_next("pay")


def _lost(home: PracticeHome, folder: Path) -> None:
    del folder
    home.warehouse.path.unlink()


def _forgotten(home: PracticeHome, folder: Path) -> None:
    del folder
    home.ops.remove(home.ops.rows(StreamState))


def _other_mapping(home: PracticeHome, folder: Path) -> None:
    del home
    (folder / "pay.toml").write_text(MAPPING + 'note = {type = "code", optional = true}\n')


@pytest.mark.parametrize("change", [_more, _other, _asked, _lost, _forgotten, _other_mapping])
def test_anything_that_a_read_might_find_has_it_read(
    home: PracticeHome, tmp_path: Path, change: Callable[[PracticeHome, Path], None]
) -> None:
    night(home, 1)
    change(home, tmp_path)
    source, stream = night(home, 2)
    assert source.message is None
    assert stream.read > 0
    assert night(home, 3)[1].read == 0


def test_records_that_were_suspect_still_are(home: PracticeHome, tmp_path: Path) -> None:
    night(home, 1)
    (tmp_path / "files" / "leave-1.csv").write_text(LEAVE.replace(",8,", ",eight,"))
    assert night(home, 2)[1].suspect == 1
    unread = night(home, 3)[1]
    assert (unread.read, unread.suspect) == (0, 1)


def test_a_read_that_lacked_something_is_made_again(home: PracticeHome, tmp_path: Path) -> None:
    period = '[streams.leave.period]\nfile_name = "(?P<month>[0-9]{4}-[0-9]{2})"\nformat = "%Y-%m"\n'
    (tmp_path / "pay.toml").write_text(MAPPING + period)
    for month in ("2025-12", "2026-02"):
        (tmp_path / "files" / f"leave-{month}.csv").write_text(LEAVE)
    (tmp_path / "files" / "leave-1.csv").unlink()
    assert [night(home, number)[1].read for number in (1, 2)] == [2, 2]
    (tmp_path / "files" / "leave-2026-01.csv").write_text(LEAVE)
    assert [night(home, number)[1].read for number in (3, 4)] == [3, 3]
