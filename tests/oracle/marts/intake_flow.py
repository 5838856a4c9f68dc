"""clinician_intake: who is new to a clinician, and who left (decision 8, T9)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

from tests.oracle.marts.months import ended_months, month_bounds
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio

TRANSFERS = {"transfer_fit", "transfer_capacity"}


def clinician_intake(practice: Practice) -> MartRows:
    months = set(ended_months(practice))
    wishes = _wishes(practice)
    specialties: dict[str | None, set[str]] = defaultdict(set)
    for row in practice.rows["clinician_specialty"]:
        specialties[practice.person(row["clinician_key"])].add(row["specialty"])
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        new, left = _new_clients(practice, person), _discharges(practice, person)
        for month in sorted({week.monday.replace(day=1) for week in weeks} & months):
            row = _intakes(practice, person, new.get(month, {}), wishes, specialties[person])
            row |= _leavers(practice, person, left.get(month, []))
            intakes, leavers = row["intakes_n"], row["discharges_n"]
            row["net_flow"] = None if intakes is None or leavers is None else intakes - leavers
            found[person, month] = row | month_bounds(practice, month)
    return found


def _wishes(practice: Practice) -> dict[str | None, list[Row]]:
    """Requests by client, oldest first."""
    found: dict[str | None, list[Row]] = defaultdict(list)
    for row in practice.rows["referral"]:
        is_known = row["client_key"] is not None and row["inquiry_at"] is not None
        if is_known and row["direction"] == "in" and row["outcome"] != "entered_in_error":
            found[practice.client(row["client_key"])].append(row)
    for rows in found.values():
        rows.sort(key=lambda r: (r["inquiry_at"], r["referral_key"]))
    return found


def _new_clients(practice: Practice, person: str) -> dict[date, dict[str, Row]]:
    """By month and client, the session by which the client was new to the person."""
    quiet = timedelta(days=practice.setting("intake", "new_after_days"))
    begins = practice.data_begins
    visits: dict[str, list[Row]] = defaultdict(list)
    for session in practice.sessions.get(person, []):
        if session["status"] in {"completed", "partial"}:
            for client in practice.attended[session["session_key"]]:
                visits[client].append(session)
    found: dict[date, dict[str, Row]] = defaultdict(dict)
    for client, sessions in visits.items():
        before = None if begins is None else practice.day("", begins)
        for session in sorted(sessions, key=lambda s: (s["started_at"], s["session_key"])):
            day = practice.day(person, session["started_at"])
            is_back = before is not None and day - before >= quiet
            if session["is_intake"] or session["session_type"] == "intake" or is_back:
                found[day.replace(day=1)].setdefault(client, session)
            before = day
    return found


def _discharges(practice: Practice, person: str) -> dict[date, list[Row]]:
    found: dict[date, list[Row]] = defaultdict(list)
    for row in practice.by_person("case_assignment").get(person, []):
        if row["to_date"] is not None:
            found[row["to_date"].replace(day=1)].append(row)
    return found


def _intakes(
    practice: Practice, person: str, new: dict[str, Row], wishes: dict[str | None, list[Row]], mine: set[str]
) -> Row:
    row: Row = dict.fromkeys(("intakes_n", "specialty_asked_n", "specialty_matched_n", "match_ratio"))
    if not practice.knows(person, "session"):
        return row
    asked = []
    for client, session in new.items():
        before = [r for r in wishes[client] if r["inquiry_at"] <= session["started_at"]]
        if before and before[-1]["requested_specialty"] is not None:
            asked.append(before[-1]["requested_specialty"])
    row["intakes_n"], row["specialty_asked_n"] = len(new), len(asked)
    if practice.knows(person, "clinician_specialty"):
        row["specialty_matched_n"] = sum(wish in mine for wish in asked)
        row["match_ratio"] = ratio(Fraction(row["specialty_matched_n"]), len(asked))
    return row


def _leavers(practice: Practice, person: str, left: list[Row]) -> Row:
    if not practice.knows(person, "case_assignment"):
        return {"discharges_n": None, "transfers_out_n": None}
    moved = [r for r in left if r["end_reason"] in TRANSFERS]
    return {
        "discharges_n": len({practice.client(r["client_key"]) for r in left}),
        "transfers_out_n": len({practice.client(r["client_key"]) for r in moved}),
    }
