"""Charts as SVG that takes its colours from the page, so that one drawing serves light, dark and paper.

vl-convert renders Vega-Lite without a browser or a network. A chart is a picture; the table beside it is its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_VL = "5.20"
_INK, _QUIET, _LINE, _BAND, _LIMIT = "var(--ink-2)", "var(--rule)", "var(--line)", "var(--band)", "var(--limit)"
_CONFIG: Mapping[str, Any] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _INK,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "gridColor": _QUIET,
        "domainColor": _QUIET,
        "tickColor": _QUIET,
    },
    "legend": {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 11, "symbolSize": 80},
}
_STATE_COLOURS = {name: f"var(--{name})" for name in ("pass", "warn", "breach", "unknown", "exempt")}


@dataclass(frozen=True)
class Chart:
    """A figure: what it shows (`definition`, `window`), how much is unknown, the drawing, and its numbers as a table.

    formula: how the number is computed, by columns of the marts; empty where the definition says it all.
    """

    title: str
    definition: str
    window: str
    unknown: str
    svg: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    formula: str = ""


def trend_svg(
    points: Sequence[Mapping[str, Any]],
    *,
    label: str,
    unit: str,
    per_cent: bool = False,
    by_month: bool = False,
    size: tuple[int, int] = (300, 150),
) -> str:
    """Weeks or months on a line. A point has `at` (ISO date) and `value`; null = not known: the line breaks there.

    low, high: what was expected, as a band. warn, breach: limits, as dashed lines.
    """
    axis: dict[str, Any] = {"title": unit, "tickCount": 4}
    if per_cent:
        axis["format"] = "~%"
    y = {"type": "quantitative", "scale": {"zero": True, "nice": True}, "axis": axis}
    x = {
        "field": "at",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {
            "title": None,
            "format": "%b" if by_month else "%-d %b",
            "tickCount": 5,
            "labelOverlap": True,
            "grid": False,
        },
    }
    layers: list[Mapping[str, Any]] = []
    if any(point.get("high") is not None for point in points):
        layers.append(
            {
                "mark": {"type": "area", "color": _BAND, "interpolate": "step"},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    layers += [
        {
            "mark": {"type": "line", "color": _LIMIT, "strokeDash": dash, "strokeWidth": 1.5, "interpolate": "step"},
            "encoding": {"x": x, "y": {**y, "field": name}},
        }
        for name, dash in (("warn", [2, 3]), ("breach", [6, 3]))
        if any(point.get(name) is not None for point in points)
    ]
    layers.append(
        {
            "mark": {
                "type": "line",
                "color": _LINE,
                "strokeWidth": 2,
                "invalid": "break-paths-show-domains",
                "point": {"color": _LINE, "size": 22},
            },
            "encoding": {"x": x, "y": {**y, "field": "value"}},
        }
    )
    return _svg({"data": {"values": list(points)}, "layer": layers}, label=label, size=size)


def states_svg(counts: Sequence[Mapping[str, Any]], *, label: str, size: tuple[int, int] = (300, 130)) -> str:
    """Shares of verdicts by state in stacked bars. A count has `bar`, `state` and `n`."""
    order = list(_STATE_COLOURS)
    values = [{**one, "order": order.index(one["state"])} for one in counts]
    spec = {
        "data": {"values": values},
        "mark": {"type": "bar", "stroke": "var(--paper)", "strokeWidth": 1},
        "encoding": {
            "y": {"field": "bar", "type": "nominal", "sort": None, "axis": {"title": None, "ticks": False}},
            "x": {
                "field": "n",
                "type": "quantitative",
                "stack": "normalize",
                "axis": {"title": "share of verdicts", "format": "~%", "tickCount": 5},
            },
            "color": {
                "field": "state",
                "type": "nominal",
                "scale": {"domain": order, "range": list(_STATE_COLOURS.values())},
                "legend": None,
            },
            "order": {"field": "order"},
        },
    }
    return _svg(spec, label=label, size=size)


def _svg(spec: Mapping[str, Any], *, label: str, size: tuple[int, int]) -> str:
    import vl_convert
    from markupsafe import escape

    whole = {**spec, "width": size[0], "height": size[1], "padding": 2, "config": _CONFIG}
    drawn: str = vl_convert.vegalite_to_svg(whole, vl_version=_VL)
    # One image with one name: Vega's own roles say neither what is drawn nor which of its marks matter.
    drawn = re.sub(r' (role|aria-[a-z]+|class|xmlns(:xlink)?|version)="[^"]*"', "", drawn)
    return drawn.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
