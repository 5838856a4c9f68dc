"""A chart as Superset's settings of it, and the caption that goes with it."""

from __future__ import annotations

from html import escape
from typing import Any

from pacekeeper.superset.chart import Chart, Figure
from pacekeeper.superset.dataset import Yaml
from pacekeeper.superset.ids import VERSION, stable_id

_VIZ = {
    "line": "echarts_timeseries_line",
    "bar": "echarts_timeseries_bar",
    "share": "echarts_timeseries_bar",
    "heat": "heatmap_v2",
    "table": "table",
}
_ROWS = 10_000


def chart_yaml(chart: Chart) -> Yaml:
    params = _params(chart)
    if chart.having is not None:
        params["adhoc_filters"].append({"expressionType": "SQL", "clause": "HAVING", "sqlExpression": chart.having})
    return _yaml(chart, chart.name, chart.title, _VIZ[chart.kind], params)


def caption_yaml(chart: Chart) -> Yaml:
    """Definition, window and how many are not known, asked from the same rows by the same filters."""
    figures = [
        Figure("unknown", f"COALESCE({chart.gap.unknown}, 0)"),
        Figure("of", f"COALESCE({chart.gap.of}, 0)"),
    ]
    if chart.period is not None:
        figures += [
            Figure("earliest", f"CAST(MIN({_day(chart.period)}) AS VARCHAR)"),
            Figure("latest", f"CAST(MAX({_day(chart.period)}) AS VARCHAR)"),
        ]
    if chart.gap.hidden is not None:
        figures += [Figure("hidden", f"COALESCE({chart.gap.hidden}, 0)")]
    params = {
        **_common(chart, "handlebars"),
        "query_mode": "aggregate",
        "groupby": [],
        "metrics": [_metric(figure) for figure in figures],
        "row_limit": 1,
        "handlebarsTemplate": _template(chart),
        "styleTemplate": "",
    }
    return _yaml(chart, f"{chart.name}/caption", f"{chart.title}: definition, window, unknown", "handlebars", params)


def _yaml(chart: Chart, name: str, title: str, viz: str, params: Yaml) -> Yaml:
    return {
        "slice_name": title,
        "description": f"{chart.definition} Not known and left out: see the caption.",
        "viz_type": viz,
        "params": params,
        "query_context": None,
        "cache_timeout": None,
        "uuid": stable_id("chart", name),
        "version": VERSION,
        "dataset_uuid": stable_id("dataset", chart.view),
    }


def _params(chart: Chart) -> Yaml:
    common = {**_common(chart, _VIZ[chart.kind]), "row_limit": _ROWS}
    metrics = [_metric(figure) for figure in chart.figures]
    form = chart.figures[0].format
    if chart.kind == "table":
        return {
            **common,
            "query_mode": "aggregate",
            "groupby": list(chart.by),
            "metrics": metrics,
            "all_columns": [],
            "order_desc": True,
            "table_timestamp_format": "%Y-%m-%d",
            "column_config": {figure.label: {"d3NumberFormat": figure.format} for figure in chart.figures},
            "show_cell_bars": False,
        }
    if chart.kind == "heat":
        return {
            **common,
            "x_axis": chart.x,
            "groupby": chart.by[0],
            "metric": metrics[0],
            "sort_x_axis": "alpha_asc",
            "sort_y_axis": "alpha_desc",
            "linear_color_scheme": "schemeOranges",
            "normalize_across": "heatmap",
            "value_bounds": [0, 1],
            "y_axis_format": form,
            "legend_type": "continuous",
            "show_legend": True,
            "show_percentage": False,
            "show_values": False,
            "bottom_margin": "auto",
            "left_margin": "auto",
            "xscale_interval": 1,
            "yscale_interval": 1,
        }
    return {**common, **_axes(chart, form), "metrics": metrics, "groupby": list(chart.by)}


def _axes(chart: Chart, form: str) -> Yaml:
    """Of lines and bars over time. Where a value is not known the line is broken."""
    found: Yaml = {
        "x_axis": chart.x,
        "time_grain_sqla": "P1M" if chart.is_monthly else None,
        "x_axis_time_format": "%b %Y" if chart.is_monthly else "%d %b %Y",
        "y_axis_format": form,
        "truncateYAxis": chart.kind == "line",
        "y_axis_bounds": [0, None],
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
        "rich_tooltip": True,
        "connectNulls": False,
        "color_scheme": "supersetColors",
        "order_desc": True,
        "sort_series_type": "name",
        "sort_series_ascending": False,
    }
    if chart.kind == "line":
        return {**found, "markerEnabled": True, "markerSize": 5}
    if chart.kind == "share":
        return {**found, "stack": "Stack", "contributionMode": "row", "y_axis_format": ".0%"}
    return {**found, "stack": "Stack" if chart.by or len(chart.figures) > 2 else None}


def _common(chart: Chart, viz: str) -> Yaml:
    filters = [] if chart.period is None else [_time_filter(chart.period)]
    if chart.where is not None:
        filters.append({"expressionType": "SQL", "clause": "WHERE", "sqlExpression": chart.where})
    return {"viz_type": viz, "adhoc_filters": filters}


def _time_filter(column: str) -> Yaml:
    return {
        "expressionType": "SIMPLE",
        "clause": "WHERE",
        "subject": column,
        "operator": "TEMPORAL_RANGE",
        "comparator": "No filter",
    }


def _metric(figure: Figure) -> dict[str, Any]:  # Any: what YAML knows
    return {
        "expressionType": "SQL",
        "sqlExpression": figure.sql,
        "label": figure.label,
        "hasCustomLabel": True,
        "optionName": f"metric_{figure.label.lower().replace(' ', '_')}",
    }


def _day(column: str) -> str:
    return f"CAST({column} AS DATE)" if column.endswith("_through") or column == "as_of" else column


def _template(chart: Chart) -> str:
    window = "" if chart.period is None else "<b>Window</b> {{earliest}} to {{latest}}. "
    hidden = ""
    if chart.gap.hidden is not None:
        hidden = " {{#if hidden}}<b>Left out</b>, being about too few: {{hidden}}.{{/if}}"
    return (
        f"<p><b>Definition</b> {escape(chart.definition, quote=False)}</p>"
        f"{{{{#each data}}}}<p>{window}<b>Not known</b> {{{{unknown}}}} of {{{{of}}}} {chart.gap.words}.{hidden}</p>"
        "{{/each}}"
    )
