"""Writes X12 files: segments into sets, groups and interchanges whose counts and control numbers agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

#: Elements, the segment id first; a composite element is a tuple.
Segment: TypeAlias = "tuple[str | tuple[str, ...], ...]"


@dataclass(frozen=True)
class Dialect:
    """The characters that divide a file. is_padded: whether ISA elements have their fixed width."""

    element: str = "*"
    component: str = ":"
    segment: str = "~"
    line_end: str = "\n"
    is_padded: bool = True

    def text(self, segment: Segment) -> str:
        """A segment with its terminator; empty elements at its end are left out."""
        elements = [self.component.join(e).rstrip(self.component) if isinstance(e, tuple) else e for e in segment]
        while elements and not elements[-1]:
            elements.pop()
        return self.element.join(elements) + self.segment + self.line_end


@dataclass(frozen=True)
class SetContent:
    """What stands between ST and SE."""

    kind: str
    control: str
    segments: Sequence[Segment]


@dataclass(frozen=True)
class Envelope:
    """What ISA and GS say. functional: GS01 (HC claims, HP remittances, HN status)."""

    functional: str
    version: str
    control: int
    sent_at: datetime
    sender: str = "RIVERBEND"
    receiver: str = "CLEARING"
    is_test: bool = False
    dialect: Dialect = field(default_factory=Dialect)

    def header(self) -> str:
        """The ISA segment."""
        d = self.dialect
        widths = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1)
        usage = "T" if self.is_test else "P"
        sent = (f"{self.sent_at:%y%m%d}", f"{self.sent_at:%H%M}")
        values = (
            *("00", "", "00", "", "ZZ", self.sender, "ZZ", self.receiver),
            *(*sent, "^", "00501", f"{self.control:09d}", "0", usage),
        )
        padded = [v.ljust(w) if d.is_padded else v for v, w in zip(values, widths, strict=True)]
        return d.element.join(["ISA", *padded, d.component]) + d.segment + d.line_end

    def file(self, sets: Iterable[SetContent]) -> bytes:
        """The interchange with one group of these sets."""
        d, parts, count = self.dialect, [self.header()], 0
        day, time = f"{self.sent_at:%Y%m%d}", f"{self.sent_at:%H%M}"
        group = ("GS", self.functional, self.sender, self.receiver, day, time, str(self.control), "X", self.version)
        parts.append(d.text(group))
        for content in sets:
            count += 1
            parts.append(d.text(("ST", content.kind, content.control, self.version)))
            parts += [d.text(segment) for segment in content.segments]
            parts.append(d.text(("SE", str(len(content.segments) + 2), content.control)))
        parts.append(d.text(("GE", str(count), str(self.control))))
        parts.append(d.text(("IEA", "1", f"{self.control:09d}")))
        return "".join(parts).encode()
