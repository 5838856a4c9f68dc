"""mbc_completeness: sessions with a questionnaire beside them (decision 8, O13)."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.marts.notes import quantile
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import day_stretch, local_midnight

REASONS = {"refused": "refused", "not_offered": "not_offered", "language": "language", "technical": "technical"}
COUNTS = ("refused", "not_offered", "language", "technical", "other", "unexplained")


def next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def month_bounds(practice: Practice, month: date) -> Row:
    end = day_stretch(next_month(month), practice.home_tz)[0]
    return {"month_start_at": day_stretch(month, practice.home_tz)[0], "month_end_at": end}


def ended_months(practice: Practice) -> list[date]:
    """Months that have ended by as_of, from that in which the data begins."""
    assert practice.data_begins is not None
    month, found = practice.day("", practice.data_begins).replace(day=1), []
    while local_midnight(next_month(month), practice.home_tz) <= practice.as_of:
        found.append(month)
        month = next_month(month)
    return found


class Responses:
    """Responses by session and by client."""

    def __init__(self, practice: Practice) -> None:
        self.before = timedelta(hours=practice.setting("outcome", "response_before"))
        self.after = timedelta(hours=practice.setting("outcome", "response_after"))
        self.named: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
        self.free: dict[str | None, list[Row]] = defaultdict(list)
        for row in practice.rows["measure_response"]:
            client = practice.client(row["client_key"])
            if row["session_key"] is not None:
                self.named[row["session_key"], client].append(row)
            else:
                self.free[client].append(row)

    def of(self, session: Row, client: str) -> list[Row]:
        start, end = session["started_at"] - self.before, session["ended_at"] + self.after
        near = [r for r in self.free[client] if start <= r["administered_at"] <= end]
        return [*self.named[session["session_key"], client], *near]


def mbc_completeness(practice: Practice) -> MartRows:
    responses = Responses(practice)
    in_use = sorted({r["instrument"] for r in practice.rows["measure_response"]})
    months = set(ended_months(practice))
    excluded = set(practice.setting("outcome", "mbc_excluded"))
    groups: dict[tuple[str, date], list[tuple[Row, str]]] = defaultdict(list)
    for session in practice.rows["session"]:
        person = practice.person(session["clinician_key"])
        month = practice.day("", session["started_at"]).replace(day=1)
        if person is None or month not in months or session["status"] not in {"completed", "partial"}:
            continue
        clients = practice.attended[session["session_key"]]
        if session["session_type"] not in excluded:
            groups[person, month] += [(session, client) for client in clients]
    for person, weeks in practice.weeks.items():
        for month in {week.monday.replace(day=1) for week in weeks} & months:
            groups[person, month] += []
    found: MartRows = {}
    for (person, month), visits in groups.items():
        for instrument in ["any", *in_use]:
            row = _row(responses, visits, instrument)
            if not practice.knows(person, "session"):
                row = dict.fromkeys(row)
            row["is_judged"] = instrument == practice.rule("measurement_completeness", "instrument")
            found[person, month, instrument] = row | month_bounds(practice, month)
    return found


def _row(responses: Responses, visits: list[tuple[Row, str]], instrument: str) -> Row:
    if instrument == "srs":
        visits = [(session, client) for session, client in visits if not session["is_intake"]]
    counts: Counter[str] = Counter()
    seconds: list[Any] = []
    for session, client in visits:
        beside = [r for r in responses.of(session, client) if instrument in {"any", r["instrument"]}]
        valid = [r for r in beside if r["status"] in {"complete", "prorated"}]
        if valid:
            counts["completed"] += 1
            times = [r["completion_sec"] for r in valid if r["completion_sec"] is not None]
            seconds += [max(times)] if times else []
        else:
            counts[_reason(beside)] += 1
    return {
        "eligible_sessions": len(visits),
        "completed": counts["completed"],
        "ratio": ratio(Fraction(counts["completed"]), len(visits)),
        "median_sec": quantile(seconds, 0.5),
        **{f"{name}_n": counts[name] for name in COUNTS},
    }


def _reason(beside: list[Row]) -> str:
    told = sorted(r["missing_reason"] for r in beside if r["missing_reason"] is not None)
    if not told:
        return "unexplained"
    return next((REASONS[reason] for reason in REASONS if reason in told), "other")
