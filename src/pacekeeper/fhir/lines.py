"""Blocks of NDJSON as text arrays, unparsed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

_MARK = b"\xef\xbb\xbf"


def documents_of(block: bytes, first_line: int) -> Iterator[tuple[pa.StringArray, int]]:
    """Lines of a block with the number of the first; blank lines are left out, but counted.

    A line that is no UTF-8 gets a mark in front, so that the boundary rejects it.
    """
    block = block.removeprefix(_MARK) if first_line == 1 else block
    try:
        text = pa.array([block], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        text = pa.array(["\n".join(decoded(line) for line in block.split(b"\n"))], pa.string())
    documents = cast("pa.StringArray", pc.list_flatten(pc.split_pattern(text, "\n")))
    is_blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(documents)), pa.scalar(0))
    yield from without(documents, map(int, pc.indices_nonzero(is_blank).to_numpy()), first_line)


def without(
    documents: pa.StringArray, left_out: Iterable[int], first_line: int
) -> Iterator[tuple[pa.StringArray, int]]:
    """Documents between those left out, by ascending position, with the number of the first."""
    start = 0
    for end in [*left_out, len(documents)]:
        if end > start:
            yield documents.slice(start, end - start), first_line + start
        start = end + 1


def decoded(line: bytes) -> str:
    """The text of a line; of one that is no UTF-8, and so no JSON, with a mark in front that the boundary rejects."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return "\ufffd" + line.decode(errors="replace")
