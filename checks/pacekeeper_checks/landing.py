"""Checks of the landing: the ledger balances, and every source is fresh."""

from collections.abc import Iterator, Sequence

import dagster as dg

from pacekeeper.ops import StreamRun
from pacekeeper.ops.freshness import Lateness, lateness
from pacekeeper.ops.standing import expectations
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
                description=f"Every stream of {source} was read completely in the 36 hours up to the run's as_of, and "
                "what its settings expect has come; holidays and closures do not count.",
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
            expected = expectations(home, now=as_of)
        unbalanced = [f"{row.source}.{row.stream}" for row in ledger if not row.is_balanced]
        yield dg.AssetCheckResult(
            asset_key=LANDING,
            check_name="landing_ledger",
            passed=not unbalanced,
            metadata={"streams": len(ledger), "unbalanced": ", ".join(unbalanced)},
        )
        for source in sources:
            late = lateness(home.ops, source, as_of=as_of, expected=expected)
            yield dg.AssetCheckResult(
                asset_key=LANDING,
                check_name=f"freshness_{source}",
                passed=not late.is_late,
                severity=dg.AssetCheckSeverity.WARN,
                description=_describe(source, late),
                metadata={"stale_streams": ", ".join(late.unread)},
            )

    return check


def _describe(source: str, late: Lateness) -> str:
    if late.never_read:
        return f"{source} has never been read successfully"
    if late.unread:
        return f"{len(late.unread)} streams of {source} are stale"
    if late.silent_since is not None:
        return f"{source} answers, and has brought nothing new since {late.silent_since:%Y-%m-%d %H:%M} UTC"
    return f"{source} is fresh"
