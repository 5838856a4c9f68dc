"""message_load: how many messages, when answered, by whom and how soon (decision 8, E10 and E11)."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.oracle.intervals import Stretches, tick
from tests.oracle.marts.caseload import caseload_snapshot
from tests.oracle.marts.ehr import office_hours, working_time
from tests.oracle.marts.hours import blocks_in, within
from tests.oracle.marts.notes import elapsed_h, quantile
from tests.oracle.marts.practice import MartRows, Practice, Row, clip, ratio, stretches
from tests.oracle.weeks import Week, monday_of

NO_MESSAGE = {"preparation", "stopped", "entered_in_error"}


def moment(message: Row) -> datetime | None:
    """When it happened: what came in by its receipt, what was written by its sending."""
    first, second = ("received_at", "sent_at") if message["direction"] == "in" else ("sent_at", "received_at")
    found: datetime | None = message[first] or message[second]
    return found


def lies_in(instant: datetime, found: Stretches) -> bool:
    return bool(clip(found, (tick(instant), tick(instant) + 1)))


class Answers:
    """First answers: what the source states, the message that names it, or the next one out in its thread."""

    def __init__(self, practice: Practice) -> None:
        self.as_of = practice.as_of
        self.naming: dict[str, list[datetime]] = defaultdict(list)
        self.thread: dict[str, list[datetime]] = defaultdict(list)
        for row in practice.rows["message"]:
            at = moment(row)
            if at is None or row["status"] in NO_MESSAGE:
                continue
            if row["in_reply_to_key"] is not None:
                self.naming[row["in_reply_to_key"]].append(at)
            if row["thread_key"] is not None and row["direction"] == "out":
                self.thread[row["thread_key"]].append(at)

    def first(self, message: Row) -> datetime | None:
        received = moment(message)
        assert received is not None
        found = [*self.naming[message["message_key"]], *self.thread.get(message["thread_key"], [])]
        if message["replied_at"] is not None:
            found.append(message["replied_at"])
        return min((at for at in found if received <= at <= self.as_of), default=None)


def message_load(practice: Practice) -> MartRows:
    answers = Answers(practice)
    cases = {key: row["active_clients"] for key, row in caseload_snapshot(practice).items()}
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        mine = [m for m in practice.by_person("message").get(person, []) if m["status"] not in NO_MESSAGE]
        by_week: dict[date, list[Row]] = defaultdict(list)
        for message in mine:
            at = moment(message)
            if at is not None:
                by_week[monday_of(practice.day(person, at))].append(message)
        read = practice.by_week(person, mine, "read_at")
        for week in weeks:
            messages = by_week.get(week.monday, [])
            row = _counts(practice, messages) | _replies(practice, person, week, messages)
            row |= _responses(practice, messages, answers)
            row |= _managed(practice, person, week, messages)
            row["reads_in_session_n"] = _read_in_session(practice, person, read.get(week.monday, []))
            active = cases[person, week.monday]
            row["per_client"] = ratio(Fraction(row["in_n"] + row["out_n"]), active)
            row["handling_min_per_client"] = ratio(row["handling_min"], active)
            if not practice.knows(person, "message"):
                row = dict.fromkeys(row)
            found[person, week.monday] = row
    return found


def _counts(practice: Practice, messages: list[Row]) -> Row:
    outside = [m for m in messages if m["direction"] in {"in", "out"}]
    measured = [m for m in outside if m["minutes"] is not None]
    told = [m for m in measured if m["is_billed"] is not None]
    unbilled = sum((Fraction(m["minutes"]) for m in told if not m["is_billed"]), Fraction(0))
    about = practice.setting("messages", "nonclinical")
    nonclinical = [m for m in messages if m["direction"] == "in" and m["category"] in about]
    handled = [m for m in nonclinical if m["handled_by_role"] not in {None, "unknown"}]
    licensed = [m for m in handled if m["handled_by_role"] in practice.setting("messages", "licensed_roles")]
    return {
        "in_n": sum(m["direction"] == "in" for m in messages),
        "out_n": sum(m["direction"] == "out" for m in messages),
        "internal_n": sum(m["direction"] == "internal" for m in messages),
        "measured_n": len(measured),
        "handling_min": sum((Fraction(m["minutes"]) for m in measured), Fraction(0))
        if measured or not outside
        else None,
        "unbilled_min": unbilled if told or not outside else None,
        "unbilled_ratio": ratio(unbilled, sum((Fraction(m["minutes"]) for m in told), Fraction(0))),
        "nonclinical_n": len(nonclinical),
        "nonclinical_told_n": len(handled),
        "nonclinical_licensed_n": len(licensed),
        "nonclinical_share": ratio(Fraction(len(licensed)), len(handled)),
    }


def _replies(practice: Practice, person: str, week: Week, messages: list[Row]) -> Row:
    sent = sorted(at for m in messages if m["direction"] == "out" and (at := moment(m)) is not None)
    gap = timedelta(minutes=practice.setting("messages", "episode_gap"))
    begins = [at for before, at in pairwise([None, *sent]) if at is not None and (before is None or at - before > gap)]
    days = {practice.day(person, at) for at in sent}
    by_day = Counter(practice.day(person, at) for at in begins)
    working, _ = working_time(practice, person, week)
    blocks = within(week, [b for b in blocks_in(practice, person, week) if b["kind"] == "reply_block"])
    inside = sum(lies_in(at, blocks) for at in sent)
    return {
        "after_hours_reply_n": sum(not lies_in(at, working) for at in sent),
        "reply_episodes_day": Fraction(len(begins), len(days)) if days else 0,
        "reply_episodes_max": max(by_day.values(), default=0),
        "replies_in_block_ratio": ratio(Fraction(inside), len(sent)) if blocks else None,
    }


def _responses(practice: Practice, messages: list[Row], answers: Answers) -> Row:
    received = [(m, answers.first(m)) for m in messages if m["direction"] == "in"]
    urgent = practice.setting("messages", "urgent")
    waits: list[Any] = []
    urgent_waits: list[Any] = []
    for message, answer in received:
        start = moment(message)
        if answer is not None and start is not None:
            waits.append(elapsed_h(start, answer))
            if message["urgency"] in urgent:
                urgent_waits.append(elapsed_h(start, answer))
    return {
        "p50_first_response_h": quantile(waits, 0.5),
        "p90_first_response_h": quantile(waits, 0.9),
        "p90_urgent_response_h": quantile(urgent_waits, 0.9),
        "unanswered_n": sum(answer is None for _, answer in received),
    }


def _managed(practice: Practice, person: str, week: Week, messages: list[Row]) -> Row:
    """Messages within the practice, outside the policy's hours, of somebody who supervises in the week."""
    is_supervisor = any(r["role"] == "supervisor" for r in practice.by_person("clinician").get(person, []))
    leads = is_supervisor or any(
        practice.person(r["supervisor_key"]) == person
        and r["valid_from"] <= week.last_day
        and (r["valid_to"] is None or r["valid_to"] >= week.monday)
        for r in practice.rows["supervision_link"]
    )
    office = office_hours(practice, week)
    late = [m for m in messages if m["direction"] == "internal" and not lies_in(moment(m) or practice.as_of, office)]
    return {"manager_after_hours_n": len(late) if leads else None}


def _read_in_session(practice: Practice, person: str, read: list[Row]) -> int | None:
    if not read or not practice.knows(person, "session"):
        return None
    held = stretches([s for s in practice.sessions.get(person, []) if practice.counts(s)], "started_at", "ended_at")
    return sum(lies_in(m["read_at"], held) for m in read)
