"""`episode_outcome`: first against last score of an episode, by instrument and respondent."""

from __future__ import annotations

import hashlib

import ibis
import numpy as np
import pyarrow as pa

from pacekeeper.contract.instruments import instruments
from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import SECONDS_PER_DAY, SECONDS_PER_HOUR, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.statistics import effect_size, fit_severity, severity_adjusted_effect_size
from pacekeeper.measures.statistics.grouped import Floats
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.care import EPISODE_COURSE, outcome_policy
from pacekeeper_assets.instrument_facts import fact, is_case
from pacekeeper_assets.outcomes import change_class

_BY = ("episode_key", "instrument", "respondent")
_PREFERRED = ("self", "caregiver", "clinician", "unknown")
_HALF = 0.5


def episode_outcome(tables: CanonicalTables, policy: Policy) -> Table:
    """Scores from `baseline_days` before the first session on; those of another series than the first are left out."""
    outcome = outcome_policy(policy)
    scored = tables.measure_trajectory
    scored = scored.filter(scored.sequence_no.notnull() & scored.episode_key.notnull())
    scored = scored.select(*_BY, "response_key", "series", "session_no", "score", at_s=seconds(scored.administered_at))
    course = tables.episode_course.select(
        "episode_key",
        "client_key",
        "clinician_key",
        "closure_type",
        "end_state",
        "first_start_s",
        "first_end_s",
        sessions="sessions_n",
    )
    rows = scored.inner_join(course, "episode_key")
    early_s = outcome.whole("baseline_days") * SECONDS_PER_DAY
    rows = rows.filter(rows.first_start_s.isnull() | (rows.at_s >= rows.first_start_s - early_s))
    rows = rows.mutate(first_series=rows.series.first().over(_in_order()))
    rows = rows.filter(rows.series == rows.first_series)
    rows = rows.mutate(
        from_first=ibis.row_number().over(_in_order()), from_last=ibis.row_number().over(_in_order(latest=True))
    )
    found = rows.group_by(*_BY).aggregate(
        client_key=rows.client_key.max(),
        clinician_key=rows.clinician_key.max(),
        closure_type=rows.closure_type.max(),
        end_state=rows.end_state.max(),
        sessions=rows.sessions.max(),
        first_end_s=rows.first_end_s.max(),
        n_scores=rows.count(),
        first_score=rows.score.max(where=rows.from_first == 0),
        first_s=rows.at_s.min(),
        first_session_no=rows.session_no.max(where=rows.from_first == 0),
        last_score=rows.score.max(where=rows.from_last == 0),
        last_s=rows.at_s.max(),
    )
    late_s = int(outcome.number("response_after") * SECONDS_PER_HOUR)
    return _measured(found.mutate(is_baseline=found.first_s <= found.first_end_s + late_s))


def _in_order(*, latest: bool = False) -> ibis.expr.builders.LegacyWindowBuilder:
    """The scores of an episode, earliest or latest first."""
    keys = [ibis._.at_s, ibis._.response_key]
    return ibis.window(group_by=_BY, order_by=[key.desc() for key in keys] if latest else keys)


def _measured(rows: Table) -> Table:
    no_number = ibis.null("float64")
    rows = rows.mutate(
        base=ifelse(ibis.coalesce(rows.is_baseline, literal(value=False)), rows.first_score, no_number),
        has_two=rows.n_scores > 1,
    )
    rows = rows.mutate(last=ifelse(rows.has_two & rows.base.notnull(), rows.last_score, no_number))
    elevated = rows.base >= fact(rows.instrument, lambda one: one.points(one.elevated_from))
    remission_below = fact(rows.instrument, lambda one: one.points(one.remission_below))
    no_flag = ibis.null("boolean")
    is_base_case = is_case(rows.instrument, rows.base)
    return rows.mutate(
        is_primary=ibis.row_number().over(
            ibis.window(group_by=["episode_key", "instrument"], order_by=[_preference(rows.respondent)])
        )
        == 0,
        change=(rows.last - rows.base).round(6),
        response=ifelse(elevated, rows.last <= rows.base * _HALF, no_flag),
        remission=ifelse(elevated, rows.last < remission_below, no_flag),
        reliable_class=change_class(rows.instrument, rows.base, rows.last),
        is_base_case=is_base_case,
        cutoff_cross=ifelse(is_base_case, ~is_case(rows.instrument, rows.last), no_flag),
        days=ifelse(
            rows.last.notnull(),
            (rows.last_s - rows.first_s).cast("float64") / float(SECONDS_PER_DAY),
            no_number,
        ),
    )


def _preference(respondent: Value) -> Value:
    return ibis.cases(*[(respondent == who, place) for place, who in enumerate(_PREFERRED)], else_=len(_PREFERRED))


def with_effect_sizes(rows: pa.Table, policy: Policy) -> pa.Table:
    """Effect sizes by the practice's own standard deviation and line of each instrument and respondent."""
    least = outcome_policy(policy).whole("reference_min_n")
    base, last = (rows[name].to_numpy().astype(np.float64) for name in ("base", "last"))
    plain, adjusted = np.full(len(base), np.nan), np.full(len(base), np.nan)
    counts = np.zeros(len(base), dtype=np.int64)
    versions = np.full(len(base), "", dtype="U24")
    instrument, respondent = (np.asarray(rows[name].to_pylist(), dtype=str) for name in ("instrument", "respondent"))
    has_both = ~np.isnan(base) & ~np.isnan(last)
    for code, who in sorted(set(zip(instrument.tolist(), respondent.tolist(), strict=True))):
        of_group = (instrument == code) & (respondent == who)
        pairs = of_group & has_both
        if pairs.sum() < least:
            continue
        line, sd = fit_severity(base[pairs], last[pairs]), float(np.std(base[pairs], ddof=1))
        if line is None:
            continue
        up = instruments()[code].higher_is_better
        plain[of_group] = effect_size(base[of_group], last[of_group], sd=sd, higher_is_better=up)
        adjusted[of_group] = severity_adjusted_effect_size(
            base[of_group], last[of_group], line, sd=sd, higher_is_better=up
        )
        told = f"{code} {who} {line.slope:.9f} {line.intercept:.9f} {sd:.9f} {line.n}"
        versions[of_group] = f"practice-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        counts[of_group] = line.n
    rows = rows.append_column("effect_size", _nullable(plain))
    rows = rows.append_column("severity_adj_es", _nullable(adjusted))
    rows = rows.append_column("coefficients_version", pa.array(versions.tolist(), pa.string(), mask=versions == ""))
    return rows.append_column("coefficients_n", pa.array(counts, pa.int64(), mask=counts == 0))


def _nullable(values: Floats) -> pa.DoubleArray:
    nullable: pa.DoubleArray = pa.array(values, pa.float64(), from_pandas=True)
    return nullable


_SCORE = Input("measure_response", ("client_key", "instrument", "administered_at", "total"))
_EPISODE = Input("episode", ("episode_key", "client_key", "opened_on"))
_HELD = Input("session", ("started_at", "ended_at"), {"status": ("completed",)})
_ATTENDED = Input("session_participant", ("session_key", "client_key", "attended"))
_SCORES = Needs(required=((_SCORE,), (_EPISODE,)))
_PAIRS = Needs(required=((_SCORE,), (_EPISODE,), (_HELD,), (_ATTENDED,)))
_NO_PAIR = "Null: no baseline, or no second score in its series"

EPISODE_OUTCOME = Mart(
    name="episode_outcome",
    description="First against last score of each episode; read it beside completeness: who is measured is no chance.",
    grain="one row per episode, instrument and respondent",
    primary_key=("episode_key", "instrument", "respondent"),
    inputs=("measure_trajectory",),
    steps=(EPISODE_COURSE,),
    columns=(
        MartColumn("episode_key", "text", "", "Key of the episode."),
        MartColumn("instrument", "text", "", "Instrument code."),
        MartColumn("respondent", "text", "", "Who answered; respondents are never mixed."),
        MartColumn(
            "is_primary",
            "flag",
            "",
            "Whether this respondent speaks for the episode: self before caregiver before clinician. One per episode "
            "and instrument.",
        ),
        MartColumn("client_key", "text", "", "Key of the client: `client_match.person_key`."),
        MartColumn("clinician_key", "text", "", "Person in charge of the episode; `none` where nobody is named."),
        MartColumn(
            "n_scores",
            "count",
            "responses",
            "Scored responses of one version and language, from 14 days before the first session on "
            "(outcome.baseline_days).",
            needs=_SCORES,
            rules=("O06",),
        ),
        MartColumn(
            "base",
            "number",
            "points",
            "First of those scores, if given before a day after the first session ended. Null: the first score came "
            "later and hides early change, or no session was attended.",
            needs=_PAIRS,
        ),
        MartColumn(
            "first_session_no",
            "count",
            "sessions",
            "Attended sessions by the first score: above 1 tells a late one. Null: not known.",
            needs=_PAIRS,
        ),
        MartColumn("last", "number", "points", f"Last of those scores. {_NO_PAIR}.", needs=_PAIRS),
        MartColumn("change", "number", "points", f"last - base. {_NO_PAIR}.", needs=_PAIRS, rules=("O06",)),
        MartColumn(
            "effect_size",
            "number",
            "standard deviations",
            "(last - base) / standard deviation of this practice's base scores, negated where higher is better, so "
            "that negative is better. Null: fewer pairs than outcome.reference_min_n, no baseline or no second score.",
            needs=_PAIRS,
            rules=("O06",),
        ),
        MartColumn(
            "severity_adj_es",
            "number",
            "standard deviations",
            "Last score against the one this practice's regression of last on base expects, in the same unit: who "
            "begins high falls anyway. Negative is better than expected. Null as effect_size.",
            needs=_PAIRS,
            rules=("O06",),
        ),
        MartColumn(
            "coefficients_version",
            "text",
            "",
            "Which standard deviation, slope and intercept: the practice's own and a hash of them. Null: none.",
        ),
        MartColumn("coefficients_n", "count", "episodes", "Pairs they were fitted to. Null: none were.", needs=_PAIRS),
        MartColumn(
            "response",
            "flag",
            "",
            "last <= half of base, for a base from the published limit on (PHQ-9: 10). Null: base is lower, no rule is "
            "published for the instrument, or last is null.",
            rules=("O06",),
        ),
        MartColumn(
            "remission", "flag", "", "last under the published limit (PHQ-9: 5). Null as response.", rules=("O06",)
        ),
        MartColumn(
            "reliable_class",
            "text",
            "",
            "recovered, improved, no_change or deteriorated, as in measure_trajectory. "
            f"{_NO_PAIR}, or no reliable change of the instrument is verified.",
        ),
        MartColumn(
            "is_base_case",
            "flag",
            "",
            "Whether base is on the worse side of caseness. False: the client cannot recover, only worsen. Null: no "
            "base, or no caseness is verified.",
        ),
        MartColumn(
            "cutoff_cross",
            "flag",
            "",
            "Whether a case at base is none at last. Null: no case at base, or not known.",
        ),
        MartColumn("days", "number", "days", f"From base to last. {_NO_PAIR}.", needs=_PAIRS),
        MartColumn(
            "sessions",
            "count",
            "sessions",
            "Sessions the client attended in the episode.",
            needs=Needs(required=((_EPISODE,), (_HELD,), (_ATTENDED,))),
        ),
        MartColumn("end_state", "text", "", "recorded, lapsed (nobody recorded an end) or open."),
        MartColumn("closure_type", "text", "", "How it ended, as recorded. Null: not ended, or not said."),
    ),
    build=episode_outcome,
    refine=with_effect_sizes,
)
