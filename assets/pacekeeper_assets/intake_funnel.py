"""`intake_funnel`: from inquiry to first appointment, and whether there are inquiries for the open slots."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import number
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.intake_waits import ALL, GROUP, REFERRAL_REQUEST, REFERRAL_WAIT
from pacekeeper_assets.judging import PRACTICE_MONTH as BY_MONTH
from pacekeeper_assets.judging import band
from pacekeeper_assets.needs import COLUMN_NEEDS
from pacekeeper_assets.periods import PRACTICE_MONTH

_DIGITS = 9
_COUNTS = (
    "inquiries_n",
    "screened_n",
    "accepted_n",
    "offered_n",
    "attended_n",
    "attended_screened_n",
    "declined_n",
    "referred_out_n",
    "unreachable_n",
    "referrals_out_n",
    "waiting_now",
)


def intake_funnel(tables: CanonicalTables, policy: Policy) -> Table:
    months = tables.practice_month.select("month_id", "month_start_at", "month_end_at", "first_no", "last_no")
    rows = months.cross_join(_groups(tables))
    parts = [_counted(tables), _waiting(tables), *(_quantiles(tables, wait) for wait in ("offer", "attend"))]
    parts.append(_quantiles(tables, "out_response"))
    for part in parts:
        rows = rows.left_join(part, GROUP).drop(*[f"{name}_right" for name in GROUP])
    rows = rows.left_join(_open_slots(tables, policy), "month_id").drop("month_id_right")
    reads = tables.source_completeness
    known = reads.aggregate(maps_n=reads.count(where=(reads.entity == "referral") & reads.complete_through.notnull()))
    rows = rows.cross_join(known)
    is_total = (rows.channel == ALL) & (rows.service_line == ALL)
    rows = rows.mutate(
        is_total=is_total,
        open_slots_week=ifelse(is_total, rows.open_slots_week, ibis.null("float64")),
        **{name: ifelse(rows.maps_n > 0, rows[name].fill_null(0), ibis.null("int64")) for name in _COUNTS},
    )
    return rows.mutate(
        screened_ratio=rows.attended_screened_n / rows.attended_n.nullif(0),
        referral_per_slot=(rows.inquiries_n / rows.open_slots_week.nullif(0.0)).round(_DIGITS),
        is_attend_open=_is_undecided(rows, "attend", "time_to_first_appointment", policy),
        is_out_response_open=_is_undecided(rows, "out_response", "referral_out_response", policy),
        business_days_to_attend_p90_min=rows.business_days_to_attend_p90.coalesce(rows.longest_open_attend),
        business_days_to_out_response_p90_min=rows.business_days_to_out_response_p90.coalesce(
            rows.longest_open_out_response
        ),
    )


def _groups(tables: CanonicalTables) -> Table:
    asked = tables.referral_request
    together = tables.practice.aggregate(practices_n=tables.practice.count())
    return ibis.union(
        asked.filter(asked.direction == "in").select("channel", "service_line"),
        together.select(channel=literal(ALL), service_line=literal(ALL)),
        distinct=True,
    )


def _grouped(rows: Table) -> Table:
    """The rows under their own channel and service, and once more under all."""
    together = rows.mutate(channel=literal(ALL), service_line=literal(ALL))
    return ibis.union(rows, together.select(*rows.columns))


def _counted(tables: CanonicalTables) -> Table:
    """What has become by `as_of` of the requests that came in the month."""
    asked = tables.referral_request
    rows = _grouped(asked.filter(asked.month_id.notnull()))
    is_in = rows.direction == "in"
    seen = rows.attended_no.notnull()
    fit = rows.screen_result.fill_null("")
    return rows.group_by(GROUP).aggregate(
        inquiries_n=rows.count(where=is_in),
        screened_n=rows.count(where=is_in & rows.is_screened),
        accepted_n=rows.count(where=is_in & rows.is_accepted),
        offered_n=rows.count(where=is_in & rows.offered_no.notnull()),
        attended_n=rows.count(where=is_in & seen),
        attended_screened_n=rows.count(where=is_in & seen & rows.is_screened),
        declined_n=rows.count(where=is_in & ((rows.outcome == "declined") | (fit == "declined"))),
        referred_out_n=rows.count(where=is_in & ((rows.outcome == "refer_out") | (fit == "refer_out"))),
        unreachable_n=rows.count(where=is_in & ((rows.outcome == "unreachable") | (fit == "unreachable"))),
        referrals_out_n=rows.count(where=rows.direction == "out"),
    )


def _waiting(tables: CanonicalTables) -> Table:
    """Requests of any month that wait when a month ends."""
    asked = tables.referral_request
    asked = _grouped(asked.filter((asked.direction == "in") & asked.asked_at.notnull()))
    asked = asked.drop("month_id")
    months = tables.practice_month.select("month_id", "month_end_at")
    joined = months.inner_join(asked, asked.asked_at < months.month_end_at)
    still = joined.filter(
        (joined.attended_at.isnull() | (joined.attended_at >= joined.month_end_at))
        & (joined.gone_at.isnull() | (joined.gone_at >= joined.month_end_at))
    )
    return still.group_by(GROUP).aggregate(waiting_now=still.count())


def _quantiles(tables: CanonicalTables, wait: str) -> Table:
    found = tables.referral_wait.filter(tables.referral_wait.wait == wait)
    names = {f"{unit}_to_{wait}_{q}": f"{unit}_{q}" for unit in ("days", "business_days") for q in ("p50", "p90")}
    return found.select(*GROUP, **names, **{f"longest_open_{wait}": "longest_open"})


def _is_undecided(rows: Table, wait: str, guardrail_id: str, policy: Policy) -> Value:
    """Whether too many still wait to know the p90, and none of them longer than the limit."""
    limit = number(policy, rows.month_id, lambda rev: rev.guardrail(guardrail_id).threshold_or_none("breach") or 0.0)
    is_open = rows[f"business_days_to_{wait}_p90"].isnull() & (rows[f"longest_open_{wait}"] <= limit)
    return ibis.coalesce(is_open, literal(value=False))


def _open_slots(tables: CanonicalTables, policy: Policy) -> Table:
    """Per month: the mean over its weeks of the slots that stood open."""
    weeks = tables.clinician_week
    weeks = weeks.filter(weeks.available_h.notnull() & weeks.scheduled_h.notnull())
    left_h = ibis.greatest(weeks.available_h - weeks.scheduled_h, 0.0)
    slot_h = number(policy, weeks.week_id, lambda rev: rev.section("intake").number("slot_h"))
    weekly = weeks.mutate(slots=left_h / slot_h)
    weekly = weekly.group_by("week_id").aggregate(slots=weekly.slots.sum())
    weekly = weekly.mutate(week_no=day_number(weekly.week_id))
    months = tables.practice_month.select("month_id", "first_no", "last_no")
    joined = weekly.inner_join(months, [weekly.week_no >= months.first_no, weekly.week_no <= months.last_no])
    return joined.group_by("month_id").aggregate(open_slots_week=joined.slots.mean().round(_DIGITS))


_ASKED = Input("referral", ("inquiry_at",), {"direction": ("in",)})
_INQUIRIES = Needs(required=((_ASKED,),))


def _with(*inputs: Input) -> Needs:
    return Needs(required=((_ASKED,), inputs))


_SCREENED = (Input("referral", ("screened_at",)), Input("referral", ("screen_result",)))
_ATTENDED = (
    Input("referral", ("first_attended_at",)),
    Input("session_participant", ("session_key", "client_key", "attended")),
)
_OFFERED = (Input("referral", ("first_offered_at",)), *_ATTENDED)
_HOLIDAYS = Input(
    "practice_closure", ("from_date", "to_date"), {"kind": ("holiday",)}, without="holidays count as business days"
)
_OUT = Needs(
    required=((Input("referral", ("inquiry_at", "responded_at"), {"direction": ("out",)}),),), supporting=(_HOLIDAYS,)
)
_SLOTS = Needs(
    required=(
        *COLUMN_NEEDS["clinician_week.available_h"].required,
        *COLUMN_NEEDS["clinician_week.scheduled_h"].required,
    )
)
_DROUGHT = Needs(required=((_ASKED,), *_SLOTS.required))
_FIRST = Needs(required=((_ASKED,), _ATTENDED), supporting=(_HOLIDAYS,))
_UNKNOWN = "Null: no source of referrals was read."


def _count(name: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, "count", "requests", f"{description} {_UNKNOWN}", needs=needs, rules=rules)


def _wait(wait: str, what: str, needs: Needs, *rules: str) -> tuple[MartColumn, ...]:
    return tuple(
        MartColumn(
            f"{unit}_to_{wait}_{name}",
            "number",
            unit.replace("_", " "),
            f"{share} of the requests of the month had {what} within so many {unit.replace('_', ' ')} after the local "
            "day of asking (Kaplan-Meier: who still waits, or left without, is censored there). "
            "Null: too many still wait, or nobody asked.",
            needs=needs,
            rules=rules,
        )
        for unit in ("days", "business_days")
        for name, share in (("p50", "Half"), ("p90", "Nine of ten"))
    )


INTAKE_FUNNEL = Mart(
    name="intake_funnel",
    description="Requests for care by the month in which they came, what became of them by as_of, how long it took, "
    "and how many there were for each open slot.",
    grain="one row per ended month, channel and service line, and one per month for all together (`is_total`)",
    primary_key=("month_id", "channel", "service_line"),
    inputs=(
        "practice",
        "practice_closure",
        "calendar_day",
        "referral",
        "session",
        "session_participant",
        "client_match",
        "clinician_week",
    ),
    steps=(PRACTICE_MONTH, REFERRAL_REQUEST, REFERRAL_WAIT),
    columns=(
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month in the practice's zone."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn("channel", "text", "", "Way the request came; all in the row of all together."),
        MartColumn("service_line", "text", "", "Service asked for, or not_said; all in the row of all together."),
        MartColumn("is_total", "flag", "", "Whether the row is the month's of all channels and services."),
        _count("inquiries_n", "Requests that came in, those entered in error or without a day left out.", _INQUIRIES),
        _count("screened_n", "Those with a time or a result of screening.", _with(*_SCREENED), "T13"),
        _count(
            "accepted_n",
            "Those accepted.",
            _with(Input("referral", ("accepted_at",)), Input("referral", (), {"outcome": ("accepted",)})),
        ),
        _count("offered_n", "Those offered an appointment, or seen without a known offer.", _with(*_OFFERED), "T12"),
        _count(
            "attended_n",
            "Those seen: first_attended_at, or else the first session the client attended after asking.",
            _with(*_ATTENDED),
            "T12",
        ),
        _count("attended_screened_n", "Those seen that were screened.", _with(*_SCREENED), "T13"),
        MartColumn(
            "screened_ratio",
            "number",
            "ratio",
            "attended_screened_n / attended_n. Null: nobody was seen, or no source of referrals was read.",
            needs=_with(*_SCREENED),
            rules=("T13",),
        ),
        _count("declined_n", "Those declined.", _with(Input("referral", (), {"outcome": ("declined",)})), "T13"),
        _count(
            "referred_out_n",
            "Those referred elsewhere.",
            _with(Input("referral", (), {"outcome": ("refer_out",)})),
            "T13",
            "W22",
        ),
        _count(
            "unreachable_n",
            "Those who could not be reached.",
            _with(Input("referral", (), {"outcome": ("unreachable",)})),
        ),
        _count(
            "waiting_now",
            "Requests of any month that waited when the month ended: asked before, and neither seen nor over by then.",
            _with(*_ATTENDED),
            "T12",
        ),
        *_wait("offer", "been offered an appointment", _with(*_OFFERED), "T12"),
        *_wait("attend", "been seen", _FIRST, "T12"),
        MartColumn(
            "business_days_to_attend_p90_min",
            "number",
            "business days",
            "business_days_to_attend_p90; where too many still wait, the longest wait so far, which it is at least. "
            "Null: nobody asked.",
            needs=_FIRST,
            rules=("T12",),
        ),
        MartColumn(
            "is_attend_open",
            "flag",
            "",
            "Whether too many still wait to know the p90, and nobody yet longer than policy time_to_first_appointment.",
        ),
        _count("referrals_out_n", "Requests that the practice sent out.", _OUT, "W22"),
        *_wait("out_response", "an answer, of those sent out,", _OUT, "W22"),
        MartColumn(
            "business_days_to_out_response_p90_min",
            "number",
            "business days",
            "business_days_to_out_response_p90; where too many are still without an answer, the longest wait so far. "
            "Null: nothing was sent out.",
            needs=_OUT,
            rules=("W22",),
        ),
        MartColumn(
            "is_out_response_open",
            "flag",
            "",
            "Whether too many are without an answer to know the p90, and none longer than policy "
            "referral_out_response.",
        ),
        MartColumn(
            "open_slots_week",
            "number",
            "slots",
            "Slots of policy intake.slot_h that stood open: available_h less scheduled_h of every clinician, not "
            "below 0, as the mean of the weeks that begin in the month. Null: hours or bookings are not known, or the "
            "row is not that of all together.",
            needs=_SLOTS,
            rules=("T11",),
        ),
        MartColumn(
            "referral_per_slot",
            "number",
            "ratio",
            "inquiries_n / open_slots_week. Null: one of them is not known, or no slot stood open.",
            needs=_DROUGHT,
            rules=("T11",),
        ),
    ),
    build=intake_funnel,
)

INTAKE_RAILS = (
    band(
        "time_to_first_appointment",
        mart="intake_funnel",
        value="business_days_to_attend_p90_min",
        denominator="inquiries_n",
        partial="is_attend_open",
        only="is_total",
        grain=BY_MONTH,
        needs=_FIRST,
    ),
    band(
        "referral_drought",
        mart="intake_funnel",
        value="referral_per_slot",
        numerator="inquiries_n",
        denominator="open_slots_week",
        side="below",
        only="is_total",
        grain=BY_MONTH,
        needs=_DROUGHT,
    ),
    band(
        "referral_out_response",
        mart="intake_funnel",
        value="business_days_to_out_response_p90_min",
        denominator="referrals_out_n",
        partial="is_out_response_open",
        only="is_total",
        grain=BY_MONTH,
        needs=_OUT,
    ),
)
