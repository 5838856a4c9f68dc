"""The house dialect: expressions that mean the same on every engine."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import ibis
import pytest

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import ibis_schema
from pacekeeper.measures.completeness import COMPLETENESS_TABLE
from pacekeeper.measures.doubt import DOUBT_TABLES
from pacekeeper.measures.mart import IBIS_TYPES
from pacekeeper.measures.tables import CanonicalTables, nullable
from pacekeeper.policy import Policy, load_policy
from pacekeeper_assets import MARTS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    file
    for folder in (
        "assets/pacekeeper_assets",
        "connectors/pacekeeper_connectors",
        "src/pacekeeper/measures",
        "src/pacekeeper/fhir",
        "src/pacekeeper/hl7v2",
    )
    for file in (ROOT / folder).rglob("*.py")
)
BANNED = {
    "elapsed time by delta": re.compile(r"\.delta\("),
    "asof join": re.compile(r"\basof_join\b"),
    "ISO year": re.compile(r"\biso_year\b"),
    "cast to a zone": re.compile(r"""\.cast\(\s*(?:dt\.)?["']?timestamp\s*\(""", re.IGNORECASE),
    "session clock": re.compile(r"\bibis\.(?:now|today)\("),
    "pivot": re.compile(r"\bpivot_wider\("),
}
AS_OF = datetime(2026, 2, 2, 5, tzinfo=UTC)


def uses(text: str) -> set[str]:
    return {name for name, pattern in BANNED.items() if pattern.search(text)}


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_source_keeps_to_the_dialect(file: Path) -> None:
    assert uses(file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.end.delta(a.start, unit='day')", "elapsed time by delta"),
        ("left.asof_join(right)", "asof join"),
        ("day.iso_year()", "ISO year"),
        ("at.cast('timestamp(\"America/New_York\")')", "cast to a zone"),
        ("ibis.now()", "session clock"),
    ],
)
def test_planted_breach_of_the_dialect_is_seen(text: str, name: str) -> None:
    assert name in uses(text)


def expressions(policy: Policy) -> dict[str, ibis.Table]:
    """Every step and mart over tables bound to no engine."""
    tables = CanonicalTables(
        {name: ibis.table(nullable(ibis_schema(entity)), name=name) for name, entity in ENTITIES.items()}
    )
    completeness = {
        "source": "string",
        "entity": "string",
        "complete_through": "timestamp('UTC')",
        "ever_read": "boolean",
    }
    tables = tables.with_table(COMPLETENESS_TABLE, ibis.table(completeness, name=COMPLETENESS_TABLE))
    for table in DOUBT_TABLES:
        tables = tables.with_table(table.name, ibis.table(table.schema, name=table.name))
    found: dict[str, ibis.Table] = {}
    for mart in MARTS.values():
        for step in mart.steps:
            found[step.name] = step.build(tables, policy, AS_OF)
            tables = tables.with_table(step.name, ibis.table(nullable(found[step.name].schema()), name=step.name))
        found[mart.name] = mart.build(tables, policy, AS_OF)
        schema = {column.name: IBIS_TYPES[column.type] for column in mart.columns}
        tables = tables.with_table(mart.name, ibis.table(schema, name=mart.name))
    return found


@pytest.fixture(scope="module")
def built() -> dict[str, ibis.Table]:
    return expressions(load_policy())


def test_no_expression_casts_a_flag_to_a_number_or_a_time_to_a_zone(built: dict[str, ibis.Table]) -> None:
    import ibis.expr.operations as ops

    for name, table in built.items():
        for cast in table.op().find(ops.Cast):
            assert not (cast.arg.dtype.is_boolean() and cast.to.is_numeric()), name
            assert not (cast.to.is_timestamp() and cast.to.timezone and not cast.arg.dtype.is_null()), name


def test_every_expression_compiles_for_postgres_as_well(built: dict[str, ibis.Table]) -> None:
    for name, table in built.items():
        sql = str(ibis.to_sql(table, dialect="postgres"))
        assert sql.lstrip().startswith(("SELECT", "WITH")), name


def test_every_mart_yields_its_declared_columns_in_their_types(built: dict[str, ibis.Table]) -> None:
    for mart in MARTS.values():
        schema = built[mart.name].schema()
        for column in mart.columns:
            if column.name in {"version", "is_current", "is_retracted"}:
                continue
            declared = ibis.dtype(IBIS_TYPES[column.type])
            found = schema[column.name]
            assert found.is_numeric() == declared.is_numeric(), (mart.name, column.name)
            if not declared.is_numeric():
                assert type(found) is type(declared), (mart.name, column.name)
