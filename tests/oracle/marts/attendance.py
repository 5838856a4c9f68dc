"""attendance_week: what became of the seats of a week, and rates over four of them."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from math import sqrt
from statistics import NormalDist

from tests.oracle.marts.practice import MartRows, Practice, Row, ratio

OUTCOMES = (
    "kept",
    "no_show",
    "late_cancel",
    "advance_cancel",
    "clinician_cancel",
    "unknown_cancel",
    "unknown_status",
    "unreviewed",
    "still_booked",
)
SUMMED = ("kept", "no_show", "unknown_status", "unreviewed")


def outcome(seat: Row, *, notice: timedelta) -> str | None:
    """What a client's seat is counted as; null for one that is no seat or was moved."""
    status = seat["status"]
    if seat["client_key"] is None or status in {"entered_in_error", "rescheduled"}:
        return None
    if status != "cancelled":
        return {"unknown": "unknown_status", "booked": "still_booked"}.get(status, str(status))
    if seat["cancelled_by"] in {None, "unknown", "other"}:
        return "unknown_cancel"
    if seat["cancelled_by"] != "client":
        return "clinician_cancel"
    if seat["cancelled_at"] is None:
        return "unknown_cancel"
    before = seat["start_at"] - seat["cancelled_at"]
    if before <= timedelta(0):
        return "no_show"
    return "late_cancel" if before < notice else "advance_cancel"


def attendance_week(practice: Practice) -> MartRows:
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        everything = practice.by_person("appointment").get(person, [])
        by_week = practice.by_week(person, everything, "start_at")
        is_known = practice.knows(person, "appointment")
        counts: dict[date, Counter[str]] = {}
        for week in weeks:
            seats = by_week.get(week.monday, [])
            row, counts[week.monday] = _week(practice, seats, everything)
            row |= _window(practice, week.monday, counts)
            if not is_known:
                row = dict.fromkeys(row) | {"definition": row["definition"]}
            found[person, week.monday] = row
    return found


def _notice(practice: Practice) -> timedelta:
    return timedelta(hours=practice.rule("no_show", "late_cancel_window"))


def _week(practice: Practice, seats: list[Row], everything: list[Row]) -> tuple[Row, Counter[str]]:
    notice = _notice(practice)
    outcomes = [(seat, outcome(seat, notice=notice)) for seat in seats]
    counts = Counter(found for _, found in outcomes if found is not None)
    row: Row = {f"{name}_n": counts[name] for name in OUTCOMES}
    row["scheduled_n"] = counts.total()
    row["no_show_ratio"] = ratio(Fraction(counts["no_show"]), counts["kept"] + counts["no_show"])
    row["definition"] = practice.rule("no_show", "definition")
    due = counts.total() - counts["advance_cancel"] - counts["clinician_cancel"]
    is_all_known = not (counts["unknown_cancel"] or counts["unknown_status"] or counts["unreviewed"])
    missed = Fraction(counts["no_show"] + counts["late_cancel"])
    row["combined_ratio"] = ratio(missed, due) if is_all_known else None
    row["no_show_due_ratio"] = ratio(Fraction(counts["no_show"]), due) if is_all_known else None
    row["billable_cancel_n"] = sum(
        bool(seat["is_billable_cancel"]) and seat["status"] in {"cancelled", "no_show"}
        for seat, found in outcomes
        if found is not None
    )
    row["refill_n"] = sum(
        found in {"late_cancel", "advance_cancel"} and seat["group_key"] is None and is_refilled(seat, everything)
        for seat, found in outcomes
    )
    return row | _groups(outcomes), counts


def is_refilled(seat: Row, everything: list[Row]) -> bool:
    """Whether an appointment that was booked after the seat was given up overlaps its time."""
    return any(
        other["start_at"] < (seat["end_at"] or seat["start_at"])
        and (other["end_at"] or other["start_at"]) > seat["start_at"]
        and other["booked_at"] is not None
        and other["booked_at"] > seat["cancelled_at"]
        and other["status"] in {"kept", "booked", "no_show"}
        and other["client_key"] is not None
        and other["group_key"] is None
        for other in everything
        if other is not seat
    )


def _groups(outcomes: list[tuple[Row, str | None]]) -> Row:
    """Seats and kept seats of groups of which everything is known."""
    occurrences: dict[str, list[tuple[Row, str]]] = {}
    for seat, found in outcomes:
        if seat["group_key"] is not None and found is not None:
            occurrences.setdefault(seat["group_key"], []).append((seat, found))
    seats_n = kept_n = 0
    for members in occurrences.values():
        kept = sum(found == "kept" for _, found in members)
        capacity = max((seat["capacity"] or 0 for seat, _ in members), default=0)
        if kept and capacity and not any(found in {"unknown_status", "unreviewed"} for _, found in members):
            seats_n += capacity
            kept_n += kept
    return {
        "group_seats_n": seats_n,
        "group_kept_n": kept_n,
        "group_fill_ratio": ratio(Fraction(kept_n), seats_n),
    }


def _window(practice: Practice, monday: date, counts: dict[date, Counter[str]]) -> Row:
    """Sums over the weeks that end with this one."""
    weeks = [monday - timedelta(weeks=n) for n in range(practice.rule("no_show", "window_weeks"))]
    total = sum((counts[w] for w in weeks if w in counts), Counter[str]())
    missed, due = total["no_show"], total["kept"] + total["no_show"]
    low, high = wilson(missed, due, practice.rule("no_show", "confidence"))
    return {f"{name}_4w": total[name] for name in SUMMED} | {
        "no_show_ratio_4w": ratio(Fraction(missed), due),
        "wilson_lo": low,
        "wilson_hi": high,
    }


def wilson(hits: int, n: int, confidence: float) -> tuple[float | None, float | None]:
    if not n:
        return None, None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half
