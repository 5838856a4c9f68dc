"""From one transaction set to its records, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import BinaryIO, Protocol, TypeAlias

import orjson

from pacekeeper.x12.claim_status import ClaimStatusReader
from pacekeeper.x12.kinds import ReadKind
from pacekeeper.x12.professional_claim import ProfessionalClaimReader
from pacekeeper.x12.record import Document, Record
from pacekeeper.x12.remittance import RemittanceReader
from pacekeeper.x12.segments import segment_texts
from pacekeeper.x12.unit import TransactionSet

#: A set with more records than this is read twice: once to see that it has no fault, once to hand it over.
HELD_RECORDS = 20_000


class Reader(Protocol):
    def read(self, texts: Iterable[str]) -> Iterator[Record]: ...


MakeReader: TypeAlias = Callable[[TransactionSet], Reader]
_READERS: Mapping[ReadKind, MakeReader] = {
    "835": RemittanceReader,
    "837P": ProfessionalClaimReader,
    "277CA": ClaimStatusReader,
}
#: Fields with a local time, by stream.
_LOCAL_TIMES = {"claim": "submitted_at"}


def read_set(
    file: BinaryIO, found: TransactionSet, kind: ReadKind, *, has_zone: bool = True, held: int = HELD_RECORDS
) -> Iterator[Document]:
    """The records of a set as JSON, identifiers in the clear. Raises SetFault before the first, where there is a fault.

    has_zone: whether the reader of the records knows the zone of local times; without it they are left out.
    held: documents kept in memory at most.
    """
    documents = _documents(file, found, kind, has_zone=has_zone)
    first = list(islice(documents, held))
    if len(first) < held:
        yield from first
        return
    first.clear()
    for _ in documents:  # a fault anywhere in the set shows here
        pass
    yield from _documents(file, found, kind, has_zone=has_zone)


def _documents(file: BinaryIO, found: TransactionSet, kind: ReadKind, *, has_zone: bool) -> Iterator[Document]:
    dumps, drop = orjson.dumps, {} if has_zone else _LOCAL_TIMES
    for stream, row in _READERS[kind](found).read(segment_texts(file, found)):
        if stream in drop:
            del row[drop[stream]]
        yield stream, dumps(row)
