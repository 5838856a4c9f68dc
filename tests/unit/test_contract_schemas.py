"""The contract's schemas are one thing: DDL, Arrow, Ibis, Pandera and dictionary agree for every entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import duckdb
import ibis
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa

from pacekeeper.contract import ENTITIES, Entity
from pacekeeper.contract.dictionary import dictionary_markdown
from pacekeeper.contract.instruments import instruments
from pacekeeper.contract.reason import sentence
from pacekeeper.contract.schema import (
    ContractColumn,
    arrow_schema,
    columns,
    ddl,
    ibis_schema,
    primary_key,
    quarantine_ddl,
)
from pacekeeper.contract.validation import failing_rows, pandera_schema
from pacekeeper.contract.vocabulary import InstrumentCode

ROOT = Path(__file__).resolve().parents[2]
KEY = "0123456789abcdef0123456789abcdef"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
#: The day before the one that good rows have.
SUNDAY = date(2026, 1, 4)

every_entity = pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES.keys())


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA canonical; CREATE SCHEMA quarantine")
        for entity in ENTITIES.values():
            connection.execute(ddl(entity))
            connection.execute(quarantine_ddl(entity))
        yield connection


def good_value(column: ContractColumn) -> object:
    if column.vocabulary is not None:
        return column.vocabulary[0]
    if column.is_zone:
        return "America/New_York"
    if column.is_key:
        return KEY
    plain: dict[pa.DataType, object] = {
        pa.string(): "code",
        pa.int64(): 1,
        pa.float64(): 1.0,
        pa.bool_(): True,
        pa.date32(): date(2026, 1, 5),
        pa.timestamp("us", "UTC"): NOON,
    }
    return plain[column.type]


def good_row(entity: type[Entity], /, **changes: object) -> dict[str, object]:
    row = {column.name: good_value(column) for column in columns(entity)}
    later = datetime(2026, 1, 5, 13, tzinfo=UTC)
    row |= {name: later for name in ("end_at", "ended_at") if name in row}
    row |= {"end_minute": 600} if "end_minute" in row else {}
    row |= {"instrument": "phq9"} if "total" in row else {}
    row |= {name: date(2026, 2, 5) for name in ("after_from", "after_to") if name in row}
    return row | changes


def frame(entity: type[Entity], *rows: dict[str, object], doubles: tuple[str, ...] = ()) -> pl.DataFrame:
    schema = arrow_schema(entity)
    for name in doubles:
        schema = schema.set(schema.get_field_index(name), pa.field(name, pa.float64()))
    return cast("pl.DataFrame", pl.from_arrow(pa.Table.from_pylist(list(rows), schema=schema)))


def faults(
    entity: type[Entity], changes: Mapping[str, object] = MappingProxyType({}), *, fractional: tuple[str, ...] = ()
) -> set[tuple[str, str]]:
    """(column, reason) for a good row with these changes."""
    schema = pandera_schema(entity, fractional=fractional)
    rows = frame(entity, good_row(entity, **changes), doubles=fractional)
    return {(column, reason) for _, column, reason in failing_rows(schema, rows, rules=entity.rules)}


@every_entity
def test_all_schemas_have_the_same_columns_in_the_same_order(
    entity: type[Entity], database: duckdb.DuckDBPyConnection
) -> None:
    names = [column.name for column in columns(entity)]
    table = database.execute(f"SELECT * FROM canonical.{entity.__tablename__}").to_arrow_table()
    assert names == arrow_schema(entity).names == list(ibis_schema(entity).names) == table.schema.names
    assert names == list(pandera_schema(entity).columns)
    assert names == [column.name for column in cast("sa.Table", cast("Any", entity).__table__).columns]
    assert names[0] == "source"


@every_entity
def test_all_schemas_have_the_same_types(entity: type[Entity], database: duckdb.DuckDBPyConnection) -> None:
    wanted = arrow_schema(entity)
    table = database.execute(f"SELECT * FROM canonical.{entity.__tablename__}").to_arrow_table()
    assert [field.type for field in table.schema] == [field.type for field in wanted]
    assert ibis_schema(entity).to_pyarrow() == wanted
    polars_types = cast("pl.DataFrame", pl.from_arrow(wanted.empty_table())).schema
    found = {name: column.dtype.type for name, column in pandera_schema(entity).columns.items()}
    assert found == dict(polars_types)


@every_entity
def test_all_schemas_have_the_same_nullability(entity: type[Entity], database: duckdb.DuckDBPyConnection) -> None:
    wanted = {column.name: column.nullable for column in columns(entity)}
    described = database.execute(f"DESCRIBE canonical.{entity.__tablename__}").fetchall()
    assert {row[0]: row[2] == "YES" for row in described} == wanted
    assert {name: column.nullable for name, column in pandera_schema(entity).columns.items()} == wanted
    assert {field.name: field.nullable for field in arrow_schema(entity)} == wanted
    assert {name: kind.nullable for name, kind in ibis_schema(entity).items()} == wanted


@every_entity
def test_tables_and_columns_carry_their_descriptions(entity: type[Entity], database: duckdb.DuckDBPyConnection) -> None:
    found = database.execute(
        "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'canonical' AND table_name = ?",
        [entity.__tablename__],
    ).fetchall()
    assert dict(found) == {column.name: column.description for column in columns(entity)}
    assert all(column.description.endswith(".") for column in columns(entity))
    assert all(("Null: " in column.description) == column.nullable for column in columns(entity))


@every_entity
def test_a_row_as_described_passes(entity: type[Entity]) -> None:
    assert faults(entity) == set()
    nothing = {column.name: None for column in columns(entity) if column.nullable}
    assert faults(entity, nothing) == set()


@every_entity
def test_required_columns_vocabularies_keys_and_zones_become_checks(entity: type[Entity]) -> None:
    for column in columns(entity):
        if not column.nullable:
            assert (column.name, "missing_required") in faults(entity, {column.name: None})
        if column.vocabulary is not None:
            assert (column.name, "not_in_vocabulary") in faults(entity, {column.name: "Unheard of"})
        if column.is_key:
            assert (column.name, "not_a_key") in faults(entity, {column.name: "MRN-4711"})
        if column.is_zone:
            assert (column.name, "unknown_zone") in faults(entity, {column.name: "Mars/Olympus"})


@every_entity
def test_bounds_of_the_row_model_become_checks(entity: type[Entity]) -> None:
    for column in columns(entity):
        reason = (column.name, f"{column.reason_name}_out_of_range")
        make = int if column.type == pa.int64() else float
        for bound, outside in ((column.ge, -1), (column.gt, 0), (column.le, 1)):
            if bound is not None:
                assert reason in faults(entity, {column.name: make(bound + outside)})


def test_some_columns_have_bounds() -> None:
    bounded = {
        f"{name}.{column.name}"
        for name, entity in ENTITIES.items()
        for column in columns(entity)
        if (column.ge, column.gt, column.le) != (None, None, None)
    }
    assert {"employment.fte", "case_assignment.share", "availability_template.weekday"} <= bounded


def test_every_mapped_enumeration_knows_unknown_and_has_its_source_code_beside_it() -> None:
    for entity in ENTITIES.values():
        by_name = {column.name: column for column in columns(entity)}
        for name in by_name:
            if name.endswith("_source_code"):
                mapped = by_name[name.removesuffix("_source_code")]
                assert "unknown" in (mapped.vocabulary or ())
                assert by_name[name].nullable


@pytest.mark.parametrize(
    ("entity", "change", "fault"),
    [
        ("session", {"ended_at": NOON}, ("ended_at", "session_duration")),
        ("session", {"ended_at": datetime(2026, 1, 5, 11, tzinfo=UTC)}, ("ended_at", "session_duration")),
        ("session", {"ended_at": datetime(2026, 1, 5, 20, 1, tzinfo=UTC)}, ("ended_at", "session_duration")),
        ("schedule_block", {"end_at": NOON}, ("end_at", "block_length")),
        ("availability_template", {"start_minute": 600}, ("end_minute", "template_length")),
        ("employment", {"fte": 0.0}, ("fte", "fte_out_of_range")),
        ("employment", {"fte": 1.3}, ("fte", "fte_out_of_range")),
        ("measure_response", {"total": 28}, ("total", "total_out_of_range")),
        ("measure_response", {"total": -1}, ("total", "total_out_of_range")),
        ("measure_response", {"instrument": "gad7", "total": 22}, ("total", "total_out_of_range")),
        ("measure_response", {"instrument": "epds", "total": 31}, ("total", "total_out_of_range")),
        ("measure_response", {"source_total": 90}, ("source_total", "source_total_out_of_range")),
        ("measure_item", {"value": 14}, ("value", "item_out_of_range")),
        ("supervision_link", {"valid_to": SUNDAY}, ("valid_to", "supervision_order")),
        ("practice_closure", {"to_date": SUNDAY}, ("to_date", "closure_order")),
        ("practice_closure", {"end_at": NOON}, ("end_at", "closure_length")),
        ("case_weight", {"weight": 4}, ("weight", "weight_out_of_range")),
        ("case_weight", {"weight": 0}, ("weight", "weight_out_of_range")),
        ("comp_plan", {"effective_to": SUNDAY}, ("effective_to", "comp_plan_order")),
        ("comp_plan_tier", {"from_sessions": 21, "to_sessions": 20}, ("to_sessions", "tier_order")),
        ("pay_period", {"period_end": SUNDAY}, ("period_end", "pay_period_order")),
        ("payer_contract", {"effective_to": SUNDAY}, ("effective_to", "payer_contract_order")),
        ("cost_rate", {"effective_to": SUNDAY}, ("effective_to", "cost_rate_order")),
        ("experiment", {"before_to": SUNDAY}, ("before_to", "experiment_before")),
        ("experiment", {"after_to": date(2026, 2, 4)}, ("after_to", "experiment_after")),
        ("experiment", {"before_to": date(2026, 2, 5)}, ("after_from", "experiment_windows")),
    ],
)
def test_rule_is_seen_red(entity: str, change: dict[str, object], fault: tuple[str, str]) -> None:
    assert faults(ENTITIES[entity], change) == {fault}


@pytest.mark.parametrize(
    ("entity", "change"),
    [
        ("session", {"ended_at": datetime(2026, 1, 5, 20, tzinfo=UTC)}),
        ("employment", {"fte": 1.2}),
        ("measure_response", {"total": 27, "source_total": 0}),
        ("measure_response", {"instrument": "epds", "total": 30}),
        ("measure_item", {"value": 3}),
        ("measure_item", {"value": 0}),
        ("case_weight", {"weight": 3}),
        ("practice_closure", {"start_at": None, "end_at": None}),
        ("comp_plan_tier", {"from_sessions": 26, "to_sessions": None}),
        ("experiment", {"before_to": date(2026, 2, 4)}),
    ],
    ids=[
        "480 minutes",
        "fte 1.2",
        "27 and 0",
        "EPDS 30",
        "item 3",
        "item 0",
        "weight 3",
        "whole days",
        "top tier",
        "windows that touch",
    ],
)
def test_rule_allows_its_limit(entity: str, change: dict[str, object]) -> None:
    assert faults(ENTITIES[entity], change) == set()


@pytest.mark.parametrize(
    ("entity", "column", "value", "reason"),
    [
        ("measure_response", "total", 18.42, "total_not_whole"),
        ("measure_response", "total", float("nan"), "total_not_whole"),
        ("measure_response", "source_total", 18.42, "source_total_not_whole"),
        ("measure_item", "value", 1.5, "item_not_whole"),
        ("availability_template", "weekday", float("inf"), "weekday_not_whole"),
    ],
)
def test_a_fraction_is_no_whole_number(entity: str, column: str, value: float, reason: str) -> None:
    assert (column, reason) in faults(ENTITIES[entity], {column: value}, fractional=(column,))
    assert faults(ENTITIES[entity], {column: 1.0}, fractional=(column,)) == set()


def test_rules_say_the_same_on_polars_and_on_ibis() -> None:
    checked = 0
    for entity in ENTITIES.values():
        rows = [good_row(entity), good_row(entity, value=14, total=28, source_total=-1, start_minute=700)]
        rows += [good_row(entity, end_at=NOON, ended_at=NOON, value=None, total=None, source_total=None)]
        ends = ("valid_to", "to_date", "effective_to", "period_end", "before_to", "after_from")
        early = {**dict.fromkeys(ends, SUNDAY), "after_to": date(2026, 1, 3)}
        rows.append(good_row(entity, from_sessions=21, to_sessions=20, **early))
        kept = [{name: row[name] for name in arrow_schema(entity).names} for row in rows]
        table = pa.Table.from_pylist(kept, schema=arrow_schema(entity))
        for rule in entity.rules:
            memory = ibis.memtable(table)
            in_engine = ibis.duckdb.connect().to_pyarrow(
                memory.select(x=rule.passes(memory.__getitem__).fill_null(True))
            )
            in_memory = cast("pl.DataFrame", pl.from_arrow(table)).select(rule.passes(pl.col).fill_null(value=True))
            assert in_engine["x"].to_pylist() == in_memory.to_series().to_list()
            assert not all(in_memory.to_series()), f"{rule.code} is not seen red here"
            checked += 1
    assert checked == 17


def test_every_reason_has_a_sentence_of_its_own() -> None:
    reasons = {rule.code for entity in ENTITIES.values() for rule in entity.rules}
    reasons |= {"missing_required", "not_in_vocabulary", "not_a_key", "unknown_zone", "duplicate_key", "duplicate_row"}
    reasons |= {"total_not_whole", "item_not_whole", "fte_out_of_range"}
    for reason in reasons:
        assert reason not in sentence(reason)
        assert sentence(reason).endswith(".")


def test_primary_keys_are_required_columns() -> None:
    for entity in ENTITIES.values():
        assert primary_key(entity)
        assert all(not column.nullable for column in columns(entity) if column.primary_key)


def test_every_instrument_of_the_vocabulary_is_described() -> None:
    assert set(instruments()) == {code.value for code in InstrumentCode}
    phq9 = instruments()["phq9"]
    assert phq9.total_max == phq9.items * phq9.item_max == 27
    assert list(phq9.cut_offs.values()) == [5, 10, 15, 20]


def test_dictionary_page_is_up_to_date() -> None:
    page = ROOT / "docs" / "reference" / "canonical-dictionary.md"
    assert page.read_text(encoding="utf-8") == dictionary_markdown(), (
        "stale: run python -m pacekeeper.contract.dictionary docs/reference/canonical-dictionary.md"
    )
