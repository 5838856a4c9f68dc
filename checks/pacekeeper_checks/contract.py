"""One contract check per canonical entity, and the mapping ledger."""

from collections.abc import Iterator, Sequence

import dagster as dg

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.reason import sentence
from pacekeeper.ops import MappingReason, MappingRun, SourceRun
from pacekeeper_assets.canonical import canonical_key
from pacekeeper_assets.practice_resource import PracticeResource, asset_border, rows_of_run

#: A source none of whose mappings could be run has one ledger row under this name.
_ALL = "(all)"


def contract_checks() -> dg.AssetChecksDefinition:
    """`contract` per entity: every slice was swapped in. `mapping_ledger` per entity: every row is accounted for."""
    specs = [
        dg.AssetCheckSpec(name, asset=canonical_key(entity), description=text)
        for entity in ENTITIES
        for name, text in (
            ("contract", f"Every source's slice of {entity} keeps the contract, but for rows in quarantine."),
            ("mapping_ledger", "in scope = mapped + quarantined + out of scope, per source."),
        )
    ]

    @dg.multi_asset_check(name="contract_checks", specs=specs)
    def check(context: dg.AssetCheckExecutionContext, practice: PracticeResource) -> Iterator[dg.AssetCheckResult]:
        with asset_border("contract checks"):
            home = practice.home()
            run_id = context.run.run_id
            unread = {r.source for r in rows_of_run(home, SourceRun, run_id) if r.state != "ok"}
            # A source that could be neither read nor mapped is plugin_health's business, not every entity's.
            runs = [r for r in rows_of_run(home, MappingRun, run_id) if r.entity != _ALL or r.source not in unread]
            reasons = rows_of_run(home, MappingReason, run_id, kind="quarantined")
        for entity in ENTITIES:
            own = [run for run in runs if run.entity in {entity, _ALL}]
            yield _contract(entity, own, [reason for reason in reasons if reason.entity == entity])
            unbalanced = [run.source for run in own if not run.is_balanced]
            yield dg.AssetCheckResult(
                asset_key=canonical_key(entity),
                check_name="mapping_ledger",
                passed=not unbalanced,
                metadata={"unbalanced_sources": ", ".join(unbalanced)},
            )

    return check


def _contract(entity: str, runs: Sequence[MappingRun], reasons: Sequence[MappingReason]) -> dg.AssetCheckResult:
    kept_back = [run for run in runs if not run.is_current]
    quarantined = sum(run.quarantined for run in runs)
    metadata: dict[str, dg.MetadataValue | int | str] = {
        "quarantined": quarantined,
        "not_swapped": ", ".join(run.source for run in kept_back),
    }
    if reasons:
        metadata["reasons"] = dg.MetadataValue.table(
            [
                dg.TableRecord({"source": r.source, "reason": r.reason, "rows": r.rows, "meaning": sentence(r.reason)})
                for r in reasons
            ]
        )
    text = "; ".join(run.message or f"{run.source} was not swapped in" for run in kept_back)
    return dg.AssetCheckResult(
        asset_key=canonical_key(entity),
        check_name="contract",
        passed=not kept_back,
        severity=dg.AssetCheckSeverity.ERROR,
        description=text or f"{quarantined} rows in quarantine",
        metadata=metadata,
    )
