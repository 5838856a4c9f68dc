"""An erased client is gone from the database that serves the marts, and others keep their rows; restored files win."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from pacekeeper.engine.duckdb import Warehouse
from pacekeeper.engine.postgres import PostgresWarehouse
from pacekeeper.engine.postgres_session import PostgresSession
from pacekeeper.engine.postgres_slices import send_raw
from pacekeeper.upkeep.erased_postgres import delete_postgres
from tests.postgres_cluster import Cluster

ANN, BOB, VISIT, GROUP, DOCTOR = ("a" * 32, "b" * 32, "c" * 32, "d" * 32, "e" * 32)


@pytest.fixture
def session(postgres: Cluster) -> Iterator[PostgresSession]:
    with PostgresWarehouse(SecretStr(postgres.database()), "key").connect() as session:
        yield session


def test_rows_of_the_client_go_in_every_schema(session: PostgresSession) -> None:
    session.execute(f"""
        CREATE SCHEMA raw_ehr; CREATE SCHEMA IF NOT EXISTS canonical; CREATE SCHEMA bi; CREATE SCHEMA theirs;
        CREATE TABLE raw_ehr.visit (row_key VARCHAR, client VARCHAR, version_id VARCHAR);
        INSERT INTO raw_ehr.visit VALUES ('{VISIT}', '{ANN}', '1'), ('{GROUP}', NULL, '2');
        CREATE TABLE raw_ehr.seat (row_key VARCHAR, parent_key VARCHAR, client VARCHAR, version_id VARCHAR);
        INSERT INTO raw_ehr.seat VALUES ('{GROUP}#1', '{GROUP}', '{ANN}', '3'), ('{GROUP}#2', '{GROUP}', '{BOB}', '4');
        CREATE TABLE raw_ehr.seat_part (row_key VARCHAR, parent_key VARCHAR, version_id VARCHAR);
        INSERT INTO raw_ehr.seat_part VALUES ('{VISIT}#1#1', '{VISIT}#1', '7'), ('{GROUP}#2#1', '{GROUP}#2', '8');
        CREATE TABLE raw_ehr.client (row_key VARCHAR, guarantor VARCHAR, version_id VARCHAR);
        INSERT INTO raw_ehr.client VALUES ('{ANN}', NULL, '5'), ('{BOB}', '{ANN}', '6');
        CREATE TABLE canonical.note (note_key VARCHAR, session_key VARCHAR);
        INSERT INTO canonical.note VALUES ('n1', '{VISIT}'), ('n2', '{GROUP}');
        CREATE TABLE bi.contact (client_key VARCHAR, sessions_n BIGINT);
        INSERT INTO bi.contact VALUES ('{ANN}', 2), ('{BOB}', 1);
        CREATE TABLE theirs.view_of_ours (client_key VARCHAR);
        INSERT INTO theirs.view_of_ours VALUES ('{ANN}');
    """)
    assert delete_postgres(session, [ANN, VISIT], [BOB, DOCTOR]) == {
        "bi.contact": 1,
        "canonical.note": 1,
        "raw_ehr.client": 1,
        "raw_ehr.seat": 1,
        "raw_ehr.seat_part": 1,
        "raw_ehr.visit": 1,
    }
    assert session.rows("SELECT row_key, guarantor FROM raw_ehr.client") == [(BOB, None)]
    assert session.rows("SELECT row_key FROM raw_ehr.visit") == [(GROUP,)]
    assert session.rows("SELECT client FROM raw_ehr.seat") == [(BOB,)]
    assert session.rows("SELECT note_key FROM canonical.note") == [("n2",)]
    assert session.rows("SELECT client_key FROM theirs.view_of_ours") == [(ANN,)], "what others made is theirs"


def test_batches_that_a_restored_file_lacks_go(session: PostgresSession, tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb").connect() as connection:
        connection.execute(
            "CREATE SCHEMA raw_ehr; CREATE TABLE raw_ehr.visit (row_key VARCHAR, batch_id VARCHAR, version_id VARCHAR);"
            "INSERT INTO raw_ehr.visit VALUES ('v1', 'night-1', '1'), ('v2', 'night-2', '2')"
        )
        send_raw(connection, session, ["ehr"])
        connection.execute("DELETE FROM raw_ehr.visit WHERE batch_id = 'night-2'")
        connection.execute("INSERT INTO raw_ehr.visit VALUES ('v2', 'night-3', '3')")
        send_raw(connection, session, ["ehr"])
    assert session.rows("SELECT row_key, batch_id FROM raw_ehr.visit ORDER BY 1") == [
        ("v1", "night-1"),
        ("v2", "night-3"),
    ]
