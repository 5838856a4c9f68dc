"""attendance_month and attendance_band_month: the practice's seats by month (decision 8, M1 to M3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import partial

from tests.oracle.marts.attendance import OUTCOMES, is_refilled, outcome
from tests.oracle.marts.completeness import ended_months, month_bounds
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio

REMOTE = {"video", "audio"}
LEAD_BANDS = ((2, "0-1 days"), (8, "2-7 days"), (15, "8-14 days"), (31, "15-30 days"))
LOST = {"no_show", "late_cancel"}
BY_CLIENT = {"no_show", "late_cancel", "advance_cancel"}


def attendance_month(practice: Practice) -> MartRows:
    seats, facts = _seats(practice), _Facts(practice)
    found: MartRows = {}
    for month in ended_months(practice):
        mine = seats.get(month, [])
        row = counts(mine) | facts.of(mine)
        if not practice.knows(None, "appointment"):
            row = dict.fromkeys(row)
        found[(month,)] = month_bounds(practice, month) | row
    return found


def attendance_band_month(practice: Practice) -> MartRows:
    seats = _seats(practice)
    found: MartRows = {}
    for month in ended_months(practice):
        bands: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for seat in seats.get(month, []):
            bands["modality", seat["modality_planned"]].append(seat)
            bands["lead_time", lead_time(seat)].append(seat)
        for (dimension, band), mine in bands.items():
            found[month, dimension, band] = month_bounds(practice, month) | counts(mine)
    return found


def lead_time(seat: Row) -> str:
    """Band of whole days from booking to start; unknown, too, where it was put on record afterwards."""
    booked = seat["booked_at"]
    if booked is None or booked > seat["start_at"]:
        return "unknown"
    days = (seat["start_at"] - booked) // timedelta(days=1)
    return next((name for below, name in LEAD_BANDS if days < below), "over 30 days")


def _seats(practice: Practice) -> dict[date, list[Row]]:
    """Seats by month of their local day, with what became of them."""
    became = partial(outcome, notice=timedelta(hours=practice.rule("no_show", "late_cancel_window")))
    found: dict[date, list[Row]] = defaultdict(list)
    for person in practice.weeks:
        everything = practice.by_person("appointment").get(person, [])
        for seat in everything:
            what = became(seat)
            if what is not None:
                is_retaken = (
                    what in {"late_cancel", "advance_cancel"}
                    and seat["group_key"] is None
                    and is_refilled(seat, everything)
                )
                month = practice.day(person, seat["start_at"]).replace(day=1)
                found[month].append(seat | {"became": what, "is_refilled": is_retaken})
    return found


def counts(seats: Iterable[Row]) -> Row:
    seats = list(seats)
    n = Counter(seat["became"] for seat in seats)
    due = n.total() - n["advance_cancel"] - n["clinician_cancel"]
    is_known = not (n["unknown_cancel"] or n["unknown_status"] or n["unreviewed"])
    return {f"{name}_n": n[name] for name in OUTCOMES} | {
        "scheduled_n": n.total(),
        "billable_cancel_n": sum(
            bool(seat["is_billable_cancel"]) and seat["status"] in {"cancelled", "no_show"} for seat in seats
        ),
        "no_show_ratio": ratio(Fraction(n["no_show"]), n["kept"] + n["no_show"]),
        "no_show_due_ratio": ratio(Fraction(n["no_show"]), due) if is_known else None,
        "combined_ratio": ratio(Fraction(n["no_show"] + n["late_cancel"]), due) if is_known else None,
    }


class _Facts:
    """What lies beside appointments: reminders, changes, charges."""

    def __init__(self, practice: Practice) -> None:
        names = ("offset_first", "offset_second", "offset_third")
        self.offsets = {timedelta(hours=practice.rule("reminders", name)) for name in names}
        self.tolerance = timedelta(minutes=practice.rule("reminders", "tolerance"))
        self.sent: dict[str, list[Row]] = defaultdict(list)
        for row in practice.rows["reminder"]:
            if row["sent_at"] is not None and row["is_delivered"] is not False:
                self.sent[row["appointment_key"]].append(row)
        self.changed: dict[str, list[Row]] = defaultdict(list)
        for row in practice.rows["appointment_event"]:
            if row["change"] == "modality":
                self.changed[row["appointment_key"]].append(row)
        self.charged = charged_seats(practice)

    def of(self, seats: list[Row]) -> Row:
        kept = [s for s in seats if s["became"] == "kept"]
        told = [s for s in seats if s["booked_via"] not in {"unknown", "import"}]
        online = [s for s in told if s["booked_via"] == "self"]
        switched = [s for s in seats if s["modality_planned"] in REMOTE and self.is_switched(s)]
        at_risk = [s for s in seats if s["modality_planned"] == "in_person" and s["became"] in BY_CLIENT]
        due = [(s, offset) for s in seats for offset in self.offsets if stood(s, s["start_at"] - offset)]
        in_time = [s for s, offset in due if self.is_reminded(s, offset)]
        remote = [s for s in kept if s["modality_planned"] in REMOTE]
        return {
            "refill_n": sum(s["is_refilled"] for s in seats),
            "telehealth_kept_n": len(remote),
            "telehealth_ratio": ratio(Fraction(len(remote)), len(kept)),
            "booked_known_n": len(told),
            "self_booked_n": len(online),
            "self_booked_ratio": ratio(Fraction(len(online)), len(told)),
            "switched_n": len(switched),
            "switch_at_risk_n": len(switched) + len(at_risk),
            "switch_ratio": ratio(Fraction(len(switched)), len(switched) + len(at_risk)),
            "reminders_due_n": len(due),
            "reminders_in_time_n": len(in_time),
            "reminders_in_time_ratio": ratio(Fraction(len(in_time)), len(due)),
            **self.money(seats, kept),
        }

    def is_switched(self, seat: Row) -> bool:
        return any(event["at"] < seat["start_at"] for event in self.changed[seat["appointment_key"]])

    def is_reminded(self, seat: Row, offset: timedelta) -> bool:
        """Whether a reminder went out near the moment by any channel and is not known to have failed."""
        due = seat["start_at"] - offset
        return any(abs(r["sent_at"] - due) <= self.tolerance for r in self.sent[seat["appointment_key"]])

    def money(self, seats: list[Row], kept: list[Row]) -> Row:
        by_code: dict[str | None, list[int]] = defaultdict(list)
        for seat in kept:
            if seat["appointment_key"] in self.charged:
                by_code[seat["service_code"]].append(self.charged[seat["appointment_key"]])
        every = [cents for found in by_code.values() for cents in found]
        if not every:
            return dict.fromkeys(("expected_usd_cents", "lost_usd_cents", "lost_revenue_ratio"))

        def worth(seat: Row) -> Fraction:
            code = seat["service_code"]
            known = every if code is None else by_code.get(code) or every
            return Fraction(sum(known), len(known))

        missed = [
            s for s in seats if s["became"] in LOST and s["is_billable_cancel"] is not True and not s["is_refilled"]
        ]
        lost = sum((worth(s) for s in missed), Fraction(0))
        expected = sum((worth(s) for s in kept), Fraction(0)) + lost
        return {
            "expected_usd_cents": expected,
            "lost_usd_cents": lost,
            "lost_revenue_ratio": ratio(lost, expected),
        }


def stood(seat: Row, moment: datetime) -> bool:
    """Whether a seat was booked and not cancelled at a moment; one cancelled at an unknown time did not stand."""
    if seat["booked_at"] is not None and seat["booked_at"] > moment:
        return False
    return seat["status"] != "cancelled" or bool(seat["cancelled_at"] and seat["cancelled_at"] > moment)


def charged_seats(practice: Practice) -> dict[str, int]:
    """Cents charged by appointment: charges that name it, or a session that kept it."""
    of_session = {s["session_key"]: s["appointment_key"] for s in practice.rows["session"]}
    found: dict[str, int] = defaultdict(int)
    for row in practice.rows["charge"]:
        key = row["appointment_key"] or of_session.get(row["session_key"])
        if row["status"] == "billed" and key is not None:
            found[key] += row["charge_cents"]
    return found
