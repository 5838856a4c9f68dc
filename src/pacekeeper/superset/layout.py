"""Where the charts of a dashboard stand: two to a row, each above its caption."""

from __future__ import annotations

from collections.abc import Sequence

from pacekeeper.superset.chart import Board, Chart
from pacekeeper.superset.dataset import Yaml
from pacekeeper.superset.ids import VERSION, stable_id

#: As in the static report.
COLOURS = {
    "within policy": "#5b9c86",
    "near a limit": "#d9a13b",
    "outside policy": "#b4532a",
    "not known": "#8a7fb0",
    "does not apply": "#aab4ba",
    "Median": "#1f5f8b",
    "Upper quartile": "#8db6d0",
    "Lower quartile": "#8db6d0",
}
#: The caption is text under a chart: no head of its own.
_CSS = """
[data-test-viz-type="handlebars"] [data-test="slice-header"] { display: none; }
[data-test-viz-type="handlebars"] p { margin: 0 0 4px; font-size: 12px; line-height: 1.4; }
"""
_WIDTH = 12


def board_yaml(board: Board, night: Chart) -> Yaml:
    """night: the chart that says how old the data are, by its caption at the top."""
    return {
        "dashboard_title": board.title,
        "description": board.about,
        "css": _CSS,
        "slug": f"pacekeeper-{board.name}",
        "uuid": stable_id("dashboard", board.name),
        "position": _position(board, night),
        "metadata": {
            "color_scheme": "supersetColors",
            "label_colors": COLOURS,
            "cross_filters_enabled": False,
            "refresh_frequency": 0,
            "default_filters": "{}",
            "native_filter_configuration": [_period_filter(board)],
        },
        "version": VERSION,
        "published": True,
    }


def _position(board: Board, night: Chart) -> Yaml:
    cells: Yaml = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": board.title}},
    }
    rows: list[str] = []
    grid = ["ROOT_ID", "GRID_ID"]

    def put(kind: str, parents: list[str], children: list[str], meta: Yaml) -> str:
        name = f"{kind}-{len(cells)}"
        cells[name] = {"type": kind, "id": name, "children": children, "meta": meta, "parents": parents}
        return name

    def chart_cell(parents: list[str], name: str, title: str, *, width: int, height: int) -> str:
        number = len(cells)
        meta = {
            "chartId": number,
            "uuid": stable_id("chart", name),
            "sliceName": title,
            "width": width,
            "height": height,
        }
        return put("CHART", parents, [], meta)

    def row(parts: Sequence[tuple[Chart, int]]) -> None:
        name = put("ROW", grid, [], {"background": "BACKGROUND_TRANSPARENT"})
        for chart, width in parts:
            column = put("COLUMN", [*grid, name], [], {"background": "BACKGROUND_WHITE", "width": width})
            inside = [*grid, name, column]
            cells[column]["children"] = [
                chart_cell(inside, chart.name, chart.title, width=width, height=_height(chart)),
                chart_cell(inside, f"{chart.name}/caption", "", width=width, height=_caption_height(chart, width)),
            ]
            cells[name]["children"].append(column)
        rows.append(name)

    head = put("ROW", grid, [], {"background": "BACKGROUND_TRANSPARENT"})
    cells[head]["children"] = [
        put("MARKDOWN", [*grid, head], [], {"code": board.about, "width": 6, "height": 22}),
        chart_cell([*grid, head], f"{night.name}/caption", "", width=6, height=22),
    ]
    rows.append(head)
    waiting: list[Chart] = []
    for chart in board.charts:
        if chart.is_wide:
            row([(chart, _WIDTH)])
        elif waiting:
            row([(waiting.pop(), _WIDTH // 2), (chart, _WIDTH // 2)])
        else:
            waiting.append(chart)
    if waiting:
        row([(waiting.pop(), _WIDTH // 2)])
    cells["GRID_ID"] = {"type": "GRID", "id": "GRID_ID", "children": rows, "parents": ["ROOT_ID"]}
    return cells


def _height(chart: Chart) -> int:
    """In units of eight pixels."""
    if chart.kind == "heat":
        return 120 if chart.where is None else 70
    return 38


def _caption_height(chart: Chart, width: int) -> int:
    lines = -(-len(chart.definition) // (12 * width)) + 2
    return 11 + 2 * lines


def _period_filter(board: Board) -> Yaml:
    return {
        "id": f"NATIVE_FILTER-{board.name}",
        "type": "NATIVE_FILTER",
        "filterType": "filter_time",
        "name": "Window",
        "description": "Which periods the charts show; none: all.",
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "targets": [{}],
        "controlValues": {"enableEmptyFilter": False},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}},
        "cascadeParentIds": [],
    }
