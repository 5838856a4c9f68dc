"""What operators look at, as Dagster assets: what is broken now, and what reading costs."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from pacekeeper.home import PracticeHome
from pacekeeper.ops.costs import NIGHTS, source_costs
from pacekeeper.ops.standing import problems_now
from pacekeeper_assets.marts import PUBLICATION
from pacekeeper_assets.practice_resource import PracticeResource, asset_border
from pacekeeper_assets.raw import LANDING

PROBLEMS = dg.AssetKey(["ops", "problems"])
SOURCE_RUNS = dg.AssetKey(["ops", "source_runs"])
_PROBLEM_COLUMNS = dg.TableSchema(
    columns=[dg.TableColumn(name) for name in ("severity", "what", "where", "since", "message", "fix")]
)
_COST_COLUMNS = dg.TableSchema(
    columns=[
        *(dg.TableColumn(name) for name in ("source", "connector", "started_at", "state")),
        dg.TableColumn("minutes", "float", description="of its last read"),
        dg.TableColumn("calls", "int", description="of its last read; 0 for a source that is no server"),
        dg.TableColumn("rows", "int", description="read by its last read"),
        dg.TableColumn("reads", "int", description="how many reads the averages are of"),
        dg.TableColumn("mean_minutes", "float"),
        dg.TableColumn("mean_calls", "float"),
    ]
)


def operations_assets(*, owners: Sequence[str]) -> list[dg.AssetsDefinition]:
    """`ops/problems` and `ops/source_runs`."""

    @dg.asset(
        key=PROBLEMS,
        deps=[PUBLICATION],
        group_name="ops",
        kinds={"sqlite"},
        owners=owners,
        description="What does not work now, as `pacekeeper problems` lists it; brought up to date when a run fails.",
    )
    def problems(practice: PracticeResource) -> dg.MaterializeResult[None]:
        with asset_border("problems"):
            return dg.MaterializeResult(metadata=_problems(practice.home()))

    @dg.asset(
        key=SOURCE_RUNS,
        deps=[LANDING],
        group_name="ops",
        kinds={"sqlite"},
        owners=owners,
        description=f"Minutes and calls that reading each source took: last time, and on average of {NIGHTS} reads.",
    )
    def source_runs(practice: PracticeResource) -> dg.MaterializeResult[None]:
        with asset_border("source runs"):
            home = practice.home()
            costs = source_costs(home.ops, sources=list(home.sources))
        records = [dg.TableRecord({**vars(cost), "started_at": cost.started_at.isoformat()}) for cost in costs]
        return dg.MaterializeResult(metadata={"sources": dg.MetadataValue.table(records, schema=_COST_COLUMNS)})

    return [problems, source_runs]


def report_problems(home: PracticeHome, instance: dg.DagsterInstance) -> None:
    """Bring `ops/problems` up to date after a run that did not come as far as that."""
    instance.report_runless_asset_event(dg.AssetMaterialization(PROBLEMS, metadata=_problems(home)))


def _problems(home: PracticeHome) -> dict[str, dg.MetadataValue | int]:
    found = problems_now(home, now=datetime.now(UTC))
    errors = sum(problem.severity == "error" for problem in found)
    records = [
        dg.TableRecord({**vars(p), "since": "" if p.since is None else f"{p.since:%Y-%m-%d %H:%M} UTC"}) for p in found
    ]
    table = dg.MetadataValue.table(records, schema=_PROBLEM_COLUMNS)
    return {"errors": errors, "warnings": len(found) - errors, "problems": table}
