"""The canonical tables as Dagster assets: one step maps every source, one asset per entity."""

from collections.abc import Iterator, Sequence

import dagster as dg

from pacekeeper.contract import ENTITIES, Entity
from pacekeeper.contract.schema import columns
from pacekeeper.mapping.night import map_sources
from pacekeeper.mapping.result import MappingResult
from pacekeeper_assets import progress
from pacekeeper_assets.practice_resource import WAREHOUSE_POOL, PracticeResource, as_of_run, asset_border
from pacekeeper_assets.raw import LANDING


def canonical_key(entity: str) -> dg.AssetKey:
    """Asset key of a canonical table."""
    return dg.AssetKey(["canonical", entity])


def canonical_assets(*, owners: Sequence[str]) -> dg.AssetsDefinition:
    """The asset that stages, validates and swaps every source's slice of every entity."""

    @dg.multi_asset(
        name="canonical", specs=[_spec(name, e, owners) for name, e in ENTITIES.items()], pool=WAREHOUSE_POOL
    )
    def canonical(
        context: dg.AssetExecutionContext, practice: PracticeResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        home = practice.home()
        with asset_border("canonical tables"), home.only_run():
            results = map_sources(home, run_id=context.run_id, as_of=as_of_run(home, context.run_id))
            with home.warehouse.connect() as connection:
                rows = {name: connection.count(f"SELECT count(*) FROM canonical.{name}") for name in ENTITIES}
        for name in ENTITIES:
            progress.tell("map", name, rows[name])
            yield dg.MaterializeResult(asset_key=canonical_key(name), metadata=_metadata(name, rows[name], results))

    return canonical


def _spec(name: str, entity: type[Entity], owners: Sequence[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        canonical_key(name),
        deps=[LANDING],
        group_name="canonical",
        kinds={"pandera", "duckdb"},
        owners=owners,
        description=f"{(entity.__doc__ or name).strip()}\n\nGrain: {entity.grain}",
        metadata={
            "dagster/table_name": f"canonical.{name}",
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(
                        c.name,
                        c.duckdb_type.lower(),
                        description=c.description,
                        constraints=dg.TableColumnConstraints(nullable=c.nullable),
                    )
                    for c in columns(entity)
                ]
            ),
        },
    )


def _metadata(name: str, rows: int, results: Sequence[MappingResult]) -> dict[str, dg.MetadataValue | int]:
    own = [result for result in results if result.entity == name]
    found: dict[str, dg.MetadataValue | int] = {"dagster/row_count": rows}
    if own:
        found["by_source"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "source": r.source,
                        "state": r.state,
                        "in_scope": r.in_scope,
                        "mapped": r.mapped,
                        "quarantined": r.quarantined_rows,
                        "out_of_scope": sum(r.out_of_scope.values()),
                        "message": r.message or "",
                    }
                )
                for r in own
            ]
        )
    return found
