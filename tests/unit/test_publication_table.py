"""What readers are told about what they read, and that they never read two nights at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pacekeeper.bi.stored import store_contract
from pacekeeper.engine.parquet_export import export_parquet
from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.publication import Publication
from pacekeeper.settings import load_settings

FIRST = datetime(2026, 3, 2, 4, tzinfo=UTC)
MARTS = ("clinician_week", "caseload", "guardrail_result")
NIGHTS = 12
#: Opens the copy anew for every look; a look is at every table in one connection. Ends when told to.
READER = """
import json, os, select, sys, duckdb
link, copy, looks, mixed, nights = sys.argv[2], sys.argv[1], 0, 0, set()
os.link(copy, link)  # in one process DuckDB has one instance per path
held = duckdb.connect(link, read_only=True)
TABLES = ("clinician_week", "caseload", "guardrail_result")
def look(connection):
    seen = set()
    for table in TABLES:
        seen |= set(connection.sql(f"SELECT DISTINCT epoch(as_of) FROM marts.{table}").fetchall())
    return seen | set(connection.sql("SELECT epoch(max(as_of)) FROM marts.publication").fetchall())
first = look(held)
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    with duckdb.connect(copy, read_only=True) as connection:
        seen = look(connection)
    looks, mixed = looks + 1, mixed + (len(seen) != 1)
    nights |= seen
print(json.dumps({"looks": looks, "mixed": mixed, "nights": len(nights), "held_changed": look(held) != first}))
"""


@pytest.fixture
def home(tmp_path: Path) -> PracticeHome:
    settings = tmp_path / "pacekeeper.toml"
    settings.write_text('[practice]\nname = "Riverbend"\nhome_tz = "America/New_York"\ndata_dir = "data"\n')
    made = PracticeHome(load_settings(settings))
    made.create()
    return made


def _mart(name: str) -> Mart:
    """About nobody in particular, verdict by verdict."""
    texts = ("state", "guardrail_id", "evidence_mart", "subject_kind", "subject_key", "period", "reason")
    return Mart(
        name=name,
        description="A mart.",
        grain="one row per number",
        primary_key=("number",),
        columns=(
            MartColumn("as_of", "instant", "UTC", "x"),
            MartColumn("number", "count", "", "x"),
            *(MartColumn(text, "text", "", "x") for text in texts),
            *(MartColumn(flag, "flag", "", "x") for flag in ("is_current", "is_retracted")),
        ),
        inputs=(),
        build=lambda tables, _: tables.run,
    )


def night(home: PracticeHome, number: int, *, rows: int = 2000) -> None:
    """Every mart of one night, published. Of four verdicts one is a breach, one is old, one restricted."""
    as_of = FIRST + timedelta(days=number)
    with home.warehouse.connect() as connection:
        store_contract(connection, [_mart(name) for name in MARTS])
        for mart in MARTS:
            connection.execute(
                f"CREATE OR REPLACE TABLE marts.{mart} AS SELECT TIMESTAMPTZ '{as_of.isoformat()}' AS as_of, "
                "i AS number, CASE i % 4 WHEN 1 THEN 'breach' ELSE 'pass' END AS state, i % 4 <> 2 AS is_current, "
                "false AS is_retracted, 'practice' AS subject_kind, 'practice' AS subject_key, '2026-03-02' AS period, "
                "NULL::VARCHAR AS reason, CASE i % 4 WHEN 3 THEN 'leave_taken' ELSE 'no_show' END AS guardrail_id, "
                f"CASE i % 4 WHEN 3 THEN 'leave' ELSE 'clinician_week' END AS evidence_mart FROM range({rows}) AS r(i)"
            )
        connection.execute("CREATE TABLE IF NOT EXISTS restricted.leave (i BIGINT)")
        connection.execute(
            "CREATE OR REPLACE TABLE marts.source_completeness AS SELECT source, entity, "
            f"TIMESTAMPTZ '{as_of.isoformat()}' - to_days(ago) AS complete_through, true AS ever_read "
            "FROM (VALUES ('ehr', 'session', 0), ('ehr', 'note', 2), ('hr', 'employment', 1)) AS t(source, entity, ago)"
        )
    home.publish(Publication(f"run-{number}", as_of, as_of + timedelta(hours=1), "policy-1"))


def published(copy: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(copy, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def test_both_copies_have_it_before_the_first_night(home: PracticeHome) -> None:
    for copy in (home.read_copy, home.bi_copy):
        assert published(copy, "SELECT count(*) FROM marts.publication") == [(0,)]


def test_a_night_is_a_row_with_what_readers_can_check(home: PracticeHome) -> None:
    night(home, 0)
    night(home, 1)
    # Of 2,000 verdicts 500 are not current and 500 are about a restricted mart: 500 breaches and 500 passes remain.
    told = "SELECT run_id, as_of, data_through, contract_version <> '', policy_version, pass_n, warn_n, breach_n"
    wanted = [
        (f"run-{n}", FIRST + timedelta(days=n), FIRST + timedelta(days=n - 2), True, "policy-1", 500, 0, 500)
        for n in (0, 1)
    ]
    for copy in (home.read_copy, home.bi_copy):
        assert published(copy, f"{told} FROM marts.publication ORDER BY as_of") == wanted
    counted = "SELECT count(*) FROM marts.guardrail_result WHERE is_current AND state = 'breach'"
    assert published(home.bi_copy, counted) == [(500,)]


def test_nothing_is_copied_where_nothing_changed(home: PracticeHome) -> None:
    night(home, 0)
    before = [copy.stat().st_ino for copy in (home.read_copy, home.bi_copy)]
    home.publish(Publication("another-run", FIRST, FIRST + timedelta(hours=9), "policy-1"))
    assert [copy.stat().st_ino for copy in (home.read_copy, home.bi_copy)] == before
    assert published(home.bi_copy, "SELECT run_id FROM marts.publication") == [("run-0",)]


def test_the_same_night_made_again_is_the_same_content(home: PracticeHome) -> None:
    night(home, 0)
    with home.warehouse.connect() as connection:
        before = connection.content_hash("marts.publication")
    with home.warehouse.connect() as connection:
        connection.execute("CREATE TABLE marts.more AS SELECT 1 AS one")
    home.publish(Publication("another-run", FIRST, FIRST + timedelta(hours=9), "policy-1"))
    assert published(home.bi_copy, "SELECT run_id FROM marts.publication") == [("another-run",)]
    with home.warehouse.connect() as connection:
        assert connection.content_hash("marts.publication") == before


def test_a_reader_never_errs_and_never_sees_two_nights(home: PracticeHome) -> None:
    night(home, 0)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(home.bi_copy), str(home.published_dir / "held")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(1, NIGHTS):
        night(home, number)
    told, _ = reader.communicate("stop\n", timeout=60)
    assert reader.returncode == 0
    seen = json.loads(told)
    assert (seen["mixed"], seen["held_changed"]) == (0, False)
    assert seen["looks"] >= NIGHTS
    assert seen["nights"] > NIGHTS // 3


def test_an_export_is_a_version_and_a_link_to_it(home: PracticeHome, tmp_path: Path) -> None:
    folder = tmp_path / "parquet"
    with pytest.raises(ConfigError, match="no night has been published"):
        export_parquet(home.bi_copy, folder, keep=2)
    night(home, 0)
    made = export_parquet(home.bi_copy, folder, keep=2)
    assert (made.folder.name, made.is_new, made.rows["caseload"]) == ("20260302T040000Z", True, 1500)
    assert not export_parquet(home.bi_copy, folder, keep=2).is_new
    held = (folder / "current").resolve() / "caseload.parquet"
    with held.open("rb") as open_file:
        for number in (1, 2):
            night(home, number)
            export_parquet(home.bi_copy, folder, keep=2)
        assert not held.exists()
        assert open_file.read(4) == b"PAR1"
    versions = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    assert versions == ["20260303T040000Z", "20260304T040000Z", "current"]
    assert os.readlink(folder / "current") == "20260304T040000Z"
    rows = duckdb.sql(f"SELECT DISTINCT as_of FROM read_parquet('{folder}/current/caseload.parquet')").fetchall()
    assert [row[0].astimezone(UTC) for row in rows] == [FIRST + timedelta(days=2)]
    guardrails = duckdb.sql(f"SELECT DISTINCT guardrail_id FROM '{folder}/current/guardrail_result.parquet'").fetchall()
    assert guardrails == [("no_show",)], "nothing restricted is exported"


def test_an_export_that_died_leaves_what_was_there(home: PracticeHome, tmp_path: Path) -> None:
    folder = tmp_path / "parquet"
    night(home, 0)
    export_parquet(home.bi_copy, folder, keep=3)
    night(home, 1)
    script = (
        "import sys; from pathlib import Path; from pacekeeper.engine.parquet_export import export_parquet\n"
        "export_parquet(Path(sys.argv[1]), Path(sys.argv[2]), keep=3)"
    )
    died = subprocess.run(
        [sys.executable, "-c", script, str(home.bi_copy), str(folder)],
        env={**os.environ, "PACEKEEPER_FAULT_AT": "export.written", "PACEKEEPER_FAULT_LOG": str(tmp_path / "log")},
        check=False,
    )
    assert died.returncode == -9
    assert os.readlink(folder / "current") == "20260302T040000Z"
    assert export_parquet(home.bi_copy, folder, keep=3).folder.name == "20260303T040000Z"
    assert not (folder / ".new").exists()
