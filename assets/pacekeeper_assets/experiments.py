"""`experiment_result`: what a change of one metric did, with its windows fixed beforehand."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets import ehr, messages, notes, schedule, trend, workload
from pacekeeper_assets.attendance import ATTENDANCE_WEEK
from pacekeeper_assets.caseload import CASELOAD_SNAPSHOT
from pacekeeper_assets.productivity import CLINICIAN_WEEK
from pacekeeper_assets.routine import ROUTINE_MONTH, ROUTINE_RAILS

if TYPE_CHECKING:
    import pyarrow as pa

_WEEKLY = ("clinician_key", "week_id")
#: Where a metric can stand: marts with a row per clinician and week.
_MARTS = {
    mart.name: mart
    for mart in (
        CLINICIAN_WEEK,
        ATTENDANCE_WEEK,
        CASELOAD_SNAPSHOT,
        *(mart for module in (ehr, notes, messages, schedule, workload, trend) for mart in module.MARTS),
    )
    if mart.primary_key == _WEEKLY
}
#: Ratios that can be summed over clinicians, by numerator and the parts of the denominator; no other ratio is measured.
_RATIOS = MappingProxyType(
    {
        "clinician_week.utilization_ratio": ("direct_h", ("available_h",)),
        "attendance_week.no_show_ratio": ("no_show_n", ("kept_n", "no_show_n")),
    }
)
_METRIC, _CLIENTS = "metric", "clients"
_BASELINE_WEEKS = 12
_DAYS_TO_LAST = 6
_DIGITS = 9
_MEANS = ("mean_before", "mean_after", "clients_seen_before", "clients_seen_after")


def experiment_week(tables: CanonicalTables) -> Table:
    """One row per experiment, measure (its metric, and clients seen) and whole week of a window: `num` and `den`."""
    parts = [_metric_weeks(tables, mart) for mart in _MARTS.values()]
    seen = tables.clinician_week
    clients = _in_windows(tables.experiment, seen.select("week_id", num=seen.distinct_clients_n.cast("float64")))
    parts.append(clients.mutate(den=literal(1.0), measure=literal(_CLIENTS)).select(*parts[0].columns))
    rows = ibis.union(*parts)
    rows = rows.filter(rows.num.notnull() & rows.den.notnull())
    return rows.group_by("experiment_key", "measure", "phase", "week_id").aggregate(
        num=rows.num.sum(), den=rows.den.sum()
    )


def _metric_weeks(tables: CanonicalTables, mart: Mart) -> Table:
    weeks = tables[mart.name]
    named = {f"{mart.name}.{column.name}": column for column in mart.columns if column.type in {"number", "count"}}
    measured = {name for name, column in named.items() if column.unit != "ratio"} | (named.keys() & _RATIOS.keys())
    asked = tables.experiment.filter(tables.experiment.mart_column.isin(sorted(measured)))
    rows = _in_windows(asked, weeks)

    def of(name: str) -> tuple[Value, Value]:
        if name not in _RATIOS:
            return rows[named[name].name].cast("float64"), literal(1.0)
        top, parts = _RATIOS[name]
        bottom = rows[parts[0]]
        for part in parts[1:]:
            bottom = bottom + rows[part]
        return rows[top].cast("float64"), bottom.cast("float64")

    values = {name: of(name) for name in sorted(measured)}
    return rows.select(
        "experiment_key",
        "phase",
        "week_id",
        num=ibis.cases(*[(rows.mart_column == name, pair[0]) for name, pair in values.items()]),
        den=ibis.cases(*[(rows.mart_column == name, pair[1]) for name, pair in values.items()]),
        measure=literal(_METRIC),
    )


def _in_windows(asked: Table, weeks: Table) -> Table:
    """The weeks that lie wholly in one of the two windows of an experiment, with `phase`."""
    asked = asked.select(
        "experiment_key",
        "mart_column",
        **{name: day_number(asked[day]) for name, day in _WINDOW_DAYS.items()},
    )
    first_no = day_number(weeks.week_id)
    weeks = weeks.mutate(first_no=first_no, last_no=first_no + _DAYS_TO_LAST)
    joined = weeks.inner_join(asked, [weeks.first_no >= asked.before_no, weeks.last_no <= asked.after_last_no])
    phase = ibis.cases(
        (joined.last_no <= joined.before_last_no, literal("before")),
        (joined.first_no >= joined.after_no, literal("after")),
        else_=ibis.null("string"),
    )
    phased = joined.mutate(phase=phase)
    return phased.filter(phased.phase.notnull())


_WINDOW_DAYS = {
    "before_no": "before_from",
    "before_last_no": "before_to",
    "after_no": "after_from",
    "after_last_no": "after_to",
}


def chart_weeks(tables: CanonicalTables) -> Table:
    """The last twelve weeks before and all after, of experiments that have so many before."""
    rows = tables.experiment_week
    rows = rows.filter((rows.measure == _METRIC) & (rows.den > 0))
    by = ["experiment_key", "phase"]
    rows = rows.mutate(
        place=ibis.row_number().over(ibis.window(group_by=by, order_by=ibis.desc("week_id"))),
        before_n=rows.count(where=rows.phase == "before").over(ibis.window(group_by="experiment_key")),
    )
    kept = rows.filter((rows.before_n >= _BASELINE_WEEKS) & ((rows.phase == "after") | (rows.place < _BASELINE_WEEKS)))
    return kept.select("experiment_key", "phase", "week_id", value=kept.num / kept.den).order_by(
        "experiment_key", "week_id"
    )


def with_chart(rows: pa.Table, policy: Policy) -> pa.Table:
    """The rows with `signal` and `side` of an XmR chart whose baseline is the weeks before."""
    from pacekeeper.measures.statistics import xmr_chart

    chart = xmr_chart(rows["experiment_key"].to_numpy(), rows["value"].to_numpy(), baseline_points=_BASELINE_WEEKS)
    return rows.append_column("signal", chart["signal"]).append_column("side", chart["side"])


def experiment_result(tables: CanonicalTables, policy: Policy) -> Table:
    rows = tables.experiment.rename(clinicians_chose="is_opt_in")
    for part in (_effects(tables), _signals(tables)):
        rows = rows.left_join(part, "experiment_key").drop("experiment_key_right")
    effect = rows.mean_after - rows.mean_before
    known = [f"{m.name}.{c.name}" for m in _MARTS.values() for c in m.columns if c.type in {"number", "count"}]
    rows = rows.mutate(
        is_opt_in=rows.clinicians_chose,
        is_declared_before=rows.declared_on < rows.after_from,
        weeks_before_n=rows.weeks_before_n.fill_null(0),
        weeks_after_n=rows.weeks_after_n.fill_null(0),
        **{name: rows[name].round(_DIGITS) for name in _MEANS},
        effect=effect.round(_DIGITS),
        effect_share=(effect / rows.mean_before.nullif(0.0)).round(_DIGITS),
        reason=ibis.cases(
            (rows.mart_column.isnull(), literal("in_no_mart")),
            (rows.mart_column.notin(known), literal("not_by_week")),
            (effect.isnull(), literal("no_weeks")),
            else_=ibis.null("string"),
        ),
    )
    return rows.mutate(
        chart_signal=ifelse(rows.signal.isnull() & rows.charted_n.isnull(), literal("insufficient"), rows.signal),
        chart_side=rows.side,
    )


def _effects(tables: CanonicalTables) -> Table:
    rows = tables.experiment_week

    def mean(measure: str, phase: str) -> Value:
        within = (rows.measure == measure) & (rows.phase == phase)
        return rows.num.sum(where=within) / rows.den.sum(where=within).nullif(0.0)

    def weeks(phase: str) -> Value:
        return rows.count(where=(rows.measure == _METRIC) & (rows.phase == phase) & (rows.den > 0))

    return rows.group_by("experiment_key").aggregate(
        weeks_before_n=weeks("before"),
        weeks_after_n=weeks("after"),
        mean_before=mean(_METRIC, "before"),
        mean_after=mean(_METRIC, "after"),
        clients_seen_before=mean(_CLIENTS, "before"),
        clients_seen_after=mean(_CLIENTS, "after"),
    )


def _signals(tables: CanonicalTables) -> Table:
    """Per experiment that has limits: the first signal after the change, null where there is none."""
    rows = tables.experiment_chart
    rows = rows.filter((rows.phase == "after") & (rows.signal.isnull() | (rows.signal != "insufficient")))
    # Null stands last: weeks with a signal come before those without.
    rank = ifelse(rows.side.notnull(), 0, 1)
    rows = rows.mutate(rank=rank)
    rows = rows.mutate(
        place=ibis.row_number().over(ibis.window(group_by="experiment_key", order_by=["rank", "week_id"])),
        charted_n=rows.count().over(ibis.window(group_by="experiment_key")),
    )
    first = rows.filter(rows.place == 0)
    return first.select(
        "experiment_key", "charted_n", "side", signal=ifelse(first.side.notnull(), first.signal, ibis.null("string"))
    )


EXPERIMENT_WEEK = Step("experiment_week", lambda tables, policy: experiment_week(tables), marts=tuple(_MARTS))
EXPERIMENT_CHART = Step(
    "experiment_chart",
    lambda tables, policy: chart_weeks(tables),
    (EXPERIMENT_WEEK,),
    refine=with_chart,
    columns=(
        MartColumn("experiment_key", "text", "", "Key of the experiment."),
        MartColumn("phase", "text", "", "before or after."),
        MartColumn("week_id", "date", "", "First local day of the practice week."),
        MartColumn("value", "number", "see mart_column", "The metric of the practice in the week."),
        MartColumn("signal", "text", "", "Signal of the chart. Null: none."),
        MartColumn("side", "text", "", "above or below. Null: no signal of a side."),
    ),
)

_DECLARED = Needs(
    required=((Input("experiment", ("mart_column", "before_from", "before_to", "after_from", "after_to")),),)
)
_SEEN = Needs(
    required=(
        *_DECLARED.required,
        (Input("session", ("clinician_key", "started_at"), {"status": ("completed",)}),),
        (Input("session_participant", ("session_key", "client_key", "attended")),),
    )
)
_NO_WEEKS = "Null: no known week lies wholly in the window (see reason)."

EXPERIMENT_RESULT = Mart(
    name="experiment_result",
    description="The practice's experiments: one metric before and after a change, with a chart that tells an effect "
    "from the usual ups and downs, and the clients seen beside it.",
    grain="one row per experiment",
    primary_key=("experiment_key",),
    inputs=("experiment", *_MARTS),
    steps=(EXPERIMENT_WEEK, EXPERIMENT_CHART),
    columns=(
        MartColumn("experiment_key", "text", "", "Key of the experiment.", rules=("H17",)),
        MartColumn("metric", "text", "", "The practice's own code of the metric."),
        MartColumn("mart_column", "text", "", "Where it is measured. Null: in no mart."),
        MartColumn("before_from", "date", "", "First local day of the window before."),
        MartColumn("before_to", "date", "", "Last local day of the window before."),
        MartColumn("after_from", "date", "", "First local day of the window after."),
        MartColumn("after_to", "date", "", "Last local day of the window after."),
        MartColumn("declared_on", "date", "", "Day metric and windows were fixed."),
        MartColumn(
            "is_declared_before", "flag", "", "Whether metric and windows were fixed before the window after began."
        ),
        MartColumn("is_opt_in", "flag", "", "Whether clinicians chose to take part. Null: not said.", rules=("W16",)),
        MartColumn(
            "weeks_before_n", "count", "weeks", "Whole weeks with the metric in the window before.", needs=_DECLARED
        ),
        MartColumn(
            "weeks_after_n", "count", "weeks", "Whole weeks with the metric in the window after.", needs=_DECLARED
        ),
        MartColumn(
            "mean_before",
            "number",
            "see mart_column",
            "Mean over clinicians and weeks of the window before; of a ratio, sum of its numerators / sum of its "
            f"denominators. {_NO_WEEKS}",
            needs=_DECLARED,
            rules=("H17",),
        ),
        MartColumn(
            "mean_after",
            "number",
            "see mart_column",
            f"The same of the window after. {_NO_WEEKS}",
            needs=_DECLARED,
            rules=("H17",),
        ),
        MartColumn(
            "effect",
            "number",
            "see mart_column",
            f"mean_after - mean_before. {_NO_WEEKS}",
            needs=_DECLARED,
            rules=("H17", "W16"),
        ),
        MartColumn(
            "effect_share",
            "number",
            "ratio",
            f"effect / mean_before. {_NO_WEEKS} Null also: mean_before is 0.",
            needs=_DECLARED,
        ),
        MartColumn(
            "chart_signal",
            "text",
            "",
            "First signal after the change on an XmR chart of the practice's weeks, with the last twelve weeks before "
            "as baseline: beyond_limits, two_of_three, four_of_five or eight_on_side; insufficient: fewer than twelve "
            "weeks before, none after, or no variation. Null: no signal, the effect is not told from chance.",
            rules=("H17",),
        ),
        MartColumn("chart_side", "text", "", "above or below. Null: no signal."),
        MartColumn(
            "clients_seen_before",
            "number",
            "clients",
            "Balancing measure: mean of distinct_clients_n over clinicians and weeks of the window before. "
            f"{_NO_WEEKS}",
            needs=_SEEN,
            rules=("W16",),
        ),
        MartColumn(
            "clients_seen_after",
            "number",
            "clients",
            f"The same of the window after. {_NO_WEEKS}",
            needs=_SEEN,
            rules=("W16",),
        ),
        MartColumn("decision", "text", "", "keep, change or stop, or unknown. Null: nothing was decided yet."),
        MartColumn(
            "reason",
            "text",
            "",
            "Why there is no effect: in_no_mart (no mart.column named), not_by_week (not a number of a mart with a row "
            "per clinician and week), no_weeks (nothing known in one of the windows, or a ratio that cannot be summed "
            "over clinicians). Null: there is one.",
        ),
    ),
    build=experiment_result,
)

MARTS: tuple[Mart, ...] = (EXPERIMENT_RESULT, ROUTINE_MONTH)
GUARDRAILS: tuple[Guardrail, ...] = ROUTINE_RAILS
