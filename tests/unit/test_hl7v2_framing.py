"""Files into messages: line ends, batches, MLLP's bytes, and what is cut."""

from __future__ import annotations

import pytest

from pacekeeper.hl7v2 import messages_of

ONE = "MSH|^~\\&|A|B\rPID|1\rNTE|1||x"
TWO = "MSH|^~\\&|C|D\rPID|2"
BATCH = f"FHS|^~\\&\rBHS|^~\\&\r{ONE}\r{TWO}\rBTS|2\rFTS|1\r"


def found(content: bytes | str) -> list[tuple[int, str | None, str | None]]:
    data = content.encode() if isinstance(content, str) else content
    return [(one.number, one.text, one.fault) for one in messages_of(data)]


BOTH = [(1, ONE, None), (2, TWO, None)]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"], ids=["cr", "lf", "crlf"])
def test_every_line_end_gives_the_same_messages(end: str) -> None:
    assert found(f"{ONE}\r{TWO}\r".replace("\r", end)) == BOTH


def test_a_file_without_an_end_of_line_at_its_end_is_whole() -> None:
    assert found(f"{ONE}\r{TWO}") == BOTH


def test_blank_lines_between_messages_are_nothing() -> None:
    assert found(f"\n\n{ONE}\r\n\r\n\r\n  {TWO}\r\n\n") == BOTH


def test_line_feeds_separate_messages_in_a_file_whose_segments_end_in_carriage_returns() -> None:
    assert found(f"{ONE}\r\n{TWO}\r\n") == BOTH
    assert found(f"{ONE}\n{TWO}\n") == BOTH


def test_a_line_feed_inside_a_text_stays_a_part_of_it() -> None:
    assert found("MSH|^~\\&|A\rNTE|1||first\nsecond\rPID|1\r") == [
        (1, "MSH|^~\\&|A\rNTE|1||first\nsecond\rPID|1", None)
    ]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""], ids=["utf-8 mark", "no mark"])
def test_a_byte_order_mark_is_no_part_of_the_message(mark: bytes) -> None:
    assert found(mark + ONE.encode()) == [(1, ONE, None)]


def test_a_file_in_utf_16_is_read_by_its_mark() -> None:
    assert found(f"{ONE}\r{TWO}\r".encode("utf-16")) == BOTH


def test_the_bytes_of_mllp_are_no_part_of_the_messages() -> None:
    assert found(f"\x0b{ONE}\r\x1c\r\x0b{TWO}\r\x1c\r") == BOTH


def test_a_block_that_was_not_closed_is_truncated() -> None:
    assert found(f"\x0b{ONE}\r\x1c\r\x0b{TWO}") == [(1, ONE, None), (2, None, "truncated")]
    assert found(f"\x0b{ONE}\r\x0b{TWO}\r\x1c\r") == [(1, None, "truncated"), (2, TWO, None)]


def test_a_batch_gives_its_messages_and_not_its_own_segments() -> None:
    assert found(BATCH) == BOTH


def test_the_last_message_of_a_batch_without_its_trailer_is_truncated() -> None:
    cut = BATCH[: BATCH.index("BTS")]
    assert found(cut) == [(1, ONE, None), (2, None, "truncated")]


def test_a_batch_that_counts_otherwise_says_so_and_keeps_its_messages() -> None:
    assert found(BATCH.replace("BTS|2", "BTS|3")) == [*BOTH, (2, None, "batch_count_differs")]


def test_two_batches_are_counted_apart() -> None:
    assert found(f"BHS|^~\\&\r{ONE}\rBTS|1\rBHS|^~\\&\r{TWO}\rBTS|1\r") == BOTH


def test_what_stands_before_the_first_header_is_one_fault() -> None:
    assert found(f"PID|1\rPV1|1\r{ONE}\r") == [(1, None, "no_msh"), (2, ONE, None)]
    assert found("nothing of the kind\nat all\n") == [(1, None, "no_msh")]


def test_a_message_that_was_cut_in_front_of_the_next_is_truncated_and_the_next_is_whole() -> None:
    expected = [(1, None, "truncated"), (2, TWO, None)]
    assert found(f"{ONE[:-12]}{TWO}\r") == expected
    assert found(f"MSH|^~\\&|A{TWO}\r") == expected


@pytest.mark.parametrize("name", ["MSG", "SH", "XYZZY"])
def test_a_damaged_header_begins_no_part_of_the_message_before(name: str) -> None:
    content = f"{ONE}\r{TWO.replace('MSH', name)}\r{ONE}\r"
    assert found(content) == [(1, ONE, None), (2, None, "no_msh"), (3, ONE, None)]


@pytest.mark.parametrize("content", ["", "\r\n", " \n\t\n", "\x0b\x1c\r"], ids=["empty", "line", "blanks", "block"])
def test_an_empty_file_holds_nothing(content: str) -> None:
    assert found(content) == []
