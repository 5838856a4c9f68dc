"""`reminder_month`: reminders sent in time, by offset and channel."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.in_force import number
from pacekeeper.measures.instant import SECONDS_PER_HOUR, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.periods import PRACTICE_MONTH
from pacekeeper_assets.practice_facts import needs_of, ratio

_OFFSETS = ("offset_first", "offset_second", "offset_third")
_SECONDS_PER_MINUTE = 60


def reminders_due(seats: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """Per month: reminders that the policy asks for, and those sent in time (`reminders_due_n`, `..._in_time_n`)."""
    asked = [
        seats.select(
            "month_id",
            "week_id",
            "appointment_key",
            "status",
            "booked_s",
            "cancelled_s",
            due_s=seats.start_s - _hours(policy, seats.week_id, name),
        )
        for name in _OFFSETS
    ]
    # Two offsets of the same length are one.
    due = ibis.union(*asked, distinct=True)
    stood = (due.status != "cancelled") | ibis.coalesce(due.cancelled_s > due.due_s, literal(value=False))
    due = due.filter(stood & ibis.coalesce(due.booked_s <= due.due_s, literal(value=True)))
    sent = tables.reminder.filter(ibis.coalesce(tables.reminder.is_delivered, literal(value=True)))
    sent = sent.select("appointment_key", sent_s=seconds(sent.sent_at))
    met = due.inner_join(sent, "appointment_key")
    met = met.filter((met.sent_s - met.due_s).abs() <= _tolerance(policy, met.week_id))
    kept = met.select("appointment_key", "due_s", in_time=literal("yes")).distinct()
    counted = due.left_join(kept, ["appointment_key", "due_s"])
    return counted.group_by("month_id").aggregate(
        reminders_due_n=counted.count(), reminders_in_time_n=counted.count(where=counted.in_time.notnull())
    )


def reminder_month(tables: CanonicalTables, policy: Policy) -> Table:
    sent = tables.reminder.mutate(due_s=seconds(tables.reminder.due_at), sent_s=seconds(tables.reminder.sent_at))
    months = tables.practice_month.select(
        "month_id",
        "month_start_at",
        "month_end_at",
        month_from_s=seconds(tables.practice_month.month_start_at),
        month_to_s=seconds(tables.practice_month.month_end_at),
    )
    rows = sent.inner_join(months, [sent.due_s >= months.month_from_s, sent.due_s < months.month_to_s])
    is_in_time = (rows.sent_s - rows.due_s).abs() <= _tolerance(policy, rows.month_id)
    rows = rows.mutate(is_in_time=ibis.coalesce(is_in_time, literal(value=False)))
    found = rows.group_by("month_id", "month_start_at", "month_end_at", "offset_h", "channel").aggregate(
        reminders_n=rows.count(),
        in_time_n=rows.count(where=rows.is_in_time),
        delivered_n=rows.count(where=rows.is_delivered),
        delivery_known_n=rows.count(where=rows.is_delivered.notnull()),
        confirmed_n=rows.count(where=rows.is_confirmed),
    )
    return found.mutate(
        in_time_ratio=ratio(found.in_time_n, found.reminders_n),
        delivered_ratio=ratio(found.delivered_n, found.delivery_known_n),
    )


def _hours(policy: Policy, day: Value, setting: str) -> Value:
    length: Value = number(policy, day, lambda rev: rev.guardrail("reminders").settings.number(setting))
    return (length * SECONDS_PER_HOUR).cast("int64")


def _tolerance(policy: Policy, day: Value) -> Value:
    length = number(policy, day, lambda rev: rev.guardrail("reminders").settings.number("tolerance"))
    return (length * _SECONDS_PER_MINUTE).cast("int64")


def _counts(*columns: tuple[str, str, tuple[str, ...]]) -> tuple[MartColumn, ...]:
    return tuple(
        MartColumn(
            name,
            "count",
            "reminders",
            f"{description} Never null: a row has at least one reminder.",
            needs=needs_of(Input("reminder", ("due_at", "offset_h", "channel", *read))),
            rules=("T06",),
        )
        for name, description, read in columns
    )


REMINDER_MONTH = Mart(
    name="reminder_month",
    description="Reminders of appointments that were due in a month, by offset and channel.",
    grain="one row per month, offset and channel that has a reminder",
    primary_key=("month_id", "offset_h", "channel"),
    inputs=("clinician_week", "practice", "calendar_day", "reminder"),
    steps=(PRACTICE_MONTH,),
    build=reminder_month,
    columns=(
        MartColumn("month_id", "date", "", "First local day of the month in which the reminder was due."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn(
            "offset_h",
            "count",
            "hours",
            "Hours before the start at which it was due.",
            needs=needs_of(Input("reminder", ("offset_h",))),
            rules=("T06",),
        ),
        MartColumn("channel", "text", "", "Way it was to be sent."),
        *_counts(
            ("reminders_n", "Reminders that the source had planned.", ()),
            ("in_time_n", "Sent at due_at, give or take policy reminders.tolerance.", ("sent_at",)),
            ("delivered_n", "Known to have arrived.", ("is_delivered",)),
            ("delivery_known_n", "Known to have arrived or not.", ("is_delivered",)),
            ("confirmed_n", "That the client confirmed.", ("is_confirmed",)),
        ),
        MartColumn(
            "in_time_ratio",
            "number",
            "ratio",
            "in_time_n / reminders_n. Never null.",
            needs=needs_of(Input("reminder", ("due_at", "sent_at"))),
            rules=("T06",),
        ),
        MartColumn(
            "delivered_ratio",
            "number",
            "ratio",
            "delivered_n / delivery_known_n. Null: the source tells of none.",
            needs=needs_of(Input("reminder", ("is_delivered",))),
            rules=("T06",),
        ),
    ),
)
