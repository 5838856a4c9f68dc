"""Two checks per guardrail, on the last judged period: is it breached, and could it be measured at all."""

from collections import Counter
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
_BREACHED = dg.TableSchema(
    columns=[
        dg.TableColumn("subject_key", description="Key of a person, a client or the practice; no name"),
        dg.TableColumn("value", "float"),
        dg.TableColumn("threshold", "float", description="Of a breach, as it holds for this subject"),
        dg.TableColumn("unit"),
        dg.TableColumn("reason"),
    ]
)


@dataclass(frozen=True)
class Breached:
    """A subject in breach: its key, what was compared, and the threshold that it was held against."""

    subject_key: str
    reason: str
    value: float | None
    threshold: float | None
    unit: str


@dataclass(frozen=True)
class LastPeriod:
    """Verdicts of a guardrail in the last judged period: how many by state, breached subjects, unknown by reason."""

    period: str | None
    states: dict[str, int]
    breached: list[Breached]
    unknown: dict[str, int]


def guardrail_checks(guardrails: Sequence[str]) -> dg.AssetChecksDefinition:
    """`<guardrail>_breach` and `<guardrail>_measurable`; neither ever blocks."""
    specs = [
        dg.AssetCheckSpec(f"{guardrail}_{kind}", asset=RESULT, description=text)
        for guardrail in guardrails
        for kind, text in (
            ("breach", f"Nobody breaches {guardrail} in the last judged period. Practice policy, not evidence."),
            ("measurable", f"No verdict on {guardrail} is unknown in the last judged period."),
        )
    ]

    @dg.multi_asset_check(name="guardrail_checks", specs=specs, pool=WAREHOUSE_POOL)
    def check(practice: PracticeResource) -> Iterator[dg.AssetCheckResult]:
        with asset_border("guardrail checks"):
            home = practice.home()
            policy = home.policy()
            found = _last_periods(home, guardrails)
            missing = missing_sources(home, [name for name, last in found.items() if NO_SOURCE in last.unknown])
            with home.warehouse.connect() as connection:
                lacking = why_incomplete(connection, guardrails)
        for guardrail, last in found.items():
            yield _breach(guardrail, last, severity=policy.guardrail(guardrail).severity)
            told = {reason: text for (name, reason), text in lacking.items() if name == guardrail}
            yield measurable(guardrail, last, missing=missing.get(guardrail), lacking=told)

    return check


def _last_periods(home: PracticeHome, guardrails: Sequence[str]) -> dict[str, LastPeriod]:
    with home.warehouse.connect() as connection:
        rows = connection.raw.execute(
            "SELECT guardrail_id, period, subject_key, state, coalesce(reason, ''), value, threshold_breach, "
            "coalesce(unit, '') FROM marts.guardrail_result "
            "WHERE is_current AND NOT is_retracted "
            "QUALIFY period = max(period) OVER (PARTITION BY guardrail_id) ORDER BY 1, 3"
        ).fetchall()
    found = {}
    for guardrail in guardrails:
        own = [row[1:] for row in rows if row[0] == guardrail]
        unknown = Counter(str(reason) for _, _, state, reason, *_ in own if state == "unknown")
        found[guardrail] = LastPeriod(
            period=own[0][0] if own else None,
            states=dict(Counter(str(state) for _, _, state, *_ in own)),
            breached=[Breached(str(key), *rest) for _, key, state, *rest in own if state == "breach"],
            unknown=dict(unknown),
        )
    return found


def _breach(guardrail: str, last: LastPeriod, *, severity: str) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue | int | str] = {
        "period": str(last.period),
        **{f"state_{state}": count for state, count in sorted(last.states.items())},
    }
    if last.breached:
        metadata["breached"] = dg.MetadataValue.table([_record(one) for one in last.breached], schema=_BREACHED)
    return dg.AssetCheckResult(
        asset_key=RESULT,
        check_name=f"{guardrail}_breach",
        passed=not last.breached,
        severity=dg.AssetCheckSeverity.ERROR if severity == "error" else dg.AssetCheckSeverity.WARN,
        description=f"{len(last.breached)} in breach in the period of {last.period}"
        if last.period
        else "nothing judged yet",
        metadata=metadata,
    )


def _record(one: Breached) -> dg.TableRecord:
    numbers = {"value": one.value, "threshold": one.threshold}
    shown = {name: None if number is None else round(number, 3) for name, number in numbers.items()}
    return dg.TableRecord({"subject_key": one.subject_key, **shown, "unit": one.unit, "reason": one.reason})


def missing_sources(home: PracticeHome, guardrails: Sequence[str]) -> dict[str, str]:
    """What would have to be there, for guardrails with a verdict that is unknown for want of a source."""
    if not guardrails:
        return {}
    from pacekeeper.capability import practice_capability

    return why_no_source(practice_capability(home), guardrails)


def measurable(
    guardrail: str, last: LastPeriod, *, missing: str | None, lacking: Mapping[str, str] | None = None
) -> dg.AssetCheckResult:
    """Red where a verdict of the last judged period is unknown.

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
            "period": str(last.period),
            **{f"reason_{r or 'none'}": n for r, n in sorted(last.unknown.items())},
            **({} if missing is None else {"missing": missing}),
            **{f"lacking_{r}": text for r, text in sorted((lacking or {}).items()) if r in last.unknown},
        },
    )
