"""The zip for Superset: what it refers to is there, every question can be asked, and nobody is shown alone."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
import yaml
from pydantic import SecretStr

from pacekeeper.bi import bi_contract, shipped_access
from pacekeeper.bi.duckdb_copy import publish_bi
from pacekeeper.engine.duckdb import Warehouse
from pacekeeper.superset import Bundle, Database, boards, duckdb_database, postgres_database, write_bundle
from pacekeeper.superset.chart import Chart
from pacekeeper.superset.ids import stable_id
from pacekeeper.superset.row_rules import EVERYTHING, NOTHING, clause
from pacekeeper_assets import CATALOGUE, MARTS

CONTRACT = bi_contract(MARTS.values(), CATALOGUE.guardrails.values())
VIEWS = {view.name: view for view in CONTRACT.views}
WORDS = {
    "guardrail_id": {"direct_hours": "Direct hours"},
    "state": {"pass": "within policy"},
    "reason": {"stale": "late"},
}
BUNDLE = Bundle(CONTRACT, duckdb_database(Path("/srv/published/pacekeeper_bi.duckdb")), WORDS)
FILES = BUNDLE.files()
CHARTS = [chart for board in boards(CONTRACT) for chart in board.charts]
BY_ID = {content["uuid"]: content for content in FILES.values() if "uuid" in content}
Yaml = dict[str, Any]  # Any: what YAML knows


def of(folder: str) -> dict[str, Yaml]:
    return {path: content for path, content in FILES.items() if path.startswith(f"{folder}/")}


def question(chart: Yaml) -> str:
    """What Superset asks for a chart, without its time filter."""
    params = chart["params"]
    dataset = BY_ID[chart["dataset_uuid"]]
    calculated = {column["column_name"]: column.get("expression") for column in dataset["columns"]}
    groups = params["groupby"] if isinstance(params["groupby"], list) else [params["groupby"]]
    groups = [name for name in (params.get("x_axis"), *groups) if name]
    by = [calculated.get(name) or name for name in groups]
    metrics = params["metrics"] if "metrics" in params else [params["metric"]]
    figures = [metric["sqlExpression"] for metric in metrics]
    told = [(one["clause"], one["sqlExpression"]) for one in params["adhoc_filters"] if one["expressionType"] == "SQL"]
    where = " AND ".join(f"({sql})" for kind, sql in told if kind == "WHERE")
    having = " AND ".join(f"({sql})" for kind, sql in told if kind == "HAVING")
    return (
        f"SELECT {', '.join([*by, *figures])} FROM ({dataset['sql']}) AS virtual_table"
        + (f" WHERE {where}" if where else "")
        + (f" GROUP BY {', '.join(by)}" if by else "")
        + (f" HAVING {having}" if having else "")
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published copy with every view and nothing in it."""
    folder = tmp_path_factory.mktemp("copy")
    warehouse = Warehouse(folder / "warehouse.duckdb")
    warehouse.create_schemas()
    with warehouse.connect() as connection:
        for schema in ("marts", "restricted"):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    publish_bi(warehouse.path, folder / "pacekeeper_bi.duckdb", CONTRACT)
    return folder / "pacekeeper_bi.duckdb"


def test_the_same_contract_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert write_bundle(Bundle(CONTRACT, BUNDLE.database, WORDS), tmp_path / name) == 7
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with zipfile.ZipFile(tmp_path / "one") as archive:
        assert archive.testzip() is None
        read = {name.partition("/")[2]: yaml.safe_load(archive.read(name)) for name in archive.namelist()}
    assert read == FILES


def test_ids_are_those_of_the_last_release() -> None:
    """A zip that is imported again replaces what it made only as long as these stay."""
    assert FILES["dashboards/overview.yaml"]["uuid"] == "6dfb3e6b-2504-5e1d-b161-2bde0ecf6e04"
    assert FILES["databases/Pacekeeper.yaml"]["uuid"] == "c2030f18-e9e0-58f7-8453-ece5d3b36d7b"
    ids = [content["uuid"] for content in FILES.values() if "uuid" in content]
    assert len(ids) == len(set(ids)) == len({UUID(one) for one in ids})


REQUIRED: dict[str, dict[str, type]] = {
    "databases": {"database_name": str, "sqlalchemy_uri": str, "uuid": str, "version": str},
    "datasets": {"table_name": str, "sql": str, "uuid": str, "version": str, "database_uuid": str, "columns": list},
    "charts": {"slice_name": str, "viz_type": str, "params": dict, "uuid": str, "version": str, "dataset_uuid": str},
    "dashboards": {"dashboard_title": str, "position": dict, "metadata": dict, "uuid": str, "version": str},
}


@pytest.mark.parametrize("folder", REQUIRED)
def test_every_file_has_what_the_import_wants(folder: str) -> None:
    assert of(folder)
    for path, content in of(folder).items():
        for key, kind in REQUIRED[folder].items():
            assert isinstance(content[key], kind), (path, key)
    assert FILES["metadata.yaml"]["version"] == "1.0.0"


def test_what_a_file_refers_to_is_in_the_zip() -> None:
    for content in of("datasets").values():
        assert "sqlalchemy_uri" in BY_ID[content["database_uuid"]]
    for content in of("charts").values():
        assert "table_name" in BY_ID[content["dataset_uuid"]]
    for content in of("dashboards").values():
        position = content["position"]
        cells = {name: cell for name, cell in position.items() if isinstance(cell, dict)}
        numbers = [cell["meta"]["chartId"] for cell in cells.values() if cell["type"] == "CHART"]
        assert len(numbers) == len(set(numbers))
        assert {child for cell in cells.values() for child in cell.get("children", ())} == cells.keys() - {
            "ROOT_ID",
            "HEADER_ID",
        }
        for cell in cells.values():
            if cell["type"] == "CHART":
                assert "slice_name" in BY_ID[cell["meta"]["uuid"]]
            widths = [cells[child].get("meta", {}).get("width", 0) for child in cell.get("children", ())]
            assert cell["type"] != "ROW" or sum(widths) <= 12


def test_columns_are_the_contracts_with_its_descriptions() -> None:
    for content in of("datasets").values():
        view = VIEWS[content["table_name"]]
        plain = {one["column_name"]: one["description"] for one in content["columns"] if "expression" not in one}
        assert plain == {column.name: column.comment for column in view.columns}
        measures = {column.name for column in view.columns if column.type in {"number", "count"}}
        metrics = {metric["metric_name"] for metric in content["metrics"]}
        assert metrics == {"rows_of_view", *measures, *(f"{name}_unknown" for name in measures)}


@pytest.mark.parametrize("path", of("charts"))
def test_every_chart_can_be_asked(path: str, copy: Path) -> None:
    with duckdb.connect(copy, read_only=True) as connection:
        connection.execute(question(FILES[path]))


@pytest.mark.parametrize("path", of("datasets"))
def test_every_metric_can_be_asked(path: str, copy: Path) -> None:
    metrics = ", ".join(metric["expression"] for metric in FILES[path]["metrics"])
    calculated = [column["expression"] for column in FILES[path]["columns"] if "expression" in column]
    with duckdb.connect(copy, read_only=True) as connection:
        connection.execute(f"SELECT {metrics} FROM ({FILES[path]['sql']}) AS v")
        for expression in calculated:
            connection.execute(f"SELECT {expression} FROM ({FILES[path]['sql']}) AS v")


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_every_chart_states_definition_window_and_how_many_are_unknown(chart: Chart) -> None:
    caption = BY_ID[stable_id("chart", f"{chart.name}/caption")]
    template = caption["params"]["handlebarsTemplate"]
    assert len(chart.definition) > 30
    for said in ("<b>Definition</b>", "{{earliest}} to {{latest}}", "{{unknown}} of {{of}}"):
        assert said in template
    assert {"unknown", "of", "earliest", "latest"} <= {metric["label"] for metric in caption["params"]["metrics"]}


def test_a_caption_stands_under_every_chart() -> None:
    for content in of("dashboards").values():
        for cell in content["position"].values():
            if isinstance(cell, dict) and cell["type"] == "COLUMN":
                above, below = (content["position"][child]["meta"]["uuid"] for child in cell["children"])
                assert BY_ID[below]["viz_type"] == "handlebars"
                own, its = (
                    [one for one in BY_ID[uuid]["params"]["adhoc_filters"] if one.get("clause") == "WHERE"]
                    for uuid in (above, below)
                )
                assert own == its, "a caption is about the rows of its chart"


def test_no_dataset_has_rows_about_a_person_whoever_asks(tmp_path: Path) -> None:
    for content in of("datasets").values():
        view = VIEWS[content["table_name"]]
        assert view.aggregate_condition != "false", f"{view.name} is about persons alone"
        assert view.person is None or content["sql"].endswith(f" WHERE {view.aggregate_condition}")
    asked = {name for chart in CHARTS for name in chart.by}
    assert not {name for name in asked if name.endswith("_key")}


def test_rules_on_rows_are_the_access_matrix() -> None:
    assert clause("owner", VIEWS["revenue_service_line"]) == EVERYTHING
    assert clause("supervisor", VIEWS["revenue_service_line"]) == NOTHING
    assert clause("supervisor", VIEWS["clinician_week"]) == NOTHING, "the bundle has no rows about persons"
    assert clause("billing", VIEWS["denials"]) == EVERYTHING
    assert clause("billing", VIEWS["verdict_count"]) == "topic IN ('finance', 'attendance', 'wellbeing', 'data')"
    rules = FILES["row_rules.yaml"]["rules"]
    names = {content["table_name"] for content in of("datasets").values()}
    for role in shipped_access().role:
        own = [rule for rule in rules if rule["roles"] == [f"Pacekeeper {role}"]]
        assert sorted(name for rule in own for name in rule["datasets"]) == sorted(names)
    assert rules[-1]["filter_type"] == "Base"
    assert rules[-1]["clause"] == NOTHING
    assert set(rules[-1]["datasets"]) == names
    assert len({rule["name"] for rule in rules}) == len(rules)


def test_no_password_is_in_the_zip() -> None:
    made = postgres_database(SecretStr("postgresql://pacekeeper:hunter2@db.local:5433/riverbend"))
    assert made == Database("postgresql+psycopg2://superset:XXXXXXXXXX@db.local:5433/riverbend")
    text = yaml.safe_dump(Bundle(CONTRACT, made, WORDS).files())
    assert "hunter2" not in text
    assert not re.search(r"read_only: true", text), "an option of DuckDB"
