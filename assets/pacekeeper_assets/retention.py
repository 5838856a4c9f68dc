"""`retention_dropout` and `early_termination_quarter`: how many stay, how many leave early, by four definitions."""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.statistics import funnel_zone, survival_at, wilson
from pacekeeper.measures.statistics.grouped import Floats
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.care import CARE_EPISODE, EPISODE_COURSE, outcome_policy
from pacekeeper_assets.judging import PRACTICE_QUARTER, band
from pacekeeper_assets.people import crosswalk
from pacekeeper_assets.periods import PRACTICE_MONTH
from pacekeeper_assets.periods import PRACTICE_QUARTER as QUARTERS

_COHORT = ("month_id", "service_line", "clinician_key")
_FLAGS = ("is_early_a", "is_early_b", "is_early_c", "is_early", "is_early_d")
_RETAINED_AT = (4, 8, 12)
_TRANSFERS = ("transfer_fit", "transfer_capacity")
_GAINED = ("improved", "recovered")


def ended_course(tables: CanonicalTables, policy: Policy) -> Table:
    """`episode_course` with definition d: early, and no instrument shows a reliable improvement; null without any."""
    read = tables.episode_outcome
    read = read.filter(read.reliable_class.notnull())
    gained = read.group_by(read_key=read.episode_key).aggregate(has_gained=read.reliable_class.isin(_GAINED).any())
    course = tables.episode_course
    joined = course.left_join(gained, course.episode_key == gained.read_key).drop("read_key")
    return joined.mutate(is_early_d=ifelse(joined.is_early, ~joined.has_gained, literal(value=False)))


def episode_cohort(tables: CanonicalTables, policy: Policy) -> Table:
    """Episodes with a first session, and the month in which it was held: one row for whoever is in charge, and one,
    `is_transfer_out`, for each who handed it to somebody else. `sessions_n` is null in those.
    """
    course, months = tables.ended_course, tables.practice_month
    begun = course.inner_join(
        months.select("month_id", "month_start_at", "month_end_at", month_first_no="first_no", month_last_no="last_no"),
        [course.first_no >= months.first_no, course.first_no <= months.last_no],
    )
    left = tables.case_assignment
    left = left.filter(ibis.coalesce(left.end_reason.isin(_TRANSFERS), literal(value=False)))
    links = crosswalk(tables).select("clinician_key", left_person="person_key")
    left = left.inner_join(links, "clinician_key").select(left_key="episode_key", left_person="left_person").distinct()
    handed = begun.inner_join(left, begun.episode_key == left.left_key)
    handed = handed.mutate(
        clinician_key=handed.left_person, sessions_n=ibis.null("int64"), is_transfer_out=literal(value=True)
    )
    own = begun.mutate(is_transfer_out=literal(value=False))
    return ibis.union(own, handed.select(*own.columns))


def retention_dropout(tables: CanonicalTables, policy: Policy) -> Table:
    """The cohorts' episodes one by one: `with_retention` makes the counts and the curve of them."""
    return tables.episode_cohort.select(
        *_COHORT,
        "month_start_at",
        "month_end_at",
        "sessions_n",
        "end_state",
        "is_unknown_end",
        "is_excluded",
        "is_transfer_out",
        *_FLAGS,
    )


def with_retention(rows: pa.Table, policy: Policy) -> pa.Table:
    """One row per cohort. Whoever is still there, or left for another reason, is censored at their last session."""
    labels, group = _grouped(rows, _COHORT)
    size = len(labels)

    def count(flags: np.ndarray) -> np.ndarray:
        return np.bincount(group, weights=flags.astype(np.float64), minlength=size).astype(np.int64)

    handed = _flags(rows, "is_transfer_out")
    flags = {name: _flags(rows, name) & ~handed for name in (*_FLAGS, "is_unknown_end", "is_excluded")}
    state = np.where(handed, "", np.asarray(rows["end_state"].to_pylist(), dtype=str))
    lacks_outcome = flags["is_early"] & np.asarray(rows["is_early_d"].is_null())
    first = np.full(size, 0)
    first[group[::-1]] = np.arange(len(group))[::-1]
    curve = survival_at(
        group,
        rows["sessions_n"].to_numpy().astype(np.float64),
        flags["is_early"],
        times=[session - 1 for session in _RETAINED_AT],
    ).values
    found = rows.take(first).select([*_COHORT, "month_start_at", "month_end_at"])
    counts = {
        "started_n": count(~handed),
        "closed_n": count(state == "recorded"),
        "lapsed_n": count(state == "lapsed"),
        "open_n": count(state == "open"),
        "unknown_end_n": count(flags["is_unknown_end"]),
        "excluded_n": count(flags["is_excluded"]),
        "early_n": count(flags["is_early"]),
        **{f"early_{letter}_n": count(flags[f"is_early_{letter}"]) for letter in "abcd"},
        "early_without_outcome_n": count(lacks_outcome),
        "transfers_out_n": count(handed),
    }
    for name, column in counts.items():
        found = found.append_column(name, pa.array(column))
    for place, session in enumerate(_RETAINED_AT):
        found = found.append_column(f"km_retention_s{session}", _nullable(curve[:, place] if size else np.empty(0)))
    return found


def early_termination_quarter(tables: CanonicalTables, policy: Policy) -> Table:
    """Counts of the episodes that ended in a quarter, of the practice, each service line and each clinician."""
    course, quarters = tables.ended_course, tables.practice_quarter
    ended = course.inner_join(
        quarters.select("quarter_id", quarter_first_no="first_no", quarter_last_no="last_no"),
        [course.end_no >= quarters.first_no, course.end_no <= quarters.last_no],
    )
    spans = quarters.select("quarter_id", "quarter_start_at", "quarter_end_at")
    parts = [
        _ended(ended, level, key)
        for level, key in (
            ("practice", literal("practice")),
            ("service_line", ended.service_line),
            ("clinician", ended.clinician_key),
        )
    ]
    whole = spans.select("quarter_id", level=literal("practice"), level_key=literal("practice"))
    keys = ["quarter_id", "level", "level_key"]
    found = ibis.union(*parts)
    listed = ibis.union(whole, found.select(*keys), distinct=True)
    rows = listed.left_join(found, keys).drop(*(f"{key}_right" for key in keys))
    rows = rows.inner_join(spans, "quarter_id")
    counts = [name for name in found.columns if name not in keys]
    rows = rows.mutate(**{name: rows[name].fill_null(0) for name in counts})
    explained = rows.ended_n - rows.unknown_end_n
    return rows.mutate(
        is_practice=rows.level == "practice",
        is_unexplained=rows.unknown_end_n.cast("float64")
        > rows.ended_n.cast("float64") * outcome_policy(policy).number("max_unknown_share"),
        explained_n=explained,
        early_ratio=rows.early_n.cast("float64") / explained.nullif(0).cast("float64"),
    )


def _ended(ended: Table, level: str, key: Value) -> Table:
    """Excluded ends are no part of the rate at all."""
    rows = ended.mutate(level=literal(level), level_key=key)
    rows = rows.mutate(counts=~rows.is_excluded)
    return rows.group_by("quarter_id", "level", "level_key").aggregate(
        ended_n=rows.count(where=rows.counts),
        excluded_n=rows.count(where=rows.is_excluded),
        unknown_end_n=rows.count(where=rows.is_unknown_end),
        early_n=rows.count(where=rows.is_early),
        early_a_n=rows.count(where=rows.is_early_a),
        early_b_n=rows.count(where=rows.is_early_b),
        early_c_n=rows.count(where=rows.is_early_c),
        early_d_n=rows.count(where=rows.is_early_d),
    )


def with_funnel(rows: pa.Table, policy: Policy) -> pa.Table:
    """Intervals, and each part against the practice's rate of the same quarter; rates of few are hidden."""
    outcome = outcome_policy(policy)
    early, n = (rows[name].to_numpy().astype(np.float64) for name in ("early_n", "explained_n"))
    quarter = np.asarray(rows["quarter_id"].to_pylist(), dtype=object)
    is_whole = _flags(rows, "is_practice")
    rate = {
        day: k / m if m else np.nan for day, k, m in zip(quarter[is_whole], early[is_whole], n[is_whole], strict=True)
    }
    centre = np.asarray([rate.get(day, np.nan) for day in quarter], dtype=np.float64)
    zone = funnel_zone(early, n, centre=centre, min_n=outcome.whole("compare_from_n")).to_pylist()
    zones = pa.array([None if whole else name for whole, name in zip(is_whole, zone, strict=True)], pa.string())
    interval = wilson(early, n, confidence=outcome.number("confidence"))
    hidden = ~is_whole & (n < outcome.whole("show_from_n"))
    rows = rows.drop(["early_ratio"])
    shown = {"early_ratio": np.divide(early, n, out=np.full(len(n), np.nan), where=n > 0)}
    shown |= {"wilson_lo": interval.lo, "wilson_hi": interval.hi}
    for name, column in shown.items():
        rows = rows.append_column(name, _nullable(np.where(hidden, np.nan, column)))
    return rows.append_column("funnel_zone", zones)


def _grouped(rows: pa.Table, keys: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys, and for each row the place of its own."""
    joined = np.asarray(["|".join(map(str, key)) for key in zip(*(rows[k].to_pylist() for k in keys), strict=True)])
    labels, group = np.unique(joined, return_inverse=True)
    return labels, group


def _flags(rows: pa.Table, name: str) -> np.ndarray:
    return np.asarray([flag is True for flag in rows[name].to_pylist()], dtype=bool)


def _nullable(values: Floats) -> pa.DoubleArray:
    nullable: pa.DoubleArray = pa.array(values, pa.float64(), from_pandas=True)
    return nullable


_EPISODE = Input("episode", ("episode_key", "client_key", "opened_on", "status"))
_HELD = Input("session", ("started_at", "ended_at"), {"status": ("completed",)})
_ATTENDED = Input("session_participant", ("session_key", "client_key", "attended"))
_BOOKED = Input("appointment", ("client_key", "start_at", "status"))
_CLOSURE = Input("episode", ("closed_on",), {"closure_type": ("client_unilateral",)})
_SCORE = Input("measure_response", ("client_key", "instrument", "administered_at", "total"))
_COURSE = Needs(required=((_EPISODE,), (_HELD,), (_ATTENDED,), (_BOOKED,)))
_ENDS = Needs(required=((_EPISODE,), (_CLOSURE,), (_HELD,), (_ATTENDED,), (_BOOKED,)))
_ENDS_AND_SCORES = Needs(required=(*_ENDS.required, (_SCORE,)))
_DEFINITIONS = {
    "a": ("closed by the client alone", _ENDS),
    "b": ("ended after fewer than outcome.early_sessions sessions and not as planned", _ENDS),
    "c": (
        "not closed, and neither a session for outcome.idle_days nor a booking ahead, nor a planned end by then",
        _COURSE,
    ),
    "d": (
        "early by a or c, and no instrument shows a reliable improvement; only episodes whose change is known",
        _ENDS_AND_SCORES,
    ),
}
_NOT_COUNTED = "Transfers, referrals, moves, deaths and administrative ends never count"


def _definition_columns() -> tuple[MartColumn, ...]:
    return tuple(
        MartColumn(
            f"early_{letter}_n",
            "count",
            "episodes",
            f"Early termination, definition {letter}: {text}. {_NOT_COUNTED}.",
            needs=needs,
            rules=("T04",),
        )
        for letter, (text, needs) in _DEFINITIONS.items()
    )


RETENTION_DROPOUT = Mart(
    name="retention_dropout",
    description="Of the episodes whose first session was in a month: how many stayed, ended, and ended early.",
    grain="one row per ended month of the first session, service line and clinician in charge, or who handed one on",
    primary_key=_COHORT,
    inputs=("episode", "case_assignment", "appointment", "episode_outcome"),
    steps=(
        CARE_EPISODE,
        EPISODE_COURSE,
        PRACTICE_MONTH,
        ENDED_COURSE := Step("ended_course", ended_course, (EPISODE_COURSE,), marts=("episode_outcome",)),
        Step("episode_cohort", episode_cohort, (ENDED_COURSE, PRACTICE_MONTH)),
    ),
    columns=(
        MartColumn("month_id", "date", "", "First local day of the month of the first session."),
        MartColumn("service_line", "text", "", "The practice's own code; `none` where not said."),
        MartColumn(
            "clinician_key",
            "text",
            "",
            "Person in charge of the episode, or who handed it on; `none` where nobody is named.",
        ),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month, in the practice's zone."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn("started_n", "count", "episodes", "Episodes with a first attended session.", needs=_COURSE),
        MartColumn("closed_n", "count", "episodes", "Of these, with a recorded end.", needs=_COURSE),
        MartColumn(
            "lapsed_n",
            "count",
            "episodes",
            "Of these, without one, and neither a session nor a booking for outcome.gap_days.",
            needs=_COURSE,
        ),
        MartColumn(
            "open_n", "count", "episodes", "Of these, still going on: their end is not known yet.", needs=_COURSE
        ),
        MartColumn(
            "unknown_end_n",
            "count",
            "episodes",
            "Closed without saying how, when no end was planned by then; in no definition.",
            needs=_ENDS,
        ),
        MartColumn("excluded_n", "count", "episodes", f"{_NOT_COUNTED}: these.", needs=_ENDS),
        MartColumn("early_n", "count", "episodes", "Early by a or c: the headline.", needs=_ENDS, rules=("T04",)),
        *_definition_columns(),
        MartColumn(
            "early_without_outcome_n",
            "count",
            "episodes",
            "Early by a or c, and no instrument tells of change: d is not known of them.",
            needs=_ENDS_AND_SCORES,
        ),
        MartColumn(
            "transfers_out_n",
            "count",
            "episodes",
            "Episodes that this clinician handed to another one, for fit or capacity; the other columns count them for "
            "the one in charge.",
            needs=Needs(required=((Input("case_assignment", ("episode_key", "clinician_key", "end_reason")),),)),
            rules=("T14",),
        ),
        *(
            MartColumn(
                f"km_retention_s{session}",
                "number",
                "ratio",
                f"Share that attends at least {session} sessions, by Kaplan-Meier: leaving early is the event, whoever "
                "is still there or left otherwise is censored. Null: nobody has come that far.",
                needs=_ENDS,
                rules=("T04", "O10"),
            )
            for session in _RETAINED_AT
        ),
    ),
    build=retention_dropout,
    refine=with_retention,
)

EARLY_TERMINATION_QUARTER = Mart(
    name="early_termination_quarter",
    description="Early termination among the episodes that ended in a quarter, recorded or lapsed; never a ranking.",
    grain="one row per quarter and the practice, a service line or a clinician",
    primary_key=("quarter_id", "level", "level_key"),
    inputs=("episode", "appointment", "episode_outcome"),
    steps=(EPISODE_COURSE, QUARTERS, ENDED_COURSE),
    columns=(
        MartColumn("quarter_id", "date", "", "First local day of the quarter."),
        MartColumn("level", "text", "", "practice, service_line or clinician."),
        MartColumn("level_key", "text", "", "`practice`, the code of the service line, or the person's key."),
        MartColumn("is_practice", "flag", "", "Whether the row is that of the whole practice."),
        MartColumn("quarter_start_at", "instant", "UTC", "First moment of the quarter, in the practice's zone."),
        MartColumn("quarter_end_at", "instant", "UTC", "First moment of the next quarter."),
        MartColumn("ended_n", "count", "episodes", f"Episodes that ended in the quarter. {_NOT_COUNTED}.", needs=_ENDS),
        MartColumn("excluded_n", "count", "episodes", "Ends of those kinds in the quarter.", needs=_ENDS),
        MartColumn(
            "unknown_end_n",
            "count",
            "episodes",
            "Of ended_n, closed without saying how, when no end was planned by then.",
            needs=_ENDS,
        ),
        MartColumn("explained_n", "count", "episodes", "ended_n - unknown_end_n.", needs=_ENDS),
        MartColumn(
            "is_unexplained",
            "flag",
            "",
            "Whether more than outcome.max_unknown_share of ended_n say nothing about how they ended.",
        ),
        MartColumn("early_n", "count", "episodes", "Early by a or c.", needs=_ENDS, rules=("T04",)),
        *_definition_columns(),
        MartColumn(
            "early_ratio",
            "number",
            "ratio",
            "early_n / explained_n. Null: nothing ended, or, for parts of the practice, under outcome.show_from_n.",
            needs=_ENDS,
            rules=("T04", "O10"),
        ),
        MartColumn("wilson_lo", "number", "ratio", "Lower end of its Wilson interval. Null as the ratio.", needs=_ENDS),
        MartColumn("wilson_hi", "number", "ratio", "Upper end of its Wilson interval. Null as the ratio.", needs=_ENDS),
        MartColumn(
            "funnel_zone",
            "text",
            "",
            "The part against the practice's rate of the quarter: inside, alert_low or alert_high (95 %), alarm_low or "
            "alarm_high (99.8 %), insufficient under outcome.compare_from_n. Null: the practice itself.",
            rules=("O10",),
        ),
    ),
    build=early_termination_quarter,
    refine=with_funnel,
)

EARLY_TERMINATION: Guardrail = band(
    "early_termination",
    mart="early_termination_quarter",
    value="early_ratio",
    numerator="early_n",
    denominator="explained_n",
    partial="is_unexplained",
    only="is_practice",
    needs=_ENDS,
    grain=PRACTICE_QUARTER,
    reach_days=60,
)
