"""What the envelopes of a file tell: sets that are whole, and stretches that are not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pacekeeper.x12.delimiters import Interchange


@dataclass(frozen=True, slots=True)
class TransactionSet:
    """A set, ST to SE, whose count and control numbers agree.

    kind: ST01. version: GS08, or ST03 where the group says nothing. control: ST02. sent_on: GS04, CCYYMMDD.
    start, end: byte offsets in the file. digest: of its bytes, line ends aside.
    """

    interchange: Interchange
    kind: str
    version: str
    group_control: str
    control: str
    sent_on: str
    start: int
    end: int
    segments: int
    digest: bytes

    @property
    def identity(self) -> str:
        """Sender and control numbers of interchange, group and set: equal for a set that is sent again."""
        sent = self.interchange
        return "|".join((sent.sender, sent.control, self.group_control, self.kind, self.control))


@dataclass(frozen=True, slots=True)
class Faulty:
    """A stretch of a file that is not read. control: ST02, or the control number of the envelope it is about."""

    reason: str
    start: int
    end: int
    control: str | None = None


Unit: TypeAlias = TransactionSet | Faulty
