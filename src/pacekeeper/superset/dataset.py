"""Views of the contract as Superset's virtual datasets: the same SQL on both engines, without rows of persons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pacekeeper.bi import BI_SCHEMA, BiColumn, BiView
from pacekeeper.sql_text import sql_literal, sql_name
from pacekeeper.superset.chart import DOLLARS, ONE_DECIMAL, PER_CENT, WHOLE
from pacekeeper.superset.ids import DATABASE, VERSION, stable_id

#: View with a row per night, of which dashboards show the last.
LATEST_ONLY = "publication"
Yaml = dict[str, Any]  # Any: what YAML knows
_TYPES = {
    "text": "VARCHAR",
    "date": "DATE",
    "instant": "TIMESTAMP",
    "number": "DOUBLE PRECISION",
    "count": "BIGINT",
    "flag": "BOOLEAN",
}


def dataset_sql(view: BiView) -> str:
    """Columns by name; of a view that has rows about persons too, those about nobody in particular; the last night."""
    columns = ", ".join(sql_name(column.name) for column in view.columns)
    where = "" if view.person is None else f" WHERE {view.aggregate_condition}"
    if view.name == LATEST_ONLY:
        # Superset lets no subquery into a chart.
        where = f" WHERE as_of = (SELECT MAX(as_of) FROM {BI_SCHEMA}.{sql_name(view.name)})"
    return f"SELECT {columns} FROM {BI_SCHEMA}.{sql_name(view.name)}{where}"


def dataset_yaml(view: BiView, *, words: Mapping[str, Mapping[str, str]]) -> Yaml:
    """words: by column its codes in words; it is beside the column, as `<column>_name` (of a guardrail `guardrail`)."""
    dates = [column.name for column in view.columns if column.type in {"date", "instant"}]
    columns = [_column(column) for column in view.columns]
    columns += [_words(name, told) for name, told in words.items() if any(c.name == name for c in view.columns)]
    if view.name == "verdict_count":
        columns.append(_calculated("month", "SUBSTRING(CAST(period_on AS VARCHAR), 1, 7)", "Month of period_on."))
    return {
        "table_name": view.name,
        "main_dttm_col": dates[0] if dates else None,
        "description": f"{view.description} Grain: {view.grain}.",
        "schema": None,
        "sql": dataset_sql(view),
        "filter_select_enabled": True,
        "uuid": stable_id("dataset", view.name),
        "columns": columns,
        "metrics": [*(one for column in view.columns for one in _metrics(column)), _rows_metric(view)],
        "version": VERSION,
        "database_uuid": stable_id("database", DATABASE),
    }


def _column(column: BiColumn) -> Yaml:
    is_measure = column.type in {"number", "count"}
    return {
        "column_name": column.name,
        "verbose_name": column.label,
        "description": column.comment,
        "is_dttm": column.type in {"date", "instant"},
        "is_active": True,
        "type": _TYPES[column.type],
        "groupby": not is_measure,
        "filterable": True,
    }


def _calculated(name: str, expression: str, description: str) -> Yaml:
    return {
        "column_name": name,
        "verbose_name": name.replace("_", " ").capitalize(),
        "description": description,
        "is_dttm": False,
        "is_active": True,
        "type": "VARCHAR",
        "groupby": True,
        "filterable": True,
        "expression": expression,
    }


def _words(name: str, told: Mapping[str, str]) -> Yaml:
    whens = " ".join(f"WHEN {sql_literal(code)} THEN {sql_literal(text)}" for code, text in told.items())
    label = name.removesuffix("_id") if name.endswith("_id") else f"{name}_name"
    return _calculated(label, f"CASE {name} {whens} ELSE {name} END", f"{name} in words.")


def _metrics(column: BiColumn) -> list[Yaml]:
    """A value, and in how many rows it is not known: nobody should show the one without the other."""
    if column.type not in {"number", "count"}:
        return []
    name, is_cents = column.name, column.unit == "cents"
    is_sum = is_cents or column.type == "count"
    value = f"{'SUM' if is_sum else 'AVG'}({sql_name(name)})" + (" / 100.0" if is_cents else "")
    told = "Sum" if is_sum else "Mean of rows, each counting once: ask by all of the grain for the value itself"
    form = DOLLARS if is_cents else PER_CENT if column.unit == "ratio" else WHOLE if is_sum else ONE_DECIMAL
    label = column.label.replace("(cents)", "(dollars)") if is_cents else column.label
    return [
        _metric(name, value, label, f"{told}. {column.comment}", form),
        _metric(
            f"{name}_unknown",
            f"SUM(CASE WHEN {sql_name(name)} IS NULL THEN 1 ELSE 0 END)",
            f"{label}: not known",
            f"Rows in which {name} is not known. That is not zero.",
            WHOLE,
        ),
    ]


def _rows_metric(view: BiView) -> Yaml:
    return _metric("rows_of_view", "COUNT(*)", "Rows", f"Rows of the view: {view.grain}.", WHOLE)


def _metric(name: str, expression: str, label: str, description: str, form: str) -> Yaml:
    return {
        "metric_name": name,
        "verbose_name": label,
        "expression": expression,
        "description": description,
        "d3format": form,
    }
