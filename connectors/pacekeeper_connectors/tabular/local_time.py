"""Written dates, local times, amounts and hours, in the form in which the boundary reads them: ISO 8601, numbers.

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

_AMOUNT = re.compile(
    r"(?P<open>\()?\s*(?P<sign>-)?\s*[$€£]?\s*(?P<inner>-)?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"\s*(?P<after>-)?(?(open)\))"
)
_TWELVE_HOURS = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?\s*([AaPp])\.?[Mm]\.?")
_NOON = 12
_NO_DAY = re.compile(r"^1(899|900|904)-\d\d-\d\d[ T]")
_MIDNIGHT = re.compile(r"(?<=\d)[ T]00:00:00(\.0+)?$")
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d))?")
_HAS_OFFSET = re.compile(r"[T ]\d{2}:\d{2}.*(Z|z|[+-]\d{2}:?\d{2})$")


#: A column of text as the CSV reader gives it.
Texts: TypeAlias = "pa.ChunkedArray[pa.StringScalar]"


def iso_texts(column: ColumnSpec, texts: Texts, zones: Texts | None) -> Texts:
    """A column as ISO texts and numbers; every distinct value is converted once.

    zones: the rows' own IANA zones; an empty one takes the column's `tz`. A local time that autumn repeats takes the
    first pass.
    """
    if column.type == "money":
        return by_distinct(_amount_text, [texts])
    if column.type == "hours":
        return by_distinct(_hours_text, [texts])
    if column.type == "time":
        return by_distinct(_clock_text, [texts])
    if column.type == "date":
        return by_distinct(_date_text(column.format), [texts])
    if column.type != "instant":
        return texts
    if zones is None:
        if column.tz is None and column.format is None:
            return texts
        zones = pa.chunked_array([pa.repeat("", len(texts))])
    return by_distinct(_instant_text(column), [texts, zones])


def by_distinct(convert: Callable[..., str], columns: Sequence[Texts]) -> Texts:
    """A text per row, out of the row's texts in several columns; every distinct combination is converted once."""
    rows = list(zip(*(column.to_pylist() for column in columns), strict=True))
    texts = {row: convert(*row) for row in set(rows)}
    return pa.chunked_array([pa.array([texts[row] for row in rows], pa.string())])


def _date_text(written: str | None) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if written is None:
            # A spreadsheet writes a date as its midnight; part of a key, it has to be the same as in a text file.
            return _MIDNIGHT.sub("", text)
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
    """Spreadsheets and Parquet write dates in ISO 8601, whatever `format` says of the text files."""
    text = text.strip()
    try:
        if written is not None:
            return datetime.strptime(text, written)  # noqa: DTZ007  the zone stands in another column
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _amount_text(text: str) -> str:
    """`$1,234.50` as 1234.50, `(20.00)` and `20.00-` as -20.00; anything else as it is."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        return text
    is_negative = any(found[mark] for mark in ("open", "sign", "inner", "after"))
    return ("-" if is_negative else "") + found["number"].replace(",", "")


def _clock_text(text: str) -> str:
    """`1:30 PM` as 13:30:00; a time of a spreadsheet without the day beside it."""
    text = without_day(text.strip())
    found = _TWELVE_HOURS.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= _NOON:
        return text
    hour = int(found[1]) % _NOON + (_NOON if found[4].lower() == "p" else 0)
    return f"{hour:02d}:{found[2]}:{found[3] or '00'}"


def without_day(time: str) -> str:
    """A time of day without the day that a spreadsheet puts before it."""
    return _NO_DAY.sub("", time)


def _hours_text(text: str) -> str:
    """`7:30` and `7:30:00` as 7.5 hours; a number as it is."""
    found = _CLOCK.fullmatch(without_day(text.strip()))
    if found is None:
        return text
    return f"{int(found[1]) + int(found[2]) / 60 + int(found[3] or 0) / 3600:.4f}"
