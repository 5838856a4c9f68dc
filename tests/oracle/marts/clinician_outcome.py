"""clinician_outcome: what episodes that ended within twelve months say of a clinician (decision 8, O12)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from math import sqrt
from statistics import NormalDist, fmean, variance

from tests.oracle.marts.endings import endings
from tests.oracle.marts.funnel import zone
from tests.oracle.marts.months import ended_months, month_bounds
from tests.oracle.marts.outcomes import episode_outcome
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.marts.trajectory import instruments

BETTER = {"improved", "recovered"}
LEVELS = {"alert_low": 1, "alarm_low": 2}


def clinician_outcome(practice: Practice) -> MartRows:
    ended = _ended(practice)
    scored: dict[str, dict[str, Row]] = defaultdict(dict)
    for (episode, instrument, _), row in episode_outcome(practice).items():
        if row["is_primary"]:
            scored[instrument][episode] = row
    found: MartRows = {}
    for month in ended_months(practice):
        window = {key: row for key, row in ended.items() if _is_within(practice, row["ended_on"], month)}
        for instrument, rows in scored.items():
            found |= _month(practice, month, instrument, window, rows)
    return found


def _ended(practice: Practice) -> dict[str, Row]:
    least = practice.setting("outcome", "course_sessions")
    return {
        key: row
        for key, row in endings(practice).items()
        if row["state"] != "open" and row["ended_on"] is not None and row["sessions_n"] >= least
    }


def _is_within(practice: Practice, day: date, month: date) -> bool:
    """Whether a day is in the months that close with this one."""
    back = (month.year - day.year) * 12 + month.month - day.month
    return 0 <= back < int(practice.setting("outcome", "window_months"))


def _month(
    practice: Practice, month: date, instrument: str, window: dict[str, Row], scored: dict[str, Row]
) -> MartRows:
    ended = Counter(row["clinician_key"] for row in window.values())
    measured: dict[str, list[Row]] = defaultdict(list)
    for key in window.keys() & scored.keys():
        if scored[key]["last"] is not None:
            measured[window[key]["clinician_key"]].append(scored[key])
    pooled = _pooled(practice, {who: _effects(rows) for who, rows in measured.items()})
    cases = [row for rows in measured.values() for row in rows if row["is_base_case"]]
    improved = [row for row in cases if row["reliable_class"] in BETTER]
    rate = Fraction(len(improved), len(cases)) if cases else Fraction(0)
    is_judged = instrument == practice.rule("outcome_funnel", "instrument")
    return {
        (who, instrument, month): {
            **month_bounds(practice, month),
            "ended_n": n,
            "measured_ratio": ratio(Fraction(len(measured[who])), n),
            **_counts(practice, instrument, measured[who], rate),
            **_means(practice, measured[who], pooled.get(who)),
            "is_judged": is_judged,
        }
        for who, n in ended.items()
    }


def _effects(rows: list[Row]) -> list[float]:
    return [row["severity_adj_es"] for row in rows if row["severity_adj_es"] is not None]


def _counts(practice: Practice, instrument: str, rows: list[Row], rate: Fraction) -> Row:
    cases = [row for row in rows if row["is_base_case"]]
    is_shown = len(rows) >= practice.setting("outcome", "show_from_n")
    is_verified = "reliable_change" in instruments()[instrument]
    improved = sum(row["reliable_class"] in BETTER for row in cases)
    place, level = "insufficient", None
    if is_verified and len(cases) >= practice.setting("outcome", "compare_from_n"):
        place = zone(improved, len(cases), rate)
        level = LEVELS.get(place, 0)
    is_counted = is_shown and is_verified
    return {
        "n": len(rows),
        "case_n": len(cases),
        "reliable_improve_n": improved if is_counted else None,
        "recovered_n": sum(row["reliable_class"] == "recovered" for row in cases) if is_counted else None,
        "deteriorate_n": sum(row["reliable_class"] == "deteriorated" for row in rows) if is_counted else None,
        "funnel_zone": place,
        "funnel_level": level,
        "display_ok": is_shown,
    }


def _means(practice: Practice, rows: list[Row], pooled: Row | None) -> Row:
    effects = _effects(rows)
    is_shown = len(rows) >= practice.setting("outcome", "show_from_n")
    if pooled is None or not is_shown:
        pooled = dict.fromkeys(("shrunk_es", "lo", "hi", "own_weight"))
    return {"mean_sa_es": fmean(effects) if effects and is_shown else None, **pooled}


def _pooled(practice: Practice, effects: dict[str, list[float]]) -> dict[str, Row]:
    """Random effects by the method of moments. Within: one variance for all, about each clinician's own mean."""
    effects = {who: values for who, values in effects.items() if values}
    spread = _within(list(effects.values()))
    if len(effects) < 2 or not spread:
        return {}
    means = {who: fmean(values) for who, values in effects.items()}
    errors = {who: spread / len(values) for who, values in effects.items()}
    sure = {who: 1 / error for who, error in errors.items()}
    total = sum(sure.values())
    centre = sum(sure[who] * means[who] for who in means) / total
    excess = sum(sure[who] * (means[who] - centre) ** 2 for who in means) - (len(means) - 1)
    between = max(excess / (total - sum(w**2 for w in sure.values()) / total), 0.0)
    weights = {who: 1 / (errors[who] + between) for who in means}
    certainty = sum(weights.values())
    centre = sum(weights[who] * means[who] for who in means) / certainty
    z = NormalDist().inv_cdf((1 + practice.setting("outcome", "confidence")) / 2)
    found = {}
    for who, mean in means.items():
        own = between / (between + errors[who])
        value = own * mean + (1 - own) * centre
        half = z * sqrt(own * errors[who] + (1 - own) ** 2 / certainty)
        found[who] = {"shrunk_es": value, "lo": value - half, "hi": value + half, "own_weight": own}
    return found


def _within(groups: Sequence[Sequence[float]]) -> float:
    """Variance within clinicians, pooled over them."""
    known = [values for values in groups if len(values) > 1]
    freedom = sum(len(values) - 1 for values in known)
    return sum(variance(values) * (len(values) - 1) for values in known) / freedom if freedom else 0.0
