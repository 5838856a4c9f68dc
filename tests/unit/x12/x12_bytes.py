"""Small X12 files, whole and faulty, and what reading them gives."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson

from pacekeeper.testing.x12_writer import Dialect, Envelope, Segment, SetContent
from pacekeeper.x12 import Faulty, TransactionSet, Unit, kind_of, read_set, scan

REMIT = ("HP", "005010X221A1")
CLAIMS = ("HC", "005010X222A1")
STATUS = ("HN", "005010X214")
SENT_AT = datetime(2026, 3, 2, 6, 30)  # noqa: DTZ001  these files name no zone
DEFAULT = Dialect()

#: Two claims, of which one is paid, one denied; 70.00 paid less 5.00 that the payer keeps.
REMITTANCE: Sequence[Segment] = (
    ("BPR", "I", "65.00", "C", "ACH", *[""] * 11, "20260302"),
    ("TRN", "1", "T1", "1999999999"),
    ("CLP", "A1", "1", "100", "70", "10", "12", "PC1"),
    ("NM1", "QC", "1", "DOE", "JO", "", "", "", "MI", "M1"),
    ("NM1", "82", "1", "ROE", "RA", "", "", "", "XX", "1000000001"),
    ("SVC", ("HC", "90837", "95"), "100", "70", "", "1"),
    ("DTM", "472", "20260202"),
    ("CAS", "CO", "45", "20"),
    ("CAS", "PR", "3", "10"),
    ("CLP", "A2", "4", "50", "0", "", "12", "PC2"),
    ("CAS", "CO", "197", "50"),
    ("PLB", "1999999992", "20261231", ("WO", "X"), "5"),
)


def remit_file(
    segments: Sequence[Segment] = REMITTANCE, *, control: int = 1, set_control: str = "0001", dialect: Dialect = DEFAULT
) -> bytes:
    """An interchange with one 835."""
    return interchange(REMIT, [SetContent("835", set_control, segments)], control=control, dialect=dialect)


def interchange(
    kind: tuple[str, str], sets: Iterable[SetContent], *, control: int = 1, dialect: Dialect = DEFAULT
) -> bytes:
    return Envelope(*kind, control, SENT_AT, dialect=dialect).file(sets)


def units(data: bytes, *, block_bytes: int = 1 << 20) -> list[Unit]:
    return list(scan(io.BytesIO(data), block_bytes=block_bytes))


def reasons(data: bytes) -> list[str]:
    """What is wrong with the envelopes of a file, in order."""
    return [unit.reason for unit in units(data) if isinstance(unit, Faulty)]


def sets(data: bytes) -> list[TransactionSet]:
    """The whole sets of a file."""
    return [unit for unit in units(data) if isinstance(unit, TransactionSet)]


def rows(data: bytes, stream: str, *, held: int = 1000) -> list[dict[str, Any]]:
    """Records of one stream, of all sets that are read; raises SetFault where one has a fault."""
    found = []
    for unit in sets(data):
        kind = kind_of(unit)
        if kind is not None:
            found += [orjson.loads(d) for s, d in read_set(io.BytesIO(data), unit, kind, held=held) if s == stream]
    return found
