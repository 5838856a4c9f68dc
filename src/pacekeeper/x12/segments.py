"""The segments of one transaction set, split into elements."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import methodcaller
from typing import BinaryIO

from pacekeeper.x12.unit import TransactionSet

BLOCK_BYTES = 1 << 18


def segments(file: BinaryIO, found: TransactionSet, *, block_bytes: int = BLOCK_BYTES) -> Iterator[list[str]]:
    """ST to SE as lists of elements, segment id first."""
    divided = methodcaller("split", found.interchange.delimiters.element.decode("latin-1"))
    return map(divided, segment_texts(file, found, block_bytes=block_bytes))


def segment_texts(file: BinaryIO, found: TransactionSet, *, block_bytes: int = BLOCK_BYTES) -> Iterator[str]:
    """ST to SE as undivided texts without terminators and line ends.

    Texts are UTF-8; a segment that is none is read as latin-1, in which every byte is a character.
    """
    return chain.from_iterable(_blocks(file, found, block_bytes))


def _blocks(file: BinaryIO, found: TransactionSet, block_bytes: int) -> Iterator[list[str]]:
    """The segments of one block after the other."""
    delimiters = found.interchange.delimiters
    line_ends = b"\r\n".replace(delimiters.segment, b"").replace(delimiters.element, b"")
    terminator = delimiters.segment.decode("latin-1")
    file.seek(found.start)
    left, rest = found.end - found.start, b""
    while left > 0 and (block := file.read(min(block_bytes, left))):
        left -= len(block)
        complete, end, rest = (rest + block).rpartition(delimiters.segment)
        if end:
            complete = complete.translate(None, line_ends)
            yield _texts(complete, delimiters.segment, terminator, encoding=delimiters.encoding)


def _texts(block: bytes, terminator: bytes, terminator_text: str, *, encoding: str | None) -> list[str]:
    try:
        return block.decode(encoding or "utf-8").split(terminator_text)
    except UnicodeDecodeError:
        return [_text(segment) for segment in block.split(terminator)]


def _text(segment: bytes) -> str:
    try:
        return segment.decode()
    except UnicodeDecodeError:
        return segment.decode("latin-1")
