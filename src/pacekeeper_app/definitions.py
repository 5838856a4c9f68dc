"""What Dagster loads. No secret, no network, no clock: settings alone decide which assets there are."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pacekeeper import registry
from pacekeeper.errors import ConfigError, PacekeeperError
from pacekeeper.home import PracticeHome
from pacekeeper.settings import Settings, load_settings
from pacekeeper.stream import Stream
from pacekeeper_app.run_sensors import run_sensors
from pacekeeper_assets.canonical import canonical_assets
from pacekeeper_assets.marts import mart_assets, publication_asset
from pacekeeper_assets.operations import operations_assets
from pacekeeper_assets.practice_resource import PracticeResource
from pacekeeper_assets.raw import SourceSpec, landing_assets, plugin_health_asset
from pacekeeper_checks import all_checks

NIGHTLY = "nightly"
_OWNERS = ("team:data_engineering",)


def build_definitions(settings: Settings) -> dg.Definitions:
    """Assets, checks, the nightly job and its schedule, for one practice's settings."""
    home = PracticeHome(settings)
    job = dg.define_asset_job(
        NIGHTLY,
        selection=dg.AssetSelection.all(),
        description="Read every source, land, map, build the marts, judge, check, publish.",
    )
    return dg.Definitions(
        assets=[
            landing_assets([_source_spec(settings, name) for name in home.sources], owners=_OWNERS),
            plugin_health_asset(owners=_OWNERS),
            canonical_assets(owners=_OWNERS),
            mart_assets(owners=_OWNERS),
            publication_asset(owners=_OWNERS),
            *operations_assets(owners=_OWNERS),
        ],
        asset_checks=all_checks(list(home.sources), list(home.policy().guardrail_ids)),
        jobs=[job],
        schedules=[] if settings.operations.schedule == "off" else [_schedule(settings, job)],
        sensors=run_sensors(home, job=NIGHTLY),
        resources={"practice": PracticeResource(config_path=str(settings.file) if settings.file else None)},
        # One process: the embedded warehouse has one writer, and a step process costs seconds.
        executor=dg.in_process_executor,
    )


def _schedule(settings: Settings, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Raises ConfigError where the settings' schedule is no cron."""
    cron = settings.operations.schedule
    try:
        return dg.ScheduleDefinition(
            job=job,
            cron_schedule=cron,
            execution_timezone=settings.practice.home_tz,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="A night, in the practice's home zone.",
        )
    except dg.DagsterInvalidDefinitionError:
        raise ConfigError(
            f"schedule in [operations] is {cron!r}, which is no cron: write minute, hour, day, month and weekday, such "
            'as "0 2 * * *", or "off"'
        ) from None


def _source_spec(settings: Settings, name: str) -> SourceSpec:
    source = settings.sources[name]
    return SourceSpec(name, source.connector, _streams(settings, name))


def _streams(settings: Settings, name: str) -> tuple[Stream, ...]:
    """A source's streams; none where its plugin or its settings are broken, which plugin_health then says."""
    try:
        connector = registry.build_source(name, settings.sources[name], settings, lambda: datetime.now(UTC))
    except PacekeeperError:
        return ()
    return tuple(connector.streams)


defs = build_definitions(load_settings(required=False))
