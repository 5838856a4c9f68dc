"""A site's own value maps: single codes laid over the connector's, each checked before anything is read by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from pacekeeper.errors import ConfigError

#: Values that nearly every vocabulary has, so that they tell nothing about which one a map leads to.
_COMMON = {"unknown", "other"}


def merged_value_maps(
    source: str, shipped: Mapping[str, Mapping[str, str]], site: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """The connector's value maps with the site's codes laid over them.

    Raises ConfigError for a map that the connector has not, and for a value that no column of the contract takes which
    the map could lead to: rows would be counted as something that they are not.
    """
    unknown = sorted(set(site) - set(shipped))
    if unknown:
        raise ConfigError(
            f"[sources.{source}.value_maps] names {', '.join(unknown)}; this connector has "
            f"{', '.join(sorted(shipped)) or 'none'}"
        )
    for name, codes in site.items():
        accepted = _accepted(set(shipped[name].values()))
        for code, value in codes.items():
            if value not in accepted:
                close = get_close_matches(value.lower(), accepted, n=1, cutoff=0.7)
                raise ConfigError(
                    f"[sources.{source}.value_maps.{name}] gives {code} a value that the contract does not know"
                    + (f": did you mean {close[0]}?" if close else "")
                    + f" It may be {', '.join(sorted(accepted)[:30])}"
                )
    return {name: {**codes, **site.get(name, {})} for name, codes in shipped.items()}


def _accepted(values: Collection[str]) -> set[str]:
    """What a map may lead to: its own values, and those of the vocabularies that hold all of them.

    A connector's map may lead to values that only its own mapping reads; then those, and every canonical value.
    """
    from pacekeeper.contract import ENTITIES
    from pacekeeper.contract.schema import columns

    vocabularies = {frozenset(c.vocabulary) for entity in ENTITIES.values() for c in columns(entity) if c.vocabulary}
    telling = set(values) - _COMMON
    holding = [vocabulary for vocabulary in vocabularies if telling and telling <= vocabulary]
    return set(values).union(*(holding or vocabularies))
