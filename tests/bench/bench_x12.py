"""How fast X12 files are read, against a bare splitter and against pyx12, in the same run: `make bench`.

Two promises: finding, checking and splitting every segment takes at most four times what splitting alone takes; full
835 records come at least five times as fast as pyx12's X12Reader yields segments.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO

from pacekeeper.testing.x12_files import remittance_file
from pacekeeper.x12 import TransactionSet, kind_of, read_set, scan, segments

CLAIMS = 40_000
LEAST_OF_SPLITTER = 0.25
LEAST_TIMES_PYX12 = 5.0
ROUNDS = 3


def bare_splitter(data: bytes) -> int:
    """Segments by their terminator, elements by their separator, in blocks; nothing is checked."""
    file, rest, count = io.BytesIO(data), b"", 0
    while block := file.read(1 << 18):
        *found, rest = (rest + block).split(b"~")
        for segment in found:
            segment.decode().split("*")
            count += 1
    return count


def tokenizer(data: bytes) -> int:
    """Envelopes checked, and every segment of every set split."""
    file, count = io.BytesIO(data), 0
    for unit in scan(io.BytesIO(data)):
        if isinstance(unit, TransactionSet):
            for _ in segments(file, unit):
                count += 1
    return count


def records(data: bytes) -> int:
    """Envelopes checked, and every claim, line and adjustment as a record."""
    file: BinaryIO = io.BytesIO(data)
    count = 0
    for unit in scan(io.BytesIO(data)):
        if isinstance(unit, TransactionSet):
            kind = kind_of(unit)
            if kind is not None:
                count += sum(1 for _ in read_set(file, unit, kind))
    return count


def pyx12_reader(data: bytes) -> int:
    """Segments of pyx12's reader, which checks envelopes too."""
    from pyx12.x12file import X12Reader  # type: ignore[import-untyped]  # it ships no types

    return sum(1 for _ in X12Reader(io.StringIO(data.decode())))


def speeds_of(works: Mapping[str, tuple[Callable[[bytes], int], bytes]]) -> dict[str, float]:
    """Megabytes per second of processor time, by name, the best of some rounds; everything has its turn in each."""
    best = dict.fromkeys(works, 0.0)
    for _ in range(ROUNDS):
        for name, (work, data) in works.items():
            began = time.process_time()
            work(data)
            best[name] = max(best[name], len(data) / 1e6 / (time.process_time() - began))
    return best


def main() -> int:
    """Print the speeds; 1 where a promise is broken."""
    data, small = remittance_file(claims=CLAIMS), remittance_file(claims=CLAIMS // 10)
    speeds = speeds_of(
        {
            "bare splitter": (bare_splitter, data),
            "tokenizer": (tokenizer, data),
            "835 records": (records, data),
            "pyx12 X12Reader": (pyx12_reader, small),
        }
    )
    for name, speed in speeds.items():
        sys.stdout.write(f"{name:<16} {speed:8.1f} MB/s\n")
    share = speeds["tokenizer"] / speeds["bare splitter"]
    times = speeds["835 records"] / speeds["pyx12 X12Reader"]
    sys.stdout.write(f"tokenizer at {share:.0%} of the splitter (promised {LEAST_OF_SPLITTER:.0%})\n")
    sys.stdout.write(f"835 records at {times:.1f} times pyx12 (promised {LEAST_TIMES_PYX12:g})\n")
    return int(share < LEAST_OF_SPLITTER or times < LEAST_TIMES_PYX12)


if __name__ == "__main__":
    sys.exit(main())
