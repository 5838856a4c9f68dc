"""What is let go of at the end of a night, and what stays whatever its age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from tests.upkeep_site import FIRST, make_home, night

from pacekeeper.home import PracticeHome
from pacekeeper.ops import OpsDatabase, Run, SourceRun, StreamRun
from pacekeeper.upkeep.retention import let_go, prune_ledgers, prune_raw
from pacekeeper_assets.marts import publication_asset
from pacekeeper_assets.practice_resource import PracticeResource
from pacekeeper_assets.run_storage import prune_runs

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def ops(tmp_path: Path) -> OpsDatabase:
    """Ten good nights, one a day; `old` was read in the first three alone, `hr` in all."""
    made = OpsDatabase(tmp_path / "ops.sqlite")
    for day in range(10):
        run_id, at = f"run-{day}", NOW - timedelta(days=10 - day)
        made.add([Run(run_id=run_id, as_of=at, started_at=at, state="success" if day < 8 else "failed")])
        for source in ("old", "hr") if day < 3 else ("hr",):
            made.add([SourceRun(run_id=run_id, source=source, connector="tabular", state="ok")])
            made.add([StreamRun(run_id=run_id, source=source, stream="leave", read=1, inserted=1)])
    return made


def test_old_ledgers_go_and_what_problems_are_told_from_stays(ops: OpsDatabase) -> None:
    # Of the eight before the last two, run-2 is the newest of `old`, run-7 the last good one.
    assert prune_ledgers(ops, before=NOW - timedelta(days=2)) == 6
    assert sorted(run.run_id for run in ops.rows(Run)) == ["run-2", "run-7", "run-8", "run-9"]
    assert sorted((row.run_id, row.source) for row in ops.rows(StreamRun) if row.source == "old") == [("run-2", "old")]
    assert prune_ledgers(ops, before=NOW - timedelta(days=2)) == 0


def test_replaced_versions_go_after_so_many_days_and_never_the_current_ones(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    for number in (1, 2, 40):  # bob's year of birth changes each time, and cid is deleted in the last
        left = "" if number == 40 else "cid,M3,1970\n"
        text = f"client_id,mrn,born\nann,M1,1980\nbob,M2,19{number:02}\n{left}"
        (home.settings.home / "ehr" / "client-1.csv").write_text(text)
        night(home, number)
    with home.warehouse.connect() as connection:
        current = connection.content_hash("raw_ehr.client__current")
        versions = connection.count("SELECT count(*) FROM raw_ehr.client")
        as_of = FIRST + timedelta(days=40)
        # Of bob the first version was replaced 38 days ago; the second, like cid's, only today.
        assert prune_raw(connection, as_of=as_of, keep_days=30) == 1
        assert connection.count("SELECT count(*) FROM raw_ehr.client") == versions - 1
        assert connection.content_hash("raw_ehr.client__current") == current
        assert prune_raw(connection, as_of=as_of + timedelta(days=6), keep_days=30) == 0, "once a week"
        # A month on, bob's second version and cid's last before the tombstone.
        assert prune_raw(connection, as_of=as_of + timedelta(days=31), keep_days=30) == 2
        assert connection.content_hash("raw_ehr.client__current") == current
    ledger = night(home, 72)
    assert (ledger["client"].inserted, ledger["client"].updated) == (0, 0)


def test_by_default_every_version_stays(tmp_path: Path) -> None:
    home: PracticeHome = make_home(tmp_path)
    night(home, 1)
    assert let_go(home, as_of=NOW, now=NOW) == {"runs": 0}


def test_runs_of_dagster_go_with_their_events(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        ended, running = (
            create_run_for_test(instance, status=status).run_id
            for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED)
        )
        assert prune_runs(instance, now=datetime.now(UTC) + timedelta(days=89), keep_days=90) == 0
        assert prune_runs(instance, now=datetime.now(UTC) + timedelta(days=91), keep_days=90, seconds=0) <= 1
        prune_runs(instance, now=datetime.now(UTC) + timedelta(days=91), keep_days=90)
        assert [run.run_id for run in instance.get_runs()] == [running]
        assert not instance.has_run(ended)


def test_the_publication_of_a_night_lets_go_of_what_is_old_and_exports(tmp_path: Path) -> None:
    home = make_home(tmp_path / "site")
    config = tmp_path / "site" / "pacekeeper.toml"
    config.write_text(config.read_text() + '\n[operations]\nexport_folder = "parquet"\nkeep_ledger_days = 8\n')
    night(home, 1)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    home.ops.add([Run(run_id="old", as_of=old, started_at=old, state="success")])
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = dg.materialize(
            [publication_asset(owners=[])],
            resources={"practice": PracticeResource(config_path=str(config))},
            instance=instance,
        )
    assert result.success
    assert home.ops.rows(Run, run_id="old") == []
    assert (tmp_path / "site" / "parquet" / "current" / "publication.parquet").exists()
