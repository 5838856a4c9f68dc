"""Verdicts as versions: what changed is added, nothing is rewritten."""

from __future__ import annotations

from datetime import datetime

from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.engine.session import Session
from pacekeeper.measures.mart import Mart, column_ddl
from pacekeeper.measures.plan import carried

_KEY = ("subject_kind", "subject_key", "guardrail_id", "period")
# A difference in one of these is another verdict; evidence that leads to the same one is not.
_SUBSTANCE = ("state", "reason", "value", "threshold_warn", "threshold_breach", "policy_version")


def merge_verdicts(session: Session, mart: Mart, candidates: str, *, as_of: datetime) -> None:
    """Add a version for every verdict that is new, differs or vanished, and move `is_current` to it.

    A verdict vanishes when no candidate has its key although its period had ended by `as_of`; judging by an earlier
    `as_of` withdraws nothing later. Runs in one transaction. The same candidates again add nothing.
    candidates: SQL of their rows.
    """
    columns = carried(mart)
    session.execute(f"CREATE TABLE IF NOT EXISTS marts.{mart.name} ({column_ddl(mart.columns)})")
    session.execute("DROP TABLE IF EXISTS _candidate")
    session.execute(f"CREATE TEMP TABLE _candidate ({column_ddl(columns)})")
    session.execute(f"INSERT INTO _candidate {candidates}")
    session.analyze("_candidate")
    with session.transaction():
        _merge(session, mart, [column.name for column in columns], as_of)
    session.execute("DROP TABLE _candidate")
    session.execute("DROP TABLE _next_version")


def _merge(session: Session, mart: Mart, names: list[str], as_of: datetime) -> None:
    table = f"marts.{mart.name}"
    same_key = " AND ".join(f"new.{name} = old.{name}" for name in _KEY)
    differs = " OR ".join(f"new.{name} IS DISTINCT FROM old.{name}" for name in _SUBSTANCE)
    new = ", ".join(f"new.{name}" for name in names)
    old = ", ".join("moment.as_of" if name == "as_of" else f"old.{name}" for name in names)
    moment = f"(SELECT TIMESTAMPTZ '{as_of.isoformat()}' AS as_of) AS moment"
    session.execute("DROP TABLE IF EXISTS _next_version")
    session.execute(
        f"""
        CREATE TEMP TABLE _next_version AS
        SELECT {new}, coalesce(old.version, 0) + 1 AS version, FALSE AS is_retracted
        FROM _candidate AS new
        LEFT JOIN {table} AS old ON {same_key} AND old.is_current
        WHERE old.version IS NULL OR old.is_retracted OR {differs}
        UNION ALL
        SELECT {old}, old.version + 1 AS version, TRUE AS is_retracted
        FROM {table} AS old CROSS JOIN {moment}
        LEFT JOIN _candidate AS new ON {same_key}
        WHERE old.is_current AND NOT old.is_retracted AND new.subject_key IS NULL AND old.period_end <= moment.as_of
        """
    )
    session.execute(
        f"UPDATE {table} AS old SET is_current = FALSE FROM _next_version AS new WHERE old.is_current AND {same_key}"
    )
    stored = ", ".join(f'"{column.name}"' for column in mart.columns)
    values = ", ".join("TRUE" if column.name == "is_current" else f'"{column.name}"' for column in mart.columns)
    faultpoint("verdicts.merging")
    session.execute(f"INSERT INTO {table} ({stored}) SELECT {values} FROM _next_version ORDER BY {', '.join(_KEY)}")
