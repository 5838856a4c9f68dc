"""Messages, fields, timestamps and character sets, by examples from the standard's chapter 2."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pacekeeper.hl7v2 import Message, UnreadableError, decode, moment, unescape
from pacekeeper.hl7v2.message import Separators

USUAL = Separators.of("MSH|^~\\&|")
TEXT = 'MSH|^~\\&|DESK||||20260105100000||ADT^A04|7|P|2.5\rPID|1||12^^^A&B^MR~34^^^C^SS||ROE\\T\\DOE^""\rNTE|1\rNTE|2\r'


def fault(text: str) -> str:
    with pytest.raises(UnreadableError) as raised:
        Message(text).check_segments()
    return raised.value.reason


def test_the_header_counts_its_separator_as_its_first_field() -> None:
    header = Message(TEXT).header
    assert [header.text(n) for n in (1, 2, 3, 7, 9, 10)] == ["|", "^~\\&", "DESK", "20260105100000", "ADT", "7"]
    assert header.text(9, 2) == "A04"


def test_repetitions_components_and_subcomponents_are_found_by_number() -> None:
    pid = Message(TEXT).all("PID")[0]
    assert [f.text(1) for f in pid.repetitions(3)] == ["12", "34"]
    assert (pid.text(3, 4), pid.text(3, 4, 2), pid.text(3, 5)) == ("A", "B", "MR")
    assert (pid.text(3, 9), pid.text(3, 1, 2), pid.text(40), pid.repetitions(40)) == ("", "", "", [])


def test_a_deleted_value_reads_as_empty_and_an_escaped_one_as_what_it_stands_for() -> None:
    pid = Message(TEXT).all("PID")[0]
    assert (pid.text(5), pid.text(5, 2)) == ("ROE&DOE", "")


def test_segments_of_one_name_come_in_order_and_a_name_that_is_not_there_gives_none() -> None:
    message = Message(TEXT)
    assert [segment.text(1) for segment in message.all("NTE")] == ["1", "2"]
    assert message.first("OBX") is None
    assert [segment.name for segment in message] == ["MSH", "PID", "NTE", "NTE"]


def test_a_message_says_its_own_separators() -> None:
    message = Message("MSH#*!?%#DESK#\rPID#1##12***A%B*MR!34\r")
    pid = message.all("PID")[0]
    assert (pid.text(3, 4, 2), pid.repetitions(3)[1].text(1)) == ("B", "34")


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
        ("caf\\XE9\\", "café"),
        ("one\\.br\\two", "one\ntwo"),
        ("\\H\\loud\\N\\", "loud"),
        ("C:\\path", "C:\\path"),
        ("\\Q\\", "\\Q\\"),
        ("\\P\\", "\\P\\"),
        ("plain", "plain"),
    ],
)
def test_escape_sequences_stand_for_text(escaped: str, plain: str) -> None:
    assert unescape(escaped, USUAL) == plain


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("PID|1", "no_msh"),
        ("", "no_msh"),
        ("MSH", "bad_separators"),
        ("MSH|", "bad_separators"),
        ("MSHA^~\\&A", "bad_separators"),
        ("MSH^~\\&|DESK|", "bad_separators"),
        ("MSH|^^\\&|", "bad_separators"),
        ("MSH|^~\\&|\rPI", "bad_segment"),
        ("MSH|^~\\&|\rPID^1", "bad_segment"),
        ("MSH|^~\\&|\rand so on", "bad_segment"),
    ],
)
def test_what_is_no_message_has_a_named_reason(text: str, reason: str) -> None:
    assert fault(text) == reason


@pytest.mark.parametrize(
    ("text", "local", "minutes", "has_time"),
    [
        ("20260105", "2026-01-05T00:00:00", None, False),
        ("202601051030", "2026-01-05T10:30:00", None, True),
        ("20260105103059.1234-0500", "2026-01-05T10:30:59.123400", -300, True),
        ("202601051030+0215", "2026-01-05T10:30:00", 135, True),
        ("2026", "2026-01-01T00:00:00", None, False),
    ],
)
def test_timestamps_of_every_precision_are_read(
    text: str,
    local: str,
    minutes: int | None,
    has_time: bool,  # noqa: FBT001
) -> None:
    found = moment(text)
    assert found is not None
    offset = None if minutes is None else timedelta(minutes=minutes)
    assert (found.local.isoformat(), found.offset, found.has_time) == (local, offset, has_time)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026010",
        "20261301",
        "20260230",
        "2026010525",
        "20260105103",
        "2026-01-05",
        "20260105+9900",
        "20260105 10",
        "20260105103060",
        "٢٠٢٦",
    ],
)
def test_what_is_no_timestamp_is_none(text: str) -> None:
    assert moment(text) is None


def header(charset: str) -> bytes:
    return f"MSH|^~\\&|A|B|C|D|20260105||ADT^A04|1|P|2.5||||||{charset}\rPID|||1||".encode()


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("8859/1", "latin-1"),
        ("8859/15", "iso8859-15"),
        ("UNICODE UTF-8", "utf-8"),
        ("", "utf-8"),
        ("ASCII", "utf-8"),
        ("", "latin-1"),
        ("UNICODE UTF-8", "latin-1"),
        ("KLINGON", "latin-1"),
        ("8859/1~UNICODE UTF-8", "latin-1"),
    ],
    ids=lambda text: text or "none",
)
def test_bytes_are_read_in_the_declared_set_else_as_utf_8_else_as_latin_1(charset: str, codec: str) -> None:
    assert decode(header(charset) + "Müller".encode(codec)).endswith("Müller")
