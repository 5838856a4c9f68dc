"""One broken source never stops another, and what depends on it is unknown, never fine."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
import tomlkit
from dagster import AssetKey, DagsterEventType, DagsterInstance, MetadataValue, TableColumnDep, TableMetadataValue

from pacekeeper.contract import ENTITIES
from pacekeeper.home import PracticeHome
from pacekeeper.ops import MappingRun, SourceRun, StreamRun
from pacekeeper.settings import load_settings
from pacekeeper.testing import Faults, FhirServer, Practice, build_practice
from pacekeeper_assets import MARTS
from tests.integration.plugin_site import SOUND, PluginSite
from tests.integration.practice_run import iso, night_without_dagster, pacekeeper, write_small_home

HANGING = SOUND.replace('yield Page("visits", [])', "import time; time.sleep(600)").replace(
    "\n    class", "\n\n    class"
)
#: Sources beside the demo's own, each broken in its way but the last, and what their checks must say.
BROKEN_SOURCES = """
[sources.crash]
connector = "crash"

[sources.gone]
connector = "gone"

[sources.old]
connector = "old"

[sources.slow]
connector = "slow"
deadline_minutes = 0.1

[sources.garbage]
connector = "garbage"

[sources.locked]
connector = "fhir"
base_url = "{base_url}"

[sources.quiet]
connector = "quiet"
"""
SAID = {
    "ehr": ("RetryableError", "500"),
    "crash": ("PluginError", "importing pacekeeper_crash_plugin failed with RuntimeError"),
    "gone": ("PluginError", "not installed"),
    "old": ("PluginError", "built for connector API 0"),
    "slow": ("FatalError", "stopped at its deadline of 0.1 minutes"),
    "garbage": ("PluginError", "what it yields is no Page of a declared top-level stream"),
    "locked": ("ConfigError", "401"),
}
pytestmark = pytest.mark.timeout(600)
Verdicts = dict[tuple[str, str, str], tuple[str, str | None]]


@dataclass(frozen=True)
class FirstNight:
    """A first night on which all but two sources are broken, run by the CLI."""

    home: PracticeHome
    site: PluginSite
    exit_code: int
    output: str
    run_id: str

    def events(self, kind: DagsterEventType) -> list[object]:
        with DagsterInstance.from_config(str(self.home.dagster_dir)) as instance:
            records = instance.get_records_for_run(self.run_id, of_type=kind).records
        return [record.event_log_entry.dagster_event for record in records]


def verdicts(home: PracticeHome) -> Verdicts:
    """State and reason by guardrail, subject and week."""
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT guardrail_id, subject_key, period, state, reason FROM marts.guardrail_result WHERE is_current"
        ).fetchall()
    return {(guardrail, key, week): (state, reason) for guardrail, key, week, state, reason in rows}


@pytest.fixture(scope="module")
def practice() -> Practice:
    return build_practice(clinicians=4, weeks=7)


@pytest.fixture(scope="module")
def first(practice: Practice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstNight]:
    folder = tmp_path_factory.mktemp("first")
    site = PluginSite(tmp_path_factory.mktemp("site"))
    site.install("crash", "raise RuntimeError('at import')")
    site.install("old", SOUND + "    Plugin.api_version = 0\n")
    site.install("slow", HANGING)
    site.install("garbage", SOUND.replace('yield Page("visits", [])', "yield 42"))
    site.install("quiet")
    with FhirServer(practice.resources, page_size=500, faults=Faults(fail=frozenset({"Practitioner"}))) as server:
        home = write_small_home(folder, practice, server)
        config = folder / "pacekeeper.toml"
        config.write_text(config.read_text() + BROKEN_SOURCES.format(base_url=server.url))
        home = PracticeHome(load_settings(config))
        ran = pacekeeper("run", "--as-of", iso(practice.as_of), config=config, environment=site.environment)
        last = home.ops.last_run()
        assert last is not None, ran.stdout + ran.stderr
        yield FirstNight(home, site, ran.returncode, " ".join((ran.stdout + ran.stderr).split()), last.run_id)


def test_a_night_with_broken_sources_ends_with_3_and_no_traceback(first: FirstNight) -> None:
    assert first.exit_code == 3
    assert "Traceback" not in first.output


@pytest.mark.parametrize("source", SAID)
def test_a_broken_source_turns_its_own_check_red_with_what_is_wrong(first: FirstNight, source: str) -> None:
    checks = {
        e.event_specific_data.check_name: e.event_specific_data  # type: ignore[attr-defined]  # Dagster's union
        for e in first.events(DagsterEventType.ASSET_CHECK_EVALUATION)
    }
    result = next(r for r in first.home.ops.rows(SourceRun, run_id=first.run_id) if r.source == source)
    error_class, words = SAID[source]
    assert (result.state, result.error_class) == ("failed", error_class)
    assert words in (result.message or "")
    assert checks[f"plugin_{source}"].passed is False
    assert words in checks[f"plugin_{source}"].description
    assert checks["plugin_staff"].passed is True
    assert checks["plugin_quiet"].passed is True
    assert words in first.output


def test_the_sound_sources_are_read_completely(first: FirstNight, practice: Practice) -> None:
    read = {row.stream: row.read for row in first.home.ops.rows(StreamRun, run_id=first.run_id, source="staff")}
    assert read["employee"] == len(practice.files["employees.csv"].splitlines()) - 1
    assert read["schedule_block"] > 100


def test_nothing_shared_is_skipped_or_fails(first: FirstNight) -> None:
    materialised = {e.asset_key for e in first.events(DagsterEventType.ASSET_MATERIALIZATION)}  # type: ignore[attr-defined]
    shared = [
        *(AssetKey(["canonical", name]) for name in ENTITIES),
        *(AssetKey(["marts", name]) for name in MARTS),
        *(AssetKey(["ops", name]) for name in ("landing", "plugin_health", "publication")),
        *(AssetKey(["raw", "staff", name]) for name in ("employee", "pto", "schedule_block")),
    ]
    assert [key for key in shared if key not in materialised] == []
    assert first.events(DagsterEventType.STEP_SKIPPED) == []
    assert first.events(DagsterEventType.STEP_FAILURE) == []
    assert AssetKey(["raw", "ehr", "appointment"]) not in materialised


def test_dagsters_page_has_the_ledger_the_verdicts_and_how_fresh_each_source_is(first: FirstNight) -> None:
    shown = {
        e.asset_key: e.materialization.metadata  # type: ignore[attr-defined]  # Dagster's union
        for e in first.events(DagsterEventType.ASSET_MATERIALIZATION)
    }
    ledger = rows_of(shown[AssetKey(["ops", "landing"])]["ledger"])
    landed = first.home.ops.rows(StreamRun, run_id=first.run_id)
    assert {row["stream"]: row["read"] for row in ledger} == {f"{run.source}.{run.stream}": run.read for run in landed}
    assert all(row["is_balanced"] for row in ledger)

    counted = rows_of(shown[AssetKey(["marts", "guardrail_result"])]["verdicts"])
    in_state = Counter(guardrail for guardrail, _, _ in verdicts(first.home))
    assert {row["guardrail"]: row["unknown"] for row in counted} == dict(in_state)
    assert {row[state] for row in counted for state in ("pass", "warn", "breach", "exempt")} == {0}

    fresh = {
        row["source"]: row["complete_through"] for row in rows_of(shown[AssetKey(["ops", "publication"])]["freshness"])
    }
    assert str(fresh["staff"]).endswith("UTC")
    assert fresh["ehr"] == "", "it was never read"

    lineage = shown[AssetKey(["marts", "clinician_week"])]["dagster/column_lineage"].value.deps_by_column
    assert TableColumnDep(AssetKey(["canonical", "session"]), "started_at") in lineage["direct_h"]


def rows_of(table: MetadataValue) -> list[dict[str, object]]:
    """What a table on Dagster's page shows."""
    assert isinstance(table, TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_without_the_ehr_every_verdict_is_unknown(first: FirstNight) -> None:
    found = Counter((guardrail, state) for (guardrail, _, _), (state, _) in verdicts(first.home).items())
    assert {state for _, state in found} == {"unknown"}
    assert {guardrail for guardrail, _ in found} >= {"direct_hours", "utilization"}


def test_a_contract_is_not_red_for_sources_that_could_not_be_read(first: FirstNight) -> None:
    contract = [
        e.event_specific_data  # type: ignore[attr-defined]
        for e in first.events(DagsterEventType.ASSET_CHECK_EVALUATION)
        if e.event_specific_data.check_name == "contract"  # type: ignore[attr-defined]
    ]
    assert len(contract) == len(ENTITIES)
    assert [check.asset_key for check in contract if not check.passed] == []


def test_definitions_load_with_every_source_broken(first: FirstNight, monkeypatch: pytest.MonkeyPatch) -> None:
    from pacekeeper_app.definitions import build_definitions

    for name in ("pacekeeper_crash_plugin", "pacekeeper_old_plugin"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(first.site.folder))
    repository = build_definitions(first.home.settings).get_repository_def()
    keys = repository.asset_graph.get_all_asset_keys()
    assert AssetKey(["raw", "quiet", "visits"]) in keys
    assert not [key for key in keys if key.path[:2] == ["raw", "crash"]]
    checks = {key.name for key in repository.asset_graph.asset_check_keys}
    assert {f"plugin_{source}" for source in first.home.sources} <= checks


def split_staff(folder: Path) -> None:
    """The demo's one source of CSV files as two: `hr`, and `schedule` with a folder of its own."""
    shipped = resources.files("pacekeeper_connectors.tabular") / "example_mapping.toml"
    whole = tomllib.loads(shipped.read_text(encoding="utf-8"))
    parts = {"hr": ("employee", "pto"), "schedule": ("schedule_block",)}
    for source, streams in parts.items():
        maps = [{k: v for k, v in m.items() if k != "unless_in"} for m in whole["map"] if m["of"] in streams]
        mapping = {
            "streams": {name: whole["streams"][name] for name in streams},
            "value_maps": whole["value_maps"],
            "map": maps,
        }
        (folder / source).mkdir()
        (folder / source / "mapping.toml").write_text(tomlkit.dumps(mapping))
    for name in ("employees.csv", "pto.csv"):
        shutil.move(folder / "files" / name, folder / "hr" / name)
    shutil.move(folder / "files" / "schedule_blocks.csv", folder / "schedule" / "schedule_blocks.csv")
    config = folder / "pacekeeper.toml"
    head = config.read_text().partition("[sources.staff]")[0]
    own = "".join(
        f'[sources.{s}]\nconnector = "tabular"\nfolder = "{s}"\nmapping = "{s}/mapping.toml"\n'
        'default_tz = "America/New_York"\nquarantine_limit = 1.0\n'
        for s in parts
    )
    config.write_text(head + own)


@dataclass(frozen=True)
class TwoNights:
    """A good night a week ago, and one on which the schedule could not be read. scheduled: persons it has rows of."""

    results: dict[str, SourceRun]
    before: Verdicts
    after: Verdicts
    scheduled: set[str]
    last_week: str


@pytest.fixture(scope="module")
def later(practice: Practice, tmp_path_factory: pytest.TempPathFactory) -> TwoNights:
    folder = tmp_path_factory.mktemp("later")
    with FhirServer(practice.resources, page_size=500) as server:
        write_small_home(folder, practice, server)
        split_staff(folder)
        home = PracticeHome(load_settings(folder / "pacekeeper.toml"))
        good = night_without_dagster(home, practice.as_of - timedelta(days=7), run_id="good")
        assert {result.state for result in good.values()} == {"ok"}, good
        before = verdicts(home)
        (folder / "schedule" / "schedule_blocks.csv").write_text("not,the,columns\n1,2,3\n")
        results = night_without_dagster(home, practice.as_of, run_id="bad")
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT DISTINCT person_key FROM canonical.schedule_block AS block "
            "JOIN canonical.person_match USING (clinician_key) WHERE block.source = 'schedule'"
        ).fetchall()
    after = verdicts(home)
    return TwoNights(results, before, after, {key for (key,) in rows}, max(week for _, _, week in after))


def test_the_failing_schedule_is_told_and_the_others_are_read(later: TwoNights) -> None:
    states = {source: result.state for source, result in later.results.items()}
    assert states == {"ehr": "ok", "hr": "ok", "schedule": "failed"}
    assert "required header missing: block_id" in (later.results["schedule"].message or "")


def test_only_the_newest_week_of_what_needs_the_schedule_is_stale(later: TwoNights) -> None:
    newest = {key: found for key, found in later.after.items() if key[2] == later.last_week}
    utilization = {key: found for key, found in newest.items() if key[0] == "utilization" and key[1] in later.scheduled}
    assert utilization
    assert set(utilization.values()) == {("unknown", "stale")}
    hours = [state for key, (state, _) in newest.items() if key[0] == "direct_hours" and key[1] in later.scheduled]
    assert hours
    assert "unknown" not in hours


def test_weeks_that_were_known_stay_as_they_were(later: TwoNights) -> None:
    assert later.last_week not in {week for _, _, week in later.before}
    assert {key: later.after[key] for key in later.before} == later.before
    scheduled = {
        state for key, (state, _) in later.before.items() if key[0] == "utilization" and key[1] in later.scheduled
    }
    assert "pass" in scheduled


@pytest.fixture(scope="module")
def empty(
    practice: Practice, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PracticeHome, dict[str, SourceRun]]]:
    """A night on which the EHR has no appointment, encounter or slot, and every file a header only."""
    folder = tmp_path_factory.mktemp("empty")
    gone = {"Appointment", "Encounter", "Slot", "Observation", "EpisodeOfCare"}
    held = {kind: [] if kind in gone else rows for kind, rows in practice.resources.items()}
    with FhirServer(held, page_size=500) as server:
        home = write_small_home(folder, practice, server)
        for name in ("pto.csv", "schedule_blocks.csv"):
            file = folder / "files" / name
            file.write_text(file.read_text().splitlines()[0] + "\n")
        yield home, night_without_dagster(home, practice.as_of, run_id="empty")


def test_an_empty_source_is_no_error(empty: tuple[PracticeHome, dict[str, SourceRun]]) -> None:
    home, results = empty
    assert {source: result.state for source, result in results.items()} == {"ehr": "ok", "staff": "ok"}
    read = {row.stream: row.read for row in home.ops.rows(StreamRun)}
    assert (read["appointment"], read["encounter"], read["pto"], read["schedule_block"]) == (0, 0, 0, 0)
    assert {row.state for row in home.ops.rows(MappingRun)} == {"swapped"}


def test_an_empty_source_is_no_pass(empty: tuple[PracticeHome, dict[str, SourceRun]]) -> None:
    home, _ = empty
    found = verdicts(home)
    assert found
    assert {state for state, _ in found.values()} == {"unknown"}
