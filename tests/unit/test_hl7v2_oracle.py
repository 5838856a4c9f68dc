"""The splitter against the library `hl7` on every file, and against anything at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hl7  # type: ignore[import-untyped]  # it ships no type information
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacekeeper.hl7v2 import FileMessage, Message, Segment, UnreadableError, messages_of
from pacekeeper.testing import build_practice
from pacekeeper.testing.hl7v2_practice import practice_messages

FILES = 53
#: What may stand in a file: pieces of messages, and their marks in any order.
PIECES = st.sampled_from(
    [
        *(
            "MSH|^~\\&|A|B|||20260105||SIU^S12|1|P|2.5",
            "SCH|1|2",
            "PID|||7^^^A^MR~8",
            "BHS|^~\\&",
            "BTS|1",
            "FHS|^~\\&",
        ),
        *("FTS", "\r", "\n", "\r\n", "\x0b", "\x1c", "\\X41\\", "|", "^", "~", "&", "\\", "MSH", "é", "\x00", '""'),
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=30).map(lambda parts: "".join(parts).encode()),
    st.lists(PIECES, max_size=30).map(lambda parts: "\r".join(parts).encode("latin-1")),
    st.binary(max_size=200),
)


def every_value(text: str) -> Iterator[tuple[str, int, int, int, int, str]]:
    """Segment, field, repetition, component, subcomponent and value, as our splitter reads them."""
    for segment in Message(text):
        for field in range(1, len(segment.fields)):
            for at, value in values_of(segment, field):
                yield (segment.name, field, *at, value)


def values_of(segment: Segment, field: int) -> Iterator[tuple[tuple[int, int, int], str]]:
    if segment.name == "MSH" and field < 3:
        yield (1, 1, 1), segment.raw(field)
        return
    for r, repetition in enumerate(segment.repetitions(field), 1):
        for c, component in enumerate(repetition.raw.split("^"), 1):
            assert repetition.component(c) == component
            for s, value in enumerate(component.split("&"), 1):
                yield (r, c, s), value
                # Outer blanks are nobody's; a deleted value reads as empty.
                plain = "" if value == '""' else PARSER.unescape(value).strip()
                assert repetition.text(c, s) == plain


#: The library unescapes in the context of a message; its separators are those of every file here.
PARSER = hl7.parse("MSH|^~\\&|\r")


def every_value_of_the_library(text: str) -> Iterator[tuple[str, int, int, int, int, str]]:
    for segment in hl7.parse(text):
        name = str(segment[0])
        for number in range(1, len(segment)):
            field = segment[number]
            if name == "MSH" and number < 3:
                yield (name, number, 1, 1, 1, str(field))
                continue
            if str(field) == "":
                continue
            for r, repetition in enumerate(field, 1):
                components = [repetition] if isinstance(repetition, str) else repetition
                for c, component in enumerate(components, 1):
                    parts = [component] if isinstance(component, str) else component
                    for s, part in enumerate(parts, 1):
                        yield (name, number, r, c, s, str(part))


@pytest.mark.testdata
def test_every_value_of_every_file_is_what_the_library_reads(testdata: Path) -> None:
    files = sorted((testdata / "hl7v2-microsoft").glob("*.hl7"))
    assert len(files) == FILES
    compared = 0
    for file in files:
        for found in messages_of(file.read_bytes()):
            assert found.text is not None
            ours = list(every_value(found.text))
            assert ours == list(every_value_of_the_library(found.text)), file.name
            compared += len(ours)
    assert compared > 10_000


def test_every_value_of_the_synthetic_messages_is_what_the_library_reads() -> None:
    messages = practice_messages(build_practice(clinicians=1, weeks=2))
    assert len(messages) > 100
    for text in messages[::5]:
        assert list(every_value(text)) == list(every_value_of_the_library(text))


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_any_bytes_are_read_without_a_crash_and_every_header_is_accounted_for(content: bytes) -> None:
    found = list(messages_of(content))
    for one in found:
        assert (one.text is None) != (one.fault is None)
        if one.text is not None:
            read_all(one)
    numbers = [one.number for one in found]
    assert numbers == sorted(numbers)
    if content.startswith(b"MSH|"):
        assert found


def read_all(one: FileMessage) -> None:
    try:
        message = Message(one.text or "")
        message.check_segments()
    except UnreadableError:
        return
    for segment in message:
        for number in range(len(segment.fields)):
            segment.text(number, 2, 2)
            for repetition in segment.repetitions(number):
                repetition.text(1)
