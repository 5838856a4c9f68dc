"""One check per configured source: did its plugin load, and did its read end well; one for plugins of measures."""

from collections.abc import Iterator, Sequence

import dagster as dg

from pacekeeper.ops.costs import latest_reads
from pacekeeper_assets import measure_plugin_failures
from pacekeeper_assets.practice_resource import PracticeResource, asset_border
from pacekeeper_assets.raw import PLUGIN_HEALTH

_MEASURES = "measure_plugins"


def plugin_health_checks(sources: Sequence[str]) -> dg.AssetChecksDefinition:
    """`plugin_<source>` and `measure_plugins` on ops/plugin_health. Red is an error, and blocks nothing."""
    specs = [
        dg.AssetCheckSpec(
            f"plugin_{source}",
            asset=PLUGIN_HEALTH,
            description=f"The connector of {source} loads and its last read was complete.",
        )
        for source in sources
    ]
    specs.append(
        dg.AssetCheckSpec(
            _MEASURES, asset=PLUGIN_HEALTH, description="Every installed plugin that adds measures or guardrails fits."
        )
    )

    @dg.multi_asset_check(name="plugin_health_checks", specs=specs)
    def check(practice: PracticeResource) -> Iterator[dg.AssetCheckResult]:
        with asset_border("plugin health checks"):
            results = latest_reads(practice.home().ops)
        for source in sources:
            result = results.get(source)
            passed = result is not None and result.state == "ok"
            message = "read completely" if passed else (result.message if result else "it has not been read")
            yield dg.AssetCheckResult(
                asset_key=PLUGIN_HEALTH,
                check_name=f"plugin_{source}",
                passed=passed,
                severity=dg.AssetCheckSeverity.ERROR,
                description=message,
                metadata={
                    "error_class": (result.error_class if result else None) or "",
                    "seconds": round(result.seconds, 1) if result else 0.0,
                },
            )
        failures = measure_plugin_failures()
        yield dg.AssetCheckResult(
            asset_key=PLUGIN_HEALTH,
            check_name=_MEASURES,
            passed=not failures,
            severity=dg.AssetCheckSeverity.ERROR,
            description="; ".join(failures) or "every plugin fits",
        )

    return check
