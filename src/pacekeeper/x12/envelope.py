"""Which transaction sets an X12 file holds, and which of them are whole.

One pass in blocks, so that memory does not grow with the file: only ISA, GS, ST, SE, GE and IEA are split, everything
else is counted and digested. `segments` reads the contents of one set afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from pacekeeper.x12.blocks import SPACE, Blocks
from pacekeeper.x12.delimiters import LONGEST_HEADER, Delimiters, Interchange, read_header
from pacekeeper.x12.envelope_state import EnvelopeState
from pacekeeper.x12.fault import SetFault
from pacekeeper.x12.unit import Faulty, Unit

BLOCK_BYTES = 1 << 20
#: No segment of a billing transaction comes near this.
LONGEST_SEGMENT = 1 << 16
#: Bytes of an ISA whose elements have their full width.
_USUAL_HEADER = 106
#: `ISA`, or a mark, in UTF-16 and EBCDIC.
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"I\x00S", b"\x00I", b"\xc9\xe2\xc1")


def scan(file: BinaryIO, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Unit]:
    """Every set of a file, and every stretch that belongs to none, in order.

    Outside the stretches told, the file holds white space, ISA, GS, GE, IEA and TA1 segments only. A fault of an
    envelope is told with the segment that shows it; the sets inside stand by their own count and control number.
    """
    blocks = Blocks(file, block_bytes)
    while blocks.next_content(LONGEST_HEADER):
        start = blocks.offset
        if not blocks.data.startswith(b"ISA"):
            reason = "wrong_encoding" if blocks.data.startswith(_OTHER_ENCODINGS) else "no_interchange_header"
            blocks.skip_to_header(0)
            yield Faulty(reason, start, blocks.offset)
            continue
        try:
            header = read_header(blocks.data)
        except SetFault as fault:
            reason = "truncated" if blocks.is_last and len(blocks.data) < _USUAL_HEADER else fault.reason
            blocks.skip_to_header(len(b"ISA"))
            yield Faulty(reason, start, blocks.offset)
            continue
        blocks.drop(header.length - 1)
        yield from _interchange(blocks, header)


def _interchange(blocks: Blocks, header: Interchange) -> Iterator[Unit]:
    """The sets of one interchange. `blocks` begin with the terminator of its ISA, and end behind its IEA."""
    terminator = header.delimiters.segment
    control = _control_segments(header.delimiters)
    state = EnvelopeState(header)
    while True:
        at = 0
        for found in control.finditer(blocks.data):
            start = found.start(1)
            if found[1] == b"ISA":
                yield from state.body(blocks, at + 1, start)
                blocks.drop(start)
                yield from state.broken_off("missing_interchange_trailer", blocks.offset, blocks.offset)
                return
            end = blocks.data.find(terminator, found.end())
            if end < 0:
                break
            yield from state.body(blocks, at + 1, start)
            elements = blocks.data[start:end].split(header.delimiters.element)
            yield from state.control(blocks, elements, start, end + 1)
            at = end
            if found[1] == b"IEA":
                blocks.drop(end + 1)
                return
        last = blocks.data.rfind(terminator)
        yield from state.body(blocks, at + 1, last + 1)
        blocks.drop(last)
        if len(blocks.data) > LONGEST_SEGMENT:
            start = blocks.offset + 1
            blocks.skip_to_header(1)
            yield from state.broken_off("segment_too_long", start, blocks.offset)
            return
        if not blocks.more():
            rest = blocks.data[1:].strip(SPACE)
            if rest.startswith(b"IEA" + header.delimiters.element):
                # The very last terminator of a file is often left out.
                blocks.data = terminator + rest + terminator
                continue
            start = blocks.offset + 1
            blocks.drop(len(blocks.data))
            yield from state.broken_off("truncated", start, blocks.offset)
            return


def _control_segments(delimiters: Delimiters) -> re.Pattern[bytes]:
    """Finds the beginnings of control segments by the terminator in front of them."""
    ends = re.escape(delimiters.element + delimiters.segment)
    return re.compile(
        re.escape(delimiters.segment)
        + rb"[ \t\r\n]*(?=[GIS])(ISA(?=[^A-Za-z0-9\s])|(?:GS|ST|SE|GE|IEA)(?=["
        + ends
        + rb"]))"
    )
