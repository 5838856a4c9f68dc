"""Measures, marts and guardrails that plugins add, found by entry point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

from pacekeeper.errors import ConfigError
from pacekeeper.measures.guardrail import Catalogue, Guardrail
from pacekeeper.measures.mart import Build, Mart, MartColumn, Step
from pacekeeper.privacy import describe

if TYPE_CHECKING:
    from pacekeeper.expr import Table
    from pacekeeper.measures.tables import CanonicalTables
    from pacekeeper.policy import Policy

GROUP = "pacekeeper.measures"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One column more in a mart.

    build: rows with the mart's primary key, each key at most once, and the column; keys without a row get null.
    inputs, steps: what it reads beyond what the mart reads.
    """

    mart: str
    column: MartColumn
    build: Build
    inputs: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MeasurePack:
    """What one distribution adds: the object behind an entry point of the group `pacekeeper.measures`.

    policy_toml: `[guardrails.<id>]` tables with the defaults of its guardrails, in the form of the shipped policy.
    """

    measures: tuple[Measure, ...] = ()
    marts: tuple[Mart, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    policy_toml: str = ""


@dataclass(frozen=True)
class PackFailure:
    """A plugin that is left out. label: distribution and entry point; reason: what is wrong; fix: what to do."""

    label: str
    reason: str

    @property
    def text(self) -> str:
        return f"{self.label}: {self.reason}. Fix: update or uninstall {self.label}, or report this to its author"


@dataclass(frozen=True)
class Packs:
    """Installed plugins by label, and those that are left out because they are at fault."""

    found: dict[str, MeasurePack]
    failures: tuple[PackFailure, ...]


def installed_packs() -> Packs:
    """What is installed, by entry-point name. A plugin at fault is left out and told: the others go on."""
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    found, failures = {}, []
    for point in points:
        distribution = point.dist.name if point.dist is not None else "unknown"
        label = f"distribution {distribution} (entry point {point.name} of {GROUP})"
        try:
            pack = point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin border: its import may raise anything
            failures.append(PackFailure(label, f"{point.value} cannot be loaded: {describe(error)}"))
            continue
        if isinstance(pack, MeasurePack):
            found[label] = pack
        else:
            failures.append(PackFailure(label, f"{point.value} is no MeasurePack"))
    return Packs(found, tuple(failures))


def extended(catalogue: Catalogue, packs: Packs) -> tuple[Catalogue, tuple[PackFailure, ...]]:
    """The catalogue with what plugins add, and the plugins that do not fit it; each is taken whole or left out."""
    failures = list(packs.failures)
    for label, pack in packs.found.items():
        try:
            catalogue = _with_pack(catalogue, pack)
        except ConfigError as error:
            failures.append(PackFailure(label, str(error)))
    return catalogue, tuple(failures)


def _with_pack(catalogue: Catalogue, pack: MeasurePack) -> Catalogue:
    marts = dict(catalogue.marts)
    for measure in pack.measures:
        marts[measure.mart] = _with_measure(marts, measure)
    _refuse_known("mart", marts, (mart.name for mart in pack.marts))
    _refuse_known("guardrail", catalogue.guardrails, (rail.id for rail in pack.guardrails))
    # What is computed from verdicts stays behind them, and what a plugin adds comes before.
    verdicts = next((name for name, mart in marts.items() if mart.versioned), None)
    names = list(marts)
    at = len(names) if verdicts is None else names.index(verdicts)
    before, after = names[:at], names[at:]
    ordered = [*(marts[name] for name in before), *pack.marts, *(marts[name] for name in after)]
    return Catalogue.of(ordered, (*catalogue.guardrails.values(), *pack.guardrails))


def _with_measure(marts: dict[str, Mart], measure: Measure) -> Mart:
    mart = marts.get(measure.mart)
    if mart is None:
        raise ConfigError(f"measure {measure.column.name} is for mart {measure.mart}, which does not exist")
    if mart.refine is not None or mart.versioned:
        raise ConfigError(f"mart {mart.name} is no table that a measure can be joined to")
    _refuse_known("column", {column.name for column in mart.columns}, (measure.column.name,))
    build = mart.build

    def with_column(tables: CanonicalTables, policy: Policy) -> Table:
        rows, own = build(tables, policy), measure.build(tables, policy)
        keys = {name: f"own_{name}" for name in mart.primary_key}
        own = own.select(measure.column.name, **{alias: own[name] for name, alias in keys.items()})
        joined = rows.left_join(own, [rows[name] == own[alias] for name, alias in keys.items()])
        return joined.drop(*keys.values())

    return replace(
        mart,
        columns=(*mart.columns, measure.column),
        build=with_column,
        inputs=tuple(dict.fromkeys((*mart.inputs, *measure.inputs))),
        steps=(*mart.steps, *measure.steps),
    )


def _refuse_known(what: str, known: Iterable[str], names: Iterable[str]) -> None:
    twice = sorted(set(known) & set(names))
    if twice:
        raise ConfigError(f"{what} {', '.join(twice)} is there already")
