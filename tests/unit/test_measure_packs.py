"""Measures and guardrails that plugins add: taken whole, or left out and told."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.marts import World, using

import pacekeeper_assets
from pacekeeper.measures import Catalogue, Mart, MartColumn, Measure, MeasurePack
from pacekeeper.measures.packs import GROUP, PackFailure, Packs, extended, installed_packs
from pacekeeper.measures.plan import compile_plan
from pacekeeper.policy import load_policy
from pacekeeper_assets import CATALOGUE
from pacekeeper_checks.plugin_health import plugin_health_checks

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-measure.md"
COUNT = MartColumn("own_n", "count", "sessions", "A count.")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path to install plugins in; what was found in it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("pacekeeper_evenings"):
            del sys.modules[name]
    pacekeeper_assets._catalogue.cache_clear()


def install(site: Path, source: str) -> None:
    (site / "pacekeeper_evenings.py").write_text(source)
    info = site / "pacekeeper_evenings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pacekeeper-evenings\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nevenings = pacekeeper_evenings:PACK\n")
    pacekeeper_assets._catalogue.cache_clear()


def test_the_measure_of_the_how_to_is_a_column_and_a_verdict(site: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    install(site, example)
    catalogue = pacekeeper_assets.CATALOGUE
    assert catalogue.marts["clinician_week"].columns[-1].name == "long_sessions_n"
    assert pacekeeper_assets.MEASURE_NEEDS["clinician_week.long_sessions_n"].entities == ("session",)
    made = World(only=("clinician_week", "long_sessions"))
    made.employ(date(2025, 1, 6))
    made.seat(made.day(0), "09:00")
    for weekday in range(4):
        made.session(made.day(0, weekday), "09:00", 91)
        made.session(made.day(0, weekday), "14:00", 90)
    with using(catalogue):
        made.run(weeks=2, policy=load_policy())
    assert [made.week_row("clinician_week", week)["long_sessions_n"] for week in (0, 1)] == [4, None]
    assert made.says("long_sessions", 0) == ("breach", "above_ceiling")
    assert made.says("long_sessions", 1) == ("unknown", "no_source")
    assert pacekeeper_assets.measure_plugin_failures() == ()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("raise SystemExit(3)", "cannot be loaded: SystemExit", id="import ends the process"),
        pytest.param("PACK = 7", "is no MeasurePack", id="something else"),
        pytest.param(
            "from pacekeeper.measures import MeasurePack\nPACK = MeasurePack(policy_toml='[guardrails')",
            "no valid TOML",
            id="policy",
        ),
        pytest.param(
            "from pacekeeper.measures import *\nPACK = MeasurePack(measures=(Measure(mart='nowhere', "
            "column=MartColumn('a', 'count', '', ''), build=None),))",
            "mart nowhere, which does not exist",
            id="no such mart",
        ),
    ],
)
def test_plugin_at_fault_is_left_out_and_told_and_the_rest_stands(site: Path, source: str, reason: str) -> None:
    before = (set(CATALOGUE.marts), set(CATALOGUE.guardrails))
    install(site, source)
    catalogue = pacekeeper_assets.CATALOGUE
    assert (set(catalogue.marts), set(catalogue.guardrails)) == before
    assert load_policy().guardrail("direct_hours").enabled
    (said,) = pacekeeper_assets.measure_plugin_failures()
    assert reason in said
    assert "distribution pacekeeper-evenings" in said
    assert "Fix: " in said


def test_what_is_there_already_is_not_defined_again() -> None:
    mart = CATALOGUE.marts["attendance_week"]
    packs = {
        "a": MeasurePack(measures=(Measure(mart=mart.name, column=replace(COUNT, name="kept_n"), build=mart.build),)),
        "b": MeasurePack(marts=(mart,)),
        "c": MeasurePack(guardrails=(CATALOGUE.guardrails["no_show"],)),
        "d": MeasurePack(measures=(Measure(mart="guardrail_result", column=COUNT, build=mart.build),)),
    }
    kept, failures = extended(CATALOGUE, Packs(packs, (PackFailure("e", "broken"),)))
    assert kept == CATALOGUE
    assert [(one.label, one.reason) for one in failures] == [
        ("e", "broken"),
        ("a", "column kept_n is there already"),
        ("b", "mart attendance_week is there already"),
        ("c", "guardrail no_show is there already"),
        ("d", "mart guardrail_result is no table that a measure can be joined to"),
    ]


def test_a_mart_of_a_plugin_is_built_before_the_verdicts() -> None:
    own = Mart(
        name="own_week",
        description="Sessions.",
        grain="one row per clinician and week",
        primary_key=("clinician_key", "week_id"),
        columns=(MartColumn("clinician_key", "text", "", ""), MartColumn("week_id", "date", "", ""), COUNT),
        inputs=("clinician_week",),
        build=lambda tables, _policy: tables.clinician_week.mutate(own_n=tables.clinician_week.sessions_n),
    )
    catalogue, failures = extended(CATALOGUE, Packs({"x": MeasurePack(marts=(own,))}, ()))
    names = list(catalogue.marts)
    assert names.index("clinician_week") < names.index("own_week") < names.index("guardrail_result")
    assert failures == ()
    built = compile_plan(Catalogue.of(catalogue.only(["own_week"]).marts.values(), ()), load_policy())
    assert "own_n" in built.items[-1].sql


def test_a_plugin_at_fault_is_a_check_of_its_own() -> None:
    names = {spec.name for spec in plugin_health_checks(["ehr"]).check_specs}
    assert names == {"plugin_ehr", "measure_plugins"}
    assert installed_packs().failures == ()
