"""`pay_stability`: how a clinician's pay swings, and what missed appointments and denials took from it. Restricted.

No pay is set or cut by it, and no clinician is compared with another.
"""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, ifelse, literal, nearest
from pacekeeper.measures.in_force import number
from pacekeeper.measures.instant import day_number, seconds, utc_day
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.adjudication import CLAIM_PROCESSING, DECIDED_LINE
from pacekeeper_assets.attendance import PERSON_SEAT
from pacekeeper_assets.people import crosswalk, with_person
from pacekeeper_assets.practice_facts import needs_of, ratio, with_practice_known

_KEYS = ("person_key", "period_start", "period_end")
_PERIODS = 6
_STRETCH_DAYS = 28
_FIXED = ("fixed", "hours")
_BY_SESSION = ("sessions", "charges", "collections")


def pay_stability(tables: CanonicalTables, policy: Policy) -> Table:
    rows = _paid(tables)
    for part in (_missed(rows, tables), _denied(rows, tables), _tiers(rows, tables, policy)):
        rows = rows.left_join(part, _KEYS).drop(*(f"{key}_right" for key in _KEYS))
    rows = with_practice_known(rows, tables, "appointment", "remit", "comp_plan_tier")
    last = ibis.window(group_by="person_key", order_by="period_end", preceding=_PERIODS - 1, following=0)
    rows = rows.mutate(
        periods_n=rows.pay_cents.count().over(last),
        mean_pay=rows.pay_cents.cast("float64").mean().over(last),
        sd_pay=rows.pay_cents.cast("float64").std(how="sample").over(last),
    )
    is_fixed = rows.basis.isin(_FIXED)
    per_seat = ratio(rows.pay_cents, rows.kept_n)
    share = ibis.coalesce(rows.share, rows.tier_share)
    return rows.mutate(
        clinician_key=rows.person_key,
        cv_6p=ifelse(
            (rows.periods_n == _PERIODS) & (rows.mean_pay > 0), rows.sd_pay / rows.mean_pay, ibis.null("float64")
        ),
        lost_to_no_show_cents=ibis.cases(
            (is_fixed, literal(0, "int64")),
            (
                rows.basis.isin(_BY_SESSION) & rows.knows_appointment,
                nearest(per_seat * rows.missed_n.fill_null(0)),
            ),
            else_=ibis.null("int64"),
        ),
        lost_to_denial_cents=ibis.cases(
            (is_fixed | (rows.basis == "sessions"), literal(0, "int64")),
            (rows.knows_remit, nearest(share * rows.denied_cents.fill_null(0))),
            else_=ibis.null("int64"),
        ),
        tier=rows.tier,
        over_cap_in_top_tier=rows.over_cap_weeks_n > 0,
    )


def _paid(tables: CanonicalTables) -> Table:
    """Pay of each person and period that has ended, with basis and share of the plan in force at its end."""
    pay = with_person(tables.pay_period, tables)
    pay = pay.filter(day_number(pay.period_end) < utc_day(seconds(tables.as_of)))
    paid = pay.group_by(*_KEYS).aggregate(pay_cents=pay.pay_cents.sum(), paid_plan=pay.comp_plan_key.min())
    jobs = with_person(tables.employment.filter(tables.employment.comp_plan_key.notnull()), tables)
    jobs = jobs.select("person_key", "comp_plan_key", "start_date", "end_date")
    met = paid.inner_join(jobs, "person_key")
    met = met.filter(
        (met.start_date <= met.period_end) & ibis.coalesce(met.end_date >= met.period_start, literal(value=True))
    )
    by_job = met.group_by(*_KEYS).aggregate(job_plan=met.comp_plan_key.min())
    rows = paid.left_join(by_job, _KEYS).drop(*(f"{key}_right" for key in _KEYS))
    rows = rows.mutate(comp_plan_key=ibis.coalesce(rows.paid_plan, rows.job_plan)).drop("paid_plan", "job_plan")
    plans = tables.comp_plan.select("comp_plan_key", "kind", "basis", "share")
    rows = rows.left_join(plans, "comp_plan_key").drop("comp_plan_key_right")
    return rows.mutate(start_no=day_number(rows.period_start), end_no=day_number(rows.period_end))


def _within(rows: Table, things: Table) -> Table:
    """Things (`person_key`, `day_no`) in the periods they lie in."""
    periods = rows.select(*_KEYS, "start_no", "end_no")
    # Both by stretches of some weeks first: otherwise everything of a person meets each of the person's periods.
    touched = ibis.range(periods.start_no // _STRETCH_DAYS, periods.end_no // _STRETCH_DAYS + 1).unnest()
    periods = periods.mutate(stretch=touched.cast("int64"))
    placed = things.mutate(stretch=(things.day_no // _STRETCH_DAYS).cast("int64"))
    met = placed.inner_join(periods, ["person_key", "stretch"])
    return met.filter((met.day_no >= met.start_no) & (met.day_no <= met.end_no))


def _missed(rows: Table, tables: CanonicalTables) -> Table:
    """Seats kept, and seats missed or cancelled late that were not charged."""
    seats = tables.person_seat
    charged = ibis.coalesce(seats.is_billable_cancel, literal(value=False))
    seats = seats.select(
        "person_key",
        "day_no",
        is_kept=seats.status == "kept",
        is_missed=seats.fate.isin(["no_show_n", "late_cancel_n"]) & ~charged,
    )
    met = _within(rows, seats)
    return met.group_by(*_KEYS).aggregate(kept_n=met.count(where=met.is_kept), missed_n=met.count(where=met.is_missed))


def _denied(rows: Table, tables: CanonicalTables) -> Table:
    """What lines asked for whose latest decision, made in the period, is a denial; by the rendering person."""
    lines = tables.decided_line
    last = ibis.window(group_by=["root", "line_id"], order_by=ibis.desc("place"))
    lines = lines.mutate(from_end=ibis.row_number().over(last))
    lines = lines.filter((lines.from_end == 0) & lines.is_denied)
    links = crosswalk(tables).select("clinician_key", "person_key")
    own = lines.inner_join(links, "clinician_key").select("person_key", "line_charge", day_no=lines.paid_no)
    met = _within(rows, own)
    return met.group_by(*_KEYS).aggregate(denied_cents=met.line_charge.sum())


def _tiers(rows: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """The highest tier that a week of the period reached, and weeks in the top tier over the ceiling."""
    weeks = tables.clinician_week
    weeks = weeks.select(
        "week_id", "sessions_n", "direct_h", "fte", person_key="clinician_key", day_no=day_number(weeks.week_id)
    )
    met = _within(rows.select(*_KEYS, "start_no", "end_no"), weeks)
    plans = rows.filter(rows.comp_plan_key.notnull()).select(*_KEYS, "comp_plan_key")
    met = met.inner_join(plans, _KEYS)
    steps = tables.comp_plan_tier.select("comp_plan_key", "from_sessions", step_share="share")
    top = steps.group_by("comp_plan_key").aggregate(top_from=steps.from_sessions.max(), steps_n=steps.count())
    met = met.inner_join(top, "comp_plan_key")
    cap = number(policy, met.week_id, lambda rev: rev.guardrail("direct_hours").threshold("warn"))
    scale = ibis.least(ibis.coalesce(met.fte, literal(1.0)), literal(1.0))
    is_over = (met.steps_n > 1) & (met.sessions_n >= met.top_from) & (met.direct_h > cap * scale)
    weekly = met.group_by(*_KEYS, "comp_plan_key").aggregate(
        most_n=met.sessions_n.max(), over_cap_weeks_n=met.count(where=ibis.coalesce(is_over, literal(value=False)))
    )
    reached = weekly.left_join(
        steps, [weekly.comp_plan_key == steps.comp_plan_key, steps.from_sessions <= weekly.most_n]
    )
    return reached.group_by(*_KEYS, "over_cap_weeks_n").aggregate(
        tier=reached.from_sessions.max(), tier_share=reached.step_share.argmax(reached.from_sessions)
    )


_PAID = Input("pay_period", ("clinician_key", "period_start", "period_end", "pay_cents"))
_BASIS = (
    (Input("pay_period", ("comp_plan_key",)), Input("employment", ("comp_plan_key",))),
    Input("comp_plan", ("comp_plan_key", "basis")),
)
_SEATS = Input("appointment", ("clinician_key", "client_key", "start_at", "status"))
_SHARE = (Input("comp_plan", ("share",)), Input("comp_plan_tier", ("comp_plan_key", "from_sessions", "share")))
_DENIED = (
    Input("remit", ("remit_key", "paid_on")),
    Input("claim_payment", ("claim_payment_key", "remit_key", "claim_key", "clinician_key", "status")),
    Input("remit_adjustment", ("claim_payment_key", "group_code", "carc", "denial_family")),
)
_TIERED = needs_of(
    _PAID,
    _BASIS[0],
    Input("comp_plan_tier", ("comp_plan_key", "from_sessions")),
    Input("session", ("started_at", "status")),
)


def _column(name: str, kind: str, unit: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, kind, unit, description, needs=needs, rules=rules)  # type: ignore[arg-type]  # one of the types


PAY_STABILITY = Mart(
    name="pay_stability",
    description="How a clinician's pay swings from period to period, and what missed appointments and denials took "
    "from it. Nothing is computed that would lower anybody's pay.",
    grain="one row per clinician (a person, across sources) and pay period that has ended",
    primary_key=("clinician_key", "period_start", "period_end"),
    restricted=True,
    inputs=(
        "clinician_week",
        "clinician",
        "person_match",
        "employment",
        "comp_plan",
        "comp_plan_tier",
        "pay_period",
        "appointment",
        "claim",
        "remit",
        "claim_payment",
        "claim_payment_line",
        "remit_adjustment",
    ),
    steps=(PERSON_SEAT, CLAIM_PROCESSING, DECIDED_LINE),
    build=pay_stability,
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("period_start", "date", "", "First local day."),
        MartColumn("period_end", "date", "", "Last local day, inclusive."),
        MartColumn("kind", "text", "", "Kind of compensation plan. Null: no plan is known."),
        MartColumn("basis", "text", "", "What pay is counted by. Null: no plan is known, or it does not say."),
        _column("pay_cents", "count", "cents", "Gross pay of the period. Never null.", needs_of(_PAID), "F06"),
        _column(
            "cv_6p",
            "number",
            "ratio",
            "Sample standard deviation / mean of the last six pay periods. Null: fewer than six, or a mean of 0.",
            needs_of(_PAID),
            "F06",
        ),
        _column(
            "lost_to_no_show_cents",
            "count",
            "cents",
            "Seats missed or cancelled late that were not charged x pay per kept seat of the period; 0 where pay does "
            "not depend on sessions. Null: the basis or appointments are not known, or none was kept.",
            needs_of(_PAID, *_BASIS, _SEATS),
            "F06",
        ),
        _column(
            "lost_to_denial_cents",
            "count",
            "cents",
            "The plan's share x what lines asked for whose denial became final in the period; 0 where pay does not "
            "depend on money. The share of a tiered plan is that of `tier`. Null: basis, share or remittances unknown.",
            needs_of(_PAID, *_BASIS, _SHARE, *_DENIED),
            "F06",
        ),
        _column(
            "tier",
            "count",
            "sessions",
            "First session of the highest tier that a week beginning in the period reached. Null: no tiers, or none.",
            _TIERED,
            "F08",
        ),
        _column(
            "over_cap_weeks_n",
            "count",
            "weeks",
            "Weeks of the period that paid by the top tier with direct hours above policy direct_hours.warn x "
            "min(FTE, 1). Null: the plan has no tiers.",
            _TIERED,
            "F08",
        ),
        MartColumn("over_cap_in_top_tier", "flag", "", "over_cap_weeks_n > 0. Null as that.", rules=("F08",)),
    ),
)
