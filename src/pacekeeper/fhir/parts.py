"""Parts of JSON of which nothing is certain: what a server answers has the form it should have, or counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def part(record: object, name: str) -> Mapping[str, Any]:
    """The object under a name; an empty one where there is none."""
    found = record.get(name) if isinstance(record, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def parts(record: object, name: str) -> list[Mapping[str, Any]]:
    """The objects of the list under a name; none where there is no list."""
    found = record.get(name) if isinstance(record, Mapping) else None
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
