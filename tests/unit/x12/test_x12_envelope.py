"""Envelopes: delimiters, counts, control numbers, several interchanges, and what can be broken about a file."""

from __future__ import annotations

import io

import pytest
from tests.unit.x12.x12_bytes import REMIT, REMITTANCE, interchange, reasons, remit_file, rows, sets, units

from pacekeeper.testing.x12_writer import Dialect, SetContent
from pacekeeper.x12 import Faulty, TransactionSet, scan, segments

WHOLE = remit_file()
TWO_SETS = interchange(REMIT, [SetContent("835", "0001", REMITTANCE), SetContent("835", "0002", REMITTANCE)])
#: Segments from ST to SE.
LENGTH = len(REMITTANCE) + 2


def swapped(old: bytes, new: bytes, data: bytes = WHOLE) -> bytes:
    """The file with one thing changed, which must be there."""
    assert data.count(old) >= 1
    return data.replace(old, new, 1)


MALFORMED = {
    "cut_in_a_set": (WHOLE[: WHOLE.index(b"CAS*PR")], ["truncated"]),
    "cut_in_a_segment": (WHOLE[: WHOLE.index(b"CAS*PR") + 5], ["truncated"]),
    "cut_behind_the_set": (WHOLE[: WHOLE.index(b"GE*")], ["truncated"]),
    "cut_behind_the_group": (WHOLE[: WHOLE.index(b"IEA*")], ["truncated"]),
    "cut_in_the_header": (WHOLE[:50], ["truncated"]),
    "wrong_segment_count": (swapped(b"SE*14*", b"SE*15*"), ["segment_count"]),
    "segment_count_is_no_number": (swapped(b"SE*14*", b"SE*x*"), ["segment_count"]),
    "segment_lost": (swapped(b"DTM*472*20260202~\n", b""), ["segment_count"]),
    "wrong_set_control_number": (swapped(b"SE*14*0001", b"SE*14*0002"), ["set_control_number"]),
    "set_without_control_number": (swapped(b"*0001*0050", b"**0050"), ["set_control_number"]),
    "wrong_set_count": (swapped(b"GE*1*1", b"GE*2*1"), ["set_count"]),
    "wrong_group_control_number": (swapped(b"GE*1*1", b"GE*1*2"), ["group_control_number"]),
    "wrong_group_count": (swapped(b"IEA*1*", b"IEA*3*"), ["group_count"]),
    "wrong_interchange_control_number": (
        swapped(b"IEA*1*000000001", b"IEA*1*000000009"),
        ["interchange_control_number"],
    ),
    "no_set_trailer": (swapped(b"SE*14*0001~\n", b""), ["missing_set_trailer"]),
    "no_group_trailer": (swapped(b"GE*1*1~\n", b""), ["missing_group_trailer"]),
    "no_interchange_trailer": (
        swapped(b"IEA*1*000000001~\n", b"") + WHOLE,
        ["missing_interchange_trailer"],
    ),
    "trailer_twice": (swapped(b"SE*14*0001~\n", b"SE*14*0001~\nSE*14*0001~\n"), ["trailer_without_set"]),
    "no_set_header": (
        swapped(b"ST*835*0001*005010X221A1~\n", b""),
        ["segment_outside_set", "trailer_without_set", "set_count"],
    ),
    "segments_between_sets": (swapped(b"GE*1*1", b"NTE**X~\nGE*1*1"), ["segment_outside_set"]),
    "set_outside_a_group": (
        swapped(b"GE*1*1~\n", b"", swapped(b"GS*HP*RIVERBEND*CLEARING*20260302*0630*1*X*005010X221A1~\n", b"")),
        ["set_outside_group", "group_count"],
    ),
    "no_interchange": (WHOLE[WHOLE.index(b"ST*") :], ["no_interchange_header"]),
    "no_x12_at_all": (b"Dear colleague, please find attached", ["no_interchange_header"]),
    "text_between_interchanges": (WHOLE + b"and then\n" + WHOLE, ["no_interchange_header"]),
    "utf_16": (WHOLE.decode().encode("utf-16"), ["wrong_encoding"]),
    "ebcdic": (WHOLE.decode().encode("cp037"), ["wrong_encoding"]),
    "header_with_too_few_elements": (b"ISA*00*~GS*HP~" + WHOLE, ["bad_interchange_header"]),
    "delimiters_are_letters": (
        b"ISA*00**00**ZZ*A*ZZ*B*260302*0630*^*00501*1*0*P*XY" + b" " * 600,
        ["bad_interchange_header"],
    ),
    "terminator_never_comes_again": (
        WHOLE[: WHOLE.index(b"TRN*")] + b"A" * 3_000_000 + WHOLE,
        ["segment_too_long"],
    ),
}


@pytest.mark.parametrize(("data", "expected"), MALFORMED.values(), ids=MALFORMED)
def test_each_fault_of_an_envelope_has_a_reason_of_its_own(data: bytes, expected: list[str]) -> None:
    assert reasons(data) == expected


def test_an_empty_file_holds_nothing() -> None:
    assert units(b"") == units(b" \r\n\x1a") == []


def test_a_faulty_set_leaves_the_other_sets_of_its_file_alone() -> None:
    broken = TWO_SETS.replace(b"SE*14*0001", b"SE*13*0001")
    found = units(broken)
    assert [(type(u).__name__, u.control) for u in found] == [("Faulty", "0001"), ("TransactionSet", "0002")]


def test_a_file_that_is_cut_loses_only_the_set_that_was_open() -> None:
    found = units(TWO_SETS[: TWO_SETS.index(b"SE*14*0002")])
    assert isinstance(found[0], TransactionSet)
    assert isinstance(found[1], Faulty)
    assert (found[1].reason, found[1].control) == ("truncated", "0002")


def test_the_sets_of_an_envelope_with_a_wrong_count_are_still_read() -> None:
    assert len(sets(swapped(b"GE*1*1", b"GE*2*1"))) == 1


@pytest.mark.parametrize(
    "dialect",
    [
        Dialect(),
        Dialect(line_end=""),
        Dialect(line_end="\r\n"),
        Dialect(element="|", component=">", segment="\x1c", line_end=""),
        Dialect(segment="\n", line_end=""),
        Dialect(segment="\r", line_end="\n"),
        Dialect(element="\x1d", component="\x1f", segment="'"),
        Dialect(is_padded=False),
        Dialect(element="\t", is_padded=False, line_end=""),
    ],
    ids=["usual", "one_line", "crlf", "other", "newline_ends", "cr_ends", "controls", "unpadded", "unpadded_tabs"],
)
def test_delimiters_come_from_the_header(dialect: Dialect) -> None:
    data = remit_file(dialect=dialect)
    assert [unit.segments for unit in sets(data)] == [LENGTH]
    (remit,) = rows(data, "remit")
    assert (remit["amount"], remit["paid_total"], remit["adjusted_total"]) == ("65.00", "70", "5")
    assert rows(data, "claim_payment") == rows(WHOLE, "claim_payment")


def test_interchanges_of_one_file_may_have_different_delimiters() -> None:
    other = remit_file(control=2, dialect=Dialect(element="|", component=">", segment="\x1c", line_end=""))
    data = WHOLE + b"\r\n" + other + remit_file(control=3)
    assert [unit.interchange.control for unit in sets(data)] == ["000000001", "000000002", "000000003"]
    assert reasons(data) == []


def test_the_next_interchange_is_found_where_the_one_before_has_no_end() -> None:
    other = remit_file(control=2, dialect=Dialect(element="|", component=">", segment="\x1c", line_end=""))
    found = units(WHOLE[: WHOLE.index(b"GE*")] + other)
    assert [type(unit) for unit in found] == [TransactionSet, Faulty, TransactionSet]


def test_the_last_terminator_of_a_file_may_be_missing() -> None:
    assert reasons(WHOLE.rstrip(b"~\n")) == []


def test_acknowledgements_between_header_and_group_are_no_fault() -> None:
    assert reasons(swapped(b"GS*", b"TA1*000000001*260302*0630*A*000~\nGS*")) == []


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1000])
def test_what_is_found_does_not_depend_on_the_size_of_blocks(block_bytes: int) -> None:
    data = TWO_SETS.replace(b"SE*14*0001", b"SE*13*0001") + b"junk" + WHOLE[:-30]
    assert units(data, block_bytes=block_bytes) == units(data)
    for unit in sets(data):
        small = list(segments(io.BytesIO(data), unit, block_bytes=block_bytes))
        assert small == list(segments(io.BytesIO(data), unit))
        assert len(small) == unit.segments


def test_a_segment_that_is_no_utf_8_is_read_as_latin_1() -> None:
    segments_ = [("NM1", "QC", "1", "MÜLLER", "JÖ", "", "", "", "MI", "Ü1")]
    data = remit_file([*REMITTANCE[:3], *segments_, *REMITTANCE[4:]])
    latin = data.decode().encode("latin-1")
    assert rows(latin, "claim_payment") == rows(data, "claim_payment")
    assert rows(latin, "claim_payment")[0]["member"] == "Ü1"


def test_a_set_that_is_sent_again_has_the_same_identity_and_digest() -> None:
    (first,), (again,) = sets(WHOLE), sets(remit_file(dialect=Dialect(line_end="\r\n")))
    (other,) = sets(remit_file(REMITTANCE[:-1]))
    assert (first.identity, first.digest) == (again.identity, again.digest)
    assert first.identity == other.identity
    assert first.digest != other.digest


def test_memory_does_not_grow_with_the_file() -> None:
    import tracemalloc

    class Endless(io.RawIOBase):
        """A file of one set that is 64 MB long."""

        left = 64 << 20
        head: bytes = WHOLE[: WHOLE.index(b"BPR*")]

        def read(self, size: int = -1) -> bytes:
            block = self.head or b"REF*6R*1~\n" * (size // 10)
            self.head = b""
            self.left -= len(block)
            return block if self.left > 0 else b""

    tracemalloc.start()
    found = list(scan(Endless()))  # type: ignore[arg-type]  # it reads; nothing else is asked of it
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [unit.reason for unit in found if isinstance(unit, Faulty)] == ["truncated"]
    assert peak < 16 << 20
