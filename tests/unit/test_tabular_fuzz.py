"""No file, however damaged, crashes the readers or loses a row without a count."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from pacekeeper.errors import ConfigError, DataError
from pacekeeper_connectors.tabular.cells import read_cells
from pacekeeper_connectors.tabular.local_time import iso_texts
from pacekeeper_connectors.tabular.mapping_file import ColumnSpec, ColumnType, StreamSpec

SPEC = StreamSpec(files="*", columns={})
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=8)


@FEW
@given(st.lists(st.lists(CELL, min_size=1, max_size=5), max_size=12), st.sampled_from([",", ";", "\t", "|"]))
def test_every_csv_row_is_read_or_kept_apart(rows: list[list[str]], mark: str) -> None:
    content = io.StringIO()
    writer = csv.writer(content, delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    found = read_cells(content.getvalue().encode(), SPEC, name="x.csv", label="x")
    assert found is not None
    assert found.table.num_rows + len(found.ragged) == len(rows)
    assert found.table.to_pylist() == [
        {f"c{n}": cell for n, cell in enumerate(row)} for row in rows if len(row) == len(found.headers)
    ]


def test_a_carriage_return_alone_ends_a_line() -> None:
    found = read_cells(b"a,b\r1,2\r3,4\r", SPEC, name="x.csv", label="x")
    assert found is not None
    assert (found.headers, found.table.to_pylist()) == (("a", "b"), [{"c0": "1", "c1": "2"}, {"c0": "3", "c1": "4"}])


def _parquet() -> bytes:
    content = io.BytesIO()
    parquet.write_table(pa.table({"a": ["x", None], "b": [1.5, 2.0], "c": [True, None]}), content)
    return content.getvalue()


def refusal(content: bytes, name: str) -> str | None:
    """What the reader says against a file; null where it takes it."""
    try:
        read_cells(content, SPEC, name=name, label="x")
    except (ConfigError, DataError) as error:
        return str(error)
    return None


@FEW
@example(b"\r\x00", "x.csv")
@given(st.binary(max_size=300), st.sampled_from(["x.csv", "x.tsv", "x.xlsx", "x.xls", "x.ods", "x.parquet"]))
def test_bytes_that_are_no_such_file_end_in_an_error_that_says_so(content: bytes, name: str) -> None:
    text = refusal(content, name)
    assert text is None or text.startswith("x: it")


@FEW
@given(st.data())
def test_a_damaged_parquet_file_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(_parquet())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    text = refusal(bytes(content), "x.parquet")
    assert text is None or text.startswith("x: it cannot be read as a Parquet file")


@FEW
@given(
    st.lists(st.text(max_size=20), min_size=1, max_size=6),
    st.sampled_from(["date", "instant", "time", "money", "hours"]),
)
def test_every_text_is_converted_or_left_for_the_boundary_to_reject(texts: list[str], kind: ColumnType) -> None:
    clean = [text.encode("utf-8", "ignore").decode() for text in texts]
    column = pa.chunked_array([pa.array(clean, pa.string())])
    for form in (None, "%m/%d/%Y"):
        spec = ColumnSpec(type=kind, format=form, tz="America/New_York" if kind == "instant" else None)
        assert len(iso_texts(spec, column, None)) == len(texts)
