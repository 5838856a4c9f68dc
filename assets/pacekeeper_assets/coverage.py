"""Unions and differences of interval sets, by one sweep over their ends."""

from __future__ import annotations

from collections.abc import Sequence

import ibis

from pacekeeper.expr import Table, Value, ifelse

# Counts of several layers share one 64-bit number, as its digits in this base: windows cost far more than arithmetic.
# Up to 4,095 intervals of a layer may overlap; four digits stay under 2^53, where engines divide exactly.
_BASE = 4_096
_LAYERS_PER_NUMBER = 4


def segments(intervals: Table, *, by: Sequence[str], layers: Sequence[str], marks: Table) -> Table:
    """Stretches of time between neighbouring interval ends, with how many intervals of each layer cover each.

    intervals: `by` columns, `layer`, `from_s`, `to_s` (seconds since the epoch).
    marks: `by` columns, `at_s` and a whole number `mark` that grows with `at_s`; cuts the time there.
    Comes back: `by` columns, `from_s`, `to_s`, `mark` (of the last mark at or before the stretch) and one
    `<layer>_n` per layer. The union of a layer is where its count is above 0; a difference is a condition on two.
    """
    numbers = [layers[first : first + _LAYERS_PER_NUMBER] for first in range(0, len(layers), _LAYERS_PER_NUMBER)]
    names = [f"packed_{index}" for index in range(len(numbers))]
    steps = dict(zip(names, numbers, strict=True))
    cuts = marks.select(
        *[marks[name] for name in by],
        at_s=marks.at_s,
        mark=marks.mark.cast("int64"),
        **{name: ibis.literal(0, "int64") for name in names},
    )
    events = ibis.union(_ends(intervals, "from_s", by, steps, 1), _ends(intervals, "to_s", by, steps, -1), cuts)
    # One row per instant first: neighbouring slots share theirs.
    points = events.group_by([*by, "at_s"]).aggregate(
        mark=events.mark.max(), **{name: events[name].sum().cast("int64") for name in names}
    )
    so_far = ibis.window(group_by=list(by), order_by="at_s", rows=(None, 0))
    in_order = ibis.window(group_by=list(by), order_by="at_s")
    swept = points.select(
        *[points[name] for name in by],
        from_s=points.at_s,
        to_s=points.at_s.lead().over(in_order),
        mark=points.mark.max().over(so_far),
        **{name: points[name].sum().over(so_far).cast("int64") for name in names},
    )
    swept = swept.filter(swept.to_s > swept.from_s)
    counts = {f"{layer}_n": _digit(swept[name], place) for name in names for place, layer in enumerate(steps[name])}
    return swept.select(*[swept[name] for name in by], "from_s", "to_s", "mark", **counts)


def _ends(intervals: Table, end: str, by: Sequence[str], steps: dict[str, Sequence[str]], sign: int) -> Table:
    def packed(layers: Sequence[str]) -> Value:
        cases = [(intervals.layer == layer, sign * _BASE**place) for place, layer in enumerate(layers)]
        return ibis.cases(*cases, else_=0).cast("int64")

    return intervals.select(
        *[intervals[name] for name in by],
        at_s=intervals[end],
        mark=ibis.null("int64"),
        **{name: packed(layers) for name, layers in steps.items()},
    )


def _digit(number: Value, place: int) -> Value:
    return ifelse(number == 0, 0, (number // _BASE**place).cast("int64") % _BASE).cast("int64")
