"""`schedule_design_week`: protected blocks, client days, breaks and hot-seat days."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import holds, number
from pacekeeper.measures.instant import SECONDS_PER_HOUR
from pacekeeper.measures.mart import Mart
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.availability import ADMIN_BLOCKS, protected_admin_week
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.hot_seat import HOT_SEAT_FAIRNESS, HOT_SEAT_QUARTER, hot_seat_week
from pacekeeper_assets.judging import band
from pacekeeper_assets.people import employment_of
from pacekeeper_assets.productivity import PERSON_SOURCE, WEEK_SWEEP, WORK_DAY
from pacekeeper_assets.schedule_columns import BLOCKS_NEEDS, CORE_NEEDS, DAYS_NEEDS, SCHEDULE_COLUMNS

_KEYS = ("person_key", "week_id")
_SECONDS_PER_MINUTE = 60


def schedule_design_week(tables: CanonicalTables, policy: Policy) -> Table:
    weeks = tables.clinician_week
    flags = ("has_unclear_sessions", "has_unreviewed_sessions")
    rows = weeks.select("week_id", "week_start_at", "week_end_at", *flags, person_key="clinician_key")
    parts = (
        _template(tables),
        _half_days(tables, policy),
        protected_admin_week(tables.person_block, tables.week_sweep, policy).drop("admin_protected_s"),
        _days(tables, policy),
        _runs(tables, policy),
        hot_seat_week(tables),
    )
    for part in parts:
        rows = rows.left_join(part, list(_KEYS)).drop("person_key_right", "week_id_right")
    rows = with_known(rows, tables, "session", "schedule_block")

    def counted(is_known: Value, *names: str) -> dict[str, Value]:
        return {name: ifelse(is_known, rows[name].fill_null(0), ibis.null("int64")) for name in names}

    both = rows.knows_session & rows.knows_schedule_block
    rows = rows.mutate(
        clinician_key=rows.person_key,
        **counted(both, "half_days", "half_days_with_block", "encroached_blocks_n", "full_admin_days"),
        **counted(both, "admin_blocks_on_client_days_n"),
        **counted(rows.knows_session, "client_days", "longest_run_back_to_back", "days_without_lunch_n"),
        **counted(rows.knows_schedule_block, "hot_seat_days"),
        hot_seat_expected_days=ifelse(
            rows.knows_schedule_block, rows.hot_seat_expected_days.fill_null(0.0), ibis.null("float64")
        ),
        core_hours_ratio=ifelse(
            rows.knows_schedule_block, rows.core_bookable_s / rows.core_s.nullif(0), ibis.null("float64")
        ),
    )
    template = rows.template.coalesce(literal("unknown"))

    def judged_by(guardrail_id: str) -> Value:
        return holds(
            policy,
            rows.week_id,
            lambda rev: template.isin(rev.guardrail(guardrail_id).settings.words("schedule_template")),
        )

    return rows.mutate(
        halfday_block_ratio=rows.half_days_with_block / rows.half_days.nullif(0),
        admin_blocks_per_client_day=rows.admin_blocks_on_client_days_n / rows.client_days.nullif(0),
        follows_half_day_blocks=judged_by("admin_block_halfday") & (rows.half_days.isnull() | (rows.half_days > 0)),
        follows_focus_days=judged_by("focus_days"),
        follows_full_admin_day=judged_by("full_admin_day"),
    )


def _template(tables: CanonicalTables) -> Table:
    """The template of the latest employment that touches the week."""
    jobs = employment_of(tables)
    told = tables.employment.select("employment_key", "schedule_template")
    jobs = jobs.inner_join(told.filter(told.schedule_template.notnull()), "employment_key")
    weeks = tables.person_week.select(*_KEYS, "first_no", "last_no")
    met = weeks.inner_join(jobs, "person_key")
    met = met.filter((met.start_no <= met.last_no) & (met.end_no.isnull() | (met.end_no >= met.first_no)))
    latest = ibis.window(group_by=_KEYS, order_by=[met.start_no.desc(), met.employment_key])
    placed = met.mutate(place=ibis.row_number().over(latest))
    return placed.filter(placed.place == 0).select(*_KEYS, template="schedule_template")


def _half_days(tables: CanonicalTables, policy: Policy) -> Table:
    """Half-days at work, and those with a free stretch of a protected admin block."""
    swept = tables.work_sweep
    worked = swept.group_by(*_KEYS, "mark").aggregate(worked_s=ifelse(swept.is_working, swept.length_s, 0).sum())
    is_free = (swept.admin_n > 0) & (swept.direct_n == 0) & (swept.meeting_n == 0) & (swept.off_n == 0)
    free = swept.filter(is_free).select(*_KEYS, "mark", "from_s", "to_s")
    in_order = ibis.window(group_by=[*_KEYS, "mark"], order_by="from_s")
    so_far = ibis.window(group_by=[*_KEYS, "mark"], order_by="from_s", rows=(None, 0))
    free = free.mutate(before_to_s=free.to_s.lag().over(in_order))
    begins = free.before_to_s.isnull() | (free.before_to_s < free.from_s)
    free = free.mutate(begins=ifelse(begins, 1, 0))
    free = free.mutate(stretch_no=free.begins.sum().over(so_far))
    stretches = free.group_by(*_KEYS, "mark", "stretch_no").aggregate(free_s=(free.to_s - free.from_s).sum())
    longest = stretches.group_by(*_KEYS, "mark").aggregate(free_s=stretches.free_s.max())
    halves = worked.left_join(longest, [*_KEYS, "mark"]).drop("person_key_right", "week_id_right", "mark_right")
    is_worked = halves.worked_s >= _minutes(halves, policy, "admin_block_halfday", "min_worked_min")
    has_block = halves.free_s.fill_null(0) >= _minutes(halves, policy, "admin_block_halfday", "min_block_min")
    return halves.group_by(*_KEYS).aggregate(
        half_days=halves.count(where=is_worked), half_days_with_block=halves.count(where=is_worked & has_block)
    )


def _days(tables: CanonicalTables, policy: Policy) -> Table:
    """Days with clients, days of work without any, admin blocks on client days, and core hours."""
    days = tables.work_day
    least_s = (
        number(policy, days.week_id, lambda rev: rev.guardrail("full_admin_day").settings.number("min_hours"))
        * SECONDS_PER_HOUR
    )
    blocks = tables.person_block
    admin = blocks.filter(blocks.is_protected & blocks.kind.isin(ADMIN_BLOCKS))
    admin = admin.group_by(*_KEYS, "day_no").aggregate(admin_blocks_n=admin.piece_key.nunique())
    days = days.left_join(admin, [*_KEYS, "day_no"]).drop("person_key_right", "week_id_right", "day_no_right")
    has_clients = days.direct_s > 0
    other_s = ibis.greatest(days.block_s, days.entry_s, days.loose_s)
    return days.group_by(*_KEYS).aggregate(
        client_days=days.count(where=has_clients),
        full_admin_days=days.count(where=~has_clients & (other_s >= least_s)),
        admin_blocks_on_client_days_n=ifelse(has_clients, days.admin_blocks_n.fill_null(0), 0).sum(),
        core_s=days.core_s.sum(),
        core_bookable_s=days.core_bookable_s.sum(),
    )


def _runs(tables: CanonicalTables, policy: Policy) -> Table:
    """The longest run of sessions without a break, and long days without time for lunch."""
    direct = tables.person_session.filter(tables.person_session.is_direct)
    by_day = [*_KEYS, "day_no"]
    slots = direct.group_by(*by_day, "from_s").aggregate(to_s=direct.to_s.max())
    before = ibis.window(group_by=by_day, order_by="from_s", rows=(None, -1))
    so_far = ibis.window(group_by=by_day, order_by="from_s", rows=(None, 0))
    slots = slots.mutate(gap_s=slots.from_s - slots.to_s.max().over(before))
    begins = slots.gap_s.isnull() | (slots.gap_s >= _minutes(slots, policy, "back_to_back", "gap_min"))
    slots = slots.mutate(begins=ifelse(begins, 1, 0))
    slots = slots.mutate(run_no=slots.begins.sum().over(so_far))
    runs = slots.group_by(*by_day, "run_no").aggregate(sessions_n=slots.count())
    longest = runs.group_by(*_KEYS).aggregate(longest_run_back_to_back=runs.sessions_n.max())
    days = slots.group_by(*by_day).aggregate(
        lasted_s=slots.to_s.max() - slots.from_s.min(), longest_gap_s=slots.gap_s.max()
    )
    long_s = (
        number(policy, days.week_id, lambda rev: rev.guardrail("back_to_back").settings.number("lunch_from_hours"))
        * SECONDS_PER_HOUR
    )
    is_without = (days.lasted_s >= long_s) & (
        days.longest_gap_s.fill_null(0) < _minutes(days, policy, "back_to_back", "lunch_min")
    )
    lunch = days.group_by(*_KEYS).aggregate(days_without_lunch_n=days.count(where=is_without))
    return longest.inner_join(lunch, list(_KEYS))


def _minutes(rows: Table, policy: Policy, guardrail_id: str, key: str) -> Value:
    """A setting stated in minutes, in seconds."""
    return (
        number(policy, rows.week_id, lambda rev: rev.guardrail(guardrail_id).settings.number(key)) * _SECONDS_PER_MINUTE
    )


SCHEDULE_DESIGN_WEEK = Mart(
    name="schedule_design_week",
    description="How each clinician's week is laid out: admin blocks, days with and without clients, breaks, hot seat.",
    grain="one row per clinician (a person, across sources) and ended practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=(
        "clinician_week",
        "employment",
        "clinician",
        "person_match",
        "session",
        "schedule_block",
        "availability_template",
        "practice_closure",
        "supervision_link",
        "time_entry",
        "message",
    ),
    columns=SCHEDULE_COLUMNS,
    steps=(PERSON_SOURCE, WEEK_SWEEP, WORK_DAY),
    build=schedule_design_week,
    weekly_reach=lambda policy: 0,
)

MARTS: tuple[Mart, ...] = (SCHEDULE_DESIGN_WEEK, HOT_SEAT_QUARTER)
GUARDRAILS: tuple[Guardrail, ...] = (
    band(
        "admin_block_halfday",
        mart="schedule_design_week",
        value="halfday_block_ratio",
        numerator="half_days_with_block",
        denominator="half_days",
        side="below",
        partial="has_unclear_sessions",
        defaulted="has_unreviewed_sessions",
        only="follows_half_day_blocks",
        needs=BLOCKS_NEEDS,
    ),
    band(
        "focus_days",
        mart="schedule_design_week",
        value="client_days",
        partial="has_unclear_sessions",
        defaulted="has_unreviewed_sessions",
        only="follows_focus_days",
        needs=DAYS_NEEDS,
    ),
    band(
        "full_admin_day",
        mart="schedule_design_week",
        value="full_admin_days",
        side="below",
        partial="has_unclear_sessions",
        defaulted="has_unreviewed_sessions",
        only="follows_full_admin_day",
        needs=BLOCKS_NEEDS,
    ),
    band(
        "back_to_back",
        mart="schedule_design_week",
        value="longest_run_back_to_back",
        partial="has_unclear_sessions",
        defaulted="has_unreviewed_sessions",
        needs=DAYS_NEEDS,
    ),
    band("core_hours", mart="schedule_design_week", value="core_hours_ratio", side="below", needs=CORE_NEEDS),
    HOT_SEAT_FAIRNESS,
)
