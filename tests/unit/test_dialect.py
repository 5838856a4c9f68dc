"""The house dialect: expressions that mean the same on every engine."""

from __future__ import annotations

import re
from pathlib import Path

import ibis
import pytest
from tests.marts import every_guardrail

from pacekeeper.measures.mart import IBIS_TYPES
from pacekeeper.measures.plan import carried, expressions
from pacekeeper.policy import Policy
from pacekeeper_assets import CATALOGUE, MARTS

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
    "engine's own rounding to whole numbers": re.compile(r"\.round\(\)"),
}


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
        ("(minutes * 60).round()", "engine's own rounding to whole numbers"),
    ],
)
def test_planted_breach_of_the_dialect_is_seen(text: str, name: str) -> None:
    assert name in uses(text)


def found(policy: Policy) -> dict[str, ibis.Table]:
    """Rows of every step, mart and guardrail, by name."""
    return {name: rows for _, tables in expressions(CATALOGUE, policy) for name, rows in tables.items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ibis.Table]:
    return found(every_guardrail(tmp_path_factory.mktemp("policy")))


def test_no_expression_casts_a_flag_to_a_number_or_a_time_to_a_zone(built: dict[str, ibis.Table]) -> None:
    import ibis.expr.operations as ops

    for name, table in built.items():
        for cast in table.op().find(ops.Cast):
            assert not (cast.arg.dtype.is_boolean() and cast.to.is_numeric()), name
            assert not (cast.to.is_timestamp() and cast.to.timezone and not cast.arg.dtype.is_null()), name


def test_no_expression_adds_fractions_in_the_order_of_rows(built: dict[str, ibis.Table]) -> None:
    import ibis.expr.operations as ops

    for name, table in built.items():
        for added in table.op().find((ops.Sum, ops.Mean)):
            assert not added.arg.dtype.is_floating(), name


def test_every_expression_compiles_for_postgres_as_well(built: dict[str, ibis.Table]) -> None:
    for name, table in built.items():
        sql = str(ibis.to_sql(table, dialect="postgres"))
        assert sql.lstrip().startswith(("SELECT", "WITH")), name


def test_every_mart_yields_its_declared_columns_in_their_types(built: dict[str, ibis.Table]) -> None:
    rows = {
        name: (built[name], carried(mart) if mart.versioned else mart.columns)
        for name, mart in MARTS.items()
        if not mart.refine
    }
    for name, (table, columns) in rows.items():
        schema = table.schema()
        for column in columns:
            declared = ibis.dtype(IBIS_TYPES[column.type])
            assert schema[column.name].is_numeric() == declared.is_numeric(), (name, column.name)
            if not declared.is_numeric():
                assert type(schema[column.name]) is type(declared), (name, column.name)
