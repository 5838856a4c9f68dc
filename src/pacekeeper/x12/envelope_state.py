"""Where a scan stands inside an interchange: which envelopes are open, and whether their trailers agree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacekeeper.x12.blocks import Blocks
from pacekeeper.x12.delimiters import Interchange
from pacekeeper.x12.unit import Faulty, TransactionSet, Unit

if TYPE_CHECKING:
    from hashlib import _Hash

_LINE_ENDS = b"\r\n"
#: Elements of a GS segment, its id included.
_GROUP_HEADER = 9


def _digest() -> _Hash:
    return hashlib.sha256()


@dataclass
class _Group:
    version: str
    control: str
    sent_on: str
    sets: int = 0


@dataclass
class _OpenSet:
    kind: str
    version: str
    control: str
    start: int
    segments: int = 1
    digest: _Hash = field(default_factory=_digest)


class EnvelopeState:
    """Told the segments of one interchange in order, tells its sets and faults."""

    def __init__(self, header: Interchange) -> None:
        self._header = header
        self._groups = 0
        self._group: _Group | None = None
        self._set: _OpenSet | None = None
        self._handlers = {b"GS": self._gs, b"ST": self._st, b"SE": self._se, b"GE": self._ge, b"IEA": self._iea}

    def body(self, blocks: Blocks, start: int, end: int) -> Iterator[Unit]:
        """Segments that are no control segments, at these positions of the buffer."""
        if start >= end:
            return
        terminator = self._header.delimiters.segment
        content = blocks.data[start:end]
        if self._set is not None:
            self._set.segments += content.count(terminator)
            self._set.digest.update(content.translate(None, _LINE_ENDS))
            return
        segments = [segment.strip() for segment in content.split(terminator)]
        if not all(s.startswith(b"TA1" + self._header.delimiters.element) for s in segments if s):
            yield Faulty("segment_outside_set", blocks.offset + start, blocks.offset + end, self._control())

    def control(self, blocks: Blocks, elements: Sequence[bytes], start: int, end: int) -> Iterator[Unit]:
        """One control segment, at these positions of the buffer."""
        texts = [element.decode("latin-1").strip() for element in elements]
        if elements[0] != b"GS":
            texts += [""] * (_GROUP_HEADER - len(texts))
        if self._set is not None and elements[0] in {b"ST", b"SE"}:
            self._set.digest.update(blocks.data[start:end].translate(None, _LINE_ENDS))
        yield from self._handlers[elements[0]](texts, blocks.offset + start, blocks.offset + end)

    def broken_off(self, reason: str, start: int, end: int) -> Iterator[Unit]:
        """The interchange ends without its IEA, with what stands here: what is open is not whole."""
        if self._set is not None:
            yield Faulty(reason, self._set.start, end, self._set.control)
        else:
            yield Faulty(reason, start, end, self._control())

    def _control(self) -> str:
        return self._group.control if self._group is not None else self._header.control

    def _close_set(self, end: int) -> Iterator[Unit]:
        if self._set is not None:
            yield Faulty("missing_set_trailer", self._set.start, end, self._set.control)
            self._set = None

    def _close_group(self, end: int) -> Iterator[Unit]:
        if self._group is not None:
            yield Faulty("missing_group_trailer", end, end, self._group.control)
            self._group = None

    def _gs(self, gs: Sequence[str], start: int, end: int) -> Iterator[Unit]:
        yield from self._close_set(start)
        yield from self._close_group(start)
        if len(gs) != _GROUP_HEADER:
            yield Faulty("bad_group_header", start, end, self._header.control)
            gs = [*gs, *[""] * _GROUP_HEADER]
        self._groups += 1
        self._group = _Group(version=gs[8], control=gs[6], sent_on=gs[4])

    def _st(self, st: Sequence[str], start: int, end: int) -> Iterator[Unit]:
        del end
        yield from self._close_set(start)
        if self._group is not None:
            self._group.sets += 1
        version = self._group.version if self._group is not None else ""
        self._set = _OpenSet(kind=st[1], version=version or st[3], control=st[2], start=start)

    def _se(self, se: Sequence[str], start: int, end: int) -> Iterator[Unit]:
        found, self._set = self._set, None
        if found is None:
            yield Faulty("trailer_without_set", start, end, se[2])
            return
        found.segments += 1
        if self._group is None:
            yield Faulty("set_outside_group", found.start, end, found.control)
        elif se[2] != found.control or not found.control:
            yield Faulty("set_control_number", found.start, end, found.control)
        elif not _agrees(se[1], found.segments):
            yield Faulty("segment_count", found.start, end, found.control)
        else:
            yield TransactionSet(
                interchange=self._header,
                kind=found.kind,
                version=found.version,
                group_control=self._group.control,
                control=found.control,
                sent_on=self._group.sent_on,
                start=found.start,
                end=end,
                segments=found.segments,
                digest=found.digest.digest(),
            )

    def _ge(self, ge: Sequence[str], start: int, end: int) -> Iterator[Unit]:
        yield from self._close_set(start)
        group, self._group = self._group, None
        if group is None:
            yield Faulty("trailer_without_group", start, end, ge[2])
        elif ge[2].lstrip("0") != group.control.lstrip("0"):
            yield Faulty("group_control_number", start, end, group.control)
        elif not _agrees(ge[1], group.sets):
            yield Faulty("set_count", start, end, group.control)

    def _iea(self, iea: Sequence[str], start: int, end: int) -> Iterator[Unit]:
        yield from self._close_set(start)
        yield from self._close_group(start)
        if iea[2].lstrip("0") != self._header.control.lstrip("0"):
            yield Faulty("interchange_control_number", start, end, self._header.control)
        elif not _agrees(iea[1], self._groups):
            yield Faulty("group_count", start, end, self._header.control)


def _agrees(told: str, counted: int) -> bool:
    return told.isascii() and told.isdigit() and int(told) == counted
