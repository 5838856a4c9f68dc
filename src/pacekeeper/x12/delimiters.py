"""The ISA segment: who sent an interchange, and the characters that divide it.

ISA is meant to be 106 characters of fixed width, but senders leave the padding out. So it is split on its separator,
the character after `ISA`, into 16 elements; the character after the 16th ends the segment. Source: X12 005010 ISA.
"""

from __future__ import annotations

from dataclasses import dataclass

from pacekeeper.x12.fault import SetFault

#: An ISA longer than this is none.
LONGEST_HEADER = 512
_ELEMENTS = 16
_TEST = "T"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """element divides a segment, component a composite element, segment ends a segment. One byte each."""

    element: bytes
    component: bytes
    segment: bytes

    @property
    def encoding(self) -> str | None:
        """Encoding that a delimiter outside ASCII imposes; null: UTF-8, and latin-1 where that fails."""
        return None if (self.element + self.component + self.segment).isascii() else "latin-1"


@dataclass(frozen=True, slots=True)
class Interchange:
    """What an ISA says. length: bytes of the segment, its terminator included."""

    delimiters: Delimiters
    sender: str
    control: str
    sent_on: str
    is_test: bool
    length: int


def read_header(data: bytes) -> Interchange:
    """The interchange whose ISA begins `data`. Raises SetFault where it cannot be one.

    data: at least LONGEST_HEADER bytes, unless the file ends before that.
    """
    separator = data[3:4]
    parts = data[:LONGEST_HEADER].split(separator, _ELEMENTS) if _is_delimiter(separator) else []
    if len(parts) != _ELEMENTS + 1:
        raise SetFault("bad_interchange_header")
    component, terminator = parts[-1][:1], parts[-1][1:2]
    used = (separator, component, terminator)
    if not all(_is_delimiter(one) for one in used) or len(set(used)) != len(used):
        raise SetFault("bad_interchange_header")
    texts = [part.decode("latin-1").strip() for part in parts[:-1]]
    if not texts[13] or any("\n" in text or "\r" in text for text in texts):
        raise SetFault("bad_interchange_header")
    return Interchange(
        delimiters=Delimiters(separator, component, terminator),
        sender=f"{texts[5]}:{texts[6]}",
        control=texts[13],
        sent_on=texts[9],
        is_test=texts[15] == _TEST,
        length=sum(len(part) + 1 for part in parts[:-1]) + 2,
    )


def _is_delimiter(character: bytes) -> bool:
    return len(character) == 1 and not character.isalnum() and character not in b" -."
