"""The practice, as a Dagster resource; and the border that keeps data out of Dagster's stored errors."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
from sqlmodel import SQLModel

from pacekeeper.errors import FatalError, PacekeeperError, RetryableError
from pacekeeper.home import PracticeHome
from pacekeeper.log import configure_logging
from pacekeeper.ops import Run
from pacekeeper.ops.liveness import alive
from pacekeeper.privacy import describe
from pacekeeper.settings import load_settings

Row = TypeVar("Row", bound=SQLModel)

#: One writer at a time: every asset and check that opens the warehouse is in this pool.
WAREHOUSE_POOL = "warehouse_writer"


#: How long a step that failed for a while waits before it is tried again, time after time.
RETRY_AFTER_SECONDS = (10, 30, 90)


class PracticeResource(dg.ConfigurableResource[PracticeHome]):
    """Settings and data folder of the practice. config_path: the settings file; null = found as the CLI finds it.

    A run holds the practice's lock from its first step to its last, so that no other comes in between.
    """

    config_path: str | None = None

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[Any, None, None]:
        home = self.home()
        if home.settings.operations.log is not None:
            configure_logging(json=home.settings.operations.log == "json")
        with home.only_run(), alive(home.data_dir, context.run_id or "unnamed"):
            yield self  # not a home, for which Dagster's base class is named: every step opens one anew

    def home(self) -> PracticeHome:
        """The practice's home, read anew for every step."""
        return PracticeHome(load_settings(Path(self.config_path) if self.config_path else None, required=False))


def start_run(home: PracticeHome, run_id: str, as_of: str | None, *, kind: str = "night") -> datetime:
    """Put the run on record and return the instant it judges by: the one asked for, else now."""
    now = datetime.now(UTC)
    moment = datetime.fromisoformat(as_of).astimezone(UTC) if as_of else now
    home.ops.add([Run(run_id=run_id, as_of=moment, started_at=now, kind=kind)])
    return moment


def as_of_run(home: PracticeHome, run_id: str) -> datetime:
    """The instant this run judges by; a run without landing takes that of the last run with one."""
    found = home.ops.rows(Run, run_id=run_id)
    run = found[0] if found else home.ops.last_run()
    if run is None:
        raise FatalError("nothing has been landed yet: materialise ops/landing first, or use `pacekeeper run`")
    return run.as_of


def rows_of_run(home: PracticeHome, model: type[Row], run_id: str, **equal: object) -> Sequence[Row]:
    """Ledger rows of a run; where it has written none, because only checks were asked for, of the last run."""
    found = home.ops.rows(model, run_id=run_id, **equal)
    last = home.ops.last_run()
    return found if found or last is None else home.ops.rows(model, run_id=last.run_id, **equal)


@contextmanager
def asset_border(step: str) -> Iterator[None]:
    """Around a step: an unexpected error leaves as class and place, because Dagster stores texts and causes.

    What may succeed later is tried again after a while; all else ends the step.
    """
    try:
        yield
    except RetryableError as error:
        error.__cause__ = error.__context__ = None
        raise dg.RetryRequested(max_retries=len(RETRY_AFTER_SECONDS), seconds_to_wait=_pause()) from error
    except PacekeeperError as error:
        raise error from None
    except Exception as error:  # noqa: BLE001 - re-raised without the text, which may hold data
        raise FatalError(f"{step}: {describe(error)}") from None


def _pause() -> int:
    """How long the step that is under way waits before its next attempt."""
    attempt = dg.OpExecutionContext.get().retry_number
    return RETRY_AFTER_SECONDS[min(attempt, len(RETRY_AFTER_SECONDS) - 1)]
