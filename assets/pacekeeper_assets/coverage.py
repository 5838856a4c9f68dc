"""Unions and differences of interval sets, by one sweep over their ends."""

from __future__ import annotations

from collections.abc import Sequence

import ibis

from pacekeeper.expr import Table, Value, ifelse


def segments(intervals: Table, *, by: Sequence[str], layers: Sequence[str], marks: Table) -> Table:
    """Stretches of time between neighbouring interval ends, with how many intervals of each layer cover each.

    intervals: `by` columns, `layer`, `from_s`, `to_s` (seconds since the epoch).
    marks: `by` columns, `at_s` and a whole number `mark` that grows with `at_s`; cuts the time there.
    Comes back: `by` columns, `from_s`, `to_s`, `mark` (of the last mark at or before the stretch) and one
    `<layer>_n` per layer. The union of a layer is where its count is above 0; a difference is a condition on two.
    """
    keys = [intervals[name] for name in by]
    starts = intervals.select(
        *keys, at_s=intervals.from_s, layer=intervals.layer, step=ibis.literal(1), mark=ibis.null("int64")
    )
    ends = intervals.select(
        *keys, at_s=intervals.to_s, layer=intervals.layer, step=ibis.literal(-1), mark=ibis.null("int64")
    )
    cuts = marks.select(
        *[marks[name] for name in by],
        at_s=marks.at_s,
        layer=ibis.literal("mark"),
        step=ibis.literal(0),
        mark=marks.mark.cast("int64"),
    )
    events = ibis.union(starts, ends, cuts)
    so_far = ibis.window(group_by=list(by), order_by="at_s", rows=(None, 0))
    in_order = ibis.window(group_by=list(by), order_by="at_s")
    counts: dict[str, Value] = {
        f"{layer}_n": ifelse(events.layer == layer, events.step, 0).sum().over(so_far) for layer in layers
    }
    swept = events.select(
        *[events[name] for name in by],
        from_s=events.at_s,
        to_s=events.at_s.lead().over(in_order),
        mark=events.mark.max().over(so_far),
        **counts,
    )
    return swept.filter(swept.to_s > swept.from_s)
