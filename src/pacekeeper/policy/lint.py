"""Where a policy contradicts itself."""

from __future__ import annotations

from dataclasses import dataclass

from pacekeeper.policy.model import Policy, PolicyRevision


@dataclass(frozen=True)
class LintFinding:
    """A contradiction in one revision of a policy.

    acknowledged: the policy says `acknowledge_conflict = true`; such a finding is shown, any other is refused.
    is_acknowledgeable: false for what cannot be meant.
    """

    rule: str
    message: str
    acknowledged: bool
    is_acknowledgeable: bool = True


def lint(policy: Policy) -> tuple[LintFinding, ...]:
    """Every contradiction found; a policy that was loaded has none left unacknowledged.

    Rules: thresholds in order; expected hours and ramp not above the direct-hours warning; that warning, divided by
    the bookable hours, not under the utilization floor (who keeps to the ceiling would be called idle).
    """
    return tuple(finding for revision in policy.revisions for finding in _lint_revision(revision))


def _lint_revision(revision: PolicyRevision) -> list[LintFinding]:
    since = f"from {revision.effective_from}"
    found: list[LintFinding] = []

    def conflict(rule: str, message: str) -> None:
        found.append(LintFinding(rule, f"{since}: {message}", revision.acknowledge_conflict))

    def disorder(message: str) -> None:
        # Thresholds out of order cannot be meant, so they cannot be acknowledged away.
        found.append(
            LintFinding("threshold_order", f"{since}: {message}", acknowledged=False, is_acknowledgeable=False)
        )

    hours, use = revision.guardrail("direct_hours"), revision.guardrail("utilization")
    for rail in revision.guardrails.values():
        values = [value for key in rail.spec.ascending if (value := rail.threshold_or_none(key)) is not None]
        if values != sorted(values):
            disorder(f"thresholds of {rail.id} are {values}; each must be at least the one before it")
    cap = hours.threshold("warn")
    expectation = revision.section("expectation")
    expected = expectation.number("direct_max")
    if expectation.number("direct_min") > expected:
        disorder("expectation.direct_min is above expectation.direct_max")
    if expected > cap:
        conflict("target_above_cap", f"expected are up to {expected:g} h, while direct_hours warns above {cap:g} h")
    for band in revision.ramp:
        if band.high > cap:
            conflict(
                "ramp_above_cap",
                f"ramp month {band.month} expects up to {band.high:g} {band.unit}, above the {cap:g} h ceiling",
            )
    bookable, floor = expectation.number("bookable"), use.threshold("floor")
    if bookable > 0 and cap / bookable < floor:
        conflict(
            "floor_above_cap",
            f"{cap:g} h of {bookable:g} bookable h is {cap / bookable:.1%}, under the utilization floor of {floor:.0%};"
            f" book at most {cap / floor:.1f} h",
        )
    return found
