"""The DuckDB warehouse: locking, swaps that a kill does not break, published copies."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pacekeeper.contract import ENTITIES
from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.errors import ConfigError, FatalError, RetryableError

_HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"

_NIGHT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pacekeeper.columns import Key, Ref
from pacekeeper.connector import Connector, ConnectorSettings, SourceContext
from pacekeeper.engine.duckdb import Warehouse
from pacekeeper.mapping import map_source
from pacekeeper.settings import PracticeSettings
from pacekeeper.stream import Stream

class Small(Connector[ConnectorSettings]):
    name = "small"
    streams = (Stream("seat", columns={"id": Key("session"), "who": Ref("client")}),)

@Small.maps("session_participant", of="seat")
def participant(raw):
    return raw.seat.select(session_key=raw.seat.id, client_key=raw.seat.who, attended=raw.seat.id != "")

def night(file, copy):
    as_of = datetime(2026, 6, 1, tzinfo=UTC)
    with Warehouse(Path(file)).connect() as connection:
        map_source(
            connection, source="ehr", connector=Small(ConnectorSettings(), SourceContext("ehr", None, lambda: as_of)),
            practice=PracticeSettings(name="R", home_tz="UTC"), as_of=as_of, run_id="r",
        )
    Warehouse(Path(file)).publish(Path(copy))
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    found = Warehouse(tmp_path / "data" / "warehouse.duckdb")
    found.create_schemas()
    return found


@pytest.fixture
def held(warehouse: Warehouse) -> Iterator[int]:
    """Another process has the file open."""
    command = [sys.executable, "-c", _HOLD, str(warehouse.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid
        holder.communicate()


def test_a_file_another_process_has_open_is_named_with_that_process(warehouse: Warehouse, held: int) -> None:
    for read_only in (False, True):
        with (
            pytest.raises(RetryableError, match=rf"is in use by process {held}: .* use the published copy"),
            warehouse.connect(read_only=read_only),
        ):
            pass
    with pytest.raises(RetryableError, match="is in use"):
        warehouse.publish(warehouse.path.with_name("read.duckdb"))


def test_publishing_while_this_process_writes_is_refused(warehouse: Warehouse) -> None:
    with warehouse.connect(), pytest.raises(RetryableError, match="is in use by another connection"):
        warehouse.publish(warehouse.path.with_name("read.duckdb"))


def test_a_missing_warehouse_says_how_to_make_one(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="run `pacekeeper run` first"),
        Warehouse(tmp_path / "none.duckdb").connect(read_only=True),
    ):
        pass
    assert not (tmp_path / "none.duckdb").exists()


def test_a_file_that_is_no_warehouse_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("hello " * 4000)
    with pytest.raises(FatalError, match="is no DuckDB database"), Warehouse(tmp_path / "x.duckdb").connect():
        pass


def test_only_the_owner_can_read_the_warehouse(warehouse: Warehouse) -> None:
    assert stat.S_IMODE(warehouse.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(warehouse.path.parent.stat().st_mode) == 0o700


def test_the_session_is_in_utc(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        assert connection.raw.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


def test_creating_schemas_again_keeps_rows_and_adds_what_is_new(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.raw.execute("INSERT INTO canonical.session_participant VALUES ('s', 'a', 'b', NULL, true)")
        connection.raw.execute("ALTER TABLE canonical.session_participant DROP episode_key")
        connection.create_schemas()
        rows = connection.raw.execute("SELECT session_key, episode_key FROM canonical.session_participant").fetchall()
    assert rows == [("a", None)]


def test_a_table_of_another_contract_is_made_anew(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.raw.execute("ALTER TABLE canonical.session_participant ALTER attended TYPE VARCHAR")
        connection.create_schemas()
        found = connection.raw.execute("DESCRIBE canonical.session_participant").fetchall()
    assert {row[0]: row[1] for row in found}["attended"] == "BOOLEAN"


def test_content_hash_ignores_order_and_lineage_but_not_values(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        raw = connection.raw
        raw.execute("CREATE TABLE stage.a AS FROM (VALUES (1, 'x', 'run-1'), (2, NULL, 'run-1')) t(n, word, run_id)")
        raw.execute("CREATE TABLE stage.b AS FROM (VALUES ('run-2', NULL, 2), ('run-2', 'x', 1)) t(run_id, word, n)")
        raw.execute("CREATE TABLE stage.c AS FROM (VALUES (1, 'x'), (2, '')) t(n, word)")
        hashes = [connection.content_hash(f"stage.{name}") for name in "abc"]
        doubled = connection.content_hash("(FROM stage.a UNION ALL FROM stage.a)")
    assert hashes[0] == hashes[1] != hashes[2]
    assert doubled != hashes[0]


def test_a_reader_keeps_the_old_copy_and_the_next_one_sees_the_new(warehouse: Warehouse, tmp_path: Path) -> None:
    copy = tmp_path / "read.duckdb"
    warehouse.publish(copy)
    with duckdb.connect(copy, read_only=True) as reader:
        with warehouse.connect() as connection:
            connection.raw.execute("INSERT INTO canonical.session_participant VALUES ('s', 'a', 'b', NULL, true)")
        warehouse.publish(copy)
        assert reader.execute("SELECT count(*) FROM canonical.session_participant").fetchone() == (0,)
    with duckdb.connect(copy, read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM canonical.session_participant").fetchone() == (1,)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["data", "read.duckdb"]


def test_an_empty_warehouse_publishes_well_formed_tables(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.publish(tmp_path / "read.duckdb")
    with Warehouse(tmp_path / "read.duckdb").connect(read_only=True) as reader:
        assert all(reader.has_table("canonical", name) for name in ENTITIES)


def _land_seat(connection: Connection, session: str, client: str) -> None:
    """One record, in the place of the one that was there."""
    connection.raw.execute(
        "CREATE OR REPLACE TABLE raw_ehr.seat AS SELECT md5(?) AS id, md5(?) AS who, 1 AS version_no, "
        "now() AS observed_at",
        [session, client],
    )
    connection.raw.execute("CREATE OR REPLACE VIEW raw_ehr.seat__current AS SELECT * FROM raw_ehr.seat")


@pytest.mark.parametrize("point", ["stage.done.session_participant", "swap.done", "publish.before_replace"])
def test_a_run_killed_at_a_named_point_leaves_nothing_that_the_next_does_not_repair(
    warehouse: Warehouse, tmp_path: Path, point: str
) -> None:
    copy, log = tmp_path / "read.duckdb", tmp_path / "fault.log"
    command = [sys.executable, "-c", _NIGHT + "\nnight(*sys.argv[1:])", str(warehouse.path), str(copy)]
    names: dict[str, Any] = {}
    exec(_NIGHT, names)  # noqa: S102 - the same night in this process, where nothing kills it
    night = names["night"]
    with warehouse.connect() as connection:
        connection.raw.execute("CREATE SCHEMA raw_ehr")
        _land_seat(connection, "s", "c")
    night(warehouse.path, copy)
    with warehouse.connect() as connection:
        first = connection.content_hash("canonical.session_participant")
        _land_seat(connection, "t", "d")
    published = copy.read_bytes()

    fault = os.environ | {"PACEKEEPER_FAULT_AT": point, "PACEKEEPER_FAULT_LOG": str(log)}
    killed = subprocess.run(command, env=fault, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert log.read_text() == point + "\n"
    assert copy.read_bytes() == published
    with warehouse.connect() as connection:
        left = connection.content_hash("canonical.session_participant")
    assert (left == first) == point.startswith("stage")

    night(warehouse.path, copy)
    with warehouse.connect() as connection:
        repaired = connection.content_hash("canonical.session_participant")
        connection.raw.execute("DELETE FROM canonical.session_participant")
        assert connection.count("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'stage'") == 0
    night(warehouse.path, copy)
    with warehouse.connect() as connection:
        assert connection.content_hash("canonical.session_participant") == repaired != first
