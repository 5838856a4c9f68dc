"""Charts of views that have one row per period and kind, about the whole practice."""

from __future__ import annotations

from pacekeeper.bi import BiContract
from pacekeeper.superset.chart import DOLLARS, ONE_DECIMAL, PER_CENT, WHOLE, Chart, Figure, Gap, Kind
from pacekeeper.superset.measures import column_of, definition_of

_FORMATS = {"ratio": PER_CENT, "cents": DOLLARS, "days": ONE_DECIMAL, "business days": ONE_DECIMAL}


def by_period(
    contract: BiContract,
    view: str,
    title: str,
    labels: dict[str, str],
    *,
    kind: Kind = "line",
    by: tuple[str, ...] = (),
    where: str | None = None,
    about: str | None = None,
    gap: Gap | None = None,
) -> Chart:
    """Columns of a view over its months or quarters. labels: what each is called.

    A rate is shown as the view has it, never a mean of rates: `where` and `by` leave one row to a point. Cents are
    shown as dollars. gap: of the first column's nulls, where none is given.
    """
    period = next(name for name in ("month_id", "quarter_id", "closes_on") if name in _names(contract, view))
    first = next(iter(labels))
    columns = {name: column_of(contract, view, name) for name in labels}
    told = " ".join(f"{labels[name]}: {_lower(definition_of(column))}" for name, column in columns.items())
    figures = []
    for name, column in columns.items():
        is_sum = column.type == "count" and column.unit != "months"
        sql = f"SUM({name})" if is_sum or column.unit == "cents" else f"AVG({name})"
        sql = f"{sql} / 100.0" if column.unit == "cents" else sql
        figures.append(Figure(labels[name], sql, _FORMATS.get(column.unit, WHOLE if is_sum else ONE_DECIMAL)))
    return Chart(
        name=f"{view}.{'.'.join(labels)}" + "".join(f".by_{one}" for one in by),
        title=title,
        view=view,
        kind=kind,
        definition=about or told,
        figures=tuple(figures),
        gap=gap or Gap(f"SUM(CASE WHEN {first} IS NULL THEN 1 ELSE 0 END)", "COUNT(*)", _rows_of(period, by)),
        period=period,
        x=period,
        by=by,
        where=where,
        is_monthly=period == "month_id",
    )


def _names(contract: BiContract, view: str) -> set[str]:
    return {column.name for one in contract.views if one.name == view for column in one.columns}


def _rows_of(period: str, by: tuple[str, ...]) -> str:
    rows = {"month_id": "months", "quarter_id": "quarters", "closes_on": "results"}[period]
    return f"{rows} by {' and '.join(name.replace('_', ' ') for name in by)}" if by else rows


def _lower(text: str) -> str:
    return text if text[1:2].isupper() or "_" in text.split(" ")[0] else text[:1].lower() + text[1:]
