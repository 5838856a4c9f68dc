"""note_timeliness and note_week: how soon notes are signed (decision 8, E7 to E9)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, inf
from typing import Any

from tests.oracle.intervals import tick
from tests.oracle.marts.ehr import ehr_time_week
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import Week, monday_of

AI = {"ai_assist", "ai_ambient"}


def elapsed_h(start: datetime, end: datetime) -> Fraction:
    return Fraction(tick(end) - tick(start), 3_600_000_000)


class Notes:
    """Notes of a practice with their clocks, by key."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.sessions = {s["session_key"]: s for s in practice.rows["session"]}
        self.by_appointment = {s["appointment_key"]: s for s in practice.rows["session"] if s["appointment_key"]}
        self.appointments = {a["appointment_key"]: a for a in practice.rows["appointment"]}
        self.rows: dict[str, Row] = {}
        for note in practice.rows["note"]:
            author = self._author(note)
            if author is not None and note["status"] != "entered_in_error" and note["created_at"] <= practice.as_of:
                self.rows[note["note_key"]] = self._timed(note, author)
        self._mark_bulk()
        self._count_actions()

    def _author(self, note: Row) -> str | None:
        named = [note, self.sessions.get(note["session_key"]), self.appointments.get(note["appointment_key"])]
        keys = [row["clinician_key"] for row in named if row is not None and row["clinician_key"] is not None]
        return self.practice.person(keys[0]) if keys else None

    def session(self, note: Row) -> Row | None:
        return self.sessions.get(note["session_key"]) or self.by_appointment.get(note["appointment_key"])

    def _clock(self, note: Row) -> tuple[str | None, datetime | None]:
        session, appointment = self.session(note), self.appointments.get(note["appointment_key"])
        if session is not None:
            return "session", session["ended_at"]
        if appointment is not None and appointment["end_at"] is not None:
            return "appointment", appointment["end_at"]
        return (None, None) if note["service_at"] is None else ("service", note["service_at"])

    def _timed(self, note: Row, author: str) -> Row:
        clock_from, ended = self._clock(note)
        signed = note["signed_at"]
        if signed is not None and signed > self.practice.as_of:
            signed = None
        state = "signed"
        if signed is None:
            state = {"final": "signed_undated", "amended": "signed_undated", "unknown": "unknown"}.get(
                note["status"], "open"
            )
        lag = None if signed is None or ended is None else elapsed_h(ended, signed)
        open_h = elapsed_h(ended, self.practice.as_of) if state == "open" and ended is not None else None
        same_day = self._is_same_day(author, ended, signed)
        overdue = None
        if state != "unknown":
            overdue = open_h is not None and open_h > self.practice.setting("notes", "overdue_after")
        cosigned = note["cosigned_at"]
        return {
            "clinician_key": author,
            "client_key": self.practice.client(note["client_key"]),
            "note_type": note["note_type"],
            "template_id": note["template_id"],
            "authoring_mode": note["authoring_mode"],
            "clock_from": clock_from,
            "service_end_at": ended,
            "created_at": note["created_at"],
            "signed_at": signed,
            "state": state,
            "lag_h": lag,
            "open_h": open_h,
            "band": _band(state, lag, is_same_day=bool(same_day)),
            "is_same_day": same_day,
            "is_prewritten": None if lag is None else lag < 0,
            "is_overdue": overdue,
            "cosign_lag_h": elapsed_h(signed, cosigned) if signed and cosigned else None,
            "amended_count": note["amended_count"],
            "is_bulk": None if signed is None else False,
            "actions_n": None,
            "_is_linked": note["session_key"] is not None or note["appointment_key"] is not None,
            "_session": note["session_key"] or note["appointment_key"] or note["note_key"],
        }

    def _is_same_day(self, author: str, ended: datetime | None, signed: datetime | None) -> bool | None:
        if ended is None or signed is None:
            return None
        day = self.practice.day(author, ended)
        weeks = self.practice.weeks.get(author, [])
        if not any(week.monday == monday_of(day) for week in weeks):
            return None
        return day == self.practice.day(author, signed)

    def _mark_bulk(self) -> None:
        """A sitting goes on while the next signature comes within the policy's minutes."""
        gap = timedelta(minutes=self.practice.setting("notes", "bulk_gap"))
        enough = self.practice.setting("notes", "bulk_sessions")
        by_author: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows.values():
            if row["signed_at"] is not None:
                by_author[row["clinician_key"]].append(row)
        for rows in by_author.values():
            rows.sort(key=lambda r: r["signed_at"])
            sitting: list[Row] = []
            for row in rows:
                if sitting and row["signed_at"] - sitting[-1]["signed_at"] > gap:
                    _mark(sitting, enough)
                    sitting = []
                sitting.append(row)
            _mark(sitting, enough)

    def _count_actions(self) -> None:
        begun: dict[tuple[str, str | None], list[tuple[datetime, str]]] = defaultdict(list)
        for key, row in self.rows.items():
            begun[row["clinician_key"], row["client_key"]].append((row["created_at"], key))
        for event in self.practice.rows["ehr_event"]:
            if event["task_type"] != "note" or event["client_key"] is None:
                continue
            about = self.practice.person(event["clinician_key"]), self.practice.client(event["client_key"])
            before = [b for b in begun.get(about, []) if b[0] <= event["at"]]  # type: ignore[arg-type]
            if before:
                last = max(before)[0]
                row = self.rows[min(key for at, key in before if at == last)]
                if row["signed_at"] is None or event["at"] <= row["signed_at"]:
                    row["actions_n"] = (row["actions_n"] or 0) + event["action_count"]


def _mark(sitting: list[Row], enough: int) -> None:
    is_bulk = len({row["_session"] for row in sitting}) >= enough
    for row in sitting:
        row["is_bulk"] = is_bulk


def _band(state: str, lag: Fraction | None, *, is_same_day: bool) -> str:
    if state == "open":
        return "open"
    if lag is None:
        return "unknown"
    if lag < 0:
        return "before_end"
    if is_same_day:
        return "same_day"
    return next((f"le_{limit}h" for limit in (24, 48, 72) if lag <= limit), "gt_72h")


def note_timeliness(practice: Practice) -> MartRows:
    return {
        (key,): {name: value for name, value in row.items() if not name.startswith("_")}
        for key, row in Notes(practice).rows.items()
    }


def note_week(practice: Practice) -> MartRows:
    notes = Notes(practice)
    by_author: dict[str, list[Row]] = defaultdict(list)
    for row in notes.rows.values():
        by_author[row["clinician_key"]].append(row)
    standing = [n for n in practice.rows["note"] if n["status"] != "entered_in_error"]
    named = {n["session_key"] for n in standing}
    appointments = {n["appointment_key"] for n in standing} - {None}
    logged = {key: row["note_min"] for key, row in ehr_time_week(practice).items()}
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        mine = by_author.get(person, [])
        is_linked = any(r["_is_linked"] for r in mine)
        sessions = practice.by_week(person, practice.sessions.get(person, []), "started_at")
        due = practice.by_week(person, mine, "service_end_at")
        signed = practice.by_week(person, mine, "signed_at")
        log = [r for r in practice.by_person("ehr_event").get(person, []) if r["task_type"] == "note"]
        logged_days = {practice.day(person, r["at"]) for r in log}
        for week in weeks:
            row = _due(due.get(week.monday, [])) | _signed(signed.get(week.monday, []))
            row |= _open(practice, mine, week)
            held = [s for s in sessions.get(week.monday, []) if practice.counts(s)]
            missing = [s for s in held if s["session_key"] not in named and s["appointment_key"] not in appointments]
            row["sessions_without_note_n"] = len(missing) if is_linked and practice.knows(person, "session") else None
            row["unlogged_n"] = sum(
                practice.day(person, n["signed_at"]) not in logged_days for n in signed.get(week.monday, [])
            )
            row |= _by_log(signed.get(week.monday, []), logged[person, week.monday])
            if logged[person, week.monday] is None:
                row["unlogged_n"] = None
            if not practice.knows(person, "note"):
                row |= dict.fromkeys(set(row) - {"has_unknown_notes"})
            found[person, week.monday] = row
    return found


def _due(due: list[Row]) -> Row:
    lags = sorted(inf if n["lag_h"] is None else n["lag_h"] for n in due if n["state"] in {"signed", "open"})
    dated = [n for n in due if n["lag_h"] is not None]
    same_day = sum(bool(n["is_same_day"]) and n["lag_h"] >= 0 for n in dated)
    row: Row = {
        "due_n": len(due),
        "same_day_n": same_day,
        "same_day_ratio": ratio(Fraction(same_day), len(due)),
        "over_72h_n": sum(n["lag_h"] > 72 for n in dated),
        "undated_n": sum(n["state"] in {"signed_undated", "unknown"} for n in due),
        "prewritten_n": sum(n["lag_h"] < 0 for n in dated),
    }
    for limit in (24, 48, 72):
        row[f"within_{limit}h_n"] = sum(n["lag_h"] <= limit for n in dated)
    for name, share in (("lag_p50_h", Fraction(1, 2)), ("lag_p90_h", Fraction(9, 10))):
        least = lags[ceil(share * len(lags)) - 1] if lags else inf
        row[name] = None if least == inf else least
    return row


def _signed(signed: list[Row]) -> Row:
    counted = [n for n in signed if n["amended_count"] is not None]
    told = [n for n in signed if n["authoring_mode"] not in {None, "unknown"}]
    return {
        "signed_n": len(signed),
        "bulk_signed_n": sum(bool(n["is_bulk"]) for n in signed),
        "amended_n": sum(n["amended_count"] > 0 for n in counted) if counted or not signed else None,
        "cosign_lag_p50_h": quantile([n["cosign_lag_h"] for n in signed if n["cosign_lag_h"] is not None], 0.5),
        "ai_note_share": ratio(Fraction(sum(n["authoring_mode"] in AI for n in told)), len(told)),
    }


def _open(practice: Practice, mine: list[Row], week: Week) -> Row:
    end = week.ends_at
    ended = [n for n in mine if n["service_end_at"] is not None and n["service_end_at"] < end]
    waiting = [n for n in ended if n["state"] == "open" or (n["signed_at"] is not None and n["signed_at"] >= end)]
    ages = [elapsed_h(n["service_end_at"], end) for n in waiting]
    oldest = max(ages, default=Fraction(0))
    return {
        "open_n": len(waiting),
        "overdue_open_n": sum(age > practice.setting("notes", "overdue_after") for age in ages),
        "oldest_open_h": oldest,
        "oldest_open_d": oldest / 24,
        "has_unknown_notes": any(n["state"] == "unknown" for n in ended),
    }


def _by_log(signed: list[Row], note_min: Fraction | None) -> Row:
    actions = [n["actions_n"] for n in signed if n["actions_n"] is not None]
    return {
        "actions_per_note": ratio(Fraction(sum(actions)), len(actions)),
        "doc_min_per_note": ratio(note_min, len(signed)),
    }


def quantile(values: list[Any], share: float) -> float | None:
    """The value at a share of the way through the sorted ones, between two of them if need be."""
    if not values:
        return None
    ordered = sorted(float(v) for v in values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
