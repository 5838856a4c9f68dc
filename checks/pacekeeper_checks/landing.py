"""Checks of the landing: the ledger balances, and every source is fresh."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import dagster as dg

from pacekeeper.home import PracticeHome
from pacekeeper.ops import StreamRun, StreamState
from pacekeeper.ops.problems import FRESH_FOR
from pacekeeper_assets.practice_resource import PracticeResource, as_of_run, asset_border, rows_of_run
from pacekeeper_assets.raw import LANDING


def landing_checks(sources: Sequence[str]) -> dg.AssetChecksDefinition:
    """`landing_ledger` and one `freshness_<source>` per configured source.

    A ledger that does not balance fails its own source, whose verdicts become unknown, and blocks no other.
    """
    specs = [
        dg.AssetCheckSpec(
            "landing_ledger",
            asset=LANDING,
            description="read = inserted + updated + unchanged + duplicate + rejected + out of scope, per stream.",
        ),
        *(
            dg.AssetCheckSpec(
                f"freshness_{source}",
                asset=LANDING,
                description=f"Every stream of {source} was read completely in the 36 hours up to the run's as_of.",
            )
            for source in sources
        ),
    ]

    @dg.multi_asset_check(name="landing_checks", specs=specs)
    def check(context: dg.AssetCheckExecutionContext, practice: PracticeResource) -> Iterator[dg.AssetCheckResult]:
        with asset_border("landing checks"):
            home = practice.home()
            ledger = rows_of_run(home, StreamRun, context.run.run_id)
            as_of = as_of_run(home, context.run.run_id)
        unbalanced = [f"{row.source}.{row.stream}" for row in ledger if not row.is_balanced]
        yield dg.AssetCheckResult(
            asset_key=LANDING,
            check_name="landing_ledger",
            passed=not unbalanced,
            metadata={"streams": len(ledger), "unbalanced": ", ".join(unbalanced)},
        )
        for source in sources:
            stale = _stale_streams(home, source, as_of - FRESH_FOR)
            yield dg.AssetCheckResult(
                asset_key=LANDING,
                check_name=f"freshness_{source}",
                passed=stale == [],
                severity=dg.AssetCheckSeverity.WARN,
                description=_describe(source, stale),
                metadata={"stale_streams": ", ".join(stale or ())},
            )

    return check


def _stale_streams(home: PracticeHome, source: str, limit: datetime) -> list[str] | None:
    """Streams last read completely before `limit`; null when the source was never read at all."""
    states = home.ops.rows(StreamState, source=source)
    if not states:
        return None
    return [s.stream for s in states if s.complete_through is None or s.complete_through < limit]


def _describe(source: str, stale: list[str] | None) -> str:
    if stale is None:
        return f"{source} has never been read successfully"
    return f"{len(stale)} streams of {source} are stale" if stale else f"{source} is fresh"
