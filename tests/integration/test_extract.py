"""Each source is read in a process of its own: whatever one does, the others are complete."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper.landing.extract import Extraction, Progress, Request, extract, since_of
from pacekeeper.landing.spool import parts
from pacekeeper.landing.worker import Job
from pacekeeper.privacy import create_hash_key

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
DEADLINE = 60.0
CANARY = "CANARY-Ann-Lee"
PLUGIN = f'''
import os, subprocess, sys, threading, time
from datetime import datetime, timedelta, UTC
from pathlib import Path
from pacekeeper import Code, Connector, ConnectorSettings, Instant, Key, Page, RetryableError, Stream

CANARY = "{CANARY}"


class Base(Connector[ConnectorSettings]):
    streams = (Stream("visit", {{"id": Key("visit"), "state": Code(), "changed": Instant()}}, cursor="changed"),)

    def read_stream(self, stream, window):
        yield Page("visit", [{{"id": "1", "state": "booked"}}], watermark=window.until)
        self.misbehave()
        yield Page("visit", [{{"id": "2", "state": "booked"}}], watermark=window.until + timedelta(hours=1))

    def misbehave(self): ...


class Good(Base):
    name = "good"


class Since(Base):
    name = "since"

    def read_stream(self, stream, window):
        since = window.since_of("visit")
        yield Page("visit", [{{"id": "1", "state": "none" if since is None else f"{{since:%Y-%m-%dT%H:%M}}"}}])


class Hanging(Base):
    name = "hanging"

    def misbehave(self):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(os.environ["PIDS"]).write_text(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(600)


class Crashing(Base):
    name = "crashing"

    def misbehave(self):
        raise RuntimeError(f"cannot read {{CANARY}}")


class Refusing(Base):
    name = "refusing"

    def read(self, streams, window):
        raise RetryableError(f"the server is away, says {{CANARY}}")


class Printing(Base):
    name = "printing"

    def misbehave(self):
        print(CANARY)
        print('{{"source": "x", "stream": CANARY, "rows": "many"}}', flush=True)
        os.write(1, b"\\xff\\xfe" * 100_000)
        sys.stderr.write(CANARY)


class Leaving(Base):
    name = "leaving"

    def misbehave(self):
        sys.exit(0)


class Dying(Base):
    name = "dying"

    def misbehave(self):
        os.kill(os.getpid(), 9)


class Lingering(Base):
    name = "lingering"

    def misbehave(self):
        threading.Thread(target=time.sleep, args=(600,)).start()
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
'''
NAMES = ("good", "since", "hanging", "crashing", "refusing", "printing", "leaving", "dying", "lingering")


@pytest.fixture
def practice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file with one source per plugin, and a distribution on the path that registers them."""
    site = tmp_path / "site"
    info = site / "misbehaving-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "misbehaving.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    points = "".join(f"{name} = misbehaving:{name.title()}\n" for name in NAMES)
    (info / "entry_points.txt").write_text(f"[pacekeeper.connectors]\n{points}")
    sources = "".join(f'[sources.{name}]\nconnector = "{name}"\n' for name in NAMES)
    (tmp_path / "pacekeeper.toml").write_text(f'[practice]\nname = "Test"\nhome_tz = "UTC"\n{sources}')
    create_hash_key(tmp_path / "hash.key")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    return tmp_path


def request(practice: Path, source: str, *, deadline: float = DEADLINE, since: dict[str, str] | None = None) -> Request:
    job = Job(
        config=str(practice / "pacekeeper.toml"),
        run_id="night",
        source=source,
        folder=str(practice / "spool" / source),
        key_path=str(practice / "hash.key"),
        as_of=AS_OF.isoformat(),
        since=since or {},
    )
    return Request(job, deadline)


def read_all(*requests: Request, on_progress: Progress | None = None) -> list[Extraction]:
    """What every source came to, in the order of the requests."""
    order = [wanted.job.source for wanted in requests]
    return sorted(extract(requests, on_progress=on_progress), key=lambda found: order.index(found.source))


def read_rows(extraction: Extraction) -> int:
    assert extraction.manifest is not None, extraction.message
    return extraction.manifest.streams["visit"].read


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or dead and not yet collected by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def await_end(pids: list[int]) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if all(has_ended(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def await_file(file: Path) -> list[int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.is_file() and len(found := file.read_text().split()) == 2:
            return [int(pid) for pid in found]
        time.sleep(0.05)
    raise AssertionError("the connector never came as far as hanging")


def test_a_good_source_leaves_a_complete_spool_and_tells_its_progress(practice: Path) -> None:
    told: list[tuple[str, str, int]] = []
    extraction = read_all(request(practice, "good"), on_progress=lambda *step: told.append(step))[0]
    assert read_rows(extraction) == 2
    assert told == [("good", "visit", 1), ("good", "visit", 2)]
    assert extraction.manifest is not None
    assert extraction.manifest.streams["visit"].watermark == AS_OF.isoformat(), "the time of the first page counts"
    assert extraction.manifest.streams["visit"].was_full
    assert len(parts(extraction.folder, "visit", "rows")) == 1
    assert extraction.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("source", "error_class", "message"),
    [
        ("crashing", "FatalError", "RuntimeError at misbehaving"),
        ("refusing", "RetryableError", "the server is away"),
        ("leaving", "FatalError", "SystemExit at misbehaving"),
        ("dying", "FatalError", "ended with code -9 and left neither a read nor a reason"),
    ],
)
def test_a_source_that_fails_says_why_and_leaves_the_others_complete(
    practice: Path, source: str, error_class: str, message: str
) -> None:
    failed, good = read_all(request(practice, source), request(practice, "good"))
    assert failed.manifest is None
    assert failed.error_class == error_class
    assert message in (failed.message or "")
    assert "CANARY" not in (failed.message or "")
    assert read_rows(good) == 2


@pytest.mark.parametrize("source", ["printing", "lingering"])
def test_what_a_plugin_prints_or_leaves_running_does_not_disturb_its_read(practice: Path, source: str) -> None:
    told: list[tuple[str, str, int]] = []
    extraction = read_all(request(practice, source), on_progress=lambda *step: told.append(step))[0]
    assert read_rows(extraction) == 2
    assert [step[1:] for step in told] == [("visit", 1), ("visit", 2)]
    assert extraction.seconds < DEADLINE / 2


def test_a_hanging_source_is_killed_at_its_deadline_with_all_it_started(practice: Path) -> None:
    hanging, good = read_all(request(practice, "hanging", deadline=10), request(practice, "good"))
    assert hanging.manifest is None
    assert "stopped at its deadline of 0.166667 minutes" in (hanging.message or "")
    assert 10 <= hanging.seconds < 30
    assert await_end(await_file(practice / "pids"))
    assert read_rows(good) == 2


def test_a_source_is_handed_over_when_it_has_ended_and_closing_kills_the_others(practice: Path) -> None:
    running = extract([request(practice, "hanging"), request(practice, "good")])
    assert read_rows(next(running)) == 2
    pids = await_file(practice / "pids")
    began = time.monotonic()
    running.close()
    assert await_end(pids)
    assert time.monotonic() - began < DEADLINE / 2


def test_six_hanging_sources_keep_none_from_starting(practice: Path) -> None:
    toml = practice / "pacekeeper.toml"
    more = [f"hanging{number}" for number in range(6)]
    toml.write_text(toml.read_text() + "".join(f'[sources.{name}]\nconnector = "hanging"\n' for name in more))
    running = extract([*(request(practice, name) for name in more), request(practice, "good")])
    assert next(running).source == "good"
    running.close()


def test_sources_of_one_account_are_read_one_after_another_and_others_beside_them(practice: Path) -> None:
    """The first of the account hangs until it is killed; the second starts then, another's does not wait."""
    toml = practice / "pacekeeper.toml"
    toml.write_text(toml.read_text() + '[sources.same]\nconnector = "good"\n')
    first = replace(request(practice, "hanging", deadline=8), account="vendor")
    second = replace(request(practice, "same"), account="vendor")
    other = replace(request(practice, "good"), account="another")
    ended = [(found.source, found.seconds) for found in extract([first, second, other])]
    assert [source for source, _ in ended] == ["good", "hanging", "same"]


def test_a_missing_connector_is_told_in_its_own_result(practice: Path) -> None:
    toml = practice / "pacekeeper.toml"
    toml.write_text(toml.read_text() + '[sources.other]\nconnector = "nowhere"\n')
    missing, good = read_all(request(practice, "other"), request(practice, "good"))
    assert missing.error_class == "PluginError"
    assert "connector 'nowhere'" in (missing.message or "")
    assert read_rows(good) == 2


def test_an_interrupt_kills_what_was_started(practice: Path) -> None:
    code = (
        "from pathlib import Path\nfrom tests.integration.test_extract import read_all, request\n"
        f"read_all(request(Path({str(practice)!r}), 'hanging'))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    pids = await_file(practice / "pids")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) != 0
    assert await_end(pids)


def test_a_worker_ends_when_the_process_that_started_it_is_killed(practice: Path) -> None:
    code = (
        "from pathlib import Path\nfrom tests.integration.test_extract import read_all, request\n"
        f"read_all(request(Path({str(practice)!r}), 'hanging'))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    worker, child = await_file(practice / "pids")
    process.kill()
    process.wait(timeout=20)
    try:
        assert await_end([worker])
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_second_read_starts_at_the_watermark_less_the_lag(practice: Path) -> None:
    since = since_of(
        {"visit": (datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(hours=2).total_seconds()), "x": (None, 5)}
    )
    assert since == {"visit": "2026-03-01T10:00:00+00:00"}
    asked = read_all(request(practice, "since", since=since))[0]
    assert asked.manifest is not None
    assert not asked.manifest.streams["visit"].was_full
    import pyarrow.parquet as pq

    def state(extraction: Extraction) -> list[object]:
        return pq.read_table(parts(extraction.folder, "visit", "rows")[0])["state"].to_pylist()

    assert state(asked) == ["2026-03-01T10:00"]
    assert state(read_all(request(practice, "since"))[0]) == ["none"]


def test_what_an_earlier_attempt_left_in_the_folder_does_not_count(practice: Path) -> None:
    assert read_rows(read_all(request(practice, "good"))[0]) == 2
    wanted = request(practice, "crashing")
    stale = Request(Job(**{**vars(wanted.job), "folder": str(practice / "spool" / "good")}), DEADLINE)
    assert read_all(stale)[0].manifest is None
    assert parts(practice / "spool" / "good", "visit", "rows") == []
