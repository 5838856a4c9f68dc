"""Whether a set of sources can support a measure or a guardrail, and what is missing where it cannot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from pacekeeper.capability.mapped import Mapped
from pacekeeper.measures.needs import Input, Needs, supplier

#: measurable: every required input is mapped. missing: one is not. unfilled: mapped, and the servers never fill it.
State = Literal["measurable", "missing", "unfilled"]


@dataclass(frozen=True)
class Missing:
    """One required input that no source gives. kind: of system that would supply it.

    text: what is missing, and what the sources that come nearest leave out.
    """

    entities: tuple[str, ...]
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} (kind of source: {self.kind})"


@dataclass(frozen=True)
class Finding:
    """What sources can do for one measure or guardrail. by: sources that supply a required input.

    without: what is different because a supporting input is not there.
    """

    name: str
    state: State
    missing: tuple[Missing, ...] = ()
    without: tuple[str, ...] = ()
    by: tuple[str, ...] = ()

    @property
    def explanation(self) -> str:
        """What is missing, in one sentence; empty where it can be measured."""
        return "; ".join(str(one) for one in self.missing)


@dataclass(frozen=True)
class Filled:
    """What a source has been seen to fill.

    rows: canonical rows by entity. columns: those with a value other than null and `unknown` in some row.
    """

    rows: Mapping[str, int]
    columns: Collection[tuple[str, str]]

    def never(self, entity: str, column: str) -> bool:
        """Whether there are rows, and the column is empty in all of them."""
        return self.rows.get(entity, 0) > 0 and (entity, column) not in self.columns


def findings(
    needs: Mapping[str, Needs], sources: Mapping[str, Mapped], *, filled: Mapping[str, Filled] | None = None
) -> dict[str, Finding]:
    """A finding for everything that has needs. filled: what a run has shown of each source; null before any."""
    return {name: finding(name, wanted, sources, filled=filled or {}) for name, wanted in needs.items()}


def finding(
    name: str, needs: Needs, sources: Mapping[str, Mapped], *, filled: Mapping[str, Filled] | None = None
) -> Finding:
    """Whether every required group of inputs has a source."""
    seen = filled or {}
    groups = (*((one,) for one in needs.subjects), *needs.required)
    supplied = {source for group in groups for source in _suppliers(group, sources, {})}
    lacking = [group for group in groups if not _suppliers(group, sources, {})]
    state: State = "missing" if lacking else "measurable"
    if not lacking:
        lacking = [group for group in groups if not _suppliers(group, sources, seen)]
        state = "unfilled" if lacking else "measurable"
    missing = tuple(_missing(group, sources, seen) for group in lacking)
    without = tuple(
        f"{one.without} ({one.text}: {supplier(one.entity)})"
        for one in needs.supporting
        if one.without and not _suppliers((one,), sources, seen)
    )
    return Finding(name, state, tuple(dict.fromkeys(missing)), without, tuple(sorted(supplied)))


def _suppliers(group: tuple[Input, ...], sources: Mapping[str, Mapped], seen: Mapping[str, Filled]) -> set[str]:
    return {
        source
        for source, mapped in sources.items()
        for one in group
        if not _left_out(one, mapped) and not _never_filled(one, seen.get(source))
    }


def _left_out(one: Input, mapped: Mapped) -> list[str]:
    """What a source's mappings leave out of an input, in words; the entity itself where it maps none."""
    columns = mapped.entities.get(one.entity)
    if columns is None:
        return [one.entity]
    found = [column for column in one.columns if not mapped.fills(one.entity, column)]
    for column, values in one.tells.items():
        told = columns.get(column)
        found += [f"{column} {value}" for value in values if told is None or not told.can_be(value)]
    return found


def _never_filled(one: Input, filled: Filled | None) -> list[str]:
    if filled is None:
        return []
    return [column for column in dict.fromkeys([*one.columns, *one.tells]) if filled.never(one.entity, column)]


def _missing(group: tuple[Input, ...], sources: Mapping[str, Mapped], seen: Mapping[str, Filled]) -> Missing:
    entities = tuple(dict.fromkeys(one.entity for one in group))
    kinds = tuple(dict.fromkeys(kind for entity in entities for kind in supplier(entity).split(" or ")))
    text = "no source maps " + " or ".join(one.text for one in group)
    near = [
        f"{source} maps {one.entity} without {', '.join(left)}"
        for source, mapped in sorted(sources.items())
        for one in group
        if one.entity in mapped.entities and (left := _left_out(one, mapped))
    ]
    never = [
        f"{source} declares {one.entity} and has never filled {', '.join(columns)}"
        for source, mapped in sorted(sources.items())
        for one in group
        if not _left_out(one, mapped) and (columns := _never_filled(one, seen.get(source)))
    ]
    if near or never:
        text = "; ".join(dict.fromkeys([*([text] if near and not never else []), *near, *never]))
    return Missing(entities, " or ".join(kinds), text)
