"""intake_funnel: requests for care by the month in which they came (decision 8, T6 to T8)."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.oracle.marts.clinician_week import clinician_week
from tests.oracle.marts.months import business_days, closed_days, ended_months, month_bounds, next_month
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.marts.survival import Wait, within
from tests.oracle.weeks import exact, local_midnight

OVER = {"refer_out", "declined", "unreachable"}
HALF, NINE_TENTHS = Fraction(1, 2), Fraction(9, 10)


@dataclass(frozen=True)
class Request:
    """attended_at: first session attended. left_at: when it stopped waiting without one, if it did."""

    row: Row
    day: date
    attended_at: datetime | None
    left_at: datetime | None

    @property
    def offered_at(self) -> datetime | None:
        return self.row["first_offered_at"] or self.attended_at

    @property
    def is_screened(self) -> bool:
        return self.row["screened_at"] is not None or self.row["screen_result"] is not None

    @cached_property
    def over_at(self) -> datetime | None:
        return self.attended_at or self.left_at


class Requests:
    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.holidays = closed_days(practice, "holiday")
        self.today = practice.day("", practice.as_of)
        self.attended: dict[str, list[datetime]] = defaultdict(list)
        for session in practice.rows["session"]:
            if session["status"] in {"completed", "partial"} and session["started_at"] < practice.as_of:
                for client in practice.attended[session["session_key"]]:
                    self.attended[client].append(session["started_at"])
        for starts in self.attended.values():
            starts.sort()
        known = [
            r for r in practice.rows["referral"] if r["outcome"] != "entered_in_error" and r["inquiry_at"] is not None
        ]
        known = [r for r in known if r["inquiry_at"] < practice.as_of]
        self.arrived = [self._request(r) for r in known if r["direction"] == "in"]
        self.sent = [r for r in known if r["direction"] == "out"]

    def _request(self, row: Row) -> Request:
        day = self.practice.day("", row["inquiry_at"])
        attended_at = row["first_attended_at"]
        if attended_at is not None and attended_at > self.practice.as_of:
            attended_at = None
        if attended_at is None and row["client_key"] is not None:
            starts = self.attended[self.practice.client(row["client_key"]) or ""]
            place = bisect_left(starts, row["inquiry_at"])
            attended_at = starts[place] if place < len(starts) else None
        left_at = row["closed_at"]
        if left_at is None and row["outcome"] in OVER:
            left_at = row["screened_at"] or row["responded_at"] or row["inquiry_at"]
        return Request(row, day, attended_at, left_at)

    def wait(self, day: date, end: datetime | None, left: datetime | None, *, is_business: bool) -> Wait:
        last = self.today if end is None and left is None else self.practice.day("", end or left)  # type: ignore[arg-type]
        last = max(day, last)
        length = business_days(day, last, self.holidays) if is_business else (last - day).days
        return length, end is not None


def intake_funnel(practice: Practice) -> MartRows:
    requests = Requests(practice)
    slots = _open_slots(practice)
    kinds = {_kind(r.row) for r in requests.arrived}
    found: MartRows = {}
    for month in ended_months(practice):
        sent = [r for r in requests.sent if _month(practice, r) == month]
        for channel, service in [("all", "all"), *kinds]:
            is_total, kind = channel == "all", (channel, service)
            arrived = [r for r in requests.arrived if is_total or _kind(r.row) == kind]
            row = _counts([r for r in arrived if r.day.replace(day=1) == month])
            end = local_midnight(next_month(month), practice.home_tz)
            row["waiting_now"] = sum(
                r.row["inquiry_at"] < end and (r.over_at is None or r.over_at >= end) for r in arrived
            )
            row |= _waits(requests, [r for r in arrived if r.day.replace(day=1) == month])
            row |= _answers(requests, [r for r in sent if is_total or _kind(r) == kind])
            if not practice.knows(None, "referral"):
                row = dict.fromkeys(row) | {"is_attend_open": False, "is_out_response_open": False}
            row["is_total"] = is_total
            row["open_slots_week"] = slots.get(month) if is_total else None
            row["referral_per_slot"] = ratio(row["inquiries_n"], row["open_slots_week"])
            found[month, channel, service] = row | month_bounds(practice, month)
    return found


def _kind(row: Row) -> tuple[str, str]:
    return row["channel"], row["service_line"] or "not_said"


def _month(practice: Practice, row: Row) -> date:
    return practice.day("", row["inquiry_at"]).replace(day=1)


def _counts(mine: list[Request]) -> Row:
    screened = [r for r in mine if r.is_screened]
    seen = [r for r in mine if r.attended_at is not None]
    seen_screened = [r for r in screened if r.attended_at is not None]
    outcomes = [r.row["outcome"] for r in mine]
    return {
        "inquiries_n": len(mine),
        "screened_n": len(screened),
        "accepted_n": sum(r.row["outcome"] == "accepted" or r.row["accepted_at"] is not None for r in mine),
        "offered_n": sum(r.offered_at is not None for r in mine),
        "attended_n": len(seen),
        "attended_screened_n": len(seen_screened),
        "screened_ratio": ratio(Fraction(len(seen_screened)), len(seen)),
        "declined_n": outcomes.count("declined"),
        "referred_out_n": outcomes.count("refer_out"),
        "unreachable_n": outcomes.count("unreachable"),
    }


def _waits(requests: Requests, mine: list[Request]) -> Row:
    row: Row = {}
    for name, business in (("days", False), ("business_days", True)):
        offered = [requests.wait(r.day, r.offered_at, r.left_at, is_business=business) for r in mine]
        seen = [requests.wait(r.day, r.attended_at, r.left_at, is_business=business) for r in mine]
        row |= _quantiles(f"{name}_to_offer", offered) | _quantiles(f"{name}_to_attend", seen)
    return row | _least(requests.practice, "attend", "time_to_first_appointment", seen, row)


def _answers(requests: Requests, sent: list[Row]) -> Row:
    practice, row = requests.practice, {"referrals_out_n": len(sent)}
    for name, business in (("days", False), ("business_days", True)):
        waits = [
            requests.wait(practice.day("", r["inquiry_at"]), r["responded_at"], r["closed_at"], is_business=business)
            for r in sent
        ]
        row |= _quantiles(f"{name}_to_out_response", waits)
    return row | _least(practice, "out_response", "referral_out_response", waits, row)


def _quantiles(name: str, waits: list[Wait]) -> Row:
    return {f"{name}_p50": within(waits, HALF), f"{name}_p90": within(waits, NINE_TENTHS)}


def _least(practice: Practice, name: str, guardrail: str, waits: list[Wait], row: Row) -> Row:
    """What a nine-of-ten that is not known yet is at least."""
    p90 = row[f"business_days_to_{name}_p90"]
    longest = max((length for length, _ in waits), default=None)
    is_open = p90 is None and longest is not None and longest <= practice.threshold(guardrail, "breach")
    return {f"business_days_to_{name}_p90_min": longest if p90 is None else p90, f"is_{name}_open": is_open}


def _open_slots(practice: Practice) -> dict[date, Fraction]:
    """Open slots of a week by month: the mean over the weeks that begin in it."""
    by_week: dict[date, list[Any]] = defaultdict(list)
    for (_, monday), row in clinician_week(practice).items():
        if row["available_h"] is not None and row["scheduled_h"] is not None:
            by_week[monday].append(max(Fraction(0), row["available_h"] - row["scheduled_h"]))
    by_month: dict[date, list[Fraction]] = defaultdict(list)
    for monday, hours in by_week.items():
        by_month[monday.replace(day=1)].append(sum(hours, Fraction(0)) / exact(practice.setting("intake", "slot_h")))
    return {month: sum(slots, Fraction(0)) / len(slots) for month, slots in by_month.items()}
