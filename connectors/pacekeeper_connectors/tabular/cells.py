"""The cells of one CSV, Excel or Parquet file, every one a text, whatever the format writes."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from pacekeeper.errors import ConfigError, DataError
from pacekeeper_connectors.tabular.mapping_file import FileKind, StreamSpec

_DELIMITERS = (",", ";", "\t", "|")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_KINDS: dict[str, FileKind] = {
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True)
class Cells:
    """A file's rows.

    headers: as the file writes them. table: one text column per header, named c0, c1 ...; an empty cell is empty text.
    ragged: numbers of the rows (1 = first after the headers) that have more or fewer cells than there are headers.
    """

    headers: tuple[str, ...]
    table: pa.Table
    ragged: tuple[int, ...] = ()


def read_cells(content: bytes, spec: StreamSpec, *, name: str, label: str) -> Cells | None:
    """The file's cells; null where it is empty. Raises DataError where it is not what its kind says.

    name: tells the kind where the mapping file does not. label: what messages call the file.
    """
    kind = spec.kind or _KINDS.get(PurePosixPath(name).suffix.lower(), "csv")
    if not content:
        return None
    if kind == "excel":
        return _sheet(content, spec, label)
    if kind == "parquet":
        return _parquet(content, label)
    is_tabs = PurePosixPath(name).suffix.lower() in {".tsv", ".tab"}
    return _csv(content, spec, label, delimiter=spec.delimiter or ("\t" if is_tabs else None))


def _csv(content: bytes, spec: StreamSpec, label: str, *, delimiter: str | None) -> Cells | None:
    text = _text(content, spec.encoding, label)
    for _ in range(spec.skip_lines):
        text = text.partition("\n")[2]
    if not text.strip():
        return None
    delimiter = delimiter or _delimiter(text)
    unreadable = (
        f"{label}: it cannot be read as CSV: is `delimiter` {delimiter!r} right, is every quote closed, and is it text?"
    )
    try:
        # Some write a carriage return alone at the end of a line; the engine reads the rows of those too.
        headers = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise DataError(unreadable) from None
    ragged: list[int] = []

    def keep_apart(row: arrow_csv.InvalidRow) -> Literal["skip"]:
        # The header line is row 1 of the reader's count.
        ragged.append((row.number or 1) - 1)
        return "skip"

    names = [f"c{position}" for position in range(len(headers))]
    encoded = text.encode()
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(encoded),
            # In one block, so that no row is longer than a block.
            read_options=arrow_csv.ReadOptions(
                column_names=names, skip_rows_after_names=1, use_threads=False, block_size=len(encoded) + 1
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep_apart
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException:
        # The engine's own text quotes rows.
        raise DataError(unreadable) from None
    return Cells(tuple(headers), table, tuple(ragged))


def _sheet(content: bytes, spec: StreamSpec, label: str) -> Cells | None:
    """A sheet of a workbook. Rows without any cell are no rows."""
    try:
        import fastexcel
    except ImportError:
        raise ConfigError(f"{label}: reading Excel files needs `pip install pacekeeper[excel]`") from None
    try:
        book = fastexcel.read_excel(content)
        if spec.sheet is not None and spec.sheet not in book.sheet_names:
            raise ConfigError(
                f"{label}: it has no sheet {spec.sheet!r} (of {len(book.sheet_names)} sheets); correct `sheet`"
            )
        sheet = book.load_sheet(spec.sheet or 0, header_row=None, dtypes="string")
        found = pa.table(sheet.to_arrow())
    except fastexcel.FastExcelError as error:
        # Its text may quote a cell.
        raise DataError(
            f"{label}: it cannot be read as an Excel file ({type(error).__name__}): is it whole, and without password?"
        ) from None
    rows = found.slice(spec.skip_lines)
    if not rows.num_rows:
        return None
    columns = [_filled(column) for column in rows.columns]
    headers = [str(column[0].as_py()) for column in columns]
    named = [position for position, header in enumerate(headers) if header.strip()]
    table = pa.table({f"c{new}": columns[old].slice(1) for new, old in enumerate(named)})
    if not named:
        return None
    return Cells(tuple(headers[position] for position in named), _without_blank_rows(table))


def _parquet(content: bytes, label: str) -> Cells:
    """Columns that hold lists or records have no text; their cells are empty."""
    from pyarrow import parquet

    try:
        found = parquet.read_table(io.BytesIO(content))
        columns = {f"c{n}": _filled(_texts(column)) for n, column in enumerate(found.columns)}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{label}: it cannot be read as a Parquet file ({type(error).__name__}): is it whole?"
        ) from None
    return Cells(tuple(found.column_names), pa.table(columns))


def _texts(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
    if pa.types.is_floating(kind):
        # 8.0 is 8, as in the other formats; what is no whole number is written in full.
        texts = [None if cell is None else f"{cell:.15g}" for cell in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return column.cast(pa.string())


def _filled(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    texts = column.cast(pa.string()).to_pylist()
    return pa.chunked_array([pa.array(["" if text is None else text for text in texts], pa.string())])


def _without_blank_rows(table: pa.Table) -> pa.Table:
    filled = None
    for column in table.columns:
        one = pc.not_equal(pc.utf8_trim_whitespace(column), pa.scalar(""))
        filled = one if filled is None else pc.or_(filled, one)
    return table if filled is None else table.filter(filled)


def _text(content: bytes, encoding: str | None, label: str) -> str:
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
