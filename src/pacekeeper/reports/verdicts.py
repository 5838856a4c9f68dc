"""Verdicts of the published copy, by the month in which their period ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pacekeeper.engine.readers import RESTRICTED_SCHEMA, hidden_guardrails
from pacekeeper.reports.words import STATES
from pacekeeper.sql_text import sql_literal

if TYPE_CHECKING:
    from pacekeeper.engine.session import Session


_DAYS_OF_WEEK = 7


@dataclass(frozen=True)
class Verdict:
    """One current verdict. last_day: of its period, by the practice's clock."""

    subject_kind: str
    subject_key: str
    guardrail_id: str
    period: str
    last_day: date
    state: str
    reason: str | None
    value: float | None
    unit: str | None
    warn: float | None
    breach: float | None

    @property
    def limit(self) -> float | None:
        """The limit that the state speaks of: of a breach the one that was passed, else the nearer one."""
        return self.breach if self.state == "breach" or self.warn is None else self.warn

    @property
    def is_out(self) -> bool:
        return self.state in {"warn", "breach"}

    @property
    def is_weekly(self) -> bool:
        return (self.last_day - date.fromisoformat(self.period)).days < _DAYS_OF_WEEK


def verdicts(session: Session, *, zone: str, since: date, until: date, clinician: str | None = None) -> list[Verdict]:
    """Current verdicts whose period ends from `since` to before `until`, in order of period and guardrail.

    clinician: only theirs; null = everybody's, and those on the practice.
    """
    # Zones within a practice differ by hours: half a day before the end it is the last day in all of them.
    last_day = f"CAST(timezone({sql_literal(zone)}, greatest(period_start, period_end - INTERVAL 12 HOUR)) AS DATE)"
    where = [f"d >= DATE '{since}'", f"d < DATE '{until}'"]
    if clinician is not None:
        where.append(f"subject_kind = 'clinician' AND subject_key = {sql_literal(clinician)}")
    rows = session.rows(
        "SELECT subject_kind, subject_key, guardrail_id, period, d, state, reason, value, unit, threshold_warn, "
        "threshold_breach "
        f"FROM (SELECT *, {last_day} AS d FROM marts.guardrail_result WHERE is_current AND NOT is_retracted) "
        f"WHERE {' AND '.join(where)} ORDER BY d, period, guardrail_id, subject_key"
    )
    return [Verdict(*row) for row in rows]


def restricted(session: Session) -> frozenset[str]:
    """Guardrails on one person's pay or leave, which no page but that person's shows."""
    marts = session.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = " + sql_literal(RESTRICTED_SCHEMA)
    )
    found = session.rows(hidden_guardrails("marts.guardrail_result", (name for (name,) in marts)))
    return frozenset(name for (name,) in found)


def by_state(found: Iterable[Verdict]) -> Mapping[str, int]:
    """How many verdicts are in each state; every state is there."""
    counts = Counter(one.state for one in found)
    return {state: counts[state] for state in STATES}
