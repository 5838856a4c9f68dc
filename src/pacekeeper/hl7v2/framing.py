r"""Files into messages: line ends, batches (FHS, BHS), and the bytes of MLLP around messages (`\x0b` ... `\x1c\r`)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pacekeeper.hl7v2.charset import decode

_BLOCK = re.compile(rb"[\x0b\x1c]")
_LINE_ENDS = re.compile(rb"\r\n?")
#: Where a file ends lines in CR, a single LF ends one only in front of a segment: else it is part of a text.
_MIXED_LINE_ENDS = re.compile(rb"\r\n?|\n(?=[A-Z][A-Z0-9]{2}[^A-Za-z0-9\s]|\s*\Z)")
_OPENS = {b"FHS": "file", b"BHS": "batch"}
_CLOSES = {b"FTS": "file", b"BTS": "batch"}
_SPECIAL = frozenset({b"MSH", *_OPENS, *_CLOSES})
#: Bytes within which a header declares its separators, a few that damage put there included.
_HEADER_NAME = 8
_COUNT = re.compile(rb"\d{1,9}")


@dataclass(frozen=True, slots=True)
class FileMessage:
    r"""A message of a file, or what stands in the place of one.

    number: its position in the file, from 1. text: segments that end in `\r`; null where fault says why it cannot be
    used: `no_msh` (something that belongs to no message, or whose header is damaged), `truncated` (the last message of
    a block or batch that was not closed, or one in which the next header begins), `batch_count_differs` (a batch has
    another number of messages than it says).
    """

    number: int
    text: str | None
    fault: str | None = None


def messages_of(content: bytes) -> Iterator[FileMessage]:
    """Every message of a file, in order. Any bytes are read; what is no message has a fault."""
    number = 0
    for block, is_open in _blocks(_without_mark(content)):
        for found in _messages_of_block(block, is_open=is_open):
            # A count that differs is about messages before it, and takes no number of its own.
            number += found.fault != "batch_count_differs"
            yield FileMessage(max(number, 1), found.text, found.fault)


def _without_mark(content: bytes) -> bytes:
    """The content without byte order mark, and in UTF-8 where the mark tells UTF-16."""
    if content.startswith(codecs.BOM_UTF8):
        return content[3:]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace").encode("utf-8", errors="replace")
    return content


def _blocks(content: bytes) -> Iterator[tuple[bytes, bool]]:
    """Parts of a file between MLLP's bytes, and whether a part lacks its end; without such bytes the file is one."""
    start, is_open = 0, False
    for mark in _BLOCK.finditer(content):
        is_start = mark[0] == b"\x0b"
        yield content[start : mark.start()], is_open and is_start
        start, is_open = mark.end(), is_start
    yield content[start:], is_open


@dataclass(slots=True)
class _Found:
    text: str | None
    fault: str | None = None


def _messages_of_block(block: bytes, *, is_open: bool) -> Iterator[_Found]:
    reader = _BlockReader()
    for line in _lines(block):
        if not reader.add(line):
            yield from reader.take(line)
    yield from reader.end(is_open=is_open)


class _BlockReader:
    """Puts the lines of a block together to messages."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._declared = b""
        self._has_strays = False
        self._opened: list[str] = []
        self._in_batch = 0

    def add(self, line: bytes) -> bool:
        """Take a plain segment of the message in hand, which nearly every line is; false where it is something else."""
        is_plain = bool(self._waiting) and line[:3] not in _SPECIAL and not (self._declared and self._declared in line)
        if is_plain:
            self._waiting.append(line)
        return is_plain

    def take(self, line: bytes) -> Iterator[_Found]:
        """What is complete now that this line begins."""
        name = line[:3]
        if name == b"MSH":
            yield from self._flush()
            yield from self._begin(line)
        elif name in _OPENS or name in _CLOSES:
            yield from self._flush()
            yield from self._batch(line)
        elif not self._waiting:
            self._has_strays = True
        else:
            yield from self._lost_end(line)

    def end(self, *, is_open: bool) -> Iterator[_Found]:
        """The last message; is_open: its block was not closed."""
        if self._waiting and (is_open or self._opened):
            self._waiting = []
            yield _Found(None, "truncated")
        yield from self._flush()

    def _flush(self) -> Iterator[_Found]:
        if self._waiting:
            yield _Found(decode(b"\r".join(self._waiting)))
        elif self._has_strays:
            yield _Found(None, "no_msh")
        self._waiting, self._has_strays = [], False

    def _begin(self, line: bytes) -> Iterator[_Found]:
        """Begin a message with its header; more headers in the line are of messages that were cut in front of them."""
        self._in_batch += 1
        marks = line[3:].split(line[3:4], 2)[1] if len(line) > 4 else b""
        self._declared = line[3:4] + marks + line[3:4] if len(marks) > 2 else b""
        again = line.find(b"MSH" + self._declared, 3) if self._declared else -1
        if again > 0:
            yield _Found(None, "truncated")
            yield from self._begin(line[again:])
        else:
            self._waiting = [line]

    def _lost_end(self, line: bytes) -> Iterator[_Found]:
        """A line that holds a header: the message before was cut, or the header is damaged.

        Without this, a message would be taken for a part of the one before it.
        """
        start = line.find(b"MSH" + self._declared)
        if start > 0:
            self._waiting = []
            yield _Found(None, "truncated")
            yield from self._begin(line[start:])
        elif line.find(self._declared) <= _HEADER_NAME:
            yield from self._flush()
            self._has_strays = True
        else:
            self._waiting.append(line)

    def _batch(self, line: bytes) -> Iterator[_Found]:
        name = line[:3]
        if name in _OPENS:
            self._opened.append(_OPENS[name])
        elif _CLOSES[name] in self._opened:
            self._opened.remove(_CLOSES[name])
        if name == b"BTS" and _counted(line) not in {None, self._in_batch}:
            yield _Found(None, "batch_count_differs")
        if name in {b"BHS", b"BTS"}:
            self._in_batch = 0


def _lines(block: bytes) -> list[bytes]:
    """Segments of a block; blank lines are left out."""
    if b"\r" not in block:
        parts = block.split(b"\n")
    else:
        parts = (_MIXED_LINE_ENDS if b"\n" in block else _LINE_ENDS).split(block)
    return [line.lstrip() if line[:1].isspace() else line for line in parts if line and not line.isspace()]


def _counted(trailer: bytes) -> int | None:
    """Number of messages that a BTS says; null where it says none."""
    found = _COUNT.match(trailer, 4)
    return int(found[0]) if found else None
