"""The zip: the same contract and policy give the same bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from pacekeeper.bi import BiContract
from pacekeeper.superset.boards import NIGHT, boards
from pacekeeper.superset.database import Database
from pacekeeper.superset.dataset import Yaml, dataset_yaml
from pacekeeper.superset.form import caption_yaml, chart_yaml
from pacekeeper.superset.ids import DATABASE, VERSION, stable_id
from pacekeeper.superset.layout import board_yaml
from pacekeeper.superset.row_rules import rules_yaml

#: The folder in the zip that Superset wants, and a time, as every file in a zip has one.
_ROOT = "pacekeeper"
_TIME = "2026-01-01T00:00:00+00:00"
_ZIP_TIME = (2026, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """words: by column its codes in words, as `dataset_yaml` takes them."""

    contract: BiContract
    database: Database
    words: Mapping[str, Mapping[str, str]]

    def files(self) -> dict[str, Yaml]:
        """Content by path in the zip, sorted."""
        found: dict[str, Yaml] = {
            "metadata.yaml": {"version": VERSION, "timestamp": _TIME},
            f"databases/{DATABASE}.yaml": self._database(),
        }
        shown = boards(self.contract)
        charts = {chart.name: chart for board in shown for chart in board.charts}
        asked = {chart.view for chart in charts.values()} | {NIGHT.view}
        found["row_rules.yaml"] = {"rules": rules_yaml(self.contract, asked)}
        for view in self.contract.views:
            if view.name in asked:
                found[f"datasets/{DATABASE}/{view.name}.yaml"] = dataset_yaml(view, words=self.words)
        for chart in charts.values():
            found[f"charts/{_file(chart.name)}.yaml"] = chart_yaml(chart)
        for chart in (NIGHT, *charts.values()):
            found[f"charts/{_file(chart.name)}_caption.yaml"] = caption_yaml(chart)
        for board in shown:
            found[f"dashboards/{board.name}.yaml"] = board_yaml(board, NIGHT)
        return dict(sorted(found.items()))

    def _database(self) -> Yaml:
        return {
            "database_name": DATABASE,
            "sqlalchemy_uri": self.database.uri,
            "cache_timeout": None,
            "expose_in_sqllab": False,
            "allow_run_async": False,
            "allow_ctas": False,
            "allow_cvas": False,
            "allow_dml": False,
            "allow_file_upload": False,
            "extra": {
                "engine_params": {"connect_args": dict(self.database.connect_args)},
                "allows_virtual_table_explore": True,
            },
            "uuid": stable_id("database", DATABASE),
            "version": VERSION,
        }


def write_bundle(bundle: Bundle, file: Path) -> int:
    """Write the zip; returns how many dashboards are in it."""
    files = bundle.files()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
            archive.writestr(zipfile.ZipInfo(f"{_ROOT}/{path}", _ZIP_TIME), text, zipfile.ZIP_DEFLATED)
    return sum(path.startswith("dashboards/") for path in files)


def _file(name: str) -> str:
    return name.replace(".", "_").replace("/", "_")
