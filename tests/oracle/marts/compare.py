"""Marts of a warehouse held against the oracle's: what both are computed from, and where they differ."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from importlib import resources
from math import isclose
from typing import Any

import duckdb

from pacekeeper.measures import SourceCompleteness
from pacekeeper_assets import MARTS
from tests.oracle.intervals import tick
from tests.oracle.marts.practice import Practice, Row

VERDICT_COLUMNS = {
    "state",
    "reason",
    "value",
    "threshold_warn",
    "threshold_breach",
    "scaled_by",
    "numerator",
    "denominator",
}


def practice_in(raw: duckdb.DuckDBPyConnection, *, as_of: datetime) -> Practice:
    """The practice of a warehouse whose marts were built at `as_of` under the shipped policy."""
    raw.execute("SET TimeZone = 'UTC'")
    tables: dict[str, dict[str, list[Row]]] = defaultdict(dict)
    for schema, name in raw.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('canonical', 'marts', "
        "'restricted') OR table_name = 'source_gap'"
    ).fetchall():
        found = raw.execute(f'SELECT * FROM "{schema}"."{name}"')
        columns = [column[0] for column in found.description or ()]
        tables[schema][name] = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    canonical, gaps = tables.pop("canonical"), tables.pop("quarantine")["source_gap"]
    completeness = [SourceCompleteness(**row) for row in tables["marts"]["source_completeness"]]
    built = {name: rows for schema in tables.values() for name, rows in schema.items() if name in MARTS}
    profile = resources.files("pacekeeper.policy").joinpath("profiles/default.toml").read_text(encoding="utf-8")
    return Practice(canonical, completeness, tomllib.loads(profile), as_of, built, gaps)


def rows_of(practice: Practice, mart: str) -> dict[tuple[Any, ...], Row]:
    """The rows of a mart by primary key."""
    return {tuple(row[name] for name in MARTS[mart].primary_key): row for row in practice.marts[mart]}


def verdicts_of(practice: Practice, guardrail: str) -> dict[tuple[Any, ...], Row]:
    """The current verdicts of a guardrail by subject and period."""
    return {
        (row["subject_key"], row["period"]): row
        for row in practice.marts["guardrail_result"]
        if row["guardrail_id"] == guardrail and row["is_current"] and not row["is_retracted"]
    }


def differences(mine: Mapping[Any, Row], theirs: Mapping[Any, Row], columns: set[str]) -> dict[str, str]:
    """An example by column that differs, of the rows that both have."""
    found: dict[str, str] = {}
    for key in sorted(mine.keys() & theirs.keys(), key=str):
        for column in columns - set(found):
            if not _is_same(mine[key][column], theirs[key][column]):
                found[column] = f"{key}: oracle {_plain(mine[key][column])}, mart {theirs[key][column]}"
    return found


def _is_same(mine: Any, theirs: Any) -> bool:
    """Null equals null only; numbers to nine digits, everything else exactly."""
    if mine is None or theirs is None:
        return mine is None and theirs is None
    mine, theirs = (tick(value) if isinstance(value, datetime) else value for value in (mine, theirs))
    if isinstance(mine, float | Fraction) or isinstance(theirs, float):
        return isclose(float(mine), float(theirs), rel_tol=1e-9, abs_tol=1e-9)
    return bool(mine == theirs)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Fraction) else value
