"""What Dagster loads: without settings, with everything described; and every check, green and seen red."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import columns
from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper.ops import MappingRun, SourceRun, StreamRun, StreamState
from pacekeeper.policy import load_policy
from pacekeeper.settings import load_settings
from pacekeeper.testing import FhirServer, build_practice
from pacekeeper_app.definitions import build_definitions
from pacekeeper_assets import MARTS
from pacekeeper_assets.marts import column_lineage, freshness, source_completeness
from pacekeeper_assets.practice_resource import start_run
from tests.integration.practice_run import night_without_dagster, write_small_home

GUARDRAILS = load_policy().guardrail_ids
NO_VERDICTS = "there are no verdicts"
ALL_PASS = "UPDATE marts.guardrail_result SET state = 'pass', reason = NULL"
Outcomes = dict[tuple[str, str], dg.AssetCheckEvaluation]


@dataclass(frozen=True)
class CheckedHome:
    """A practice after one good night, all of whose verdicts in the last week are set to pass."""

    home: PracticeHome
    as_of: datetime

    def run_checks(self) -> Outcomes:
        """Every check by itself, by asset and name."""
        own = build_definitions(self.home.settings)
        job = dg.define_asset_job("only_checks", selection=dg.AssetSelection.all_asset_checks())
        merged = dg.Definitions.merge(own, dg.Definitions(jobs=[job]))
        with dg.DagsterInstance.ephemeral() as instance:
            result = merged.resolve_job_def("only_checks").execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        return {(e.asset_key.to_user_string(), e.check_name): e for e in result.get_asset_check_evaluations()}

    @property
    def judged(self) -> set[str]:
        """Guardrails with a verdict; of clients and alerts there may be nothing to judge."""
        with self.home.warehouse.connect() as connection:
            rows = connection.raw.execute("SELECT DISTINCT guardrail_id FROM marts.guardrail_result").fetchall()
        return {name for (name,) in rows}

    def execute(self, sql: str) -> None:
        with self.home.warehouse.connect() as connection:
            connection.raw.execute(sql)


def unjudged(checked: CheckedHome) -> set[tuple[str, str]]:
    """Checks that are red because there is nothing to judge."""
    return {("marts/guardrail_result", f"{name}_measurable") for name in set(GUARDRAILS) - checked.judged}


def red(outcomes: Outcomes) -> set[tuple[str, str]]:
    """Checks that are red, but for guardrails that had nothing to judge."""
    return {key for key, outcome in outcomes.items() if not outcome.passed and outcome.description != NO_VERDICTS}


@pytest.fixture(scope="module")
def unconfigured(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    """Definitions where there are no settings at all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        patch.delenv("PACEKEEPER_CONFIG", raising=False)
        return build_definitions(load_settings(required=False)).get_repository_def()


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> CheckedHome:
    folder = tmp_path_factory.mktemp("checked")
    practice = build_practice(clinicians=3, weeks=7)
    with FhirServer(practice.resources, page_size=500) as server:
        home = write_small_home(folder, practice, server)
        night_without_dagster(home, practice.as_of, run_id="night", only=())
    checked = CheckedHome(home, practice.as_of)
    checked.execute(ALL_PASS)
    return checked


@pytest.fixture
def settings_with_sources(tmp_path: Path) -> Path:
    """Settings that name a server nobody may call and a token nobody has."""
    path = tmp_path / "pacekeeper.toml"
    path.write_text(
        '[practice]\nname = "P"\nhome_tz = "America/Denver"\n'
        '[sources.ehr]\nconnector = "fhir"\nbase_url = "http://127.0.0.1:9/fhir"\n'
        '[sources.off]\nconnector = "fhir"\nfolder = "x"\nenabled = false\n'
    )
    return path


def test_definitions_load_without_settings_or_secrets(unconfigured: dg.RepositoryDefinition) -> None:
    keys = unconfigured.asset_graph.get_all_asset_keys()
    assert {dg.AssetKey(["canonical", name]) for name in ENTITIES} <= keys
    assert {dg.AssetKey(["marts", name]) for name in MARTS} <= keys
    assert not [key for key in keys if key.path[0] == "raw"]


def test_a_source_has_an_asset_per_stream_without_being_called(settings_with_sources: Path) -> None:
    repository = build_definitions(load_settings(settings_with_sources)).get_repository_def()
    keys = repository.asset_graph.get_all_asset_keys()
    assert dg.AssetKey(["raw", "ehr", "appointment"]) in keys
    assert not [key for key in keys if key.path[:2] == ["raw", "off"]]
    names = {key.name for key in repository.asset_graph.asset_check_keys}
    assert {"plugin_ehr", "freshness_ehr"} <= names
    assert not {"plugin_off", "freshness_off"} & names


def test_the_nightly_schedule_follows_the_practices_clock(settings_with_sources: Path) -> None:
    repository = build_definitions(load_settings(settings_with_sources)).get_repository_def()
    (schedule,) = repository.schedule_defs
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "America/Denver")
    assert schedule.job_name == "nightly"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING, "nobody has to remember to switch it on"


def test_the_schedule_is_the_settings_own_or_none(settings_with_sources: Path) -> None:
    text = settings_with_sources.read_text()

    def crons(schedule: str) -> list[object]:
        settings_with_sources.write_text(f'{text}[operations]\nschedule = "{schedule}"\n')
        repository = build_definitions(load_settings(settings_with_sources)).get_repository_def()
        return [found.cron_schedule for found in repository.schedule_defs]

    assert crons("30 4 * * 1-5") == ["30 4 * * 1-5"]
    assert crons("off") == []
    with pytest.raises(ConfigError, match=r"schedule in \[operations\] is '61 2 \* \* \*', which is no cron"):
        crons("61 2 * * *")
    with pytest.raises(ConfigError, match="schedule"):
        crons("nightly")


def test_sensors_for_the_end_of_every_run_are_on_and_touch_nothing_before_the_first(
    settings_with_sources: Path,
) -> None:
    settings = load_settings(settings_with_sources)
    sensors = {sensor.name: sensor for sensor in build_definitions(settings).get_repository_def().sensor_defs}
    assert {"run_success", "run_failure", "run_canceled", "dead_runs"} <= set(sensors)
    assert {sensor.default_status for sensor in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}
    with dg.DagsterInstance.ephemeral() as instance:
        sensors["dead_runs"](dg.build_sensor_context(instance=instance))
    assert not settings.data_dir.exists()


def test_every_asset_is_grouped_owned_and_described(settings_with_sources: Path) -> None:
    graph = build_definitions(load_settings(settings_with_sources)).get_repository_def().asset_graph
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert [node.key for node in nodes if node.group_name in {None, "default"}] == []
    assert [node.key for node in nodes if not node.kinds] == []
    assert [node.key for node in nodes if not node.owners] == []
    assert [node.key for node in nodes if not node.description] == []


def test_every_table_says_its_name_and_columns(settings_with_sources: Path) -> None:
    graph = build_definitions(load_settings(settings_with_sources)).get_repository_def().asset_graph
    tables = [graph.get(key) for key in graph.get_all_asset_keys() if key.path[0] != "ops"]
    assert [node.key for node in tables if "dagster/table_name" not in node.metadata] == []
    for node in tables:
        schema = node.metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert schema.columns
        if node.key.path[0] == "marts":
            assert [column.name for column in schema.columns if not column.description] == []


@pytest.mark.parametrize("mart", MARTS)
def test_lineage_names_columns_that_there_are(mart: str) -> None:
    lineage = column_lineage(MARTS[mart]).deps_by_column
    assert set(lineage) <= {column.name for column in MARTS[mart].columns}
    for name, inputs in lineage.items():
        assert inputs, name
        missing = [one for one in inputs if one.column_name not in _columns_of(one.asset_key.path[-1])]
        assert missing == [], name


def _columns_of(entity: str) -> set[str]:
    return {column.name for column in columns(ENTITIES[entity])}


def test_freshness_is_that_of_the_entity_read_least_far(checked: CheckedHome) -> None:
    table = freshness(checked.home)
    assert isinstance(table, dg.TableMetadataValue)
    shown = {str(record.data["source"]): record.data["complete_through"] for record in table.records}
    least: dict[str, list[datetime | None]] = {}
    for one in source_completeness(checked.home):
        least.setdefault(one.source, []).append(one.complete_through)
    assert set(shown) == set(least) == set(checked.home.sources)
    for source, moments in least.items():
        known = [moment for moment in moments if moment is not None]
        is_whole = len(known) == len(moments)
        assert shown[source] == (f"{min(known):%Y-%m-%d %H:%M} UTC" if is_whole else "")
    assert any(shown.values())


def test_every_guardrail_has_its_two_checks(unconfigured: dg.RepositoryDefinition) -> None:
    keys = unconfigured.asset_graph.asset_check_keys
    names = {key.name for key in keys if key.asset_key == dg.AssetKey(["marts", "guardrail_result"])}
    assert names >= {f"{guardrail}_{kind}" for guardrail in GUARDRAILS for kind in ("breach", "measurable")}


def test_every_entity_has_a_contract_check(unconfigured: dg.RepositoryDefinition) -> None:
    keys = unconfigured.asset_graph.asset_check_keys
    assert {key.asset_key.path[1] for key in keys if key.name == "contract"} == set(ENTITIES)


def test_all_checks_are_green_after_a_good_night(checked: CheckedHome) -> None:
    outcomes = checked.run_checks()
    assert len(outcomes) > 40
    assert len(checked.judged) > 20
    assert red(outcomes) == set()
    assert {key for key, one in outcomes.items() if not one.passed} == unjudged(checked), "nothing judged is not green"


@pytest.fixture
def undone(checked: CheckedHome) -> Iterator[Callable[[str, str], None]]:
    """Runs SQL on the warehouse, and its opposite after the test."""
    opposites: list[str] = []

    def execute(sql: str, opposite: str) -> None:
        checked.execute(sql)
        opposites.append(opposite)

    yield execute
    for opposite in opposites:
        checked.execute(opposite)


def test_a_breach_and_an_unknown_in_the_last_week_turn_their_checks_red(
    checked: CheckedHome, undone: Callable[[str, str], None]
) -> None:
    last = (
        "(SELECT guardrail_id, min(subject_key), period FROM marts.guardrail_result AS r WHERE is_current AND period = "
        "(SELECT max(period) FROM marts.guardrail_result AS o WHERE o.guardrail_id = r.guardrail_id) GROUP BY ALL)"
    )
    chosen = f"WHERE (guardrail_id, subject_key, period) IN {last}"
    undone(f"UPDATE marts.guardrail_result SET state = 'breach', reason = 'above_ceiling' {chosen}", ALL_PASS)
    breached = checked.run_checks()
    assert {name for _, name in red(breached)} == {f"{guardrail}_breach" for guardrail in checked.judged}
    table = breached["marts/guardrail_result", "direct_hours_breach"].metadata["breached"]
    assert isinstance(table, dg.TableMetadataValue)
    (record,) = table.records
    with checked.home.warehouse.connect() as connection:
        (shown,) = connection.raw.execute(
            "SELECT subject_key, round(value, 3), round(threshold_breach, 3), unit, reason FROM marts.guardrail_result "
            f"{chosen} AND guardrail_id = 'direct_hours'"
        ).fetchall()
    assert tuple(record.data.values()) == shown, "who it is, what was compared, with what, and why"

    undone(f"UPDATE marts.guardrail_result SET state = 'unknown', reason = 'stale' {chosen}", ALL_PASS)
    outcomes = checked.run_checks()
    assert {name for _, name in red(outcomes)} == {f"{name}_measurable" for name in checked.judged}
    assert "unknown" in (outcomes["marts/guardrail_result", "no_show_measurable"].description or "")


def test_a_breach_of_an_earlier_week_is_history(checked: CheckedHome, undone: Callable[[str, str], None]) -> None:
    undone(
        "UPDATE marts.guardrail_result SET state = 'breach' "
        "WHERE guardrail_id = 'no_show' AND period = (SELECT min(period) FROM marts.guardrail_result)",
        ALL_PASS,
    )
    assert red(checked.run_checks()) == set()


def test_ledgers_that_do_not_balance_are_red(checked: CheckedHome) -> None:
    ops = checked.home.ops
    landed = ops.rows(StreamRun, run_id="night", source="ehr", stream="appointment")
    mapped = ops.rows(MappingRun, run_id="night", source="ehr", entity="session")
    for rows, column in ((landed, "read"), (mapped, "in_scope")):
        ops.add(row.model_copy(update={column: getattr(row, column) + 1}) for row in rows)
    try:
        outcomes = checked.run_checks()
    finally:
        ops.add([*landed, *mapped])
    assert ("ops/landing", "landing_ledger") in red(outcomes)
    assert outcomes["ops/landing", "landing_ledger"].metadata["unbalanced"].value == "ehr.appointment"
    assert outcomes["ops/landing", "landing_ledger"].severity == dg.AssetCheckSeverity.ERROR
    assert not outcomes["ops/landing", "landing_ledger"].blocking, "one source's ledger stops no other source"
    assert ("canonical/session", "mapping_ledger") in red(outcomes)
    assert len(red(outcomes)) == 2


def test_a_slice_over_its_limit_is_red_and_says_what_to_do(checked: CheckedHome) -> None:
    ops = checked.home.ops
    (mapped,) = ops.rows(MappingRun, run_id="night", source="ehr", entity="session")
    ops.add([mapped.model_copy(update={"state": "over_limit", "message": "7 of 9 rows break the contract"})])
    try:
        outcomes = checked.run_checks()
    finally:
        ops.add([mapped])
    assert red(outcomes) == {("canonical/session", "contract")}
    assert outcomes["canonical/session", "contract"].description == "7 of 9 rows break the contract"


def test_a_source_that_was_not_read_is_red(checked: CheckedHome) -> None:
    ops = checked.home.ops
    (result,) = ops.rows(SourceRun, run_id="night", source="staff")
    ops.add([result.model_copy(update={"state": "failed", "error_class": "ConfigError", "message": "no such folder"})])
    try:
        outcomes = checked.run_checks()
    finally:
        ops.add([result])
    assert red(outcomes) == {("ops/plugin_health", "plugin_staff")}
    assert outcomes["ops/plugin_health", "plugin_staff"].description == "no such folder"


def test_a_source_never_read_is_not_fresh(checked: CheckedHome) -> None:
    ops = checked.home.ops
    states = ops.rows(StreamState, source="staff")
    ops.remove(states)
    try:
        outcomes = checked.run_checks()
    finally:
        ops.add(StreamState(**state.model_dump()) for state in states)
    assert red(outcomes) == {("ops/landing", "freshness_staff")}
    assert outcomes["ops/landing", "freshness_staff"].description == "staff has never been read successfully"


def test_a_source_last_read_two_days_ago_is_not_fresh(checked: CheckedHome) -> None:
    # The last of this module: from here on the last run is a later one.
    start_run(checked.home, "later", (checked.as_of + timedelta(days=2)).isoformat())
    names = {name for _, name in red(checked.run_checks())}
    assert {"freshness_ehr", "freshness_staff"} <= names
