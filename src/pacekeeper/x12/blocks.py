"""A file in blocks, seen through a buffer that is emptied from the front."""

from __future__ import annotations

import re
from typing import BinaryIO

#: What may stand between interchanges; byte order marks and DOS end-of-file marks included.
SPACE = b" \t\r\n\x00\x1a\xef\xbb\xbf"
_HEADER = re.compile(rb"ISA[^A-Za-z0-9\s]")
_HEADER_LENGTH = 4


class Blocks:
    """data: the buffer; offset: where in the file it begins."""

    def __init__(self, file: BinaryIO, block_bytes: int) -> None:
        self._file = file
        self._block_bytes = block_bytes
        self.data = b""
        self.offset = 0
        self.is_last = False

    @property
    def end(self) -> int:
        """Offset behind the buffer."""
        return self.offset + len(self.data)

    def more(self) -> bool:
        """Read another block; false at the end of the file."""
        block = b"" if self.is_last else self._file.read(self._block_bytes)
        self.is_last = not block
        self.data += block
        return bool(block)

    def drop(self, count: int) -> None:
        """Take `count` bytes off the front."""
        self.data = self.data[count:]
        self.offset += count

    def next_content(self, at_least: int) -> bool:
        """Leave white space behind and fill the buffer; false where nothing else is left."""
        while True:
            self.drop(len(self.data) - len(self.data.lstrip(SPACE)))
            if len(self.data) >= at_least or not self.more():
                return bool(self.data)

    def skip_to_header(self, count: int) -> None:
        """Leave `count` bytes behind, and all that follows up to what looks like an ISA."""
        self.drop(count)
        while (found := _HEADER.search(self.data)) is None:
            # The last characters may be the beginning of one.
            self.drop(max(len(self.data) - _HEADER_LENGTH + 1, 0))
            if not self.more():
                self.drop(len(self.data))
                return
        self.drop(found.start())
