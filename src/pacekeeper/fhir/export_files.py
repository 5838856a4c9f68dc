"""Files of an export, streamed: blocks of NDJSON lines that are never whole in memory, nor on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from pacekeeper.errors import ConfigError, DataError, RetryableError
from pacekeeper.fhir.export_job import ExportSpentError
from pacekeeper.fhir.manifest import ExportFile

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient

#: Bytes of one block of lines.
BLOCK_BYTES = 8 << 20
_ATTEMPTS = 4
_GONE = (404, 410)
_ACCEPT = "application/fhir+ndjson, application/ndjson;q=0.9"


@dataclass
class _Handed:
    """How much of a file has been handed over: bytes, what they hash to, and lines."""

    size: int = 0
    lines: int = 0
    digest: blake2b = field(default_factory=lambda: blake2b(digest_size=16))

    def add(self, block: bytes) -> None:
        self.size += len(block)
        self.lines += block.count(b"\n") + (not block.endswith(b"\n"))
        self.digest.update(block)


@dataclass
class FileReader:
    """Reads the files of one export."""

    http: SourceClient
    source: str

    def blocks(
        self, file: ExportFile, *, needs_token: bool, renew: Callable[[], ExportFile | None]
    ) -> Iterator[tuple[bytes, int]]:
        """Blocks of whole lines, with the number of the first.

        A connection that breaks is taken up again: what has been handed over is skipped, after proving that it is the
        same. renew: asks for a new address of a file that is gone. Raises RetryableError for a file that stays gone,
        broken, or shorter than the manifest says; ConfigError where it is not for this client.
        """
        handed, is_renewed = _Handed(), False
        attempt = 0
        while True:
            try:
                for block in self._attempt(file, needs_token=needs_token, handed=handed):
                    first_line = handed.lines + 1
                    handed.add(block)
                    yield block, first_line
                break
            except _Gone:
                renewed = None if is_renewed else renew()
                if renewed is None:
                    raise ExportSpentError(
                        f"source {self.source}: the server has dropped a file of {_word(file.kind)} before it could be "
                        "read; the next run asks for a new export"
                    ) from None
                file, is_renewed = renewed, True
            except RetryableError:
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise
                self.http.pause(float(2**attempt))
        if file.count is not None and handed.lines < file.count:
            raise ExportSpentError(
                f"source {self.source}: a file of {_word(file.kind)} holds {handed.lines} lines, the manifest says "
                f"{file.count}; run again later"
            )

    def _attempt(self, file: ExportFile, *, needs_token: bool, handed: _Handed) -> Iterator[bytes]:
        """Blocks that end with a line, from where the attempt before broke off."""
        allow = (401, 403, *_GONE)
        headers = {"Accept": _ACCEPT}
        with self.http.stream(file.url, with_credentials=needs_token, allow=allow, headers=headers) as (status, chunks):
            if status in _GONE:
                raise _Gone
            if status in allow:
                raise ConfigError(
                    f"source {self.source}: the export is there, but its file of {_word(file.kind)} was refused with "
                    f"{status}. Some servers want the scope system/Binary.read for it: add it to `scope`, and have it "
                    "granted to the client"
                )
            yield from self._whole_lines(self._after(chunks, handed))

    def _after(self, chunks: Iterator[bytes], handed: _Handed) -> Iterator[bytes]:
        """What comes after the bytes that were handed over before; DataError where those are others now."""
        skip, expected = handed.size, handed.digest.digest()
        seen = blake2b(digest_size=16)
        for chunk in chunks:
            if not skip:
                yield chunk
                continue
            seen.update(chunk[:skip])
            rest, skip = chunk[skip:], max(0, skip - len(chunk))
            if not skip and seen.digest() != expected:
                raise DataError(f"source {self.source}: a file of the export changed between two attempts to read it")
            if rest:
                yield rest
        if skip:
            raise RetryableError(f"source {self.source}: a file of the export became shorter; run again later")

    def _whole_lines(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        waiting: list[bytes] = []
        size = 0
        for chunk in chunks:
            waiting.append(chunk)
            size += len(chunk)
            if size < BLOCK_BYTES:
                continue
            lines, newline, rest = b"".join(waiting).rpartition(b"\n")
            waiting, size = [rest], len(rest) if newline else 0
            if newline:
                yield lines + newline
        last = b"".join(waiting)
        if last:
            yield last


class _Gone(Exception):  # noqa: N818  never leaves this module
    """The address of a file leads nowhere any more."""


def _word(kind: str) -> str:
    return kind if kind.isalpha() and len(kind) <= 64 else "an unknown type"
