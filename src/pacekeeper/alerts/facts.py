"""What a message may say of an alert: the verdict it follows from and what the practice as a whole did, no client data.

Of clients nothing but that a guardrail speaks of one; who it is stands behind the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pacekeeper.ops import AlertEvent

if TYPE_CHECKING:
    from pacekeeper.engine.session import Session

#: Whose numbers say nothing about a client.
_WITH_NUMBERS = frozenset({"clinician", "team", "practice", "service_line", "contract"})
_LONGEST_WEEK_DAYS = 8
_LONGEST_MONTH_DAYS = 32
_FACTS = """
SELECT e.event_id, v.state, v.value, v.unit, v.threshold_warn, v.threshold_breach, v.period_start, v.period_end,
       CASE WHEN e.subject_kind = 'clinician' THEN s.classification END, s.out_of_band_n, s.evaluable_n,
       s.systemic_inputs
FROM _event AS e
LEFT JOIN marts.guardrail_result AS v ON v.guardrail_id = e.guardrail_id AND v.subject_kind = e.subject_kind
     AND v.subject_key = e.subject_key AND v.period = e.period AND v.version = e.version
LEFT JOIN marts.systemic_signal AS s ON s.guardrail_id = e.guardrail_id AND CAST(s.week_id AS VARCHAR) = e.period
"""


@dataclass(frozen=True)
class Facts:
    """Texts for a message. value, limit, practice_wide null: not known, none, or not to be said."""

    period: str
    value: str | None = None
    limit: str | None = None
    practice_wide: str | None = None


def facts_of(session: Session, events: Iterable[AlertEvent]) -> Mapping[str, Facts]:
    """Facts by event, from the published copy of `session`."""
    import pyarrow as pa

    by_id = {event.event_id: event for event in events}
    names = ("event_id", "guardrail_id", "subject_kind", "subject_key", "period")
    rows: dict[str, list[Any]] = {name: [getattr(event, name) for event in by_id.values()] for name in names}
    columns = ", ".join(f"{name} VARCHAR" for name in names)
    session.execute(f"CREATE OR REPLACE TEMP TABLE _event ({columns}, version BIGINT)")
    if by_id:
        rows["version"] = [event.version for event in by_id.values()]
        session.insert("_event", pa.table(rows))
    return {event_id: _facts(by_id[event_id], *rest) for event_id, *rest in session.rows(_FACTS)}


def _facts(
    event: AlertEvent,
    state: str | None,
    value: float | None,
    unit: str | None,
    warn: float | None,
    breach: float | None,
    start: datetime | None,
    end: datetime | None,
    classification: str | None,
    out_n: int | None,
    known_n: int | None,
    inputs: str | None,
) -> Facts:
    days = (end - start).days if start is not None and end is not None else 0
    if event.subject_kind in {"alert", "client"} or not days:
        period = f"since {event.period}" if event.subject_kind == "alert" else f"in the week of {event.period}"
    elif days <= _LONGEST_WEEK_DAYS:
        period = f"in the week of {event.period}"
    else:
        period = f"in {event.period[:7]}" if days <= _LONGEST_MONTH_DAYS else f"in the period from {event.period}"
    if event.subject_kind not in _WITH_NUMBERS:
        return Facts(period)
    limit = breach if state == "breach" else warn
    return Facts(
        period,
        None if value is None else _number(value, unit),
        None if limit is None else _number(limit, unit),
        practice_wide(classification, out_n, known_n, inputs),
    )


def _number(value: float, unit: str | None) -> str:
    if unit == "ratio":
        return f"{value * 100:.0f} %"
    return f"{value:.1f}".removesuffix(".0") + ("" if unit is None else f" {unit.replace('_', ' ')}")


def practice_wide(classification: str | None, out_n: int | None, known_n: int | None, inputs: str | None) -> str | None:
    """What a week's `systemic_signal` says to whoever asks about one person; null where there is none."""
    also = "" if not inputs else f", and so was the practice on {inputs.replace('_', ' ')}"
    match classification:
        case "systemic":
            return (
                f"This looks like a matter of the practice: in the same week {out_n} of {known_n} clinicians were "
                f"outside{also}. Look at schedule, referrals and systems before any conversation about one person."
            )
        case "insufficient_data":
            return "There is too little data to tell whether this is a matter of the practice as a whole."
        case None:
            return None
    return f"In the same week {out_n} of {known_n} clinicians were outside; nothing points to the practice as a whole."
