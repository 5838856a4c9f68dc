"""SIGKILL while PostgreSQL is written to: readers keep yesterday, and the next run comes to what it would have."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pacekeeper.engine.postgres import PostgresWarehouse
from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan_cache import kept_plan
from pacekeeper.measures.served import mart_session
from pacekeeper.settings import load_settings
from pacekeeper.testing import FhirServer, build_practice
from pacekeeper_assets import CATALOGUE, MARTS
from pacekeeper_assets.marts import publication_of, source_completeness
from pacekeeper_assets.practice_resource import start_run
from tests.integration.engine_rows import all_rows
from tests.integration.practice_run import iso, write_small_home
from tests.integration.test_kill import change_something
from tests.marts import CORE
from tests.postgres_cluster import Cluster

pytestmark = pytest.mark.timeout(900)

#: In the order in which a run passes them, so that every killed run must first repair what the one before left.
POINTS = (
    "postgres.raw.appointment",
    "postgres.slice.appointment",
    "mart.built.attendance_week",
    "verdicts.merging",
    "publish.before_commit",
)
_ENTRY = (
    "import sys; from datetime import datetime; from pathlib import Path\n"
    "from tests.integration.test_postgres_kill import night\n"
    "night(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), run_id=sys.argv[3])"
)
Rows = dict[str, list[tuple[Any, ...]]]


def night(config: Path, as_of: datetime, *, run_id: str) -> None:
    """A night whose few marts are built in PostgreSQL, by the functions the assets call."""
    home = PracticeHome(load_settings(config))
    home.create(MARTS.values())
    start_run(home, run_id, as_of.isoformat())
    land_sources(home, run_id=run_id, as_of=as_of)
    map_sources(home, run_id=run_id, as_of=as_of)
    known, catalogue = source_completeness(home), CATALOGUE.only(CORE)
    with (
        home.warehouse.connect() as connection,
        mart_session(home, connection, catalogue.marts.values(), known) as session,
    ):
        plan = kept_plan(home.plans_dir, catalogue, home.policy(), dialect="postgres")
        materialise_marts(session, plan, as_of=as_of, completeness=known)
    home.publish(publication_of(home, run_id=run_id, as_of=as_of))
    home.ops.finish_run(run_id, state="success", ended_at=datetime.now(UTC))


def in_process(config: Path, as_of: datetime, *, run_id: str, fault_at: str = "") -> int:
    """The same in a process that may be killed; its exit code."""
    environment = {**os.environ, "PACEKEEPER_FAULT_AT": fault_at, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", _ENTRY, str(config), iso(as_of), run_id]
    return subprocess.run(command, check=False, capture_output=True, timeout=500, env=environment).returncode


def rows(url: str, key_id: str, *schemas: str) -> Rows:
    """Rows of every table of these schemas, without which run made them."""
    with PostgresWarehouse(SecretStr(url), key_id).connect() as session:
        listed = ", ".join(f"'{schema}'" for schema in schemas)
        tables = [
            f"{schema}.{name}"
            for schema, name in session.rows(
                f"SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ({listed}) ORDER BY 1, 2"
            )
        ]
        return all_rows(session, [table for table in tables if not table.endswith(".publication")])


@dataclass(frozen=True)
class Nights:
    """Two databases after the same two nights, one of them killed at every point of the second.

    codes, seen: exit code, and what readers then saw, by point.
    """

    yesterday: Rows
    codes: dict[str, int]
    seen: dict[str, Rows]
    repaired: Rows
    never_killed: Rows


def with_database(home: PracticeHome, url: str) -> Path:
    config = home.settings.file
    assert config is not None
    config.write_text(f'{config.read_text()}\n[warehouse]\nengine = "postgres"\nurl = "{url}"\n')
    return config


@pytest.fixture(scope="module")
def nights(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("kill")
    practice = build_practice(clinicians=3, weeks=7)
    whole_url = postgres.database()
    everything = ("canonical", "marts", "published")
    with FhirServer(practice.resources, page_size=500) as server:
        home = write_small_home(folder / "whole", practice, server)
        whole = with_database(home, whole_url)
        night(whole, practice.as_of - timedelta(days=1), run_id="yesterday")
        key_id = home.hash_key().key_id
        killed_url = postgres.copy(whole_url)
        shutil.copytree(folder / "whole", folder / "killed")
        killed = folder / "killed" / whole.name
        killed.write_text(killed.read_text().replace(whole_url, killed_url))
        yesterday = rows(killed_url, key_id, "published")
        change_something(
            server, practice, [folder / part / "files" / "schedule_blocks.csv" for part in ("whole", "killed")]
        )
        codes, seen = {}, {}
        for point in POINTS:
            codes[point] = in_process(killed, practice.as_of, run_id=point, fault_at=point)
            postgres.wait_until_alone(killed_url)
            seen[point] = rows(killed_url, key_id, "published")
        night(killed, practice.as_of, run_id="repaired")
        night(whole, practice.as_of, run_id="today")
        yield Nights(
            yesterday, codes, seen, rows(killed_url, key_id, *everything), rows(whole_url, key_id, *everything)
        )


def test_every_run_died_where_it_was_told_to(nights: Nights) -> None:
    assert nights.codes == dict.fromkeys(POINTS, -signal.SIGKILL)


@pytest.mark.parametrize("point", POINTS)
def test_readers_see_yesterday_after_the_kill(nights: Nights, point: str) -> None:
    assert nights.seen[point] == nights.yesterday
    assert nights.seen[point]["published.verdict_count"]


def test_the_run_after_the_kills_comes_to_what_a_run_never_killed_comes_to(nights: Nights) -> None:
    assert nights.repaired.keys() == nights.never_killed.keys()
    differing = [table for table, wanted in nights.never_killed.items() if nights.repaired[table] != wanted]
    assert differing == []
    today = {table: found for table, found in nights.never_killed.items() if table in nights.yesterday}
    assert today != nights.yesterday, "the night brought changes"
