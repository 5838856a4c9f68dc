"""What is behind a number of a mart: formula, inputs, policy in force, verdicts, and the rows it rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pacekeeper.errors import ConfigError
from pacekeeper_app.evidence import ANONYMOUS, WHY_ANONYMOUS, Evidence, evidence, subject_of
from pacekeeper_app.mart_row import VERDICTS, MartRow, named_column, named_mart, period_of, row_by_key, rows_like
from pacekeeper_app.subject_rows import Period
from pacekeeper_app.traceability import Proofs, rules
from pacekeeper_assets import CATALOGUE, MARTS, MEASURE_NEEDS, NEEDS

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.home import PracticeHome
    from pacekeeper.measures.guardrail import Guardrail
    from pacekeeper.measures.mart import MartColumn
    from pacekeeper.measures.needs import Input, Needs
    from pacekeeper.ops import Run
    from pacekeeper.policy import GuardrailPolicy, Policy

#: What an explanation is made of, as JSON has it.
Document = dict[str, Any]  # Any: JSON

NOT_EVIDENCE = "practice policy, not evidence"
_VERDICT = (
    "guardrail_id", "subject_key", "period", "version", "state", "reason", "value", "unit", "threshold_warn",
    "threshold_breach", "scaled_by", "layer", "policy_version",
)  # fmt: skip
_NULL_MEANS = re.compile(r"\bNull:? (.*)", re.DOTALL)
_PRACTICE = "practice"


@dataclass(frozen=True)
class _Reading:
    """What an explanation is read from. run: the last one that published; limit: rows listed of an entity."""

    connection: Connection
    policy: Policy
    home_tz: str
    run: Run
    limit: int


def explain(home: PracticeHome, mart: str, key: str, column: str, *, limit: int) -> Document:
    """Everything behind one number. Of a verdict, `compared` explains the number that was compared.

    Reads the published copy only. Raises ConfigError where there is no such mart, column or row.
    """
    wanted = named_mart(mart)
    of = named_column(wanted, column)
    with home.published.connect(read_only=True) as connection:
        reading = _Reading(connection, home.policy(), home.settings.practice.home_tz, _last_run(home), limit)
        row = row_by_key(connection, wanted, key)
        return _verdict(reading, row, of) if wanted.name == VERDICTS else _number(reading, row, of)


def _last_run(home: PracticeHome) -> Run:
    from pacekeeper.ops import Run

    runs = home.ops.rows(Run, state="success")
    if not runs:
        raise ConfigError("no run has ended well yet: run `pacekeeper run` first")
    return max(runs, key=lambda run: run.started_at)


def _number(reading: _Reading, row: MartRow, of: MartColumn) -> Document:
    period = period_of(reading.connection, row, reading.home_tz)
    needs = MEASURE_NEEDS.get(f"{row.mart.name}.{of.name}")
    rails = _judging(row, of)
    return {
        **_told(reading, row, of),
        "needs": _inputs(reading, needs),
        "policy": _policy(reading, rails, row),
        "verdicts": [found for rail in rails for found in _verdicts(reading, rail, row)],
        "behind": None if needs is None else _behind(reading, row, needs, period, rails),
    }


def _verdict(reading: _Reading, row: MartRow, of: MartColumn) -> Document:
    rail = CATALOGUE.guardrails.get(str(row.values["guardrail_id"]))
    known = reading.policy.guardrail_ids
    document = {
        **_told(reading, row, of),
        "rules": [] if rail is None or rail.id not in known else _rules(_in_force(reading, rail, row).rules),
        "needs": [] if rail is None else _inputs(reading, NEEDS[rail.id]),
        "policy": None if rail is None else _policy(reading, [rail], row),
        "verdicts": [{name: row.values[name] for name in _VERDICT}],
        "behind": None,
    }
    if rail is None:
        return {**document, "compared": {"note": "the guardrail is no longer in the catalogue"}}
    return {**document, "compared": _compared(reading, rail, row)}


def _compared(reading: _Reading, rail: Guardrail, verdict: MartRow) -> Document:
    """The number of its mart that a verdict compared, explained; or a note that says why it is not."""
    mart = MARTS[rail.mart]
    if not {rail.column, *rail.key} <= {column.name for column in mart.columns}:
        return {"note": f"the guardrail makes what it compares from {mart.name}; docs/reference/guardrails.md says how"}
    wanted = (verdict.values["subject_key"], date.fromisoformat(verdict.values["period"]))
    found = rows_like(reading.connection, mart, dict(zip(rail.key, wanted[-len(rail.key) :], strict=True)))
    if len(found) == 1:
        return _number(reading, found[0], named_column(mart, rail.column))
    keys = ", ".join("/".join(map(str, row.key.values())) for row in found[: reading.limit])
    return {"note": f"{mart.name} has {len(found)} rows of this subject and period; explain one of them: {keys}"}


def _told(reading: _Reading, row: MartRow, of: MartColumn) -> Document:
    value, columns = row.values[of.name], {column.name: column for column in row.mart.columns}
    null = _NULL_MEANS.search(of.description)
    means = "not known" if null is None else null.group(1)
    return {
        "mart": row.mart.name,
        "key": row.key,
        "column": of.name,
        "value": value,
        "unit": of.unit,
        "null_means": means if value is None else None,
        "formula": of.description,
        "rules": _rules(of.rules),
        "grain": row.mart.grain,
        "beside": {
            name: {"value": row.values[name], "unit": columns[name].unit}
            for name in _words(of.description)
            if name in columns and name != of.name
        },
        "as_of": row.values.get("as_of") or reading.run.as_of,
        "run_id": reading.run.run_id,
    }


def _rules(ids: Sequence[str]) -> list[Document]:
    """Statements of the practice articles, by id."""
    known = {rule.id: rule for rule in rules(Proofs())}
    return [{"id": one, "title": known[one].title, "article": known[one].source} for one in ids if one in known]


def _words(text: str) -> Sequence[str]:
    return tuple(dict.fromkeys(re.findall(r"[a-z][a-z0-9_]*", text)))


def _judging(row: MartRow, of: MartColumn) -> list[Guardrail]:
    """The guardrails that compare a column, or one whose formula names it."""
    formulas = {column.name: _words(column.description) for column in row.mart.columns}
    rails = [rail for rail in CATALOGUE.guardrails.values() if rail.mart == row.mart.name]
    return [rail for rail in rails if rail.column == of.name or of.name in formulas.get(rail.column, ())]


def _inputs(reading: _Reading, needs: Needs | None) -> list[Document]:
    """Every input, which sources map its entity, and up to when each of them is complete."""
    if needs is None:
        return []
    sources: dict[str, list[Document]] = {}
    for source, entity, until in reading.connection.raw.execute(
        "SELECT source, entity, complete_through FROM marts.source_completeness ORDER BY ALL"
    ).fetchall():
        sources.setdefault(entity, []).append({"source": source, "complete_through": until})

    def told(one: Input, role: str) -> Document:
        return {"role": role, "input": one.text, "sources": sources.get(one.entity, []), "without": one.without}

    found = [told(one, "who it is about") for one in needs.subjects]
    for group in needs.required:
        found += [told(one, "needed" if len(group) == 1 else "one of these") for one in group]
    return found + [told(one, "supports") for one in needs.supporting]


def _policy(reading: _Reading, rails: Sequence[Guardrail], row: MartRow) -> Document | None:
    """What the policy says of the guardrails in the row's period, for the practice and in each layer."""
    rails = [rail for rail in rails if rail.id in reading.policy.guardrail_ids]
    if not rails:
        return None
    day = _policy_day(reading, rails[0], row)
    values = []
    for stated in (_in_force(reading, rail, row) for rail in rails):
        about = {"guardrail_id": stated.id, "title": stated.title, "enabled": stated.enabled}
        for key, entry in (*stated.thresholds.values.items(), *stated.settings.values.items()):
            values.append({**about, "key": key, "layer": _PRACTICE, **asdict(entry)})
            values += [
                {**about, "key": key, "layer": layer.label, **asdict(own)}
                for layer in reading.policy.layers
                if layer.holds_on(day) and (own := layer.thresholds.get(stated.id, {}).get(key)) is not None
            ]
    version = reading.policy.version_on(day)
    return {"note": NOT_EVIDENCE, "name": reading.policy.name, "on": day, "version": version, "values": values}


def _in_force(reading: _Reading, rail: Guardrail, row: MartRow) -> GuardrailPolicy:
    return reading.policy.on(_policy_day(reading, rail, row)).guardrail(rail.id)


def _policy_day(reading: _Reading, rail: Guardrail, row: MartRow) -> date:
    """First day of the row's period, by which its policy is found; of a row without a period, the run's."""
    if row.mart.name == VERDICTS:
        return date.fromisoformat(row.values["period"])
    day = row.values.get(rail.key[-1])
    return day if isinstance(day, date) else reading.run.as_of.date()


def _verdicts(reading: _Reading, rail: Guardrail, row: MartRow) -> list[Document]:
    """The verdict that holds of a guardrail on the row's subject and period."""
    if any(row.values.get(name) is None for name in rail.key):
        return []
    *subject, day = (row.values[name] for name in rail.key)
    values = {"guardrail_id": rail.id, "period": str(day), "is_current": True, "is_retracted": False}
    if subject:
        values["subject_key"] = subject[0]
    found = rows_like(reading.connection, MARTS[VERDICTS], values)
    return [{name: verdict.values[name] for name in _VERDICT} for verdict in found]


def _behind(
    reading: _Reading, row: MartRow, needs: Needs, period: Period | None, rails: Sequence[Guardrail]
) -> Document:
    """The canonical rows of every entity the number is computed from, with their raw records."""
    if ANONYMOUS & set(row.mart.inputs):
        return {"note": WHY_ANONYMOUS, "from": None, "to": None, "entities": []}
    if period is not None:
        ahead = any(rail.looks_ahead for rail in rails)
        period = period.reaching(days=max((rail.reach_days for rail in rails), default=0), ahead=ahead)
    needed: dict[str, set[str]] = {}
    for one in needs.inputs:
        needed.setdefault(one.entity, set()).update(one.columns, one.tells)
    for one in (one for rail in rails for one in rail.needs.inputs if one.entity in needed):
        needed[one.entity].update(one.columns, one.tells)
    subject = subject_of(reading.connection, row.values, row.mart.primary_key)
    found = [
        evidence(reading.connection, entity, columns, subject, period, limit=reading.limit)
        for entity, columns in needed.items()
    ]
    return {
        "note": "every row of the subject and the period; the formula says which of them count",
        "from": None if period is None else period.first_day,
        "to": None if period is None else period.last_day,
        "zone": None if period is None else period.zone,
        "entities": [_listed(one) for one in found],
    }


def _listed(one: Evidence) -> Document:
    rows = [{**row, "raw": [asdict(record) for record in one.raw.get(str(row.get(one.key)), ())]} for row in one.rows]
    return {"entity": one.entity, "chosen": one.chosen, "count": one.count, "note": one.note, "rows": rows}
