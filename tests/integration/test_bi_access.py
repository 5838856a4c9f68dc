"""Who sees which rows of schema `bi`: every role logs in to a real server and looks at every view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from pacekeeper.bi import BiContract, BiView, bi_contract, shipped_access
from pacekeeper.bi.people import Reader
from pacekeeper.bi.postgres_copy import publish_postgres
from pacekeeper.bi.postgres_rights import login, role_statements
from pacekeeper.engine.postgres import PostgresWarehouse
from pacekeeper.engine.postgres_session import PostgresSession
from pacekeeper.errors import ConfigError
from pacekeeper.measures.mart import SQL_TYPES
from pacekeeper.sql_text import sql_literal, sql_name
from pacekeeper_assets import CATALOGUE, MARTS
from tests.postgres_cluster import Cluster

CONTRACT = bi_contract(MARTS.values(), CATALOGUE.guardrails.values())
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "bi-access.md"
#: Sue supervises ana and ben; nobody of the readers supervises cle.
ANA, BEN, CLE = ("a" * 32, "b" * 32, "c" * 32)
READERS = (
    Reader("ona", "Ona", ("owner",), None, ()),
    Reader("sue", "Sue", ("supervisor",), None, (ANA, BEN)),
    Reader("ana", "Ana", ("clinician",), ANA, ()),
    Reader("bil", "Bil", ("billing",), None, ()),
    Reader("eng", "Eng", ("engineer",), None, ()),
)
PERSON_OF = {"owner": "ona", "supervisor": "sue", "clinician": "ana", "billing": "bil", "engineer": "eng"}
PERSONS = {"own": {ANA}, "team's": {ANA, BEN}}
PASSWORD = "for-this-server-only"
#: What rows about nobody have in columns that tell; and what those about persons have there.
_NOBODY = {"clinician_key": "practice", "level_key": "practice", "level": "practice", "subject_kind": "practice"}
_PERSON = {"level": "clinician", "subject_kind": "clinician", "state": "pass", "period": "2026-03-02"}


@dataclass(frozen=True)
class Server:
    """A database with a row about each of three clinicians, and one about nobody, in every table that has such rows."""

    cluster: Cluster
    url: str
    database: str

    def rows(self, person: str, sql: str) -> list[tuple[object, ...]]:
        address = f"postgresql://127.0.0.1:{self.cluster.port}/{self.database}"
        with psycopg.connect(address, user=login(self.database, person), password=PASSWORD) as connection:
            return connection.execute(sql.encode()).fetchall()

    def session(self) -> PostgresWarehouse:
        return PostgresWarehouse(SecretStr(self.url), "key")


@pytest.fixture(scope="module")
def server(postgres: Cluster) -> Iterator[Server]:
    url = postgres.database()
    made = Server(postgres, url, url.rpartition("/")[2])
    with made.session().connect() as session:
        session.execute("CREATE SCHEMA marts")
        for view in CONTRACT.views:
            if view.source == "mart":
                _fill(session, view)
        publish_postgres(session, CONTRACT, READERS, named=READERS)
        _make_roles(session)
        publish_postgres(session, CONTRACT, READERS, named=READERS)
    yield made
    with psycopg.connect(f"{postgres.url}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {made.database} WITH (FORCE)".encode())
        for (name,) in connection.execute(
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [made.database]
        ).fetchall():
            connection.execute(f"DROP ROLE {sql_name(name)}".encode())


def _make_roles(session: PostgresSession) -> None:
    for statement in role_statements(session, READERS):
        session.execute(statement)
    for reader in READERS:
        name = sql_name(login(str(session.rows("SELECT current_database()")[0][0]), reader.id))
        session.execute(f"ALTER ROLE {name} PASSWORD {sql_literal(PASSWORD)}")


def _fill(session: PostgresSession, view: BiView) -> None:
    """Rows with another client's verdict among them, which nobody may see. Of guardrails, one of each topic."""
    mart = f"marts.{sql_name(view.name)}"
    columns = [column for column in view.columns if column.name != "topic"]
    session.execute(f"CREATE TABLE {mart} ({', '.join(f'{sql_name(c.name)} {SQL_TYPES[c.type]}' for c in columns)})")
    values = {"date": "DATE '2026-03-02'", "instant": "TIMESTAMPTZ '2026-03-02 00:00Z'", "number": "1", "count": "1"}
    rails = {topic: rail for rail, topic in CONTRACT.guardrail_topics.items()}
    told = [{"guardrail_id": rail} for rail in rails.values()] if view.topic is None else [{}]
    rows = [{**_NOBODY, **one} for one in told] if view.person is None or view.nobody is not None else []
    if view.person is not None:
        rows += [{**_PERSON, **one, view.person: key} for one in told for key in (ANA, BEN, CLE)]
        rows += [{**rows[0], "subject_kind": "client", "subject_key": "a client"}] if view.nobody else []
    for row in rows:
        cells = [
            sql_literal(row.get(c.name, _PERSON.get(c.name, "x")))
            if c.type == "text"
            else str(c.name != "is_retracted").lower()
            if c.type == "flag"
            else values[c.type]
            for c in columns
        ]
        session.execute(f"INSERT INTO {mart} VALUES ({', '.join(cells)})")


def matrix() -> dict[tuple[str, str], str]:
    """Cell of the committed page by view and role."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    roles = [name.strip() for name in lines[0].split("|")[3:-1]]
    found = {}
    for line in lines[1:]:
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == len(roles) + 2:
            found.update({(cells[0].strip("`"), role): cell for role, cell in zip(roles, cells[2:], strict=True)})
    return found


@pytest.mark.parametrize("role", PERSON_OF)
def test_each_role_sees_exactly_the_rows_of_the_matrix(server: Server, role: str) -> None:
    topics = set(shipped_access().role[role].topics)
    cells = {view: cell for (view, of), cell in matrix().items() if of == role}
    assert cells.keys() == {view.name for view in CONTRACT.views}
    for view in CONTRACT.views:
        cell = cells[view.name]
        if cell == "–":
            for schema in ("bi", "published"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    server.rows(PERSON_OF[role], f"SELECT * FROM {schema}.{view.name}")
            continue
        seen = re.split(r"[,;] ", cell)
        with server.session().connect() as session:
            everything = _told(session.rows(_asked(view)))
        wanted = [
            (key, topic, is_nobody)
            for key, topic, is_nobody in everything
            if (topic == "" or topic in topics)
            and ((is_nobody and {"all", "aggregates"} & set(seen)) or any(key in PERSONS.get(one, ()) for one in seen))
        ]
        assert everything, f"{view.name} has rows to tell apart"
        assert _told(server.rows(PERSON_OF[role], _asked(view))) == wanted, view.name


def _asked(view: BiView) -> str:
    key = "''" if view.person is None else sql_name(view.person)
    topic = "topic" if view.topic is None else "''"
    return f"SELECT {key}, {topic}, {view.aggregate_condition} FROM bi.{sql_name(view.name)}"


def _told(rows: list[tuple[object, ...]]) -> list[tuple[str, str, bool]]:
    return sorted((str(key), str(topic), bool(is_nobody)) for key, topic, is_nobody in rows)


def test_a_supervisor_sees_the_team_and_a_clinician_themself(server: Server) -> None:
    asked = "SELECT clinician_key FROM bi.clinician_week ORDER BY 1"
    assert server.rows("sue", asked) == [(ANA,), (BEN,)]
    assert server.rows("ana", asked) == [(ANA,)]
    assert server.rows("ana", "SELECT clinician_key, name FROM bi.person_label") == [(ANA, "Ana")]


def test_billing_sees_no_outcomes_and_the_owner_counts_only(server: Server) -> None:
    topics = "SELECT DISTINCT topic FROM bi.verdict_count ORDER BY 1"
    assert server.rows("bil", topics) == [("attendance",), ("finance",), ("wellbeing",)]
    assert ("outcomes",) in server.rows("ona", topics)
    counted = "SELECT DISTINCT subjects_n FROM bi.verdict_count WHERE subject_kind = 'clinician'"
    assert server.rows("ona", counted) == [(3,)]
    assert server.rows("ona", "SELECT 1 FROM bi.guardrail_result WHERE subject_kind = 'clinician'") == []


def test_no_row_about_a_client_is_published_not_even_to_us(server: Server) -> None:
    with server.session().connect() as session:
        assert session.rows("SELECT count(*) > 0 FROM marts.guardrail_result WHERE subject_kind = 'client'") == [
            (True,)
        ]
        for table in ("guardrail_result", "guardrail_breach"):
            assert session.rows(f"SELECT 1 FROM published.{table} WHERE subject_kind = 'client'") == []
        told = "SELECT DISTINCT subjects_n, is_suppressed FROM published.verdict_count WHERE subject_kind = 'client'"
        assert session.rows(told) == [(None, True)]


def test_no_reader_writes_and_none_reads_the_marts(server: Server) -> None:
    for sql in ("DELETE FROM bi.publication", "SELECT 1 FROM marts.clinician_week", "TABLE restricted.pay_stability"):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)):
            server.rows("sue", sql)
    assert server.rows("sue", "SELECT DISTINCT login FROM published.access") == [(login(server.database, "sue"),)]


def test_rights_hold_from_one_night_to_the_next_and_when_a_table_is_made_anew(server: Server) -> None:
    asked = "SELECT clinician_key FROM bi.clinician_week ORDER BY 1"
    narrower = BiContract(
        views=tuple(
            view.model_copy(update={"columns": view.columns[:-1]}) if view.name == "clinician_week" else view
            for view in CONTRACT.views
        ),
        guardrail_topics=CONTRACT.guardrail_topics,
    )
    for contract in (CONTRACT, narrower, CONTRACT):
        with server.session().connect() as session:
            publish_postgres(session, contract, READERS, named=READERS)
        assert server.rows("sue", asked) == [(ANA,), (BEN,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.rows("ona", asked)


def test_roles_follow_the_directory_and_a_second_time_there_is_nothing_to_do(server: Server) -> None:
    ben = Reader("ben", "Ben", ("clinician",), BEN, ())
    with server.session().connect() as session:
        assert role_statements(session, READERS) == []
        for statement in role_statements(session, [*READERS, ben]):
            session.execute(statement)
        assert role_statements(session, [*READERS, ben]) == []
        gone = role_statements(session, READERS)
        assert [line.split(" ")[0] for line in gone] == ["REVOKE", "ALTER"]
        assert gone[-1].endswith("NOLOGIN")
        for statement in gone:
            session.execute(statement)
        assert role_statements(session, READERS) == []
        session.execute(f"CREATE ROLE {sql_name(login(server.database, 'eve'))}")
        with pytest.raises(ConfigError, match="Pacekeeper did not make"):
            role_statements(session, [*READERS, Reader("eve", "Eve", ("owner",), None, ())])


def test_comments_say_what_a_column_is(server: Server) -> None:
    [(view, column)] = server.rows(
        "sue",
        "SELECT obj_description('bi.clinician_week'::regclass), col_description('bi.clinician_week'::regclass, "
        "(SELECT attnum FROM pg_attribute WHERE attrelid = 'bi.clinician_week'::regclass AND attname = 'direct_h'))",
    )
    assert str(view).startswith("Clinician week. ")
    assert str(column).startswith("Direct (hours). ")
    assert str(column).endswith("Unit: hours.")
