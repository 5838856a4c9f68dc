"""When a clinician works: what counts as before and after hours (decision 8, EHR time and messages)."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.in_force import holds, whole
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy, PolicyRevision
from pacekeeper.policy.schema import WEEKDAYS
from pacekeeper_assets.availability import (
    CLOSED_BLOCKS,
    LEAVE_BLOCKS,
    closed_pieces,
    ledger_day,
    open_pieces,
    template_pieces,
    wall_clock,
)
from pacekeeper_assets.coverage import segments
from pacekeeper_assets.productivity import PERSON_BLOCK, PERSON_DAY

#: With client time, the blocks from the first to the last of which a day's work reaches.
REGULAR_BLOCKS = (
    "admin",
    "documentation",
    "supervision",
    "team_meeting",
    "training",
    "hot_seat",
    "reply_block",
    "huddle",
)
#: Working time as it stands, which stretches no day: on call, and what somebody put there for themselves.
STANDING_BLOCKS = ("on_call", "other")
SECONDS_PER_MINUTE = 60
_MINUTES_PER_HOUR = 60
_DAYS_PER_WEEK = 7
# 1970-01-01, day 0, was a Thursday.
_DAY_ZERO = 3
_KEYS = ("person_key", "week_id")


def clock_minute(revision: PolicyRevision, key: str) -> int:
    """Minute of the day of a local time in section `working_time`."""
    hour, minute = revision.section("working_time").word(key).split(":")
    return int(hour) * _MINUTES_PER_HOUR + int(minute)


def day_marks(days: Table) -> Table:
    """Cuts at every local midnight of the spine, its end included; `mark` is the number of the day that begins."""
    begins = days.select("person_key", at_s="from_s", mark="day_no")
    ends = days.select("person_key", at_s="to_s", mark=days.day_no + 1)
    return ibis.union(begins, ends)


def is_policy_weekday(rows: Table, policy: Policy) -> Value:
    """Whether a local day (`day_no`, `week_id`) is one of the policy's working days."""
    weekday = (rows.day_no + _DAY_ZERO) % _DAYS_PER_WEEK

    def of(rev: PolicyRevision) -> Value:
        return weekday.isin([WEEKDAYS.index(name) for name in rev.section("working_time").words("weekdays")])

    return holds(policy, rows.week_id, of)


def policy_window(days: Table, policy: Policy) -> Table:
    """The policy's working hours on every day: `window_from_s`, `window_to_s`, null on a day off.

    days: `week_id`, `day_no`, `day_from_s`, `day_to_s`.
    """
    is_on = is_policy_weekday(days, policy)
    from_minute = whole(policy, days.week_id, lambda rev: clock_minute(rev, "from"))
    to_minute = whole(policy, days.week_id, lambda rev: clock_minute(rev, "to"))
    return days.mutate(
        window_from_s=ibis.ifelse(is_on, wall_clock(days, from_minute), ibis.null("int64")),
        window_to_s=ibis.ifelse(is_on, wall_clock(days, to_minute), ibis.null("int64")),
    )


def planned_work(tables: CanonicalTables, policy: Policy) -> Table:
    """Regular working time of every week, with `source`: schedule, or default where the week has no schedule."""
    days, blocks = tables.person_day, tables.person_block
    regular = blocks.filter(blocks.kind.isin(REGULAR_BLOCKS)).select(*_KEYS, "from_s", "to_s")
    scheduled = ibis.union(open_pieces(blocks, template_pieces(tables, days)), regular)
    weeks = scheduled.select(*_KEYS).distinct()
    windows = policy_window(days.rename(day_from_s="from_s", day_to_s="to_s"), policy)
    windows = windows.filter(windows.window_from_s.notnull()).anti_join(weeks, _KEYS)
    default = windows.select(*_KEYS, from_s="window_from_s", to_s="window_to_s")
    return ibis.union(
        scheduled.mutate(source=literal("schedule")),
        default.mutate(source=literal("default")),
    )


def work_time(tables: CanonicalTables, policy: Policy) -> Table:
    """Working intervals: `person_key`, `week_id`, `from_s`, `to_s`; they may overlap.

    Of each local day, from the first regular working time to the last, the policy's grace on both sides; time of leave
    or closure is none, and neither is a day that leave in the ledger takes whole. Standing blocks as they are.
    """
    days, blocks = tables.person_day, tables.person_block
    off = blocks.filter(blocks.kind.isin((*LEAVE_BLOCKS, *CLOSED_BLOCKS)))
    closed = _layer(closed_pieces(tables, days), "off")
    pieces = ibis.union(_layer(tables.planned_work, "work"), _layer(off, "off"), closed)
    swept = segments(pieces, by=["person_key"], layers=("work", "off"), marks=day_marks(days))
    worked = swept.filter((swept.work_n > 0) & (swept.off_n == 0)).rename(day_no="mark")
    by_day = worked.group_by("person_key", "day_no").aggregate(
        first_s=worked.from_s.min(), last_s=worked.to_s.max(), worked_s=(worked.to_s - worked.from_s).sum()
    )
    by_day = by_day.inner_join(days.select("person_key", "week_id", "day_no"), ["person_key", "day_no"])
    ledger = ledger_day(tables, days, policy).select("person_key", "day_no", "ledger_s")
    held = by_day.left_join(ledger, ["person_key", "day_no"])
    held = held.filter(held.worked_s > held.ledger_s.fill_null(0))
    grace_s = whole(
        policy,
        held.week_id,
        lambda rev: round(rev.section("working_time").number("grace") * SECONDS_PER_MINUTE),
    )
    windows = held.select(*_KEYS, from_s=held.first_s - grace_s, to_s=held.last_s + grace_s)
    standing = blocks.filter(blocks.kind.isin(STANDING_BLOCKS)).select(*_KEYS, "from_s", "to_s")
    return ibis.union(windows, standing)


def _layer(pieces: Table, layer: str) -> Table:
    return pieces.select("person_key", "from_s", "to_s", layer=literal(layer))


PLANNED_WORK = Step("planned_work", planned_work, (PERSON_DAY, PERSON_BLOCK))
WORK_TIME = Step("work_time", work_time, (PERSON_DAY, PERSON_BLOCK, PLANNED_WORK))
