"""`attendance_month` and `attendance_band_month`: what became of the practice's appointments, month by month."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import SECONDS_PER_DAY, seconds
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.attendance import COUNTS, PERSON_SEAT, attendance_ratios, counted, refilled_seats
from pacekeeper_assets.judging import PRACTICE_MONTH as OF_MONTH
from pacekeeper_assets.judging import band
from pacekeeper_assets.periods import PRACTICE_MONTH
from pacekeeper_assets.practice_facts import needs_of, ratio, where_known, with_practice_known
from pacekeeper_assets.reminders import reminders_due

_REMOTE = ("video", "audio")
_PART_COUNTS = (
    "refill_n",
    "telehealth_kept_n",
    "self_booked_n",
    "booked_known_n",
    "switched_n",
    "switch_at_risk_n",
)
#: Lead time: days from booking to start, by the first day count that is out of the band.
_LEAD_BANDS = ((2, "0-1 days"), (8, "2-7 days"), (15, "8-14 days"), (31, "15-30 days"))


def month_seats(tables: CanonicalTables, policy: Policy) -> Table:
    """Seats with the practice month they start in."""
    seats, months = tables.person_seat, tables.practice_month.select("month_id", "first_no", "last_no")
    joined = seats.inner_join(months, [seats.day_no >= months.first_no, seats.day_no <= months.last_no])
    return joined.drop("first_no", "last_no")


MONTH_SEAT = Step("month_seat", month_seats, (PERSON_SEAT, PRACTICE_MONTH))


def attendance_month(tables: CanonicalTables, policy: Policy) -> Table:
    seats = tables.month_seat
    rows = tables.practice_month.select("month_id", "month_start_at", "month_end_at")
    parts = [
        counted(seats, "month_id"),
        _parts(seats, tables),
        reminders_due(seats, tables, policy),
        _lost_revenue(seats, tables),
    ]
    for part in parts:
        rows = rows.left_join(part, "month_id").drop("month_id_right")
    rows = with_practice_known(rows, tables, "appointment", "appointment_event", "reminder", "charge")
    rows = rows.mutate(
        **{name: where_known(rows.knows_appointment, rows[name]) for name in (*COUNTS, "billable_cancel_n")},
        **{name: where_known(rows.knows_appointment, rows[name]) for name in _PART_COUNTS},
        reminders_due_n=where_known(rows.knows_appointment & rows.knows_reminder, rows.reminders_due_n),
        reminders_in_time_n=where_known(rows.knows_appointment & rows.knows_reminder, rows.reminders_in_time_n),
    )
    rows = rows.mutate(
        **{
            name: ifelse(rows.knows_appointment_event, rows[name], ibis.null("int64"))
            for name in ("switched_n", "switch_at_risk_n")
        }
    )
    return rows.mutate(
        **attendance_ratios(rows),
        telehealth_ratio=ratio(rows.telehealth_kept_n, rows.kept_n),
        self_booked_ratio=ratio(rows.self_booked_n, rows.booked_known_n),
        switch_ratio=ratio(rows.switched_n, rows.switch_at_risk_n),
        reminders_in_time_ratio=ratio(rows.reminders_in_time_n, rows.reminders_due_n),
        lost_revenue_ratio=ratio(rows.lost_usd_cents, rows.expected_usd_cents),
    )


def _parts(seats: Table, tables: CanonicalTables) -> Table:
    refilled = refilled_seats(seats).mutate(refilled=literal("yes"))
    events = tables.appointment_event
    changed = events.filter(events.change == "modality").select("appointment_key", changed_s=seconds(events.at))
    early = seats.select("appointment_key", "start_s").inner_join(changed, "appointment_key")
    early = early.filter(early.changed_s < early.start_s).select("appointment_key").distinct()
    marked = seats.left_join(refilled, "appointment_key").drop("appointment_key_right")
    marked = marked.left_join(early.mutate(changed=literal("yes")), "appointment_key")
    is_switched = marked.changed.notnull() & marked.modality_planned.isin(_REMOTE)
    is_given_up = (marked.modality_planned == "in_person") & marked.fate.isin(
        ["no_show_n", "late_cancel_n", "advance_cancel_n"]
    )
    return marked.group_by("month_id").aggregate(
        refill_n=marked.count(where=marked.refilled.notnull()),
        telehealth_kept_n=marked.count(where=(marked.status == "kept") & marked.modality_planned.isin(_REMOTE)),
        self_booked_n=marked.count(where=marked.booked_via == "self"),
        booked_known_n=marked.count(where=~marked.booked_via.isin(["unknown", "import"])),
        switched_n=marked.count(where=is_switched),
        switch_at_risk_n=marked.count(where=is_switched | is_given_up),
    )


def _lost_revenue(seats: Table, tables: CanonicalTables) -> Table:
    """Expected charges of seats that were kept, or missed and not refilled; and of the latter alone."""
    charges = tables.charge.filter(tables.charge.status == "billed")
    kept_by = tables.session.filter(tables.session.appointment_key.notnull())
    kept_by = kept_by.select("session_key", session_appointment="appointment_key")
    charges = charges.left_join(kept_by, "session_key")
    charged = charges.mutate(seat=ibis.coalesce(charges.appointment_key, charges.session_appointment))
    charged = charged.group_by("seat").aggregate(fee=charged.charge_cents.sum())
    kept = seats.filter(seats.status == "kept").inner_join(
        charged, seats.filter(seats.status == "kept").appointment_key == charged.seat
    )
    by_code = kept.group_by("month_id", "service_code").aggregate(code_fee=kept.fee.mean())
    by_month = kept.group_by("month_id").aggregate(month_fee=kept.fee.mean())
    is_missed = seats.fate.isin(["no_show_n", "late_cancel_n"]) & ~ibis.coalesce(
        seats.is_billable_cancel, literal(value=False)
    )
    due = seats.filter((seats.status == "kept") | is_missed).mutate(is_missed=is_missed)
    due = due.anti_join(refilled_seats(seats), "appointment_key")
    due = due.left_join(by_code, ["month_id", "service_code"]).drop("month_id_right", "service_code_right")
    due = due.inner_join(by_month, "month_id")
    due = due.mutate(fee=ibis.coalesce(due.code_fee, due.month_fee))
    return due.group_by("month_id").aggregate(
        expected_usd_cents=due.fee.sum(), lost_usd_cents=due.fee.sum(where=due.is_missed).fill_null(0.0)
    )


def attendance_band_month(tables: CanonicalTables, policy: Policy) -> Table:
    seats = tables.month_seat
    days = (seats.start_s - seats.booked_s) // SECONDS_PER_DAY
    lead_time = ibis.cases(
        (seats.booked_s.isnull() | (days < 0), literal("unknown")),
        *((days < below, literal(name)) for below, name in _LEAD_BANDS),
        else_=literal("over 30 days"),
    )
    bands = {"modality": seats.modality_planned, "lead_time": lead_time}
    parts = [
        counted(banded, "month_id", "dimension", "band")
        for banded in (seats.mutate(dimension=literal(name), band=value) for name, value in bands.items())
    ]
    months = tables.practice_month.select("month_id", "month_start_at", "month_end_at")
    rows = ibis.union(*parts).inner_join(months, "month_id")
    return rows.mutate(**attendance_ratios(rows))


_SEAT = Input("appointment", ("clinician_key", "client_key", "start_at", "status"))
_CANCEL = Input("appointment", ("cancelled_at", "cancelled_by"))
_COUNTED = needs_of(_SEAT)
_MISSED = needs_of(_SEAT, _CANCEL)
_NO_SEATS = "Null: no source of appointments has been read."


def _count(name: str, description: str, needs: Needs, rules: tuple[str, ...] = (), unit: str = "seats") -> MartColumn:
    return MartColumn(name, "count", unit, f"{description} {_NO_SEATS}", needs=needs, rules=rules)


def _ratio(name: str, description: str, needs: Needs, rules: tuple[str, ...]) -> MartColumn:
    return MartColumn(name, "number", "ratio", f"{description} Null: the denominator is 0 or not known.", needs, rules)


_MONTH = (
    MartColumn("month_id", "date", "", "First local day of the month, in the practice's zone."),
    MartColumn("month_start_at", "instant", "UTC", "First moment of the month."),
    MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
)
_FATES = (
    _count("scheduled_n", "Seats as `attendance_week` counts them, by the local day they start.", _COUNTED),
    _count("kept_n", "Seats with status kept.", _COUNTED),
    _count("no_show_n", "Seats missed, or cancelled by the client at the start or later.", _MISSED, ("T01",)),
    _count("late_cancel_n", "Cancelled by the client with less notice than the policy's.", _MISSED, ("T02",)),
    _count("advance_cancel_n", "Cancelled by the client with that notice or more.", _MISSED),
    _count("clinician_cancel_n", "Cancelled by clinician, practice or system.", _MISSED),
    _count("unknown_cancel_n", "Cancelled, with the canceller or the client's time not known.", _MISSED),
    _count("unknown_status_n", "Seats of unknown status.", _COUNTED),
    _count("unreviewed_n", "Seats that show the source's default, and nobody reviewed.", _COUNTED),
    _count("still_booked_n", "Seats still booked although the month is over.", _COUNTED),
    _count(
        "billable_cancel_n",
        "Missed or cancelled seats that are charged.",
        needs_of(_SEAT, Input("appointment", ("is_billable_cancel",))),
        ("T02",),
    ),
)
_RATES = (
    _ratio("no_show_ratio", "no_show_n / (kept_n + no_show_n), definition A.", _MISSED, ("T01",)),
    _ratio(
        "no_show_due_ratio",
        "no_show_n / (scheduled_n - advance_cancel_n - clinician_cancel_n), definition B; null while a cancellation "
        "or status is not known.",
        _MISSED,
        ("T01",),
    ),
    _ratio(
        "combined_ratio",
        "(no_show_n + late_cancel_n) / (scheduled_n - advance_cancel_n - clinician_cancel_n), definition C; null while "
        "a cancellation or status is not known.",
        _MISSED,
        ("T02",),
    ),
)
_BOOKED_VIA = needs_of(_SEAT, Input("appointment", ("booked_via",)))
_MODALITY = needs_of(_SEAT, Input("appointment", ("modality_planned",)))
_SWITCHED = needs_of(
    _SEAT, Input("appointment", ("modality_planned",)), Input("appointment_event", ("appointment_key", "at", "change"))
)
_REMINDED = needs_of(_SEAT, Input("reminder", ("appointment_key", "sent_at")))
_CHARGED = Input("charge", ("charge_cents", "session_key"))
_LOST = needs_of(
    _SEAT,
    _CANCEL,
    (_CHARGED, Input("charge", ("charge_cents", "appointment_key"))),
    Input("session", ("appointment_key",)),
)
_STEPS = (PERSON_SEAT, PRACTICE_MONTH, MONTH_SEAT)
_INPUTS = ("clinician_week", "practice", "calendar_day", "clinician", "person_match", "appointment")

ATTENDANCE_MONTH = Mart(
    name="attendance_month",
    description="What became of the practice's appointments in a month, how they were booked and what was lost.",
    grain="one row per whole month that has ended, of the whole practice",
    primary_key=("month_id",),
    inputs=(*_INPUTS, "appointment_event", "reminder", "charge", "session"),
    steps=_STEPS,
    build=attendance_month,
    columns=(
        *_MONTH,
        *_FATES,
        *_RATES,
        _count(
            "refill_n",
            "Seats that a client cancelled and that somebody else took afterwards, as in `attendance_week`.",
            needs_of(_SEAT, _CANCEL, Input("appointment", ("booked_at", "end_at"))),
            ("T03",),
        ),
        _count("telehealth_kept_n", "Kept seats planned by video or telephone.", _MODALITY, ("T09",)),
        _ratio("telehealth_ratio", "telehealth_kept_n / kept_n.", _MODALITY, ("T09",)),
        _count(
            "booked_known_n",
            "Seats of which it is known how they were booked; an import does not tell.",
            _BOOKED_VIA,
            ("T07",),
        ),
        _count("self_booked_n", "Seats that clients booked themselves, online.", _BOOKED_VIA, ("T07",)),
        _ratio("self_booked_ratio", "self_booked_n / booked_known_n.", _BOOKED_VIA, ("T07",)),
        _count(
            "switched_n",
            "Seats by video or telephone whose modality was changed before the start, taken for former visits in "
            "person (decision 8).",
            _SWITCHED,
            ("T08",),
        ),
        _count(
            "switch_at_risk_n",
            "switched_n, and seats in person that the client cancelled or missed.",
            _SWITCHED,
            ("T08",),
        ),
        _ratio("switch_ratio", "switched_n / switch_at_risk_n.", _SWITCHED, ("T08",)),
        _count(
            "reminders_due_n",
            "Seats times the policy's reminder offsets, as far as the seat was booked and stood at that time before "
            "its start; a seat of unknown booking time counts as booked.",
            _REMINDED,
            ("T06",),
            "reminders",
        ),
        _count(
            "reminders_in_time_n",
            "Of them, those with a reminder sent by any channel within the policy's tolerance and not known to have "
            "failed.",
            _REMINDED,
            ("T06",),
            "reminders",
        ),
        _ratio("reminders_in_time_ratio", "reminders_in_time_n / reminders_due_n.", _REMINDED, ("T06",)),
        MartColumn(
            "expected_usd_cents",
            "number",
            "cents",
            "Charges expected for seats that were kept, or missed or cancelled late, not charged and not refilled: the "
            "mean charge of kept seats of the same service code in the month, else of all of them. Null: no kept seat "
            "has a charge.",
            _LOST,
            ("T03",),
        ),
        MartColumn(
            "lost_usd_cents",
            "number",
            "cents",
            "The part of expected_usd_cents that was missed or cancelled late. Null as that.",
            _LOST,
            ("T03",),
        ),
        _ratio("lost_revenue_ratio", "lost_usd_cents / expected_usd_cents.", _LOST, ("T03",)),
    ),
)

ATTENDANCE_BAND_MONTH = Mart(
    name="attendance_band_month",
    description="What became of the practice's appointments in a month, by planned modality and by lead time.",
    grain="one row per month, dimension (modality, lead_time) and band that has a seat",
    primary_key=("month_id", "dimension", "band"),
    inputs=_INPUTS,
    steps=_STEPS,
    build=attendance_band_month,
    columns=(
        *_MONTH,
        MartColumn(
            "dimension", "text", "", "modality: as planned; lead_time: whole days of 24 hours from booking to start."
        ),
        MartColumn("band", "text", "", "The modality, or the band of days; unknown where it is not told."),
        *_FATES,
        *_RATES,
    ),
)

COMBINED_LOSS = band(
    "combined_loss",
    mart="attendance_month",
    value="combined_ratio",
    numerator="no_show_n",
    denominator="scheduled_n",
    needs=_MISSED,
    grain=OF_MONTH,
)
REMINDERS = band(
    "reminders",
    mart="attendance_month",
    value="reminders_in_time_ratio",
    numerator="reminders_in_time_n",
    denominator="reminders_due_n",
    needs=_REMINDED,
    grain=OF_MONTH,
    side="below",
)

MARTS: tuple[Mart, ...] = (ATTENDANCE_MONTH, ATTENDANCE_BAND_MONTH)
GUARDRAILS: tuple[Guardrail, ...] = (COMBINED_LOSS, REMINDERS)
