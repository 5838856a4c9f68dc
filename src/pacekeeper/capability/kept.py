"""What mappings fill, kept on disk: reading every expression takes seconds, and nothing of it changes by the night."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacekeeper.capability.lineage import Told
from pacekeeper.capability.mapped import Mapped, mapped_by_source
from pacekeeper.engine.made import digest
from pacekeeper.fingerprint import code_fingerprint
from pacekeeper.kept_file import keep, kept
from pacekeeper.mapping.kept import made_by

if TYPE_CHECKING:
    from pacekeeper.connector import Connector

_KEPT = 64
_SCALARS = (str, int, float, bool, type(None))


def kept_mapped(folder: Path, connector: Connector[Any], *, site_value_maps: Mapping[str, Mapping[str, str]]) -> Mapped:
    """What a configured source's mappings fill: from the folder where it was found out before, else found out and kept.

    Raises what its mappings raise; call it inside `plugin_border`.
    """
    of = digest(
        made_by(connector, site_value_maps, connector.site_value_maps()), code_fingerprint(("pacekeeper.capability",))
    )
    file = folder / f"capability-{of[:32]}.json"
    found = kept(file)
    if isinstance(found, dict):
        try:
            return _from_text(found)
        except (KeyError, TypeError, ValueError):
            pass
    mapped = mapped_by_source(connector, site_value_maps=site_value_maps)
    tells = (told for columns in mapped.entities.values() for told in columns.values())
    # A constant that JSON cannot hold, such as a date, would come back as something else.
    if all(isinstance(value, _SCALARS) for told in tells for value in told.values or ()):
        keep(file, _as_text(mapped), like="capability-*.json", most=_KEPT)
    return mapped


def _as_text(mapped: Mapped) -> dict[str, object]:
    return {
        "entities": {
            entity: {
                name: [None if told.values is None else sorted(told.values, key=repr), sorted(told.reads)]
                for name, told in columns.items()
            }
            for entity, columns in mapped.entities.items()
        },
        "value_maps": [[*read, *names] for read, names in sorted(mapped.value_maps.items())],
    }


def _from_text(text: dict[str, Any]) -> Mapped:
    entities = {
        entity: {
            name: Told(None if values is None else frozenset(values), frozenset((t, c) for t, c in reads))
            for name, (values, reads) in columns.items()
        }
        for entity, columns in text["entities"].items()
    }
    return Mapped(entities, {(stream, column): tuple(names) for stream, column, *names in text["value_maps"]})
