"""`attendance_week`: what became of the appointments of each clinician and practice week."""

from __future__ import annotations

from statistics import NormalDist

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import in_force, number
from pacekeeper.measures.instant import SECONDS_PER_HOUR, seconds
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy, PolicyRevision
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.people import on_local_day, with_person
from pacekeeper_assets.practice_facts import ratio
from pacekeeper_assets.productivity import PERSON_DAY

_DIGITS = 9
_PRACTICE_SIDE = ("clinician", "practice", "system")
COUNTS = (
    "scheduled_n",
    "kept_n",
    "no_show_n",
    "late_cancel_n",
    "advance_cancel_n",
    "clinician_cancel_n",
    "unknown_cancel_n",
    "unknown_status_n",
    "unreviewed_n",
    "still_booked_n",
)
_EXTRAS = ("billable_cancel_n", "refill_n", "group_seats_n", "group_kept_n")
_UNDECIDED = ("unknown", "unreviewed", "booked")


def person_seat(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per seat in the local week and day it starts, with `fate`."""
    return _with_fate(on_local_day(_planned_seats(tables), tables.person_day, at="start_s"), policy)


PERSON_SEAT = Step("person_seat", person_seat, (PERSON_DAY,))


def attendance_week(tables: CanonicalTables, policy: Policy) -> Table:
    weeks = tables.clinician_week.select("week_id", person_key="clinician_key")
    seats = tables.person_seat
    rows = weeks
    for part in (counted(seats, "person_key", "week_id"), _refilled(seats), _group_seats(seats)):
        rows = rows.left_join(part, ["person_key", "week_id"]).drop("person_key_right", "week_id_right")
    rows = with_known(rows, tables, "appointment").rename(clinician_key="person_key")
    rows = rows.mutate(
        **{
            name: ifelse(rows.knows_appointment, rows[name].fill_null(0), ibis.null("int64"))
            for name in (*COUNTS, *_EXTRAS)
        }
    )
    rows = _rolled(rows, policy)
    return _rates(rows, policy)


def _planned_seats(tables: CanonicalTables) -> Table:
    """Appointments of clients with known clinicians, one per seat; a meeting of the staff has no client."""
    seats = tables.appointment
    seats = seats.filter(seats.client_key.notnull() & seats.status.notin(["entered_in_error", "rescheduled"]))
    planned = with_person(seats, tables)
    return planned.select(
        "person_key",
        "appointment_key",
        "group_key",
        "capacity",
        "status",
        "cancelled_by",
        "is_billable_cancel",
        "modality_planned",
        "service_code",
        "booked_via",
        start_s=seconds(planned.start_at),
        end_s=seconds(planned.end_at),
        booked_s=seconds(planned.booked_at),
        cancelled_s=seconds(planned.cancelled_at),
    )


def _with_fate(seats: Table, policy: Policy) -> Table:
    """The seats with `fate`: the name of the count that each is in (decision 1.10)."""
    window_s = number(
        policy,
        seats.week_id,
        lambda rev: rev.guardrail("no_show").settings.number("late_cancel_window") * SECONDS_PER_HOUR,
    )
    notice_s = seats.start_s - seats.cancelled_s
    by_client = (seats.status == "cancelled") & (seats.cancelled_by == "client")
    by_practice = (seats.status == "cancelled") & ibis.coalesce(
        seats.cancelled_by.isin(_PRACTICE_SIDE), literal(value=False)
    )
    fate = ibis.cases(
        (seats.status == "kept", literal("kept_n")),
        (seats.status == "no_show", literal("no_show_n")),
        (seats.status == "booked", literal("still_booked_n")),
        (seats.status == "unreviewed", literal("unreviewed_n")),
        (by_client & (notice_s <= 0), literal("no_show_n")),
        (by_client & (notice_s < window_s), literal("late_cancel_n")),
        (by_client & (notice_s >= window_s), literal("advance_cancel_n")),
        (by_practice, literal("clinician_cancel_n")),
        (seats.status == "cancelled", literal("unknown_cancel_n")),
        else_=literal("unknown_status_n"),
    )
    return seats.mutate(fate=fate)


def counted(seats: Table, *by: str) -> Table:
    """Counts by what became of the seats, and how many of the missed ones are charged."""
    is_charged = ibis.coalesce(seats.is_billable_cancel, literal(value=False))
    return seats.group_by(*by).aggregate(
        scheduled_n=seats.count(),
        billable_cancel_n=seats.count(where=is_charged & seats.status.isin(["cancelled", "no_show"])),
        **{name: seats.count(where=seats.fate == name) for name in COUNTS[1:]},
    )


def refilled_seats(seats: Table) -> Table:
    """Keys of single seats that the client cancelled and somebody else took: `appointment_key`.

    The clinician has an appointment there that was booked after the cancellation, and it was kept or missed.
    """
    given_up = seats.filter(
        seats.fate.isin(["late_cancel_n", "advance_cancel_n"]) & seats.group_key.isnull() & seats.end_s.notnull()
    )
    taken = seats.filter(seats.status.isin(["kept", "no_show"])).select(
        "person_key", "day_no", taken_from_s="start_s", taken_to_s="end_s", taken_booked_s="booked_s"
    )
    met = given_up.inner_join(taken, ["person_key", "day_no"])
    met = met.filter(
        (met.taken_from_s < met.end_s) & (met.taken_to_s > met.start_s) & (met.taken_booked_s >= met.cancelled_s)
    )
    return met.select("appointment_key").distinct()


def _refilled(seats: Table) -> Table:
    kept = seats.semi_join(refilled_seats(seats), "appointment_key")
    return kept.group_by("person_key", "week_id").aggregate(refill_n=kept.count())


def _group_seats(seats: Table) -> Table:
    """Seats and attendance of group occurrences that took place, of known capacity and with every seat decided."""
    of_group = seats.filter(seats.group_key.notnull())
    occurrences = of_group.group_by("person_key", "week_id", "group_key", "start_s").aggregate(
        capacity=of_group.capacity.max(),
        kept_n=of_group.count(where=of_group.status == "kept"),
        undecided_n=of_group.count(where=of_group.status.isin(_UNDECIDED)),
    )
    held = occurrences.filter(
        occurrences.capacity.notnull() & (occurrences.kept_n > 0) & (occurrences.undecided_n == 0)
    )
    return held.group_by("person_key", "week_id").aggregate(
        group_seats_n=held.capacity.sum(), group_kept_n=held.kept_n.sum()
    )


def _rolled(rows: Table, policy: Policy) -> Table:
    """Sums over the policy's window of weeks ending with the judged one; weeks before the spine hold nothing."""

    def rolling(column: str) -> Value:
        def over(rev: PolicyRevision) -> Value:
            before = rev.guardrail("no_show").settings.whole("window_weeks") - 1
            window = ibis.window(group_by="clinician_key", order_by="week_id", preceding=before, following=0)
            return rows[column].sum().over(window)

        return in_force(policy, rows.week_id, over)

    return rows.mutate(
        kept_4w=rolling("kept_n"),
        no_show_4w=rolling("no_show_n"),
        unknown_status_4w=rolling("unknown_status_n"),
        unreviewed_4w=rolling("unreviewed_n"),
    )


def _rates(rows: Table, policy: Policy) -> Table:
    rows = rows.mutate(
        **attendance_ratios(rows),
        group_fill_ratio=ratio(rows.group_kept_n, rows.group_seats_n),
        no_show_ratio_4w=ratio(rows.no_show_4w, rows.kept_4w + rows.no_show_4w),
        n_4w=(rows.kept_4w + rows.no_show_4w).nullif(0).cast("float64"),
        definition=in_force(policy, rows.week_id, lambda rev: rev.guardrail("no_show").settings.word("definition")),
        z=number(policy, rows.week_id, _z),
    )
    # Wilson score interval: centre and half width, both over 1 + z^2 / n.
    p, n, z = rows.no_show_ratio_4w, rows.n_4w, rows.z
    centre = p + z * z / (2.0 * n)
    half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt()
    scale = 1.0 + z * z / n
    lo, hi = (centre - half) / scale, (centre + half) / scale
    # Of a null and a number, SQL calls the number the greatest.
    return rows.mutate(
        wilson_lo=ifelse(lo < 0.0, 0.0, lo).round(_DIGITS), wilson_hi=ifelse(hi > 1.0, 1.0, hi).round(_DIGITS)
    )


def attendance_ratios(rows: Table) -> dict[str, Value]:
    """Definitions A, B and C of the rate of missed appointments, from counts."""
    due = rows.scheduled_n - rows.advance_cancel_n - rows.clinician_cancel_n
    undecided = (rows.unknown_cancel_n > 0) | (rows.unknown_status_n > 0) | (rows.unreviewed_n > 0)

    def of_due(missed: Value) -> Value:
        return ifelse(undecided, ibis.null("float64"), ratio(missed, due))

    return {
        "no_show_ratio": ratio(rows.no_show_n, rows.kept_n + rows.no_show_n),
        "no_show_due_ratio": of_due(rows.no_show_n),
        "combined_ratio": of_due(rows.no_show_n + rows.late_cancel_n),
    }


def _z(revision: PolicyRevision) -> float:
    confidence = revision.guardrail("no_show").settings.number("confidence")
    return NormalDist().inv_cdf((1 + confidence) / 2)


_SEAT_KNOWN = "Null: a cancellation or status is not known, or nothing was due."
_NO_SEATS = "Null: no source of appointments knows the person."


def _count(name: str, description: str) -> MartColumn:
    return MartColumn(name, "count", "seats", f"{description} {_NO_SEATS}")


def _of_seats(*columns: str) -> Needs:
    seat = Input("appointment", ("clinician_key", "client_key", "start_at", *columns))
    return Needs(subjects=(Input("clinician", ("clinician_key",)),), required=((seat,),))


_DUE = _of_seats("status", "cancelled_at", "cancelled_by")
_GROUP = _of_seats("status", "group_key", "capacity")

ATTENDANCE_WEEK = Mart(
    name="attendance_week",
    description="What became of the appointments that start in a practice week, per client seat, and no-show rates.",
    grain="one row per clinician (a person, across sources) and ended practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=("clinician_week", "appointment", "clinician", "person_match"),
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("week_id", "date", "", "First local day of the practice week."),
        _count(
            "scheduled_n",
            "Appointments of a client that start in the week; entered in error or rescheduled left out.",
        ),
        _count("kept_n", "Seats with status kept."),
        _count("no_show_n", "Seats with status no_show, or cancelled by the client at the start or later."),
        _count("late_cancel_n", "Cancelled by the client less than policy no_show.late_cancel_window before."),
        _count("advance_cancel_n", "Cancelled by the client with that notice or more."),
        _count("clinician_cancel_n", "Cancelled by clinician, practice or system."),
        _count("unknown_cancel_n", "Cancelled, with the time (by a client) or the canceller not known: not guessed."),
        _count("unknown_status_n", "Seats of unknown status; in no denominator (decision 1.10)."),
        _count(
            "unreviewed_n",
            "Seats that show what the source gives by default, and nobody reviewed; in no denominator (decision 5).",
        ),
        _count("still_booked_n", "Seats still booked although the week is over; in no denominator of no_show_ratio."),
        MartColumn(
            "no_show_ratio",
            "number",
            "ratio",
            "no_show_n / (kept_n + no_show_n), definition A. Null: none kept and none missed.",
        ),
        MartColumn("definition", "text", "", "Definition behind no_show_ratio (policy no_show.definition)."),
        MartColumn(
            "combined_ratio",
            "number",
            "ratio",
            "(no_show_n + late_cancel_n) / (scheduled_n - advance_cancel_n - clinician_cancel_n), definition C. "
            f"{_SEAT_KNOWN}",
        ),
        MartColumn(
            "no_show_due_ratio",
            "number",
            "ratio",
            "no_show_n / (scheduled_n - advance_cancel_n - clinician_cancel_n), definition B. " + _SEAT_KNOWN,
            needs=_DUE,
            rules=("T01",),
        ),
        MartColumn(
            "billable_cancel_n",
            "count",
            "seats",
            f"Seats that were not kept and are charged; no time of theirs is direct time. {_NO_SEATS}",
            needs=_of_seats("is_billable_cancel"),
            rules=("T02",),
        ),
        MartColumn(
            "refill_n",
            "count",
            "seats",
            "Seats that a client cancelled before the start and in whose place the clinician kept or awaited an "
            f"appointment booked after the cancellation; group seats left out. {_NO_SEATS}",
            needs=_of_seats("cancelled_at", "cancelled_by", "booked_at", "end_at"),
            rules=("T03",),
        ),
        MartColumn(
            "group_seats_n",
            "count",
            "seats",
            "Capacity of the group occurrences with at least one kept seat, a known capacity and no seat of "
            f"unknown outcome. {_NO_SEATS}",
            needs=_GROUP,
            rules=("T15",),
        ),
        MartColumn(
            "group_kept_n",
            "count",
            "seats",
            f"Kept seats of those occurrences. {_NO_SEATS}",
            needs=_GROUP,
            rules=("T15",),
        ),
        MartColumn(
            "group_fill_ratio",
            "number",
            "ratio",
            "group_kept_n / group_seats_n. Null: no such occurrence.",
            needs=_GROUP,
            rules=("T15",),
        ),
        _count("kept_4w", "kept_n summed over the four weeks ending with this one (policy no_show.window_weeks)."),
        _count("no_show_4w", "no_show_n summed over the same weeks."),
        _count("unknown_status_4w", "unknown_status_n summed over the same weeks; above 0 the verdict is unknown."),
        _count("unreviewed_4w", "unreviewed_n summed over the same weeks; above 0 the verdict is unknown."),
        MartColumn(
            "no_show_ratio_4w",
            "number",
            "ratio",
            "no_show_4w / (kept_4w + no_show_4w): sum over sum. Null: none kept and none missed.",
        ),
        MartColumn(
            "wilson_lo",
            "number",
            "ratio",
            "Lower end of the Wilson interval of no_show_ratio_4w (policy no_show.confidence). Null as the ratio.",
        ),
        MartColumn("wilson_hi", "number", "ratio", "Upper end of that interval. Null as the ratio."),
    ),
    build=attendance_week,
    steps=(PERSON_SEAT,),
)
