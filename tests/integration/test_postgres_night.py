"""Whole nights of one practice on DuckDB and on PostgreSQL: the same canonical rows, marts and verdicts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from pacekeeper.bi import bi_contract
from pacekeeper.contract import ENTITIES
from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.postgres import PostgresWarehouse
from pacekeeper.engine.postgres_session import PostgresSession
from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.settings import load_settings
from pacekeeper_app.demo_systems import build_systems, serve_practice
from pacekeeper_app.night import run_night
from pacekeeper_assets import CATALOGUE, MARTS
from pacekeeper_assets.marts import build_marts, publication_of
from pacekeeper_assets.practice_resource import start_run
from tests.integration.engine_rows import all_rows, differences
from tests.integration.practice_run import said_by
from tests.postgres_cluster import Cluster

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Nights:
    """A practice after one night on each engine, while its systems are served."""

    duckdb: PracticeHome
    postgres: PracticeHome
    url: str
    as_of: datetime

    @contextmanager
    def open(self) -> Iterator[tuple[Connection, PostgresSession]]:
        """What readers have of the first, and the whole database of the second."""
        key = self.postgres.hash_key().key_id
        with (
            self.duckdb.published.connect(read_only=True) as ours,
            PostgresWarehouse(SecretStr(self.url), key).connect() as theirs,
        ):
            yield ours, theirs


@pytest.fixture(scope="module")
def nights(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder: Path = tmp_path_factory.mktemp("practice")
    url = postgres.database()
    systems = build_systems(clinicians=6, weeks=6)
    as_of = systems.practice.as_of
    with serve_practice(systems, folder) as served:
        home = served.home
        assert run_night(home, as_of=as_of).failures == ()
        text = (
            (folder / "pacekeeper.toml").read_text(encoding="utf-8").replace('data_dir = "data"', 'data_dir = "other"')
        )
        other = folder / "other.toml"
        other.write_text(f'{text}\n[warehouse]\nengine = "postgres"\nurl = "{url}"\n', encoding="utf-8")
        (folder / "other").mkdir(mode=0o700)
        shutil.copy2(home.key_path, folder / "other" / "hash.key")
        second = PracticeHome(load_settings(other))
        assert run_night(second, as_of=as_of).failures == ()
        yield Nights(home, second, url, as_of)


def night_of_all_marts(home: PracticeHome, as_of: datetime, *, run_id: str) -> None:
    """A night by the functions the assets call: one under Dagster takes three times as long."""
    home.create(MARTS.values())
    start_run(home, run_id, as_of.isoformat())
    assert {result.state for result in land_sources(home, run_id=run_id, as_of=as_of)} == {"ok"}
    map_sources(home, run_id=run_id, as_of=as_of)
    with home.warehouse.connect() as connection:
        build_marts(home, connection, as_of=as_of)
    home.publish(publication_of(home, run_id=run_id, as_of=as_of))


def test_canonical_rows_and_marts_are_those_of_duckdb(nights: Nights) -> None:
    tables = [f"canonical.{name}" for name in ENTITIES]
    with nights.open() as (ours, theirs):
        wanted = all_rows(ours, tables)
        assert all_rows(theirs, tables) == wanted
        assert sum(map(bool, wanted.values())) > 20
        assert differences(ours, theirs, MARTS.values()) == []
        known = "SELECT * FROM marts.source_completeness ORDER BY source, entity"
        assert [row[:2] for row in theirs.rows(known)] == [row[:2] for row in ours.rows(known)]


def test_readers_have_the_marts_and_nothing_restricted(nights: Nights) -> None:
    with nights.open() as (_, theirs), nights.postgres.published.connect(read_only=True) as local:
        listed = {
            schema: {name for (name,) in theirs.rows(f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'")}
            for schema in ("published", "marts", "restricted")
        }
        shown = {view.name for view in bi_contract(MARTS.values()).views}
        assert listed["published"] == {*shown, "access"}
        assert listed["marts"] >= {mart.name for mart in MARTS.values() if not mart.restricted}
        assert listed["restricted"] == {mart.name for mart in MARTS.values() if mart.restricted}
        tables = sorted(listed["marts"] & shown)
        hidden = {rail.id for rail in CATALOGUE.guardrails.values() if MARTS[rail.mart].restricted}
        marts = all_rows(theirs, [f"marts.{name}" for name in tables])
        assert hidden & {cell for row in marts["marts.guardrail_result"] for cell in row if isinstance(cell, str)}
        for table, rows in marts.items():
            is_judged = table in {"marts.guardrail_result", "marts.guardrail_breach"}
            kept = [
                row
                for row in rows
                if hidden.isdisjoint(map(str, row)) and not (is_judged and {"client", "alert"} & set(row))
            ]
            view = f"bi.{table.removeprefix('marts.')}"
            # Verdicts have their topic beside them there.
            found = [row[: len(rows[0])] for row in all_rows(theirs, [view])[view]] if rows else []
            assert found == kept, view
        assert differences(local, theirs, MARTS.values()) == [], "the command line reads what readers have"


def test_raw_versions_are_there_too(nights: Nights) -> None:
    listed = "SELECT table_schema, table_name FROM information_schema.tables WHERE starts_with(table_schema, 'raw_')"
    with nights.open() as (ours, theirs):
        landed = [
            (schema, name)
            for schema, name in sorted(ours.rows(f"{listed} AND table_type = 'BASE TABLE'"))
            if not name.startswith("_") and not schema.endswith("_staging")
        ]
        assert sorted(theirs.rows(listed)) == landed
        count = "SELECT count(*), count(DISTINCT version_id) FROM {}.{}"
        for schema, name in landed:
            assert theirs.rows(count.format(schema, name)) == ours.rows(count.format(schema, name)), name


def test_the_next_night_changes_nothing(nights: Nights) -> None:
    written = (
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables "
        "WHERE schemaname IN ('canonical', 'published') OR starts_with(schemaname, 'raw_')"
    )
    kept = "SELECT * FROM marts.guardrail_result ORDER BY subject_kind, subject_key, guardrail_id, period, version"
    with nights.open() as (_, theirs):
        theirs.execute("SELECT pg_stat_force_next_flush()")
        verdicts, before = theirs.rows(kept), theirs.rows(written)
    night_of_all_marts(nights.postgres, nights.as_of, run_id="second")
    with nights.open() as (ours, theirs):
        assert theirs.rows(kept) == verdicts
        assert differences(ours, theirs, MARTS.values()) == []
        assert theirs.rows(written) == before, "what did not change is not written again"


def test_verdicts_of_the_file_are_taken_over_by_a_new_database(nights: Nights, postgres: Cluster) -> None:
    text = (nights.postgres.settings.file or Path()).read_text(encoding="utf-8")
    moved = postgres.database()
    file = nights.postgres.settings.home / "moved.toml"
    file.write_text(text.replace(nights.url, moved), encoding="utf-8")
    home = PracticeHome(load_settings(file))
    with nights.postgres.warehouse.connect() as connection:
        connection.execute(
            "UPDATE marts.guardrail_result SET state = 'breach', reason = NULL WHERE state = 'pass' AND period_end < "
            f"TIMESTAMPTZ '{(nights.as_of - timedelta(days=14)).isoformat()}'"
        )
        (planted,) = connection.rows("SELECT count(*) FROM marts.guardrail_result WHERE state = 'breach'")[0]
        build_marts(home, connection, as_of=nights.as_of)
    with psycopg.connect(moved) as connection:
        row = connection.execute(
            "SELECT count(*), bool_and(NOT is_current) FROM marts.guardrail_result AS old WHERE version = 1 AND EXISTS "
            "(SELECT 1 FROM marts.guardrail_result AS new WHERE new.version = 2 AND new.subject_key = old.subject_key "
            "AND new.guardrail_id = old.guardrail_id AND new.period = old.period)"
        ).fetchone()
    assert row is not None
    assert 0 < row[0] <= planted
    assert row[1], "what was said before stays on record, and is no longer current"


def test_a_night_without_its_database_ends_before_anything_is_read(nights: Nights) -> None:
    text = (nights.postgres.settings.file or Path()).read_text(encoding="utf-8")
    file = nights.postgres.settings.home / "lost.toml"
    file.write_text(text.replace(nights.url, "postgresql://someone:hidden@127.0.0.1:1/nowhere"), encoding="utf-8")
    said = said_by("run", config=file)
    assert "cannot be reached" in said
    assert "hidden" not in said
    assert "Traceback" not in said
