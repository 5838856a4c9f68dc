"""One nightly run in this process, recorded in the practice's own Dagster storage."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper_app.dead_runs import OWN_TAG, bury_dead_runs
from pacekeeper_app.run_end import RunState, run_ended

if TYPE_CHECKING:
    from dagster import DagsterInstance, ExecuteInProcessResult

    from pacekeeper.landing.backfill import Backfill
    from pacekeeper_assets.progress import Listener

_DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
  pools:
    default_limit: 1
    granularity: op
"""


@dataclass(frozen=True)
class CheckOutcome:
    """One asset check of the run. severity: WARN or ERROR, of a check that did not pass."""

    asset: str
    name: str
    passed: bool
    severity: str
    description: str


@dataclass(frozen=True)
class NightResult:
    """How a run ended. failures: a line per step that failed; the published copies are then yesterday's."""

    run_id: str
    as_of: datetime
    seconds: float
    failures: tuple[str, ...]
    checks: tuple[CheckOutcome, ...]

    @property
    def succeeded(self) -> bool:
        return not self.failures

    def has_failed(self, home: PracticeHome, source: str) -> bool:
        """Whether the run could not read or land a source."""
        from pacekeeper.ops import SourceRun

        return any(row.state != "ok" for row in home.ops.rows(SourceRun, run_id=self.run_id, source=source))


def prepare_dagster(home: PracticeHome) -> None:
    """Make the practice's Dagster folder, with telemetry off and one writer at a time, where it is missing."""
    home.dagster_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = home.dagster_dir / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML, encoding="utf-8")


def run_night(
    home: PracticeHome,
    *,
    as_of: datetime | None,
    full: bool = False,
    backfill: Backfill | None = None,
    listener: Listener | None = None,
) -> NightResult:
    """Run the nightly job to its end. Raises RetryableError while another run of this practice is under way.

    full: make every table again from what has landed, also what nothing has changed for. backfill: read this alone,
    instead of every source.

    Raises ConfigError where it could not even begin: without its hash secret, its policy or a data folder, or with an
    as_of before one that a source has been read as of (decision 3).
    """
    with home.only_run(), _quiet():
        from dagster import DagsterInstance

        from pacekeeper.landing.backfill import forget_slices
        from pacekeeper.mapping.kept import forget_everything
        from pacekeeper_app.definitions import NIGHTLY, build_definitions
        from pacekeeper_assets import MARTS, progress
        from pacekeeper_assets.operations import report_problems

        home.create(MARTS.values())
        home.hash_key()
        _refuse_the_past(home, as_of)
        if full:
            with home.warehouse.connect() as connection:
                forget_everything(connection)
        prepare_dagster(home)
        job = build_definitions(home.settings).resolve_job_def(NIGHTLY)
        started = datetime.now(UTC)
        with DagsterInstance.from_config(str(home.dagster_dir)) as instance, progress.listening(listener or _ignore):
            bury_dead_runs(home, instance, is_alone=True)
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                tags={OWN_TAG: "true"},
                run_config={
                    "ops": {"landing": {"config": _landing_config(as_of, backfill)}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
            )
            night = _outcome(home, instance, result, started)
            state: RunState = "success" if night.succeeded else "failed"
            run_ended(home, night.run_id, state=state, started_at=started, ended_at=datetime.now(UTC))
            if not night.succeeded:
                report_problems(home, instance)
            elif backfill is not None and not night.has_failed(home, backfill.source):
                forget_slices(home, backfill)
    return night


def _landing_config(as_of: datetime | None, backfill: Backfill | None) -> dict[str, str | None]:
    config = {"as_of": as_of.isoformat() if as_of else None}
    if backfill is None:
        return config
    window = {"since": backfill.since.isoformat(), "before": backfill.before.isoformat()}
    return {**config, "source": backfill.source, **window}


def _refuse_the_past(home: PracticeHome, as_of: datetime | None) -> None:
    """Raise ConfigError where a source was read as of a later instant: what it says now would be dated before that."""
    from pacekeeper.ops import StreamState

    reads = [(s.complete_through, s.source) for s in home.ops.rows(StreamState) if s.complete_through is not None]
    last, source = max((read for read in reads if read[1] in home.sources), default=(None, ""))
    if as_of is not None and last is not None and as_of < last:
        raise ConfigError(
            f"the run is to judge as of {as_of:%Y-%m-%d %H:%M} UTC, but source {source} has been read as of "
            f"{last:%Y-%m-%d %H:%M} UTC: what it says now would be on record as seen before that. Leave --as-of out, "
            "or give an instant that is not earlier; to judge the past, use another data_dir (of the demo: --fresh)"
        )


def _outcome(
    home: PracticeHome, instance: DagsterInstance, result: ExecuteInProcessResult, started: datetime
) -> NightResult:
    from pacekeeper.ops import Run

    del instance
    runs = home.ops.rows(Run, run_id=result.run_id)
    failures = tuple(
        f"{event.step_key}: {_reason(event.step_failure_data.error)}"
        for event in result.all_events
        if event.is_step_failure
    )
    checks = tuple(
        CheckOutcome(
            asset=evaluation.asset_key.to_user_string(),
            name=evaluation.check_name,
            passed=evaluation.passed,
            severity=evaluation.severity.value,
            description=evaluation.description or "",
        )
        for evaluation in result.get_asset_check_evaluations()
    )
    return NightResult(
        run_id=result.run_id,
        as_of=runs[0].as_of if runs else started,
        seconds=(datetime.now(UTC) - started).total_seconds(),
        failures=failures,
        checks=checks,
    )


def _reason(error: object) -> str:
    """The last cause of a step failure, which is our own error's text."""
    while (cause := getattr(error, "cause", None)) is not None:
        error = cause
    return str(getattr(error, "message", error)).strip()


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _ignore(step: str, what: str, rows: int) -> None:
    del step, what, rows
