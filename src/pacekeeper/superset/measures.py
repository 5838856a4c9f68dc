"""Charts that are the same for every measure: made from the contract, which has labels, units and descriptions."""

from __future__ import annotations

import re

from pacekeeper.bi import BiColumn, BiContract, shipped_access
from pacekeeper.sql_text import sql_literal
from pacekeeper.superset.chart import ONE_DECIMAL, PER_CENT, Chart, Figure, Gap

#: Of these a share of one is a fact about the practice, and hides nobody.
_NOBODY = ("contract", "practice", "service_line", "team")
_OUT = "SUM(CASE WHEN state IN ('warn', 'breach') THEN subjects_n END)"
_KNOWN = "SUM(CASE WHEN state IN ('pass', 'warn', 'breach') THEN subjects_n END)"
VERDICT_GAP = Gap(
    "SUM(CASE WHEN state = 'unknown' THEN subjects_n END)",
    "SUM(subjects_n)",
    "verdicts",
    "SUM(CASE WHEN is_suppressed THEN 1 ELSE 0 END)",
)


def column_of(contract: BiContract, view: str, name: str) -> BiColumn:
    """Raises KeyError where the contract has no such column."""
    for one in contract.views:
        for column in one.columns:
            if (one.name, column.name) == (view, name):
                return column
    raise KeyError(f"{view}.{name}")


def definition_of(column: BiColumn) -> str:
    """How a value comes about, without what null means: the caption says how many are not known."""
    text = re.split(r" (?:Null|Never null)\b", column.description)[0]
    return re.sub(r" \(decision[^)]*\)", "", text)


def spread(contract: BiContract, view: str, name: str, title: str, *, dimension: str = "", about: str = "") -> Chart:
    """Median and quartiles of a measure over clinicians, by its period. dimension: as in `practice_measure`."""
    column = column_of(contract, view, name)
    keys = next(one.primary_key for one in contract.views if one.name == view)
    period = next(key.removesuffix("_id") for key in keys if key in {"week_id", "month_id", "quarter_id"})
    unit = PER_CENT if column.unit == "ratio" else ONE_DECIMAL
    named = column.unit.replace("_", " ")
    where = f"mart = {sql_literal(view)} AND measure = {sql_literal(name)} AND dimension = {sql_literal(dimension)}"
    return Chart(
        name=f"{view}.{name}",
        title=title if column.unit in {"", "ratio"} or named in title.lower() else f"{title} ({named})",
        view="practice_measure",
        kind="line",
        definition=f"{about or definition_of(column)} Half of clinicians lie below the median, a quarter below the "
        "lower quartile, a quarter above the upper.",
        figures=(
            Figure("Upper quartile", "AVG(quartile_high)", unit),
            Figure("Median", "AVG(median)", unit),
            Figure("Lower quartile", "AVG(quartile_low)", unit),
        ),
        gap=Gap(
            "SUM(unknown_n)",
            "SUM(unknown_n + clinicians_n)",
            f"{period}s of clinicians",
            "SUM(CASE WHEN is_suppressed THEN 1 ELSE 0 END)",
        ),
        period="period",
        x="period",
        where=where,
    )


def guardrails(topics: tuple[str, ...], title: str) -> Chart:
    """Share near or outside a limit, by guardrail and month. topics: none named = all."""
    least = shipped_access().least_clinicians
    enough = f"MIN(subject_kind) IN ({', '.join(map(sql_literal, _NOBODY))}) OR {_KNOWN} >= {least}"
    listed = ", ".join(map(sql_literal, topics))
    return Chart(
        name=f"guardrails.{'.'.join(topics) or 'all'}",
        title=title,
        view="verdict_count",
        kind="heat",
        definition="Verdicts near a limit or outside policy / verdicts that could be given, by guardrail and month. "
        f"Dark: many. Empty: nobody could be judged, or fewer than {least}.",
        figures=(
            Figure("Near or outside", f"CASE WHEN {enough} THEN 1.0 * COALESCE({_OUT}, 0) / {_KNOWN} END", PER_CENT),
        ),
        gap=VERDICT_GAP,
        period="period_on",
        x="month",
        by=("guardrail",),
        where=f"topic IN ({listed})" if topics else None,
        is_wide=True,
    )
