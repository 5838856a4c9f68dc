"""Changes between kinds of work: task types in the EHR, and sessions as one type more (formula 18)."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import whole
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.ehr_sweep import EHR_SWEEP, TASKS
from pacekeeper_assets.working_time import SECONDS_PER_MINUTE

_DAY = ("person_key", "week_id", "day_no")
_SESSION = "session"
# Work of unknown kind is no kind: a change to or from it cannot be told.
_KINDS = (_SESSION, *(task for task in TASKS if task != "unknown"))


def task_run(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per stretch on one kind of work, as long as the policy asks: `kind`, `from_s`, `to_s`, on a local day.

    Time in a session is the session's, whatever is open on the screen.
    """
    swept = tables.ehr_sweep
    kinds = [(swept[f"{kind}_n"] > 0, literal(kind)) for kind in _KINDS]
    pieces = swept.mutate(kind=ibis.cases(*kinds, else_=ibis.null("string")))
    pieces = pieces.filter(pieces.kind.notnull()).select(*_DAY, "kind", "from_s", "to_s")
    in_order = ibis.window(group_by=_DAY, order_by="from_s")
    goes_on = (pieces.to_s.lag().over(in_order) == pieces.from_s) & (pieces.kind.lag().over(in_order) == pieces.kind)
    pieces = pieces.mutate(begins=ifelse(ibis.coalesce(goes_on, literal(value=False)), 0, 1))
    so_far = ibis.window(group_by=_DAY, order_by="from_s", rows=(None, 0))
    pieces = pieces.mutate(run_no=pieces.begins.sum().over(so_far))
    runs = pieces.group_by(*_DAY, "run_no").aggregate(
        kind=pieces.kind.max(), from_s=pieces.from_s.min(), to_s=pieces.to_s.max()
    )
    least_s = whole(policy, runs.week_id, lambda rev: round(rev.section("ehr_time").number("least_dwell")))
    return runs.filter(runs.to_s - runs.from_s >= least_s).drop("run_no")


def switch_week(tables: CanonicalTables, policy: Policy) -> Table:
    """Per person and week: `switches_n` within local days, and `windows_n` with many kinds in a short time.

    A window begins where a stretch does; windows may overlap.
    """
    runs = tables.task_run
    in_order = ibis.window(group_by=_DAY, order_by="from_s")
    changed = ibis.coalesce(runs.kind.lag().over(in_order) != runs.kind, literal(value=False))
    changes = runs.mutate(changed=ifelse(changed, 1, 0))
    switches = changes.group_by("person_key", "week_id").aggregate(switches_n=changes.changed.sum())
    windows = _windows(runs, policy)
    return switches.left_join(windows, ["person_key", "week_id"]).drop("person_key_right", "week_id_right")


def _windows(runs: Table, policy: Policy) -> Table:
    def window_s(rows: Table) -> Value:
        return whole(
            policy,
            rows.week_id,
            lambda rev: round(rev.section("ehr_time").number("switch_window") * SECONDS_PER_MINUTE),
        )

    # What begins within a window lies in the window's own stretch of time of that length, or in the next.
    begun = runs.mutate(place=runs.from_s // window_s(runs))
    later = ibis.union(begun, begun.mutate(place=begun.place - 1)).select(
        *_DAY, "place", later_kind="kind", later_s="from_s"
    )
    met = begun.inner_join(later, [*_DAY, "place"])
    within = met.filter((met.later_s >= met.from_s) & (met.later_s < met.from_s + window_s(met)))
    windows = within.group_by(*_DAY, "from_s").aggregate(kinds_n=within.later_kind.nunique())
    least_n = whole(policy, windows.week_id, lambda rev: rev.section("ehr_time").whole("switch_types"))
    return windows.group_by("person_key", "week_id").aggregate(
        windows_n=windows.count(where=windows.kinds_n >= least_n)
    )


TASK_RUN = Step("task_run", task_run, (EHR_SWEEP,), is_weekly=True)
