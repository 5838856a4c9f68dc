"""reconciliation: what the EHR, billing and measures say of the same week."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.intervals import tick
from tests.oracle.marts.money import Billing
from tests.oracle.marts.practice import MartRows, Practice, Row
from tests.oracle.weeks import Week, exact

SHOWS_OTHERWISE = {"no_show", "cancelled", "booked"}
FILLED_IN = {"complete", "prorated", "partial"}
TIMED = ("90832", "90834", "90837")
SESSION_COLUMNS = ("sessions_n", "sessions_not_kept_n")
NOTE_COLUMNS = ("note_due_n", "without_note_n")
CHARGE_COLUMNS = (
    "charge_due_n",
    "without_charge_n",
    "charges_without_session_n",
    "missed_fee_n",
    "charge_units_n",
    "expected_units_n",
    "units_over_n",
    "short_for_code_n",
)
NEVER = datetime.min.replace(tzinfo=UTC)


class Books:
    """What names which session, by key."""

    def __init__(self, practice: Practice) -> None:
        self.practice, self.billing = practice, Billing(practice)
        self.within = timedelta(days=practice.setting("billing", "charge_within"))
        notes = [n for n in practice.rows["note"] if n["status"] != "entered_in_error"]
        self.noted = {n["session_key"] for n in notes} - {None}
        self.noted_seats = {n["appointment_key"] for n in notes} - {None}
        self.charged: dict[str, list[Row]] = defaultdict(list)
        self.charges: dict[str | None, list[Row]] = defaultdict(list)
        self.without_session: set[str] = set()
        for key, charge in self.billing.charges.items():
            self.charges[practice.person(charge["clinician_key"])].append(charge)
            session = self.billing.session(charge)
            if session is None:
                self.without_session.add(key)
            else:
                self.charged[session["session_key"]].append(charge)
        named = [*practice.rows["session"], *self.billing.charges.values()]
        self.named_seats = self.noted_seats | {row["appointment_key"] for row in named if row["appointment_key"]}
        self.no_sessions = {
            code
            for name in ("monthly_codes", "bundle_codes", "session_addons")
            for code in practice.setting("billing", name)
        }

    def read_until(self, person: str | None, entity: str) -> datetime:
        """The moment up to which something should be there: a while before its sources were last read."""
        reads = [r.complete_through or NEVER for r in self.practice.reads(person, entity)]
        until = min([self.practice.as_of, *reads])
        return until - self.within if until > NEVER + self.within else NEVER

    def is_for_session(self, charge: Row) -> bool:
        """Whether its code is billed for each session, and not for a missed one."""
        return charge["procedure_code"] not in self.no_sessions and not self.billing.is_fee(charge)


def reconciliation(practice: Practice) -> MartRows:
    books = Books(practice)
    in_charge: dict[str | None, list[Row]] = defaultdict(list)
    for session in books.billing.held.values():
        in_charge[practice.person(session["clinician_key"])].append(session)
    loose = _loose_measures(practice, books)
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        sessions = practice.by_week(person, in_charge[person], "started_at")
        seats = practice.by_week(person, practice.by_person("appointment").get(person, []), "start_at")
        measures = practice.by_week(person, loose[person], "administered_at")
        for week in weeks:
            mine = sessions.get(week.monday, [])
            charges = [c for c in books.charges[person] if week.monday <= c["service_date"] <= week.last_day]
            row = _sessions(books, person, mine) | _charges(books, week, mine, charges)
            row["kept_without_session_n"] = _kept_alone(books, person, seats.get(week.monday, []))
            row["measures_without_session_n"] = len(measures.get(week.monday, []))
            found[person, week.monday] = _unless_unknown(practice, person, row)
    return found


def _sessions(books: Books, person: str, sessions: list[Row]) -> Row:
    seats = [books.billing.seats.get(s["appointment_key"], {}).get("status") for s in sessions]
    noted_by, charged_by = books.read_until(person, "note"), books.read_until(None, "charge")
    note_due = [s for s in sessions if s["ended_at"] <= noted_by]
    charge_due = [s for s in sessions if s["ended_at"] <= charged_by]
    least = {code: books.practice.setting("billing", f"least_{code}") for code in TIMED}

    def is_short(session: Row) -> bool:
        minutes = Fraction(tick(session["ended_at"]) - tick(session["started_at"]), 60_000_000)
        codes = {c["procedure_code"] for c in books.charged[session["session_key"]]}
        return any(code in codes and minutes < limit for code, limit in least.items())

    return {
        "sessions_n": len(sessions),
        "sessions_not_kept_n": sum(status in SHOWS_OTHERWISE for status in seats),
        "note_due_n": len(note_due),
        "without_note_n": sum(
            s["session_key"] not in books.noted and s["appointment_key"] not in books.noted_seats for s in note_due
        ),
        "charge_due_n": len(charge_due),
        "without_charge_n": sum(not books.charged[s["session_key"]] for s in charge_due),
        "short_for_code_n": sum(is_short(s) for s in sessions),
    }


def _charges(books: Books, week: Week, sessions: list[Row], charges: list[Row]) -> Row:
    for_sessions = [c for c in charges if books.is_for_session(c)]
    units: Any = sum((exact(1 if c["units"] is None else c["units"]) for c in for_sessions), Fraction(0))
    expected: Any = sum(
        len(books.practice.attended[s["session_key"]]) if s["session_type"] == "group" else 1 for s in sessions
    )
    over = units - expected
    if week.ends_at > books.read_until(None, "charge"):
        units = expected = over = None
    return {
        "charges_without_session_n": sum(c["charge_key"] in books.without_session for c in for_sessions),
        "missed_fee_n": sum(books.billing.is_fee(c) for c in charges),
        "charge_units_n": units,
        "expected_units_n": expected,
        "units_over_n": over,
    }


def _kept_alone(books: Books, person: str, seats: list[Row]) -> int:
    """Kept seats of which nothing else tells."""
    until = books.read_until(person, "session")
    practice = books.practice
    there = [s for s in practice.sessions.get(person, []) if s["status"] != "voided"]

    def is_alone(seat: Row) -> bool:
        end = seat["end_at"] or seat["start_at"] + timedelta(microseconds=1)
        return not any(s["started_at"] < end and seat["start_at"] < s["ended_at"] for s in there)

    return sum(
        seat["status"] == "kept"
        and seat["client_key"] is not None
        and seat["start_at"] <= until
        and seat["appointment_key"] not in books.named_seats
        and is_alone(seat)
        for seat in seats
    )


def _loose_measures(practice: Practice, books: Books) -> dict[str, list[Row]]:
    """Filled-in measures without a session about them, by person to whom the client is assigned."""
    before = timedelta(hours=practice.setting("billing", "measure_before"))
    after = timedelta(hours=practice.setting("billing", "measure_after"))
    attended: dict[str | None, list[Row]] = defaultdict(list)
    for key, session in books.billing.held.items():
        for who in practice.attended[key]:
            attended[who].append(session)
    ends = [read.complete_through or NEVER for read in practice.reads(None, "session")]
    found: dict[str, list[Row]] = defaultdict(list)
    for person in practice.weeks:
        assigned: dict[str | None, list[Row]] = defaultdict(list)
        for assignment in practice.by_person("case_assignment").get(person, []):
            assigned[practice.client(assignment["client_key"])].append(assignment)
        for response in practice.rows["measure_response"]:
            client, at = practice.client(response["client_key"]), response["administered_at"]
            is_waiting = at + before > min([practice.as_of, *ends])
            if response["status"] not in FILLED_IN or client not in assigned or is_waiting:
                continue
            day = practice.day(person, at)
            is_mine = any(
                a["from_date"] <= day and (a["to_date"] is None or a["to_date"] >= day) for a in assigned[client]
            )
            if is_mine and not any(s["started_at"] - before <= at <= s["ended_at"] + after for s in attended[client]):
                found[person].append(response)
    return found


def _unless_unknown(practice: Practice, person: str, row: Row) -> Row:
    has_sessions = practice.knows(person, "session")
    known = {
        SESSION_COLUMNS: True,
        NOTE_COLUMNS: practice.knows(person, "note"),
        CHARGE_COLUMNS: practice.knows(None, "charge"),
        ("kept_without_session_n",): practice.knows(person, "appointment"),
        ("measures_without_session_n",): practice.knows(None, "measure_response"),
    }
    for columns, is_known in known.items():
        if not (is_known and has_sessions):
            row |= dict.fromkeys(columns)
    return row
