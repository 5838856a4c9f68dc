"""alert_response: alerts about clients and what followed (decision 8, O7 to O9)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from tests.oracle.marts.months import business_days, closed_days
from tests.oracle.marts.no_shows import Outreach, runs, seats_by_client
from tests.oracle.marts.notes import elapsed_h
from tests.oracle.marts.outcomes import RESPONDENTS, SEEN_BY_NOBODY
from tests.oracle.marts.practice import MartRows, Practice, Row
from tests.oracle.marts.trajectory import measure_trajectory
from tests.oracle.weeks import local_midnight

OFF_TRACK = {"off_track", "reliable_drop"}
REVIEWED = OFF_TRACK | {"alliance_low"}
REVIEWS = {"reviewed", "discussed_with_client", "plan_changed", "referred"}
RISK_REVIEWS = REVIEWS | {"safety_plan"}
CLOSED = {"reviewed", "resolved"}
LEAST_ALLIANCE = 36
DAY = timedelta(days=1)
#: Kind; client, what it follows from and instrument; when it is raised; until when it would be open.
Signal = tuple[str, tuple[Any, ...], datetime, datetime]


class Alerts:
    """What is known of clients beside their alerts."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.holidays = closed_days(practice, "holiday")
        self.answers = {r["response_key"]: r for r in practice.rows["measure_response"]}
        self.of_seat = {a["appointment_key"]: a["clinician_key"] for a in practice.rows["appointment"]}
        self.sessions: dict[str | None, list[Row]] = defaultdict(list)
        for session in practice.rows["session"]:
            if session["status"] in {"completed", "partial"} and session["started_at"] <= practice.as_of:
                for client in practice.attended[session["session_key"]]:
                    self.sessions[client].append(session)
        for rows in self.sessions.values():
            rows.sort(key=lambda s: (s["started_at"], s["session_key"]))
        self.supervisors: dict[str | None, list[Row]] = defaultdict(list)
        for link in practice.rows["supervision_link"]:
            if link["kind"] == "clinical":
                self.supervisors[practice.person(link["clinician_key"])].append(link)
        self.actions: dict[str, list[Row]] = defaultdict(list)
        for action in practice.rows["alert_action"]:
            if action["acted_at"] <= practice.as_of:
                self.actions[action["alert_key"]].append(action)
        seats = {s["appointment_key"]: s["session_key"] for s in practice.rows["session"] if s["appointment_key"]}
        self.risk_notes: dict[str | None, list[Row]] = defaultdict(list)
        for note in practice.rows["note"]:
            if note["is_risk_reviewed"] and note["status"] != "entered_in_error":
                self.risk_notes[note["session_key"] or seats.get(note["appointment_key"])].append(note)

    def supervisor(self, person: str | None, day: date) -> str | None:
        found = [
            self.practice.person(link["supervisor_key"])
            for link in self.supervisors[person]
            if link["valid_from"] <= day and (link["valid_to"] is None or link["valid_to"] >= day)
        ]
        return min((key for key in found if key is not None and key != person), default=None)

    def end_of_business_day(self, day: date) -> datetime:
        """End of the business day that is the first after a day."""
        last = day + timedelta(days=1)
        while not business_days(day, last, self.holidays):
            last += timedelta(days=1)
        return local_midnight(last + timedelta(days=1), self.practice.home_tz)


def alert_response(practice: Practice) -> MartRows:
    known = Alerts(practice)
    recorded = [
        row
        | {
            "client_key": practice.client(row["client_key"]),
            "origin": "recorded",
            "actions": [a for a in known.actions[row["alert_key"]] if a["acted_at"] >= row["created_at"]],
        }
        for row in practice.rows["clinical_alert"]
        if row["created_at"] <= practice.as_of
    ]
    found: MartRows = {}
    for alert in [*recorded, *_derived(known, recorded)]:
        found[alert["alert_key"],] = _row(known, alert)
    return found


def _derived(known: Alerts, recorded: list[Row]) -> list[Row]:
    found = []
    of_kind: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for alert in recorded:
        of_kind[alert["client_key"], _family(alert["kind"])].append(alert)
    for kind, about, raised, until in (*_signals(known), *_runs(known)):
        client, key, instrument = about
        mine = of_kind[client, _family(kind)]
        if any(a["trigger_response_key"] == key or _is_same(known, a, instrument, raised, until) for a in mine):
            continue
        actions = [a for alert in mine for a in alert["actions"] if a["acted_at"] >= raised]
        seen = [s for s in known.sessions[client] if s["started_at"] <= raised]
        found.append(
            {
                "alert_key": f"derived:{kind}:{key}",
                "origin": "derived",
                "kind": kind,
                "client_key": client,
                "clinician_key": known.of_seat.get(key) or (seen[-1]["clinician_key"] if seen else None),
                "instrument": instrument,
                "trigger_response_key": None if instrument is None else key,
                "created_at": raised,
                "therapist_notified_at": None,
                "supervisor_notified_at": None,
                "state": "open",
                "actions": actions,
            }
        )
    return found


def _family(kind: str) -> str:
    return "off_track" if kind in OFF_TRACK else kind


def _is_same(known: Alerts, alert: Row, instrument: str | None, raised: datetime, until: datetime) -> bool:
    """Whether a recorded alert was raised while this one would have been open, from a day before."""
    trigger = known.answers.get(alert["trigger_response_key"])
    about = None if trigger is None else trigger["instrument"]
    return about in {None, instrument} and raised - DAY <= alert["created_at"] < until


def _signals(known: Alerts) -> list[Signal]:
    """Answers that say something for the first time since one that did not; every positive safety item."""
    found: list[Signal] = []
    series: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for (key,), row in measure_trajectory(known.practice).items():
        if row["safety_flag"] and not row["is_duplicate"]:
            at = row["administered_at"]
            found.append(("safety_item", (row["client_key"], key, row["instrument"]), at, at + DAY))
        if row["instrument"] == "srs":
            kind, is_bad = "alliance_low", None if row["score"] is None else row["score"] < LEAST_ALLIANCE
        else:
            kind, is_bad = "reliable_drop", None if row["on_track"] is None else not row["on_track"]
        if is_bad is not None and row["sequence_no"] is not None:
            series[row["client_key"], row["instrument"]].append(row | {"key": key, "kind": kind, "is_bad": is_bad})
    for (client, instrument), rows in series.items():
        speaker = min((r["respondent"] for r in rows), key=RESPONDENTS.index)
        mine = sorted((r for r in rows if r["respondent"] == speaker), key=lambda r: (r["administered_at"], r["key"]))
        for place, row in enumerate(mine):
            if row["is_bad"] and not (place and mine[place - 1]["is_bad"]):
                well = [r["administered_at"] for r in mine[place:] if not r["is_bad"]]
                until = well[0] if well else known.practice.as_of + DAY
                found.append((row["kind"], (client, row["key"], instrument), row["administered_at"], until))
    return found


def _runs(known: Alerts) -> list[Signal]:
    """Second missed appointments in a row; open until somebody reached out, and a day."""
    practice, outreach, found = known.practice, Outreach(known.practice), []
    late = practice.rule("no_show_run", "late_cancel")
    for client, seats in seats_by_client(practice).items():
        for seat, became, run in runs(seats, late):
            if became == "no_show" and run == 2 and client not in outreach.dead and seat["start_at"] <= practice.as_of:
                reached, _ = outreach.after(client, seat)
                about = client, seat["appointment_key"], None
                found.append(("no_show_run", about, seat["start_at"], (reached or practice.as_of) + DAY))
    return found


def _row(known: Alerts, alert: Row) -> Row:
    practice, kind, raised = known.practice, alert["kind"], alert["created_at"]
    day = practice.day("", raised)
    person = practice.person(alert["clinician_key"])
    supervisor = known.supervisor(person, day)
    trigger = known.answers.get(alert["trigger_response_key"])
    later = [
        s for s in known.sessions[alert["client_key"]] if s["started_at"] > raised and s["ended_at"] <= practice.as_of
    ]
    first = min((a["acted_at"] for a in alert["actions"]), default=None)
    reviewed = min((a["acted_at"] for a in alert["actions"] if a["action"] in REVIEWS), default=None)
    row = {
        "origin": alert["origin"],
        "kind": kind,
        "client_key": alert["client_key"],
        "clinician_key": person or SEEN_BY_NOBODY,
        "supervisor_key": supervisor,
        "route_to": "clinical_lead" if supervisor is None else "supervisor",
        "instrument": None if trigger is None else trigger["instrument"],
        "trigger_response_key": alert["trigger_response_key"],
        "created_on": day,
        "created_at": raised,
        "therapist_notified_at": alert["therapist_notified_at"],
        "supervisor_notified_at": alert["supervisor_notified_at"],
        "h_to_action": None if first is None else elapsed_h(raised, first),
        "reviewed_at": reviewed,
        "sessions_n": len(later),
        "sessions_to_review": None if reviewed is None else sum(s["started_at"] <= reviewed for s in later),
        "state": alert["state"],
        **_review(known, alert, later, reviewed),
        **_safety(known, alert, trigger),
        **_notice(known, alert, day),
    }
    flags = [row["is_reviewed_in_time"], row["is_risk_reviewed_in_time"], row["is_dual_notified"]]
    row["overdue"] = any(flag is False for flag in flags)
    for name, flag in zip(("unreviewed_n", "unreviewed_risk_n", "unnotified_n"), flags, strict=True):
        row[name] = None if flag is None else int(not flag)
    return row


def _review(known: Alerts, alert: Row, later: list[Row], reviewed: datetime | None) -> Row:
    if alert["kind"] not in REVIEWED:
        return {"review_due_at": None, "is_reviewed_in_time": None, "asks_review": False}
    practice = known.practice
    due = alert["created_at"] + timedelta(days=practice.rule("offtrack_review", "latest"))
    sessions = practice.rule("offtrack_review", "sessions")
    if len(later) >= sessions:
        due = min(due, later[sessions - 1]["ended_at"])
    flag = None
    if alert["state"] != "false_positive":
        flag = _in_time(practice, reviewed, due)
        if reviewed is None and alert["state"] in CLOSED:
            flag = None
    is_asked = alert["state"] != "false_positive" and (reviewed is not None or due <= practice.as_of)
    return {"review_due_at": due, "is_reviewed_in_time": flag, "asks_review": is_asked}


def _in_time(practice: Practice, done: datetime | None, due: datetime) -> bool | None:
    if done is not None and done <= due:
        return True
    return False if due <= practice.as_of else None


def _safety(known: Alerts, alert: Row, trigger: Row | None) -> Row:
    if alert["kind"] != "safety_item":
        return {
            "risk_reviewed_at": None,
            "safety_due_at": None,
            "is_risk_reviewed_in_time": None,
            "asks_risk_review": False,
        }
    practice = known.practice
    given = alert["created_at"] if trigger is None else trigger["administered_at"]
    due = given + timedelta(hours=practice.rule("safety_review", "within"))
    done = [a["acted_at"] for a in alert["actions"] if a["action"] in RISK_REVIEWS]
    done += _risk_reviews(known, alert["client_key"], given)
    flag = None
    if alert["state"] != "false_positive":
        flag = _in_time(practice, min(done, default=None), due)
        if not done and alert["state"] in CLOSED:
            flag = None
    is_asked = alert["state"] != "false_positive" and (bool(done) or due <= practice.as_of)
    return {
        "risk_reviewed_at": min(done, default=None),
        "safety_due_at": due,
        "is_risk_reviewed_in_time": flag,
        "asks_risk_review": is_asked,
    }


def _risk_reviews(known: Alerts, client: str | None, given: datetime) -> list[datetime]:
    """When notes about or after the answer were written that are marked as reviewed for risk."""
    before = timedelta(hours=known.practice.setting("outcome", "response_before"))
    after = timedelta(hours=known.practice.setting("outcome", "response_after"))
    found = []
    for session in known.sessions[client]:
        start, end = session["started_at"], session["ended_at"]
        if start - before <= given <= end + after or start > given:
            for note in known.risk_notes[session["session_key"]]:
                written = note["signed_at"] or note["created_at"]
                is_mine = note["client_key"] is None or known.practice.client(note["client_key"]) == client
                if is_mine and given <= written <= known.practice.as_of:
                    found.append(written)
    return found


def _notice(known: Alerts, alert: Row, day: date) -> Row:
    if alert["kind"] not in OFF_TRACK:
        return {"notice_due_at": None, "is_dual_notified": None, "asks_notice": False}
    due = known.end_of_business_day(day)
    if alert["origin"] == "derived":
        return {"notice_due_at": due, "is_dual_notified": None, "asks_notice": False}
    told = alert["therapist_notified_at"], alert["supervisor_notified_at"]
    is_told = all(at is not None for at in told)
    flag = _in_time(known.practice, max(told) if is_told else None, due)
    if alert["state"] == "false_positive":
        return {"notice_due_at": due, "is_dual_notified": None, "asks_notice": False}
    is_asked = is_told or due <= known.practice.as_of
    return {"notice_due_at": due, "is_dual_notified": flag, "asks_notice": is_asked}
