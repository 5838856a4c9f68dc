"""guardrail_breach: runs of verdicts out of band (decision 8, T12), of verdicts that were given once."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from math import floor
from typing import Any

from tests.oracle.marts.practice import MartRows, Practice, Row
from tests.oracle.weeks import exact

OUT = {"warn", "breach"}
CLOSES = {"pass": "recovered", "exempt": "exempt"}


def current(practice: Practice) -> list[Row]:
    """Verdicts that hold."""
    return [r for r in practice.marts["guardrail_result"] if r["is_current"] and not r["is_retracted"]]


def guardrail_breach(practice: Practice) -> MartRows:
    by_subject: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in current(practice):
        by_subject[row["subject_kind"], row["subject_key"], row["guardrail_id"]].append(row)
    found: MartRows = {}
    for subject, rows in by_subject.items():
        rows.sort(key=lambda r: (r["period_start"], r["period"]))
        run: list[Row] = []
        after: Row | None = None
        for row in rows:
            if row["state"] in OUT:
                run, after = [*run, row], None
            elif run and row["state"] in CLOSES:
                _add(practice, found, subject, run, row)
                run = []
            elif run:
                after = row
        if run:
            _add(practice, found, subject, run, after)
    return found


def _add(practice: Practice, found: MartRows, subject: tuple[str, str, str], run: list[Row], after: Row | None) -> None:
    breach = practice.policy["breach"]
    severity = "breach" if any(row["state"] == "breach" for row in run) else "warn"
    worst = max((row for row in run if row["state"] == severity), key=lambda r: _beyond(r, severity))
    is_closed = after is not None and after["state"] in CLOSES
    is_admin = severity == "breach" and subject[2] in breach["admin_guardrails"]["value"]
    found[*subject, _day(run[0])] = {
        "last_week": _day(run[-1]),
        "periods_n": len(run),
        "breach_periods_n": sum(row["state"] == "breach" for row in run),
        "weeks": floor((run[-1]["period_end"] - run[0]["period_start"]) / timedelta(weeks=1) + 0.5),
        "severity_max": severity,
        "worst_value": worst["value"],
        "worst_reason": worst["reason"],
        "unit": worst["unit"],
        "noticed_at": min(row["as_of"] for row in run),
        "notified_roles": practice.policy["guardrails"][subject[2]]["owner"].replace(" and ", ", "),
        "remedy_code": ", ".join(breach["admin_remedies"]["value"]) if is_admin else None,
        "closed_week": _day(after) if after is not None and is_closed else None,
        "closed_reason": "ongoing" if after is None else CLOSES.get(after["state"], "unknown"),
    }


def _day(row: Row) -> date:
    return date.fromisoformat(row["period"])


def _beyond(row: Row, severity: str) -> Any:
    """How far a value lies beyond its threshold."""
    limit = row["threshold_breach" if severity == "breach" else "threshold_warn"]
    if row["value"] is None or limit is None:
        return -1
    return abs(exact(row["value"]) - exact(limit))
