"""Local times and written dates, turned into ISO 8601 with an offset before the boundary reads them.

What cannot be turned keeps a text that the boundary rejects: an unreadable one stays as it is, a time the clocks
skipped in spring and one in an unknown zone are marked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import pyarrow as pa

from pacekeeper_connectors.tabular.mapping_file import ColumnSpec

_HAS_OFFSET = re.compile(r"[T ]\d{2}:\d{2}.*(Z|z|[+-]\d{2}:?\d{2})$")


#: A column of text as the CSV reader gives it.
Texts: TypeAlias = "pa.ChunkedArray[pa.StringScalar]"


def iso_texts(column: ColumnSpec, texts: Texts, zones: Texts | None) -> Texts:
    """A date or instant column as ISO texts; every distinct value is converted once.

    zones: the rows' own IANA zones; an empty one takes the column's `tz`. A local time that autumn repeats takes the
    first pass.
    """
    if column.type == "date":
        return _by_distinct(_date_text(column.format), [texts]) if column.format else texts
    if column.type != "instant":
        return texts
    if zones is None:
        if column.tz is None and column.format is None:
            return texts
        zones = pa.chunked_array([pa.repeat("", len(texts))])
    return _by_distinct(_instant_text(column), [texts, zones])


def _by_distinct(convert: Callable[..., str], columns: Sequence[Texts]) -> Texts:
    rows = list(zip(*(column.to_pylist() for column in columns), strict=True))
    texts = {row: convert(*row) for row in set(rows)}
    return pa.chunked_array([pa.array([texts[row] for row in rows], pa.string())])


def _date_text(written: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        found = _parsed(text, written)
        return text if found is None else found.date().isoformat()

    return convert


def _instant_text(column: ColumnSpec) -> Callable[[str, str], str]:
    def convert(text: str, zone: str) -> str:
        text = text.strip()
        found = None if _HAS_OFFSET.search(text) else _parsed(text, column.format)
        if found is None:
            return text
        if found.tzinfo is not None:
            return found.isoformat()
        name = zone.strip() or column.tz
        if name is None:
            return found.isoformat(sep=" ")
        try:
            known = ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            return f"{text} in an unknown zone"
        local = found.replace(tzinfo=known, fold=0)
        # A time the clocks skipped comes back from UTC as another one.
        if local.astimezone(ZoneInfo("UTC")).astimezone(known).replace(tzinfo=None) != found:
            return f"{text} does not exist"
        return local.isoformat(sep=" ")

    return convert


def _parsed(text: str, written: str | None) -> datetime | None:
    try:
        if written is None:
            return datetime.fromisoformat(text.strip())
        return datetime.strptime(text.strip(), written)  # noqa: DTZ007  the zone stands in another column
    except ValueError:
        return None
