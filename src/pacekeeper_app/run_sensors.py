"""Sensors of Dagster's daemon: how every run ended, runs whose process is gone, and messages that wait."""

from datetime import UTC, datetime

import dagster as dg

from pacekeeper.alerts.drain import drain_after_run, is_anything_due
from pacekeeper.home import PracticeHome
from pacekeeper.ops import Run
from pacekeeper_app.dead_runs import OWN_TAG, bury_dead_runs
from pacekeeper_app.run_end import RunState, run_ended
from pacekeeper_assets.operations import report_problems

_STATES: dict[dg.DagsterRunStatus, RunState] = {
    dg.DagsterRunStatus.SUCCESS: "success",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "killed",
}
_INTERVAL_SECONDS = 30
_MESSAGES_SECONDS = 600


def run_sensors(home: PracticeHome, *, job: str) -> list[dg.SensorDefinition]:
    """One per way a run of Dagster's may end, one for dead runs, one for messages to people. job: the night's.

    A run of another job counts where it has landed something. Runs of the command line tell their end themselves.
    """
    found = [*(_ended(home, status, job) for status in _STATES), _dead_runs(home)]
    return found if home.settings.directory_file is None else [*found, _messages(home)]


def _ended(home: PracticeHome, status: dg.DagsterRunStatus, job: str) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"run_{status.value.lower()}",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Puts runs that ended in {status.value} on record, whoever started them.",
    )
    def ended(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        known = home.ops.rows(Run, run_id=run.run_id)
        if run.tags.get(OWN_TAG) == "true" or (not known and run.job_name != job):
            return dg.SkipReason("it tells its end itself, or has landed nothing")
        record = context.instance.get_run_record_by_id(run.run_id)
        now = datetime.now(UTC).timestamp()
        began, end = (record.start_time, record.end_time) if record else (None, None)
        state = "killed" if known and known[0].state == "killed" else _STATES[status]
        run_ended(
            home, run.run_id, state=state, started_at=_instant(began or end or now), ended_at=_instant(end or now)
        )
        if _STATES[status] != "success":
            report_problems(home, context.instance)
        return None

    return ended


def _dead_runs(home: PracticeHome) -> dg.SensorDefinition:
    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=2 * _INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs as failed whose process was killed, and frees their places in Dagster's pools.",
    )
    def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not home.ops.path.exists():
            return dg.SkipReason("no run has been made yet")
        buried = bury_dead_runs(home, context.instance, is_alone=False)
        return dg.SkipReason(f"{len(buried)} dead runs")

    return dead_runs


def _messages(home: PracticeHome) -> dg.SensorDefinition:
    @dg.sensor(
        name="messages",
        minimum_interval_seconds=_MESSAGES_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends messages that waited for the end of quiet hours, or are to be tried again.",
    )
    def messages() -> dg.SkipReason:
        now = datetime.now(UTC)
        if not is_anything_due(home, now=now):
            return dg.SkipReason("no message is due")
        drain_after_run(home, now=now)
        return dg.SkipReason("messages that were due have been seen to")

    return messages


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
