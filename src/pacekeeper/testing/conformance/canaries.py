"""Canaries in a corpus: text that may come out nowhere, in ids, in fields nobody declared, slipped into those declared.

What is planted follows from the declared streams, so that it fits every connector.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pacekeeper.columns import Code, Key, MatchKey, Ref
from pacekeeper.stream import Stream
from pacekeeper.testing.canary_scan import MARK
from pacekeeper.testing.conformance.record_path import Place, Record, elements, path_of, places, put, take

#: Free text as a person types it into the wrong box.
SLIPPED = f"{MARK}slip's mother called, won't come; call back!"
#: A field that no connector can have declared.
UNDECLARED = "pacekeeper_suite_remark"
Lists = dict[str, list[Record]]


def with_undeclared(corpus: Mapping[str, Sequence[Mapping[str, Any]]]) -> Lists:
    """A copy in which every record has one field more, with a canary in it."""
    return {
        name: [{**copy.deepcopy(dict(record)), UNDECLARED: f"{MARK}remark"} for record in records]
        for name, records in corpus.items()
    }


def with_canaries(
    corpus: Mapping[str, Sequence[Mapping[str, Any]]],
    streams: Sequence[Stream],
    records: Mapping[str, str],
) -> Lists:
    """A copy with canaries in every identifier, every undeclared text, and once in each column that is no identifier.

    Identifiers get one ending everywhere, so that references still meet. A slipped text lies in a copy of its record,
    with an id of its own. records: list of the corpus by stream.
    """
    made = with_undeclared(corpus)
    by_name = {stream.name: stream for stream in streams}
    for name, found in made.items():
        read_here = [s for s in streams if records.get(_root(s, by_name).name) == name]
        found += list(_slips(found, read_here, by_name))
        for record in found:
            declared = _mark_identifiers(record, read_here, by_name)
            _mark_undeclared(record, declared)
    return made


def _slips(found: Sequence[Record], streams: Sequence[Stream], by_name: Mapping[str, Stream]) -> Iterator[Record]:
    """One copy of a record for every column that is no identifier, with free text in that column."""
    number = 0
    for stream in streams:
        root = _root(stream, by_name)
        key = root.key or ""
        for name, column in stream.columns.items():
            # A server sorts and filters by the cursor, and would not take free text for it.
            if isinstance(column, Key | Ref | MatchKey) or name == stream.cursor:
                continue
            number += 1
            copied = _copy_with(found, stream, by_name, path_of(name, column))
            if copied is not None:
                put(copied, path_of(key, root.columns[key]), f"slip{number}")
                yield copied


def _copy_with(found: Sequence[Record], stream: Stream, by_name: Mapping[str, Stream], path: str) -> Record | None:
    for record in found:
        copied = copy.deepcopy(record)
        for element in elements(copied, stream, by_name):
            if take(element, path) is not None and put(element, path, SLIPPED):
                return copied
    return None


def _mark_identifiers(
    record: Record, streams: Sequence[Stream], by_name: Mapping[str, Stream]
) -> set[tuple[int, str | int]]:
    """Append the mark to every identifier once; ids of the containers and names whose values are declared."""
    declared: set[tuple[int, str | int]] = set()
    marked: set[tuple[int, str | int]] = set()
    for stream in streams:
        for element in elements(record, stream, by_name):
            for name, column in stream.columns.items():
                path = path_of(name, column)
                for place in places(element, path):
                    declared.add(place.identity)
                    if isinstance(column, Key | Ref | MatchKey) and place.identity not in marked:
                        marked.add(place.identity)
                        _mark(place)
    return declared


def _mark(place: Place) -> None:
    value = place.get()
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        name, at, host = str(value).partition("@")
        place.set(f"{name}{MARK}id@{host}" if at else f"{name}{MARK}id")


def _mark_undeclared(value: Any, declared: set[tuple[int, str | int]], *, holder: Any = None, name: Any = None) -> None:
    """Append the mark to every text that no column reads; texts that steer (urls, systems, types) are left."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if (id(value), key) not in declared and key not in _STEERING:
                _mark_undeclared(inner, declared, holder=value, name=key)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if (id(value), number) not in declared:
                _mark_undeclared(inner, declared, holder=value, name=number)
    elif isinstance(value, str) and MARK not in value and any(c.isalpha() for c in value):
        holder[name] = f"{value} {MARK}text"


#: Elements that say how to read what stands beside them.
_STEERING = frozenset({"resourceType", "system", "url", "use", "type", "code", "status", "lastUpdated", "versionId"})


def _root(stream: Stream, by_name: Mapping[str, Stream]) -> Stream:
    while stream.child_of is not None:
        stream = by_name[stream.child_of]
    return stream


def new_code(column: Code, number: int) -> str | None:
    """A code no vendor uses, that fits the column's pattern; null where none of a few does."""
    for code in (f"zq{number}", f"ZQ{number}", f"Z{number}", "ZQ", "zq", "zqx", "Q", "q", f"9{number}", "9"):
        if len(code) <= column.max_length and re.fullmatch(column.pattern, code):
            return code
    return None
