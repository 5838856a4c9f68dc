"""What BI may rely on, and what its DuckDB copy never has."""

from __future__ import annotations

import stat
from pathlib import Path

import duckdb
import pytest

from pacekeeper.alerts.directory import Directory
from pacekeeper.bi import BiContract, bi_contract, row_rule, shipped_access
from pacekeeper.bi.duckdb_copy import publish_bi
from pacekeeper.bi.people import Reader, readers, visible_keys
from pacekeeper.bi.stability import ContractBrokenError, Promise, breaking_changes, promise_json, renewed
from pacekeeper.bi.stored import store_contract, stored_contract
from pacekeeper.engine.duckdb import Warehouse
from pacekeeper.measures.mart import column_ddl
from pacekeeper.privacy import create_hash_key, load_hash_key
from pacekeeper_assets import CATALOGUE, MARTS

CONTRACT = bi_contract(MARTS.values(), CATALOGUE.guardrails.values())
KEPT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "bi-contract.json"
CLINICIANS = [f"{number:032x}" for number in range(6)]


def changed(view: str, column: str, **update: object) -> BiContract:
    """The contract with one column changed; without an update, with the column left out."""
    views = []
    for one in CONTRACT.views:
        columns = [
            c.model_copy(update=update) if (one.name, c.name) == (view, column) else c
            for c in one.columns
            if update or (one.name, c.name) != (view, column)
        ]
        views.append(one.model_copy(update={"columns": tuple(columns)}))
    return CONTRACT.model_copy(update={"views": tuple(views)})


def test_what_is_kept_holds() -> None:
    kept = Promise.model_validate_json(KEPT.read_text("utf-8"))
    assert breaking_changes(kept, CONTRACT) == []
    assert promise_json(renewed(kept, CONTRACT)) == KEPT.read_text("utf-8"), "run make reference"


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        (changed("clinician_week", "direct_h"), ["clinician_week.direct_h is gone"]),
        (changed("clinician_week", "direct_h", name="direct_hours"), ["clinician_week.direct_h is gone"]),
        (changed("clinician_week", "direct_h", type="text"), ["clinician_week.direct_h was number and is text"]),
        (
            changed("clinician_week", "week_id", is_nullable=True),
            ["clinician_week.week_id was never null and may be null"],
        ),
    ],
    ids=["removed", "renamed", "retyped", "may be null"],
)
def test_a_breaking_change_is_told_and_not_written_down(contract: BiContract, said: list[str]) -> None:
    kept = renewed(None, CONTRACT)
    assert breaking_changes(kept, contract) == said
    with pytest.raises(ContractBrokenError, match=said[0]):
        renewed(kept, contract)


def test_a_new_column_is_a_minor_version_and_a_line_of_the_changelog() -> None:
    kept = renewed(None, changed("clinician_week", "direct_h"))
    now = renewed(kept, CONTRACT)
    assert (kept.version, now.version) == ("1.0", "1.1")
    assert now.history[-1].added == ("clinician_week.direct_h",)
    assert renewed(now, CONTRACT) == now


def test_a_new_major_version_may_break_and_says_what_it_took_away(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = renewed(None, CONTRACT)
    monkeypatch.setattr("pacekeeper.bi.stability.MAJOR", 2)
    now = renewed(kept, changed("clinician_week", "direct_h"))
    assert (now.version, now.history[-1].removed) == ("2.0", ("clinician_week.direct_h",))


def test_every_mart_has_a_topic_and_no_topic_names_another() -> None:
    named = [mart for marts in shipped_access().topic.values() for mart in marts]
    by_row = {"guardrail_result", "guardrail_breach", "clinician_signal", "systemic_signal"}
    assert sorted([*named, *by_row]) == sorted([*MARTS, "publication", "source_completeness"])


def test_no_view_can_name_a_client_and_the_owner_sees_no_rows_of_persons() -> None:
    columns = {column.name for view in CONTRACT.views for column in view.columns}
    assert not {
        name for name in columns if name.startswith(("client_", "episode_", "response_", "note_", "alert_"))
    } & {name for name in columns if name.endswith("_key")}
    rules = [row_rule("owner", view) for view in CONTRACT.views]
    assert {rule.person for rule in rules if rule is not None} == {"none"}


def test_labels_of_a_view_are_all_different() -> None:
    for view in CONTRACT.views:
        labels = [column.label for column in view.columns]
        assert len(set(labels)) == len(labels), view.name


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Six clinicians, direct hours 10, 11, 12, 13, 14 and unknown; verdicts, one of a client."""
    made = Warehouse(tmp_path / "warehouse.duckdb")
    made.create_schemas()
    with made.connect() as connection:
        for name in ("clinician_week", "guardrail_result", "measure_trajectory", "alert_response", "pay_stability"):
            connection.execute(f"CREATE TABLE {MARTS[name].table} ({column_ddl(MARTS[name].columns)})")
        for number, key in enumerate(CLINICIANS):
            hours = str(10 + number) if number < 5 else "NULL"
            connection.execute(
                "INSERT INTO marts.clinician_week BY NAME SELECT "
                f"'{key}' AS clinician_key, DATE '2026-03-02' AS week_id, {hours} AS direct_h, 0.5 AS utilization_ratio"
            )
        rows = [
            ("clinician", CLINICIANS[0], "direct_hours"),
            ("client", "CANARY7f3a", "no_show_run"),
            ("practice", "practice", "turnover"),
        ]
        for kind, key, rail in [*rows, ("clinician", CLINICIANS[0], "pto_low")]:
            connection.execute(
                f"INSERT INTO marts.guardrail_result BY NAME SELECT '{kind}' AS subject_kind, '{key}' AS subject_key, "
                f"'{rail}' AS guardrail_id, '2026-03-02' AS period, 1 AS version, true AS is_current, false AS "
                f"is_retracted, 'breach' AS state, '{'leave_month' if rail == 'pto_low' else 'x'}' AS evidence_mart"
            )
        connection.execute("CREATE TABLE restricted.leave_month (clinician_key VARCHAR)")
        connection.execute("INSERT INTO marts.measure_trajectory BY NAME SELECT 'CANARY7f3a' AS client_key")
    return made


def told(copy: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(copy, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_copy_is_about_nobody_in_particular(warehouse: Warehouse, tmp_path: Path) -> None:
    copy = tmp_path / "pacekeeper_bi.duckdb"
    publish_bi(warehouse.path, copy, CONTRACT)
    content = copy.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    assert b"CANARY7f3a" not in content
    assert not [key for key in CLINICIANS if key.encode() in content]
    assert {name for (name,) in told(copy, "SELECT view_name FROM duckdb_views() WHERE schema_name = 'bi'")} == {
        view.name for view in CONTRACT.views
    }
    assert told(copy, "SELECT subject_kind, guardrail_id, topic FROM bi.guardrail_result") == [
        ("practice", "turnover", "workforce")
    ]
    counts = told(copy, "SELECT guardrail_id, topic, subjects_n, is_suppressed FROM bi.verdict_count ORDER BY 1")
    assert counts == [
        ("direct_hours", "workload", 1, False),
        ("no_show_run", "attendance", None, True),
        ("turnover", "workforce", 1, False),
    ], "one client is too few to be counted, and leave is nobody's business"


def test_statistics_are_over_clinicians_and_left_out_of_too_few(warehouse: Warehouse, tmp_path: Path) -> None:
    copy = tmp_path / "pacekeeper_bi.duckdb"
    asked = (
        "SELECT clinicians_n, unknown_n, is_suppressed, mean, quartile_low, median, quartile_high "
        "FROM bi.practice_measure WHERE measure = '{}'"
    )
    publish_bi(warehouse.path, copy, CONTRACT)
    assert told(copy, asked.format("direct_h")) == [(5, 1, False, 12.0, 11.0, 12.0, 13.0)]
    assert told(copy, asked.format("utilization_ratio")) == [(6, 0, False, 0.5, 0.5, 0.5, 0.5)]
    with warehouse.connect() as connection:
        connection.execute(f"DELETE FROM marts.clinician_week WHERE clinician_key = '{CLINICIANS[0]}'")
    publish_bi(warehouse.path, copy, CONTRACT)
    assert told(copy, asked.format("direct_h")) == [(4, 1, True, None, None, None, None)]


def test_rows_of_persons_and_their_names_are_there_when_the_settings_ask(warehouse: Warehouse, tmp_path: Path) -> None:
    copy, ana = tmp_path / "pacekeeper_bi.duckdb", Reader("ana", "Ana", ("clinician",), CLINICIANS[0], ())
    publish_bi(warehouse.path, copy, CONTRACT, named=[ana])
    assert told(copy, "SELECT * FROM bi.person_label") == []
    publish_bi(warehouse.path, copy, CONTRACT, named=[ana], person_rows=True)
    assert told(copy, "SELECT count(*) FROM bi.clinician_week") == [(6,)]
    assert told(copy, "SELECT name FROM bi.person_label JOIN bi.clinician_week USING (clinician_key)") == [("Ana",)]
    assert b"CANARY7f3a" not in copy.read_bytes()


def test_comments_say_label_description_and_unit(warehouse: Warehouse, tmp_path: Path) -> None:
    copy = tmp_path / "pacekeeper_bi.duckdb"
    publish_bi(warehouse.path, copy, CONTRACT)
    where = "WHERE schema_name = 'bi' AND table_name = 'clinician_week' AND column_name = 'direct_h'"
    [(comment,)] = told(copy, f"SELECT comment FROM duckdb_columns() {where}")
    assert str(comment).startswith("Direct (hours). ")
    assert str(comment).endswith("Unit: hours.")
    assert told(copy, "SELECT count(*) FROM duckdb_views() WHERE schema_name = 'bi' AND comment IS NULL") == [(0,)]


def test_the_warehouse_remembers_what_its_marts_were_built_with(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        assert stored_contract(connection) == bi_contract(())
        store_contract(connection, MARTS.values(), CATALOGUE.guardrails.values())
        assert stored_contract(connection) == CONTRACT


def test_a_team_is_whom_the_directory_says_and_a_clinical_lead_has_the_others(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    create_hash_key(tmp_path / "hash.key")
    ana, ben, cle = CLINICIANS[:3]
    directory = Directory.model_validate(
        {
            "people": {
                "ana": {"name": "Ana", "roles": ["clinician"], "clinician": ana},
                "ben": {"name": "Ben", "clinician": ben},
                "sue": {"name": "Sue", "roles": ["supervisor", "clinician"], "supervises": ["ana"], "clinician": cle},
                "lea": {"name": "Lea", "roles": ["clinical_lead", "intake"]},
                "ona": {"name": "Ona", "roles": ["owner"]},
            }
        }
    )
    with warehouse.connect() as connection:
        for key in (ana, ben, cle):
            connection.execute(
                "INSERT INTO canonical.clinician BY NAME SELECT 'ehr' AS source, 'p' AS practice_key, "
                f"'{key}' AS clinician_key, 'therapist' AS role, 'licensed' AS license_level"
            )
        found = {one.id: one for one in readers(connection, directory, load_hash_key(tmp_path / "hash.key"))}
    assert visible_keys(found["ana"]) == [("clinician", ana)]
    assert visible_keys(found["ben"]) == [], "not said to read anything"
    assert visible_keys(found["sue"]) == [("clinician", cle), ("supervisor", ana)]
    assert visible_keys(found["lea"]) == [("supervisor", ben), ("supervisor", cle)]
    assert (found["ona"].roles, visible_keys(found["ona"])) == (("owner",), [])
