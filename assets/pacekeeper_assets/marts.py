"""The marts and their publication as Dagster assets."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg

from pacekeeper.alerts.drain import drain_after_run
from pacekeeper.bi.stored import store_contract
from pacekeeper.contract import ENTITIES
from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.made import digest, made_from, making, note
from pacekeeper.engine.parquet_export import export_parquet
from pacekeeper.errors import PacekeeperError
from pacekeeper.heartbeat import beat
from pacekeeper.home import PracticeHome
from pacekeeper.mapping.kept import mapped_digest
from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.measures.mart import MARTS_SCHEMA
from pacekeeper.measures.plan_cache import plan_digest
from pacekeeper.measures.publication import Publication
from pacekeeper.measures.served import mart_session
from pacekeeper.measures.state import State
from pacekeeper.ops import EntityState, MartRun
from pacekeeper.privacy import describe
from pacekeeper.upkeep.retention import let_go
from pacekeeper_assets import CATALOGUE, MARTS, MEASURE_NEEDS, Mart, materialise, progress
from pacekeeper_assets.canonical import canonical_key
from pacekeeper_assets.practice_resource import WAREHOUSE_POOL, PracticeResource, as_of_run, asset_border
from pacekeeper_assets.run_storage import prune_runs

_log = logging.getLogger(__name__)
PUBLICATION = dg.AssetKey(["ops", "publication"])
_VERDICTS = dg.TableSchema(
    columns=[dg.TableColumn("guardrail"), *(dg.TableColumn(state.value, "int") for state in State)]
)
_READ = dg.TableSchema(
    columns=[
        dg.TableColumn("source"),
        dg.TableColumn("complete_through", description="Of the entity that was read least far; empty: one never was"),
        dg.TableColumn("entities", "int"),
    ]
)


def mart_key(mart: str) -> dg.AssetKey:
    """Asset key of a mart."""
    return dg.AssetKey(["marts", mart])


def mart_assets(*, owners: Sequence[str]) -> dg.AssetsDefinition:
    """The asset that builds every mart and merges the verdicts. Runs whatever became of a source."""

    @dg.multi_asset(name="marts", specs=[_spec(mart, owners) for mart in MARTS.values()], pool=WAREHOUSE_POOL)
    def marts(context: dg.AssetExecutionContext, practice: PracticeResource) -> Iterator[dg.MaterializeResult[None]]:
        home = practice.home()
        with asset_border("marts"), home.only_run():
            as_of = as_of_run(home, context.run_id)
            with home.warehouse.connect() as connection:
                rows = build_marts(home, connection, as_of=as_of)
                verdicts = verdict_counts(connection)
            home.ops.add(MartRun(run_id=context.run_id, mart=name, rows=rows[name]) for name in MARTS)
        for name in MARTS:
            progress.tell("mart", name, rows[name])
            metadata: dict[str, dg.MetadataValue | int] = {
                "dagster/row_count": rows[name],
                "dagster/column_lineage": dg.MetadataValue.column_lineage(column_lineage(MARTS[name])),
            }
            if name == "guardrail_result":
                metadata["verdicts"] = verdicts
            yield dg.MaterializeResult(asset_key=mart_key(name), metadata=metadata)

    return marts


def verdict_counts(connection: Connection) -> dg.MetadataValue:
    """How many verdicts that stand are in each state, a row per guardrail."""
    counted = connection.raw.execute(
        "SELECT guardrail_id, state, count(*) FROM marts.guardrail_result WHERE is_current AND NOT is_retracted "
        "GROUP BY 1, 2 ORDER BY 1"
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for guardrail, state, verdicts in counted:
        found.setdefault(guardrail, {each.value: 0 for each in State})[state] = verdicts
    records = [dg.TableRecord({"guardrail": name, **states}) for name, states in found.items()]
    return dg.MetadataValue.table(records, schema=_VERDICTS)


def column_lineage(mart: Mart) -> dg.TableColumnLineage:
    """The canonical columns that each measure is computed from, as its needs name them."""
    of_measures: dict[str, list[dg.TableColumnDep]] = {}
    for column in mart.columns:
        needs = MEASURE_NEEDS.get(f"{mart.name}.{column.name}")
        if needs is not None:
            named = [(one.entity, name) for one in needs.inputs for name in (*one.columns, *one.tells)]
            of_measures[column.name] = [
                dg.TableColumnDep(canonical_key(entity), name) for entity, name in dict.fromkeys(named)
            ]
    return dg.TableColumnLineage(of_measures)


def freshness(home: PracticeHome) -> dg.MetadataValue:
    """Up to when each source is complete, over all that it is read for."""
    through: dict[str, list[datetime | None]] = {}
    for one in source_completeness(home):
        through.setdefault(one.source, []).append(one.complete_through)
    records = []
    for source, moments in sorted(through.items()):
        known = [moment for moment in moments if moment is not None]
        least = f"{min(known):%Y-%m-%d %H:%M} UTC" if len(known) == len(moments) else ""
        records.append(dg.TableRecord({"source": source, "complete_through": least, "entities": len(moments)}))
    return dg.MetadataValue.table(records, schema=_READ)


def build_marts(home: PracticeHome, connection: Connection, *, as_of: datetime) -> dict[str, int]:
    """Build every mart where the settings want it; rows per mart come back, and `connection` has them all.

    Nothing is built where nothing has changed that they are built from: canonical rows, how far each source was read,
    policy, `as_of`.
    """
    store_contract(connection, MARTS.values(), CATALOGUE.guardrails.values())
    completeness = source_completeness(home)
    policy = home.policy()
    of = digest(
        plan_digest(CATALOGUE, policy),
        as_of.isoformat(),
        repr(sorted(completeness, key=repr)),
        home.settings.warehouse.model_dump_json(),
        mapped_digest(connection),
    )
    are_whole = made_from(connection, MARTS_SCHEMA) is not None
    if _are_built(home, connection, of):
        return {name: connection.count(f"SELECT count(*) FROM {mart.table}") for name, mart in MARTS.items()}
    with (
        making(connection, MARTS_SCHEMA, of),
        mart_session(home, connection, MARTS.values(), completeness) as session,
    ):
        rows = materialise(
            session,
            as_of=as_of,
            policy=policy,
            completeness=completeness,
            plans=home.plans_dir,
            keeps=are_whole,
        )
        if session is not connection:
            note(session, MARTS_SCHEMA, of)
        return rows


def _are_built(home: PracticeHome, connection: Connection, of: str) -> bool:
    """In the file, and in the database where there is one: it may be another than last night's."""
    if made_from(connection, MARTS_SCHEMA) != of:
        return False
    if home.postgres is None:
        return True
    with home.postgres.connect() as session:
        return made_from(session, MARTS_SCHEMA) == of


def source_completeness(home: PracticeHome) -> list[SourceCompleteness]:
    """How far every configured source was read, per entity it maps to; one that is switched off keeps what it had.

    Of a source that has never been mapped, because its plugin or its settings are broken, nobody knows what it maps
    to: it counts as one that may hold rows of any entity, none of which has been read.
    """
    states: dict[str, list[EntityState]] = {source: [] for source in home.settings.sources}
    for state in home.ops.rows(EntityState):
        states.get(state.source, []).append(state)
    of_sources = [name for name, entity in ENTITIES.items() if not entity.derived]
    unmapped = [source for source in home.sources if not states[source]]
    never = [SourceCompleteness(s, entity, None, ever_read=False) for s in unmapped for entity in of_sources]
    known = [
        SourceCompleteness(s, state.entity, state.complete_through, ever_read=state.complete_through is not None)
        for s, own in states.items()
        for state in own
    ]
    return known + never


def publication_of(home: PracticeHome, *, run_id: str, as_of: datetime) -> Publication:
    """The night of a run, as it is to be published now."""
    day = as_of.astimezone(ZoneInfo(home.settings.practice.home_tz)).date()
    return Publication(run_id, as_of, datetime.now(UTC), home.policy().version_on(day))


def publication_asset(*, owners: Sequence[str]) -> dg.AssetsDefinition:
    """The asset that swaps in the readers' copies."""

    @dg.asset(
        key=PUBLICATION,
        deps=[mart_key(name) for name in MARTS],
        group_name="publication",
        kinds={"duckdb"},
        owners=owners,
        pool=WAREHOUSE_POOL,
        description="Copies that readers open, swapped in atomically: everything for the CLI, views for BI.",
    )
    def publication(context: dg.AssetExecutionContext, practice: PracticeResource) -> dg.MaterializeResult[None]:
        home = practice.home()
        with asset_border("publication"), home.only_run():
            as_of = as_of_run(home, context.run_id)
            _tidy(lambda: let_go(home, as_of=as_of, now=datetime.now(UTC)))
            home.publish(publication_of(home, run_id=context.run_id, as_of=as_of))
            _tidy(lambda: _after_publishing(home, context.instance))
            # A run that Dagster's page or schedule started has nobody else to say that it ended.
            ended_at = datetime.now(UTC)
            home.ops.finish_run(context.run_id, state="success", ended_at=ended_at)
            beat(home.settings, at=ended_at)
            drain_after_run(home, now=ended_at)
            fresh = freshness(home)
            sizes = {"read_copy_bytes": home.read_copy.stat().st_size, "bi_copy_bytes": home.bi_copy.stat().st_size}
        return dg.MaterializeResult(metadata={**sizes, "freshness": fresh})

    return publication


def _after_publishing(home: PracticeHome, instance: dg.DagsterInstance) -> None:
    settings = home.settings.operations
    if settings.export_folder is not None:
        export_parquet(home.bi_copy, home.settings.home / settings.export_folder, keep=settings.keep_exports)
    prune_runs(instance, now=datetime.now(UTC), keep_days=settings.keep_dagster_days)


def _tidy(work: Callable[[], object]) -> None:
    """What a night is good without; it is in the log when it fails."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - nothing of it may spoil a night; the text may hold data
        text = str(error) if isinstance(error, PacekeeperError) else describe(error)
        _log.warning("not tidied", extra={"reason": text})


def _spec(mart: Mart, owners: Sequence[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        mart_key(mart.name),
        deps=[_input_key(name) for name in mart.inputs if name in ENTITIES or name in MARTS],
        group_name="marts",
        kinds={"ibis", "duckdb"},
        owners=owners,
        description=f"{mart.description}\n\nGrain: {mart.grain}",
        metadata={
            "dagster/table_name": mart.table,
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(c.name, c.type, description=c.description) for c in mart.columns]
            ),
        },
    )


def _input_key(name: str) -> dg.AssetKey:
    return mart_key(name) if name in MARTS else canonical_key(name)
