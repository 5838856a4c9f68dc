"""Landing as Dagster assets: one per source and stream, behind a barrier that always succeeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper.landing.backfill import Backfill, land_backfill
from pacekeeper.landing.night import land_sources
from pacekeeper.landing.typing_sql import REASONS
from pacekeeper.landing.versions import all_columns, schema_of
from pacekeeper.ops import SourceRun, StreamReason, StreamRun
from pacekeeper.stream import Stream
from pacekeeper_assets import MARTS, progress
from pacekeeper_assets.practice_resource import WAREHOUSE_POOL, PracticeResource, asset_border, start_run

LANDING = dg.AssetKey(["ops", "landing"])
PLUGIN_HEALTH = dg.AssetKey(["ops", "plugin_health"])


@dataclass(frozen=True)
class SourceSpec:
    """What the definitions know of a source without talking to it. streams is empty where its plugin is broken."""

    name: str
    connector: str
    streams: tuple[Stream, ...]


class LandingConfig(dg.Config):
    """as_of: the instant the run judges by, ISO 8601 with offset; null = now.

    source, since, before: read this source alone, for what changed in this window (ISO 8601 with offset); null = read
    every source for what changed since its last night.
    """

    as_of: str | None = None
    source: str | None = None
    since: str | None = None
    before: str | None = None

    @property
    def backfill(self) -> Backfill | None:
        """The window asked for. Raises ConfigError where it is half a one."""
        if self.source is None:
            return None
        if self.since is None or self.before is None:
            raise ConfigError("a source is read for a window: give since and before")
        return Backfill(self.source, datetime.fromisoformat(self.since), datetime.fromisoformat(self.before))


def raw_key(source: str, stream: str) -> dg.AssetKey:
    """Asset key of a raw table."""
    return dg.AssetKey(["raw", source, stream])


def landing_assets(sources: Sequence[SourceSpec], *, owners: Sequence[str]) -> dg.AssetsDefinition:
    """The asset that reads and lands every source. A source that fails leaves its tables as they were."""
    raw_specs = [_spec(source, stream, owners) for source in sources for stream in source.streams]
    barrier = dg.AssetSpec(
        LANDING,
        deps=[spec.key for spec in raw_specs],
        group_name="landing",
        kinds={"sqlite"},
        owners=owners,
        description="Landing ledger of the run: read = inserted + updated + unchanged + duplicate + rejected + "
        "out of scope. Always materialised, so that a source that failed skips nothing shared.",
    )

    @dg.multi_asset(name="landing", specs=[*raw_specs, barrier], pool=WAREHOUSE_POOL)
    def landing(
        context: dg.AssetExecutionContext, config: LandingConfig, practice: PracticeResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        home = practice.home()
        with asset_border("landing"), home.only_run():
            home.create(MARTS.values())
            wanted = config.backfill
            as_of = start_run(home, context.run_id, config.as_of, kind="night" if wanted is None else "backfill")
            results = _land(home, wanted, run_id=context.run_id, as_of=as_of)
            ledger = home.ops.rows(StreamRun, run_id=context.run_id)
            reasons = home.ops.rows(StreamReason, run_id=context.run_id)
            rows = _current_rows(practice, ledger)
        known = {spec.key for spec in raw_specs}
        for entry in ledger:
            key = raw_key(entry.source, entry.stream)
            progress.tell("land", f"{entry.source}.{entry.stream}", entry.read)
            if key in known:
                yield dg.MaterializeResult(asset_key=key, metadata=_metadata(entry, reasons, rows))
        yield dg.MaterializeResult(asset_key=LANDING, metadata=_barrier_metadata(results, ledger))

    return landing


def _land(home: PracticeHome, wanted: Backfill | None, *, run_id: str, as_of: datetime) -> list[SourceRun]:
    def read(source: str, stream: str, rows: int) -> None:
        progress.tell("read", f"{source}.{stream}", rows)

    def landed(part: int, of: int) -> None:
        progress.tell("part", f"{part}/{of}", part)

    if wanted is None:
        return land_sources(home, run_id=run_id, as_of=as_of, on_progress=read)
    return [land_backfill(home, wanted, run_id=run_id, as_of=as_of, on_progress=read, on_slice=landed)]


def plugin_health_asset(*, owners: Sequence[str]) -> dg.AssetsDefinition:
    """The asset that says how every configured source did; its checks are in pacekeeper_checks."""

    @dg.asset(
        key=PLUGIN_HEALTH,
        deps=[LANDING],
        group_name="ops",
        kinds={"sqlite"},
        owners=owners,
        description="How the read of every configured source ended in the last run, and why it failed.",
    )
    def plugin_health(context: dg.AssetExecutionContext, practice: PracticeResource) -> dg.MaterializeResult[None]:
        with asset_border("plugin health"):
            results = practice.home().ops.rows(SourceRun, run_id=context.run_id)
        return dg.MaterializeResult(metadata={"sources": _health_table(results)})

    return plugin_health


def _spec(source: SourceSpec, stream: Stream, owners: Sequence[str]) -> dg.AssetSpec:
    what = stream.description or f"Records of {source.connector} stream {stream.name}"
    cursor = (
        f"Read by `{stream.cursor}`, again from {stream.lag} before it." if stream.cursor else "Read whole each time."
    )
    return dg.AssetSpec(
        raw_key(source.name, stream.name),
        group_name=f"raw_{source.name}",
        kinds={"dlt", "duckdb"},
        owners=owners,
        skippable=True,
        description=f"{what.rstrip('.')}. Immutable versions; identifiers are keyed hashes. {cursor}",
        metadata={
            "dagster/table_name": f"{schema_of(source.name)}.{stream.name}",
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(name, kind.lower(), description=_described(stream, name))
                    for name, kind in all_columns(stream).items()
                ]
            ),
        },
    )


def _described(stream: Stream, name: str) -> str | None:
    column = stream.columns.get(name)
    return (column.description or None) if column is not None else None


def _current_rows(practice: PracticeResource, ledger: Sequence[StreamRun]) -> Mapping[tuple[str, str], int]:
    with practice.home().warehouse.connect() as connection:
        return {
            (entry.source, entry.stream): connection.count(
                f'SELECT count(*) FROM {schema_of(entry.source)}."{entry.stream}__current"'
            )
            for entry in ledger
            if connection.has_table(schema_of(entry.source), entry.stream)
        }


def _metadata(
    entry: StreamRun, reasons: Sequence[StreamReason], rows: Mapping[tuple[str, str], int]
) -> dict[str, dg.MetadataValue | int]:
    own = [r for r in reasons if (r.source, r.stream) == (entry.source, entry.stream)]
    found: dict[str, dg.MetadataValue | int] = {
        "dagster/row_count": rows.get((entry.source, entry.stream), 0),
        "read": entry.read,
        "inserted": entry.inserted,
        "updated": entry.updated,
        "unchanged": entry.unchanged,
        "duplicate": entry.duplicate,
        "rejected": entry.rejected,
        "out_of_scope": entry.out_of_scope,
        "tombstones": entry.tombstones,
    }
    if own:
        found["why"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "kind": r.kind,
                        "reason": r.reason,
                        "rows": r.rows,
                        "meaning": REASONS.get(r.reason.split(": ")[-1], ""),
                    }
                )
                for r in sorted(own, key=lambda r: (r.kind, -r.rows))
            ]
        )
    return found


def _barrier_metadata(results: Sequence[SourceRun], ledger: Sequence[StreamRun]) -> dict[str, dg.MetadataValue | int]:
    return {
        "sources_ok": sum(result.state == "ok" for result in results),
        "sources_failed": sum(result.state == "failed" for result in results),
        "rows_read": sum(entry.read for entry in ledger),
        "sources": _health_table(results),
        "ledger": _ledger_table(ledger),
    }


def _ledger_table(ledger: Sequence[StreamRun]) -> dg.MetadataValue:
    """The ledger of a run, a row per stream."""
    counts = ("read", "inserted", "updated", "unchanged", "duplicate", "rejected", "out_of_scope")
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "stream": f"{entry.source}.{entry.stream}",
                    **{name: getattr(entry, name) for name in counts},
                    "is_balanced": entry.is_balanced,
                }
            )
            for entry in ledger
        ],
        schema=dg.TableSchema(
            columns=[
                dg.TableColumn("stream"),
                *(dg.TableColumn(name, "int") for name in counts),
                dg.TableColumn("is_balanced", "bool", description="read is the sum of the others"),
            ]
        ),
    )


def _health_table(results: Sequence[SourceRun]) -> dg.MetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "source": r.source,
                    "connector": r.connector,
                    "state": r.state,
                    "error": r.error_class or "",
                    "message": r.message or "",
                    "seconds": round(r.seconds, 1),
                    "calls": r.calls,
                }
            )
            for r in results
        ],
        schema=dg.TableSchema(
            columns=[
                dg.TableColumn("source"),
                dg.TableColumn("connector"),
                dg.TableColumn("state"),
                dg.TableColumn("error"),
                dg.TableColumn("message"),
                dg.TableColumn("seconds", "float"),
                dg.TableColumn("calls", "int"),
            ]
        ),
    )
