"""`client_no_show_week`: appointments that a client missed in a row, and whether anybody reached out."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.care import CARE_EPISODE, CLIENT_SESSION, NONE, with_episode, with_practice_day
from pacekeeper_assets.judging import Grain, band
from pacekeeper_assets.people import crosswalk, week, with_client_person
from pacekeeper_assets.periods import PRACTICE_DAY

RUN_FROM = 2
_WORKDAYS = 5
_NOT_A_SEAT = ("entered_in_error", "rescheduled")
_NOT_SENT = ("preparation", "stopped", "entered_in_error")


def business_day(tables: CanonicalTables, policy: Policy) -> Table:
    """Local days of the practice with `business_no`: Mondays to Fridays so far on which the whole practice was open."""
    closed = tables.practice_closure
    closed = closed.filter(closed.location_key.isnull() & closed.start_at.isnull())
    closed = closed.select(closed_from=day_number(closed.from_date), closed_to=day_number(closed.to_date))
    days = tables.practice_day.select("day_no", "from_s", "to_s", "ends_at", "day")
    shut = days.select("day_no").inner_join(
        closed, [days.day_no >= closed.closed_from, days.day_no <= closed.closed_to]
    )
    shut = shut.select(shut_no="day_no").distinct()
    joined = days.left_join(shut, days.day_no == shut.shut_no)
    is_open = (joined.day.day_of_week.index() < _WORKDAYS) & joined.shut_no.isnull()
    opened = joined.mutate(is_open=is_open, open_n=ifelse(is_open, literal(1, "int64"), literal(0, "int64")))
    so_far = ibis.window(order_by="day_no", rows=(None, 0))
    return opened.select(
        "day_no",
        "from_s",
        "to_s",
        "ends_at",
        "day",
        "is_open",
        business_no=opened.open_n.sum().over(so_far).cast("int64"),
    )


def missed_run(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per missed appointment: `run_no` within client and episode, and `place` in the run, from 1.

    A kept appointment ends a run, and so does one of which nobody can tell. What the practice cancelled, or the client
    in time, changes nothing; a late cancel does what the policy says.
    """
    rail = policy.guardrail("no_show_run").settings
    window_s = int(policy.guardrail("no_show").settings.number("late_cancel_window") * 3600)
    seats = tables.appointment
    seats = seats.filter(
        seats.client_key.notnull()
        & seats.status.notin(_NOT_A_SEAT)
        & (seconds(seats.start_at) <= seconds(tables.as_of))
    )
    seats = with_client_person(seats, tables)
    links = crosswalk(tables).select("clinician_key", "person_key")
    seats = seats.left_join(links, "clinician_key")
    seats = seats.select(
        "appointment_key",
        "client_key",
        "episode_key",
        clinician_key=seats.person_key.coalesce(literal(NONE)),
        start_at=seats.start_at,
        start_s=seconds(seats.start_at),
        fate=_fate(seats, rail.word("late_cancel"), window_s),
    )
    seats = seats.filter(seats.fate != "skip")
    seats = with_episode(with_practice_day(seats, tables, at="start_s"), tables, key="appointment_key")
    by = ["client_key", "episode_key"]
    so_far = ibis.window(group_by=by, order_by=["start_s", "appointment_key"], rows=(None, 0))
    seats = seats.mutate(run_no=ifelse(seats.fate == "missed", 0, 1).sum().over(so_far).cast("int64"))
    missed = seats.filter(seats.fate == "missed")
    in_run = ibis.window(group_by=[*by, "run_no"], order_by=["start_s", "appointment_key"])
    return missed.mutate(place=ibis.row_number().over(in_run) + 1)


def _fate(seats: Table, late_cancel: str, window_s: int) -> Value:
    notice_s = seconds(seats.start_at) - seconds(seats.cancelled_at)
    by_client = ibis.coalesce((seats.status == "cancelled") & (seats.cancelled_by == "client"), literal(value=False))
    is_at_start = ibis.coalesce(notice_s <= 0, literal(value=False))
    is_late = ibis.coalesce(notice_s < window_s, literal(value=False))
    late = {"break": "kept", "count": "missed", "skip": "skip"}[late_cancel]
    return ibis.cases(
        (seats.status == "kept", literal("kept")),
        (seats.status == "no_show", literal("missed")),
        (by_client & is_at_start, literal("missed")),
        (by_client & is_late, literal(late)),
        (seats.status == "cancelled", literal("skip")),
        else_=literal("unclear"),
    )


def outreach(tables: CanonicalTables) -> Table:
    """When somebody turned to a client, or the client came: `client_key`, `reached_s`."""
    alerts = with_client_person(tables.clinical_alert, tables).select("alert_key", "client_key")
    actions = tables.alert_action.filter(tables.alert_action.action == "outreach")
    acted = actions.inner_join(alerts, "alert_key")
    sent = tables.message
    is_sent = (sent.direction == "out") & ibis.coalesce(sent.status.notin(_NOT_SENT), literal(value=True))
    sent = with_client_person(sent.filter(sent.client_key.notnull() & is_sent), tables)
    return ibis.union(
        acted.select("client_key", reached_s=seconds(acted.acted_at)),
        sent.select("client_key", reached_s=seconds(ibis.coalesce(sent.sent_at, sent.received_at))),
        tables.client_session.select("client_key", reached_s="start_s"),
    )


def no_show_alert(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per run of two and more, at its second appointment; with the first outreach after it.

    `waited_days`: business days from that day to the outreach, or to `as_of`. None for clients who have died.
    """
    runs = tables.missed_run
    second = runs.filter(runs.place == RUN_FROM)
    gone = with_client_person(tables.client, tables)
    gone = gone.filter(ibis.coalesce(gone.is_deceased, literal(value=False))).select("client_key").distinct()
    second = second.anti_join(gone, "client_key")
    reached = outreach(tables)
    met = second.select("appointment_key", "client_key", "start_s").inner_join(reached, "client_key")
    met = met.filter((met.reached_s > met.start_s) & (met.reached_s <= seconds(tables.as_of)))
    first = met.group_by(reached_key=met.appointment_key).aggregate(reached_s=met.reached_s.min())
    joined = second.left_join(first, second.appointment_key == first.reached_key).drop("reached_key")
    joined = joined.mutate(until_s=ibis.coalesce(joined.reached_s, seconds(tables.as_of)))
    joined = with_practice_day(joined, tables, at="until_s", day="until_no")
    days = tables.business_day
    began = days.select(began_no="day_no", began="business_no")
    ended = days.select(ended_no="day_no", ended="business_no")
    counted = joined.left_join(began, joined.day_no == began.began_no)
    counted = counted.left_join(ended, counted.until_no == ended.ended_no)
    return counted.mutate(waited_days=counted.ended - counted.began).drop("began_no", "ended_no", "began", "ended")


def client_no_show_week(tables: CanonicalTables, policy: Policy) -> Table:
    """Weeks in which a client missed an appointment."""
    home = tables.practice.aggregate(zone=tables.practice.home_tz.min())
    weeks = week(tables).inner_join(home, "zone")
    weeks = weeks.select("week_id", "week_start_at", "week_end_at", "week_start_s", "week_end_s")
    weeks = weeks.filter(weeks.week_end_s <= seconds(tables.as_of))
    runs, alerts = tables.missed_run, tables.no_show_alert
    missed = runs.inner_join(weeks, [runs.start_s >= weeks.week_start_s, runs.start_s < weeks.week_end_s])
    told = alerts.select(alert_of="appointment_key", waited_days="waited_days", reached_s="reached_s")
    joined = missed.left_join(told, missed.appointment_key == told.alert_of)
    counted = joined.group_by("client_key", "week_id").aggregate(
        week_start_at=joined.week_start_at.max(),
        week_end_at=joined.week_end_at.max(),
        missed_n=joined.count(),
        run_length=joined.place.max(),
        runs_n=joined.alert_of.count(),
        runs_without_outreach_n=joined.count(where=joined.alert_of.notnull() & joined.reached_s.isnull()),
        longest_wait_days=joined.waited_days.max(),
    )
    unclear = _unclear(tables, weeks)
    found = counted.left_join(unclear, ["client_key", "week_id"]).drop("client_key_right", "week_id_right")
    return found.mutate(
        is_unclear=found.unclear_n.fill_null(0) > 0,
        is_unreviewed=found.unreviewed_n.fill_null(0) > 0,
        waited_days=ifelse(found.runs_n > 0, found.longest_wait_days, literal(0, "int64")),
    )


def _unclear(tables: CanonicalTables, weeks: Table) -> Table:
    seats = tables.appointment
    seats = seats.filter(seats.client_key.notnull() & seats.status.isin(["unknown", "unreviewed"]))
    seats = with_client_person(seats, tables).select("client_key", "status", start_s=seconds(seats.start_at))
    met = seats.inner_join(weeks, [seats.start_s >= weeks.week_start_s, seats.start_s < weeks.week_end_s])
    return met.group_by("client_key", "week_id").aggregate(
        unclear_n=met.count(where=met.status == "unknown"), unreviewed_n=met.count(where=met.status == "unreviewed")
    )


BUSINESS_DAY = Step("business_day", business_day, (PRACTICE_DAY,))
MISSED_RUN = Step("missed_run", missed_run, (CARE_EPISODE, PRACTICE_DAY))
NO_SHOW_ALERT = Step("no_show_alert", no_show_alert, (MISSED_RUN, BUSINESS_DAY, CLIENT_SESSION))

_SEAT = Input("appointment", ("client_key", "start_at"), {"status": ("kept", "no_show")})
_OUTREACH = (
    Input("alert_action", ("alert_key", "acted_at"), {"action": ("outreach",)}),
    Input("message", ("client_key",), {"direction": ("out",)}),
)
_MISSED = Needs(required=((_SEAT,),))
_REACHED = Needs(required=((_SEAT,), _OUTREACH))

CLIENT_NO_SHOW_WEEK = Mart(
    name="client_no_show_week",
    description="Runs of missed appointments by client, and the outreach that followed.",
    grain="one row per client and practice week in which an appointment was missed",
    primary_key=("client_key", "week_id"),
    inputs=("appointment", "alert_action", "message", "session"),
    steps=(MISSED_RUN, NO_SHOW_ALERT),
    columns=(
        MartColumn("client_key", "text", "", "Key of the client: `client_match.person_key`."),
        MartColumn("week_id", "date", "", "First local day of the practice week."),
        MartColumn("week_start_at", "instant", "UTC", "First moment of the week, in the practice's zone."),
        MartColumn("week_end_at", "instant", "UTC", "First moment of the next week."),
        MartColumn(
            "missed_n",
            "count",
            "appointments",
            "Missed in the week: no-shows, and cancellations by the client at or after the start.",
            needs=_MISSED,
        ),
        MartColumn(
            "run_length",
            "count",
            "appointments",
            "Most in a row that an appointment of the week made, within one episode. A kept one begins anew; what was "
            "cancelled in time, or by the practice, changes nothing; a late cancel does what the policy says.",
            needs=_MISSED,
            rules=("T05",),
        ),
        MartColumn("runs_n", "count", "times", "Runs that came to two in the week: one alert each.", needs=_MISSED),
        MartColumn(
            "runs_without_outreach_n",
            "count",
            "times",
            "Of these, without outreach by as_of: a logged one, a message to the client, or a session attended. A "
            "client who has died needs none.",
            needs=_REACHED,
            rules=("T05",),
        ),
        MartColumn(
            "waited_days",
            "count",
            "business days",
            "Business days from the second missed appointment to the outreach, or to as_of; the longest of the week; "
            "0 without a run.",
            needs=_REACHED,
            rules=("T05",),
        ),
        MartColumn("is_unclear", "flag", "", "Whether an appointment of the client in the week is of unknown status."),
        MartColumn("is_unreviewed", "flag", "", "Whether nobody reviewed an appointment of the client in the week."),
    ),
    build=client_no_show_week,
)

NO_SHOW_RUN: Guardrail = band(
    "no_show_run",
    mart="client_no_show_week",
    value="waited_days",
    partial="is_unclear",
    defaulted="is_unreviewed",
    needs=_REACHED,
    grain=Grain("client", "client_key", "week_id", "week_start_at", "week_end_at"),
    reach_days=90,
)
