"""One message: segments, fields, repetitions, components, subcomponents, each split when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pacekeeper.errors import DataError
from pacekeeper.hl7v2.escape import unescape

#: Between segments of a message's text.
SEGMENT_END = "\r"
#: What a sender writes to say that a value is deleted; reads as empty.
_DELETED = '""'
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_MOST_MARKS = 5


class UnreadableError(DataError):
    """A message, or a part of one, cannot be read. reason: lower_snake_case, never a value of the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Separators:
    """The marks a message declares in MSH-1 and MSH-2; one that it does not declare is empty."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    truncation: str

    @staticmethod
    def of(header: str) -> Separators:
        """From a header segment. Raises UnreadableError (`bad_separators`) where they tell nothing apart."""
        field = header[3:4]
        return _separators(field, header[4:].split(field, 1)[0][: _MOST_MARKS + 1] if field else "")


@lru_cache(maxsize=64)
def _separators(field: str, marks: str) -> Separators:
    declared = field + marks
    is_plain = field != "" and not any(mark.isalnum() or mark.isspace() or not mark.isprintable() for mark in declared)
    if not is_plain or not 1 <= len(marks) <= _MOST_MARKS or len(set(declared)) != len(declared):
        raise UnreadableError("bad_separators")
    return Separators(field, *(marks[i : i + 1] for i in range(_MOST_MARKS)))


class Field:
    """One repetition of a field. `raw` is its text as sent, escape sequences and all."""

    __slots__ = ("_components", "_marks", "raw")

    def __init__(self, raw: str, marks: Separators) -> None:
        self.raw = raw
        self._marks = marks
        self._components: list[str] | None = None

    def component(self, number: int) -> str:
        """A component as sent, from 1; empty where there is none."""
        if self._components is None:
            mark = self._marks.component
            self._components = self.raw.split(mark) if mark else [self.raw]
        return self._components[number - 1] if number <= len(self._components) else ""

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """A subcomponent without escapes and outer blanks; empty where there is none, or where it is deleted."""
        found, mark = self.component(component), self._marks.subcomponent
        if mark and mark in found:
            parts = found.split(mark)
            found = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        elif subcomponent > 1:
            return ""
        return "" if found == _DELETED else unescape(found, self._marks).strip()


class Segment:
    """One segment. Fields are numbered as in the standard: MSH-1 is the field separator itself."""

    __slots__ = ("_fields", "_marks", "line")

    def __init__(self, line: str, marks: Separators) -> None:
        self.line = line
        self._marks = marks
        self._fields: list[str] | None = None

    @property
    def name(self) -> str:
        return self.line[:3]

    @property
    def fields(self) -> list[str]:
        """Every field as sent; position 0 holds the segment's name."""
        if self._fields is None:
            fields = self.line.split(self._marks.field)
            if self.line[:3] in {"MSH", "FHS", "BHS"}:
                fields.insert(1, self._marks.field)
            self._fields = fields
        return self._fields

    def raw(self, number: int) -> str:
        """A field as sent; empty where there is none."""
        fields = self.fields
        return fields[number] if number < len(fields) else ""

    def field(self, number: int) -> Field:
        """The first repetition of a field."""
        raw, mark = self.raw(number), self._marks.repetition
        if mark and mark in raw and not self._is_marks(number):
            raw = raw.split(mark, 1)[0]
        return Field(raw, self._marks)

    def repetitions(self, number: int) -> list[Field]:
        """Every repetition of a field; none where it is empty."""
        raw, mark = self.raw(number), self._marks.repetition
        if not raw:
            return []
        parts = raw.split(mark) if mark and not self._is_marks(number) else [raw]
        return [Field(part, self._marks) for part in parts]

    def text(self, number: int, component: int = 1, subcomponent: int = 1) -> str:
        """A value of the field's first repetition, see `Field.text`; MSH-1 and MSH-2 are themselves."""
        fields, marks = self.fields, self._marks
        raw = fields[number] if number < len(fields) else ""
        if not raw or (number <= 2 and self._is_marks(number)):
            return raw
        if marks.repetition and marks.repetition in raw:
            raw = raw.split(marks.repetition, 1)[0]
        return Field(raw, marks).text(component, subcomponent)

    def _is_marks(self, number: int) -> bool:
        return number <= 2 and self.line[:3] in {"MSH", "FHS", "BHS"}


class Message:
    r"""A message whose segments end in `\r`. Raises UnreadableError: `no_msh`, `bad_separators`."""

    __slots__ = ("_by_name", "_lines", "separators")

    def __init__(self, text: str) -> None:
        if not text.startswith("MSH"):
            raise UnreadableError("no_msh")
        self._lines = text.split(SEGMENT_END)
        self.separators = Separators.of(self._lines[0])
        self._by_name: dict[str, list[Segment]] | None = None

    @property
    def header(self) -> Segment:
        return Segment(self._lines[0], self.separators)

    def __iter__(self) -> Iterator[Segment]:
        return (Segment(line, self.separators) for line in self._lines if line)

    def all(self, name: str) -> list[Segment]:
        """Segments of that name, in order."""
        if self._by_name is None:
            self._by_name = {}
            for line in self._lines:
                self._by_name.setdefault(line[:3], []).append(Segment(line, self.separators))
        return self._by_name.get(name, [])

    def first(self, name: str) -> Segment | None:
        """The first segment of that name; null where there is none."""
        found = self.all(name)
        return found[0] if found else None

    def check_segments(self) -> None:
        """Raise UnreadableError (`bad_segment`) where a line is no segment: a cut one, or text with a line break."""
        mark = self.separators.field
        for line in self._lines:
            if line and not (_SEGMENT.match(line) and line[3:4] in {"", mark}):
                raise UnreadableError("bad_segment")
