"""A file's rows as the boundary reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa

from pacekeeper_connectors.tabular.local_time import Texts, by_distinct, iso_texts, without_day
from pacekeeper_connectors.tabular.mapping_file import KEY_COLUMN, StreamSpec, slug
from pacekeeper_connectors.tabular.table_file import TableFile, time_name, zone_name

#: Between the parts of a key; no cell of a file holds it.
_PART_SEPARATOR = "\x1f"
#: What a code in several words lands as that no value map lists: it may be free text.
UNLISTED = "unlisted"
_MIDNIGHT = re.compile(r"[ T]00:00:00$")
_ONE_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/|#+-]*")


def landing_rows(spec: StreamSpec, found: TableFile, listed: Mapping[str, frozenset[str]]) -> pa.Table:
    """One row per row of the file; an undeclared column is there by name, without its values.

    listed: by column in words, the short forms that the mapping file names.
    """
    columns = {name: column_texts(spec, found, name) for name in spec.columns if name in found.table.column_names}
    for name, codes in listed.items():
        if name in columns:
            columns[name] = by_distinct(partial(_short_form, codes=codes), [columns[name]])
    if spec.key:
        columns[KEY_COLUMN] = _joined([columns[name] for name in spec.key])
    nothing = pa.chunked_array([pa.nulls(found.table.num_rows, pa.string())])
    return pa.table({**columns, **dict.fromkeys(found.undeclared, nothing)})


def column_texts(spec: StreamSpec, found: TableFile, name: str) -> Texts:
    """One column, dates in ISO 8601."""
    table = found.table
    zones = table[zone_name(name)] if zone_name(name) in table.column_names else None
    texts: Texts = table[name]
    if time_name(name) in table.column_names:
        texts = by_distinct(_date_and_time, [texts, table[time_name(name)]])
    return iso_texts(spec.columns[name], texts, zones)


def _date_and_time(day: str, time: str) -> str:
    """Both in one text; empty without a date. A spreadsheet gives a date its midnight, and a time some day."""
    day = _MIDNIGHT.sub("", day.strip())
    return f"{day} {without_day(time.strip())}".strip() if day else ""


def _short_form(text: str, codes: frozenset[str]) -> str:
    short = slug(text)
    if not text.strip() or short in codes:
        return short
    return text.strip() if _ONE_WORD.fullmatch(text.strip()) else UNLISTED


def _joined(parts: Sequence[Texts]) -> Texts:
    """One text per row out of several; empty where a part is."""
    rows = zip(*(part.to_pylist() for part in parts), strict=True)
    trimmed = ([str(cell).strip() for cell in row] for row in rows)
    texts = [_PART_SEPARATOR.join(cells) if all(cells) else "" for cells in trimmed]
    return pa.chunked_array([pa.array(texts, pa.string())])
