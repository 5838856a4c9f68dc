"""The row that says what is published stands in the database too, and readers there get it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.measures.publication import Publication
from pacekeeper.settings import load_settings
from tests.postgres_cluster import Cluster

FIRST = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
def home(postgres: Cluster, tmp_path: Path) -> PracticeHome:
    settings = tmp_path / "pacekeeper.toml"
    settings.write_text(
        '[practice]\nname = "Riverbend"\nhome_tz = "America/New_York"\ndata_dir = "data"\n'
        f'[warehouse]\nengine = "postgres"\nurl = "{postgres.database()}"\n'
    )
    made = PracticeHome(load_settings(settings))
    made.create()
    return made


def publish(home: PracticeHome, night: int) -> None:
    with home.warehouse.connect() as connection:
        connection.execute(f"CREATE OR REPLACE TABLE marts.more AS SELECT {night} AS night")
    as_of = FIRST + timedelta(days=night)
    home.publish(Publication(f"run-{night}", as_of, as_of + timedelta(hours=1), "policy-1"))


def told(home: PracticeHome) -> list[tuple[str, datetime]]:
    assert home.postgres is not None
    with home.postgres.connect() as session:
        rows = session.rows("SELECT run_id, as_of FROM bi.publication ORDER BY as_of")
    return [(str(run), as_of.astimezone(UTC)) for run, as_of in rows]


def test_readers_there_get_the_same_rows(home: PracticeHome) -> None:
    publish(home, 0)
    publish(home, 1)
    assert told(home) == [("run-0", FIRST), ("run-1", FIRST + timedelta(days=1))]
    with home.published.connect(read_only=True) as connection:
        rows = connection.rows("SELECT run_id, as_of FROM marts.publication ORDER BY as_of")
    assert [(run, as_of.astimezone(UTC)) for run, as_of in rows] == told(home)


def test_a_database_that_is_another_one_gets_the_nights_before_too(
    home: PracticeHome, postgres: Cluster, tmp_path: Path
) -> None:
    publish(home, 0)
    other = tmp_path / "other.toml"
    config = tmp_path / "pacekeeper.toml"
    url = config.read_text().split('url = "')[1].split('"')[0]
    shutil.copy2(config, other)
    other.write_text(config.read_text().replace(url, postgres.database()))
    moved = PracticeHome(load_settings(other))
    moved.create()
    publish(moved, 1)
    assert [run for run, _ in told(moved)] == ["run-0", "run-1"]
