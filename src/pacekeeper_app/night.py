"""One nightly run in this process, recorded in the practice's own Dagster storage."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pacekeeper.errors import RetryableError
from pacekeeper.home import PracticeHome

if TYPE_CHECKING:
    from dagster import DagsterInstance, ExecuteInProcessResult

    from pacekeeper_assets.progress import Listener

_DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
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


def prepare_dagster(home: PracticeHome) -> None:
    """Make the practice's Dagster folder, with telemetry off and one writer at a time, where it is missing."""
    home.dagster_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = home.dagster_dir / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML, encoding="utf-8")


def run_night(home: PracticeHome, *, as_of: datetime | None, listener: Listener | None = None) -> NightResult:
    """Run the nightly job to its end. Raises RetryableError while another run of this practice is under way."""
    home.create()
    prepare_dagster(home)
    with _only_run(home), _quiet():
        from dagster import DagsterInstance

        from pacekeeper_app.definitions import NIGHTLY, build_definitions
        from pacekeeper_assets import progress

        job = build_definitions(home.settings).resolve_job_def(NIGHTLY)
        started = datetime.now(UTC)
        with DagsterInstance.from_config(str(home.dagster_dir)) as instance, progress.listening(listener or _ignore):
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={
                    "ops": {"landing": {"config": {"as_of": as_of.isoformat() if as_of else None}}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
            )
            night = _outcome(home, instance, result, started)
    home.ops.finish_run(night.run_id, state="success" if night.succeeded else "failed", ended_at=datetime.now(UTC))
    return night


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
def _only_run(home: PracticeHome) -> Iterator[None]:
    lock = FileLock(home.data_dir / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RetryableError(
            f"another run is using {home.data_dir}; wait until it has ended (`pacekeeper status` shows it)"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _ignore(step: str, what: str, rows: int) -> None:
    del step, what, rows
