"""`attendance_week`: what became of the appointments of each clinician and practice week."""

from __future__ import annotations

from statistics import NormalDist

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import in_force, number
from pacekeeper.measures.instant import SECONDS_PER_HOUR, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy, PolicyRevision
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.people import on_local_day, with_person

_DIGITS = 9
_PRACTICE_SIDE = ("clinician", "practice", "system")
_COUNTS = (
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


def attendance_week(tables: CanonicalTables, policy: Policy) -> Table:
    weeks = tables.clinician_week.select("week_id", person_key="clinician_key")
    counts = _counted(_seats(tables), policy)
    rows = weeks.left_join(counts, ["person_key", "week_id"]).drop("person_key_right", "week_id_right")
    rows = with_known(rows, tables, "appointment").rename(clinician_key="person_key")
    rows = rows.mutate(
        **{name: ifelse(rows.knows_appointment, rows[name].fill_null(0), ibis.null("int64")) for name in _COUNTS}
    )
    rows = _rolled(rows, policy)
    return _rates(rows, policy)


def _seats(tables: CanonicalTables) -> Table:
    """Appointments of clients, one per seat, in the local week they start; a meeting of the staff has no client."""
    seats = tables.appointment
    seats = seats.filter(seats.client_key.notnull() & seats.status.notin(["entered_in_error", "rescheduled"]))
    planned = with_person(seats, tables)
    planned = planned.select(
        "person_key",
        "status",
        "cancelled_by",
        start_s=seconds(planned.start_at),
        cancelled_s=seconds(planned.cancelled_at),
    )
    return on_local_day(planned, tables.person_day, at="start_s")


def _counted(seats: Table, policy: Policy) -> Table:
    """Counts by what became of the seat (decision 1.10)."""
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
    fated = seats.mutate(fate=fate)
    return fated.group_by("person_key", "week_id").aggregate(
        scheduled_n=fated.count(), **{name: fated.count(where=fated.fate == name) for name in _COUNTS[1:]}
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
    due = rows.scheduled_n - rows.advance_cancel_n - rows.clinician_cancel_n
    undecided = (rows.unknown_cancel_n > 0) | (rows.unknown_status_n > 0) | (rows.unreviewed_n > 0)
    rows = rows.mutate(
        no_show_ratio=_ratio(rows.no_show_n, rows.kept_n + rows.no_show_n),
        combined_ratio=ifelse(undecided, ibis.null("float64"), _ratio(rows.no_show_n + rows.late_cancel_n, due)),
        no_show_ratio_4w=_ratio(rows.no_show_4w, rows.kept_4w + rows.no_show_4w),
        n_4w=(rows.kept_4w + rows.no_show_4w).nullif(0).cast("float64"),
        definition=in_force(policy, rows.week_id, lambda rev: rev.guardrail("no_show").settings.word("definition")),
        z=number(policy, rows.week_id, _z),
    )
    # Wilson score interval: centre and half width, both over 1 + z^2 / n.
    p, n, z = rows.no_show_ratio_4w, rows.n_4w, rows.z
    centre = p + z * z / (2.0 * n)
    half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt()
    scale = 1.0 + z * z / n
    return rows.mutate(
        wilson_lo=ibis.greatest((centre - half) / scale, 0.0).round(_DIGITS),
        wilson_hi=ibis.least((centre + half) / scale, 1.0).round(_DIGITS),
    )


def _z(revision: PolicyRevision) -> float:
    confidence = revision.guardrail("no_show").settings.number("confidence")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _ratio(numerator: Value, denominator: Value) -> Value:
    return numerator / denominator.nullif(0)


_NO_SEATS = "Null: no source of appointments knows the person."


def _count(name: str, description: str) -> MartColumn:
    return MartColumn(name, "count", "seats", f"{description} {_NO_SEATS}")


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
            "Null: a cancellation or status is not known, or nothing was due.",
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
)
