"""Judging history by another policy, in memory, beside the published verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from pacekeeper.engine.duckdb import Connection
from pacekeeper.measures.bands import BAND_SETTINGS
from pacekeeper.measures.completeness import COMPLETENESS_TABLE, SourceCompleteness
from pacekeeper.measures.guardrail import Catalogue
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan import compile_plan
from pacekeeper.policy import Policy, PolicyRevision
from pacekeeper.sql_text import sql_literal, sql_name

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

_COPY = "published"


@dataclass(frozen=True)
class Change:
    """A verdict that another policy would give. state, reason null: no verdict; likewise the new ones."""

    guardrail_id: str
    subject_kind: str
    subject_key: str
    period: str
    state: str | None
    reason: str | None
    new_state: str | None
    new_reason: str | None
    value: float | None
    threshold_warn: float | None
    threshold_breach: float | None


@dataclass(frozen=True)
class Rejudged:
    """Changed verdicts, ordered by guardrail, period and subject. rebuilt: whether measures had to be computed anew."""

    changes: tuple[Change, ...]
    judged_n: int
    rebuilt: bool


def rejudge(copy: Path, catalogue: Catalogue, policy: Policy, *, instead_of: Policy, as_of: datetime) -> Rejudged:
    """Judge everything in a published copy by a policy, and compare with the verdicts in it. Writes nothing.

    The published measures stand where the policies differ in nothing that a measure is computed with.
    """
    con = ibis.duckdb.connect()
    try:
        con.raw_sql("SET TimeZone = 'UTC'")
        con.raw_sql(f"ATTACH {sql_literal(str(copy))} AS {_COPY} (READ_ONLY)")
        rebuild = _changes_measures(policy, instead_of)
        verdicts = [mart for mart in catalogue.marts.values() if mart.versioned]
        measures = [mart for mart in catalogue.marts.values() if not mart.versioned and not _follows(mart.inputs)]
        wanted = [*measures, *verdicts] if rebuild else verdicts
        _show(con, without={mart.name for mart in wanted})
        plan = compile_plan(
            Catalogue.of(wanted, catalogue.guardrails.values()), policy, built=() if rebuild else measures
        )
        completeness = [
            SourceCompleteness(*row)
            for row in con.raw_sql(
                f"SELECT source, entity, complete_through, ever_read FROM {_COPY}.marts.{COMPLETENESS_TABLE}"
            ).fetchall()
        ]
        rows = materialise_marts(Connection(con.con), plan, as_of=as_of, completeness=completeness)
        changes = tuple(Change(*row) for row in con.raw_sql(_DIFFERENCE).fetchall())
        return Rejudged(changes, sum(rows[mart.name] for mart in verdicts), rebuild)
    finally:
        con.disconnect()


def _follows(inputs: tuple[str, ...]) -> bool:
    """Whether a mart is computed from verdicts."""
    return "guardrail_result" in inputs


def _show(con: Backend, *, without: set[str]) -> None:
    """Every table of the copy as a view of the same name, but for those that are computed anew."""
    held = con.raw_sql(
        f"SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = '{_COPY}' "
        "AND schema_name IN ('canonical', 'quarantine', 'marts', 'restricted')"
    ).fetchall()
    for schema, table in held:
        con.raw_sql(f"CREATE SCHEMA IF NOT EXISTS {sql_name(schema)}")
        if table not in without and table != COMPLETENESS_TABLE:
            name = f"{sql_name(schema)}.{sql_name(table)}"
            con.raw_sql(f"CREATE VIEW {name} AS SELECT * FROM {_COPY}.{name}")


def _changes_measures(policy: Policy, other: Policy) -> bool:
    """Whether the policies differ in anything but thresholds, layers and what the judging itself reads."""
    starts = {revision.effective_from for one in (policy, other) for revision in one.revisions}
    return any(_measured_with(policy.on(day)) != _measured_with(other.on(day)) for day in starts)


def _measured_with(revision: PolicyRevision) -> object:
    sections = {name: section.values for name, section in revision.sections.items()}
    settings = {
        name: {key: entry for key, entry in rail.settings.values.items() if key not in BAND_SETTINGS}
        for name, rail in revision.guardrails.items()
    }
    return sections, settings, revision.ramp


_DIFFERENCE = f"""
    WITH held AS (
        SELECT * FROM {_COPY}.marts.guardrail_result WHERE is_current AND NOT is_retracted
    )
    SELECT coalesce(new.guardrail_id, old.guardrail_id), coalesce(new.subject_kind, old.subject_kind),
        coalesce(new.subject_key, old.subject_key), coalesce(new.period, old.period),
        old.state, old.reason, new.state, new.reason, new.value, new.threshold_warn, new.threshold_breach
    FROM marts.guardrail_result AS new
    FULL JOIN held AS old USING (guardrail_id, subject_kind, subject_key, period)
    WHERE new.state IS DISTINCT FROM old.state
    ORDER BY 1, 4, 2, 3
"""
