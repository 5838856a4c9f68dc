"""Whatever stands in a file, nothing crashes and nothing is lost without being told."""

from __future__ import annotations

import io
import re
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.x12.x12_bytes import CLAIMS, REMIT, REMITTANCE, STATUS, interchange

from pacekeeper.testing.x12_writer import SetContent
from pacekeeper.x12 import Faulty, SetFault, TransactionSet, kind_of, read_set, scan, segments

_CLAIM = (
    ("BHT", "0019", "00", "B1", "20260302", "0630", "CH"),
    ("HL", "1", "", "22", "0"),
    ("SBR", "P", "18", "", "", "", "", "", "", "CI"),
    ("NM1", "IL", "1", "DOE", "JO", "", "", "", "MI", "M1"),
    ("CLM", "A1", "100", "", "", ("11", "B", "1")),
    ("LX", "1"),
    ("SV1", ("HC", "90837"), "100", "UN", "1"),
    ("DTP", "472", "D8", "20260202"),
)
_ANSWER = (("HL", "1", "", "PT"), ("TRN", "2", "A1"), ("STC", ("A2", "20"), "20260303", "WQ", "100"))
FILES = [
    interchange(REMIT, [SetContent("835", "0001", REMITTANCE), SetContent("835", "0002", REMITTANCE)]),
    interchange(CLAIMS, [SetContent("837", "0001", _CLAIM)]),
    interchange(STATUS, [SetContent("277", "0001", _ANSWER)]),
]
#: Pieces that matter to a tokenizer, between pieces that do not.
_PIECES = st.sampled_from(
    [b"ISA", b"GS*", b"ST*835*1~", b"SE*2*1~", b"GE*1*1~", b"IEA*1*1~", b"~", b"*", b":", b"\n", b"CLP*", b"\xff", b"1"]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Files in which something was cut out, put in, or exchanged, one after the other."""
    data = b"".join(draw(st.lists(st.sampled_from(FILES), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 60)))
        data = data[:start] + draw(st.one_of(_PIECES, st.binary(max_size=12))) + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


def check_nothing_is_lost(data: bytes) -> None:
    """Every byte is in a set, in a stretch that is told, or in a segment of an envelope."""
    at = 0
    for unit in scan(io.BytesIO(data), block_bytes=97):
        assert at <= unit.start <= unit.end <= len(data)
        check_envelope(data[at : unit.start])
        at = unit.end
    check_envelope(data[at:])


def check_envelope(gap: bytes) -> None:
    """What no unit covers holds segments of envelopes, and empty ones."""
    content = gap.strip(b" \t\r\n\x00\x1a\xef\xbb\xbf")
    if len(set(content) - set(b"\r\n")) <= 1 and not content[:1].isalnum():
        return
    known = re.match(rb"[^A-Za-z0-9]*(?:ISA|GS|GE|IEA|TA1)[^A-Za-z0-9]", content)
    assert known, "something that is neither read nor told"
    assert not re.search(rb"~\s*(?:CLP|CLM|STC|SVC|SV1|BPR)\*", gap)


def read_everything(data: bytes) -> None:
    """Read every set; only the declared fault may come."""
    file = io.BytesIO(data)
    for unit in scan(io.BytesIO(data)):
        if isinstance(unit, Faulty):
            assert re.fullmatch(r"[a-z_]+", unit.reason)
            continue
        assert isinstance(unit, TransactionSet)
        assert sum(1 for _ in segments(file, unit)) == unit.segments
        kind = kind_of(unit)
        if kind is not None:
            with suppress(SetFault):
                list(read_set(file, unit, kind, held=3))


@given(damaged())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_neither_crashes_nor_loses_anything_silently(data: bytes) -> None:
    check_nothing_is_lost(data)
    read_everything(data)


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_no_bytes_at_all_make_it_crash(data: bytes) -> None:
    check_nothing_is_lost(data)
    read_everything(b"ISA" + data)


_TEXT = st.text(st.characters(blacklist_characters="~*:\r\n", blacklist_categories=["Cs"]), max_size=12)
_NAMES = st.sampled_from(
    "CLP SVC CAS PLB BPR DTM NM1 AMT REF HL CLM SV1 SBR DTP DMG N4 LX BHT TRN STC LQ ZZZ".split()  # noqa: SIM905
)
_SEGMENT = st.tuples(_NAMES, st.lists(st.one_of(_TEXT, st.tuples(_TEXT, _TEXT)), max_size=20)).map(
    lambda found: (found[0], *found[1])
)


@given(st.sampled_from([REMIT, CLAIMS, STATUS]), st.lists(_SEGMENT, max_size=12))
@settings(max_examples=150, deadline=None)
def test_any_segments_in_a_whole_set_are_read_or_refused_by_name(
    kind: tuple[str, str], body: list[tuple[str, ...]]
) -> None:
    number = {REMIT: "835", CLAIMS: "837", STATUS: "277"}[kind]
    read_everything(interchange(kind, [SetContent(number, "0001", body)]))
