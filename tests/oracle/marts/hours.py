"""clinician_week: hours with clients, hours offered, and what follows from the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.oracle.intervals import Stretches, common, hours, tick, union, without
from tests.oracle.marts.practice import Practice, Row, at_clock, clip, day_of, ratio, stretches
from tests.oracle.weeks import Week, day_stretch, exact, fte_of, is_employed_on, tenure_month

LEAVE = {"pto", "sick"}
CLOSED = {"holiday", "closure"}


@dataclass(frozen=True)
class Offered:
    """template: time offered to clients. left: what leave, closures and protected time leave of it; without the
    ledger.
    """

    template: Stretches
    left: Stretches
    ledger_h: Fraction
    leave_h: Fraction

    @property
    def bookable_h(self) -> Fraction:
        return hours(self.left) - self.ledger_h


def blocks_in(practice: Practice, person: str, week: Week) -> list[Row]:
    return practice.touching(person, week, "schedule_block", "start_at", "end_at")


def within(week: Week, blocks: list[Row]) -> Stretches:
    return clip(stretches(blocks, "start_at", "end_at"), week.stretch)


def closed_by_practice(practice: Practice, person: str, week: Week) -> Stretches:
    """Closures of the whole practice and of the person's home location, whole days by the person's clock."""
    found = []
    for row in practice.rows["practice_closure"]:
        if row["location_key"] not in {None, practice.homes.get(person)}:
            continue
        start = tick(row["start_at"]) if row["start_at"] else day_stretch(row["from_date"], week.zone)[0]
        end = tick(row["end_at"]) if row["end_at"] else day_stretch(row["to_date"], week.zone)[1]
        found.append((start, end))
    return clip(union(found), week.stretch)


def leave_entries(practice: Practice, person: str, kinds: list[str]) -> dict[date, Fraction]:
    """Hours of leave by day, in the ledger; refused entries left out, signs too."""
    found: dict[date, Fraction] = {}
    for row in practice.by_person("pto_ledger").get(person, []):
        if row["kind"] in kinds and row["is_approved"] is not False:
            found[row["entry_date"]] = found.get(row["entry_date"], Fraction(0)) + abs(exact(row["hours"]))
    return found


def template_stretches(practice: Practice, person: str, week: Week) -> Stretches:
    found = []
    for row in practice.by_person("availability_template").get(person, []):
        zone = practice.tz_of_location.get(row["location_key"], week.zone)
        found += [
            (at_clock(day, row["start_minute"], zone), at_clock(day, row["end_minute"], zone))
            for day in week.days
            if day.isoweekday() == row["weekday"]
        ]
    return union(found)


def offered(practice: Practice, person: str, week: Week) -> Offered | None:
    """Null where neither calendar nor weekly template says when clients can come (decision 1.4)."""
    blocks = blocks_in(practice, person, week)
    template = within(week, [b for b in blocks if b["kind"] == "client_available"])
    template = template or template_stretches(practice, person, week)
    if not template:
        return None
    leave = within(week, [b for b in blocks if b["kind"] in LEAVE])
    taken = [
        b for b in blocks if b["kind"] in LEAVE | CLOSED or (b["is_protected"] and b["kind"] != "client_available")
    ]
    closed = closed_by_practice(practice, person, week)
    left = without(template, union([*within(week, taken), *closed]))
    ledger = leave_entries(practice, person, practice.setting("leave", "kinds"))
    ledger_h = Fraction(0)
    for day in week.days:
        if not day_of(leave, day, week.zone):
            ledger_h += min(ledger.get(day, Fraction(0)), hours(day_of(left, day, week.zone)))
    return Offered(template, left, ledger_h, hours(common(template, leave)) + ledger_h)


def contract_hours(practice: Practice, person: str, week: Week) -> Fraction | None:
    """A seventh of the weekly hours for every employed day; null where a contract of the week does not say them."""
    total, is_known = Fraction(0), False
    for row in practice.rows["employment"]:
        if practice.person(row["clinician_key"]) != person or row["contract_h_week"] is None:
            continue
        contract = next(
            c for c in practice.employments[person] if (c.start, c.end) == (row["start_date"], row["end_date"])
        )
        days = sum(is_employed_on(contract, day) for day in week.days)
        if days:
            is_known = True
            total += exact(row["contract_h_week"]) * days / 7
    return total if is_known else None


def evaluability(
    practice: Practice, person: str, week: Week, found: Offered | None, available_h: Fraction | None
) -> Row:
    """Whether a week can be judged by its offered hours (decision 1.5)."""
    if practice.is_outside(person, week):
        return {"evaluability": "not_evaluated", "evaluability_reason": "outside_employment"}
    if found is None or available_h is None:
        return {"evaluability": "not_evaluated", "evaluability_reason": "no_source"}
    share = found.bookable_h / hours(found.template)
    least = exact(practice.rule("utilization", "min_available_h"))
    if share < exact(practice.setting("evaluability", "not_evaluated_below")) or available_h < least:
        reason = "leave" if found.leave_h > 0 else "low_denominator"
        return {"evaluability": "not_evaluated", "evaluability_reason": reason}
    is_full = share >= exact(practice.setting("evaluability", "full_from"))
    return {"evaluability": "full" if is_full else "partial", "evaluability_reason": None}


def sessions_of(practice: Practice, person: str, sessions: list[Row]) -> Row:
    """What the week's sessions say; `sessions` are all of them that started in it."""
    held = [s for s in sessions if practice.counts(s)]
    found: Row = {"direct_h": hours(stretches(held, "started_at", "ended_at"))}
    modalities = {"in_person": {"in_person"}, "video": {"video"}, "audio": {"audio"}}
    modalities["other"] = {"home", "community", "unknown"}
    for name, wanted in modalities.items():
        mine = [s for s in held if s["modality"] in wanted]
        found[f"direct_h_{name}"] = hours(stretches(mine, "started_at", "ended_at"))
    found["sessions_n"] = len(held)
    found["distinct_clients_n"] = len({c for s in held for c in practice.attended[s["session_key"]]})
    groups = [s for s in held if s["session_type"] == "group"]
    found["groups_n"] = len({s["group_key"] or s["session_key"] for s in groups})
    fallback = sum(s["duration_source"] != "actual" for s in held)
    found["share_fallback"] = ratio(Fraction(fallback), len(held))
    found["unknown_status_sessions_n"] = sum(s["status"] == "unknown" for s in sessions)
    found["unreviewed_sessions_n"] = sum(s["status"] == "unreviewed" for s in sessions)
    is_unknown_counted = "unknown" in practice.countable
    took_place = [s for s in sessions if s["status"] in {"completed", "partial"}]
    found["unknown_type_sessions_n"] = sum(
        s["session_type"] == "unknown" and not is_unknown_counted for s in took_place
    )
    return found


def spine(practice: Practice, person: str, week: Week) -> Row:
    contracts = practice.employments.get(person, [])
    facing = {r["is_client_facing"] for r in practice.by_person("clinician").get(person, [])}
    return {
        "week_start_at": tick_instant(week, 0),
        "week_end_at": tick_instant(week, 1),
        "zone": week.zone,
        "is_client_facing": True if True in facing else (False if False in facing else None),
        "fte": fte_of(contracts, week),
        "tenure_month": tenure_month(contracts, week),
    }


def tick_instant(week: Week, which: int) -> int:
    """Instants are compared as microseconds since 1970."""
    return week.stretch[which]
