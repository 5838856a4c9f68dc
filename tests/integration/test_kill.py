"""SIGKILL at any moment: yesterday's tables stay readable, and the next run ends like one that was never killed."""

from __future__ import annotations

import hashlib
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from filelock import FileLock

from pacekeeper.home import PracticeHome
from pacekeeper.ops import Run
from pacekeeper.settings import load_settings
from pacekeeper.testing import FhirServer, Practice, build_practice
from pacekeeper_app.night import run_night
from tests.integration.practice_run import iso, land_only, night_without_dagster, pacekeeper, write_small_home
from tests.integration.warehouse_content import content_hashes

pytestmark = pytest.mark.timeout(900)

#: In the order in which a run passes them, so that every killed run must first repair what the one before left.
POINTS = (
    "load.found",
    "load.extracted",
    "load.normalized",
    "load.committed",
    "stage.done.session",
    "swap.done.session",
    "mart.built.attendance_week",
    "verdicts.merging",
    "publish.before_replace",
)
#: Reached by the whole command; the others without Dagster, which is around every one of them alike.
BY_COMMAND = ("mart.built.attendance_week", "verdicts.merging", "publish.before_replace")


@dataclass(frozen=True)
class Death:
    """How a killed run ended, and what it left. published: SHA-256 of the readers' copies by name."""

    code: int
    at: list[str]
    published: dict[str, str]
    verdicts_read: int
    run_states: list[str]


@dataclass(frozen=True)
class Nights:
    """A home killed at every point and then run to its end, and one that never was; both from the same yesterday."""

    yesterday: dict[str, str]
    deaths: dict[str, Death]
    repaired: PracticeHome
    never_killed: PracticeHome
    hashes: dict[str, str]
    expected: dict[str, str]


def published(home: PracticeHome) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (home.read_copy, home.bi_copy)}


def change_something(server: FhirServer, practice: Practice, files: list[Path]) -> None:
    """What a day brings: changed, new and deleted records, in the EHR and in a file."""
    moment = practice.as_of - timedelta(hours=3)
    appointments = practice.resources["Appointment"]
    server.update("Appointment", {**appointments[-1], "status": "cancelled"}, at=moment)
    server.update("Appointment", {**appointments[-2], "id": "new-one", "status": "booked"}, at=moment)
    session = next(e for e in practice.resources["Encounter"] if "partOf" not in e)
    server.update("Encounter", {**session, "status": "cancelled"}, at=moment)
    for file in files:
        header, *rows = file.read_text().splitlines()
        file.write_text("\n".join([header, *rows[:-1]]) + "\n")


def kill_at(point: str, home: PracticeHome, practice: Practice, log: Path) -> Death:
    environment = {"PACEKEEPER_FAULT_AT": point, "PACEKEEPER_FAULT_LOG": str(log)}
    config = home.settings.file
    assert config is not None
    if point in BY_COMMAND:
        ended = pacekeeper("run", "--as-of", iso(practice.as_of), config=config, environment=environment)
    else:
        ended = land_only(config, practice.as_of, environment=environment, then_map=point.endswith(".session"))
    with home.published.connect(read_only=True) as connection:
        read = connection.count("SELECT count(*) FROM marts.guardrail_result")
    return Death(
        code=ended.returncode,
        at=log.read_text().splitlines() if log.exists() else [],
        published=published(home),
        verdicts_read=read,
        run_states=[run.state for run in sorted(home.ops.rows(Run), key=lambda run: run.started_at)],
    )


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("kill")
    practice = build_practice(clinicians=3, weeks=7)
    with FhirServer(practice.resources, page_size=500) as server:
        never_killed = write_small_home(folder / "whole", practice, server)
        night_without_dagster(never_killed, practice.as_of - timedelta(days=1), run_id="yesterday", only=())
        shutil.copytree(folder / "whole", folder / "killed")
        killed = PracticeHome(load_settings(folder / "killed" / "pacekeeper.toml"))
        yesterday = published(killed)
        change_something(
            server, practice, [folder / part / "files" / "schedule_blocks.csv" for part in ("whole", "killed")]
        )
        night_without_dagster(never_killed, practice.as_of, run_id="today", only=())
        deaths = {point: kill_at(point, killed, practice, folder / f"{point}.log") for point in POINTS}
        assert run_night(killed, as_of=practice.as_of).failures == ()
        yield Nights(yesterday, deaths, killed, never_killed, content_hashes(killed), content_hashes(never_killed))


@pytest.mark.parametrize("point", POINTS)
def test_the_run_died_where_it_was_told_to(nights: Nights, point: str) -> None:
    assert nights.deaths[point].code == -signal.SIGKILL
    assert nights.deaths[point].at == [point]


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_leaves_yesterdays_copies_to_readers(nights: Nights, point: str) -> None:
    assert nights.deaths[point].published == nights.yesterday
    assert nights.deaths[point].verdicts_read > 0


def test_the_night_brought_changes(nights: Nights) -> None:
    assert published(nights.never_killed) != nights.yesterday
    assert len(nights.expected) > 40


def test_the_run_after_the_kills_comes_to_what_a_run_never_killed_comes_to(nights: Nights) -> None:
    differing = [name for name in nights.expected if nights.hashes.get(name) != nights.expected[name]]
    assert differing == []
    assert nights.hashes.keys() == nights.expected.keys()


def test_nothing_a_killed_run_left_is_still_there(nights: Nights) -> None:
    home = nights.repaired
    assert not home.spool_dir.exists()
    assert not home.work_dir.exists()
    published = sorted(path.name for path in home.published_dir.iterdir())
    assert published == [".copied", "pacekeeper_bi.duckdb", "warehouse_read.duckdb"]
    with home.warehouse.connect() as connection:
        left = connection.raw.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() "
            "WHERE schema_name = 'stage' OR ends_with(schema_name, '_staging')"
        ).fetchall()
    assert left == []
    with FileLock(home.data_dir / "run.lock").acquire(timeout=0):
        pass


def test_killed_runs_are_on_record_as_killed(nights: Nights) -> None:
    runs = sorted(nights.repaired.ops.rows(Run), key=lambda run: run.started_at)
    assert [run.state for run in runs] == ["success", *(["killed"] * len(BY_COMMAND)), "success"]
    for died_before, point in enumerate(BY_COMMAND):
        assert nights.deaths[point].run_states == ["success", *(["killed"] * died_before), "running"]


def test_dagster_holds_no_place_for_a_dead_run(nights: Nights) -> None:
    with DagsterInstance.from_config(str(nights.repaired.dagster_dir)) as instance:
        statuses = [run.status for run in instance.get_runs()]
        info = instance.event_log_storage.get_concurrency_info("warehouse_writer")
    assert statuses.count(DagsterRunStatus.SUCCESS) == 1
    assert statuses.count(DagsterRunStatus.FAILURE) == len(BY_COMMAND)
    assert info.active_slot_count == 0
    assert info.pending_step_count == 0
