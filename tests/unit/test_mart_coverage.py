"""The sweep, against a count minute by minute."""

from __future__ import annotations

import ibis
from hypothesis import given, settings
from hypothesis import strategies as st

from pacekeeper_assets.coverage import segments

LAYERS = ("a", "b", "c", "d", "e")
INTERVALS = st.lists(
    st.tuples(st.sampled_from("xy"), st.sampled_from(LAYERS), st.integers(0, 30), st.integers(1, 12)), max_size=25
)
TYPES = {"who": "string", "layer": "string", "from_s": "int64", "to_s": "int64"}


@settings(max_examples=25, deadline=None)
@given(INTERVALS)
def test_every_second_has_the_layers_and_the_mark_that_cover_it(rows: list[tuple[str, str, int, int]]) -> None:
    intervals = [(who, layer, start, start + length) for who, layer, start, length in rows]
    columns = dict(zip(TYPES, zip(*intervals, strict=True), strict=True)) if intervals else dict.fromkeys(TYPES, ())
    table = ibis.memtable({name: list(values) for name, values in columns.items()}, schema=TYPES)
    marks = ibis.memtable({"who": ["x", "x", "y"], "at_s": [0, 10, 0], "mark": [1, 2, 7]})
    found = ibis.duckdb.connect().to_pyarrow(segments(table, by=["who"], layers=LAYERS, marks=marks)).to_pylist()
    seconds = {(row["who"], second): row for row in found for second in range(row["from_s"], row["to_s"])}
    for who in "xy":
        for second in range(45):
            covering = [layer for key, layer, start, end in intervals if key == who and start <= second < end]
            row = seconds.get((who, second))
            if covering:
                assert row is not None
            if row is not None:
                assert [row[f"{layer}_n"] for layer in LAYERS] == [covering.count(layer) for layer in LAYERS]
                assert row["mark"] == (7 if who == "y" else 1 + (second >= 10))
