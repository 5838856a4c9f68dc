"""One broken, hanging or missing source never stops another, and what depends on it is unknown, never a pass."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterEventType, DagsterInstance, EventRecordsFilter

from pacekeeper.home import PracticeHome
from pacekeeper.ops import SourceRun
from pacekeeper.settings import load_settings
from pacekeeper.testing import Faults, FhirServer, Practice, build_practice
from pacekeeper_app.definitions import build_definitions
from pacekeeper_app.demo_home import write_demo_home
from pacekeeper_app.night import NightResult, run_night

_HANGING = """
import time
from pacekeeper import Connector, Key, Stream

class Hanging(Connector):
    name = "hanging"
    streams = (Stream("thing", {"id": Key("thing")}),)

    def read_stream(self, stream, window):
        time.sleep(600)
        yield

class Old(Hanging):
    name = "old"
    api_version = 99
"""
_PLUGINS = {
    "crashing": ("acme_crash:Crash", "raise RuntimeError('CANARY in the text')\n"),
    "hanging": ("acme_hang:Hanging", _HANGING),
    "old": ("acme_old:Old", _HANGING),
}


@pytest.fixture(scope="module")
def practice() -> Practice:
    return build_practice(clinicians=12, weeks=13)


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed distributions, each broken in its own way."""
    site = tmp_path / "site"
    for name, (entry, code) in _PLUGINS.items():
        meta = site / f"{name}_plugin-1.0.dist-info"
        meta.mkdir(parents=True)
        (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n", encoding="utf-8")
        (meta / "entry_points.txt").write_text(f"[pacekeeper.connectors]\n{name} = {entry}\n", encoding="utf-8")
        (site / f"{entry.split(':')[0]}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")


@pytest.fixture
def server(practice: Practice) -> Iterator[FhirServer]:
    with FhirServer(practice.resources, page_size=500) as running:
        yield running


def home_in(folder: Path, practice: Practice, server: FhirServer, *, more: str = "") -> PracticeHome:
    home = write_demo_home(folder, practice, base_url=server.url, token=server.token or "")
    file = home.settings.file
    assert file is not None
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return PracticeHome(load_settings(file))


def states(home: PracticeHome, guardrail: str, *, week: str = "%") -> Counter[tuple[str, str | None]]:
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT state, CASE WHEN state = 'unknown' THEN reason END, count(*) FROM marts.guardrail_result "
            "WHERE is_current AND NOT is_retracted AND guardrail_id = ? AND period LIKE ? GROUP BY 1, 2",
            [guardrail, week],
        ).fetchall()
    return Counter({(state, reason): number for state, reason, number in rows})


def check(night: NightResult, name: str) -> tuple[bool, str]:
    (found,) = [outcome for outcome in night.checks if outcome.name == name]
    return found.passed, found.description


def test_every_kind_of_broken_plugin_turns_its_own_check_red_and_nothing_else(
    tmp_path: Path, practice: Practice, server: FhirServer, plugins: None
) -> None:
    more = "".join(
        f'\n[sources.{name}_site]\nconnector = "{name}"\ndeadline_minutes = 0.1\n'
        for name in ("crashing", "hanging", "old", "absent")
    )
    home = home_in(tmp_path, practice, server, more=more)
    assert build_definitions(home.settings).resolve_job_def("nightly")
    night = run_night(home, as_of=practice.as_of)

    assert night.failures == ()
    results = {r.source: r for r in home.ops.rows(SourceRun, run_id=night.run_id)}
    assert {source: r.state for source, r in results.items()} == {
        "ehr": "ok",
        "staff": "ok",
        "absent_site": "failed",
        "crashing_site": "failed",
        "hanging_site": "failed",
        "old_site": "failed",
    }
    red = {c.name for c in night.checks if c.name.startswith("plugin_") and not c.passed}
    assert red == {"plugin_absent_site", "plugin_crashing_site", "plugin_hanging_site", "plugin_old_site"}
    assert "not installed" in check(night, "plugin_absent_site")[1]
    assert "RuntimeError" in check(night, "plugin_crashing_site")[1]
    assert "CANARY" not in check(night, "plugin_crashing_site")[1]
    assert "deadline" in check(night, "plugin_hanging_site")[1]
    assert "99" in check(night, "plugin_old_site")[1]

    with DagsterInstance.from_config(str(home.dagster_dir)) as instance:
        skipped = instance.get_event_records(EventRecordsFilter(DagsterEventType.STEP_SKIPPED), limit=10)
        keys = {key.path[0] for key in instance.all_asset_keys()}
    assert list(skipped) == []
    assert {"raw", "ops", "canonical", "marts"} <= keys
    # What the four would have told is not known, so nothing passes; all the same the others are there.
    assert {state for state, _ in states(home, "direct_hours")} == {"unknown"}
    with home.published.connect(read_only=True) as connection:
        assert connection.count("SELECT count(*) FROM canonical.session") > 0
        assert connection.count("SELECT count(*) FROM canonical.employment") > 0


def test_an_ehr_that_fails_on_the_first_night_leaves_only_unknown_verdicts(
    tmp_path: Path, practice: Practice, server: FhirServer
) -> None:
    server.reset(Faults(fail=frozenset({"Appointment"})))
    home = home_in(tmp_path, practice, server)
    night = run_night(home, as_of=practice.as_of)
    assert night.failures == ()
    assert check(night, "plugin_ehr")[0] is False
    assert check(night, "plugin_staff")[0] is True
    for guardrail in ("direct_hours", "active_caseload", "no_show", "utilization"):
        found = states(home, guardrail)
        assert sum(found.values()) > 0, guardrail
        assert {state for state, _ in found} == {"unknown"}, guardrail
        assert check(night, f"{guardrail}_measurable")[0] is False


def test_an_ehr_that_fails_later_leaves_only_the_new_week_unknown(
    tmp_path: Path, practice: Practice, server: FhirServer
) -> None:
    home = home_in(tmp_path, practice, server)
    first = run_night(home, as_of=practice.as_of - timedelta(weeks=1))
    assert first.failures == ()
    before = states(home, "direct_hours")
    server.reset(Faults(fail=frozenset({"Encounter"})))
    second = run_night(home, as_of=practice.as_of)
    assert second.failures == ()
    assert check(second, "plugin_ehr")[0] is False
    newest = max(p.week_id for p in practice.answer_key).isoformat()
    new_week = states(home, "direct_hours", week=newest)
    assert set(new_week) == {("unknown", "stale")}
    assert states(home, "direct_hours") - new_week == before

    server.reset(Faults())
    third = run_night(home, as_of=practice.as_of)
    assert third.failures == ()
    assert ("pass", None) in states(home, "direct_hours", week=newest)


def test_availability_that_no_file_brings_is_unknown_and_stops_nothing_else(
    tmp_path: Path, practice: Practice, server: FhirServer
) -> None:
    without = dataclasses.replace(practice, files={n: t for n, t in practice.files.items() if "schedule" not in n})
    home = home_in(tmp_path, without, server)
    night = run_night(home, as_of=practice.as_of)
    assert night.failures == ()
    assert states(home, "utilization")[("unknown", "no_source")] > 0
    assert ("pass", None) in states(home, "direct_hours")


def test_a_server_without_appointments_is_neither_an_error_nor_a_pass(
    tmp_path: Path, practice: Practice, server: FhirServer
) -> None:
    server.replace({**practice.resources, "Appointment": [], "Encounter": []})
    home = home_in(tmp_path, practice, server)
    night = run_night(home, as_of=practice.as_of)
    assert night.failures == ()
    assert {r.state for r in home.ops.rows(SourceRun, run_id=night.run_id)} == {"ok"}
    assert {state for state, _ in states(home, "no_show")} == {"unknown"}
