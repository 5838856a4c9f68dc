"""Checks across tables: what would point at a fault in a source or a mapping rather than at a week worked."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from pacekeeper_assets.canonical import canonical_key
from pacekeeper_assets.marts import mart_key
from pacekeeper_assets.practice_resource import WAREHOUSE_POOL, PracticeResource, asset_border


@dataclass(frozen=True)
class Plausibility:
    """A count that should be zero. sql: gives one number."""

    name: str
    asset: dg.AssetKey
    description: str
    sql: str


#: More than anyone works or offers in a week: such a row is a fault in the data.
_MOST_DIRECT_H, _MOST_AVAILABLE_H = 60, 80

CHECKS = (
    Plausibility(
        "direct_hours_plausible",
        mart_key("clinician_week"),
        f"No clinician has more than {_MOST_DIRECT_H} direct hours in a week.",
        f"SELECT count(*) FROM marts.clinician_week WHERE direct_h > {_MOST_DIRECT_H}",
    ),
    Plausibility(
        "available_hours_plausible",
        mart_key("clinician_week"),
        f"No clinician has more than {_MOST_AVAILABLE_H} available hours in a week.",
        f"SELECT count(*) FROM marts.clinician_week WHERE available_h > {_MOST_AVAILABLE_H}",
    ),
    Plausibility(
        "session_kept",
        canonical_key("session"),
        "Every completed session with an appointment has one that was kept.",
        "SELECT count(*) FROM canonical.session s JOIN canonical.appointment a USING (appointment_key) "
        "WHERE s.status = 'completed' AND a.status NOT IN ('kept', 'unknown', 'unreviewed')",
    ),
    Plausibility(
        "clinician_employed",
        canonical_key("employment"),
        "Everyone who holds sessions has an employment, by person over all sources.",
        "SELECT count(DISTINCT p.person_key) FROM canonical.session_clinician s "
        "JOIN canonical.person_match p USING (clinician_key) WHERE p.person_key NOT IN "
        "(SELECT m.person_key FROM canonical.employment e JOIN canonical.person_match m USING (clinician_key)) "
        # Without any HR source there is nothing to compare with.
        "AND EXISTS (SELECT 1 FROM canonical.employment)",
    ),
)


def plausibility_checks() -> dg.AssetChecksDefinition:
    """Warnings that block nothing: counts of rows that cannot well be true."""
    specs = [dg.AssetCheckSpec(check.name, asset=check.asset, description=check.description) for check in CHECKS]

    @dg.multi_asset_check(name="plausibility_checks", specs=specs, pool=WAREHOUSE_POOL)
    def check(practice: PracticeResource) -> Iterator[dg.AssetCheckResult]:
        with asset_border("plausibility checks"), practice.home().warehouse.connect() as connection:
            found = {plausibility.name: connection.count(plausibility.sql) for plausibility in CHECKS}
        for plausibility in CHECKS:
            rows = found[plausibility.name]
            yield dg.AssetCheckResult(
                asset_key=plausibility.asset,
                check_name=plausibility.name,
                passed=rows == 0,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"{rows} exceptions" if rows else "no exceptions",
                metadata={"exceptions": rows},
            )

    return check
