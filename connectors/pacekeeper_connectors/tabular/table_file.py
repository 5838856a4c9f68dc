"""Reading one CSV file as text: every cell a string, its headers resolved, damaged rows kept apart."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pyarrow import csv as arrow_csv

from pacekeeper.errors import ConfigError, DataError
from pacekeeper_connectors.tabular.mapping_file import KEY_COLUMN, ColumnSpec, StreamSpec

_DELIMITERS = (",", ";", "\t", "|")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_IGNORED_IN_HEADERS = re.compile(r"[\s_-]+")
_PLAIN_HEADER = re.compile(r"[A-Za-z_][A-Za-z0-9 _.-]{0,40}")


@dataclass(frozen=True)
class TableFile:
    """A CSV file's rows.

    table: one text column per declared column, and `tz of <column>` beside an instant that has a tz_column; a column
    the file does not have is left out. ragged: numbers of the rows (1 = first after the headers) that have more or
    fewer cells than there are headers. undeclared: headers that no column reads, `_` for white space, once each.
    """

    table: pa.Table
    ragged: tuple[int, ...]
    undeclared: tuple[str, ...]


def read_table_file(path: Path, spec: StreamSpec, *, label: str) -> TableFile | None:
    """The file's rows; null where it is empty. Raises ConfigError where a required header is missing or ambiguous.

    label: what messages call the file. Its own name may be a person's.
    """
    text = _text(path, spec.encoding, label)
    if not text.strip():
        return None
    delimiter = spec.delimiter or _delimiter(text)
    headers = next(csv.reader(io.StringIO(text), delimiter=delimiter))
    places = _places(label, spec, headers)
    ragged: list[int] = []

    def keep_apart(row: arrow_csv.InvalidRow) -> Literal["skip"]:
        # The header line is row 1 of the reader's count.
        ragged.append((row.number or 1) - 1)
        return "skip"

    names = [f"c{position}" for position in range(len(headers))]
    content = text.encode()
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(content),
            # In one block, so that no row is longer than a block.
            read_options=arrow_csv.ReadOptions(
                column_names=names, skip_rows_after_names=1, use_threads=False, block_size=len(content) + 1
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep_apart
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        # The engine's own text quotes rows.
        raise DataError(
            f"{label}: it cannot be read as CSV ({type(error).__name__}): is `delimiter` {delimiter!r} right, and "
            "is every quote closed?"
        ) from None
    chosen = {name: table[f"c{place}"] for name, place in places.items()}
    return TableFile(
        pa.table(chosen) if chosen else table.select([]), tuple(ragged), tuple(_undeclared(spec, headers, places))
    )


def same_header(header: str) -> str:
    """A header as it is compared: without case, white space, `_` and `-`."""
    return _IGNORED_IN_HEADERS.sub("", header).casefold()


def zone_name(column: str) -> str:
    """Name of the text column that holds an instant's zone; no declared column can have it."""
    return f"tz of {column}"


def _text(path: Path, encoding: str | None, label: str) -> str:
    content = path.read_bytes()
    guesses = [name for mark, name in _BOMS if content.startswith(mark)][:1] or ["utf-8", "latin-1"]
    for guess in [encoding] if encoding else guesses:
        try:
            return content.decode(guess).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
        except LookupError:
            raise ConfigError(f"{label}: encoding {guess!r} is not known; use utf-8 or latin-1") from None
    raise ConfigError(f"{label}: it is not in encoding {encoding or guesses[0]}; correct `encoding`, or the file")


def _delimiter(text: str) -> str:
    """The delimiter of the header line; a comma where it has none."""
    line = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").splitlines()[0])
    return max(_DELIMITERS, key=lambda mark: (line.count(mark), mark == ","))


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
        elif column.required or column.type == "key" or name in spec.key:
            missing.append(f"{name} (tried {', '.join(dict.fromkeys(aliases))})")
        if column.tz_column is not None:
            zones = _zone_place(spec.columns, column.tz_column, found)
            if zones is not None:
                places[zone_name(name)] = zones
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


def _zone_place(columns: Mapping[str, ColumnSpec], tz_column: str, found: Mapping[str, list[int]]) -> int | None:
    declared = columns.get(tz_column)
    aliases = [tz_column, *(declared.headers if declared else ())]
    hits = [place for alias in aliases for place in found.get(same_header(alias), ())]
    return hits[0] if hits else None
