"""`clinician_outcome`: outcome of the episodes that ended within a year, by clinician; a question, never a ranking."""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa

from pacekeeper.expr import Table, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.statistics import funnel_zone, pool_means
from pacekeeper.measures.statistics.grouped import Floats, Groups
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.care import EPISODE_COURSE, NONE, outcome_policy
from pacekeeper_assets.judging import CLINICIAN_MONTH, band
from pacekeeper_assets.periods import PRACTICE_MONTH

_BY = ("clinician_key", "instrument", "month_id")
_GAINED = ("improved", "recovered")
_LEVELS = {"alert_low": 1, "alarm_low": 2}


def clinician_outcome(tables: CanonicalTables, policy: Policy) -> Table:
    """Episodes of at least `course_sessions` that ended in the twelve months up to a month's end."""
    outcome = outcome_policy(policy)
    course = tables.episode_course
    course = course.filter(
        course.end_no.notnull()
        & (course.clinician_key != NONE)
        & (course.sessions_n >= outcome.whole("course_sessions"))
    )
    windows = _windows(tables, outcome.whole("window_months"))
    ended = course.inner_join(
        windows, [course.end_no >= windows.window_from_no, course.end_no <= windows.window_to_no]
    ).select("episode_key", "clinician_key", "month_id", "month_start_at", "month_end_at")
    read = tables.episode_outcome
    read = read.filter(read.is_primary)
    used = read.select("instrument").distinct()
    listed = ended.cross_join(used)
    joined = listed.left_join(
        read.select("episode_key", "instrument", "change", "severity_adj_es", "reliable_class", "is_base_case"),
        ["episode_key", "instrument"],
    )
    has_change = joined.change.notnull()
    is_case = has_change & ibis.coalesce(joined.is_base_case, literal(value=False)) & joined.reliable_class.notnull()
    has_gained = ibis.coalesce(joined.reliable_class.isin(_GAINED), literal(value=False))
    es = joined.severity_adj_es
    return joined.group_by(*_BY).aggregate(
        month_start_at=joined.month_start_at.max(),
        month_end_at=joined.month_end_at.max(),
        ended_n=joined.count(),
        n=joined.count(where=has_change),
        classed_n=joined.count(where=joined.reliable_class.notnull()),
        case_n=joined.count(where=is_case),
        reliable_improve_n=joined.count(where=is_case & has_gained),
        recovered_n=joined.count(where=is_case & (joined.reliable_class == "recovered")),
        deteriorate_n=joined.count(where=joined.reliable_class == "deteriorated"),
        es_n=es.count(),
        mean_sa_es=es.mean(),
        es_squares=(es * es).sum(),
    )


def _windows(tables: CanonicalTables, length: int) -> Table:
    """Months that are over, with the first and last day number of the window that ends with each."""
    months = tables.practice_month
    order = ibis.window(order_by="month_id")
    first = months.first_no.lag(length - 1).over(order)
    # The first year of the record: the window reaches back to before it.
    return months.select(
        "month_id",
        "month_start_at",
        "month_end_at",
        window_from_no=ibis.coalesce(first, months.last_no - length * 31),
        window_to_no=months.last_no,
    )


def with_pooling(rows: pa.Table, policy: Policy) -> pa.Table:
    """Partial pooling within month and instrument, the funnel, and what is too little to show."""
    outcome = outcome_policy(policy)
    group = [
        f"{month}|{code}"
        for month, code in zip(*(rows[k].to_pylist() for k in ("month_id", "instrument")), strict=True)
    ]
    n, mean, squares = (_floats(rows, name) for name in ("es_n", "mean_sa_es", "es_squares"))
    by = Groups.of(np.asarray(group, dtype=str))
    within = _within_variance(by, n, mean, squares)
    pooled = pool_means(group, mean, n, within_variance=within, confidence=outcome.number("confidence"))
    improved, cases = _floats(rows, "reliable_improve_n"), _floats(rows, "case_n")
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = by.sum_by_row(improved) / by.sum_by_row(cases)
    zone = funnel_zone(improved, cases, centre=centre, min_n=outcome.whole("compare_from_n"))
    is_shown = _floats(rows, "n") >= outcome.whole("show_from_n")
    for name in ("reliable_improve_n", "recovered_n", "deteriorate_n"):
        counts = np.asarray(rows[name].to_pylist(), dtype=np.int64)
        # Without a verified reliable change there is nothing to count: not known, and not 0.
        told = is_shown & (_floats(rows, "classed_n") > 0)
        rows = rows.drop([name]).append_column(name, pa.array(counts, pa.int64(), mask=~told))
    for name, column in {
        "mean_sa_es": mean,
        "shrunk_es": pooled.value,
        "lo": pooled.lo,
        "hi": pooled.hi,
        "own_weight": pooled.own_weight,
    }.items():
        rows = rows.drop([name]) if name in rows.column_names else rows
        rows = rows.append_column(name, _nullable(np.where(is_shown, column, np.nan)))
    measured = np.divide(_floats(rows, "n"), _floats(rows, "ended_n"))
    level = [None if name == "insufficient" else _LEVELS.get(str(name), 0) for name in zone.to_pylist()]
    judged = policy.guardrail("outcome_funnel").settings.word("instrument")
    rows = rows.append_column("measured_ratio", _nullable(measured))
    rows = rows.append_column("funnel_zone", zone).append_column("funnel_level", pa.array(level, pa.int64()))
    rows = rows.append_column("display_ok", pa.array(is_shown.tolist(), pa.bool_()))
    return rows.append_column(
        "is_judged", pa.array([code == judged for code in rows["instrument"].to_pylist()], pa.bool_())
    )


def _within_variance(by: Groups, n: Floats, mean: Floats, squares: Floats) -> Floats:
    """Variance of episodes around their clinician's mean, pooled over the clinicians of a group."""
    spread = np.where(n > 1, np.nan_to_num(squares) - n * np.nan_to_num(mean) ** 2, 0.0)
    freedom = np.where(n > 1, n - 1, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(by.sum_by_row(np.maximum(spread, 0.0)) / by.sum_by_row(freedom))


def _floats(rows: pa.Table, name: str) -> Floats:
    return np.asarray(rows[name].to_numpy(), dtype=np.float64)


def _nullable(values: Floats) -> pa.DoubleArray:
    nullable: pa.DoubleArray = pa.array(values, pa.float64(), from_pandas=True)
    return nullable


_NEEDS = Needs(
    required=(
        (Input("measure_response", ("client_key", "instrument", "administered_at", "total")),),
        (Input("episode", ("episode_key", "client_key", "opened_on", "primary_clinician_key")),),
        (Input("session", ("started_at", "ended_at"), {"status": ("completed",)}),),
        (Input("session_participant", ("session_key", "client_key", "attended")),),
    )
)
_HIDDEN = "Null: n is under outcome.show_from_n"

CLINICIAN_OUTCOME = Mart(
    name="clinician_outcome",
    description="Outcome of the episodes that ended within twelve months, by clinician and instrument. Clinicians "
    "explain little of outcome: a question to ask, never a ranking, a rating or a basis of pay.",
    grain="one row per clinician, instrument and month at whose end the twelve months close",
    primary_key=_BY,
    inputs=("episode_outcome",),
    steps=(EPISODE_COURSE, PRACTICE_MONTH),
    columns=(
        MartColumn("clinician_key", "text", "", "Person in charge of the episode: `person_match.person_key`."),
        MartColumn("instrument", "text", "", "Instrument code."),
        MartColumn("month_id", "date", "", "First local day of the month at whose end the window closes."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of that month, in the practice's zone."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn(
            "ended_n",
            "count",
            "episodes",
            "Episodes that ended in the window, recorded or lapsed, after at least outcome.course_sessions sessions.",
            needs=_NEEDS,
        ),
        MartColumn(
            "n",
            "count",
            "episodes",
            "Of these, with a baseline and a later score by the same respondent.",
            needs=_NEEDS,
        ),
        MartColumn(
            "measured_ratio",
            "number",
            "ratio",
            "n / ended_n: where only some are measured, those who do well may be. Show it beside every outcome.",
            needs=_NEEDS,
        ),
        MartColumn("case_n", "count", "episodes", "Of n, cases at baseline: the others cannot recover.", needs=_NEEDS),
        MartColumn(
            "reliable_improve_n",
            "count",
            "episodes",
            f"Of case_n, improved or recovered. {_HIDDEN}, or no reliable change is verified.",
            needs=_NEEDS,
            rules=("O06",),
        ),
        MartColumn("recovered_n", "count", "episodes", f"Of case_n, recovered. {_HIDDEN}, or as above.", needs=_NEEDS),
        MartColumn(
            "deteriorate_n",
            "count",
            "episodes",
            f"Of n, reliably worse, cases or not. {_HIDDEN}, or as above.",
            needs=_NEEDS,
            rules=("O06",),
        ),
        MartColumn(
            "mean_sa_es",
            "number",
            "standard deviations",
            f"Mean of severity_adj_es; negative is better than expected. {_HIDDEN}, or none is known.",
            needs=_NEEDS,
            rules=("O06",),
        ),
        MartColumn(
            "shrunk_es",
            "number",
            "standard deviations",
            "The same drawn towards the practice's mean, the more the fewer episodes there are (partial pooling, "
            f"DerSimonian and Laird). {_HIDDEN}, or there is no second clinician.",
            needs=_NEEDS,
            rules=("O06",),
        ),
        MartColumn(
            "lo", "number", "standard deviations", "Lower end of its interval. Null as shrunk_es.", needs=_NEEDS
        ),
        MartColumn(
            "hi", "number", "standard deviations", "Upper end of its interval. Null as shrunk_es.", needs=_NEEDS
        ),
        MartColumn(
            "own_weight",
            "number",
            "ratio",
            "How much of shrunk_es is the clinician's own: 0 is only the practice's. Null as shrunk_es.",
            needs=_NEEDS,
        ),
        MartColumn(
            "funnel_zone",
            "text",
            "",
            "reliable_improve_n of case_n against the practice's rate: inside, alert_low or alert_high (95 %), "
            "alarm_low or alarm_high (99.8 %), insufficient under outcome.compare_from_n cases.",
        ),
        MartColumn(
            "funnel_level",
            "count",
            "points",
            "0 inside or above, 1 alert_low, 2 alarm_low. Null: insufficient.",
            needs=_NEEDS,
        ),
        MartColumn("display_ok", "flag", "", "Whether n suffices to show numbers at all."),
        MartColumn("is_judged", "flag", "", "Whether the policy's guardrail looks at this instrument."),
    ),
    build=clinician_outcome,
    refine=with_pooling,
)

OUTCOME_FUNNEL: Guardrail = band(
    "outcome_funnel",
    mart="clinician_outcome",
    value="funnel_level",
    numerator="reliable_improve_n",
    denominator="case_n",
    only="is_judged",
    needs=_NEEDS,
    grain=CLINICIAN_MONTH,
    reach_days=365,
)
