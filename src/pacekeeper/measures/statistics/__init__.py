"""Statistics of marts: numpy in, numpy or Arrow out, many groups at once. NaN stands for null."""

from __future__ import annotations

from pacekeeper.measures.statistics.change import (
    SeverityLine,
    change_class,
    effect_size,
    fit_severity,
    reliable_change_index,
    reliable_change_points,
    severity_adjusted_effect_size,
)
from pacekeeper.measures.statistics.charts import p_chart, xmr_chart
from pacekeeper.measures.statistics.funnel import funnel_limits, funnel_zone, overdispersion
from pacekeeper.measures.statistics.grouped import PerGroup
from pacekeeper.measures.statistics.intervals import Interval, wilson
from pacekeeper.measures.statistics.pooling import Pooled, pool_means, pool_rates
from pacekeeper.measures.statistics.spread import coefficient_of_variation, fairness_ratio, gini
from pacekeeper.measures.statistics.survival import survival_at, waiting_time

__all__ = [
    "Interval",
    "PerGroup",
    "Pooled",
    "SeverityLine",
    "change_class",
    "coefficient_of_variation",
    "effect_size",
    "fairness_ratio",
    "fit_severity",
    "funnel_limits",
    "funnel_zone",
    "gini",
    "overdispersion",
    "p_chart",
    "pool_means",
    "pool_rates",
    "reliable_change_index",
    "reliable_change_points",
    "severity_adjusted_effect_size",
    "survival_at",
    "waiting_time",
    "wilson",
    "xmr_chart",
]
