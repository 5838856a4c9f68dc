"""Two checks per guardrail, on the last judged week: is it breached, and could it be measured at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from pacekeeper.home import PracticeHome
from pacekeeper.measures import Reason
from pacekeeper_assets.explanation import why_incomplete, why_no_source
from pacekeeper_assets.marts import mart_key
from pacekeeper_assets.practice_resource import WAREHOUSE_POOL, PracticeResource, asset_border

RESULT = mart_key("guardrail_result")
NO_SOURCE = Reason.NO_SOURCE.value


@dataclass(frozen=True)
class LastWeek:
    """Verdicts of a guardrail in the last judged week: how many by state, breached and unknown subjects by reason."""

    week: str | None
    states: dict[str, int]
    breached: list[tuple[str, str]]
    unknown: dict[str, int]


def guardrail_checks(guardrails: Sequence[str]) -> dg.AssetChecksDefinition:
    """`<guardrail>_breach` and `<guardrail>_measurable`; neither ever blocks."""
    specs = [
        dg.AssetCheckSpec(f"{guardrail}_{kind}", asset=RESULT, description=text)
        for guardrail in guardrails
        for kind, text in (
            ("breach", f"Nobody breaches {guardrail} in the last judged week. Practice policy, not evidence."),
            ("measurable", f"No verdict on {guardrail} is unknown in the last judged week."),
        )
    ]

    @dg.multi_asset_check(name="guardrail_checks", specs=specs, pool=WAREHOUSE_POOL)
    def check(practice: PracticeResource) -> Iterator[dg.AssetCheckResult]:
        with asset_border("guardrail checks"):
            home = practice.home()
            policy = home.policy()
            found = {guardrail: _last_week(home, guardrail) for guardrail in guardrails}
            missing = missing_sources(home, [name for name, last in found.items() if NO_SOURCE in last.unknown])
            with home.warehouse.connect() as connection:
                lacking = why_incomplete(connection, guardrails)
        for guardrail, last in found.items():
            yield _breach(guardrail, last, severity=policy.guardrail(guardrail).severity)
            told = {reason: text for (name, reason), text in lacking.items() if name == guardrail}
            yield measurable(guardrail, last, missing=missing.get(guardrail), lacking=told)

    return check


def _last_week(home: PracticeHome, guardrail: str) -> LastWeek:
    with home.warehouse.connect() as connection:
        rows = connection.raw.execute(
            "SELECT period, subject_key, state, coalesce(reason, '') FROM marts.guardrail_result "
            "WHERE guardrail_id = $1 AND is_current AND NOT is_retracted AND period = (SELECT max(period) "
            "FROM marts.guardrail_result WHERE guardrail_id = $1 AND is_current AND NOT is_retracted) ORDER BY 2",
            [guardrail],
        ).fetchall()
    states: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for _, _, state, reason in rows:
        states[state] = states.get(state, 0) + 1
        if state == "unknown":
            unknown[reason] = unknown.get(reason, 0) + 1
    breached = [(str(key), str(reason)) for _, key, state, reason in rows if state == "breach"]
    return LastWeek(rows[0][0] if rows else None, states, breached, unknown)


def _breach(guardrail: str, last: LastWeek, *, severity: str) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue | int | str] = {
        "week": str(last.week),
        **{f"state_{state}": count for state, count in sorted(last.states.items())},
    }
    if last.breached:
        metadata["breached"] = dg.MetadataValue.table(
            [dg.TableRecord({"subject_key": key, "reason": reason}) for key, reason in last.breached]
        )
    return dg.AssetCheckResult(
        asset_key=RESULT,
        check_name=f"{guardrail}_breach",
        passed=not last.breached,
        severity=dg.AssetCheckSeverity.ERROR if severity == "error" else dg.AssetCheckSeverity.WARN,
        description=f"{len(last.breached)} in breach in the week of {last.week}" if last.week else "nothing judged yet",
        metadata=metadata,
    )


def missing_sources(home: PracticeHome, guardrails: Sequence[str]) -> dict[str, str]:
    """What would have to be there, for guardrails with a verdict that is unknown for want of a source."""
    if not guardrails:
        return {}
    from pacekeeper.capability import practice_capability

    return why_no_source(practice_capability(home), guardrails)


def measurable(
    guardrail: str, last: LastWeek, *, missing: str | None, lacking: Mapping[str, str] | None = None
) -> dg.AssetCheckResult:
    """Red where a verdict of the last judged week is unknown.

    missing: what a source would have to supply; lacking: by reason, what sources are known to lack.
    """
    unknown = sum(last.unknown.values())
    total = sum(last.states.values())
    return dg.AssetCheckResult(
        asset_key=RESULT,
        check_name=f"{guardrail}_measurable",
        # No verdict at all is not measurable either.
        passed=total > 0 and unknown == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{unknown} of {total} verdicts are unknown" if total else "there are no verdicts",
        metadata={
            "week": str(last.week),
            **{f"reason_{r or 'none'}": n for r, n in sorted(last.unknown.items())},
            **({} if missing is None else {"missing": missing}),
            **{f"lacking_{r}": text for r, text in sorted((lacking or {}).items()) if r in last.unknown},
        },
    )
