"""What a read is known to lack (decision 5): on record per stream, while the stream's state is held back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pacekeeper.landing.spool import Manifest
from pacekeeper.ops import OpsDatabase, StreamGap, StreamState
from pacekeeper.stream import Stream


def gaps_of(manifest: Manifest) -> list[StreamGap]:
    """What the read said it lacks, by stream."""
    return [
        StreamGap(
            source=manifest.source,
            stream=stream,
            number=number,
            reason=gap.reason,
            advice=gap.advice,
            first_day=gap.first_day,
            last_day=gap.last_day,
        )
        for stream, counts in manifest.streams.items()
        for number, gap in enumerate(counts.incomplete, start=1)
    ]


def held_back(
    states: Iterable[StreamState], before: Iterable[StreamState], gaps: Sequence[StreamGap], streams: Sequence[Stream]
) -> list[StreamState]:
    """The states, those of streams that lack something held at the point they were read from.

    So the next read asks for the same again, and one that lacks nothing closes every gap. Where a gap has no days, the
    stream and its children are complete only as far as they were before.
    """
    parents = {stream.name: stream.child_of for stream in streams}
    lacking = {gap.stream for gap in gaps}
    undated = {gap.stream for gap in gaps if gap.first_day is None and gap.last_day is None}
    old = {state.stream: state for state in before}
    found = []
    for state in states:
        root = state.stream
        while (parent := parents[root]) is not None:
            root = parent
        if root in lacking:
            was = old.get(state.stream, StreamState(source=state.source, stream=state.stream))
            state.watermark, state.fingerprint = was.watermark, was.fingerprint
            if root in undated:
                state.complete_through = was.complete_through
        found.append(state)
    return found


def remove_closed(ops: OpsDatabase, source: str, gaps: Sequence[StreamGap], *, unsure: Collection[str]) -> None:
    """Remove the gaps of a source that its latest read did not name again.

    unsure: streams of which too much was rejected to believe that they lack nothing any more; theirs stay.
    """
    open_ones = {(gap.stream, gap.number) for gap in gaps}
    kept = set(unsure) - {gap.stream for gap in gaps}
    ops.remove(
        gap
        for gap in ops.rows(StreamGap, source=source)
        if gap.stream not in kept and (gap.stream, gap.number) not in open_ones
    )
