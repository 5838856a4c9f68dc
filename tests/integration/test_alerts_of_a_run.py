"""A run announces what it publishes, whoever started it: the publication step, on the real tables, with real mail."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from pacekeeper.engine.duckdb import Connection
from pacekeeper.home import PracticeHome
from pacekeeper.ops import AlertDrain, Run
from pacekeeper.privacy import keyed_hash
from pacekeeper.settings import load_settings
from pacekeeper_assets import MARTS
from pacekeeper_assets.marts import publication_asset
from pacekeeper_assets.practice_resource import PracticeResource
from tests.alert_receivers import mail_server

FIRST = datetime(2026, 1, 5, 5, tzinfo=UTC)
ANA, CLIENT, ACCOUNT, ALERT = "a" * 32, "c1e2" * 8, "e5f6" * 8, "d3e4" * 8
_SETTINGS = """
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"
[alerts]
directory = "directory.toml"
[alerts.routes.workload]
latency = "same_run"
"""
_DIRECTORY = """
[people.ana]
name = "Ana Ruiz"
clinician = {{ domain = "npi", value = "1234567893" }}
urls = ["mailto://127.0.0.1:{port}?from=p@riverbend.example&to=ana@riverbend.example"]
[people.lea]
name = "Lea Lind"
roles = ["clinical_lead"]
urls = ["mailto://127.0.0.1:{port}?from=p@riverbend.example&to=lea@riverbend.example"]
"""


def say(connection: Connection, week: int, state: str) -> None:
    start = FIRST + timedelta(weeks=week - 1)
    end = start + timedelta(weeks=1)
    connection.raw.execute(
        "INSERT INTO marts.guardrail_result BY NAME SELECT 'clinician' AS subject_kind, ? AS subject_key, "
        "'direct_hours' AS guardrail_id, ? AS period, ?::TIMESTAMPTZ AS period_start, ?::TIMESTAMPTZ AS period_end, "
        "1 AS version, true AS is_current, false AS is_retracted, ? AS state, 36 AS value, 'hours' AS unit, "
        "22 AS threshold_warn, 30 AS threshold_breach, 'p1' AS policy_version, ?::TIMESTAMPTZ AS as_of, "
        "'clinician_week' AS evidence_mart",
        [ANA, start.date().isoformat(), start, end, state, end],
    )


def name_people(home: PracticeHome, connection: Connection) -> None:
    npi = keyed_hash(home.hash_key(), "match", "npi", "1234567893")
    raw = connection.raw
    raw.execute(
        "INSERT INTO canonical.clinician_identifier BY NAME "
        "SELECT 'ehr' AS source, ? AS clinician_key, 'npi' AS domain, ? AS match_key",
        [ACCOUNT, npi],
    )
    raw.execute(
        "INSERT INTO canonical.person_match BY NAME "
        "SELECT 'derived' AS source, ? AS clinician_key, ? AS person_key, 'npi' AS matched_on",
        [ACCOUNT, ANA],
    )
    raw.execute(
        "INSERT INTO canonical.case_assignment BY NAME SELECT 'ehr' AS source, 'x' AS assignment_key, "
        "'x' AS episode_key, ? AS client_key, ? AS clinician_key, DATE '2026-01-01' AS from_date, 1.0 AS share",
        [CLIENT, ACCOUNT],
    )


def off_track(connection: Connection) -> None:
    at = FIRST + timedelta(weeks=1, days=2)
    connection.raw.execute(
        "INSERT INTO marts.alert_response BY NAME SELECT ? AS alert_key, 'derived' AS origin, 'off_track' AS kind, "
        "? AS client_key, ? AS clinician_key, ?::DATE AS created_on, ?::TIMESTAMPTZ AS created_at, 'open' AS state",
        [ALERT, CLIENT, ANA, at.date(), at],
    )


def test_the_publication_step_sends_what_is_new_and_a_failure_to_send_fails_no_run(tmp_path: Path) -> None:
    (tmp_path / "pacekeeper.toml").write_text(_SETTINGS, encoding="utf-8")
    with mail_server() as box:
        directory = tmp_path / "directory.toml"
        directory.touch(mode=0o600)
        directory.write_text(_DIRECTORY.format(port=box.port), encoding="utf-8")
        home = PracticeHome(load_settings(tmp_path / "pacekeeper.toml"))
        home.create(MARTS.values())
        with home.warehouse.connect() as connection:
            name_people(home, connection)
            say(connection, 1, "pass")
        run(home, "first")
        assert box.mails == []
        with home.warehouse.connect() as connection:
            say(connection, 2, "breach")
            off_track(connection)
        directory.chmod(0o644)
        run(home, "second")
        assert "mode 0644" in (home.ops.rows(AlertDrain, name="last")[0].error or "")
        directory.chmod(0o600)
        run(home, "third")
        run(home, "fourth")
    told = [(to.partition("@")[0], text) for to, _, text in box.mails]
    assert sorted(to for to, _ in told) == ["ana", "lea"]
    (to_ana,) = (text for to, text in told if to == "ana")
    assert "You. Direct hours in a practice week: 36 hours in the week of 2026-01-12" in to_ana
    assert "A client of yours. Off track, and nobody has been told yet" in to_ana
    assert not [key for key in (ANA, CLIENT, ACCOUNT, ALERT, "1234567893") for _, text in told if key in text]


def run(home: PracticeHome, run_id: str) -> None:
    at = datetime.now(UTC)
    home.ops.add([Run(run_id=run_id, as_of=at, started_at=at)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = dg.materialize(
            [publication_asset(owners=["team:data_engineering"])],
            resources={"practice": PracticeResource(config_path=str(home.settings.file))},
        )
    assert result.success
