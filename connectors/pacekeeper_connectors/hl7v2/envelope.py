"""What every message has: header, order, client, visit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from pacekeeper.hl7v2 import Field, Message, Segment, UnreadableError
from pacekeeper_connectors.hl7v2.clock import Clock

#: A record as the boundary reads it.
Row = dict[str, Any]

#: Trigger events by message type. A message of another type is none of ours; another event of these is an error.
EVENTS: Mapping[str, frozenset[str]] = {
    "SIU": frozenset(f"S{n}" for n in range(12, 28)),
    "ADT": frozenset(f"A{n:02d}" for n in range(1, 63)),
    "DFT": frozenset({"P03", "P11"}),
    "MDM": frozenset(f"T{n:02d}" for n in range(1, 12)),
    "ORU": frozenset({"R01", "R30", "R31", "R32", "R40", "R42"}),
}
#: Segments that a message of any type has once; a second one belongs to a message whose header was lost.
_ONCE = ("EVN", "SCH")
_TYPE = re.compile(r"[A-Z][A-Z0-9]{2}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/|#+-]{0,47}")
_DIGITS = re.compile(r"[0-9]+")
#: Digits of a control id that order messages of one instant; more of them could be somebody's number.
_ORDER_DIGITS = 6
#: Stands for a text in the place of a code, so that it is reported and does not land.
NOT_A_CODE = "not-a-code"


@dataclass(frozen=True, slots=True)
class ClientId:
    """Which identifier in PID-3 is the client's. kind: CX.5, preferred; authority: CX.4, required where it is set."""

    kind: str = "MR"
    authority: str | None = None

    def among(self, found: list[Field]) -> str:
        """The identifier; empty where there is none."""
        known = [f for f in found if f.text(1) and self.authority in {None, f.text(4)}]
        best = [f for f in known if f.text(5) == self.kind]
        return (best or known)[0].text(1) if known else ""


class Envelope:
    """A message with its header read.

    identity: equal for two copies of one message. content: equal for a message and one that was sent again with
    another MSH-7. Raises UnreadableError: `repeated_segment`, `no_message_type`, `unknown_event`, `no_control_id`, and
    those of Clock.
    """

    def __init__(
        self,
        text: str,
        *,
        zones: Mapping[str, ZoneInfo],
        default_zone: ZoneInfo | None,
        client_id: ClientId,
    ) -> None:
        self.message = Message(text)
        self.message.check_segments()
        if any(len(self.message.all(name)) > 1 for name in _ONCE):
            raise UnreadableError("repeated_segment")
        header = self.message.header
        self.kind = header.text(9)
        if not _TYPE.fullmatch(self.kind):
            raise UnreadableError("no_message_type")
        self.event = self._event(header)
        known = EVENTS.get(self.kind)
        if known is not None and self.event not in known:
            raise UnreadableError("unknown_event")
        control = header.text(10)
        if not control:
            raise UnreadableError("no_control_id")
        self.facility = header.text(4)
        self.clock = Clock(header.text(7), zones.get(self.facility, default_zone))
        body = hashlib.blake2b(text.partition("\r")[2].encode(), digest_size=16).hexdigest()
        self.content = "|".join((header.text(3), self.facility, self.kind, self.event, control, body))
        self.identity = f"{self.content}|{header.raw(7)}"
        numbers = _DIGITS.findall(control)
        self.control_no = int(numbers[-1][-_ORDER_DIGITS:]) if numbers else 0
        self._client_id = client_id

    def _event(self, header: Segment) -> str:
        event = header.text(9, 2)
        evn = self.message.first("EVN")
        return event or (evn.text(1) if evn is not None else "")

    @property
    def order(self) -> Row:
        """Columns by which the messages about one thing are put in order, and copies found."""
        return {"sent_at": self.clock.sent_at, "control_no": self.control_no, "content": self.content}

    @cached_property
    def client(self) -> str | None:
        """Identifier of the client in the first PID; null where there is none."""
        pid = self.message.first("PID")
        return self.client_of(pid) if pid is not None else None

    def client_of(self, pid: Segment) -> str | None:
        """Identifier in PID-3; where the segment has none, in PID-2 or PID-4 of older versions."""
        found = self._client_id.among(pid.repetitions(3))
        if not found and not pid.raw(3) and self._client_id.authority is None:
            found = pid.text(2) or pid.text(4)
        return found or None

    def merged_client(self, mrg: Segment) -> str | None:
        """Identifier in MRG-1; in MRG-4 of older versions."""
        return self._client_id.among(mrg.repetitions(1)) or mrg.text(4) or None

    @cached_property
    def visit(self) -> str | None:
        """Visit number, PV1-19; null where there is none."""
        pv1 = self.message.first("PV1")
        return (pv1.text(19) or None) if pv1 is not None else None


def person_of(segment: Segment, number: int) -> Row | None:
    """Identifier and NPI of the person an XCN field names, in all its repetitions; null where it has no identifier.

    Repetitions are identifiers of one person; an NPI is the person's identifier only where there is no other.
    """
    names = [(f.text(1), f.text(13)) for f in segment.repetitions(number) if f.text(1)]
    if not names:
        return None
    npi = next((identity for identity, kind in names if kind == "NPI"), None)
    own = next((identity for identity, kind in names if kind != "NPI"), npi)
    return {"id": own, "npi": npi}


def code(text: str) -> str | None:
    """The text where it can be a code; a mark where it cannot; null where it is empty."""
    return (text if _CODE.fullmatch(text) else NOT_A_CODE) if text else None
