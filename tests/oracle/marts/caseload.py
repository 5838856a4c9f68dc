"""caseload_snapshot: whom a clinician has in care at the end of a week, and how heavy they are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction

from tests.oracle.intervals import hours
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio, stretches
from tests.oracle.weeks import Week, exact, fte_of

DEFAULT_WEIGHT = 2


@dataclass
class Person:
    """What a clinician's caseload is drawn from. contacts: (local day, session) of sessions with clients, that took
    place or may have; `listed`: who was expected.
    """

    assignments: list[Row]
    contacts: list[tuple[date, Row]]
    seats: list[Row]
    first_seen: dict[str, date] = field(default_factory=dict)


@dataclass
class Caseload:
    active: set[str]
    group_only: set[str]
    uncertain: set[str]
    by_unknown: set[str]


def only_unreviewed(practice: Practice) -> set[tuple[str, date]]:
    """Clinicians and weeks of which a review of attendance would tell everything that is uncertain."""
    listed, found = _listed(practice), set()
    for person, weeks in practice.weeks.items():
        mine = _person(practice, person)
        for week in weeks:
            load = _caseload(practice, mine, week, listed)
            if load.uncertain and not load.by_unknown:
                found.add((person, week.monday))
    return found


def caseload_snapshot(practice: Practice) -> MartRows:
    found: MartRows = {}
    listed = _listed(practice)
    weights = Weights(practice)
    for person, weeks in practice.weeks.items():
        mine = _person(practice, person)
        by_week = practice.by_week(person, practice.sessions.get(person, []), "started_at")
        for week in weeks:
            load = _caseload(practice, mine, week, listed)
            held = [s for s in by_week.get(week.monday, []) if practice.counts(s)]
            row = _counts(practice, person, mine, week, load, held)
            row |= weights.of_week(person, week, mine, load, held)
            row |= _capacity(practice, person, week, mine)
            found[person, week.monday] = _unless_unknown(practice, person, row)
    return found


def _listed(practice: Practice) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in practice.rows["session_participant"]:
        client = practice.client(row["client_key"])
        if client is not None:
            found[row["session_key"]].add(client)
    return found


def _person(practice: Practice, person: str) -> Person:
    contacts = [(practice.day(person, s["started_at"]), s) for s in practice.sessions.get(person, [])]
    mine = Person(
        assignments=practice.by_person("case_assignment").get(person, []),
        contacts=contacts,
        seats=[a for a in practice.by_person("appointment").get(person, []) if a["client_key"] is not None],
    )
    for day, session in contacts:
        if session["status"] in {"completed", "partial"}:
            for client in practice.attended[session["session_key"]]:
                mine.first_seen[client] = min(day, mine.first_seen.get(client, day))
    return mine


def stands_ahead(seat: Row, end: datetime) -> bool:
    """At the week's end the seat lay ahead, was booked and not given up (decision 1.9)."""
    if seat["start_at"] < end or seat["status"] == "entered_in_error":
        return False
    if seat["booked_at"] is not None and seat["booked_at"] > end:
        return False
    if seat["status"] in {"cancelled", "rescheduled"}:
        return seat["cancelled_at"] is not None and seat["cancelled_at"] > end
    return True


def open_assignments(assignments: list[Row], day: date) -> list[Row]:
    return [a for a in assignments if a["from_date"] <= day and (a["to_date"] is None or a["to_date"] >= day)]


def _caseload(practice: Practice, mine: Person, week: Week, listed: dict[str, set[str]]) -> Caseload:
    day = week.last_day
    assigned = {practice.client(a["client_key"]) for a in open_assignments(mine.assignments, day)}
    first_day = day - timedelta(days=practice.rule("active_caseload", "seen_within_days") - 1)
    alone: set[str] = set()
    in_group: set[str] = set()
    perhaps: set[str] = set()
    unknown: set[str] = set()
    for held_on, session in mine.contacts:
        if not first_day <= held_on <= day:
            continue
        is_group = session["session_type"] == "group"
        if session["status"] in {"completed", "partial"}:
            (in_group if is_group else alone).update(practice.attended[session["session_key"]])
        elif session["status"] in {"unknown", "unreviewed"} and not is_group:
            perhaps |= listed[session["session_key"]]
            unknown |= listed[session["session_key"]] if session["status"] == "unknown" else set()
    for seat in mine.seats:
        if not stands_ahead(seat, week.ends_at):
            continue
        client = practice.client(seat["client_key"])
        assert client is not None
        if seat["status"] in {"unknown", "unreviewed"}:
            if seat["group_key"] is None:
                perhaps.add(client)
                unknown |= {client} if seat["status"] == "unknown" else set()
        else:
            (in_group if seat["group_key"] is not None else alone).add(client)
    active = assigned & alone
    return Caseload(
        active={c for c in active if c},
        group_only={c for c in assigned & (in_group - alone) if c},
        uncertain={c for c in assigned & (perhaps - alone) if c},
        by_unknown={c for c in assigned & (unknown - alone) if c},
    )


def _counts(practice: Practice, person: str, mine: Person, week: Week, load: Caseload, held: list[Row]) -> Row:
    first_day = week.last_day - timedelta(days=practice.rule("active_caseload", "new_within_days") - 1)
    new = {c for c in load.active if first_day <= mine.first_seen.get(c, date.min) <= week.last_day}
    n = len(load.active)
    return {
        "week_end_at": week.stretch[1],
        "active_clients": n,
        "group_only_clients": len(load.group_only),
        "uncertain_clients": len(load.uncertain),
        "unknown_status_clients": len(load.by_unknown),
        "is_uncertain": bool(load.uncertain),
        "new_share": ratio(Fraction(len(new)), n),
        "sessions_per_active_client": ratio(Fraction(len(held)), n) if practice.knows(person, "session") else None,
    }


class Weights:
    """Case weights, by episode."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.by_episode: dict[str, list[Row]] = defaultdict(list)
        for row in practice.rows["case_weight"]:
            self.by_episode[row["episode_key"]].append(row)
        self.episodes = {row["episode_key"]: row for row in practice.rows["episode"]}

    def weight(self, episode_key: str, person: str, day: date) -> int | None:
        """The rating in force on a day, of this clinician or of everybody; null where nobody rated."""
        mine = [
            r
            for r in self.by_episode[episode_key]
            if r["effective_from"] <= day and self.practice.person(r["clinician_key"]) in {None, person}
        ]
        if not mine:
            return None
        newest = max(r["effective_from"] for r in mine)
        return int(max(r["weight"] for r in mine if r["effective_from"] == newest))

    def of_week(self, person: str, week: Week, mine: Person, load: Caseload, held: list[Row]) -> Row:
        practice, day = self.practice, week.last_day
        weight_of: dict[str, int | None] = {}
        share_of: dict[str, Fraction] = defaultdict(Fraction)
        planned: dict[str, list[bool]] = defaultdict(list)
        for row in open_assignments(mine.assignments, day):
            client = practice.client(row["client_key"])
            if client is None or client not in load.active:
                continue
            rated, before = self.weight(row["episode_key"], person, day), weight_of.get(client)
            weight_of[client] = rated if before is None else before if rated is None else max(before, rated)
            share_of[client] += exact(row["share"])
            ends = self.episodes.get(row["episode_key"], {}).get("planned_end_on")
            planned[client].append(ends is not None and ends <= day + timedelta(days=28))
        points_of = {c: (w or DEFAULT_WEIGHT) * min(share_of[c], Fraction(1)) for c, w in weight_of.items()}
        points = sum(points_of.values(), Fraction(0))
        n = len(load.active)
        leaving = sum((points_of[c] for c, ends in planned.items() if all(ends)), Fraction(0))
        coming = self._accepted(person, week, mine)
        cap = practice.threshold("case_points", "breach")
        fte = fte_of(practice.employments.get(person, []), week)
        heavy = {c for c, w in self._weights_at_end(person, mine, day).items() if w == 3}
        acute = [s for s in held if s["is_acuity_event"] or heavy & practice.attended[s["session_key"]]]
        return {
            "points": points,
            "points_cap": None if cap is None else exact(cap) * min(fte or Fraction(1), Fraction(1)),
            "projected_points_4w": points + DEFAULT_WEIGHT * coming - leaving,
            "weight3_share": ratio(Fraction(sum(w == 3 for w in weight_of.values())), n),
            "imputed_weight_share": ratio(Fraction(sum(w is None for w in weight_of.values())), n),
            "high_acuity_session_h": sum((hours(stretches([s], "started_at", "ended_at")) for s in acute), Fraction(0)),
        }

    def _weights_at_end(self, person: str, mine: Person, day: date) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in open_assignments(mine.assignments, day):
            client = self.practice.client(row["client_key"])
            weight = self.weight(row["episode_key"], person, day)
            if client is not None and weight is not None:
                found[client] = max(weight, found.get(client, 0))
        return found

    def _accepted(self, person: str, week: Week, mine: Person) -> int:
        """Referrals accepted for the clinician that are neither closed nor seen nor a case yet."""
        end = week.ends_at
        cases = {self.practice.client(a["client_key"]) for a in open_assignments(mine.assignments, week.last_day)}
        from_day = week.last_day - timedelta(weeks=13)
        found = 0
        for row in self.practice.by_person("referral").get(person, []):
            accepted = row["accepted_at"]
            if accepted is None or row["direction"] != "in" or accepted >= end:
                continue
            if self.practice.day(person, accepted) <= from_day:
                continue
            if row["outcome"] == "entered_in_error":
                continue
            is_closed = row["closed_at"] is not None and row["closed_at"] < end
            is_seen = row["first_attended_at"] is not None and row["first_attended_at"] < end
            is_case = row["client_key"] is not None and self.practice.client(row["client_key"]) in cases
            found += not (is_closed or is_seen or is_case)
        return found


def _capacity(practice: Practice, person: str, week: Week, mine: Person) -> Row:
    """Days on which a flag holds: from the day after it was raised to its last day, else for the policy's weeks."""
    flags = []
    for row in practice.by_person("capacity_flag").get(person, []):
        raised = practice.day(person, row["raised_at"])
        until = row["until_date"] or raised + timedelta(weeks=practice.rule("capacity_flag", "holds_weeks"))
        flags.append((raised + timedelta(days=1), until))
    days = [d for d in week.days if any(start <= d <= end for start, end in flags)]
    new = set()
    for day in days:
        had = {practice.client(a["client_key"]) for a in open_assignments(mine.assignments, day - timedelta(days=1))}
        new |= {practice.client(a["client_key"]) for a in mine.assignments if a["from_date"] == day} - had
    return {"is_at_capacity": bool(days), "assigned_at_capacity_n": len(new) if days else None}


def _unless_unknown(practice: Practice, person: str, row: Row) -> Row:
    weighed = ["points", "projected_points_4w", "weight3_share", "imputed_weight_share"]
    if not practice.knows(person, "case_assignment"):
        row |= dict.fromkeys(["active_clients", "group_only_clients", "uncertain_clients", "unknown_status_clients"])
        row |= dict.fromkeys(["new_share", "sessions_per_active_client", *weighed, "assigned_at_capacity_n"])
    if not practice.knows(person, "case_weight"):
        row |= dict.fromkeys(weighed)
    if not practice.knows(person, "referral"):
        row["projected_points_4w"] = None
    if not practice.knows(person, "session"):
        row["high_acuity_session_h"] = None
    return row
