"""A PostgreSQL database as warehouse: who gets in, what is sent, and what readers see."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest
from pydantic import SecretStr

from pacekeeper.bi import bi_contract
from pacekeeper.bi.postgres_copy import publish_postgres
from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import columns
from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.postgres import PostgresWarehouse
from pacekeeper.engine.postgres_session import PostgresSession
from pacekeeper.engine.postgres_slices import create_tables, send_canonical, send_raw
from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.measures.mart import Mart, MartColumn
from tests.postgres_cluster import Cluster

ROWS = 2000
NIGHTS = 12


@pytest.fixture
def url(postgres: Cluster) -> str:
    return postgres.database()


@pytest.fixture
def session(url: str) -> Iterator[PostgresSession]:
    with warehouse(url).connect() as session:
        yield session


def warehouse(url: str, key_id: str = "key") -> PostgresWarehouse:
    return PostgresWarehouse(SecretStr(url), key_id)


def refusal(url: str, key_id: str = "key") -> str:
    """Why a database is refused. The password is in no message, and in no cause of it."""
    with pytest.raises((ConfigError, RetryableError)) as caught, warehouse(url, key_id).connect():
        pass
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    password = url.split("@")[0].rsplit(":", 1)[-1]
    assert password not in str(caught.value)
    return str(caught.value)


def test_what_a_person_is_told_where_the_database_cannot_be_opened(postgres: Cluster, url: str) -> None:
    name = url.rsplit("/", 1)[1]
    server = f"127.0.0.1:{postgres.port}"
    assert "refused user 'postgres' or the password" in refusal(f"postgresql://postgres:{'x' * 9}@{server}/{name}")
    assert "there is no database 'nowhere'" in refusal(f"{postgres.url}/nowhere")
    assert "cannot be reached: is the server running" in refusal("postgresql://postgres:secret@127.0.0.1:1/any")
    assert "no address of PostgreSQL" in refusal("postgresql://postgres:se cret@[half/any")
    assert "collation ICU" in refusal(f"{postgres.url}/postgres"), "sorts as English does"
    assert postgres.password not in repr(warehouse(url))


def test_a_role_that_may_only_read_is_refused(postgres: Cluster, url: str) -> None:
    role, password = f"reader_{secrets.token_hex(3)}", secrets.token_hex(8)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'".encode())
    name = url.rsplit("/", 1)[1]
    said = refusal(f"postgresql://{role}:{password}@127.0.0.1:{postgres.port}/{name}")
    assert f"the role {role!r} may not write" in said
    said = refusal(f"{url}?options=-c%20default_transaction_read_only%3Don")
    assert "may not write" in said


def test_a_missing_driver_is_named_with_its_remedy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'pacekeeper[postgres]'" in refusal(url)


def test_one_process_writes_and_only_for_the_practice_the_database_belongs_to(url: str) -> None:
    with warehouse(url).connect():
        assert "another process is writing" in refusal(url)
    assert "made under another hash secret (key, not other)" in refusal(url, "other")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE contract.version SET version = '999.0'")
    assert "contract version 999.0" in refusal(url)


def test_arrow_tables_come_back_as_they_went(session: PostgresSession) -> None:
    given = duckdb.sql(
        """
        SELECT * FROM (VALUES
            ('a', 1.1, 2::BIGINT, true, DATE '2026-03-08', TIMESTAMPTZ '2026-03-08 06:59:59.123456+00'),
            ('', 1e300, 0, false, DATE '1999-12-31', TIMESTAMPTZ '1999-12-31 23:59:59+00'),
            ('"quoted", and' || chr(10) || 'broken %s \\N', 0.1 + 0.2, -1, NULL, NULL, NULL),
            (NULL, NULL, NULL, NULL, NULL, NULL)
        ) AS t (text, number, count, flag, day, "at")
        """
    ).to_arrow_table()
    given = given.set_column(1, "number", given["number"].cast("float64"))
    session.execute(
        "CREATE TEMP TABLE kept (at TIMESTAMP WITH TIME ZONE, text VARCHAR, number DOUBLE PRECISION, count BIGINT, "
        "flag BOOLEAN, day DATE)"
    )
    session.insert("kept", given)
    back = session.arrow("SELECT text, number, count, flag, day, at FROM kept")
    assert back.to_pylist() == given.to_pylist()
    assert str(back.schema.field("at").type) == "timestamp[us, tz=UTC]"
    assert session.arrow("SELECT text, at FROM kept WHERE false").num_rows == 0
    sums = session.arrow("SELECT sum(count) AS n FROM kept")
    assert sums.to_pylist() == [{"n": 1.0}], "sums of whole numbers are decimals"


def test_only_changed_slices_are_sent(session: PostgresSession) -> None:
    with duckdb.connect() as raw:
        connection = Connection(raw)
        connection.create_schemas()
        raw.execute("SET TimeZone = 'UTC'")
        for source in ("north", "south"):
            raw.execute(
                f"INSERT INTO canonical.payment BY NAME SELECT '{source}' AS source, {_payment()} FROM range(3) AS n(i)"
            )
        create_tables(session)
        assert send_canonical(connection, session) == ("payment/north", "payment/south")
        assert send_canonical(connection, session) == ()
        raw.execute("UPDATE canonical.payment SET amount_cents = amount_cents + 1 WHERE source = 'north'")
        assert send_canonical(connection, session) == ("payment/north",)
        raw.execute("DELETE FROM canonical.payment WHERE source = 'south'")
        assert send_canonical(connection, session) == ("payment/south",)
        there = session.rows("SELECT source, count(*), sum(amount_cents) FROM canonical.payment GROUP BY 1")
        assert (
            there
            == raw.execute("SELECT source, count(*), sum(amount_cents) FROM canonical.payment GROUP BY 1").fetchall()
        )
        session.execute("ALTER TABLE canonical.payment DROP COLUMN amount_cents")
        create_tables(session)
        assert send_canonical(connection, session) == ("payment/north",), (
            "a table of another form is made and sent anew"
        )


def _payment() -> str:
    """A value for every column but the first, as SQL."""
    values = {
        "VARCHAR": "'v' || i",
        "BIGINT": "i",
        "DOUBLE": "i / 4",
        "BOOLEAN": "true",
        "DATE": "DATE '2026-03-08'",
        "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ '2026-03-08 07:00:00+00'",
    }
    return ", ".join(f'{values[c.duckdb_type]} AS "{c.name}"' for c in columns(ENTITIES["payment"])[1:])


def test_raw_versions_are_added_by_batch(session: PostgresSession) -> None:
    with duckdb.connect() as raw:
        raw.execute(
            "CREATE SCHEMA raw_ehr; CREATE TABLE raw_ehr.visit (version_id VARCHAR, batch_id VARCHAR, n DOUBLE)"
        )
        raw.execute("INSERT INTO raw_ehr.visit VALUES ('a', 'one', 1), ('b', 'one', 2)")
        send_raw(Connection(raw), session, ["ehr"])
        raw.execute("ALTER TABLE raw_ehr.visit ADD COLUMN kind VARCHAR")
        raw.execute("INSERT INTO raw_ehr.visit VALUES ('c', 'two', NULL, 'new')")
        for _ in range(2):
            send_raw(Connection(raw), session, ["ehr"])
    rows = session.rows("SELECT version_id, batch_id, n, kind FROM raw_ehr.visit ORDER BY 1")
    assert rows == [("a", "one", 1.0, None), ("b", "one", 2.0, None), ("c", "two", None, "new")]


def fill(session: PostgresSession, night: int, *, also: str = "") -> None:
    """Two marts of one night; of the second half of each, the rows are those of every night."""
    session.execute("CREATE SCHEMA IF NOT EXISTS marts")
    for name in ("one", "two"):
        session.execute(f"DROP TABLE IF EXISTS marts.{name}")
        session.execute(
            f"CREATE TABLE marts.{name} AS SELECT n AS id, CASE WHEN n <= {ROWS // 2} THEN {night} END AS night{also} "
            f"FROM generate_series(1, {ROWS}) AS n"
        )
        session.execute(f"COMMENT ON TABLE marts.{name} IS 'night''s own'")
        session.execute(f"COMMENT ON COLUMN marts.{name}.night IS 'number'")


def publish(session: PostgresSession) -> None:
    """Everything that stands in schema `marts`, as if marts of these columns were in the catalogue."""
    kinds = dict(zip(("bigint", "integer", "text"), ("count", "count", "text"), strict=True))
    columns: dict[str, list[MartColumn]] = {}
    for table, name, kind, about in session.rows(
        "SELECT table_name, column_name, data_type, coalesce(col_description(format('marts.%I', table_name)::regclass, "
        "ordinal_position), 'x') FROM information_schema.columns WHERE table_schema = 'marts' ORDER BY ordinal_position"
    ):
        columns.setdefault(table, []).append(MartColumn(name, kinds[kind], "", about))  # type: ignore[arg-type]  # see kinds
    marts = [
        Mart(
            name=name,
            description="A night's own.",
            grain="one row per id",
            primary_key=("id",),
            columns=tuple(found),
            inputs=(),
            build=lambda tables, _: tables.run,
        )
        for name, found in columns.items()
    ]
    publish_postgres(session, bi_contract(marts))


_SEEN = "SELECT count(*), min(night), max(night) FROM bi."


def test_a_reader_sees_one_night_and_never_half_of_one(url: str, session: PostgresSession) -> None:
    fill(session, 0)
    publish(session)
    seen: set[int] = set()
    wrong: list[object] = []
    is_over = threading.Event()

    def read() -> None:
        with psycopg.connect(url) as reader:
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            while not is_over.is_set():
                one, two = (reader.execute(f"{_SEEN}{name}".encode()).fetchone() for name in ("one", "two"))
                reader.commit()
                if one != two or one is None or one[0] != ROWS or one[1] != one[2]:
                    wrong.append((one, two))
                else:
                    seen.add(one[1])

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for night in range(1, NIGHTS):
        fill(session, night)
        publish(session)
    is_over.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(seen) > 2, "the readers looked between nights"


def test_one_who_holds_the_old_night_keeps_it_and_holds_up_nobody(url: str, session: PostgresSession) -> None:
    fill(session, 1)
    publish(session)
    with psycopg.connect(url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert reader.execute(f"{_SEEN}one".encode()).fetchone() == (ROWS, 1, 1)
        fill(session, 2)
        publish(session)
        assert session.rows(f"{_SEEN}two") == [(ROWS, 2, 2)]
        assert reader.execute(f"{_SEEN}two".encode()).fetchone() == (ROWS, 1, 1)


def test_rights_views_and_rows_that_did_not_change_stay(url: str, session: PostgresSession) -> None:
    fill(session, 1)
    publish(session)
    role = f"bi_{secrets.token_hex(3)}"
    session.execute(f"CREATE ROLE {role}; GRANT USAGE ON SCHEMA bi TO {role}; GRANT SELECT ON bi.one TO {role}")
    session.execute("CREATE VIEW public.latest AS SELECT max(night) AS night FROM bi.one")
    places = dict(session.rows("SELECT id, ctid::text FROM published.one"))
    fill(session, 2)
    publish(session)
    assert session.rows("SELECT night FROM public.latest") == [(2,)]
    assert session.rows(f"SELECT has_table_privilege('{role}', 'bi.one', 'SELECT')") == [(True,)]
    stayed = dict(session.rows("SELECT id, ctid::text FROM published.one"))
    assert sum(places[number] == stayed[number] for number in places) == ROWS // 2
    told = session.rows("SELECT obj_description('bi.one'::regclass), col_description('bi.one'::regclass, 2)")
    assert told == [("One. A night's own. Grain: one row per id. Primary key: id.", "Night. number")]
    fill(session, 3, also=", 'new' AS kind")
    with pytest.raises(RetryableError, match="a view of yours stands on one that changed"):
        publish(session)
    assert session.rows(f"{_SEEN}one") == [(ROWS, 2, 2)]
    session.execute("DROP VIEW public.latest")
    publish(session)
    assert session.rows("SELECT DISTINCT kind FROM bi.two") == [("new",)]
    session.execute("DROP TABLE marts.two")
    publish(session)
    assert session.rows("SELECT to_regclass('bi.two') IS NULL, to_regclass('bi.one') IS NULL") == [(True, False)]


def test_a_publication_that_is_killed_leaves_the_night_before(url: str) -> None:
    with warehouse(url).connect() as session:
        fill(session, 1)
        publish(session)
        fill(session, 2)
    script = (
        "import os; from pydantic import SecretStr; from pacekeeper.engine.postgres import PostgresWarehouse\n"
        "from tests.integration.test_postgres_warehouse import publish\n"
        "with PostgresWarehouse(SecretStr(os.environ['ADDRESS']), 'key').connect() as session: publish(session)\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "ADDRESS": url, "PACEKEEPER_FAULT_AT": "publish.before_commit"},
    )
    assert died.returncode == -9
    with psycopg.connect(url) as reader:
        assert reader.execute(f"{_SEEN}one".encode()).fetchone() == (ROWS, 1, 1)
    with warehouse(url).connect() as session:
        publish(session)
        assert session.rows(f"{_SEEN}two") == [(ROWS, 2, 2)]
