"""Whether it is honoured when somebody says: I am at capacity."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, literal
from pacekeeper.measures.in_force import whole
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import on_local_day, with_client_person, with_person

_KEYS = ("person_key", "week_id")
_DAYS_PER_WEEK = 7


def capacity_week(weeks: Table, zone_days: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """Per person and week with a flag that holds: `flags_n`, and `assigned_n`, clients newly assigned under it.

    weeks: `person_key`, `week_id`, `last_no`. A flag holds from the day after it was raised.
    """
    flags = with_person(tables.capacity_flag, tables)
    flags = flags.select("person_key", at_s=seconds(flags.raised_at), until_no=day_number(flags.until_date))
    flags = on_local_day(flags, zone_days, at="at_s").select("person_key", "until_no", raised_no="day_no")
    met = weeks.select(*_KEYS, "last_no").inner_join(flags, "person_key")
    held_weeks = whole(policy, met.week_id, lambda rev: rev.guardrail("capacity_flag").settings.whole("holds_weeks"))
    met = met.mutate(
        first_no=ibis.greatest(met.last_no - _DAYS_PER_WEEK + 1, met.raised_no + 1),
        until_no=ibis.least(met.last_no, met.until_no.coalesce(met.raised_no + held_weeks * _DAYS_PER_WEEK)),
    )
    met = met.filter(met.first_no <= met.until_no)
    begun = _new_cases(tables)
    joined = met.left_join(
        begun,
        [
            met.person_key == begun.person_key,
            begun.from_no >= met.first_no,
            begun.from_no <= met.until_no,
        ],
    ).drop("person_key_right")
    return joined.group_by(*_KEYS).aggregate(flags_n=joined.count(), assigned_n=joined.client_key.nunique())


def _new_cases(tables: CanonicalTables) -> Table:
    """First days of assignments that continue no other of the same clinician and client."""
    cases = with_client_person(with_person(tables.case_assignment, tables), tables)
    cases = cases.select(
        "person_key",
        "client_key",
        "assignment_key",
        from_no=day_number(cases.from_date),
        to_no=day_number(cases.to_date),
    )
    before = ibis.window(group_by=["person_key", "client_key"], order_by=["from_no", "assignment_key"], rows=(None, -1))
    placed = cases.mutate(
        before_to_no=cases.to_no.fill_null(_NEVER_NO).max().over(before),
    )
    is_new = placed.before_to_no.isnull() | (placed.before_to_no < placed.from_no - literal(1, "int64"))
    return placed.filter(is_new).select("person_key", "client_key", "from_no")


# A later day number than any calendar has: the end of what lasts.
_NEVER_NO = 3_000_000

CAPACITY_NEEDS = Needs(
    subjects=(Input("clinician", ("clinician_key",)),),
    required=(
        (Input("capacity_flag", ("clinician_key", "raised_at")),),
        (Input("case_assignment", ("clinician_key", "client_key", "from_date")),),
    ),
)
CAPACITY_COLUMNS = (
    MartColumn("is_at_capacity", "flag", "", "Whether a flag of the clinician, raised on an earlier day, holds."),
    MartColumn(
        "assigned_at_capacity_n",
        "count",
        "clients",
        "Clients newly assigned in the week on days on which a flag holds: from the day after it was raised to its "
        "last day, else for the policy's weeks. Null: no flag holds, or no source of assignments knows the person.",
        needs=CAPACITY_NEEDS,
        rules=("H13",),
    ),
)
