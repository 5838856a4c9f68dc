"""The rows of the views as SQL over the marts of a session, in words that DuckDB and PostgreSQL both know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pacekeeper.bi.access import OTHER_TOPIC, shipped_access
from pacekeeper.bi.contract import CLIENT_KINDS
from pacekeeper.bi.people import Reader
from pacekeeper.bi.view import BiColumn, BiContract, BiView
from pacekeeper.engine.readers import GUARDRAIL_COLUMN, VERDICTS
from pacekeeper.measures.mart import SQL_TYPES
from pacekeeper.sql_text import sql_literal, sql_name

#: Names of the columns of each table of schema `marts`.
Existing = Mapping[str, Collection[str]]
_VERDICT_COLUMNS = frozenset(
    {GUARDRAIL_COLUMN, "subject_kind", "period", "state", "reason", "is_current", "is_retracted"}
)


def rows_sql(contract: BiContract, view: BiView, existing: Existing, hidden: Collection[str]) -> str:
    """A query for every row of a view that any reader may see. hidden: guardrails that readers do not get.

    A mart or column that is not there gives no rows, or nulls: it comes with the next night.
    """
    if view.source == "practice_measure":
        return _practice_measure(contract, view, existing)
    if view.source == "verdict_count":
        return _verdict_count(contract, view, existing, hidden)
    if view.name not in existing:
        return _nothing(view)
    have = existing[view.name]
    cells = ", ".join(_cell(column, have, contract) for column in view.columns)
    shown = [f"{GUARDRAIL_COLUMN} NOT IN ({_listed(hidden)})"] if hidden and GUARDRAIL_COLUMN in have else []
    shown += [f"subject_kind NOT IN ({_listed(CLIENT_KINDS)})"] if "subject_kind" in have else []
    where = f" WHERE {' AND '.join(shown)}" if shown else ""
    return f"SELECT {cells} FROM marts.{sql_name(view.name)}{where}"


def _cell(column: BiColumn, have: Collection[str], contract: BiContract) -> str:
    name, kind = sql_name(column.name), SQL_TYPES[column.type]
    if column.name in have:
        return f"CAST({name} AS {kind}) AS {name}"
    if column.name == "topic" and GUARDRAIL_COLUMN in have:
        return f"{_topic(contract)} AS topic"
    return f"CAST(NULL AS {kind}) AS {name}"


def _nothing(view: BiView) -> str:
    cells = ", ".join(f"CAST(NULL AS {SQL_TYPES[c.type]}) AS {sql_name(c.name)}" for c in view.columns)
    return f"SELECT {cells} WHERE false"


def _topic(contract: BiContract) -> str:
    by_topic: dict[str, list[str]] = {}
    for guardrail, topic in contract.guardrail_topics.items():
        by_topic.setdefault(topic, []).append(guardrail)
    whens = " ".join(
        f"WHEN {GUARDRAIL_COLUMN} IN ({_listed(names)}) THEN {sql_literal(topic)}" for topic, names in by_topic.items()
    )
    return f"CASE {whens} ELSE {sql_literal(OTHER_TOPIC)} END" if whens else sql_literal(OTHER_TOPIC)


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(sql_literal, sorted(names)))


def _verdict_count(contract: BiContract, view: BiView, existing: Existing, hidden: Collection[str]) -> str:
    if not set(existing.get(VERDICTS, ())) >= _VERDICT_COLUMNS:
        return _nothing(view)
    shown = f" AND {GUARDRAIL_COLUMN} NOT IN ({_listed(hidden)})" if hidden else ""
    least = shipped_access().least_clients
    day = r"^\d{4}-\d{2}-\d{2}$"
    few = f"(subject_kind IN ({_listed(CLIENT_KINDS)}) AND count(*) < {least})"
    return (
        f"SELECT {GUARDRAIL_COLUMN}, {_topic(contract)} AS topic, subject_kind, period, "
        f"CASE WHEN period ~ '{day}' THEN CAST(period AS DATE) END AS period_on, "
        "state, coalesce(reason, '') AS reason, "
        f"CASE WHEN NOT {few} THEN count(*) END AS subjects_n, {few} AS is_suppressed "
        f"FROM marts.{VERDICTS} WHERE is_current AND NOT is_retracted{shown} "
        f"GROUP BY {GUARDRAIL_COLUMN}, subject_kind, period, state, coalesce(reason, '')"
    )


def _practice_measure(contract: BiContract, view: BiView, existing: Existing) -> str:
    parts = [
        _measures(one, set(existing[one.name]))
        for one in contract.views
        if one.source == "mart"
        and one.person == "clinician_key"
        and one.nobody is None
        and one.name in existing
        and one.topic is not None
        and _period(one) is not None
    ]
    return " UNION ALL ".join(part for part in parts if part) or _nothing(view)


def _period(view: BiView) -> str | None:
    """The column of the key that says the period."""
    return next((name for name in view.primary_key if name in {"week_id", "month_id", "quarter_id"}), None)


def _measures(view: BiView, have: Collection[str]) -> str:
    period = _period(view) or ""
    measures = [
        c for c in view.columns if c.type in {"number", "count"} and c.name in have and c.name not in view.primary_key
    ]
    if not measures or not {*view.primary_key} <= set(have):
        return ""
    others = [name for name in view.primary_key if name not in {view.person, period}]
    dimension = " || ' ' || ".join(f"CAST({sql_name(name)} AS VARCHAR)" for name in others) or "''"
    names = ", ".join(sql_literal(c.name) for c in measures)
    values = ", ".join(f"CAST({sql_name(c.name)} AS DOUBLE PRECISION)" for c in measures)
    about = ", ".join(f"({sql_literal(c.name)}, {sql_literal(c.label)}, {sql_literal(c.unit)})" for c in measures)
    enough = f"count(value) >= {shipped_access().least_clinicians}"
    quartiles = ", ".join(
        f"CASE WHEN {enough} THEN percentile_cont({share}) WITHIN GROUP (ORDER BY value) END AS {name}"
        for share, name in ((0.25, "quartile_low"), (0.5, "median"), (0.75, "quartile_high"))
    )
    return (
        f"SELECT {sql_literal(view.name)} AS mart, m.measure, m.label AS measure_label, m.unit, "
        f"{sql_literal(view.topic or OTHER_TOPIC)} AS topic, period, "
        f"{sql_literal(period.removesuffix('_id'))} AS period_kind, dimension, "
        f"count(value) AS clinicians_n, count(*) - count(value) AS unknown_n, "
        f"count(value) > 0 AND NOT ({enough}) AS is_suppressed, "
        f"CASE WHEN {enough} THEN avg(value) END AS mean, "
        f"{quartiles} FROM (SELECT {sql_name(period)} AS period, {dimension} AS dimension, "
        f"unnest(ARRAY[{names}]) AS measure, unnest(ARRAY[{values}]) AS value "
        f"FROM marts.{sql_name(view.name)}) AS cell "
        f"JOIN (VALUES {about}) AS m(measure, label, unit) ON m.measure = cell.measure "
        "GROUP BY m.measure, m.label, m.unit, period, dimension"
    )


def person_labels_sql(people: Iterable[Reader]) -> str:
    """A query for the rows of `person_label`."""
    return values_sql(("clinician_key", "name"), [(one.key, one.name) for one in people if one.key is not None])


def values_sql(names: tuple[str, ...], rows: Collection[tuple[str, ...]]) -> str:
    """A query for rows of text."""
    listed = ", ".join(f"({', '.join(map(sql_literal, row))})" for row in rows)
    nulls = f"({', '.join(['NULL'] * len(names))})"
    cells = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in names)
    return f"SELECT {cells} FROM (VALUES {listed or nulls}) AS v({', '.join(names)})" + ("" if rows else " WHERE false")
