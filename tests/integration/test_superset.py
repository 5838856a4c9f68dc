"""The dashboards in a real Superset: they come in twice, ask what they should, and get what the published copy has.

Superset needs an environment of its own (docs/how-to/superset.md): PACEKEEPER_SUPERSET names it. It takes two minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from pydantic import SecretStr

from pacekeeper.bi import bi_contract
from pacekeeper.bi.duckdb_copy import publish_bi
from pacekeeper.engine.duckdb import Warehouse
from pacekeeper.errors import ConfigError
from pacekeeper.policy import load_policy
from pacekeeper.reports.words import REASONS, STATE_NAMES
from pacekeeper.superset import Bundle, Loaded, duckdb_database, load_bundle, write_bundle
from pacekeeper.testing.canonical_practice import generate_canonical
from pacekeeper_assets import CATALOGUE, MARTS, materialise
from tests.postgres_cluster import free_port

VENV = os.environ.get("PACEKEEPER_SUPERSET")
pytestmark = pytest.mark.skipif(VENV is None, reason="PACEKEEPER_SUPERSET names no environment with Superset")
PASSWORD = SecretStr("of-this-test-only")
Yaml = dict[str, Any]  # Any: what YAML and JSON know


@dataclass(frozen=True)
class Practice:
    """A published copy with numbers in it, and its zip."""

    copy: Path
    zip: Path
    files: dict[str, Yaml]


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    folder = tmp_path_factory.mktemp("superset")
    warehouse, copy = Warehouse(folder / "warehouse.duckdb"), folder / "pacekeeper_bi.duckdb"
    contract = bi_contract(MARTS.values(), CATALOGUE.guardrails.values())
    with warehouse.connect() as connection:
        made = generate_canonical(connection, seed=1, clinicians=8, weeks=14)
        materialise(
            connection,
            as_of=made.as_of,
            policy=load_policy(),
            completeness=made.completeness,
            plans=Path(os.environ["PACEKEEPER_WAREHOUSE__PLANS_DIR"]),
        )
    publish_bi(warehouse.path, copy, contract)
    titles = {name: rail.title for name, rail in load_policy().latest.guardrails.items()}
    bundle = Bundle(contract, duckdb_database(copy), {"guardrail_id": titles, "state": STATE_NAMES, "reason": REASONS})
    write_bundle(bundle, folder / "dashboards.zip")
    return Practice(copy, folder / "dashboards.zip", dict(bundle.files()))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Superset on loopback, with an administrator."""
    folder, programs, port = tmp_path_factory.mktemp("home"), Path(str(VENV)) / "bin", free_port()
    (folder / "superset_config.py").write_text(
        f'SECRET_KEY = "{"0123456789abcdef" * 3}"\nSQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"\n'
    )
    env = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        "SUPERSET_HOME": str(folder),
        "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
    }
    who = ("--username", "admin", "--firstname", "A", "--lastname", "B", "--email", "admin@example.org")
    for command in (
        ("db", "upgrade"),
        ("fab", "create-admin", *who, "--password", PASSWORD.get_secret_value()),
        ("init",),
    ):
        subprocess.run([programs / "superset", *command], env=env, check=True, capture_output=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "superset", "run", "-p", str(port), "--with-threads"], env=env, stdout=log, stderr=log
        )
        try:
            _wait(f"http://127.0.0.1:{port}/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _wait(url: str) -> None:
    for _ in range(120):
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            time.sleep(1)
    raise AssertionError(f"{url} does not answer")


def test_they_come_in_twice_and_charts_show_what_the_copy_has(practice: Practice, address: str) -> None:
    rules = len(practice.files["row_rules.yaml"]["rules"])
    for _ in range(2):
        assert load_bundle(practice.zip, address, user="admin", password=PASSWORD) == Loaded(7, rules, 5)
    asked = 0
    with httpx.Client(base_url=f"{address}/api/v1", timeout=60) as http:
        login = {"username": "admin", "password": PASSWORD.get_secret_value(), "provider": "db"}
        http.headers["Authorization"] = f"Bearer {http.post('/security/login', json=login).json()['access_token']}"
        assert http.get("/dashboard/").json()["count"] == 7
        datasets = {one["uuid"]: one["id"] for one in http.get("/dataset/?q=(page_size:100)").json()["result"]}
        for path, chart in practice.files.items():
            if path.startswith("charts/"):
                dataset = next(one for one in practice.files.values() if one.get("uuid") == chart["dataset_uuid"])
                answer = http.post("/chart/data", json=_query(chart, datasets[chart["dataset_uuid"]]))
                assert answer.is_success, (path, answer.text)
                found = answer.json()["result"][0]["data"]
                assert _comparable(found) == _comparable(_from_copy(practice.copy, chart, dataset)), path
                asked += bool(found)
    assert asked > 60


def test_superset_says_why_it_refuses(practice: Practice, address: str) -> None:
    with pytest.raises(ConfigError, match="logging in: Superset answered 401"):
        load_bundle(practice.zip, address, user="admin", password=SecretStr("wrong"))


def _groups(chart: Yaml) -> list[str]:
    params = chart["params"]
    groups = params["groupby"] if isinstance(params["groupby"], list) else [params["groupby"]]
    return [name for name in (params.get("x_axis"), *groups) if name]


def _figures(chart: Yaml) -> list[Yaml]:
    params = chart["params"]
    return list(params["metrics"]) if "metrics" in params else [params["metric"]]


def _told(chart: Yaml, clause: str) -> str:
    filters = [one for one in chart["params"]["adhoc_filters"] if one["expressionType"] == "SQL"]
    return " AND ".join(f"({one['sqlExpression']})" for one in filters if one["clause"] == clause)


def _query(chart: Yaml, dataset: int) -> Yaml:
    query = {
        "columns": _groups(chart),
        "metrics": _figures(chart),
        "extras": {"where": _told(chart, "WHERE"), "having": _told(chart, "HAVING")},
        "row_limit": 10_000,
    }
    return {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "force": True}


def _from_copy(copy: Path, chart: Yaml, dataset: Yaml) -> list[Yaml]:
    calculated = {column["column_name"]: column.get("expression") for column in dataset["columns"]}
    groups = _groups(chart)
    names = [f'{calculated.get(name) or name} AS "{name}"' for name in groups]
    figures = [f'{figure["sqlExpression"]} AS "{figure["label"]}"' for figure in _figures(chart)]
    where, having = _told(chart, "WHERE"), _told(chart, "HAVING")
    sql = f"SELECT {', '.join(names + figures)} FROM ({dataset['sql']}) AS rows"
    sql += f" WHERE {where}" if where else ""
    sql += f" GROUP BY {', '.join(str(place) for place in range(1, len(groups) + 1))}" if groups else ""
    sql += f" HAVING {having}" if having else ""
    with duckdb.connect(copy, read_only=True) as connection:
        found = connection.execute(sql)
        heads = [column[0] for column in found.description or ()]
        return [dict(zip(heads, row, strict=True)) for row in found.fetchall()]


def _comparable(rows: list[Yaml]) -> list[str]:
    """Numbers to nine digits, rows in order."""

    def plain(value: object) -> object:
        if value is None or isinstance(value, str | bool):
            return value
        if isinstance(value, int | float | Decimal):
            return float(f"{value:.9g}")
        assert isinstance(value, date), value
        # Superset gives days and instants as milliseconds.
        at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        return float(f"{at.timestamp() * 1000:.9g}")

    return sorted(json.dumps({name: plain(value) for name, value in row.items()}, sort_keys=True) for row in rows)
