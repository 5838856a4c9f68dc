"""How a run ends is on record whoever started it; a step is tried again for what may succeed later, and only then."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from pacekeeper.errors import ConfigError, FatalError, PacekeeperError, RetryableError
from pacekeeper.home import PracticeHome
from pacekeeper.ops import Run
from pacekeeper.ops.liveness import alive, is_dead
from pacekeeper.ops.standing import problems_now
from pacekeeper.settings import load_settings
from pacekeeper_app.dead_runs import OWN_TAG, bury_dead_runs
from pacekeeper_app.run_sensors import run_sensors
from pacekeeper_assets import practice_resource
from pacekeeper_assets.operations import PROBLEMS, operations_assets
from pacekeeper_assets.practice_resource import PracticeResource, asset_border, start_run

JOB = "nightly"
HOLD = """
import sys, time
from pathlib import Path
from pacekeeper.ops.liveness import alive
with alive(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def home(tmp_path: Path) -> PracticeHome:
    file = tmp_path / "pacekeeper.toml"
    file.write_text('[practice]\nname = "P"\nhome_tz = "UTC"\ndata_dir = "data"\n')
    return PracticeHome(load_settings(file))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def night_of(
    home: PracticeHome,
    instance: dg.DagsterInstance,
    failures: Sequence[PacekeeperError],
    *,
    job: str = JOB,
    lands: bool = True,
    tags: dict[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """A run whose one step fails with each of the failures, in turn, and then succeeds."""
    left = list(failures)

    @dg.asset
    def step(context: dg.AssetExecutionContext, practice: PracticeResource) -> None:
        with asset_border("step"):
            if lands:
                start_run(practice.home(), context.run_id, None)
            if left:
                raise left.pop(0)

    defs = dg.Definitions(
        assets=[step],
        jobs=[dg.define_asset_job(job, selection=dg.AssetSelection.all())],
        resources={"practice": PracticeResource(config_path=str(home.settings.file))},
    )
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags=tags,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def sensed(home: PracticeHome, instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[Run]:
    """What is on record of a run after the sensor of its end was asked."""
    name = "run_success" if result.success else "run_failure"
    kind = dg.DagsterEventType.RUN_SUCCESS if result.success else dg.DagsterEventType.RUN_FAILURE
    (event,) = [event for event in result.all_events if event.event_type == kind]
    (sensor,) = [sensor for sensor in run_sensors(home, job=JOB) if sensor.name == name]
    context = dg.build_run_status_sensor_context(
        sensor_name=name, dagster_event=event, dagster_instance=instance, dagster_run=result.dagster_run
    )
    sensor(context)
    return list(home.ops.rows(Run, run_id=result.run_id))


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(practice_resource, "RETRY_AFTER_SECONDS", (0, 0, 0))


@pytest.mark.usefixtures("no_pause")
def test_what_may_succeed_later_is_tried_again_three_times(home: PracticeHome, instance: dg.DagsterInstance) -> None:
    away = [RetryableError(f"the server is away ({n})") for n in range(4)]
    recovered = night_of(home, instance, away[:3])
    assert recovered.success
    assert sum(event.event_type == dg.DagsterEventType.STEP_RESTARTED for event in recovered.all_events) == 3
    lost = night_of(home, instance, away)
    assert not lost.success
    (failure,) = [event for event in lost.all_events if event.is_step_failure]
    assert "the server is away (3)" in str(failure.step_failure_data.error)


@pytest.mark.parametrize("error", [ConfigError("no folder"), FatalError("no")], ids=["a person must act", "fatal"])
def test_what_will_not_succeed_later_is_not_tried_again(
    error: PacekeeperError, home: PracticeHome, instance: dg.DagsterInstance
) -> None:
    result = night_of(home, instance, [error])
    assert not result.success
    assert not [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_RESTARTED]


def test_pauses_grow() -> None:
    pauses = practice_resource.RETRY_AFTER_SECONDS
    assert [later >= 3 * earlier for earlier, later in pairwise(pauses)] == [True, True]


def test_runs_that_dagster_started_are_on_record_with_their_end(
    home: PracticeHome, instance: dg.DagsterInstance
) -> None:
    (good,) = sensed(home, instance, night_of(home, instance, []))
    (bad,) = sensed(home, instance, night_of(home, instance, [FatalError("no")]))
    assert (good.state, bad.state) == ("success", "failed")
    assert good.ended_at is not None
    assert good.ended_at >= good.started_at


def test_a_night_that_failed_before_it_read_anything_is_on_record(
    home: PracticeHome, instance: dg.DagsterInstance
) -> None:
    (run,) = sensed(home, instance, night_of(home, instance, [ConfigError("no policy")], lands=False))
    assert run.state == "failed"


def test_a_run_that_landed_nothing_and_one_of_the_command_line_are_left_alone(
    home: PracticeHome, instance: dg.DagsterInstance
) -> None:
    assert sensed(home, instance, night_of(home, instance, [], job="other", lands=False)) == []
    (own,) = sensed(home, instance, night_of(home, instance, [], tags={OWN_TAG: "true"}))
    assert own.state == "running", "whoever started it says how it ended"


def test_nobody_comes_between_the_steps_of_a_run(home: PracticeHome, instance: dg.DagsterInstance) -> None:
    said = []

    @dg.asset
    def step(practice: PracticeResource) -> None:
        code = (
            "import sys; from pathlib import Path; from pacekeeper.home import PracticeHome\n"
            "from pacekeeper.settings import load_settings\n"
            "with PracticeHome(load_settings(Path(sys.argv[1]))).only_run(): pass"
        )
        said.append(subprocess.run([sys.executable, "-c", code, str(home.settings.file)], capture_output=True).stderr)

    resources = {"practice": PracticeResource(config_path=str(home.settings.file))}
    assert dg.materialize([step], instance=instance, resources=resources).success
    assert b"RetryableError: another run is using" in said[0]
    with home.only_run():
        pass


LOGGING_RUN = """
import logging, sys
import dagster as dg
from pacekeeper_assets.practice_resource import PracticeResource

@dg.asset
def step(practice: PracticeResource) -> None:
    logging.getLogger("pacekeeper.landing").info("stream loaded", extra={"source": "ehr", "token": "canary"})

dg.materialize([step], resources={"practice": PracticeResource(config_path=sys.argv[1])})
"""


def test_a_run_logs_a_json_line_per_event_where_the_settings_say_so(home: PracticeHome) -> None:
    file = home.settings.file
    assert file is not None
    file.write_text(file.read_text() + '[operations]\nlog = "json"\n')
    ended = subprocess.run([sys.executable, "-c", LOGGING_RUN, str(file)], capture_output=True, text=True, check=True)
    (line,) = [json.loads(text) for text in ended.stderr.splitlines() if '"stream loaded"' in text]
    assert (line["event"], line["source"], line["level"], line["token"]) == ("stream loaded", "ehr", "info", "<secret>")


def problems_shown(instance: dg.DagsterInstance) -> list[dict[str, object]]:
    """The rows of the latest materialisation of ops/problems."""
    event = instance.get_latest_materialization_event(PROBLEMS)
    assert event is not None
    assert event.asset_materialization is not None
    table = event.asset_materialization.metadata["problems"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_the_page_lists_what_the_command_line_lists_also_after_a_run_that_failed(
    home: PracticeHome, instance: dg.DagsterInstance
) -> None:
    (problems, source_runs) = operations_assets(owners=["team:x"])
    resources = {"practice": PracticeResource(config_path=str(home.settings.file))}
    assert dg.materialize([problems, source_runs], instance=instance, resources=resources).success
    assert [row["what"] for row in problems_shown(instance)] == ["never_run"]
    sensed(home, instance, night_of(home, instance, [FatalError("no")]))
    listed = problems_now(home, now=datetime.now(UTC))
    assert [row["what"] for row in problems_shown(instance)] == [problem.what for problem in listed] == ["run_failed"]


def test_a_dead_run_is_buried_and_a_living_one_is_not(home: PracticeHome, instance: dg.DagsterInstance) -> None:
    runs = {}
    for name, ago in {"dead": 0, "living": 3600, "begun": 0, "never held": 3600}.items():
        run = dg.DagsterRun(job_name=JOB)
        instance.add_run(run)
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, JOB)
        instance.report_dagster_event(event, run.run_id, timestamp=time.time() - ago)
        start_run(home, run.run_id, None)
        runs[name] = run.run_id
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(home.data_dir), runs["dead"]], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert is_dead(home.data_dir, runs["dead"]) is False
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with alive(home.data_dir, runs["living"]):
        assert set(bury_dead_runs(home, instance, is_alone=False)) == {runs["dead"], runs["never held"]}
        assert bury_dead_runs(home, instance, is_alone=False) == []
    states = {run.run_id: run.state for run in home.ops.rows(Run)}
    assert {name: states[run_id] for name, run_id in runs.items()} == {
        "dead": "killed",
        "living": "running",
        "begun": "running",
        "never held": "killed",
    }


def test_a_run_that_the_daemon_is_starting_is_not_dead(home: PracticeHome, instance: dg.DagsterInstance) -> None:
    starting = dg.DagsterRun(job_name=JOB, status=dg.DagsterRunStatus.STARTING)
    own = dg.DagsterRun(job_name=JOB, status=dg.DagsterRunStatus.STARTING, tags={OWN_TAG: "true"})
    for run in (starting, own):
        instance.add_run(run)
    assert bury_dead_runs(home, instance, is_alone=False) == []
    assert bury_dead_runs(home, instance, is_alone=True) == [own.run_id], "whose command line is known to be gone"
