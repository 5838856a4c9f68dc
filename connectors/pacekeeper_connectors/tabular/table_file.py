"""One file as a stream sees it: its headers resolved to declared columns, damaged rows kept apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from pacekeeper.errors import ConfigError
from pacekeeper_connectors.tabular.cells import Cells
from pacekeeper_connectors.tabular.mapping_file import KEY_COLUMN, ColumnSpec, StreamSpec

_IGNORED_IN_HEADERS = re.compile(r"[\s_-]+")
_PLAIN_HEADER = re.compile(r"[A-Za-z_][A-Za-z0-9 _.-]{0,40}")


@dataclass(frozen=True)
class TableFile:
    """A file's rows.

    table: one text column per declared column, and `tz of <column>` and `time of <column>` beside an instant that has
    a tz_column or time_column; a column the file does not have is left out. ragged: numbers of the rows (1 = first
    after the headers) that have more or fewer cells than there are headers. undeclared: headers that no column reads,
    `_` for white space, once each.
    """

    table: pa.Table
    ragged: tuple[int, ...]
    undeclared: tuple[str, ...]


def table_file(cells: Cells, spec: StreamSpec, *, label: str) -> TableFile:
    """The declared columns of a file. Raises ConfigError where a header is missing that has to be there, or ambiguous.

    label: what messages call the file. Its own name may be a person's.
    """
    places = _places(label, spec, list(cells.headers))
    chosen = {name: cells.table[f"c{place}"] for name, place in places.items()}
    return TableFile(
        pa.table(chosen) if chosen else cells.table.select([]),
        cells.ragged,
        tuple(_undeclared(spec, list(cells.headers), places)),
    )


def same_header(header: str) -> str:
    """A header as it is compared: without case, white space, `_` and `-`."""
    return _IGNORED_IN_HEADERS.sub("", header).casefold()


def zone_name(column: str) -> str:
    """Name of the text column that holds an instant's zone; no declared column can have it."""
    return f"tz of {column}"


def time_name(column: str) -> str:
    """Name of the text column that holds an instant's time of day."""
    return f"time of {column}"


def _places(label: str, spec: StreamSpec, headers: list[str]) -> dict[str, int]:
    """Position in the file by column; what the file does not have is left out."""
    found: dict[str, list[int]] = {}
    for position, header in enumerate(headers):
        found.setdefault(same_header(header), []).append(position)
    places: dict[str, int] = {}
    missing: list[str] = []
    for name, column in spec.columns.items():
        aliases = [name, *column.headers]
        hits = sorted({place for alias in aliases for place in found.get(same_header(alias), ())})
        if len(hits) > 1:
            raise ConfigError(
                f"{label}: column {name} could be any of {len(hits)} headers of the file (tried "
                f"{', '.join(aliases)}); leave one header for it in the mapping file"
            )
        if hits:
            places[name] = hits[0]
        elif column.required or column.type == "key" or name in spec.key or (spec.all_columns and not column.optional):
            missing.append(f"{name} (tried {', '.join(dict.fromkeys(aliases))})")
        for beside, called in ((column.tz_column, zone_name(name)), (column.time_column, time_name(name))):
            place = None if beside is None else _beside(spec.columns, beside, found)
            if place is not None:
                places[called] = place
        if column.time_column is not None and hits and time_name(name) not in places:
            missing.append(f"the time of day of {name} (tried {column.time_column})")
    if missing:
        # Without one header in common the line may be a row of data, which must not show in a message.
        known = _shown(headers) if places else "none that the mapping file names"
        raise ConfigError(
            f"{label}: required header missing: {'; '.join(missing)}. Headers found: {known}. Add the "
            "file's header to `headers` in the mapping file, or correct the file"
        )
    return places


def _shown(headers: list[str]) -> str:
    """Headers as a message lists them: what could be something else than a name is counted only."""
    plain = [header.strip() for header in headers if _PLAIN_HEADER.fullmatch(header.strip())]
    others = len(headers) - len(plain)
    return ", ".join(plain) + (f", and {others} that are no plain names" if others else "")


def _undeclared(spec: StreamSpec, headers: list[str], places: Mapping[str, int]) -> Iterator[str]:
    seen = {name.casefold() for name in (*spec.columns, KEY_COLUMN)}
    for position, header in enumerate(headers):
        name = re.sub(r"\s+", "_", header.strip())
        if position not in places.values() and name and name.casefold() not in seen:
            seen.add(name.casefold())
            yield name


def _beside(columns: Mapping[str, ColumnSpec], wanted: str, found: Mapping[str, list[int]]) -> int | None:
    declared = columns.get(wanted)
    aliases = [wanted, *(declared.headers if declared else ())]
    hits = [place for alias in aliases for place in found.get(same_header(alias), ())]
    return hits[0] if hits else None
