"""Canaries in every field of every source come out nowhere: in no file a night leaves, and in nothing it says."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from pacekeeper.home import PracticeHome
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan_cache import kept_plan
from pacekeeper.measures.served import mart_session
from pacekeeper.ops import MappingRun, Run, SourceRun, StreamRun
from pacekeeper.settings import load_settings
from pacekeeper.testing import FhirServer, build_practice, plant
from pacekeeper.testing.canary_scan import canary_places, has_mark
from pacekeeper_assets import CATALOGUE
from pacekeeper_assets.marts import publication_of, source_completeness
from tests.integration.plugin_site import SOUND, PluginSite
from tests.integration.practice_run import iso, land_only, pacekeeper, said_by, write_small_home
from tests.marts import CORE
from tests.postgres_cluster import Cluster

pytestmark = pytest.mark.timeout(600)

#: Says what it reads wherever it can, and fails with it.
LOUD = """
    import logging, sys, warnings
    from pacekeeper import Code, Connector, Key, Page, Stream

    class Plugin(Connector):
        name = "{name}"
        streams = (Stream("visits", columns={"id": Key("session"), "state": Code()}),)

        def read_stream(self, stream, window):
            row = {"id": "CANARYloud", "state": "CANARYloud's mother called", "CANARYfield": 1}
            print(row)
            print(row, file=sys.stderr)
            logging.getLogger("plugin").error("read %s", row)
            warnings.warn(str(row))
            yield Page("visits", [row])
            try:
                {}[row["id"]]
            except KeyError as cause:
                raise ValueError(f"cannot read {row}") from cause
"""
#: Reads well, and fails with a value while it is mapped.
LEAKY = (
    SOUND.replace("[])", '[{"id": "CANARYleaky", "state": "ok", "at": "2026-03-02T10:00:00Z"}])')
    + """
    @Plugin.maps("session", of="visits")
    def session(raw):
        raise RuntimeError("CANARYleaky is not a session")
"""
)
SOURCES = """
[sources.loud]
connector = "loud"

[sources.leaky]
connector = "leaky"

[sources.refused]
connector = "fhir"
base_url = "{base_url}"
token = "CANARYtoken"
"""


@dataclass(frozen=True)
class Night:
    """A practice full of canaries after a night that was killed while loading, and a whole one.

    said: what each command wrote, by its words; after_kill, after_run: where canaries were found.
    """

    home: PracticeHome
    ignoring: frozenset[Path]
    planted: int
    spooled: int
    after_kill: list[str]
    after_run: list[str]
    exit_code: int
    said: dict[str, str]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder, scratch = tmp_path_factory.mktemp("practice"), tmp_path_factory.mktemp("scratch")
    site = PluginSite(tmp_path_factory.mktemp("site"))
    site.install("loud", LOUD)
    site.install("leaky", LEAKY)
    practice = build_practice(clinicians=4, weeks=7)
    planted = plant(practice)
    with FhirServer(practice.resources, page_size=500) as server:
        home = write_small_home(folder, practice, server)
        config = folder / "pacekeeper.toml"
        config.write_text(config.read_text() + SOURCES.format(base_url=server.url))
        home.create()
        elsewhere = {name: str(folder / name.lower()) for name in ("HOME", "TMPDIR")}
        for path in elsewhere.values():
            Path(path).mkdir()
        environment = {**site.environment, **elsewhere}
        ignoring = frozenset({folder / "files", config})

        # Whatever is read first is loaded first, and the EHR is what is to be caught in the middle.
        others = {f"PACEKEEPER_SOURCES__{name}__ENABLED": "false" for name in ("STAFF", "LEAKY")}
        killed = land_only(
            config, practice.as_of, environment={**environment, **others, "PACEKEEPER_FAULT_AT": "load.normalized"}
        )
        spooled = len(list(home.spool_dir.rglob("*.parquet")))
        after_kill = canary_places(folder, ignoring=ignoring, scratch=scratch)

        ran = pacekeeper("run", "--as-of", iso(practice.as_of), config=config, environment=environment)
        said = {"killed": killed.stdout + killed.stderr, "run": ran.stdout + ran.stderr}
        with home.published.connect(read_only=True) as connection:
            quarantined = [
                name
                for (name,) in connection.raw.execute(
                    "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'quarantine' AND estimated_size > 0"
                ).fetchall()
            ]
        commands = [
            ("status",),
            ("verdicts", "--week", "all", "--limit", "10000"),
            ("verdicts", "--week", "all", "--json"),
            ("quarantine", "list"),
            *(("quarantine", "show", table) for table in quarantined[:4]),
            *(("check", source) for source in ("ehr", "loud", "refused")),
        ]
        sys.path.insert(0, str(site.folder))
        try:
            said |= {" ".join(command): said_by(*command, config=config) for command in commands}
        finally:
            sys.path.remove(str(site.folder))
        after_run = canary_places(folder, ignoring=ignoring, scratch=scratch)
        yield Night(home, ignoring, len(planted), spooled, after_kill, after_run, ran.returncode, said)


def test_the_night_had_something_to_leak(night: Night) -> None:
    landed = night.home.ops.rows(StreamRun)
    assert night.planted > 50
    assert night.spooled > 10
    assert sum(row.inserted for row in landed) > 500
    assert sum(row.rejected for row in landed) > 10
    assert sum(row.quarantined for row in night.home.ops.rows(MappingRun)) > 0
    assert {run.source: run.state for run in night.home.ops.rows(SourceRun)} == {
        "ehr": "ok",
        "staff": "ok",
        "loud": "failed",
        "leaky": "ok",
        "refused": "failed",
    }
    assert night.exit_code == 3


def test_no_file_of_a_killed_load_holds_a_canary(night: Night) -> None:
    assert night.after_kill == []


def test_no_file_of_a_whole_night_holds_a_canary(night: Night) -> None:
    assert night.after_run == []


def test_neither_rows_nor_files_of_a_database_hold_a_canary(night: Night, postgres: Cluster) -> None:
    url = postgres.database()
    config = night.home.settings.home / "served.toml"
    settings = (night.home.settings.file or Path()).read_text()
    config.write_text(f'{settings}\n[warehouse]\nengine = "postgres"\nurl = "{url}"\n')
    home, catalogue = PracticeHome(load_settings(config)), CATALOGUE.only(CORE)
    known, as_of = source_completeness(home), home.ops.rows(Run)[0].as_of
    with (
        home.warehouse.connect() as connection,
        mart_session(home, connection, catalogue.marts.values(), known) as session,
    ):
        plan = kept_plan(home.plans_dir, catalogue, home.policy(), dialect="postgres")
        materialise_marts(session, plan, as_of=as_of, completeness=known)
    home.publish(publication_of(home, run_id="served", as_of=as_of))
    marked, total = [], 0
    with psycopg.connect(url) as reader:
        tables = reader.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            with reader.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))) as copy:
                rows = b"".join(map(bytes, copy))
            total += rows.count(b"\n")
            if has_mark(rows):
                marked.append(f"{schema}.{table}")
        reader.execute("CHECKPOINT")
    assert marked == []
    assert total > 5000
    assert {schema for schema, _ in tables} >= {"raw_ehr", "canonical", "marts", "published"}
    # The server's own list of locales has those of some islands.
    marked = [path.name for path in postgres.files() if has_mark(path.read_bytes().replace(b"Canary Islands", b""))]
    assert marked == []


@pytest.mark.edge_case(41)
def test_nothing_that_is_said_holds_a_canary(night: Night) -> None:
    assert [command for command, text in night.said.items() if has_mark(text.encode())] == []
    assert len(night.said["verdicts --week all --json"].splitlines()) > 10
    assert all("Traceback" not in text for text in night.said.values())


def test_the_failures_are_told_without_the_values(night: Night) -> None:
    messages = {run.source: run.message or "" for run in night.home.ops.rows(SourceRun)}
    assert "ValueError" in messages["loud"]
    assert "401" in messages["refused"]
    failed = [run.message or "" for run in night.home.ops.rows(MappingRun, source="leaky") if run.state == "failed"]
    assert len(failed) == 1
    assert "RuntimeError" in failed[0]


@pytest.mark.parametrize("place", ["log", "gzip", "parquet", "duckdb", "duckdb comment", "sqlite", "file name"])
def test_the_scan_finds_a_canary_put_there_by_hand(tmp_path: Path, place: str) -> None:
    folder, scratch = tmp_path / "home", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    if place == "log":
        (folder / "run.log").write_text("read Canary77 from the source")
    elif place == "gzip":
        (folder / "load.gz").write_bytes(gzip.compress(b"x" * 1000 + b"CANARY77"))
    elif place == "parquet":
        pq.write_table(pa.table({"a": ["CANARY" + str(n % 7) for n in range(5000)]}), folder / "p", compression="zstd")
    elif place.startswith("duckdb"):
        with duckdb.connect(folder / "w.duckdb") as connection:
            connection.execute("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 'x' AS c")
            if place == "duckdb":
                connection.execute("INSERT INTO s.t SELECT 'CANARY' || (range % 7) FROM range(500000)")
            else:
                connection.execute("COMMENT ON COLUMN s.t.c IS 'CANARY77'")
    elif place == "sqlite":
        with sqlite3.connect(folder / "ops.sqlite") as database:
            database.execute("CREATE TABLE t AS SELECT 'CANARY77' AS c")
        database.close()
    else:
        (folder / "CANARY77.txt").write_text("")
    assert canary_places(folder, ignoring=frozenset(), scratch=scratch) != []
    shutil.rmtree(folder)
