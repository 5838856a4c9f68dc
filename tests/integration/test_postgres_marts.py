"""The same canonical rows give the same marts on DuckDB and PostgreSQL, and the same versions of verdicts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.postgres import PostgresWarehouse
from pacekeeper.engine.postgres_session import PostgresSession
from pacekeeper.engine.session import Session
from pacekeeper.measures.served import send_inputs
from pacekeeper.policy import load_policy
from pacekeeper.testing.canonical_practice import CanonicalPractice, generate_canonical
from pacekeeper_assets import MARTS, materialise
from tests.integration.engine_rows import differences, rows_of
from tests.postgres_cluster import Cluster

pytestmark = pytest.mark.timeout(900)
CLINICIANS, WEEKS, SEED = 12, 26, 1


@dataclass(frozen=True)
class Engines:
    """One practice on both."""

    duckdb: Connection
    postgres: PostgresSession
    made: CanonicalPractice

    def build(self) -> None:
        for session in (self.duckdb, self.postgres):
            materialise(
                session,
                as_of=self.made.as_of,
                policy=load_policy(),
                completeness=self.made.completeness,
                plans=Path(os.environ["PACEKEEPER_WAREHOUSE__PLANS_DIR"]),
            )


@pytest.fixture(scope="module")
def engines(postgres: Cluster) -> Iterator[Engines]:
    """Both after their first build."""
    with duckdb.connect() as raw, PostgresWarehouse(SecretStr(postgres.database()), "key").connect() as session:
        connection = Connection(raw)
        made = generate_canonical(connection, seed=SEED, clinicians=CLINICIANS, weeks=WEEKS)
        raw.execute("SET TimeZone = 'UTC'")
        send_inputs(connection, session)
        found = Engines(connection, session, made)
        found.build()
        yield found


def versions(session: Session) -> list[tuple[int, int]]:
    """How many verdicts have how many versions, fewest first."""
    return session.rows(
        "SELECT latest, count(*) FROM (SELECT max(version) AS latest FROM marts.guardrail_result "
        "GROUP BY subject_kind, subject_key, guardrail_id, period) AS each GROUP BY latest ORDER BY latest"
    )


def test_every_row_of_every_mart_is_the_same(engines: Engines) -> None:
    assert differences(engines.duckdb, engines.postgres, MARTS.values()) == []
    empty = [mart.name for mart in MARTS.values() if not rows_of(engines.postgres, mart)]
    assert empty == [], "a mart without rows proves nothing"


def test_comments_tell_the_same(engines: Engines) -> None:
    (told,) = engines.postgres.rows("SELECT obj_description('marts.clinician_week'::regclass)")
    (wanted,) = engines.duckdb.rows("SELECT comment FROM duckdb_tables() WHERE table_name = 'clinician_week'")
    assert told == wanted
    assert "Primary key: clinician_key, week_id." in told[0]


def test_verdicts_that_change_get_the_same_versions(engines: Engines) -> None:
    assert [latest for latest, _ in versions(engines.postgres)] == [1]
    engines.build()
    assert [latest for latest, _ in versions(engines.postgres)] == [1], "the same rows give no new version"
    # One clinician's sessions were never held, and another has left before most of what is judged.
    last = engines.made.as_of.date() - timedelta(days=90)
    for session in (engines.duckdb, engines.postgres):
        session.execute(
            "UPDATE canonical.session SET status = 'voided' "
            "WHERE clinician_key = (SELECT min(clinician_key) FROM canonical.session)"
        )
        session.execute(
            f"UPDATE canonical.employment SET end_date = DATE '{last}' "
            "WHERE clinician_key = (SELECT max(clinician_key) FROM canonical.employment)"
        )
    engines.build()
    assert differences(engines.duckdb, engines.postgres, MARTS.values()) == []
    assert dict(versions(engines.postgres)).keys() == {1, 2}
    assert engines.postgres.rows("SELECT count(*) FROM marts.guardrail_result WHERE is_retracted")[0][0] > 0
