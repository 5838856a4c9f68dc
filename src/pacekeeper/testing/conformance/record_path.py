"""Reading and writing at a column's path inside one record of a corpus. The grammar is in `pacekeeper.columns`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pacekeeper.columns import Column
from pacekeeper.stream import Stream

Record = dict[str, Any]
_SEGMENT = re.compile(r"(?P<name>[^.\[\]]+)(?:\[(?:(?P<index>\d+)|(?P<field>[^=\]]+)=(?P<value>[^\]]*))\])?\.?")


def path_of(name: str, column: Column) -> str:
    """Where a column's value stands in the record."""
    return (column.path or name).replace("[*]", "[0]")


def elements(record: Record, stream: Stream, streams: Mapping[str, Stream]) -> Iterator[Record]:
    """The dicts a stream's columns are read from: the record itself, or the elements of the list it explodes."""
    if stream.child_of is None:
        yield record
        return
    for parent in elements(record, streams[stream.child_of], streams):
        for one in places(parent, stream.explode or ""):
            found = one.get()
            yield from (e for e in (found if isinstance(found, list) else []) if isinstance(e, dict))


class Place:
    """One value inside a record, to be read or replaced."""

    def __init__(self, holder: Any, name: Any) -> None:  # Any: a dict and its key, or a list and its index
        self._holder = holder
        self._name = name

    @property
    def identity(self) -> tuple[int, str | int]:
        """Equal for equal places of one record."""
        return id(self._holder), self._name

    def get(self) -> Any:
        return self._holder.get(self._name) if isinstance(self._holder, dict) else self._holder[self._name]

    def set(self, value: Any) -> None:
        self._holder[self._name] = value


def places(record: Record, path: str) -> list[Place]:
    """Where a path leads in this record; empty where a parent of it is missing."""
    segments = list(_SEGMENT.finditer(path))
    holder: Any = record
    for position, segment in enumerate(segments):
        is_last = position == len(segments) - 1
        if not isinstance(holder, dict):
            return []
        name: Any = segment["name"]
        if segment["index"] is not None or segment["field"] is not None:
            found = holder.get(name)
            number = _chosen(found, segment)
            if number is None:
                return []
            holder, name = found, number
        if is_last:
            return [Place(holder, name)]
        holder = holder.get(name) if isinstance(holder, dict) else holder[name]
    return []


def put(record: Record, path: str, value: Any) -> bool:
    """Set the value at a path; false where the record has no such place."""
    found = places(record, path)
    for place in found:
        place.set(value)
    return bool(found)


def take(record: Record, path: str) -> Any:  # Any: JSON
    """The value at a path; null where there is none."""
    return next((place.get() for place in places(record, path)), None)


def _chosen(found: Any, segment: re.Match[str]) -> int | None:
    if not isinstance(found, list):
        return None
    if segment["index"] is not None:
        number = int(segment["index"])
        return number if number < len(found) else None
    matching = (
        n for n, one in enumerate(found) if isinstance(one, dict) and one.get(segment["field"]) == segment["value"]
    )
    return next(matching, None)
