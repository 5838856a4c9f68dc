"""client_no_show_week: runs of missed appointments and the outreach after them (decision 8, O10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from tests.oracle.marts.attendance import outcome
from tests.oracle.marts.messages import NO_MESSAGE
from tests.oracle.marts.practice import MartRows, Practice, Row
from tests.oracle.weeks import Week, day_stretch, monday_of


def client_no_show_week(practice: Practice) -> MartRows:
    late = practice.rule("no_show_run", "late_cancel")
    outreach = Outreach(practice)
    found: MartRows = {}
    for client, seats in seats_by_client(practice).items():
        for monday, row in _weeks(practice, client, seats, outreach, late).items():
            found[client, monday] = row
    return found


def seats_by_client(practice: Practice) -> dict[str, list[tuple[Row, str]]]:
    """Seats and what became of them, in order."""
    notice = timedelta(hours=practice.rule("no_show", "late_cancel_window"))
    by_client: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for seat in sorted(practice.rows["appointment"], key=lambda a: (a["start_at"], a["appointment_key"])):
        became = outcome(seat, notice=notice)
        client = practice.client(seat["client_key"])
        if became is not None and client is not None:
            by_client[client].append((seat, became))
    return by_client


def runs(seats: list[tuple[Row, str]], late: str) -> Iterator[tuple[Row, str, int]]:
    """Each seat with the missed ones in a row of its episode so far."""
    missed: dict[Any, int] = defaultdict(int)
    for seat, became in seats:
        episode = seat["episode_key"]
        if became == "no_show" or (became == "late_cancel" and late == "count"):
            missed[episode] += 1
        elif became in {"kept", "unreviewed"} or (became == "late_cancel" and late == "break"):
            missed[episode] = 0
        yield seat, became, missed[episode]


def _weeks(
    practice: Practice, client: str, seats: list[tuple[Row, str]], outreach: Outreach, late: str
) -> dict[date, Row]:
    by_week: dict[date, list[tuple[Row, str, int]]] = defaultdict(list)
    for seat, became, run in runs(seats, late):
        by_week[monday_of(practice.day("", seat["start_at"]))].append((seat, became, run))
    found = {}
    for monday, members in by_week.items():
        week = Week(monday, practice.home_tz)
        missed = [(seat, run) for seat, became, run in members if became == "no_show"]
        if not missed or week.ends_at > practice.as_of:
            continue
        reached = [outreach.after(client, seat) for seat, run in missed if run == 2 and client not in outreach.dead]
        found[monday] = {
            "week_start_at": day_stretch(monday, practice.home_tz)[0],
            "week_end_at": week.stretch[1],
            "missed_n": len(missed),
            "run_length": max(run for _, run in missed),
            "runs_n": len(reached),
            "runs_without_outreach_n": sum(at is None for at, _ in reached),
            "waited_days": max((days for _, days in reached), default=0),
            "is_unclear": any(became == "unknown_status" for _, became, _ in members),
            "is_unreviewed": any(became == "unreviewed" for _, became, _ in members),
        }
    return found


class Outreach:
    """What counts as reaching a client: a logged outreach, a message out, an attended session."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.at: dict[str | None, list[datetime]] = defaultdict(list)
        alerts = {a["alert_key"]: a for a in practice.rows["clinical_alert"]}
        for action in practice.rows["alert_action"]:
            alert = alerts.get(action["alert_key"])
            if action["action"] == "outreach" and alert is not None:
                self.at[practice.client(alert["client_key"])].append(action["acted_at"])
        for message in practice.rows["message"]:
            if message["direction"] == "out" and message["sent_at"] is not None and message["status"] not in NO_MESSAGE:
                self.at[practice.client(message["client_key"])].append(message["sent_at"])
        for session in practice.rows["session"]:
            if session["status"] in {"completed", "partial"}:
                for client in practice.attended[session["session_key"]]:
                    self.at[client].append(session["started_at"])
        self.dead = {practice.client(c["client_key"]) for c in practice.rows["client"] if c["is_deceased"]}
        self.closed = {
            row["from_date"] + timedelta(days=n)
            for row in practice.rows["practice_closure"]
            if row["location_key"] is None
            for n in range((row["to_date"] - row["from_date"]).days + 1)
        }

    def after(self, client: str, seat: Row) -> tuple[datetime | None, int]:
        """When the client was reached after a missed appointment, and the business days until then, or until as_of."""
        start, as_of = seat["start_at"], self.practice.as_of
        reached = min((at for at in self.at[client] if start <= at <= as_of), default=None)
        return reached, self.business_days(start, reached or as_of)

    def business_days(self, start: datetime, end: datetime) -> int:
        first, last = self.practice.day("", start), self.practice.day("", end)
        days = [first + timedelta(days=n + 1) for n in range((last - first).days)]
        return sum(day.weekday() < 5 and day not in self.closed for day in days)
