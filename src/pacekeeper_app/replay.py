"""Mapping again what has landed, after a mapping or a value map was corrected; no vendor is called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from pacekeeper.errors import ConfigError

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome
    from pacekeeper.mapping import MappingResult


def replay(home: PracticeHome, *, source: str | None = None, entity: str | None = None) -> list[MappingResult]:
    """Map from the raw versions that are there, build the marts, judge and publish; one result per slice mapped.

    source, entity: only these; null = all. Judged by the instant of the last run, because nothing newer is known.
    Raises ConfigError where nothing has landed yet, RetryableError while a run of this practice is under way.
    """
    from pacekeeper.mapping.night import map_sources
    from pacekeeper.ops import Run
    from pacekeeper_assets import MARTS
    from pacekeeper_assets.marts import build_marts, publication_of

    with home.only_run():
        last = home.ops.last_run()
        if last is None:
            raise ConfigError("nothing has been landed yet, so there is nothing to map again: use `pacekeeper run`")
        home.policy()  # one that cannot be used is better known before anything is mapped
        home.create(MARTS.values())
        run_id = str(uuid4())
        home.ops.add([Run(run_id=run_id, as_of=last.as_of, started_at=datetime.now(UTC))])
        state = "failed"
        try:
            results = map_sources(home, run_id=run_id, as_of=last.as_of, source=source, entity=entity, anew=True)
            with home.warehouse.connect() as connection:
                build_marts(home, connection, as_of=last.as_of)
            home.publish(publication_of(home, run_id=run_id, as_of=last.as_of))
            state = "success"
        finally:
            home.ops.finish_run(run_id, state=state, ended_at=datetime.now(UTC))
    return results
