"""Policy in memory: revisions in force from a date, each with sections, ramp bands and guardrails."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from pacekeeper.errors import PolicyError
from pacekeeper.policy.schema import GuardrailSpec, PolicyScalar

if TYPE_CHECKING:
    from pacekeeper.policy.layers import Layer
    from pacekeeper.policy.pay import PayPlan


@dataclass(frozen=True)
class PolicyValue:
    """A value with the unit it is stated in and where it comes from. value: null = not configured."""

    value: PolicyScalar | None
    unit: str
    provenance: str


class Section:
    """One section of a policy, such as `fte`: typed reading of named values.

    where: profile and section, for errors.
    """

    def __init__(self, where: str, values: Mapping[str, PolicyValue]) -> None:
        self.where = where
        self.values = values

    def entry(self, key: str) -> PolicyValue:
        if key not in self.values:
            raise PolicyError(f"{self.where} has no {key!r}; it has {', '.join(sorted(self.values))}")
        return self.values[key]

    def _configured(self, key: str) -> PolicyValue:
        found = self.entry(key)
        if found.value is None:
            raise PolicyError(f"{self.where}.{key} is not configured: {found.unit} without a value")
        return found

    def number_or_none(self, key: str) -> float | None:
        """A number; null where the policy leaves it open."""
        return None if self.entry(key).value is None else self.number(key)

    def number(self, key: str) -> float:
        value = self._configured(key).value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PolicyError(f"{self.where}.{key} is no number; its unit is {self.entry(key).unit}")
        return float(value)

    def whole(self, key: str) -> int:
        value = self._configured(key).value
        if isinstance(value, bool) or not isinstance(value, int):
            raise PolicyError(f"{self.where}.{key} is no whole number; its unit is {self.entry(key).unit}")
        return value

    def flag(self, key: str) -> bool:
        value = self._configured(key).value
        if not isinstance(value, bool):
            raise PolicyError(f"{self.where}.{key} is neither true nor false; its unit is {self.entry(key).unit}")
        return value

    def word(self, key: str) -> str:
        value = self._configured(key).value
        if not isinstance(value, str):
            raise PolicyError(f"{self.where}.{key} is no word; its unit is {self.entry(key).unit}")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        value = self._configured(key).value
        if not isinstance(value, tuple):
            raise PolicyError(f"{self.where}.{key} is no list; its unit is {self.entry(key).unit}")
        return value


class GuardrailPolicy:
    """One guardrail as a policy states it.

    severity: of the check that reports a breach, `warn` or `error`; it never blocks.
    owner: who acts on it, in words.
    subject: what it judges, one of clinician, practice, team, client, alert, service_line, contract.
    rules: ids of the practice-article rules behind it.
    enabled: a guardrail that is switched off has no verdict rows. Only then may values be left open.
    """

    def __init__(
        self,
        guardrail_id: str,
        *,
        where: str,
        texts: Mapping[str, str],
        enabled: bool,
        spec: GuardrailSpec,
        thresholds: Mapping[str, PolicyValue],
        settings: Mapping[str, PolicyValue],
    ) -> None:
        self.id = guardrail_id
        self.enabled = enabled
        self.spec = spec
        self.subject = spec.subject
        self.rules = spec.rules
        self.title = texts["title"]
        self.period = texts["period"]
        self.owner = texts["owner"]
        self.severity = texts["severity"]
        self.thresholds = Section(f"{where}.thresholds", thresholds)
        self.settings = Section(f"{where}.settings", settings)

    def threshold(self, key: str) -> float:
        """The threshold in `unit`, before any FTE scaling."""
        return self.thresholds.number(key)

    def threshold_or_none(self, key: str) -> float | None:
        """Like `threshold`; null where the policy leaves it open, which it may only while switched off."""
        return self.thresholds.number_or_none(key)

    @property
    def open_values(self) -> tuple[str, ...]:
        """Thresholds and settings without a value, as `thresholds.cap`."""
        parts = {"thresholds": self.thresholds, "settings": self.settings}
        return tuple(f"{n}.{k}" for n, part in parts.items() for k, entry in part.values.items() if entry.value is None)

    @property
    def unit(self) -> str:
        return next(iter(self.thresholds.values.values())).unit

    @property
    def provenance(self) -> str:
        """Where the thresholds come from, key by key."""
        return "; ".join(f"{key}: {entry.provenance}" for key, entry in self.thresholds.values.items())


@dataclass(frozen=True)
class RampBand:
    """What is expected in a tenure month; the last band also holds for all later months."""

    month: int
    low: float
    high: float
    unit: str
    provenance: str


@dataclass(frozen=True)
class PolicyRevision:
    """The whole policy as it is in force for practice weeks that begin on or after `effective_from`."""

    effective_from: date
    sections: Mapping[str, Section]
    guardrails: Mapping[str, GuardrailPolicy]
    ramp: tuple[RampBand, ...]
    pay: PayPlan
    acknowledge_conflict: bool
    reason: str

    def section(self, name: str) -> Section:
        if name not in self.sections:
            raise PolicyError(f"the policy has no section {name!r}; it has {', '.join(sorted(self.sections))}")
        return self.sections[name]

    def guardrail(self, guardrail_id: str) -> GuardrailPolicy:
        if guardrail_id not in self.guardrails:
            known = ", ".join(sorted(self.guardrails))
            raise PolicyError(f"the policy has no guardrail {guardrail_id!r}; it has {known}")
        return self.guardrails[guardrail_id]

    @cached_property
    def version(self) -> str:
        """Hash of every value and unit in force: equal content gives equal versions, whatever the words around it say.

        A guardrail that is switched off changes nothing, whatever its values are; nor does what is said about pay.
        """
        content = {
            "sections": {name: _content(section) for name, section in self.sections.items()},
            "guardrails": {
                name: [rail.enabled, _content(rail.thresholds), _content(rail.settings)]
                for name, rail in self.guardrails.items()
                if rail.enabled
            },
            "ramp": [[band.month, band.low, band.high, band.unit] for band in self.ramp],
        }
        return _hash(content)


@dataclass(frozen=True)
class Policy:
    """A named policy: its revisions, oldest first, and its layers, of which later ones win.

    History is judged by the revision and the layers in force in each week.
    """

    name: str
    title: str
    revisions: tuple[PolicyRevision, ...]
    layers: tuple[Layer, ...] = ()

    def on(self, week_start: date) -> PolicyRevision:
        """The revision for a practice week, given its first local day; before the first revision, the first."""
        return [rev for rev in self.revisions if rev is self.revisions[0] or rev.effective_from <= week_start][-1]

    def version_on(self, week_start: date) -> str:
        """Hash of the revision and the layers in force in the week that begins on a day.

        Without a layer in force it is the revision's. A layer's dates are no part of it: a layer that is prolonged
        leaves the weeks judged before alone.
        """
        version = self.on(week_start).version
        held = [_layer_content(layer) for layer in self.layers if layer.holds_on(week_start)]
        return _hash([version, held]) if held else version

    @property
    def fingerprint(self) -> str:
        """Hash of every value, in force or switched off: what is computed with equal policies is equal."""
        revisions = [
            [
                revision.effective_from.isoformat(),
                {name: _content(section) for name, section in revision.sections.items()},
                {
                    name: [rail.enabled, _content(rail.thresholds), _content(rail.settings)]
                    for name, rail in revision.guardrails.items()
                },
                [[band.month, band.low, band.high, band.unit] for band in revision.ramp],
            ]
            for revision in self.revisions
        ]
        return _hash([revisions, repr(self.layers)])

    @property
    def latest(self) -> PolicyRevision:
        return self.revisions[-1]

    def guardrail(self, guardrail_id: str, *, on: date | None = None) -> GuardrailPolicy:
        """A guardrail of the revision in force in the week that begins on `on`; without it, of the latest."""
        return (self.latest if on is None else self.on(on)).guardrail(guardrail_id)

    @property
    def guardrail_ids(self) -> tuple[str, ...]:
        """Guardrails that are switched on in any revision."""
        return tuple(
            name
            for name in self.latest.guardrails
            if any(name in rev.guardrails and rev.guardrails[name].enabled for rev in self.revisions)
        )


def _content(section: Section) -> dict[str, list[object]]:
    return {key: [_plain(entry.value), entry.unit] for key, entry in section.values.items()}


def _layer_content(layer: Layer) -> list[object]:
    thresholds = {
        name: {key: [_plain(entry.value), entry.unit] for key, entry in entries.items()}
        for name, entries in layer.thresholds.items()
    }
    return [layer.kind, layer.match, thresholds, sorted(layer.exempt)]


def _plain(value: PolicyScalar | None) -> object:
    if isinstance(value, tuple):
        return sorted(value)
    # 22 and 22.0 are one threshold.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _hash(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
