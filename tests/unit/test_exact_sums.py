"""Sums and means of fractions are the same in whatever order an engine adds."""

from __future__ import annotations

import random
from collections.abc import Callable

import ibis
import pyarrow as pa
import pytest

from pacekeeper.measures.exact import with_exact_sums

#: In binary 0.1 is no exact number, and 1e10 takes the digits that small terms need: the order of adding tells.
VALUES = [0.1, 0.7, 1e10, -1e10, 0.2, 3.3, 1 / 3, -0.9] * 40
IN_GROUP = ibis.window(group_by="g")
ADDED: dict[str, Callable[[ibis.Table], ibis.Table]] = {
    "sum": lambda t: t.aggregate(added=t.x.sum()),
    "sum of some": lambda t: t.aggregate(added=t.x.sum(where=t.x < 1)),
    "mean": lambda t: t.aggregate(added=t.x.mean()),
    "windowed sum": lambda t: t.select(added=t.x.sum().over(IN_GROUP)).distinct(),
    "windowed mean": lambda t: t.select(added=t.x.mean(where=t.x > 0).over(IN_GROUP)).distinct(),
}


def shuffled(seed: int) -> ibis.Table:
    values = list(VALUES)
    random.Random(seed).shuffle(values)
    return ibis.memtable(pa.table({"g": ["a"] * len(values), "x": values}))


@pytest.mark.parametrize("name", ADDED)
def test_another_order_gives_the_same_digits(name: str) -> None:
    add = ADDED[name]
    results = {with_exact_sums(add(shuffled(seed))).to_pyarrow()["added"][0].as_py() for seed in range(8)}
    assert len(results) == 1
    assert results.pop() == pytest.approx(add(shuffled(0)).to_pyarrow()["added"][0].as_py(), abs=1e-3)


def test_the_order_would_tell_otherwise() -> None:
    add = ADDED["sum"]
    assert len({add(shuffled(seed)).to_pyarrow()["added"][0].as_py() for seed in range(8)}) > 1


def test_nothing_to_add_stays_null_and_whole_numbers_stay_as_they_are() -> None:
    empty = ibis.memtable(pa.table({"x": pa.array([], pa.float64()), "n": pa.array([], pa.int64())}))
    rows = empty.aggregate(total=empty.x.sum(), mean=empty.x.mean(), count=empty.n.sum())
    exact = with_exact_sums(rows)
    assert exact.to_pyarrow().to_pylist() == [{"total": None, "mean": None, "count": None}]
    assert exact.schema() == rows.schema()
