"""Where a policy contradicts itself, and what a reader of it should know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations, pairwise

from pacekeeper.policy.layers import Layer
from pacekeeper.policy.model import GuardrailPolicy, Policy, PolicyRevision
from pacekeeper.policy.pay import INDIVIDUAL_OUTCOMES
from pacekeeper.policy.schema import SCHEDULE_TEMPLATES

#: Utilization that practice articles call sustainable (S1); only to propose bookable hours.
_SUSTAINABLE = (0.75, 0.85)
#: Longest usual session, where the practice does not say how long its sessions are.
_LONG_SESSION_H = 1.0


@dataclass(frozen=True)
class LintFinding:
    """A contradiction in one revision of a policy, or something to know about it.

    fix: what a person can do. acknowledged: the policy says `acknowledge_conflict = true`; such a finding is shown, any
    other is refused. is_acknowledgeable: false for what cannot be meant.
    """

    rule: str
    message: str
    acknowledged: bool
    is_acknowledgeable: bool = True
    fix: str = "correct the values"


_Found = Iterator[tuple[str, str, str]]


def lint(policy: Policy) -> tuple[LintFinding, ...]:
    """Every contradiction found; a policy that was loaded has none left unacknowledged.

    Rules: `threshold_order` (of the practice's values, and of a layer's over them); `target_above_cap` and
    `ramp_above_cap`: expected hours above the direct-hours warning; `floor_above_cap`: that warning, divided by the
    bookable hours, under the utilization floor (who keeps to the ceiling would be called idle); `pay_tier_above_cap`:
    pay that rewards what the ceiling warns of; `individual_bonus`: on outcomes of single clinicians; `mixed_units`:
    sessions held against hours, where the length of a session decides; `exclusive_templates`: guardrails for
    different schedule templates that judge the same one. A value without provenance is refused when it is read.
    """
    return tuple(
        finding
        for revision, ends in _with_ends(policy)
        for finding in (*_conflicts(revision), *_disorders(revision, policy, ends))
    )


def notices(policy: Policy, *, today: date) -> tuple[LintFinding, ...]:
    """What is no contradiction, but should be known; nothing is refused for it.

    Rules: `not_configured`: a guardrail that waits for a value of the practice's own; `layer_expired`;
    `layer_floor_above_cap`: as `floor_above_cap`, for the people of a layer.
    """
    found = (*_not_configured(policy), *_expired(policy, today), *_layer_floors(policy, today))
    return tuple(LintFinding(rule, message, acknowledged=True, fix=fix) for rule, message, fix in found)


def _with_ends(policy: Policy) -> list[tuple[PolicyRevision, date]]:
    """Each revision with the day from which it no longer holds."""
    ends = [later.effective_from for _, later in pairwise(policy.revisions)]
    return list(zip(policy.revisions, [*ends, date.max], strict=True))


def _conflicts(revision: PolicyRevision) -> list[LintFinding]:
    rules: tuple[Callable[[PolicyRevision], _Found], ...] = (_targets, _floor, _pay, _templates)
    return [
        LintFinding(name, f"from {revision.effective_from}: {message}", revision.acknowledge_conflict, fix=fix)
        for rule in rules
        for name, message, fix in rule(revision)
    ]


def _disorders(revision: PolicyRevision, policy: Policy, ends: date) -> Iterator[LintFinding]:
    def disorder(message: str) -> LintFinding:
        # Thresholds out of order cannot be meant, so they cannot be acknowledged away.
        said = f"from {revision.effective_from}: {message}"
        return LintFinding("threshold_order", said, acknowledged=False, is_acknowledgeable=False)

    for rail in revision.guardrails.values():
        values = _ascending(rail)
        if values != sorted(values):
            yield disorder(f"thresholds of {rail.id} are {values}; each must be at least the one before it")
            continue
        for layer in policy.layers:
            if not _overlaps(layer, revision, ends):
                continue
            values = _ascending(rail, layer)
            if values != sorted(values):
                yield disorder(
                    f"with {layer.label}, thresholds of {rail.id} are {values}; each must be at least the one before it"
                )
    expectation = revision.section("expectation")
    if expectation.number("direct_min") > expectation.number("direct_max"):
        yield disorder("expectation.direct_min is above expectation.direct_max")


def _ascending(rail: GuardrailPolicy, layer: Layer | None = None) -> list[float]:
    values = [_value(rail, key, layer) for key in rail.spec.ascending]
    return [value for value in values if value is not None]


def _value(rail: GuardrailPolicy, key: str, layer: Layer | None) -> float | None:
    entry = None if layer is None else layer.thresholds.get(rail.id, {}).get(key)
    if entry is not None and isinstance(entry.value, int | float):
        return float(entry.value)
    return rail.threshold_or_none(key)


def _overlaps(layer: Layer, revision: PolicyRevision, ends: date) -> bool:
    begins = layer.effective_from or date.min
    return begins < ends and (layer.expires is None or layer.expires >= revision.effective_from)


def _targets(revision: PolicyRevision) -> _Found:
    cap = _cap(revision)
    expected = revision.section("expectation").number("direct_max")
    if expected > cap:
        yield (
            "target_above_cap",
            f"expected are up to {expected:g} h, while direct_hours warns above {cap:g} h",
            f"expect at most {cap:g} h",
        )
    for band in revision.ramp:
        what = f"ramp month {band.month} expects up to {band.high:g} {band.unit}"
        if band.unit == "hours":
            is_above, fix = band.high > cap, f"expect at most {cap:g} hours"
        else:
            is_above, fix = band.high * revision.pay.session_hours > cap, _at_most(revision, band.unit)
            yield from _mixed(revision, what, band.high)
        if is_above:
            yield "ramp_above_cap", f"{what}, above the {cap:g} h ceiling", fix


def _floor(revision: PolicyRevision) -> _Found:
    found = _idle_at_cap(revision, _cap(revision), revision.guardrail("utilization").threshold("floor"))
    if found is not None:
        yield "floor_above_cap", *found


def _idle_at_cap(revision: PolicyRevision, cap: float, floor: float) -> tuple[str, str] | None:
    bookable = revision.section("expectation").number("bookable")
    if bookable <= 0 or cap / bookable >= floor:
        return None
    low, high = _SUSTAINABLE
    return (
        f"{cap:g} h of {bookable:g} bookable h is {cap / bookable:.1%}, under the utilization floor of {floor:.0%};"
        f" book at most {cap / floor:.1f} h",
        f"set expectation.bookable to {cap / high:.1f} to {cap / low:.1f} h: of these, {cap:g} h are {high:.0%} to"
        f" {low:.0%}",
    )


def _pay(revision: PolicyRevision) -> _Found:
    cap, pay = _cap(revision), revision.pay
    for number, tier in enumerate(pay.tiers, start=1):
        hours = tier.first * pay.session_hours
        what = f"pay tier {number} begins at {tier.first} sessions"
        if hours > cap:
            yield (
                "pay_tier_above_cap",
                f"{what}, which are {hours:.1f} h, and rewards what direct_hours warns of above {cap:g} h",
                f"let no tier begin above {int(cap / pay.session_hours)} sessions",
            )
        yield from _mixed(revision, what, tier.first)
    if pay.bonus_basis == INDIVIDUAL_OUTCOMES:
        yield (
            "individual_bonus",
            "the bonus rests on outcomes of single clinicians, which rewards choosing clients and scores",
            "set pay.bonus_basis to team_goals",
        )


def _mixed(revision: PolicyRevision, what: str, sessions: float) -> _Found:
    """Where sessions are under the ceiling only as long as they are short, and nobody said how long they are."""
    cap, pay = _cap(revision), revision.pay
    if not pay.is_session_stated and sessions * pay.session_hours <= cap < sessions * _LONG_SESSION_H:
        yield (
            "mixed_units",
            f"{what}: {sessions * pay.session_hours:.1f} h with sessions of {pay.session_hours * 60:.0f} minutes, and "
            f"{sessions * _LONG_SESSION_H:.1f} h with sessions of an hour; the ceiling is {cap:g} h",
            "say how long a session is, in [pay] session_hours",
        )


def _templates(revision: PolicyRevision) -> _Found:
    enabled = [rail for rail in revision.guardrails.values() if rail.enabled]
    for one, other in combinations(enabled, 2):
        if other.id not in one.spec.excludes and one.id not in other.spec.excludes:
            continue
        if shared := _schedule_templates(one) & _schedule_templates(other):
            yield (
                "exclusive_templates",
                f"{one.id} and {other.id} contradict each other, and both judge {', '.join(sorted(shared))}",
                "switch one of the two off, or give them different schedule templates in settings.schedule_template",
            )


def _schedule_templates(rail: GuardrailPolicy) -> set[str]:
    setting = "schedule_template"
    return set(rail.settings.words(setting) if setting in rail.settings.values else SCHEDULE_TEMPLATES)


def _not_configured(policy: Policy) -> _Found:
    for rail in policy.latest.guardrails.values():
        if rail.open_values:
            yield (
                "not_configured",
                f"{rail.id} judges nothing: {', '.join(rail.open_values)} has no value",
                f"in [guardrails.{rail.id}] of the practice's policy, state it and set enabled = true",
            )


def _expired(policy: Policy, today: date) -> _Found:
    for layer in policy.layers:
        if layer.expires is not None and layer.expires < today:
            yield (
                "layer_expired",
                f"{layer.label} expired on {layer.expires}",
                "if it should go on, add a new [[layer]]; keep this one, earlier weeks are judged by it",
            )


def _layer_floors(policy: Policy, today: date) -> _Found:
    revision = policy.on(today)
    hours, use = revision.guardrail("direct_hours"), revision.guardrail("utilization")
    for layer in policy.layers:
        if not layer.holds_on(today) or use.id in layer.exempt:
            continue
        cap, floor = _value(hours, "warn", layer), _value(use, "floor", layer)
        is_own = (cap, floor) != (hours.threshold("warn"), use.threshold("floor"))
        found = _idle_at_cap(revision, cap, floor) if is_own and cap is not None and floor is not None else None
        if found is not None:
            yield (
                "layer_floor_above_cap",
                f"{layer.label}: {found[0]}",
                "book fewer hours for them, or state their own utilization floor in the layer",
            )


def _cap(revision: PolicyRevision) -> float:
    return revision.guardrail("direct_hours").threshold("warn")


def _at_most(revision: PolicyRevision, unit: str) -> str:
    return f"expect at most {int(_cap(revision) / revision.pay.session_hours)} {unit}"
